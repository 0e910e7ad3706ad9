// C++ tables.
#include "kernels/units/description/Generate.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace weft;
using namespace weft::units;

namespace {

constexpr std::string_view generated = "// Generated from kernels/units/*.yaml; do not edit.\n";

/// The name of an enumerator: "vector-vector" is VectorVector.
std::string enumerator(std::string_view name) { return camelOf(name); }

std::string typeText(ElementType type) { return fmt::format("ElementType::{}", enumerator(nameOf(type))); }

/// Of all that a result or a time depends on.
uint64_t digestOf(const UnitDescription &unit) {
  std::string text = unit.name + "\n";
  for (const PipelineDescription &each : unit.pipelines)
    text += fmt::format("{} {} {}\n", each.name, each.latency, each.interval);
  for (const InstructionDescription &each : unit.instructions) {
    text += fmt::format("{} {:x} {:x} {} {} {:x} {} {}\n", each.name, each.match, each.mask,
                        static_cast<int>(each.format), each.readsDestination, each.lmuls, each.golden, each.pipeline);
    for (const FormDescription &form : each.forms)
      text += fmt::format("{} {} {} {} {}\n", form.sewBits, form.alternate, nameOf(form.vd), nameOf(form.vs2),
                          nameOf(form.third));
  }
  return XXH3_64bits(text.data(), text.size());
}

/// Arrays that the rows of one unit point to.
class UnitArrays {
public:
  explicit UnitArrays(const UnitDescription &unit) : unit(unit), prefix(identifierOf(unit.name)) {}

  std::string text() {
    std::string out;
    out += array("Parameter", "parameters", unit.parameters, [&](const ParameterDescription &each) {
      return fmt::format("{{{}, {}, {}, {}, {}, {}}}", literal(each.name), literal(each.summary), each.fallback,
                         each.low, each.high, each.powerOfTwo);
    });
    for (const PipelineDescription &each : unit.pipelines)
      out += array("std::string_view", "stages_" + each.name, each.stages, literal);
    out += array("Pipeline", "pipelines", unit.pipelines, [&](const PipelineDescription &each) {
      return fmt::format("{{{}, {}_stages_{},\n     []([[maybe_unused]] uint32_t VLEN, [[maybe_unused]] uint32_t DLEN) "
                         "-> uint32_t {{ return {}; }},\n     {}, {}, {}}}",
                         literal(each.name), prefix, each.name, each.latency, each.interval, each.energyPj,
                         literal(each.energySource));
    });
    for (const InstructionDescription &each : unit.instructions)
      out += array("Form", "forms_" + identifierOf(each.name), each.forms, [](const FormDescription &form) {
        return fmt::format("{{{}, {}, {}, {}, {}}}", form.sewBits, form.alternate, typeText(form.vd),
                           typeText(form.vs2), typeText(form.third));
      });
    out += array("Instruction", "instructions", unit.instructions, [&](auto &each) { return instruction(each); });
    out += array("Operation", "operations", unit.operations, [](const OperationDescription &each) {
      return fmt::format("{{{}, {}, {}}}", literal(each.name), literal(each.summary), each.code);
    });
    out += array("Csr", "csrs", unit.csrs, [](const CsrDescription &each) {
      return fmt::format("{{{}, {}, {:#x}, {}}}", literal(each.name), literal(each.summary), each.number, each.bits);
    });
    return out;
  }

  std::string row() const {
    return fmt::format("    {{.name = {}, .summary = {}, .details = {},\n     .kind = Kind::{}, .extension = {}, "
                       ".module = {}, .portList = {},\n     .parameters = {}, .pipelines = {}, .instructions = {},\n"
                       "     .operations = {}, .csrs = {}, .areaCells = {}, .areaSource = {}, .digest = {:#x}}},\n",
                       literal(unit.name), literal(unit.summary), literal(unit.details), enumerator(nameOf(unit.kind)),
                       literal(unit.extension), literal(unit.module), literal(unit.portList),
                       span("parameters", unit.parameters), span("pipelines", unit.pipelines),
                       span("instructions", unit.instructions), span("operations", unit.operations),
                       span("csrs", unit.csrs), unit.areaCells, literal(unit.areaSource), digestOf(unit));
  }

private:
  const UnitDescription &unit;
  std::string prefix;

  template <typename Items, typename Print>
  std::string array(std::string_view type, const std::string &name, const Items &items, Print print) const {
    if (items.empty())
      return "";
    std::string out = fmt::format("constexpr {} {}_{}[] = {{\n", type, prefix, name);
    for (const auto &item : items)
      out += "    " + print(item) + ",\n";
    return out + "};\n";
  }

  template <typename Items> std::string span(std::string_view name, const Items &items) const {
    return items.empty() ? "{}" : fmt::format("{}_{}", prefix, name);
  }

  std::string instruction(const InstructionDescription &each) const {
    size_t pipeline = 0;
    while (unit.pipelines[pipeline].name != each.pipeline)
      ++pipeline;
    std::string forms = each.forms.empty() ? "{}" : fmt::format("{}_forms_{}", prefix, identifierOf(each.name));
    return fmt::format("{{.name = {}, .summary = {},\n     .id = {}, .match = {:#010x}, .mask = {:#010x}, .draft = "
                       "{}, .format = Format::{},\n     .readsDestination = {}, .forms = {}, .lmuls = {:#x}, .flags = "
                       "{}, .pipeline = {}, .golden = {}}}",
                       literal(each.name), literal(each.summary), literal(identifierOf(each.name)), each.match,
                       each.mask, literal(each.draft), enumerator(ruleOf(each.format).name), each.readsDestination,
                       forms, each.lmuls, each.flags, pipeline, each.golden.empty() ? "nullptr" : each.golden);
  }
};

} // namespace

std::string weft::units::literal(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out + '"';
}

std::string weft::units::generateTable(const Descriptions &units) {
  std::string out(generated);
  out += "#include \"kernels/units/Units.h\"\n";
  std::string arrays, rows, names;
  for (const UnitDescription &unit : units) {
    if (unit.kind == Kind::Vector)
      out += fmt::format("#include {}\n", literal(unit.header));
    UnitArrays each(unit);
    arrays += each.text();
    rows += each.row();
    if (unit.kind != Kind::Network)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", literal(unit.name));
  }
  return out + fmt::format("\nnamespace weft::units {{\nnamespace {{\n\n{}\nconstexpr Unit units[] = {{\n{}}};\n\n"
                           "constexpr std::string_view coreUnits[] = {{{}}};\n\n}} // namespace\n\n"
                           "std::span<const Unit> all() {{ return units; }}\n"
                           "std::span<const std::string_view> coreUnitNames() {{ return coreUnits; }}\n\n"
                           "}} // namespace weft::units\n",
                           arrays, rows, names);
}

std::string weft::units::generateUnitRows(const Descriptions &units) {
  std::string out(generated);
  out += "// WEFT_UNIT(id, name, extension) for each unit, in the order of weft::units::all().\n";
  for (const UnitDescription &unit : units)
    out += fmt::format("WEFT_UNIT({}, {}, {})\n", camelOf(unit.name), literal(unit.name), literal(unit.extension));
  return out;
}

std::string weft::units::generateInstructionRows(const Descriptions &units) {
  std::string out(generated);
  for (const UnitDescription &unit : units)
    for (const InstructionDescription &each : unit.instructions)
      out += fmt::format("WEFT_INSTRUCTION({}, {}, {:#010x}, {:#010x}, Unit{}, {}, Unit{})\n",
                         identifierOf(each.name, true), literal(each.name), each.match, each.mask,
                         camelOf(ruleOf(each.format).name), unit.kind == Kind::Vector ? "VCustom" : "Custom",
                         camelOf(unit.name));
  return out;
}

std::string weft::units::generateTests(const Descriptions &units) {
  std::string out(generated);
  for (const UnitDescription &unit : units)
    for (const InstructionDescription &each : unit.instructions)
      if (unit.kind == Kind::Vector)
        out += fmt::format("TEST_CASE({}) {{ weft::test::checkRandomCalls({}); }}\n",
                           literal(fmt::format("{} of unit {} does as its golden model says", each.name, unit.name)),
                           literal(each.name));
  return out;
}
