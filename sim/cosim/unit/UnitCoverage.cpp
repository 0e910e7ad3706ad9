#include "sim/cosim/unit/UnitCoverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace weft::cosim {

using units::classOf;
using units::ElementType;
using units::isFloat;

namespace {

constexpr std::string_view stallNames[] = {"no stalls", "operands stall", "results stall", "all stall"};
constexpr std::string_view eventNames[] = {"accepted",          "refused",         "killed",
                                           "committed at once", "committed later", "queue full"};
constexpr std::string_view resultNames[] = {"zero", "subnormal", "normal", "infinity", "NaN"};
constexpr std::pair<uint32_t, std::string_view> flagNames[] = {{1, "NX"}, {2, "UF"}, {4, "OF"}, {8, "DZ"}, {16, "NV"}};

std::string prefixOf(const units::Instruction &instruction, uint32_t sewBits, bool alternate) {
  return fmt::format("{} e{}{}", instruction.name, sewBits, alternate ? "alt" : "");
}

/// Of floating-point results; exp has no zero sign to tell and dot no sign of zero.
uint32_t resultClassOf(ElementType type, uint32_t element) {
  switch (classOf(type, element)) {
  case 0:
  case 1:
    return 0;
  case 2:
    return 1;
  case 3:
  case 4:
    return 2;
  case 5:
  case 6:
    return 3;
  default:
    return 4;
  }
}

uint32_t elementAt(const std::vector<std::byte> &bytes, size_t index, uint32_t bits) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + index * bits / 8, bits / 8);
  return value;
}

std::string_view vlNameOf(uint32_t vl, uint32_t most, uint32_t beatElements) {
  if (vl == 0)
    return "vl 0";
  if (vl == most)
    return "vl all";
  if (vl == 1)
    return "vl 1";
  return vl % beatElements ? "vl with a rest" : "vl whole beats";
}

} // namespace

std::span<const std::string_view> UnitCoverage::stallClasses() { return stallNames; }

UnitCoverage::UnitCoverage(const units::Unit &unit, uint32_t vlenBits, uint32_t dlenBits) : dlenBits(dlenBits) {
  for (std::string_view event : eventNames)
    bins[fmt::format("ports: {}", event)] = 0;
  for (const units::Instruction &instruction : unit.instructions) {
    for (const units::Form &form : instruction.forms) {
      const std::string prefix = prefixOf(instruction, form.sewBits, form.alternate);
      const auto declare = [&](const std::string &bin) { bins[prefix + ": " + bin] = 0; };
      for (uint32_t lmul = 0; lmul < 7; ++lmul) {
        if (!(instruction.lmuls >> lmul & 1))
          continue;
        declare(fmt::format("LMUL {}/8", 1u << lmul));
        for (uint32_t vl = 0, most = (vlenBits << lmul) / 8 / form.sewBits; vl <= most; ++vl)
          declare(std::string(vlNameOf(vl, most, dlenBits / form.sewBits)));
      }
      if (instruction.mayBeMasked())
        for (std::string_view mask : {"no mask", "some masked off", "all masked off"})
          declare(std::string(mask));
      for (std::string_view stall : stallNames) {
        for (std::string_view operand : units::classesOf(form.vs2))
          declare(fmt::format("vs2 {}, {}", operand, stall));
        if (form.third != ElementType::None)
          for (std::string_view operand : units::classesOf(form.third))
            declare(fmt::format("{} {}, {}", ruleOf(instruction.format).third, operand, stall));
        if (instruction.readsDestination)
          for (std::string_view operand : units::classesOf(form.vd))
            declare(fmt::format("vd {}, {}", operand, stall));
      }
      if (isFloat(form.vd))
        for (std::string_view result : resultNames)
          declare(fmt::format("result {}", result));
      declare("no flags");
      for (const auto &[bit, name] : flagNames)
        if (instruction.flags & bit)
          declare(fmt::format("raises {}", name));
    }
  }
}

void UnitCoverage::hit(const std::string &bin) {
  auto found = bins.find(bin);
  if (found != bins.end())
    ++found->second;
}

void UnitCoverage::event(Event event) { hit(fmt::format("ports: {}", eventNames[size_t(event)])); }

void UnitCoverage::completed(const UnitInstruction &each, const Expected &expected, uint32_t stallClass) {
  const units::Instruction &instruction = *each.instruction;
  const units::Form &form = *formOf(instruction, each.sewBits, each.alternate);
  const std::string prefix = prefixOf(instruction, form.sewBits, form.alternate) + ": ";
  const uint32_t most = each.vlenBits * each.lmulEighths / 8 / each.sewBits;
  hit(prefix + fmt::format("LMUL {}/8", each.lmulEighths));
  hit(prefix + std::string(vlNameOf(each.vl, most, dlenBits / each.sewBits)));

  // Elements that take part: of vs2 and vs1 those below vl, of vd the active ones.
  const auto classes = [&](std::string_view operand, ElementType type, const std::vector<std::byte> &bytes,
                           size_t first, size_t count, auto isIn) {
    const uint32_t bits = units::areBytes(type) ? 8 : bitsOf(type);
    const uint32_t parts = bitsOf(type) / bits;
    std::vector<bool> seen(units::classesOf(type).size());
    for (size_t i = first; i < first + count; ++i)
      for (uint32_t part = 0; isIn(i) && part < parts; ++part)
        seen[classOf(type, elementAt(bytes, i * parts + part, bits))] = true;
    for (size_t i = 0; i < seen.size(); ++i)
      if (seen[i])
        hit(prefix + fmt::format("{} {}, {}", operand, units::classesOf(type)[i], stallNames[stallClass]));
  };
  const auto all = [](size_t) { return true; };
  const auto active = [&](size_t i) { return !each.masked || (uint32_t(each.mask[i / 8]) >> i % 8 & 1); };
  const uint32_t registerElements = each.vlenBits / each.sewBits;
  for (uint32_t row = 0; row < (each.isBatched() ? 8 : 1); ++row)
    classes("vs2", form.vs2, each.vs2, row * registerElements, each.vl, all);
  if (!each.vs1.empty()) {
    classes(ruleOf(instruction.format).third, form.third, each.vs1, 0, each.vl, all);
  } else if (form.third != ElementType::None && each.vl) {
    std::vector<std::byte> scalar(8);
    std::memcpy(scalar.data(), &each.scalar, 8);
    classes(ruleOf(instruction.format).third, form.third, scalar, 0, 1, all);
  }
  const uint32_t first = each.isBatched() ? each.batch * 8 : 0;
  const uint32_t count = !each.vl ? 0 : each.isBatched() ? 8 : each.vl;
  if (instruction.readsDestination)
    classes("vd", form.vd, each.vd, first, count, active);
  uint32_t activeCount = 0;
  for (uint32_t i = first; i < first + count; ++i) {
    if (!active(i))
      continue;
    ++activeCount;
    if (isFloat(form.vd))
      hit(prefix +
          fmt::format("result {}", resultNames[resultClassOf(form.vd, elementAt(expected.vd, i, bitsOf(form.vd)))]));
  }
  if (count)
    hit(prefix + (!each.masked ? "no mask" : activeCount == 0 ? "all masked off" : "some masked off"));
  if (!expected.flags)
    hit(prefix + "no flags");
  for (const auto &[bit, name] : flagNames)
    if (expected.flags & bit)
      hit(prefix + fmt::format("raises {}", name));
}

std::vector<std::string> UnitCoverage::holes() const {
  std::vector<std::string> out;
  for (const auto &[bin, count] : bins)
    if (!count)
      out.push_back(bin);
  return out;
}

} // namespace weft::cosim
