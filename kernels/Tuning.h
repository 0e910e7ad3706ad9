// What may be chosen about the machine code of a tile kernel, declared beside the kernels: how its loops are written
// for a core, with the values that make sense there. No choice changes a result: kernels/README.md fixes the order of
// every sum. Plain C++.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::kernels {

/// Values of knobs by name; a knob that is absent is left to the compiler.
using Tuning = std::map<std::string, int64_t>;

/// "group=4 rows=8"; "as compiled" if nothing is set.
std::string toText(const Tuning &tuning);
/// The same backwards. Errors: an unknown knob, no number. Whether the values make sense is the space's to say.
Result<Tuning> parseTuning(std::string_view text);

/// The vector registers of a core.
struct TuningCore {
  int64_t registerBytes = 32, registers = 32, longestGroup = 8;
};

/// A kernel by its symbol: gemm_r8_k64_n96_f16 is kind "gemm", suffix "f16", extents r, k, n.
struct KernelShape {
  std::string kind, suffix;
  std::map<std::string, int64_t> extents;

  /// Of the extent, or 0.
  int64_t of(const std::string &name) const;
  std::string symbol() const;
  bool operator==(const KernelShape &) const = default;
};
/// Symbols of all kernels have this form; a part that is no extent belongs to kind or suffix.
KernelShape parseSymbol(const std::string &symbol);

struct Knob {
  std::string name, meaning;
  std::vector<int64_t> values; // beside leaving it to the compiler
};

/// The knobs of a kernel on a core, in the order in which they are declared.
struct TuningSpace {
  KernelShape shape;
  TuningCore core;
  std::vector<Knob> knobs;

  /// Whether all values are declared and the tile fits the register file and the extents; knobs that change nothing are
  /// left out.
  bool allows(const Tuning &tuning) const;
};
TuningSpace tuningSpace(const KernelShape &shape, const TuningCore &core);

/// All knobs there are, for documents and checks of names.
const std::vector<Knob> &knobs();

/// Instructions of the kernel's hot loops for a call with all rows under `tuning`, by what they take a core: the
/// terms that a model of its cost weighs. Only of products.
struct LoopCounts {
  double vectorLoads = 0;      // beats of a register
  double products = 0;         // beats of a register
  double scalarLoads = 0;      // instructions
  double instructions = 0;     // vector instructions
  double steps = 0;            // passes of the loop
  double tiles = 0;            // entries of the loop
  double accumulatorMoves = 0; // beats of loads and stores of sums
};
std::optional<LoopCounts> loopCounts(const TuningSpace &space, const Tuning &tuning);

} // namespace weft::kernels
