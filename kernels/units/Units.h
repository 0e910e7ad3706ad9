// The table of custom units, generated from kernels/units/*.yaml: what compiler, hardware descriptions, simulator,
// co-simulation and documents know of them.
#pragma once

#include "kernels/units/Types.h"
#include "kernels/units/VectorCall.h"

namespace weft::units {

/// Of the unit's SystemVerilog module.
struct Parameter {
  std::string_view name, summary;
  uint32_t fallback = 0, low = 0, high = 0;
  bool powerOfTwo = false;
};

/// How long instructions take. A beat is what the vector datapath, DLEN bits wide, takes of an operand in one cycle.
struct Pipeline {
  std::string_view name;
  std::span<const std::string_view> stages; // one a cycle of the latency that the parameters' defaults give
  Latency latency = nullptr; // cycles from taking the last beat that a result needs to offering that result
  uint32_t interval = 0;     // cycles from taking one beat to taking the next
  double energyPj = 0;       // of one beat
  std::string_view energySource;
};

/// A legal vtype and what the operands hold then.
struct Form {
  uint32_t sewBits = 0;
  bool alternate = false; // vtype.altfmt
  ElementType vd = ElementType::None, vs2 = ElementType::None, third = ElementType::None;
};

struct Instruction {
  std::string_view name, summary; // "vqdot.vv"
  std::string_view id;            // "vqdot_vv"
  uint32_t match = 0, mask = 0;
  std::string_view draft; // of RISC-V that defines the encoding; empty: of the custom space
  Format format = Format::VectorVector;
  bool readsDestination = false;
  std::span<const Form> forms; // of a scalar instruction none
  uint8_t lmuls = 0;           // bit i: LMUL = 2^(i - 3)
  uint8_t flags = 0;           // of fflags that it may raise
  uint8_t pipeline = 0;        // in the unit's list
  Golden golden = nullptr;     // of a vector instruction

  bool mayBeMasked() const { return (mask & maskBit) == 0; }
  std::optional<Vcix> vcix() const { return vcixOf(match, mask, format, readsDestination); }
};

struct Operation {
  std::string_view name, summary;
  uint32_t code = 0;
};

struct Csr {
  std::string_view name, summary;
  uint32_t number = 0, bits = 0; // counts modulo 2^bits, reads as zeros above
};

struct Unit {
  std::string_view name, summary, details;
  Kind kind = Kind::Vector;
  std::string_view extension; // in ISA strings: "xweftdot"
  std::string_view module, portList;
  std::span<const Parameter> parameters;
  std::span<const Pipeline> pipelines;
  std::span<const Instruction> instructions;
  std::span<const Operation> operations;
  std::span<const Csr> csrs;
  uint32_t areaCells = 0; // generic cells after synthesis, with the parameters' defaults
  std::string_view areaSource;
  uint64_t digest = 0; // of the description's text
};

/// All units, sorted by name. A unit's place is its index in hw::Isa.
std::span<const Unit> all();
/// Those that a core can list: with instructions.
std::span<const std::string_view> coreUnitNames();
const Unit *find(std::string_view name);

/// A form that allows vtype; null: it is reserved for the instruction.
const Form *formOf(const Instruction &instruction, uint32_t sewBits, bool alternate);

} // namespace weft::units
