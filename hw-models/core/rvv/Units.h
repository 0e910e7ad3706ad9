// The units of a vector core: which of its pipes have which, and how wide they are beside the datapath.
#pragma once

#include "hw-models/Hardware.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::hw::rvv {

/// What an instruction needs a pipe to have.
enum class Unit : uint8_t {
  Integer,    // add, minimum, saturating add
  Logic,      // logic, shift, compare, carry, merge, move, extend, narrowing shift
  Multiply,   // integer multiply of up to 32-bit elements
  Multiply64, // and of 64-bit elements
  Divide,     // divide, square root
  Float,      // add, multiply, multiply-add, minimum, with results of up to 32 bits
  Float64,    // and of 64 bits
  Convert,    // conversion, and compare, sign, class, estimate of floating point
  Reduce,
  Permute, // slide, gather, compress, move from and to scalar registers
  Mask,    // operations on masks, iota, index
  Load,
  Store
};
inline constexpr size_t unitCount = static_cast<size_t>(Unit::Store) + 1;

/// What changes the width of an instruction beside its unit.
enum class Trait : uint8_t { Masked, Widen, Narrow };
inline constexpr size_t traitCount = static_cast<size_t>(Trait::Narrow) + 1;

inline constexpr size_t maxPipes = 8;

class UnitMap {
public:
  explicit UnitMap(const RvvTiming &rvv);

  size_t pipeCount() const { return count; }
  /// Pipes that have the unit, a bit each; at least one where the loader accepted the machine.
  uint32_t pipesOf(Unit unit) const { return pipes[static_cast<size_t>(unit)]; }
  /// Pipes that take masked instructions.
  uint32_t maskedPipes() const { return masked; }
  /// Width beside the datapath's, as a power of two: -1 is half of it.
  int rateLog2(Unit unit) const { return unitRates[static_cast<size_t>(unit)]; }
  int rateLog2(Trait trait) const { return traitRates[static_cast<size_t>(trait)]; }

private:
  size_t count = 0;
  std::array<uint32_t, unitCount> pipes{};
  uint32_t masked = 0;
  std::array<int8_t, unitCount> unitRates{};
  std::array<int8_t, traitCount> traitRates{};
};

/// Whether an item of rvv.pipes ("integer+float") or of rvv.rates ("float64/2") is one.
bool isPipe(std::string_view item);
bool isRate(std::string_view item);
/// A unit that no pipe with masked instructions has; empty if each has one.
std::string_view missingUnit(const RvvTiming &rvv);
/// What an item may be, for messages and documents.
std::string pipesAllowed();
std::string ratesAllowed();

} // namespace weft::hw::rvv
