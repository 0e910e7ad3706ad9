// Each op of the grid level by itself: the interpreter against what the op means for whole matrices, and the mesh
// engine against the interpreter, bit for bit on every core.
#include "tests/unit/grid_support.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"

#include <fmt/format.h>

using namespace mlir;
using namespace weft;
using namespace weft::test;
using grid::Axis;
using grid::ShardKind;

namespace {

struct Core {
  int64_t x, y, rankX, rankY;
};

constexpr int64_t rowsLocal = 3, columnsLocal = 10;

/// One mesh, one module, and for each cache what should be in it.
struct OpsTest {
  OpsTest(MLIRContext &context, int64_t width, int64_t height, bool interleave, uint32_t seed)
      : grid(context, width, height, interleave, rowsLocal * height, seed), mesh(grid.mesh), random(seed) {
    location = grid.builder.getUnknownLoc();
    tokens = pick(1, rowsLocal * height);
    rowsUsed = place::ceilDiv(tokens, height);
  }

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }
  Type f32() { return grid.builder.getF32Type(); }
  grid::ShardAttr block(Axis axis, int64_t local) { return grid.shard(axis, ShardKind::Block, local); }
  /// What core `c` has to hold in element `i` of the cache; nullopt: not said.
  using Expected = std::function<std::optional<double>(const Core &c, int64_t i)>;
  void begin(const std::string &name) {
    functions.push_back(name);
    grid.begin(name);
  }
  void keep(Value value, Expected expected, double tolerance, bool rows = false) {
    std::string cache = functions.back() + ".out" + std::to_string(expectations.size());
    grid.keep(cache, value, rows);
    expectations.push_back({functions.back(), cache, std::move(expected), tolerance});
  }

  void gemm(Type element, int64_t missingColumns);
  void gemv(int64_t levels, int64_t groups, bool inRouter = false);
  void allReduce(Axis axis, grid::ReduceKind kind, int64_t levels, int64_t groups, int64_t segment, int64_t segments,
                 bool inRouter = false);
  void shift(Axis axis, bool wrap);
  void ring(Axis axis, int64_t count);
  void toLayout(grid::RelayoutAlgo algo, int64_t missingColumns, bool inRouter = false);
  void view();
  void check();

  /// A random value [rows x columns] on every core, called `name`: element i of core c is valueAt(name, c, i).
  Value perCore(const std::string &name, RankedTensorType type) {
    int64_t height = rowsLocal * mesh.height, width = columnsLocal * mesh.width;
    auto source = grid.tensor({height, width}, f32(), {block(Axis::Y, rowsLocal), block(Axis::X, columnsLocal)});
    return grid.copied(grid.weight(name, source), type);
  }
  double valueAt(const std::string &name, const Core &c, int64_t i) {
    return grid.at(name, c.rankY * rowsLocal + i / columnsLocal, c.rankX * columnsLocal + i % columnsLocal);
  }
  Core coreAt(int64_t x, int64_t y) const { return {x, y, mesh.rankOfCoreX[x], mesh.rankOfCoreY[y]}; }
  /// The core at `position` of the line along `axis` that `c` lies on.
  Core onLine(const Core &c, Axis axis, int64_t position) const {
    return axis == Axis::X ? coreAt(position, c.y) : coreAt(c.x, position);
  }
  Core atRank(const Core &c, Axis axis, int64_t rank) const {
    return onLine(c, axis, axis == Axis::X ? mesh.coreOfRankX[rank] : mesh.coreOfRankY[rank]);
  }
  int64_t length(Axis axis) const { return axis == Axis::X ? mesh.width : mesh.height; }
  RankedTensorType localType(Axis partial) {
    if (partial == Axis::X)
      return grid.tensor({rowsLocal * mesh.height, columnsLocal}, f32(),
                         {block(Axis::Y, rowsLocal), grid.whole(columnsLocal)}, partial);
    if (partial == Axis::Y)
      return grid.tensor({rowsLocal, columnsLocal * mesh.width}, f32(),
                         {grid.whole(rowsLocal), block(Axis::X, columnsLocal)}, partial);
    return grid.tensor({rowsLocal * mesh.height, columnsLocal * mesh.width}, f32(),
                       {block(Axis::Y, rowsLocal), block(Axis::X, columnsLocal)});
  }

  struct Expectation {
    std::string function, cache;
    Expected expected;
    double tolerance;
  };
  GridProgram grid;
  const place::Mesh &mesh;
  std::mt19937 random;
  Location location = UnknownLoc::get(grid.builder.getContext());
  int64_t tokens = 1, rowsUsed = 1;
  std::vector<std::string> functions;
  std::vector<Expectation> expectations;
  std::map<std::string, std::function<double(int64_t)>> outputs; // by function
};

/// C = A * B as one product of matrices. `missingColumns`: A's shards end before their last block does.
void OpsTest::gemm(Type element, int64_t missingColumns) {
  std::string name = fmt::format("gemm{}", functions.size());
  begin(name);
  int64_t width = 2 * pick(1, 2), onX = mesh.blocksX * width, onY = mesh.blocksY * width, held = onX - missingColumns;
  int64_t rows = rowsLocal * mesh.height;
  auto aType = grid.tensor({rows, held * mesh.width}, f32(),
                           {grid.shard(Axis::Y, ShardKind::Sequence, rowsLocal), block(Axis::X, held)});
  auto source = grid.tensor({rows, held * mesh.width}, f32(), {block(Axis::Y, rowsLocal), block(Axis::X, held)});
  Value a = grid.copied(grid.weight(name + ".a", source), aType);
  Value b = grid.weight(name + ".b", grid.tensor({onY * mesh.height, columnsLocal * mesh.width}, element,
                                                 {block(Axis::Y, onY), block(Axis::X, columnsLocal)}));
  auto cType = grid.tensor({rows, columnsLocal * mesh.width}, f32(),
                           {grid.shard(Axis::Y, ShardKind::Sequence, rowsLocal), block(Axis::X, columnsLocal)});
  auto algo = mesh.interleave ? grid::GemmAlgo::MeshGemm : grid::GemmAlgo::Cannon;
  Value c = grid.builder.create<grid::GemmOp>(location, cType, a, b, algo);
  keep(
      c,
      [=, this](const Core &core, int64_t i) -> std::optional<double> {
        if (i / columnsLocal >= rowsUsed)
          return std::nullopt;
        double sum = 0;
        for (int64_t k = 0; k < onX * mesh.width; ++k)
          if (k % onX < held)
            sum += double(grid.at(name + ".a", core.rankY * rowsLocal + i / columnsLocal, k / onX * held + k % onX)) *
                   grid.at(name + ".b", k, core.rankX * columnsLocal + i % columnsLocal);
        return sum;
      },
      1e-5, true);
  grid.end();
}

void OpsTest::gemv(int64_t levels, int64_t groups, bool inRouter) {
  std::string name = fmt::format("gemv{}", functions.size());
  begin(name);
  int64_t onY = 2 * mesh.blocksY, all = onY * mesh.height;
  Value x = grid.weight(name + ".x", grid.tensor({1, all}, f32(), {grid.whole(1), block(Axis::Y, onY)}));
  Value w = grid.weight(name + ".w", grid.tensor({all, columnsLocal * mesh.width}, grid.builder.getBF16Type(),
                                                 {block(Axis::Y, onY), block(Axis::X, columnsLocal)}));
  auto type = grid.tensor({1, columnsLocal * mesh.width}, f32(), {grid.whole(1), block(Axis::X, columnsLocal)});
  Value y = grid.builder.create<grid::GemvOp>(location, type, x, w, levels, groups, inRouter);
  auto expected = [=, this](int64_t column) {
    double sum = 0;
    for (int64_t k = 0; k < all; ++k)
      sum += double(grid.at(name + ".x", 0, k)) * grid.at(name + ".w", k, column);
    return sum;
  };
  keep(y, [=](const Core &core, int64_t i) { return expected(core.rankX * columnsLocal + i); }, 1e-5);
  grid.builder.create<grid::OutputOp>(location, y, "logits", mlir::StringAttr(), mlir::DenseI64ArrayAttr());
  outputs[name] = expected;
  grid.end();
}

void OpsTest::allReduce(Axis axis, grid::ReduceKind kind, int64_t levels, int64_t groups, int64_t segment,
                        int64_t segments, bool inRouter) {
  std::string name = fmt::format("reduce{}", functions.size());
  begin(name);
  Value input = perCore(name, localType(axis));
  auto type = cast<RankedTensorType>(input.getType());
  auto result = grid.tensor(type.getShape(), f32(), grid::layoutOf(type).getDims());
  Value reduced = grid.builder.create<grid::AllReduceOp>(location, result, input, axis, kind, levels, groups, segment,
                                                         segments, inRouter);
  auto expected = [=, this](const Core &core, int64_t i) {
    int64_t position = axis == Axis::X ? core.x : core.y, from = 0, to = length(axis);
    if (segment) {
      if (position >= segment * segments)
        return valueAt(name, core, i); // takes no part
      from = position / segment * segment;
      to = from + segment;
    }
    double value = valueAt(name, onLine(core, axis, from), i);
    for (int64_t p = from + 1; p < to; ++p) {
      double other = valueAt(name, onLine(core, axis, p), i);
      value = kind == grid::ReduceKind::Add ? value + other : std::max(value, other);
    }
    return value;
  };
  keep(reduced, expected, kind == grid::ReduceKind::Add ? 1e-6 : 0);
  grid.end();
}

void OpsTest::shift(Axis axis, bool wrap) {
  std::string name = fmt::format("shift{}", functions.size());
  begin(name);
  Value input = perCore(name, localType(Axis::None));
  Value shifted = grid.builder.create<grid::ShiftOp>(location, input.getType(), input, axis, wrap);
  keep(
      shifted,
      [=, this](const Core &core, int64_t i) -> std::optional<double> {
        int64_t from = (axis == Axis::X ? core.rankX : core.rankY) + 1;
        if (from == length(axis) && !wrap)
          return std::nullopt;
        return valueAt(name, atRank(core, axis, from % length(axis)), i);
      },
      0);
  grid.end();
}

/// A loop that adds up the shards that come round the ring.
void OpsTest::ring(Axis axis, int64_t count) {
  std::string name = fmt::format("ring{}", functions.size());
  begin(name);
  RankedTensorType type = localType(Axis::None);
  Value start = perCore(name + ".start", type), sum = perCore(name + ".sum", type);
  auto index = [&](int64_t value) -> Value { return grid.builder.create<arith::ConstantIndexOp>(location, value); };
  auto loop = grid.builder.create<scf::ForOp>(location, index(0), index(count), index(1), ValueRange{start, sum});
  {
    OpBuilder::InsertionGuard guard(grid.builder);
    grid.builder.setInsertionPointToStart(loop.getBody());
    Value current = loop.getRegionIterArg(0);
    Value next = grid.builder.create<grid::ShiftOp>(location, type, current, axis, true);
    auto add = kernels::buildAdd(*grid.module, rowsLocal, columnsLocal);
    place::attachWork(*grid.module, add);
    Attribute rows = grid::ScalarAttr::get(grid.builder.getContext(), grid::ScalarKind::Constant, rowsLocal);
    auto call = grid.builder.create<grid::CallOp>(location, TypeRange(type), add.name, ValueRange(current),
                                                  ValueRange(loop.getRegionIterArg(1)), ArrayRef<int64_t>{1, 0},
                                                  grid.builder.getArrayAttr(rows), DenseI64ArrayAttr());
    grid.builder.create<scf::YieldOp>(location, ValueRange{next, call.getResult(0)});
  }
  auto come = [=, this](const Core &core, int64_t steps, int64_t i) {
    int64_t rank = axis == Axis::X ? core.rankX : core.rankY;
    return valueAt(name + ".start", atRank(core, axis, (rank + steps) % length(axis)), i);
  };
  keep(loop.getResult(0), [=](const Core &core, int64_t i) { return come(core, count, i); }, 0);
  keep(
      loop.getResult(1),
      [=, this](const Core &core, int64_t i) {
        double value = valueAt(name + ".sum", core, i);
        for (int64_t step = 0; step < count; ++step)
          value += come(core, step, i);
        return value;
      },
      1e-6);
  grid.end();
}

void OpsTest::toLayout(grid::RelayoutAlgo algo, int64_t missingColumns, bool inRouter) {
  std::string name = fmt::format("relayout{}", functions.size());
  begin(name);
  int64_t width = 2, onX = mesh.blocksX * width, onY = mesh.blocksY * width, held = onX - missingColumns;
  Value x = grid.weight(name, grid.tensor({1, held * mesh.width}, f32(), {grid.whole(1), block(Axis::X, held)}));
  auto type = grid.tensor({1, onY * mesh.height}, f32(), {grid.whole(1), block(Axis::Y, onY)});
  int64_t groups = pick(1, mesh.width);
  Value y =
      grid.builder.create<grid::ToLayoutOp>(location, type, x, algo, inRouter ? 1 : 2, inRouter ? 1 : groups, inRouter);
  keep(
      y,
      [=, this](const Core &core, int64_t i) {
        int64_t k = core.rankY * onY + i;
        return k % onX < held ? double(grid.at(name, 0, k / onX * held + k % onX)) : 0.0;
      },
      0);
  grid.end();
}

void OpsTest::view() {
  std::string name = fmt::format("view{}", functions.size());
  begin(name);
  Value input = perCore(name, localType(Axis::None));
  auto type = grid.tensor({2 * mesh.height, columnsLocal * mesh.width}, f32(),
                          {block(Axis::Y, 2), block(Axis::X, columnsLocal)});
  Value part = grid.builder.create<grid::ViewOp>(location, type, input, columnsLocal);
  keep(part, [=, this](const Core &core, int64_t i) { return valueAt(name, core, columnsLocal + i); }, 0);
  grid.end();
}

void OpsTest::check() {
  REQUIRE(succeeded(mlir::verify(*grid.module)));
  hw::Hardware hardware = take(hw::load("rvv-lab", {{"routing.reduce_stage", "2"}}));
  auto package = grid.compile(hardware);
  auto interpreter = take(place::GridInterpreter::create(*grid.module, provider(grid.model)));
  Engine engine(*package, hardware, grid.fill(*package));
  std::vector<int32_t> ids(tokens, 1);
  for (const std::string &function : functions) {
    CAPTURE(function);
    interpreter.reset();
    std::vector<float> onGrid = take(interpreter.run(function, ids));
    std::vector<float> onMesh = engine.run(function, ids, static_cast<uint32_t>(tokens));
    if (outputs.count(function)) {
      CHECK(onMesh == onGrid);
      for (size_t i = 0; i < onGrid.size(); ++i)
        CHECK(std::abs(onGrid[i] - outputs[function](int64_t(i))) <= 1e-5 * 4);
    }
    for (const Expectation &expectation : expectations) {
      if (expectation.function != function)
        continue;
      for (int64_t y = 0; y < mesh.height; ++y)
        for (int64_t x = 0; x < mesh.width; ++x) {
          CAPTURE(expectation.cache, x, y);
          auto actual = interpreter.cacheShard(expectation.cache, x, y);
          auto resident = engine.resident(expectation.cache, uint32_t(x), uint32_t(y));
          REQUIRE(!actual.empty());
          for (size_t i = 0; i < actual.size(); ++i) {
            auto expected = expectation.expected(coreAt(x, y), int64_t(i));
            if (!expected)
              continue;
            CAPTURE(i);
            REQUIRE(std::abs(actual[i] - *expected) <= expectation.tolerance * (1 + std::abs(*expected)));
            REQUIRE(resident[i] == actual[i]);
          }
        }
    }
  }
}

void testOps(int64_t width, int64_t height, bool interleave, uint32_t seed) {
  CAPTURE(width, height, interleave, seed);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  OpsTest test(context, width, height, interleave, seed);
  Builder builder(&context);
  test.gemm(builder.getF32Type(), 0);
  test.gemm(builder.getBF16Type(), 1);
  test.gemm(builder.getF16Type(), test.mesh.blocksX > 1 ? 2 : 0);
  for (auto [levels, groups] : {std::pair<int64_t, int64_t>(1, 1), {2, test.pick(1, height)}, {3, height}})
    test.gemv(levels, groups);
  test.gemv(1, 1, true);
  for (Axis axis : {Axis::X, Axis::Y})
    for (auto kind : {grid::ReduceKind::Add, grid::ReduceKind::Max}) {
      int64_t cores = test.length(axis), segment = test.pick(1, cores);
      test.allReduce(axis, kind, test.pick(1, 3), test.pick(1, cores), 0, 0);
      test.allReduce(axis, kind, test.pick(1, 2), test.pick(1, segment), segment, test.pick(1, cores / segment));
      test.allReduce(axis, kind, 1, 1, 0, 0, true);
      test.allReduce(axis, kind, 1, 1, segment, test.pick(1, cores / segment), true);
    }
  for (Axis axis : {Axis::X, Axis::Y})
    for (bool wrap : {false, true})
      test.shift(axis, wrap);
  for (int64_t count : {1, 2, 5})
    test.ring(count == 2 ? Axis::X : Axis::Y, count);
  if (width == height)
    test.toLayout(grid::RelayoutAlgo::Diagonal, 1);
  test.toLayout(grid::RelayoutAlgo::MaskedSum, 0);
  test.toLayout(grid::RelayoutAlgo::MaskedSum, 1);
  test.toLayout(grid::RelayoutAlgo::MaskedSum, 1, true);
  test.view();
  test.check();
}

} // namespace

/// `few`: both orders of ranks on some, one on the others.
static void checkRectangles(bool few) {
  enum Orders { Interleaved = 1, Plain = 2, Both = 3 };
  struct Rectangle {
    int64_t width, height;
    int orders;
  };
  uint32_t seed = 0;
  for (auto [width, height, orders] : {Rectangle{1, 1, Interleaved},
                                       {2, 3, Both},
                                       {5, 7, Both},
                                       {1, 4, Interleaved},
                                       {4, 1, Plain},
                                       {4, 4, Plain},
                                       {6, 4, Interleaved},
                                       {4, 6, Both}})
    for (int order : {Interleaved, Plain})
      if (++seed; !few || (orders & order))
        testOps(width, height, order == Interleaved, seed);
}

TEST_CASE("ops on rectangles, both orders of ranks", "[grid]") { checkRectangles(true); }

TEST_CASE("ops on each rectangle in both orders of ranks", "[.long]") { checkRectangles(false); }
