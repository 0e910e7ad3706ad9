// Builds the one program of a package from channels, buffers and tasks.
#pragma once

#include "compiler/algorithms/Request.h"
#include "compiler/route/Channels.h"

#include <memory>

namespace weft::algorithms {

inline pkg::Expr constant(int64_t value) { return {pkg::Source::Constant, 0, 0, static_cast<int32_t>(value)}; }

/// The counter of the enclosing loop `depth` levels out.
inline pkg::Expr loopCounter(int32_t scale = 1, int32_t add = 0, uint8_t depth = 0) {
  return {pkg::Source::Loop, depth, scale, add};
}

/// An address: byte `offset` of a buffer and what the terms add.
struct Place {
  uint32_t buffer = 0, offset = 0;
  std::vector<pkg::RingTerm> terms{};
};

/// The slot (scale * innermost counter + phase) mod slots of a queue of slots `strideBytes` apart.
inline pkg::RingTerm slotTerm(int32_t scale, pkg::Expr phase, int64_t slots, int64_t strideBytes) {
  return {0, scale, phase, static_cast<int32_t>(slots), static_cast<int32_t>(strideBytes)};
}

/// What a call asks of the core, see pkg::Work.
struct Cost {
  int64_t macs = 0, alu = 0, special = 0, loadBytes = 0, storeBytes = 0;
  int64_t vectors = 0, descriptors = 0, activations = 0;
};

/// Instructions of a task in order.
class Code {
public:
  Code &put(uint32_t channel, pkg::Expr bytes, Place from);
  Code &get(uint32_t channel, pkg::Expr bytes, Place to);
  Code &reduceInto(uint32_t channel, pkg::Expr bytes, Place local, pkg::ReduceKind kind = pkg::ReduceKind::Add);
  Code &reduceForward(uint32_t channel, uint32_t channelOut, pkg::Expr bytes, Place local,
                      pkg::ReduceKind kind = pkg::ReduceKind::Add);
  Code &wait();
  Code &begin(pkg::Expr count);
  Code &end();
  Code &call(uint32_t kernel, bool narrow, const Cost &cost, std::vector<Place> operands = {},
             std::vector<pkg::Expr> scalars = {});
  bool empty() const { return instrs.empty(); }
  std::vector<std::unique_ptr<pkg::InstrT>> take() { return std::move(instrs); }
  /// The largest amount of work of a call, which may be more than an expression can say.
  int64_t mostWork() const { return work; }

private:
  pkg::InstrT &add(pkg::InstrKind kind);
  Code &transfer(pkg::InstrKind kind, uint32_t channel, pkg::Expr bytes, Place place);
  std::vector<std::unique_ptr<pkg::InstrT>> instrs;
  int64_t work = 0;
};

using Mask = std::vector<bool>;
/// Positions [lo, hi) of n.
Mask positions(uint32_t n, uint32_t lo, uint32_t hi);
inline Mask everywhere(uint32_t n) { return Mask(n, true); }

class ProgramBuilder {
public:
  ProgramBuilder(const hw::Hardware &hardware, uint32_t width, uint32_t height, std::string name);

  /// Flows get colour classes here, those of all `specs` together. Returns the index of the first one. Channels of the
  /// same names, axes and flows as earlier ones are those.
  uint32_t channels(std::vector<route::ChannelSpec> specs);
  uint32_t channel(route::ChannelSpec spec) { return channels({std::move(spec)}); }
  /// Colours that finish() would give the channels so far, were there enough.
  Result<int> colorsNeeded() const;
  uint32_t channelCount() const { return static_cast<uint32_t>(specs.size()); }
  /// The next free bytes of SRAM, rounded up to whole words.
  uint32_t buffer(const std::string &name, uint64_t bytes, pkg::BufferKind kind = pkg::BufferKind::Activations);
  uint32_t offsetOf(uint32_t buffer) const { return program->buffers[buffer]->offset; }
  /// One entry for each name and operand sizes; those of other sizes are called NAME#2 and so on.
  uint32_t kernel(const std::string &name, std::vector<uint64_t> operandBytes = {});
  uint32_t op(const std::string &name, const std::string &kind);
  /// One entry for each pair of masks.
  uint32_t coreClass(const Mask &xs, const Mask &ys);
  /// Nothing for empty code or a mask without a core.
  void task(uint32_t op, const Mask &xs, const Mask &ys, Code code);
  void ranks(std::vector<int> rankX, std::vector<int> rankY);

  /// Colours, SRAM budget and repetitions: each repetition has ops of its own, named "NAME #2" and so on.
  /// Errors of the user: too few colours, too little SRAM.
  Result<runtime::Package> finish(Facts &facts);

  const hw::Hardware &hardware;
  const uint32_t width, height;

  /// Whether the buffers so far fit a core. Error: what they take and what there is.
  Result<void> checkSram() const;

private:
  void repeat(uint32_t times);

  std::unique_ptr<pkg::ProgramT> program;
  runtime::Package package;
  std::vector<route::ChannelSpec> specs;
  uint64_t nextByte = 0;
  int64_t mostWork = 0; // of a call
};

} // namespace weft::algorithms
