// A unit's description as read from its YAML file, every value checked by itself. Documented key by key in
// docs/adding-a-unit.md.
#pragma once

#include "hw-models/support/Result.h"
#include "kernels/units/Types.h"

#include <string>
#include <vector>

namespace weft::units {

/// A parameter of the unit's SystemVerilog module.
struct ParameterDescription {
  std::string name, summary; // "dlen"
  uint32_t fallback = 0, low = 0, high = 0;
  bool powerOfTwo = false;
};

/// How long instructions take. A beat is what the vector datapath, DLEN bits wide, takes of an operand in one cycle.
struct PipelineDescription {
  std::string name;
  std::vector<std::string> stages; // one a cycle
  std::string latency{};           // cycles from taking the last beat that a result needs to offering that result
  uint32_t usualLatency = 0;       // its value with the parameters' defaults
  uint32_t interval = 0;           // cycles from taking one beat to taking the next
  double energyPj = 0;             // of one beat
  std::string energySource{};
};

/// A legal vtype and what the operands hold then.
struct FormDescription {
  uint32_t sewBits = 0;
  bool alternate = false; // vtype.altfmt
  ElementType vd = ElementType::None, vs2 = ElementType::None, third = ElementType::None;
};

struct InstructionDescription {
  std::string name, summary; // "vqdot.vv"
  uint32_t match = 0, mask = 0;
  std::string draft{}; // of RISC-V that defines the encoding; empty: of the custom space
  Format format = Format::VectorVector;
  bool readsDestination = false; // vd is a source, too
  std::vector<FormDescription> forms{};
  uint8_t lmuls = 0;                // bit i: LMUL = 2^(i - 3)
  uint32_t flags = 0;               // that it may raise: NX 1, UF 2, OF 4, DZ 8, NV 16
  std::string golden{}, pipeline{}; // names of the function and of one of the pipelines
  int line = 0;
};

/// What a unit of the network does with words that meet.
struct OperationDescription {
  std::string name, summary;
  uint32_t code = 0;
};

struct CsrDescription {
  std::string name, summary;
  uint32_t number = 0, bits = 0; // counts modulo 2^bits, reads as zeros above
  int line = 0;
};

struct UnitDescription {
  std::string file; // as messages name it
  std::string name, summary, details;
  Kind kind = Kind::Vector;
  std::string extension;        // in ISA strings; empty of a network unit
  std::string header;           // that declares the golden functions
  std::string module, portList; // of the RTL
  std::vector<ParameterDescription> parameters;
  std::vector<PipelineDescription> pipelines;
  std::vector<InstructionDescription> instructions;
  std::vector<OperationDescription> operations;
  std::vector<CsrDescription> csrs;
  uint32_t areaCells = 0; // generic cells after synthesis, with the parameters' defaults
  std::string areaSource;
};

/// Errors name `origin`, line, key and what is allowed.
Result<UnitDescription> readUnit(const std::string &text, const std::string &origin);

/// An instruction that units must leave alone.
struct StandardInstruction {
  std::string name;
  uint32_t match = 0, mask = 0;
};

/// Rows WEFT_INSTRUCTION(id, "name", match, mask, … of the simulator's table.
Result<std::vector<StandardInstruction>> readStandard(const std::string &text, const std::string &origin);

/// What holds between units: names, codes and encodings are each other's and no standard instruction's.
Result<void> checkTogether(const std::vector<UnitDescription> &units, const std::vector<StandardInstruction> &standard);

/// "vqdot.vv" as the name of a thing in a program: words of it between `separator`s, in upper case on request.
std::string identifierOf(std::string_view name, bool upperCase = false);
/// "vqdot.vv" as VqdotVv.
std::string camelOf(std::string_view name);

} // namespace weft::units
