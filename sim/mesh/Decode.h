// A program of a package, laid out flat for the interpreter: no pointers to follow, every index already checked.
#pragma once

#include "hw-models/CoreModel.h"
#include "runtime/package/PackageFile.h"
#include "sim/mesh/Routes.h"

#include <string>
#include <vector>

namespace weft::sim {

struct Range {
  uint32_t begin = 0, end = 0;
};

struct OperandCode {
  uint32_t buffer = 0;
  uint32_t address = 0;                    // without the terms
  uint32_t bufferBegin = 0, bufferEnd = 0; // bytes of SRAM that the buffer has
  Range terms;                             // in ProgramImage::terms
};

struct WorkCode {
  bool narrowOperand = false;
  pkg::Expr macs, alu, special, loadBytes, storeBytes, vectors, descriptors, activations;
};

struct InstrCode {
  pkg::InstrKind kind = pkg::InstrKind::Wait;
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
  uint32_t channel = 0, channelOut = 0, kernel = 0;
  uint32_t match = 0; // LoopBegin, LoopEnd: the other one
  uint32_t work = none;
  int32_t counted = -1;    // of a call: the operand that holds m, which `count` bounds
  uint32_t each = none;    // in ProgramImage::works: for each that m is more
  Range operands, scalars; // in ProgramImage::operands, ::scalars
  pkg::Expr bytes, count;
};

struct TaskCode {
  uint32_t op = 0;
  Range instrs;
};

struct HostInputCode {
  std::string name;
  uint32_t channel = 0;
  pkg::Expr bytes;
};

struct HostOutputCode {
  std::string name;
  uint32_t channel = 0, extent = 0, lines = 0;
  pkg::ElementType element = pkg::ElementType::F32;
  std::vector<int32_t> index;
};

struct ProgramImage {
  std::string name;
  std::vector<std::vector<int32_t>> params; // divisors
  std::vector<int32_t> rankX, rankY;
  std::vector<std::string> ops, channels, buffers, kernels;
  std::vector<uint32_t> kernelOperandBytes; // of all kernels, see `kernelOperands`
  std::vector<Range> kernelOperands;
  std::vector<int32_t> kernelRows; // by kernel: which scalar is the number of rows, -1 for none
  std::vector<InstrCode> instrs;
  std::vector<OperandCode> operands;
  std::vector<pkg::RingTerm> terms;
  std::vector<pkg::Expr> scalars;
  std::vector<WorkCode> works;
  std::vector<TaskCode> tasks;
  std::vector<uint32_t> taskLists;  // tasks of the classes of a core, for each set of classes that occurs
  std::vector<Range> lists;         // in taskLists
  std::vector<uint32_t> listOfCore; // in lists
  std::vector<uint64_t> opCores;    // cores that take part in each op
  std::vector<uint32_t> opOrder;    // ops in program order
  uint32_t loopDepth = 0;           // the deepest nest
  std::vector<HostInputCode> inputs;
  std::vector<HostOutputCode> outputs;
  RouteTables routes;
};

/// Errors: whatever refers to something that is not there, unmatched loops, and those of buildRoutes.
Result<ProgramImage> decodeProgram(const runtime::Package &package, const pkg::ProgramT &program,
                                   const hw::Hardware &hardware);

/// The same without what grows with the cores: no task lists and no routes.
Result<ProgramImage> decodeInstructions(const runtime::Package &package, const pkg::ProgramT &program,
                                        const hw::Hardware &hardware);

/// The value of an expression on a core: `loop(i)` is the counter of the i-th enclosing loop, 0 the innermost; `x()`
/// and `y()` are the core's coordinates. They are asked for only where the expression needs them.
template <typename Loop, typename X, typename Y>
int64_t valueOf(const pkg::Expr &expr, const ProgramImage &image, const std::vector<int64_t> &params, Loop loop, X x,
                Y y) {
  int64_t value = 0;
  switch (expr.source()) {
  case pkg::Source::Constant:
    return expr.add();
  case pkg::Source::Param:
    value = params[expr.index()];
    break;
  case pkg::Source::Loop:
    value = loop(expr.index());
    break;
  case pkg::Source::CoordX:
    value = x();
    break;
  case pkg::Source::CoordY:
    value = y();
    break;
  case pkg::Source::RankX:
    value = image.rankX[x()];
    break;
  case pkg::Source::RankY:
    value = image.rankY[y()];
    break;
  }
  return expr.add() + expr.scale() * value;
}

/// What a call asks of the core. `amount` makes a number of each expression.
template <typename Amount> hw::KernelWork kernelWork(const ProgramImage &image, const InstrCode &instr, Amount amount) {
  hw::KernelWork work;
  work.kernel = image.kernels[instr.kernel];
  if (instr.work == none)
    return work;
  const WorkCode &code = image.works[instr.work];
  work.narrowOperand = code.narrowOperand;
  work.macs = amount(code.macs);
  work.alu = amount(code.alu);
  work.special = amount(code.special);
  work.loadBytes = amount(code.loadBytes);
  work.storeBytes = amount(code.storeBytes);
  work.vectors = amount(code.vectors);
  work.descriptors = amount(code.descriptors);
  work.activations = amount(code.activations);
  return work;
}

} // namespace weft::sim
