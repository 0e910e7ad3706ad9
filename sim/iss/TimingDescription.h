// What a timing model is told of an instruction, kept from one time to the next: most of it depends on the instruction
// and on vtype alone. Private to sim/iss.
#pragma once

#include "sim/iss/Hart.h"

namespace weft::iss {

class TimingDescription {
public:
  TimingDescription() = default;
  /// All but what update() adds.
  TimingDescription(const Op &op, const Hart &hart);

  /// Whether it holds under the hart's vtype, and as the body is all of a register group or a part.
  bool holds(const Hart &hart) const {
    return vtype == always || (vtype == hart.vector.vtype && isPart == isPartNow(hart));
  }
  /// Addresses and lengths, from the state before the instruction.
  void update(const Op &op, const Hart &hart) {
    switch (changes) {
    case Changes::Nothing:
      return;
    case Changes::Address: {
      const bool hasOffset = retired.cls != hw::rvv::OpClass::Atomic;
      retired.address = hart.x[op.rs1] + (hasOffset ? static_cast<uint64_t>(op.immediate) : 0);
      return;
    }
    case Changes::VectorAccess:
      retired.vl = static_cast<uint32_t>(hart.vector.vl);
      return updateAccess(op, hart);
    case Changes::Length:
      retired.vl = static_cast<uint32_t>(hart.vector.vl);
      return;
    }
  }

  hw::rvv::Retired retired;

private:
  void updateAccess(const Op &op, const Hart &hart);
  static bool isPartNow(const Hart &hart) { return hart.vector.vl < hart.vector.vlmax; }

  static constexpr uint64_t always = ~uint64_t{0}; // no vtype
  enum class Changes : uint8_t { Nothing, Address, Length, VectorAccess };
  Changes changes = Changes::Nothing;
  bool isPart = false;
  uint64_t vtype = always;
};

} // namespace weft::iss
