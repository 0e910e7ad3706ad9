// The main program of a suite of node tests: each in a process of its own, so that one that crashes counts as one.
#pragma once

#include "tests/onnx/NodeTest.h"

#include <functional>

namespace weft::test {

/// PROGRAM FOLDER [PART OF A NAME]: runs `test` on the folders in FOLDER, two at a time, and prints those that fail,
/// why
/// (`test` says; empty: it passes), and "N of M node tests pass WHERE". Exit status 0 if all pass.
int runNodeTests(int argc, char **argv, const std::string &where,
                 const std::function<std::string(const std::filesystem::path &)> &test);

} // namespace weft::test
