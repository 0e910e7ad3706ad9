// The oracle of the graph level: a function of `xf` ops, decomposed to linalg and run on this machine.
//
// It shares with the compiler only the ops and their decomposition, so it says what a graph means whatever the phases
// below it do.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::graph {

/// A weight's values: little-endian, row-major, of the type and shape its xf.param tells.
using WeightBytes = std::function<std::span<const std::byte>(const std::string &name)>;

/// One layer's cache: maxSeq x kvHeads x headDim values each. What lies beyond the tokens appended is not read.
struct HostCache {
  std::vector<float> keys, values;
};

class Interpreter {
public:
  /// Compiles `function` (forward, prefill or decode) of a module that GraphModule.h describes. The module is copied,
  /// not changed. Adds to the module's context the dialects and translations that lowering to LLVM needs.
  /// `observed`: results behind those, f32 with a row a token (observeExperts).
  static Result<Interpreter> create(mlir::ModuleOp module, const std::string &function = "forward",
                                    size_t observed = 0);

  Interpreter(Interpreter &&) noexcept;
  Interpreter &operator=(Interpreter &&) noexcept;
  ~Interpreter();

  /// Caches as `run` wants them for a fresh sequence: all zero.
  std::vector<HostCache> freshCaches() const;

  /// Runs one launch with the tokens `ids`, of which the first is token `position` of its sequence. `caches` hold the
  /// tokens before and get these appended. Returns the last token's logits; what is observed goes to `observed`.
  /// Errors: an id outside the vocabulary, more tokens than the cache has room for, a position other than 0 where the
  /// function has none, a weight whose size is not its type's.
  Result<std::vector<float>> run(std::span<const int32_t> ids, int64_t position, const WeightBytes &weights,
                                 std::vector<HostCache> &caches,
                                 std::vector<std::vector<float>> *observed = nullptr) const;

private:
  struct Program;
  explicit Interpreter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program;
};

} // namespace weft::graph
