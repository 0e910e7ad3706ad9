// A program of compiler/algorithms on the mesh engine, for its times alone.
#pragma once

#include "compiler/algorithms/Request.h"
#include "hw-models/CoreModel.h"
#include "runtime/Repetition.h"

namespace weft::explore {

struct ProgramRun {
  algorithms::Facts facts;
  runtime::Repetition times;
  double wordHops = 0; // of a repetition
};

/// More than sim::mostCoresByWords cores are evaluated message by message only: a program that wants it word by word is
/// refused, since it would take minutes. For a GEMM `auto` runs the programs of several algorithms and keeps the one
/// with fewest cycles. Errors that are the user's fault say why the program cannot be.
Result<ProgramRun> runProgram(const algorithms::Request &request, const hw::Hardware &hardware,
                              const hw::CoreModel &core);

/// The program of one algorithm, repeated as often as shows what a repetition adds, if the request does not say.
Result<algorithms::Generated> generateRepeated(algorithms::Request request, const hw::Hardware &hardware);
/// Times what generateRepeated() made for `request`, as runProgram() does.
Result<ProgramRun> timeProgram(algorithms::Generated generated, const algorithms::Request &request,
                               const hw::Hardware &hardware, const hw::CoreModel &core);

/// A word to count refusals by: the messages of algorithms say which resource they lack.
std::string reasonKindOf(const std::string &message);

} // namespace weft::explore
