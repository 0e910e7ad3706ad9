// What each vector floating-point instruction does to an element, by the specification.
#pragma once

#include "tests/unit/iss_exact_float.h"

#include <span>
#include <string_view>

namespace weft::iss::test {

/// The type of an operand's elements. B is bfloat16; M, as a result, a bit of a mask.
enum class Type : uint8_t { None, Float, WideFloat, Integer, WideInteger, BFloat, Mask };

/// The state that a rule computes with.
struct Rounding : exact::Arithmetic {
  exact::Format n{}, w{}; // the formats of SEW and 2 * SEW bits
  unsigned sew = 0;
};

struct FloatRule {
  std::string_view name;  // up to the form: "vfadd" has the forms "vfadd.vv" and "vfadd.vf"
  std::string_view forms; // of "vf" after the dot that ends `name`'s operand kind; empty: `name` is all
  Type destination, second, first;
  bool accumulates;
  uint64_t (*apply)(Rounding &r, uint64_t d, uint64_t b, uint64_t a); // vd, vs2, vs1 or f[rs1]
};

std::span<const FloatRule> floatRules();

/// vfrec7 and vfrsqrt7, by their algorithm; the tables are computed from what they approximate.
uint64_t reciprocal7(exact::Arithmetic &r, exact::Format f, uint64_t a);
uint64_t reciprocalSquareRoot7(exact::Arithmetic &r, exact::Format f, uint64_t a);

} // namespace weft::iss::test
