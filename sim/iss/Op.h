// A decoded instruction. Decoding happens once; everything that runs afterwards reads only this.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/core/rvv/Timing.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::iss {

/// One for each row of Instructions.def: Opcode::ADDI, Opcode::VFMACC_VF, ….
enum class Opcode : uint16_t {
  Illegal = 0,
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension) id,
#include "sim/iss/Instructions.def"
#undef WEFT_INSTRUCTION
  Count
};

struct Hart;
struct Op;

/// Executes one instruction. False if it trapped: then `hart.trap` says why and no architectural state has changed
/// but what the specification says (vstart, elements before it). Does not touch pc unless the instruction jumps.
using Execute = bool (*)(Hart &hart, const Op &op);

struct Op {
  Execute execute = nullptr;
  Opcode opcode = Opcode::Illegal;
  uint8_t rd = 0;        // also vd, vs3 of a store, fd
  uint8_t rs1 = 0;       // also vs1, fs1, the 5-bit zimm of CSR instructions
  uint8_t rs2 = 0;       // also vs2, fs2
  uint8_t rs3 = 0;       // fs3 of a scalar FMA
  bool unmasked = true;  // the vm bit of a vector instruction
  uint8_t fields = 1;    // NFIELDS of a segment or whole-register access
  uint8_t eewBits = 0;   // of a vector memory access: width in the encoding
  uint8_t rounding = 0;  // rm of a scalar floating-point instruction, 7 = dynamic
  uint8_t bytes = 4;     // 2 if compressed; a compressed instruction is decoded to the one it stands for
  int64_t immediate = 0; // sign-extended; CSR number; vtype of vsetvli; 5-bit immediate of .vi forms, sign-extended
  uint32_t word = 0;     // as fetched
};

/// Decodes the instruction at the beginning of `word` (the low 16 bits if compressed). Illegal if `isa` lacks it or
/// the encoding is reserved; `execute` is set.
Op decode(uint32_t word, const hw::Isa &isa);

std::string_view nameOf(Opcode opcode); // "vfmacc.vf"
hw::rvv::OpClass classOf(Opcode opcode);
std::optional<Opcode> findOpcode(std::string_view name);
/// "vfmacc.vf v8, fa0, v16, v0.t"; ".word 0x…" if illegal. `pc` resolves branch targets.
std::string disassemble(const Op &op, uint64_t pc);

// Executors by owner; nullptr if the opcode is another's. decode() asks them in turn.
Execute scalarExecutor(Opcode opcode);        // I, M, A, Zicsr, system
Execute scalarFloatExecutor(Opcode opcode);   // F, D, Zfh, Zfbfmin
Execute vectorConfigExecutor(Opcode opcode);  // vset*
Execute vectorMemoryExecutor(Opcode opcode);  // loads and stores
Execute vectorIntegerExecutor(Opcode opcode); // integer, fixed point, mask, permutation, reductions of integers
Execute vectorFloatExecutor(Opcode opcode);   // floating point, and moves between f and v
Execute unitExecutor(Opcode opcode);          // of custom units

} // namespace weft::iss
