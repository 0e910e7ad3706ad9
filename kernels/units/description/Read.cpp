// YAML to UnitDescription: every key of a unit's file, each value by itself.
#include "kernels/units/description/Description.h"
#include "kernels/units/description/Expression.h"
#include "kernels/units/description/Fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

using namespace weft;
using namespace weft::units;
using hw::YamlMember;
using hw::YamlNode;

namespace {

constexpr std::array<std::string_view, 7> lmulNames = {"1/8", "1/4", "1/2", "1", "2", "4", "8"};
constexpr std::array<std::string_view, 5> flagNames = {"NX", "UF", "OF", "DZ", "NV"}; // bits 0 to 4 of fflags
constexpr std::array<std::string_view, 6> spaces = {"custom-0", "custom-1", "custom-2", "custom-3", "op-v", "op-ve"};
constexpr std::array<uint32_t, 6> majorOpcodes = {0x0b, 0x2b, 0x5b, 0x7b, 0x57, 0x77};
constexpr size_t customSpaces = 4; // the first ones

class Reader {
public:
  explicit Reader(const std::string &origin) : origin(origin) {}

  UnitDescription unit(const YamlNode &root) {
    Fields fields(root, "", origin,
                  {"name", "kind", "extension", "summary", "details", "golden", "module", "ports", "parameters",
                   "pipelines", "instructions", "operations", "csrs", "area"});
    UnitDescription unit;
    unit.file = origin;
    unit.name = fields.name("name", "-");
    const std::array<std::string_view, 3> kinds = {nameOf(Kind::Vector), nameOf(Kind::Scalar), nameOf(Kind::Network)};
    unit.kind = static_cast<Kind>(fields.choice("kind", kinds));
    unit.summary = fields.text("summary");
    unit.details = fields.prose("details");
    if (unit.kind == Kind::Vector || fields.has("golden"))
      unit.header = fields.text("golden");
    unit.module = fields.name("module", "_");
    unit.portList = fields.name("ports", "-");
    for (const YamlMember &member : fields.map("parameters"))
      unit.parameters.push_back(parameter(member));
    for (const YamlMember &member : fields.map("pipelines"))
      unit.pipelines.push_back(pipeline(member, unit));
    area(fields, unit);
    contents(fields, unit);
    return unit;
  }

private:
  const std::string &origin;

  [[noreturn]] void refuseName(const YamlMember &member, std::string_view group, std::string_view wanted) const {
    throw Refusal{fmt::format("{}:{}: {}: the name {} is not allowed; allowed: {}", origin, member.line, group,
                              hw::inQuotes(member.key), wanted)};
  }

  void checkName(const YamlMember &member, std::string_view group, std::string_view also) const {
    if (!isWord(member.key, also))
      refuseName(member, group, fmt::format("at most 40 letters, digits and '{}', a letter first", also));
  }

  ParameterDescription parameter(const YamlMember &member) {
    checkName(member, "parameters", "_");
    Fields fields(member.value, "parameters." + member.key, origin,
                  {"default", "low", "high", "power_of_two", "summary"});
    ParameterDescription out{.name = member.key, .summary = fields.text("summary")};
    out.low = fields.whole("low", 0, 1u << 20);
    out.high = fields.whole("high", out.low, 1u << 20);
    out.fallback = fields.whole("default", out.low, out.high);
    out.powerOfTwo = fields.has("power_of_two") && fields.flag("power_of_two");
    for (const auto &[key, value] : {std::pair("default", out.fallback), {"low", out.low}, {"high", out.high}})
      if (out.powerOfTwo && !std::has_single_bit(value))
        fields.refuse(key, fmt::format("{} is not allowed; allowed: a power of two", value));
    return out;
  }

  /// VLEN and DLEN are the parameters that a core gives; checked for every core that the unit allows.
  void latency(const Fields &fields, const UnitDescription &unit, PipelineDescription &out) {
    constexpr uint64_t high = 100;
    out.latency = fields.text("latency");
    ParameterDescription vlen, dlen;
    std::vector<NamedValue> values;
    for (const auto &[name, to] : {std::pair("vlen", &vlen), {"dlen", &dlen}})
      for (const ParameterDescription &each : unit.parameters)
        if (each.name == name && each.powerOfTwo) {
          *to = each;
          values.push_back({identifierOf(name, true), each.fallback});
        }
    std::string_view place = "the defaults";
    std::string core;
    try {
      out.usualLatency = static_cast<uint32_t>(evaluate(out.latency, values, high));
      for (uint32_t v = vlen.low; v <= vlen.high && values.size() == 2; v *= 2)
        for (uint32_t d = dlen.low; d <= std::min(dlen.high, v); d *= 2) {
          core = fmt::format("VLEN {}, DLEN {}", v, d);
          place = core;
          values[0].value = v;
          values[1].value = d;
          evaluate(out.latency, values, high);
        }
    } catch (const Refusal &refusal) {
      fields.refuse("latency", fmt::format("'{}' is not allowed for {}: {}", out.latency, place, refusal.message));
    }
  }

  PipelineDescription pipeline(const YamlMember &member, const UnitDescription &unit) {
    checkName(member, "pipelines", "_");
    Fields fields(member.value, "pipelines." + member.key, origin,
                  {"stages", "latency", "interval", "energy_pj", "energy_source"});
    PipelineDescription out{.name = member.key, .stages = fields.texts("stages")};
    latency(fields, unit, out);
    out.interval = fields.whole("interval", 1, 100);
    if (out.stages.size() != out.usualLatency)
      fields.refuse("stages", fmt::format("{} stages take {} cycles, but latency is {}; name one a cycle",
                                          out.stages.size(), out.stages.size(), out.usualLatency));
    out.energyPj = fields.real("energy_pj", 0, 1e6);
    out.energySource = fields.text("energy_source");
    return out;
  }

  void area(const Fields &unitFields, UnitDescription &unit) {
    Fields fields(unitFields.need("area", "a map with the keys cells, source"), "area", origin, {"cells", "source"});
    unit.areaCells = fields.whole("cells", 1, 100'000'000);
    unit.areaSource = fields.text("source");
  }

  /// Instructions, operations and registers: what a kind of unit has, and has not.
  void contents(const Fields &fields, UnitDescription &unit) {
    bool isNetwork = unit.kind == Kind::Network;
    for (std::string_view key : {"extension", "instructions", "pipelines"})
      if (isNetwork && fields.has(key))
        fields.refuse(key, "units of kind network have no instructions; remove the key");
    if (!isNetwork && fields.has("operations"))
      fields.refuse("operations", "only units of kind network have operations; remove the key");
    if (unit.kind != Kind::Scalar && fields.has("csrs"))
      fields.refuse("csrs", "only units of kind scalar have control and status registers; remove the key");
    for (const YamlMember &member : fields.map("operations"))
      unit.operations.push_back(operation(member, unit));
    for (const YamlMember &member : fields.map("csrs"))
      unit.csrs.push_back(csr(member));
    if (isNetwork)
      return;
    unit.extension = fields.name("extension", "");
    if (!unit.extension.starts_with("x") || std::any_of(unit.extension.begin(), unit.extension.end(), ::isupper) ||
        std::isdigit(static_cast<unsigned char>(unit.extension.back())))
      fields.refuse("extension", fmt::format("'{}' is not allowed; allowed: the name of a custom extension, an x and "
                                             "lower-case letters, no digit last",
                                             unit.extension));
    if (!fields.has("instructions"))
      fields.refuse("instructions", "the key is missing; it wants a map of instructions by name");
    for (const YamlMember &member : fields.map("instructions"))
      unit.instructions.push_back(instruction(member, unit));
  }

  OperationDescription operation(const YamlMember &member, const UnitDescription &unit) {
    checkName(member, "operations", "_");
    Fields fields(member.value, "operations." + member.key, origin, {"code", "summary"});
    OperationDescription out{.name = member.key, .summary = fields.text("summary")};
    out.code = fields.whole("code", 0, 255);
    for (const OperationDescription &other : unit.operations)
      if (other.code == out.code)
        fields.refuse("code", fmt::format("{} is the code of {} already", out.code, other.name));
    return out;
  }

  CsrDescription csr(const YamlMember &member) {
    checkName(member, "csrs", "_");
    Fields fields(member.value, "csrs." + member.key, origin, {"number", "bits", "summary"});
    CsrDescription out{member.key, fields.text("summary"), 0, 0, member.line};
    // Privileged specification, table of CSR address ranges: user level, read-only, for custom use.
    out.number = fields.whole("number", 0xcc0, 0xcff, true);
    out.bits = fields.whole("bits", 1, 64);
    return out;
  }

  InstructionDescription instruction(const YamlMember &member, const UnitDescription &unit) {
    checkName(member, "instructions", "._");
    Fields fields(member.value, "instructions." + member.key, origin,
                  {"summary", "match", "mask", "space", "draft", "format", "accumulates", "forms", "lmul", "flags",
                   "golden", "pipeline"});
    InstructionDescription out{.name = member.key, .summary = fields.text("summary"), .line = member.line};
    std::vector<std::string_view> formats;
    for (const FormatRule &rule : formatRules())
      formats.push_back(rule.name);
    out.format = static_cast<Format>(fields.choice("format", formats));
    if (ruleOf(out.format).kind != unit.kind)
      fields.refuse("format", fmt::format("{} belongs to units of kind {}", formats[static_cast<size_t>(out.format)],
                                          nameOf(ruleOf(out.format).kind)));
    encoding(fields, out);
    out.pipeline = fields.name("pipeline", "_");
    if (std::none_of(unit.pipelines.begin(), unit.pipelines.end(),
                     [&](auto &each) { return each.name == out.pipeline; }))
      fields.refuse("pipeline", fmt::format("the unit has no pipeline '{}'", out.pipeline));
    if (unit.kind == Kind::Scalar) {
      for (std::string_view key : {"accumulates", "forms", "lmul", "flags", "golden"})
        if (fields.has(key))
          fields.refuse(key, "only vector instructions have it; remove the key");
      return out;
    }
    out.golden = fields.name("golden", "_");
    out.readsDestination = fields.has("accumulates") && fields.flag("accumulates");
    lmuls(fields, out);
    for (const YamlNode &item : fields.list("forms"))
      out.forms.push_back(form(item, fields, out));
    if (fields.has("flags"))
      for (const std::string &flag : fields.texts("flags")) {
        auto found = std::find(flagNames.begin(), flagNames.end(), flag);
        if (found == flagNames.end())
          fields.refuse("flags", fmt::format("'{}' is not allowed; allowed: {}", flag, joined(flagNames)));
        out.flags |= 1u << (found - flagNames.begin());
      }
    return out;
  }

  void encoding(const Fields &fields, InstructionDescription &out) {
    size_t space = fields.choice("space", spaces);
    bool isDraft = space >= customSpaces;
    if (isDraft)
      out.draft = fields.name("draft", "_"); // without a draft the space is the standard's
    else if (fields.has("draft"))
      fields.refuse("draft", "an encoding of a custom space needs none; remove the key");
    out.match = fields.whole("match", 0, 0xffffffff, true);
    out.mask = fields.whole("mask", 0, 0xffffffff, true);
    if ((out.match & 0x7f) != majorOpcodes[space])
      fields.refuse("match", fmt::format("{:#010x} has major opcode {:#04x}; {} is {:#04x}", out.match,
                                         out.match & 0x7f, spaces[space], majorOpcodes[space]));
    if (out.match & ~out.mask)
      fields.refuse(
          "mask", fmt::format("{:#010x} leaves bits free that match sets: {:#010x}", out.mask, out.match & ~out.mask));
    const FormatRule &rule = ruleOf(out.format);
    uint32_t free = ~out.mask, optional = rule.mayBeMasked ? maskBit : 0;
    if ((free & ~optional) != rule.operandBits)
      fields.refuse(
          "mask",
          fmt::format("{:#010x} is not allowed; allowed: {:#010x}{}: free are the operands {}", out.mask,
                      ~rule.operandBits,
                      optional ? fmt::format(" or, with a mask operand, {:#010x}", ~(rule.operandBits | optional)) : "",
                      rule.operands));
    // The custom-2 space is left to LLVM's vector coprocessor interface.
    bool isVcix =
        vcixOf(out.match, out.mask, out.format, fields.has("accumulates") && fields.flag("accumulates")).has_value();
    if (spaces[space] == "custom-2" && !isVcix)
      fields.refuse("match", fmt::format("{:#010x} is no vector coprocessor (VCIX) encoding of the format {}; stock "
                                         "compilers emit no other in custom-2",
                                         out.match, rule.name));
  }

  void lmuls(const Fields &fields, InstructionDescription &out) {
    for (const std::string &text : fields.texts("lmul")) {
      auto found = std::find(lmulNames.begin(), lmulNames.end(), text);
      if (found == lmulNames.end())
        fields.refuse("lmul", fmt::format("'{}' is not allowed; allowed: {}", text, joined(lmulNames)));
      out.lmuls |= static_cast<uint8_t>(1u << (found - lmulNames.begin()));
    }
    constexpr uint8_t one = 1 << 3;
    if (out.format == Format::Batched && out.lmuls != one)
      fields.refuse("lmul", "the format batched wants [1]: its groups of registers do not follow LMUL");
  }

  ElementType elementType(const Fields &form, std::string_view key) {
    constexpr std::array<std::string_view, 7> names = {"s8", "u8", "i32", "s8x4", "u8x4", "f32", "bf16"};
    return static_cast<ElementType>(form.choice(key, names) + 1);
  }

  void checkWidth(const Fields &form, std::string_view key, ElementType type, uint32_t sewBits) {
    if (bitsOf(type) != sewBits)
      form.refuse(key, fmt::format("{} has {} bits an element, SEW is {}", nameOf(type), bitsOf(type), sewBits));
  }

  FormDescription form(const YamlNode &item, const Fields &fields, const InstructionDescription &instruction) {
    const FormatRule &rule = ruleOf(instruction.format);
    std::string path = fields.pathOf("forms");
    FormDescription out;
    auto read = [&](const Fields &form) {
      out.sewBits = form.whole("sew", 8, 64);
      if (!std::has_single_bit(out.sewBits))
        form.refuse("sew", fmt::format("{} is not allowed; allowed: 8, 16, 32 or 64", out.sewBits));
      out.alternate = form.has("altfmt") && form.whole("altfmt", 0, 1);
      out.vd = elementType(form, "vd");
      out.vs2 = elementType(form, "vs2");
      if (!rule.third.empty())
        out.third = elementType(form, rule.third);
      checkWidth(form, "vs2", out.vs2, out.sewBits);
      if (instruction.format != Format::Batched)
        checkWidth(form, "vd", out.vd, out.sewBits);
      if (!rule.third.empty() && rule.third != "rs1")
        checkWidth(form, rule.third, out.third, out.sewBits);
      for (const FormDescription &other : instruction.forms)
        if (other.sewBits == out.sewBits && other.alternate == out.alternate)
          form.refuse("sew",
                      fmt::format("a form for SEW {} and altfmt {:d} is there already", out.sewBits, out.alternate));
    };
    if (rule.third.empty())
      read(Fields(item, path, origin, {"sew", "altfmt", "vd", "vs2"}));
    else
      read(Fields(item, path, origin, {"sew", "altfmt", "vd", "vs2", rule.third}));
    return out;
  }
};

} // namespace

Result<UnitDescription> weft::units::readUnit(const std::string &text, const std::string &origin) {
  Result<YamlNode> root = hw::readYaml(text, origin);
  if (!root)
    return root.error();
  try {
    return Reader(origin).unit(*root);
  } catch (const Refusal &refusal) {
    return userError(refusal.message);
  }
}
