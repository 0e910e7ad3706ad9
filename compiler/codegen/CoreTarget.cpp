#include "compiler/codegen/CoreTarget.h"

#include "compiler/codegen/Passes.h"
#include "kernels/units/Units.h"

#include <sstream>

namespace weft::codegen {

std::vector<std::string> llvmFeatures(const hw::Isa &isa) {
  std::vector<std::string> features = {"m", "a", "f", "d", "c", "v", "zicsr", "zifencei", "relax"};
  std::istringstream parts(hw::isaText(isa)); // "rv64gcv_zvl256b_zfh": beyond the base LLVM has the same names
  std::string part;
  std::getline(parts, part, '_');
  while (std::getline(parts, part, '_'))
    if (!part.starts_with("xweft"))
      features.push_back(part);
  if (isa.hasUnits())
    features.push_back("xsfvcp"); // LLVM's generic coprocessor interface stands for units
  return features;
}

std::vector<std::string> fallbackFeatures(const hw::Isa &isa, bool anyOps) {
  hw::Isa used = isa;
  // Nor has it instructions for parts of bf16 vectors; bf16 is converted one by one then.
  if (anyOps)
    used.zvfbfmin = used.zvfbfwma = false;
  // LLVM 19 takes a widened bf16 vector for a widened f16 one where it forms vfwadd.wv, which exists with Zvfh only,
  // and then finds no instruction.
  if (used.zvfbfmin)
    used.zvfh = false;
  return llvmFeatures(used);
}

bool hasUnit(const hw::Isa &isa, std::string_view name) {
  std::span<const units::Unit> all = units::all();
  for (size_t index = 0; index < all.size(); ++index)
    if (all[index].name == name)
      return isa.hasUnit(index);
  return false;
}

VectorShape vectorShape(const hw::Isa &isa) {
  return {.registerBytes = isa.vlenBytes(),
          .registers = 32,
          .grouping = 8, // LMUL 8 is the longest group
          .multipliesF16 = isa.zvfh,
          .multipliesBf16 = isa.zvfbfwma,
          .emulatesF16 = !isa.zvfhmin};
}

WideningSupport wideningSupport(const hw::Isa &isa) {
  return {.scalarF16 = isa.zfhmin,
          .vectorF16 = isa.zvfhmin,
          .scalarBf16 = isa.zfbfmin,
          .vectorBf16 = isa.zvfbfmin,
          .narrowsScalarBf16 = isa.zfbfmin,
          .narrowsVectorBf16 = isa.zvfbfmin};
}

} // namespace weft::codegen
