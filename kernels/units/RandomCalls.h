// Random calls of vector instructions, drawn from their descriptions: what the tests of the simulator and the
// co-simulation feed to units. The same seed gives the same calls everywhere.
#pragma once

#include "kernels/units/OperandClasses.h"
#include "kernels/units/Units.h"

#include <random>
#include <vector>

namespace weft::units {

/// A legal call that owns its operands. Not copied, since `call` points into it.
struct RandomCall {
  RandomCall() = default;
  RandomCall(const RandomCall &) = delete;
  RandomCall &operator=(const RandomCall &) = delete;
  RandomCall(RandomCall &&) = default;
  RandomCall &operator=(RandomCall &&) = default;

  VectorCall call;
  const Form *form = nullptr;
  int lmulLog2 = 0;
  /// Register groups as call's pointers have them, and their numbers of registers; empty if there is no such operand.
  std::vector<std::byte> vd, vs2, vs1, mask;
  uint32_t vdRegisters = 0, vs2Registers = 0, vs1Registers = 0;
  /// What the elements were drawn from, an index of classesOf(); `mixed` if each element was drawn for itself.
  size_t vdClass = 0, vs2Class = 0, thirdClass = 0;
  static constexpr size_t mixed = ~size_t{0};
};

class RandomCalls {
public:
  /// `instruction` is a vector unit's. VLEN is 128 to 1024 and a power of two.
  RandomCalls(const Instruction &instruction, uint32_t vlenBits, uint64_t seed);
  RandomCall next();

private:
  size_t below(size_t limit) { return static_cast<size_t>(random() % limit); }
  int drawLmul(uint32_t sewBits);
  std::vector<std::byte> drawGroup(ElementType type, uint32_t registers, size_t &cls);
  void drawLength(RandomCall &out);

  const Instruction &instruction;
  uint32_t vlenBits;
  std::mt19937_64 random;
};

} // namespace weft::units
