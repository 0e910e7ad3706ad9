// A call of a tile kernel in a core's SRAM: operands with guards around them, filled for timing or at random. Internal
// to explore/tune.
#pragma once

#include "compiler/codegen/KernelTrials.h"
#include "explore/tune/Subject.h"
#include "hw-models/Hardware.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace weft::explore {

class KernelCall {
public:
  /// `kernel` outlives it.
  KernelCall(const codegen::TrialKernel &kernel, const hw::Hardware &hardware, std::vector<int64_t> scalars);

  bool fits() const { return needed <= bytes.size(); }
  /// As docs/program-model.md measures kernels: zeros, and launch words for the most work.
  void fillProbe();
  /// Finite numbers in all buffers, anything between them. Launch words are those of the probe: which rows are in use
  /// is no matter of chance.
  void fillRandom(uint64_t seed);

  std::span<std::byte> sram() { return bytes; }
  std::span<const uint32_t> operands() const { return places; }
  std::span<const int64_t> scalars() const { return arguments; }

  /// The first byte that differs, in words.
  std::optional<std::string> differenceFrom(const KernelCall &other) const;
  /// Of a product of real numbers: C against double precision, within the roundings of its sums. Nothing for others.
  std::optional<Verdict> checkProduct(int64_t rows) const;

private:
  void fillLaunch();

  const codegen::TrialKernel *kernel;
  std::vector<int64_t> arguments;
  std::vector<uint32_t> places;
  uint64_t needed = 0;
  std::vector<std::byte> bytes, before; // before: as filled at random
};

/// A row, two and three, about half of them, all but one, and all: full tiles and several remainders, not every one.
std::vector<int64_t> rowsToVerify(int64_t most);

} // namespace weft::explore
