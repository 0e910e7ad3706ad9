// A vector instruction as it is once its legality and its operands are known: a loop and pointers. They stay what they
// are as long as vtype is the same, vstart is 0 and nothing is masked, which the fast path asks before it runs the
// loop.
#pragma once

#include "sim/iss/Hart.h"
#include "sim/iss/VectorFloatLoops.h"

namespace weft::iss {

/// Where VectorLoopOperands::scalar comes from each time.
enum class ScalarSource : uint8_t { Constant, X, Half, BFloat, Single, Double };

struct PreparedVector {
  explicit PreparedVector(const Op &op) : op(&op) {}

  static constexpr uint64_t never = ~uint64_t{0}; // no vtype
  const Op *op;
  /// The vtype under which the rest holds.
  uint64_t vtype = never;
  // of arithmetic; `count`, `rounding` and a scalar that is not constant are set each time
  union {
    VectorLoop integerLoop;
    VectorFloatLoop floatLoop;
  };
  VectorLoopOperands operands;
  ScalarSource scalar = ScalarSource::Constant;
  VectorType type; // of vsetvli and vsetivli
};

/// Leaves the loop in hart.preparing, unless operands had to be copied or elements are left out.
void rememberLoop(Hart &hart, VectorLoop loop, const VectorLoopOperands &operands, ScalarSource scalar);
void rememberLoop(Hart &hart, VectorFloatLoop loop, const VectorLoopOperands &operands, ScalarSource scalar);

/// What a vtype means; `illegal` if it is reserved or no vector of it would hold an element. Bit 8, altfmt, is there if
/// a unit of the core has instructions that ask for it.
VectorType decodeVectorType(uint64_t vtype, const hw::Isa &isa);

} // namespace weft::iss
