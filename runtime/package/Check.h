// The parts of checkPackage. Each returns the first thing that is wrong, named as the package names it.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/Elements.h"
#include "runtime/package/PackageFile.h"

#include <fmt/format.h>

#include <map>
#include <string>

namespace weft::runtime {

/// checkPackage with the description of the machine already read from `package.hardware_yaml`.
Result<void> checkPackage(const Package &package, const hw::Hardware &hardware);

namespace check {

/// A package that is wrong is the compiler's fault; the loader turns this into the user's when it comes from a file.
template <typename... Args> Error error(fmt::format_string<Args...> format, Args &&...args) {
  return internalError(fmt::format(format, std::forward<Args>(args)...));
}

/// Both ends included.
struct Range {
  int64_t lo = 0, hi = 0;
};

/// Where the members of a class lie. Empty classes have all ranges [0, 0]: no core runs their tasks.
struct ClassExtent {
  Range x, y;
  std::vector<bool> hasX, hasY; // by coordinate: is there a member there
};
ClassExtent extentOf(const pkg::ClassT &cls, uint32_t width, uint32_t height);

bool isResident(pkg::BufferKind kind);
/// Positions along a channel of this axis, and how many such lines there are.
uint32_t lineLength(const Package &package, pkg::Axis axis);
uint32_t lineCount(const Package &package, pkg::Axis axis);

using BuffersByName = std::map<std::string, const pkg::BufferT *>;

/// One program: its tables, then every task of it.
Result<void> program(const Package &package, const hw::Hardware &hardware, const BuffersByName &resident,
                     const std::vector<ClassExtent> &classes, const pkg::ProgramT &program);
/// One task. `where` names it in messages.
Result<void> task(const Package &package, const pkg::ProgramT &program, const ClassExtent &members,
                  const pkg::TaskT &task, const std::string &where);
/// Files, weights and constants.
Result<void> weights(const Package &package, const BuffersByName &resident);
/// One buffer alone: inside the budget and aligned.
Result<void> buffer(const pkg::BufferT &buffer, const hw::Hardware &hardware, const std::string &where);

/// Program facts that every expression of a task is bounded with.
struct ExprScope {
  const Package &package;
  const pkg::ProgramT &program;
  const ClassExtent *members;       // null where no core is in sight (host input)
  const std::vector<Range> *counts; // of the enclosing loops, outermost first; null where there are none
};
/// The values `expr` takes; an error if it names something that is not there.
Result<Range> bound(const pkg::Expr &expr, const ExprScope &scope);

} // namespace check
} // namespace weft::runtime
