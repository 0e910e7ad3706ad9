// Algorithms on the event-driven engine: what they compute, on meshes of all shapes.
#include "algorithms_support.h"

#include "compiler/algorithms/Algorithm.h"
#include "compiler/algorithms/AutoTree.h"
#include "compiler/algorithms/TreeTiming.h"

using namespace weft;
using namespace weft::test;
using algorithms::Element;
using algorithms::Generated;
using algorithms::Kind;
using algorithms::Request;
using algorithms::Settings;

namespace {

hw::Hardware machine() { return take(hw::load("wse3")); }

Matrix product(const Matrix &a, const Matrix &b) {
  Matrix c = Matrix::zeros(a.rows, b.cols);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.cols; ++k)
      for (int64_t j = 0; j < b.cols; ++j)
        c.at(i, j) += a.at(i, k) * b.at(k, j);
  return c;
}

bool everyCore(uint32_t, uint32_t) { return true; }

Request request(Kind kind, std::string algorithm, uint32_t width, uint32_t height, std::vector<int64_t> shape,
                std::map<std::string, std::string> settings = {}) {
  return {kind, std::move(algorithm), width, height, std::move(shape), Element::F32, Settings(std::move(settings))};
}

struct Size {
  uint32_t width, height;
};

} // namespace

TEST_CASE("gemm multiplies on meshes of any shape", "[gemm]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{2, 2}, Size{3, 3}, Size{4, 4}, Size{5, 5}, Size{7, 7}, Size{1, 4},
                             Size{5, 1}, Size{2, 3}, Size{3, 2}, Size{6, 4}, Size{4, 6}, Size{2, 8}, Size{5, 3});
  const std::string algorithm = GENERATE("meshgemm", "cannon");
  const std::string buffers = GENERATE("0", "1");
  const int64_t m = 11, k = 29, n = 13; // no multiple of anything
  CAPTURE(mesh.width, mesh.height, algorithm, buffers);
  const hw::Hardware hardware = machine();
  Generated generated = take(algorithms::generate(
      request(Kind::Gemm, algorithm, mesh.width, mesh.height, {m, k, n}, {{"double_buffer", buffers}}), hardware));
  checkSound(generated);
  const Matrix a = Matrix::filled(m, k, 1), b = Matrix::filled(k, n, 2);
  checkValues(generated, hardware, {{"a", a}, {"b", b}}, {{"c", product(a, b)}}, everyCore);
}

TEST_CASE("what is far too large for the cores is refused, whatever its products come to", "[refused]") {
  const hw::Hardware hardware = machine();
  const int64_t most = int64_t{1} << 28;
  for (Kind kind : {Kind::Gemm, Kind::Gemv, Kind::AllReduce, Kind::Reduce, Kind::Broadcast, Kind::Shift,
                    Kind::DecodeLayer, Kind::PrefillLayer})
    for (const std::string &name : algorithms::algorithmNames(kind))
      for (uint32_t side : {1u, 2u, 7u}) {
        const bool three = algorithms::extentsOf(kind) == 3;
        std::vector<std::vector<int64_t>> shapes = {three ? std::vector{most, most, most} : std::vector{most, most}};
        for (size_t one = 0; three && one < 3; ++one) { // an extent that hardly takes room beside two that do
          shapes.push_back({most, most, most});
          shapes.back()[one] = 1;
        }
        for (const std::vector<int64_t> &shape : shapes) {
          if (kind == Kind::Shift && side == 1)
            continue; // has nowhere to go
          CAPTURE(nameOf(kind), name, side, shape);
          auto generated = algorithms::generate(request(kind, name, side, side, shape), hardware);
          REQUIRE(!generated);
          CHECK(generated.error().fault == Fault::User);
          CHECK_THAT(generated.error().message, Catch::Matchers::Contains("use a larger mesh"));
        }
      }
}

TEST_CASE("products are exact or the largest number", "[refused]") {
  const int64_t half = int64_t{1} << 32;
  CHECK(algorithms::product({}) == 1);
  CHECK(algorithms::product({half - 1, half + 1}) == ~uint64_t{0});
  CHECK(algorithms::product({half, half}) == ~uint64_t{0});
  CHECK(algorithms::product({half, half, 0}) == 0);
  CHECK(algorithms::product({3, 5, 7}) == 105);
}

TEST_CASE("a mesh whose sides make much padding is told so", "[gemm]") {
  const hw::Hardware hardware = machine();
  for (const std::string name : {"meshgemm", "cannon", "summa"}) {
    CAPTURE(name);
    auto notes = [&](uint32_t width, uint32_t height) {
      return take(algorithms::generate(request(Kind::Gemm, name, width, height, {64, 64, 64}), hardware)).facts.notes;
    };
    CHECK(notes(8, 8).empty());
    CHECK(notes(16, 4).empty());
    std::vector<std::string> uneven = notes(13, 11);
    REQUIRE(uneven.size() == 1);
    CHECK_THAT(uneven.front(), Catch::Matchers::Contains("K = 64 is padded to 143"));
  }
}

TEST_CASE("summa and all-gather multiply on meshes of any shape", "[gemm]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{2, 2}, Size{3, 3}, Size{5, 5}, Size{1, 4}, Size{5, 1}, Size{2, 3},
                             Size{6, 4}, Size{8, 2});
  const std::string algorithm = GENERATE("summa", "summa multicast", "summa relay", "allgather");
  const std::string name = algorithm.substr(0, algorithm.find(' '));
  const std::string how = algorithm == name ? "" : algorithm.substr(name.size() + 1);
  if (how == "relay" && mesh.width != mesh.height)
    return;
  const int64_t m = 7, k = 17, n = 9;
  CAPTURE(mesh.width, mesh.height, algorithm);
  const hw::Hardware hardware = machine();
  std::map<std::string, std::string> settings;
  if (!how.empty())
    settings["broadcast"] = how;
  Generated generated =
      take(algorithms::generate(request(Kind::Gemm, name, mesh.width, mesh.height, {m, k, n}, settings), hardware));
  checkSound(generated);
  const Matrix a = Matrix::filled(m, k, 1), b = Matrix::filled(k, n, 2);
  checkValues(generated, hardware, {{"a", a}, {"b", b}}, {{"c", product(a, b)}}, everyCore);
}

TEST_CASE("gemm-t multiplies by a transposed matrix", "[gemm]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{2, 2}, Size{3, 3}, Size{5, 5}, Size{1, 4}, Size{5, 1}, Size{2, 3},
                             Size{6, 4}, Size{4, 7}, Size{2, 9}, Size{3, 8});
  const int64_t m = 7, k = 17, n = 11;
  CAPTURE(mesh.width, mesh.height);
  const hw::Hardware hardware = machine();
  Generated generated =
      take(algorithms::generate(request(Kind::Gemm, "gemm-t", mesh.width, mesh.height, {m, k, n}), hardware));
  checkSound(generated);
  const Matrix a = Matrix::filled(m, k, 1), b = Matrix::filled(n, k, 2);
  Matrix transposed = Matrix::zeros(k, n);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j)
      transposed.at(i, j) = b.at(j, i);
  checkValues(generated, hardware, {{"a", a}, {"b", b}}, {{"c", product(a, transposed)}}, everyCore);
}

TEST_CASE("gemv multiplies and every row of cores has the result", "[gemv]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{2, 2}, Size{3, 5}, Size{4, 9}, Size{2, 16}, Size{3, 1}, Size{1, 7});
  const std::string algorithm = GENERATE("chain", "star", "tree", "two-phase", "ktree", "ring", "auto");
  CAPTURE(mesh.width, mesh.height, algorithm);
  const hw::Hardware hardware = machine();
  Generated generated =
      take(algorithms::generate(request(Kind::Gemv, algorithm, mesh.width, mesh.height, {23, 17}), hardware));
  checkSound(generated);
  const Matrix x = Matrix::filled(23, 1, 3), w = Matrix::filled(23, 17, 4);
  Matrix row = Matrix::zeros(1, 23);
  row.values = x.values;
  checkValues(generated, hardware, {{"x", x}, {"w", w}}, {{"y", product(row, w)}}, everyCore);
}

TEST_CASE("allreduce gives every core the sum of its lines", "[allreduce]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{1, 5}, Size{4, 1}, Size{3, 4}, Size{5, 7}, Size{2, 13}, Size{16, 2});
  const std::string algorithm = GENERATE("chain", "star", "tree", "two-phase", "ktree", "ring", "auto");
  const std::string axis = GENERATE("x", "y", "xy");
  const int64_t elements = GENERATE(1, 6);
  CAPTURE(mesh.width, mesh.height, algorithm, axis, elements);
  const hw::Hardware hardware = machine();
  Generated generated = take(algorithms::generate(
      request(Kind::AllReduce, algorithm, mesh.width, mesh.height, {1, elements}, {{"axis", axis}}), hardware));
  checkSound(generated);
  const auto w = int64_t{mesh.width}, h = int64_t{mesh.height};
  const Matrix v = Matrix::filled(w * h, elements, 5);
  Matrix sums = Matrix::zeros(w * h, elements);
  for (int64_t core = 0; core < w * h; ++core)
    for (int64_t other = 0; other < w * h; ++other) {
      const bool adds = axis == "xy" || (axis == "x" ? core / w == other / w : core % w == other % w);
      for (int64_t j = 0; adds && j < elements; ++j)
        sums.at(core, j) += v.at(other, j);
    }
  checkValues(generated, hardware, {{"v", v}}, {{"v", sums}}, everyCore);
}

TEST_CASE("ktree takes any number of groups and levels", "[allreduce]") {
  const uint32_t cores = GENERATE(2u, 3u, 8u, 13u, 20u);
  const int levels = GENERATE(1, 2, 3, 4);
  const int groups = GENERATE(0, 1, 2, 3, 7);
  std::map<std::string, std::string> settings = {{"k", std::to_string(levels)}};
  if (groups)
    settings["groups"] = std::to_string(groups);
  CAPTURE(cores, levels, groups);
  const hw::Hardware hardware = machine();
  auto generated = algorithms::generate(request(Kind::AllReduce, "ktree", 2, cores, {1, 5}, settings), hardware);
  const bool fits =
      (1u << levels) <= std::max(cores, 2u) && static_cast<uint32_t>(groups) <= cores && !(levels == 1 && groups);
  REQUIRE(static_cast<bool>(generated) == fits);
  if (!fits) {
    CHECK(generated.error().fault == Fault::User);
    return;
  }
  const Matrix v = Matrix::filled(2 * cores, 5, 7);
  Matrix sums = Matrix::zeros(2 * cores, 5);
  for (int64_t core = 0; core < v.rows; ++core)
    for (int64_t other = core % 2; other < v.rows; other += 2)
      for (int64_t j = 0; j < 5; ++j)
        sums.at(core, j) += v.at(other, j);
  checkValues(*generated, hardware, {{"v", v}}, {{"v", sums}}, everyCore);
}

TEST_CASE("trees take what is predicted", "[reduce]") {
  const int cores = GENERATE(2, 3, 7, 16, 33, 64);
  const int64_t words = GENERATE(1, 4, 40);
  const std::string algorithm = GENERATE("chain", "tree", "ktree", "auto");
  hw::Hardware hardware = machine();
  auto generated = take(
      algorithms::generate(request(Kind::Reduce, algorithm, 1, static_cast<uint32_t>(cores), {1, words}), hardware));
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, nullptr));
  const auto ran = take(device->run({.program = "reduce", .tokensInCache = 1, .inputs = {}}));
  algorithms::ReductionTree tree = algorithm == "chain"  ? algorithms::chainTree(cores)
                                   : algorithm == "tree" ? algorithms::binaryTree(cores)
                                   : algorithm == "auto" ? algorithms::autoReduceTree(cores, words, hardware, 24).tree
                                                         : take(algorithms::kTree(cores, cores > 3 ? 2 : 1, {0}));
  CAPTURE(cores, words, algorithm);
  CHECK(ran.report.cycles == static_cast<uint64_t>(algorithms::timeTree(tree, words, hardware)));
}

TEST_CASE("broadcast gives all cores what the first of their line has", "[broadcast]") {
  const auto mesh = GENERATE(Size{1, 1}, Size{1, 5}, Size{4, 1}, Size{3, 4}, Size{5, 7});
  const std::string algorithm = GENERATE("multicast", "chain");
  const std::string axis = GENERATE("x", "y", "xy");
  CAPTURE(mesh.width, mesh.height, algorithm, axis);
  const hw::Hardware hardware = machine();
  Generated generated = take(algorithms::generate(
      request(Kind::Broadcast, algorithm, mesh.width, mesh.height, {3, 2}, {{"axis", axis}}), hardware));
  checkSound(generated);
  const auto w = int64_t{mesh.width}, h = int64_t{mesh.height};
  const Matrix v = Matrix::filled(w * h, 6, 8);
  Matrix copies = Matrix::zeros(w * h, 6);
  for (int64_t core = 0; core < w * h; ++core)
    for (int64_t j = 0; j < 6; ++j)
      copies.at(core, j) = v.at(axis == "xy" ? 0 : axis == "x" ? core / w * w : core % w, j);
  checkValues(generated, hardware, {{"v", v}}, {{"v", copies}}, everyCore);
}

TEST_CASE("shift moves a tile along x", "[shift]") {
  const auto mesh = GENERATE(Size{2, 1}, Size{5, 2}, Size{9, 3});
  const uint32_t hops = GENERATE(1u, 2u, 4u);
  const std::string algorithm = GENERATE("relay", "direct");
  if (hops >= mesh.width)
    return;
  CAPTURE(mesh.width, mesh.height, hops, algorithm);
  const hw::Hardware hardware = machine();
  Generated generated = take(algorithms::generate(
      request(Kind::Shift, algorithm, mesh.width, mesh.height, {2, 3}, {{"hops", std::to_string(hops)}}), hardware));
  checkSound(generated);
  const auto w = int64_t{mesh.width}, h = int64_t{mesh.height};
  const Matrix v = Matrix::filled(w * h, 6, 9);
  Matrix moved = v;
  for (int64_t core = 0; core < w * h; ++core)
    for (int64_t j = 0; core % w >= hops && j < 6; ++j)
      moved.at(core, j) = v.at(core - hops, j);
  // Cores without a sender keep nothing that counts.
  checkValues(generated, hardware, {{"v", v}}, {{"v", moved}}, [&](uint32_t x, uint32_t) { return x >= hops; });
}
