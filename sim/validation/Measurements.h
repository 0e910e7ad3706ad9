// Cycles an instruction, as measured on real cores: the CSV that `weft hw validate rvv` compares with.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::validation {

struct Measurement {
  std::string machine, operands; // "saturn_shuttle_256_128", "vadd.vv v8,v16,v24,v0.t"
  uint32_t sewBits = 8, lmulEighths = 8;
  uint32_t vl = 0;       // 0: VLMAX
  uint32_t vlenBits = 0; // of the machine; 0: not given
  double cycles = 0;     // an instruction
  std::string file = {}; // where it stands
  size_t line = 0;
};

/// Reads CSV text, compressed or not, with the columns machine, operands, SEW, LMUL, vl, cycles_per_insn and, if the
/// file has it, VLEN. The order of columns does not matter; further ones are skipped. Errors name file and line.
Result<std::vector<Measurement>> readMeasurements(const std::string &path);
/// The measurements that come with Weft.
Result<std::vector<Measurement>> shippedMeasurements();

} // namespace weft::validation
