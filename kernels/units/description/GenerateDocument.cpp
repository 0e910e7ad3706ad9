// docs/units.md.
#include "kernels/units/description/Generate.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::units;

namespace {

constexpr std::string_view intro = R"(# Custom units

Generated from `kernels/units/*.yaml`; [adding-a-unit.md](adding-a-unit.md) says how to add one. A core has the units that its hardware
description lists: `parallelism.core.units: [dot, exp]`. On a core without a unit its instructions are illegal.

Latency is the number of cycles from taking the last beat that a result needs to offering that result, interval the number of cycles from one
beat to the next; a beat is the DLEN bits of an operand that the datapath takes in a cycle. A latency may depend on the core's VLEN and DLEN;
the stages are then those of the default parameters. The timing model and `weft cosim` evaluate it for the core at hand. All vector
instructions want `vstart` 0, and leave elements beyond vl and masked ones as they are.

Areas are generic cells with the default parameters. Areas and energies are for the reader: no model and no report of Weft uses them.
)";

std::string lmulText(uint8_t lmuls) {
  constexpr std::string_view names[] = {"1/8", "1/4", "1/2", "1", "2", "4", "8"};
  std::string out;
  for (unsigned i = 0; i < 7; ++i)
    if (lmuls >> i & 1)
      out += fmt::format("{}{}", out.empty() ? "" : ", ", names[i]);
  return out.empty() ? "–" : out;
}

std::string flagText(uint32_t flags) {
  constexpr std::string_view names[] = {"NX", "UF", "OF", "DZ", "NV"};
  std::string out;
  for (unsigned i = 0; i < 5; ++i)
    if (flags >> i & 1)
      out += fmt::format("{}{}", out.empty() ? "" : ", ", names[i]);
  return out.empty() ? "none" : out;
}

std::string formText(const InstructionDescription &instruction) {
  std::string out;
  for (const FormDescription &form : instruction.forms) {
    out += fmt::format("{}SEW {}{}: vd {}, vs2 {}", out.empty() ? "" : "; ", form.sewBits,
                       form.alternate ? ", altfmt 1" : "", nameOf(form.vd), nameOf(form.vs2));
    if (form.third != ElementType::None)
      out += fmt::format(", {} {}", ruleOf(instruction.format).third, nameOf(form.third));
  }
  return out.empty() ? "i32" : out;
}

std::string instructionTable(const UnitDescription &unit) {
  std::string out = "| instruction | match | mask | does | operands | LMUL | flags | pipeline |\n"
                    "|---|---|---|---|---|---|---|---|\n";
  for (const InstructionDescription &each : unit.instructions) {
    std::string space = each.draft.empty() ? "" : fmt::format(" ({})", each.draft);
    std::string maskOperand = ruleOf(each.format).mayBeMasked && !(each.mask & maskBit) ? "[, v0.t]" : "";
    out += fmt::format("| `{} {}{}`{} | `{:#010x}` | `{:#010x}` | {} | {} | {} | {} | {} |\n", each.name,
                       ruleOf(each.format).operands, maskOperand, space, each.match, each.mask, each.summary,
                       formText(each), lmulText(each.lmuls), unit.kind == Kind::Vector ? flagText(each.flags) : "none",
                       each.pipeline);
  }
  return out;
}

std::string section(const UnitDescription &unit) {
  std::string out = fmt::format("\n## {}: {}\n\n{}\n\n", unit.name, unit.summary, unit.details);
  std::string extension = unit.extension.empty() ? "" : fmt::format(", extension `{}`", unit.extension);
  std::string golden = unit.header.empty() ? "" : fmt::format("; golden model `{}`", unit.header);
  out += fmt::format("Module `{}` with the ports of `{}`{}{}. Area: {} cells ({}).\n", unit.module, unit.portList,
                     extension, golden, unit.areaCells, unit.areaSource);
  if (!unit.instructions.empty())
    out += "\n" + instructionTable(unit);
  if (!unit.pipelines.empty()) {
    out += "\n| pipeline | stages | latency | interval | energy a beat | source |\n|---|---|---|---|---|---|\n";
    for (const PipelineDescription &each : unit.pipelines) {
      std::string stages;
      for (const std::string &stage : each.stages)
        stages += (stages.empty() ? "" : ", ") + stage;
      out += fmt::format("| {} | {} | {} | {} | {} pJ | {} |\n", each.name, stages, each.latency, each.interval,
                         each.energyPj, each.energySource);
    }
  }
  if (!unit.operations.empty()) {
    out += "\n| operation | code | does |\n|---|---|---|\n";
    for (const OperationDescription &each : unit.operations)
      out += fmt::format("| {} | {} | {} |\n", each.name, each.code, each.summary);
  }
  if (!unit.csrs.empty()) {
    out += "\n| register | number | bits | holds |\n|---|---|---|---|\n";
    for (const CsrDescription &each : unit.csrs)
      out += fmt::format("| `{}` | `{:#05x}` | {} | {} |\n", each.name, each.number, each.bits, each.summary);
  }
  if (!unit.parameters.empty()) {
    out += "\n| parameter | default | allowed | |\n|---|---|---|---|\n";
    for (const ParameterDescription &each : unit.parameters)
      out += fmt::format("| `{}` | {} | {} to {}{} | {} |\n", each.name, each.fallback, each.low, each.high,
                         each.powerOfTwo ? ", a power of two" : "", each.summary);
  }
  return out;
}

} // namespace

std::string weft::units::generateDocument(const Descriptions &units) {
  std::string out(intro);
  for (const UnitDescription &unit : units)
    out += section(unit);
  return out;
}
