// A program of a package, laid out flat for the interpreter: no pointers to follow, every index already checked.
#pragma once

#include "hw-models/Hardware.h"
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

} // namespace weft::sim
