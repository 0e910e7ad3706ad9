// What an algorithm is: one function that writes a program, and what is known about it.
#pragma once

#include "compiler/algorithms/ProgramBuilder.h"

#include <initializer_list>
#include <span>

namespace weft::algorithms {

/// What an algorithm writes into.
struct Emission {
  const Request &request;
  ProgramBuilder &builder;
  Facts &facts;
  std::map<std::string, Layout> &inputs, &outputs;

  uint32_t elementSize() const { return elementBytes(request.element); }
  bool narrow() const { return request.element == Element::F16; }
  int width() const { return static_cast<int>(request.width); }
  int height() const { return static_cast<int>(request.height); }
};

struct SettingDoc {
  std::string_view key, doc;
};

struct Algorithm {
  Kind kind;
  std::string_view name, summary, source;
  std::vector<SettingDoc> settings;
  Result<void> (*emit)(Emission &);
};

/// All of them; those of a kind in the order in which `auto` prefers them at equal cost.
std::span<const Algorithm> algorithms();

/// `a` divided by `b`, rounded up.
inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Of numbers that are not negative; the largest one where that is more than 64 bits hold.
inline uint64_t product(std::initializer_list<int64_t> factors) {
  uint64_t out = 1;
  bool fits = true;
  for (int64_t factor : factors) {
    if (factor == 0)
      return 0;
    fits &= !__builtin_mul_overflow(out, static_cast<uint64_t>(factor), &out);
  }
  return fits ? out : ~uint64_t{0};
}

// ---- one function a unit ------------------------------------------------------------------------------------------
Result<void> emitMeshGemm(Emission &out);
Result<void> emitCannon(Emission &out);
Result<void> emitSumma(Emission &out);
Result<void> emitAllGather(Emission &out);
Result<void> emitGemmTransposed(Emission &out);
Result<void> emitGemv(Emission &out);
Result<void> emitReduceOrAllReduce(Emission &out);
Result<void> emitBroadcast(Emission &out);
Result<void> emitShift(Emission &out);
Result<void> emitDecodeLayer(Emission &out);
Result<void> emitPrefillLayer(Emission &out);

} // namespace weft::algorithms
