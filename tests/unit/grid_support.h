// What the tests of the grid level share: models on disk, engines for packages, and small grid programs built by hand.
#pragma once

#include "compiler/place/Interpreter.h"
#include "compiler/place/Placer.h"
#include "hw-models/CoreModel.h"
#include "runtime/KernelLibrary.h"
#include "runtime/weights/Shard.h"
#include "sim/mesh/MeshEngine.h"
#include "tests/unit/xf_reference.h"

#include <catch2/catch.hpp>

#include <filesystem>

namespace weft::test {

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}
inline void take(Result<void> result) {
  if (!result)
    FAIL(result.error().message);
}

/// A folder of its own that goes away with the object.
struct TemporaryFolder {
  TemporaryFolder();
  ~TemporaryFolder();
  std::string path;
};

/// `model` as config.json and model.safetensors.
void writeModel(const TestModel &model, const std::string &folder);

/// The weights of `model` for the interpreter; refers to it.
place::WeightProvider provider(const TestModel &model);

/// A mesh engine in data mode with all that it refers to.
struct Engine {
  using Fill = std::function<Result<void>(uint32_t x, uint32_t y, std::span<std::byte> sram)>;
  Engine(const runtime::Package &package, const hw::Hardware &hardware, Fill fill);

  std::vector<float> run(const std::string &program, std::span<const int32_t> ids, uint32_t tokensInCache);
  /// Core (x, y)'s bytes of a resident buffer, as f32.
  std::vector<float> resident(const std::string &name, uint32_t x, uint32_t y);

  const runtime::Package &package;
  std::unique_ptr<hw::CoreModel> core;
  runtime::KernelLibrary kernels;
  std::unique_ptr<runtime::Device> device;
};

/// A placed module through spmd, route and plan to a package, with kernels for this machine.
std::unique_ptr<runtime::Package> compileGrid(mlir::ModuleOp placed, const place::Mesh &mesh,
                                              const frontend::WeightSource &weights, const hw::Hardware &hardware);
/// Fills a core with the package's weights, whose bytes are in memory, and constants; refers to the package.
Engine::Fill fillFrom(const runtime::Package &package,
                      std::function<std::span<const std::byte>(const std::string &name)> bytes);

/// A grid module under construction on one mesh. Inputs are weights with random values; what a test wants to see goes
/// into caches. Each function is a program of its own.
class GridProgram {
public:
  GridProgram(mlir::MLIRContext &context, int64_t width, int64_t height, bool interleave, int64_t maxSeq,
              uint32_t seed);

  void begin(const std::string &function);
  void end();

  grid::ShardAttr shard(grid::Axis axis, grid::ShardKind kind, int64_t local) const;
  grid::ShardAttr whole(int64_t extent) const;
  mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element, llvm::ArrayRef<grid::ShardAttr> dims,
                                grid::Axis partial = grid::Axis::None) const;
  /// A resident matrix with random values in the model, row blocks on y and column blocks on x unless `dims` say else.
  mlir::Value weight(const std::string &name, mlir::RankedTensorType type);
  /// A copy of what `from` holds on each core, in `type`, whose shards have as many elements.
  mlir::Value copied(mlir::Value from, mlir::RankedTensorType type);
  /// A cache `name` that takes the value; `rows`: only those in use.
  void keep(const std::string &name, mlir::Value value, bool rows = false);

  /// Element (row, column) of a weight as f32.
  float at(const std::string &weight, int64_t row, int64_t column) const;
  /// The module through spmd, route and plan to a package.
  std::unique_ptr<runtime::Package> compile(const hw::Hardware &hardware) const;
  Engine::Fill fill(const runtime::Package &package) const;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder builder;
  place::Mesh mesh;
  TestModel model;

private:
  void copyInto(mlir::Value from, mlir::Value to, bool rows);
  std::mt19937 random;
  int64_t maxSeq;
};

} // namespace weft::test
