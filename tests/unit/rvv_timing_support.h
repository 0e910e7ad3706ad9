// Streams of instructions for tests of the timing model, and a core with round numbers.
#pragma once

#include "hw-models/core/rvv/Timing.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace weft::test {

using Changes = std::vector<hw::Override>; // keys below parallelism.core
using Stream = std::vector<hw::rvv::Retired>;

/// Nothing between issue and start, two rows a register, one pipe for integers and one for floating point.
inline hw::Hardware machine(const Changes &changes = {}) {
  std::string text = R"(
name: tiny
parallelism:
  mesh: [1, 1]
  clock_ghz: 1
  core:
    kind: rvv
    vlen: 256
    dlen: 128
    rvv:
      dispatch: {round_trip: 1, queue: 4}
      pipes: [integer+logic+reduce+permute+mask, multiply+divide+float+convert, load, store]
      latency: {integer: 2, float: 4}
      memory: {load_latency: 3}
latency: {hop: 1, ramp: 1, transfer_issue: 1, stream_stage: 1, stream_startup: 1}
memory: {sram_kib: 64, reserve_kib: {code: 1, stack: 1}}
routing: {link_bytes: 4, colors: 24, queue_words: 4}
)";
  Changes full;
  for (const hw::Override &each : changes)
    full.push_back({"parallelism.core." + each.key, each.value});
  Result<hw::Hardware> parsed = hw::parse(text, "tiny", full);
  if (!parsed)
    FAIL(parsed.error().message);
  return *parsed;
}

/// An instruction on groups of `lmul` registers with f32 elements, on all elements.
inline hw::rvv::Retired vector(hw::rvv::OpClass cls, uint8_t to, std::initializer_list<uint8_t> from, uint32_t lmul = 1,
                               uint32_t vlen = 256) {
  hw::rvv::Retired op;
  op.cls = cls;
  op.vectorWrite = {to, static_cast<uint8_t>(lmul)};
  size_t i = 0;
  for (uint8_t each : from)
    op.vectorReads[i++] = {each, static_cast<uint8_t>(lmul)};
  op.sewBits = op.sourceBits = op.resultBits = 32;
  op.lmulEighths = static_cast<uint8_t>(8 * lmul);
  op.vl = op.vlmax = lmul * vlen / 32;
  return op;
}

inline hw::rvv::Retired load(uint8_t to, uint32_t lmul = 1, uint32_t vlen = 256) {
  hw::rvv::Retired op = vector(hw::rvv::OpClass::VLoad, to, {}, lmul, vlen);
  op.elements = op.vl;
  op.elementBytes = 4;
  return op;
}

inline hw::rvv::Retired store(uint8_t from, uint32_t lmul = 1, uint32_t vlen = 256) {
  hw::rvv::Retired op = vector(hw::rvv::OpClass::VStore, 0, {from}, lmul, vlen);
  op.vectorWrite = {};
  op.elements = op.vl;
  op.elementBytes = 4;
  return op;
}

inline hw::rvv::Retired scalar(hw::rvv::OpClass cls, uint8_t to = hw::rvv::noRegister,
                               uint8_t from = hw::rvv::noRegister) {
  hw::rvv::Retired op;
  op.cls = cls;
  op.scalarWrite = to;
  op.scalarReads[0] = from;
  return op;
}

inline uint64_t cyclesOn(const hw::Hardware &hardware, const Stream &stream) {
  auto timing = hw::rvv::makeTiming(hardware);
  for (const hw::rvv::Retired &op : stream)
    timing->retire(op);
  return timing->cycles();
}

inline uint64_t cyclesOf(const Stream &stream, const Changes &changes = {}) {
  return cyclesOn(machine(changes), stream);
}

inline uint64_t stallsOf(const Stream &stream, hw::rvv::Stall stall, const Changes &changes = {}) {
  auto timing = hw::rvv::makeTiming(machine(changes));
  for (const hw::rvv::Retired &op : stream)
    timing->retire(op);
  return timing->stalls()[static_cast<size_t>(stall)];
}

} // namespace weft::test
