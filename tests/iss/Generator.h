// Random streams of legal instructions.
#pragma once

#include "tests/iss/Random.h"
#include "tests/iss/Stream.h"
#include "tests/iss/VectorShape.h"

#include <functional>
#include <optional>

namespace weft::isstest {

/// The instructions that streams are made of. Branches, compressed instructions and those that set CSRs and vtype are
/// always among them.
struct Selection {
  std::vector<const Row *> scalar, arithmetic, memory;
};
/// All that qemu has, or those of them that `accepts` wants.
Selection select(const std::function<bool(const Row &)> &accepts = {});

/// A stream of about `length` units; the same for the same arguments on every host.
Stream generate(uint64_t seed, unsigned vlenBits, unsigned length, const Selection &selection);

/// The contents of the memory that all streams share: the index tables and the page at the edge.
std::vector<std::byte> indexTables();
std::vector<std::byte> edgePage();

/// What the parts of the generator share.
struct Generator {
  Random random;
  unsigned vlenBits;
  const Selection &selection;
  unsigned floatBytes = 8;    // width of most scalar floats of this stream
  VectorSetting setting = {}; // as the instructions before have left it
  bool mayConfigure = true;   // not inside a branch or loop: the setting after it would not be known
  bool mayUseLoopRegister = true;

  unsigned destination();
  unsigned source() { return static_cast<unsigned>(random.below(32)); }
  unsigned addressRegister() { return static_cast<unsigned>(random.between(5, 29)); }
  unsigned vector() { return static_cast<unsigned>(random.below(32)); }
  const Row &randomRow(const std::vector<const Row *> &list) { return *list[random.below(list.size())]; }

  const Row &scalarRow();
  Unit scalar();
  Unit compressed();
  Unit control();
  Unit configuration();
  std::optional<Unit> vectorArithmetic();
  std::optional<Unit> vectorMemory();
  Unit plain();
  Unit any(unsigned depth);

  /// `addi` that makes `base` point into the scratch memory such that [low, high) around it stays inside.
  uint32_t scratchAddress(unsigned base, int32_t low, int32_t high, int32_t alignment);
  /// vset* to exactly this setting.
  void appendConfiguration(std::vector<uint32_t> &words, const VectorSetting &wanted);

  /// Now and then: reads the accrued exceptions and clears them, so that one set already does not hide one not set.
  void appendFlagsRead(std::vector<uint32_t> &words);

private:
  void appendMemory(std::vector<uint32_t> &words, const Row &row, const VectorShape &shape, unsigned fields,
                    const VectorRegisters &registers, bool masked);
  /// Words that bring about a setting at which the instruction is legal, if the present one is not.
  std::optional<VectorShape> prepare(std::vector<uint32_t> &words, const Row &row, unsigned fields);
};

} // namespace weft::isstest
