// Programs in which all rows, or all columns, of a mesh do the same and nothing passes between them: one of them tells
// what a launch takes, with contention of any kind.
#pragma once

#include "runtime/Device.h"
#include "runtime/package/PackageFile.h"

#include <memory>
#include <string>

namespace weft::sim {

struct OneLine {
  std::unique_ptr<runtime::Package> package; // of a mesh of one line, with the one program
  uint32_t lines = 1;                        // that it stands for
};

/// Empty if lines of the program are not proven alike: if it has channels along both axes or with flows of single
/// lines, speaks to the host, or if what a core does or how long it takes depends on which line it is on.
OneLine findOneLine(const runtime::Package &package, const std::string &program);

/// What the launch on one line says about the one on all of them.
void countAllLines(runtime::LaunchReport &report, uint32_t lines);

} // namespace weft::sim
