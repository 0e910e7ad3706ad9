// Pieces that the fast path's handlers are made from: what one instruction does, given its operands. Private to
// sim/iss.
#pragma once

#include "sim/iss/FastBlocks.h"
#include "sim/iss/ScalarOperations.h"

#include <cstring>

namespace weft::iss::fast {

using Operands = FastOp::Operands;

// run() is false if the instruction needs the long way: memory that the last window does not show.

template <auto compute> struct RegisterStep {
  static bool run(Operands o, uint64_t *x, Memory *) {
    x[o.rd] = compute(x[o.rs1], x[o.rs2]);
    return true;
  }
};

template <auto compute> struct ImmediateStep {
  static bool run(Operands o, uint64_t *x, Memory *) {
    x[o.rd] = compute(x[o.rs1], static_cast<uint64_t>(int64_t{o.immediate}));
    return true;
  }
};

/// lui, and auipc where the address fits.
struct ConstantStep {
  static bool run(Operands o, uint64_t *x, Memory *) {
    x[o.rd] = static_cast<uint64_t>(int64_t{o.immediate});
    return true;
  }
};

template <typename T> struct LoadStep {
  static bool run(Operands o, uint64_t *x, Memory *memory) {
    const Memory::Window &window = memory->lastRead();
    uint64_t offset = x[o.rs1] + static_cast<uint64_t>(int64_t{o.immediate}) - window.base;
    if (offset >= window.scalarEnd) [[unlikely]]
      return false;
    T value;
    std::memcpy(&value, window.host + offset, sizeof value);
    x[o.rd] = static_cast<uint64_t>(static_cast<int64_t>(value));
    return true;
  }
};

template <typename T> struct StoreStep {
  static bool run(Operands o, uint64_t *x, Memory *memory) {
    const Memory::Window &window = memory->lastWritten();
    uint64_t offset = x[o.rs1] + static_cast<uint64_t>(int64_t{o.immediate}) - window.base;
    if (offset >= window.scalarEnd) [[unlikely]]
      return false;
    T value = static_cast<T>(x[o.rs2]);
    std::memcpy(window.host + offset, &value, sizeof value);
    return true;
  }
};

template <auto condition> struct BranchStep {
  static bool taken(Operands o, const uint64_t *x) { return condition(x[o.rs1], x[o.rs2]); }
};

/// Nothing to fuse with.
struct NoStep {
  static bool run(Operands, uint64_t *, Memory *) { return true; }
};

} // namespace weft::iss::fast
