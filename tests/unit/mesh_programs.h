// Packages written by hand, for tests of the mesh engine.
#pragma once

#include "hw-models/CoreModel.h"
#include "sim/mesh/MeshEngine.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {

/// Hardware with 4-byte words, hop 1, ramp 2, queues of 4 words; the latencies of instructions are 1.
hw::Hardware smallHardware();

/// A kernel costs as many cycles as it declares macs.
class MacsModel : public hw::CoreModel {
public:
  uint64_t kernelCycles(const hw::KernelWork &work) const override { return work.macs; }
};

pkg::Expr constant(int32_t value);

/// A package of one program "p" on a mesh where every core is a class of its own and has one buffer "mem".
/// Instructions are appended core by core; `op` starts another op.
class Maker {
public:
  Maker(uint32_t width, uint32_t height, uint32_t memoryBytes = 4096);

  uint32_t channel(const std::string &name, pkg::Axis axis, std::vector<pkg::Flow> flows);
  uint32_t kernel(const std::string &name, std::vector<uint32_t> operandBytes);
  uint32_t buffer(const std::string &name, uint32_t offset, uint32_t bytes);
  void op(const std::string &name);
  void input(uint32_t channel, int32_t bytes);
  void output(uint32_t channel, uint32_t extent, std::vector<int32_t> index);

  /// The core that the following instructions belong to.
  Maker &at(uint32_t x, uint32_t y = 0);
  Maker &put(uint32_t channel, uint32_t offset, int32_t bytes);
  Maker &get(uint32_t channel, uint32_t offset, int32_t bytes);
  Maker &forward(uint32_t channel, uint32_t out, uint32_t offset, int32_t bytes,
                 pkg::ReduceKind = pkg::ReduceKind::Add);
  Maker &into(uint32_t channel, uint32_t offset, int32_t bytes, pkg::ReduceKind = pkg::ReduceKind::Add);
  Maker &call(uint32_t kernel, int32_t cycles, std::vector<uint32_t> offsets = {}, std::vector<pkg::Expr> scalars = {});
  Maker &wait();
  Maker &begin(pkg::Expr count);
  Maker &end();
  /// Adds a term to the last instruction's last operand.
  Maker &ring(pkg::Expr phase, int32_t modulus, int32_t stride, int32_t scale = 1);
  pkg::InstrT &last() { return *lastInstr; }

  /// The package; the maker is used up.
  runtime::Package take();

  std::unique_ptr<pkg::ProgramT> program;
  runtime::Package package;

private:
  pkg::InstrT &add(pkg::InstrKind kind);
  Maker &transfer(pkg::InstrKind kind, uint32_t channel, uint32_t offset, int32_t bytes);
  uint32_t core = 0;
  pkg::InstrT *lastInstr = nullptr;
  std::map<std::pair<uint32_t, uint32_t>, std::unique_ptr<pkg::TaskT>> tasks; // by op, core
};

/// What a launch showed, from the engine or from the oracle.
struct Observation {
  bool finished = false;
  std::string error;
  uint64_t cycles = 0;
  std::map<uint32_t, uint64_t> coreEnds;                                       // by core
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint64_t>> arrivals;     // by core and channel, of each word
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint64_t>> hostArrivals; // by line and channel
  /// By router and colour: cycles in which the first word could not go on, and in which others went. Of the oracle.
  std::map<std::pair<uint32_t, uint32_t>, std::pair<uint64_t, uint64_t>> held;
  std::vector<std::vector<std::byte>> memory; // by core; data mode
  std::vector<float> logits;
  runtime::LaunchReport report; // of the engine
};

struct Setup {
  hw::Hardware hardware = smallHardware();
  bool timingOnly = false;
  std::map<std::string, sim::KernelFunction> kernels;
  std::vector<int32_t> inputWords;                   // of input "tokens"
  std::vector<std::vector<std::byte>> initialMemory; // by core; zero if empty
  uint32_t tokens = 1;
};

using MakeDevice = std::function<Result<std::unique_ptr<runtime::Device>>(
    const runtime::Package &, const hw::Hardware &, const sim::MeshEngineOptions &)>;
/// On any device that takes the mesh engine's options.
Observation runDevice(const runtime::Package &package, const Setup &setup, const MakeDevice &make);
Observation runEngine(const runtime::Package &package, const Setup &setup);
/// Every router in every cycle, as docs/program-model.md says, and nothing clever.
Observation runOracle(const runtime::Package &package, const Setup &setup);

} // namespace weft::test
