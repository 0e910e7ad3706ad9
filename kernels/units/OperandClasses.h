// Kinds of values that elements of a type can have: what random operands are drawn from, and bins of functional
// coverage.
#pragma once

#include "kernels/units/Types.h"

#include <random>
#include <span>
#include <string_view>

namespace weft::units {

constexpr bool isFloat(ElementType type) { return type == ElementType::F32 || type == ElementType::Bf16; }
constexpr bool areBytes(ElementType type) {
  return type == ElementType::S8 || type == ElementType::U8 || type == ElementType::S8x4 || type == ElementType::U8x4;
}

/// Names: "zero", "infinity", "other", …. Every value is of one class. Of type None there are none.
std::span<const std::string_view> classesOf(ElementType type);
/// An index of classesOf(); of four bytes in 32 bits that of the lowest one.
uint32_t classOf(ElementType type, uint32_t element);
/// The bits of an element of a class, of four bytes each: what a class holds has values at its edges more often.
uint32_t drawElement(ElementType type, size_t cls, std::mt19937_64 &random);

} // namespace weft::units
