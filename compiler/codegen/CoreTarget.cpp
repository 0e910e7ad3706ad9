#include "compiler/codegen/CoreTarget.h"

#include "compiler/codegen/Passes.h"

#include <algorithm>
#include <sstream>

namespace weft::codegen {

std::vector<std::string> llvmFeatures(const hw::Isa &isa) {
  std::vector<std::string> features = {"m", "a", "f", "d", "c", "v", "zicsr", "zifencei", "relax"};
  std::istringstream parts(hw::isaText(isa)); // "rv64gcv_zvl256b_zfh": beyond the base LLVM has the same names
  std::string part;
  std::getline(parts, part, '_');
  while (std::getline(parts, part, '_'))
    features.push_back(part);
  return features;
}

VectorShape vectorShape(const hw::Isa &isa) {
  VectorShape shape;
  // 32 registers of VLEN bits; a value takes a register at least.
  shape.registers = std::min(32U, 32 * isa.vlenBits / (32 * shape.lanes));
  return shape;
}

WideningSupport wideningSupport(const hw::Isa &isa) {
  return {.scalarF16 = isa.zfhmin, .vectorF16 = isa.zvfhmin, .scalarBf16 = isa.zfbfmin, .vectorBf16 = isa.zvfbfmin};
}

} // namespace weft::codegen
