// The data-moving ops of the grid level on shard buffers, each as Grid.td defines it. Internal to the interpreter.
#pragma once

#include "compiler/place/Geometry.h"
#include "compiler/place/Interpreter.h"
#include "dialects/grid/GridDialect.h"

#include <memory>

namespace weft::place {

/// One buffer a core. Views share their operand's buffers.
struct Shards {
  struct Storage {
    int64_t bytesPerCore = 0;
    std::vector<std::byte> data;
  };
  std::shared_ptr<Storage> storage;
  mlir::RankedTensorType type;
  int64_t offset = 0; // bytes

  /// Element bytes and elements of a core's shard.
  int64_t elementBytes() const { return type.getElementTypeBitWidth() / 8; }
  int64_t elements() const;
  std::byte *at(int64_t core) const { return storage->data.data() + core * storage->bytesPerCore + offset; }
  float *floats(int64_t core) const { return reinterpret_cast<float *>(at(core)); }
};

/// The mesh as a place for values: core (x, y) has the number y * width + x.
class GridMachine {
public:
  explicit GridMachine(const Mesh &mesh) : mesh(mesh) {}

  int64_t cores() const { return mesh.width * mesh.height; }
  int64_t core(int64_t x, int64_t y) const { return y * mesh.width + x; }

  /// Every byte `fill`; 0xff makes NaNs and negative ids.
  Shards allocate(mlir::RankedTensorType type, std::byte fill = std::byte{0xff}) const;

  Result<Shards> weight(grid::WeightOp op, const WeightProvider &weights) const;
  Result<Shards> experts(grid::ExpertsOp op, const WeightProvider &weights) const;
  Shards constant(grid::ConstantOp op) const;
  Shards ropeTable(grid::RopeTableOp op) const;
  Shards launch(grid::LaunchOp op, std::span<const int32_t> words) const;
  Shards gemm(grid::GemmOp op, const Shards &a, const Shards &b, int64_t rows) const;
  Result<Shards> gemv(grid::GemvOp op, const Shards &x, const Shards &w) const;
  Result<Shards> allReduce(grid::AllReduceOp op, const Shards &input) const;
  Shards shift(grid::ShiftOp op, const Shards &input) const;
  Shards toLayout(grid::ToLayoutOp op, const Shards &input) const;
  std::vector<float> output(grid::OutputOp op, const Shards &input) const;

  const Mesh mesh;

private:
  struct Tree {
    int64_t levels = 1, groups = 1, segment = 0, segments = 0;
    bool inRouter = false;
  };
  Result<void> reduceLines(Shards &values, grid::Axis axis, grid::ReduceKind kind, const Tree &tree) const;
  HeadLayout headLayout(std::optional<llvm::ArrayRef<int64_t>> heads) const;
  int64_t rankOf(grid::Axis axis, int64_t x, int64_t y) const;
  /// Which element of the whole dimension is element `i` of core (x, y)'s shard; -1: padding.
  int64_t indexOf(grid::ShardAttr shard, int64_t extent, const HeadLayout &heads, int64_t x, int64_t y,
                  int64_t i) const;
};

} // namespace weft::place
