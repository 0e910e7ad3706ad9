// Pieces that the fast path's handlers are made from: what one instruction does, given its operands. Private to
// sim/iss.
#pragma once

#include "sim/iss/FastBlocks.h"
#include "sim/iss/ScalarOperations.h"

#include <cstring>

namespace weft::iss::fast {

using Operands = FastOp::Operands;

// run() is false if the instruction needs the long way: memory that the last window does not show. With `forward` the
// value of rs1 is `recent`.

template <bool forward> uint64_t source(Operands o, const uint64_t *x, uint64_t recent) {
  return forward ? recent : x[o.rs1];
}

template <auto compute> struct RegisterStep {
  template <bool forward> static bool run(Operands o, uint64_t *x, uint64_t &recent, Memory *) {
    x[o.rd] = recent = compute(source<forward>(o, x, recent), x[o.rs2]);
    return true;
  }
};

template <auto compute> struct ImmediateStep {
  template <bool forward> static bool run(Operands o, uint64_t *x, uint64_t &recent, Memory *) {
    x[o.rd] = recent = compute(source<forward>(o, x, recent), static_cast<uint64_t>(int64_t{o.immediate}));
    return true;
  }
};

struct LoadUpperStep {
  template <bool> static bool run(Operands o, uint64_t *x, uint64_t &recent, Memory *) {
    x[o.rd] = recent = static_cast<uint64_t>(int64_t{o.immediate});
    return true;
  }
};

template <typename T> struct LoadStep {
  template <bool forward> static bool run(Operands o, uint64_t *x, uint64_t &recent, Memory *memory) {
    const Memory::Window &window = memory->lastRead();
    uint64_t address = source<forward>(o, x, recent) + static_cast<uint64_t>(int64_t{o.immediate});
    uint64_t offset = address - window.base;
    if (offset >= window.scalarEnd) [[unlikely]]
      return false;
    T value;
    std::memcpy(&value, window.host + offset, sizeof value);
    x[o.rd] = recent = static_cast<uint64_t>(static_cast<int64_t>(value));
    return true;
  }
};

template <typename T> struct StoreStep {
  template <bool forward> static bool run(Operands o, uint64_t *x, uint64_t &recent, Memory *memory) {
    const Memory::Window &window = memory->lastWritten();
    uint64_t address = source<forward>(o, x, recent) + static_cast<uint64_t>(int64_t{o.immediate});
    uint64_t offset = address - window.base;
    if (offset >= window.scalarEnd) [[unlikely]]
      return false;
    T value = static_cast<T>(x[o.rs2]);
    std::memcpy(window.host + offset, &value, sizeof value);
    return true;
  }
};

template <auto condition> struct BranchStep {
  template <bool forward> static bool taken(Operands o, const uint64_t *x, uint64_t recent) {
    return condition(source<forward>(o, x, recent), x[o.rs2]);
  }
};

/// Fills the place of index 0.
struct NoBranch {
  template <bool> static bool taken(Operands, const uint64_t *, uint64_t) { return false; }
};

/// Nothing to fuse with.
struct NoStep {
  template <bool> static bool run(Operands, uint64_t *, uint64_t &, Memory *) { return true; }
};

} // namespace weft::iss::fast
