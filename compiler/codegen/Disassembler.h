// Machine code of a core back to instructions, for people and for checks.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"
#include "runtime/package/CoreCode.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::codegen {

/// One instruction; a word that this ISA does not know has the text ".word".
struct Instruction {
  uint64_t address = 0;
  unsigned bytes = 0; // 2 or 4
  uint32_t word = 0;
  std::string text;               // "vfmacc.vf\tv8, fa5, v12"
  std::optional<uint64_t> target; // of a branch or jump
  bool call = false;              // jumps and comes back
  bool loads = false, stores = false;
  std::optional<unsigned> base;     // the x register that a load or store takes its address from
  std::optional<unsigned> result;   // the x register it writes
  std::vector<unsigned> sources;    // x registers it reads
  std::optional<int64_t> immediate; // as encoded: of lui, the upper 20 bits
};

class Disassembler {
public:
  static Result<Disassembler> make(const hw::Isa &isa);
  Disassembler(Disassembler &&) noexcept;
  Disassembler &operator=(Disassembler &&) noexcept;
  ~Disassembler();

  /// The instructions of [address, address + bytes), which lies in `code`.
  std::vector<Instruction> read(const runtime::CoreCode &code, uint64_t address, uint64_t bytes) const;

private:
  struct Impl;
  explicit Disassembler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// The code of `object` as text, functions as labels; of one kernel if `kernel` is not empty. Errors: a damaged object,
/// a kernel it does not hold (the message lists those it does).
Result<std::string> disassemble(const pkg::KernelObjectT &object, const std::string &kernel);

} // namespace weft::codegen
