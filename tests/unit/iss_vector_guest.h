// A hart with some memory, on which tests run one vector instruction at a time.
#pragma once

#include "sim/iss/Hart.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weft::iss::test {

struct Operands {
  unsigned rd = 0, rs1 = 0, rs2 = 0;
  bool unmasked = true;
  unsigned fields = 1;
};

/// The word of an instruction by its name, as "vadd.vv".
inline uint32_t encode(std::string_view name, const Operands &operands) {
  struct Row {
    std::string_view name;
    uint32_t match, mask;
  };
  static constexpr Row rows[] = {
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension) {name, match, mask},
#include "sim/iss/Instructions.def"
#undef WEFT_INSTRUCTION
  };
  for (const Row &row : rows)
    if (row.name == name) {
      const uint32_t fields = operands.rd << 7 | operands.rs1 << 15 | operands.rs2 << 20 |
                              static_cast<uint32_t>(operands.unmasked) << 25 | (operands.fields - 1) << 29;
      return row.match | (fields & ~row.mask);
    }
  throw std::invalid_argument("no instruction " + std::string(name));
}

class Guest {
public:
  static constexpr uint64_t base = 0x10000, size = 0x8000;

  explicit Guest(uint32_t vlenBits) : ram(size) {
    hart.isa.vlenBits = vlenBits;
    hart.memory = &memory;
    memory.add({base, ram, Memory::Read | Memory::Write});
  }
  Guest(const Guest &) = delete;

  bool run(std::string_view name, const Operands &operands) { return runWord(encode(name, operands)); }
  bool runWord(uint32_t word) {
    const Op op = decode(word, hart.isa);
    if (!op.execute)
      throw std::runtime_error("an instruction without executor");
    hart.x[0] = 0;
    return op.execute(hart, op);
  }
  /// Whether it traps as illegal, with the word.
  bool isIllegal(std::string_view name, const Operands &operands) {
    const uint32_t word = encode(name, operands);
    hart.trap = {Cause::Breakpoint, 0};
    return !runWord(word) && hart.trap.cause == Cause::IllegalInstruction && hart.trap.value == word;
  }

  static uint64_t typeOf(unsigned sew, int lmulLog2) {
    return static_cast<uint64_t>(lmulLog2 & 7) | static_cast<uint64_t>(__builtin_ctz(sew) - 3) << 3;
  }
  /// Through vsetvl with x30 and x31; returns vl.
  uint64_t configure(unsigned sew, int lmulLog2, uint64_t length) {
    hart.x[30] = length;
    hart.x[31] = typeOf(sew, lmulLog2);
    run("vsetvl", {29, 30, 31});
    return hart.vector.vl;
  }

  // Registers are bytes one after the other, elements little-endian; written without the simulator's own helpers.
  unsigned vlenBytes() const { return hart.isa.vlenBits / 8; }
  uint64_t element(unsigned first, unsigned sew, size_t i) const {
    uint64_t value = 0;
    for (unsigned byte = 0; byte < sew / 8; ++byte)
      value |= std::to_integer<uint64_t>(hart.v[first * vlenBytes() + i * sew / 8 + byte]) << (8 * byte);
    return value;
  }
  void setElement(unsigned first, unsigned sew, size_t i, uint64_t value) {
    for (unsigned byte = 0; byte < sew / 8; ++byte)
      hart.v[first * vlenBytes() + i * sew / 8 + byte] = static_cast<std::byte>(value >> (8 * byte));
  }
  bool bit(unsigned reg, size_t i) const {
    return (std::to_integer<unsigned>(hart.v[reg * vlenBytes() + i / 8]) >> (i % 8)) & 1;
  }
  void setBit(unsigned reg, size_t i, bool value) {
    std::byte &byte = hart.v[reg * vlenBytes() + i / 8];
    const std::byte mask{static_cast<unsigned char>(1u << (i % 8))};
    byte = value ? byte | mask : byte & ~mask;
  }

  Hart hart;
  Memory memory;
  std::vector<std::byte> ram;
};

} // namespace weft::iss::test
