// The SystemVerilog package: encodings, latencies, parameters.
#include "kernels/units/description/Generate.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::units;

std::string weft::units::generatePackage(const Descriptions &units) {
  std::string out =
      "// Generated from kernels/units/*.yaml; do not edit. Encodings, latencies and parameters of custom "
      "units.\n// verilator lint_off UNUSEDPARAM\npackage weft_units_pkg;\n";
  auto number = [&](const std::string &name, uint32_t value) {
    out += fmt::format("  localparam int unsigned {} = {};\n", name, value);
  };
  for (const UnitDescription &unit : units) {
    std::string prefix = identifierOf(unit.name, true);
    out += fmt::format("\n  // Unit {}: {}\n", unit.name, unit.summary);
    for (const ParameterDescription &each : unit.parameters) {
      std::string name = fmt::format("{}_{}", prefix, identifierOf(each.name, true));
      out += fmt::format("  // {}\n", each.summary);
      number(name, each.fallback);
      number(name + "_MIN", each.low);
      number(name + "_MAX", each.high);
    }
    for (const PipelineDescription &each : unit.pipelines) {
      std::string name = fmt::format("{}_{}", prefix, identifierOf(each.name, true));
      if (each.latency != std::to_string(each.usualLatency))
        out += fmt::format("  // {} with the defaults\n", each.latency);
      number(name + "_LATENCY", each.usualLatency);
      number(name + "_INTERVAL", each.interval);
    }
    for (const InstructionDescription &each : unit.instructions) {
      std::string name = identifierOf(each.name, true);
      out += fmt::format("  // {}\n  localparam logic [31:0] {}_MATCH = 32'h{:08x};\n", each.name, name, each.match);
      out += fmt::format("  localparam logic [31:0] {}_MASK = 32'h{:08x};\n", name, each.mask);
    }
    for (const OperationDescription &each : unit.operations)
      out += fmt::format("  localparam logic [7:0] {}_{} = 8'd{};  // {}\n", prefix, identifierOf(each.name, true),
                         each.code, each.summary);
    for (const CsrDescription &each : unit.csrs) {
      number(fmt::format("CSR_{}_BITS", identifierOf(each.name, true)), each.bits);
      out += fmt::format("  localparam logic [11:0] CSR_{} = 12'h{:03x};  // {}\n", identifierOf(each.name, true),
                         each.number, each.summary);
    }
  }
  return out + "\nendpackage\n// verilator lint_on UNUSEDPARAM\n";
}
