// Ops of dialect rv: one an instruction.
#include "kernels/units/description/Generate.h"

#include <fmt/format.h>

#include <algorithm>

using namespace weft;
using namespace weft::units;

namespace {

struct OpShape {
  std::string arguments, results = "AnyVectorOfAnyRank:$result";
};

/// Elements alone do not say which form is meant.
bool needsAlternate(const InstructionDescription &instruction) {
  auto isAlternate = [](const FormDescription &form) { return form.alternate; };
  return std::any_of(instruction.forms.begin(), instruction.forms.end(), isAlternate) &&
         !std::all_of(instruction.forms.begin(), instruction.forms.end(), isAlternate);
}

OpShape shapeOf(const InstructionDescription &instruction) {
  std::string accumulator = instruction.readsDestination ? "AnyVectorOfAnyRank:$acc, " : "";
  std::string vectors = accumulator + "AnyVectorOfAnyRank:$vs2";
  switch (instruction.format) {
  case Format::VectorVector:
    return {vectors + ", AnyVectorOfAnyRank:$vs1"};
  case Format::VectorScalar:
    return {vectors + ", AnySignlessInteger:$scalar"};
  case Format::VectorFloat:
    return {vectors + ", AnyFloat:$scalar"};
  case Format::VectorImmediate:
    return {vectors + ", I64Attr:$immediate"};
  case Format::Vector:
    return {vectors};
  case Format::Batched:
    return {vectors + ", AnyVectorOfAnyRank:$vs1, DefaultValuedAttr<I64Attr, \"0\">:$ci"};
  case Format::RoutePut:
    return {"I32:$value, I64Attr:$route", ""};
  case Format::RouteGet:
    return {"I64Attr:$route", "I32:$value"};
  }
  return {};
}

std::string op(const UnitDescription &unit, const InstructionDescription &instruction) {
  OpShape shape = shapeOf(instruction);
  if (needsAlternate(instruction))
    shape.arguments += ", UnitAttr:$altfmt";
  std::string_view traits = unit.kind == Kind::Vector && instruction.readsDestination
                                ? "Pure, AllTypesMatch<[\"acc\", \"result\"]>"
                            : unit.kind == Kind::Vector ? "Pure"
                                                        : "";
  std::string forms;
  for (const FormDescription &form : instruction.forms)
    forms += fmt::format("\n    * SEW {}{}: vd {}, vs2 {}{}", form.sewBits, form.alternate ? ", altfmt" : "",
                         nameOf(form.vd), nameOf(form.vs2),
                         form.third == ElementType::None ? "" : fmt::format(", the third {}", nameOf(form.third)));
  return fmt::format("def Rv_{0}Op : Rv_Op<\"{1}\", [{2}]> {{\n  let summary = {3};\n  let description = [{{\n"
                     "    Instruction `{4}` of unit `{5}`. Operands hold:{6}\n\n    Constraints: U1 to U4 of "
                     "dialects/rv/UnitOps.h.\n  }}];\n  let arguments = (ins {7});\n  let results = (outs {8});\n"
                     "  let assemblyFormat = \"operands attr-dict `:` functional-type(operands, results)\";\n"
                     "  let hasVerifier = 1;\n}}\n\n",
                     camelOf(instruction.name), identifierOf(instruction.name), traits, literal(instruction.summary),
                     instruction.name, unit.name, forms.empty() ? " i32 words." : forms, shape.arguments,
                     shape.results);
}

} // namespace

std::string weft::units::generateOps(const Descriptions &units) {
  std::string out = "// Generated from kernels/units/*.yaml; do not edit. Included by dialects/rv/RvOps.td.\n\n";
  for (const UnitDescription &unit : units)
    for (const InstructionDescription &each : unit.instructions)
      out += op(unit, each);
  return out;
}

std::string weft::units::generateOpVerifiers(const Descriptions &units) {
  std::string out = "// Generated from kernels/units/*.yaml; do not edit.\n";
  for (const UnitDescription &unit : units)
    for (const InstructionDescription &each : unit.instructions)
      out += fmt::format("llvm::LogicalResult {}Op::verify() {{ return verifyUnitOp(*this, {}); }}\n",
                         camelOf(each.name), literal(each.name));
  return out;
}
