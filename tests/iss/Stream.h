// A short random program: the state it starts from and the instructions it runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::isstest {

// Registers that random instructions read but never write.
inline constexpr unsigned contextRegister = 3; // points into the stream's context
inline constexpr unsigned linkRegister = 4;    // return address of the load and store routines
inline constexpr unsigned loopRegister = 30;   // counts down in loops

/// Some instructions that stay together: what sets up an operand and the instruction that uses it. Removing a whole
/// unit from a stream leaves a stream that can run.
struct Unit {
  enum class Kind {
    Plain,
    Branch, // words[0] is a conditional branch without its offset, over `body`
    Loop,   // runs `body` a few times
  };
  Kind kind = Kind::Plain;
  unsigned iterations = 0;          // of a Loop
  bool indivisible = false;         // words that keep qemu from a mistake of its own stay (KnownDifferences.h)
  std::vector<uint32_t> words = {}; // compressed instructions are single 16-bit values
  std::vector<Unit> body = {};
};

/// Where a stream's state lies, relative to the address in contextRegister: within reach of 12-bit offsets as far as a
/// routine must address it before it may change any register. The stream starts from what its context holds and at
/// its end the context holds the state again; all of it is compared.
namespace context {
inline constexpr int32_t start = -2048;
inline constexpr int32_t integers = start, floats = integers + 256, control = floats + 256; // 8 bytes each
inline constexpr int32_t vtype = control, vl = control + 8, vcsr = control + 16, fcsr = control + 24,
                         vstart = control + 32; // vtype and vl: wanted before, found after
inline constexpr int32_t scratch = control + 64, scratchEnd = 2048;
inline constexpr int32_t vectors = scratchEnd; // 32 registers of VLEN bits
constexpr size_t bytes(unsigned vlenBits) { return 4096 + size_t{32} * vlenBits / 8; }
} // namespace context

/// Memory that all streams of a program share and only read.
namespace shared {
/// Byte offsets for indexed accesses: a table for each index width 8, 16, 32, 64.
inline constexpr uint64_t tables = 0x2000'0000, tableBytes = 4096;
inline constexpr int64_t minimumIndex = -512, maximumIndex = 1023;
/// A page with nothing mapped after it, for fault-only-first loads.
inline constexpr uint64_t edge = 0x3000'0000, edgeEnd = edge + 4096;
constexpr uint64_t table(unsigned widthLog2Bytes) { return tables + widthLog2Bytes * tableBytes; }
} // namespace shared

struct Stream {
  uint64_t seed = 0;
  unsigned vlenBits = 128;
  std::vector<std::byte> context;
  std::vector<Unit> units;
};

/// The instructions in the order of their addresses, branches and loops with their offsets.
std::vector<uint32_t> flatten(const std::vector<Unit> &units);

} // namespace weft::isstest
