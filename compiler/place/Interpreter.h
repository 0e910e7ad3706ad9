// The oracle of the grid level: runs a placed module on every core of a mesh, one op after the other.
//
// A value is one shard buffer a core. `grid.call` runs the tile kernel natively on each core's shards; every op that
// moves data is executed as Grid.td defines it, from compiler/place/Geometry.h alone, so that the phases below have
// something to agree with. Sums have the order of the fabric: blocks of K as `grid.gemm` meets them, all-reduces along
// the chains of the K-tree. What an op leaves open (`grid.empty`, rows beyond those in use, the last rank after a shift
// without wrap) is NaN here, so that nobody reads it unseen.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"
#include "runtime/package/PackageFile.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::place {

/// The model's tensors: what is known of one, and its bytes as stored (little-endian, row-major).
struct WeightProvider {
  std::function<const frontend::WeightInfo *(const std::string &name)> find;
  std::function<std::span<const std::byte>(const std::string &name)> bytes;
};

class GridInterpreter {
public:
  /// Takes a copy of `placed`, a module as `--place` leaves it, and compiles its kernels for this machine, or takes
  /// those of `compiled`, a package that was made of it. `weights` must outlive the interpreter. Errors: no mesh, a
  /// kernel that does not compile or is not in the package, an op that is not of this level.
  static Result<GridInterpreter> create(mlir::ModuleOp placed, WeightProvider weights,
                                        const runtime::Package *compiled = nullptr);

  GridInterpreter(GridInterpreter &&) noexcept;
  GridInterpreter &operator=(GridInterpreter &&) noexcept;
  ~GridInterpreter();

  /// Runs @prefill on empty caches, then @decode token by token. The result is what `grid.output` gives the host.
  Result<std::vector<float>> prefill(std::span<const int32_t> ids);
  Result<std::vector<float>> decode(int32_t id);
  /// Runs any function, with `ids` behind the tokens cached so far.
  Result<std::vector<float>> run(const std::string &function, std::span<const int32_t> ids);
  /// Empties the caches.
  void reset();

  /// Core (x, y)'s part of the cache `name` after the launches so far; empty if no launch met it.
  std::vector<float> cacheShard(const std::string &name, int64_t x, int64_t y) const;

private:
  struct Program;
  explicit GridInterpreter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program;
};

} // namespace weft::place
