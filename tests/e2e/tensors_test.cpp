// Tensor programs through the whole chain on odd meshes, against their interpretation at the graph level.
#include "tests/e2e/Tensors.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <numbers>
#include <unistd.h>

using namespace weft;
using namespace weft::test;

namespace {

const MeshSize meshes[] = {{1, 1}, {3, 2}, {4, 4}, {5, 3}};

void checkOn(TensorCase &program, MeshSize mesh, const std::vector<Bytes> &inputs, double rtol = 1e-5,
             double atol = 1e-6) {
  INFO("mesh " << nameOf(mesh));
  std::vector<Bytes> expected = program.interpret(inputs), seen = program.run(mesh, inputs);
  REQUIRE(seen.size() == expected.size());
  for (size_t i = 0; i < seen.size(); ++i)
    checkClose(seen[i], expected[i], program.outputs()[i].dtype, rtol, atol);
}

void check(const std::string &text, bool wild = false) {
  for (MeshSize mesh : meshes) {
    TensorCase program(text);
    std::mt19937 random(7);
    checkOn(program, mesh, randomInputs(program.inputs(), random, wild));
  }
}

} // namespace

TEST_CASE("elementwise ops, several inputs and outputs of several types") {
  check(R"(
    func.func @main(%a: tensor<7x5xf32> {xf.name = "a", xf.dtype = "float32"},
                    %b: tensor<5xf32> {xf.name = "b", xf.dtype = "float32"},
                    %n: tensor<3xi64> {xf.name = "n", xf.dtype = "int64"})
        -> (tensor<7x5xf32> {xf.name = "sum", xf.dtype = "float32"}, tensor<7x5xi1> {xf.name = "more", xf.dtype = "bool"},
            tensor<3xi64> {xf.name = "twice", xf.dtype = "int64"}, tensor<f64> {xf.name = "c", xf.dtype = "float64"}) {
      %e = tensor.empty() : tensor<7x5xf32>
      %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%a, %b : tensor<7x5xf32>, tensor<5xf32>) outs(%e : tensor<7x5xf32>) {
        ^bb0(%x: f32, %y: f32, %o: f32):
          %z = arith.addf %x, %y : f32
          linalg.yield %z : f32
      } -> tensor<7x5xf32>
      %f = tensor.empty() : tensor<7x5xi1>
      %m = linalg.map ins(%a, %s : tensor<7x5xf32>, tensor<7x5xf32>) outs(%f : tensor<7x5xi1>) (%x: f32, %y: f32) {
        %c = arith.cmpf olt, %x, %y : f32
        linalg.yield %c : i1
      }
      %t = arith.addi %n, %n : tensor<3xi64>
      %c = arith.constant dense<2.5> : tensor<f64>
      return %s, %m, %t, %c : tensor<7x5xf32>, tensor<7x5xi1>, tensor<3xi64>, tensor<f64>
    })");
}

TEST_CASE("matrix products, reductions and transpositions") {
  const std::string text = R"(
    func.func @main(%a: tensor<9x14xf32> {xf.name = "a", xf.dtype = "float32"},
                    %b: tensor<14x11xf32> {xf.name = "b", xf.dtype = "float32"})
        -> (tensor<9x11xf32> {xf.dtype = "float32"}, tensor<11x9xf32> {xf.dtype = "float32"},
            tensor<9xf32> {xf.dtype = "float32"}, tensor<f32> {xf.dtype = "float32"}, tensor<11xf32> {xf.dtype = "float32"}) {
      %zero = arith.constant 0.0 : f32
      %least = arith.constant 0xff800000 : f32
      %e = tensor.empty() : tensor<9x11xf32>
      %i = linalg.fill ins(%zero : f32) outs(%e : tensor<9x11xf32>) -> tensor<9x11xf32>
      %c = linalg.matmul ins(%a, %b : tensor<9x14xf32>, tensor<14x11xf32>) outs(%i : tensor<9x11xf32>) -> tensor<9x11xf32>
      %f = tensor.empty() : tensor<11x9xf32>
      %t = linalg.transpose ins(%c : tensor<9x11xf32>) outs(%f : tensor<11x9xf32>) permutation = [1, 0]
      %g = tensor.empty() : tensor<9xf32>
      %h = linalg.fill ins(%zero : f32) outs(%g : tensor<9xf32>) -> tensor<9xf32>
      %r = linalg.reduce {arith.addf} ins(%c : tensor<9x11xf32>) outs(%h : tensor<9xf32>) dimensions = [1]
      %k = tensor.empty() : tensor<f32>
      %l = linalg.fill ins(%zero : f32) outs(%k : tensor<f32>) -> tensor<f32>
      %s = linalg.reduce {arith.addf} ins(%r : tensor<9xf32>) outs(%l : tensor<f32>) dimensions = [0]
      %m = tensor.empty() : tensor<11xf32>
      %n = linalg.fill ins(%least : f32) outs(%m : tensor<11xf32>) -> tensor<11xf32>
      %x = linalg.reduce {arith.maximumf} ins(%t : tensor<11x9xf32>) outs(%n : tensor<11xf32>) dimensions = [1]
      return %c, %t, %r, %s, %x : tensor<9x11xf32>, tensor<11x9xf32>, tensor<9xf32>, tensor<f32>, tensor<11xf32>
    })";
  check(text);
}

TEST_CASE("slices, padding, concatenation and reshapes, also of infinities and NaN") {
  check(R"(
    func.func @main(%a: tensor<6x10xf32> {xf.dtype = "float32"}, %n: tensor<1xi64> {xf.dtype = "int64"})
        -> (tensor<3x4xf32> {xf.dtype = "float32"}, tensor<8x10xf32> {xf.dtype = "float32"},
            tensor<6x20xf32> {xf.dtype = "float32"}, tensor<60xf32> {xf.dtype = "float32"},
            tensor<2x3x10xf32> {xf.dtype = "float32"}, tensor<1x10xf32> {xf.dtype = "float32"},
            tensor<6x10xf32> {xf.dtype = "float32"}, tensor<0x4xf32> {xf.dtype = "float32"}) {
      %zero = arith.constant 1.5 : f32
      %0 = tensor.extract_slice %a[1, 2] [3, 4] [2, 1] : tensor<6x10xf32> to tensor<3x4xf32>
      %1 = tensor.pad %a low[2, 0] high[0, 0] {
        ^bb0(%i: index, %j: index):
          tensor.yield %zero : f32
      } : tensor<6x10xf32> to tensor<8x10xf32>
      %2 = tensor.concat dim(1) %a, %a : (tensor<6x10xf32>, tensor<6x10xf32>) -> tensor<6x20xf32>
      %3 = tensor.collapse_shape %a [[0, 1]] : tensor<6x10xf32> into tensor<60xf32>
      %4 = tensor.expand_shape %a [[0, 1], [2]] output_shape [2, 3, 10] : tensor<6x10xf32> into tensor<2x3x10xf32>
      %c0 = arith.constant 0 : index
      %c5 = arith.constant 5 : i64
      %v = tensor.extract %n[%c0] : tensor<1xi64>
      %w = arith.minsi %v, %c5 : i64
      %at = arith.index_cast %w : i64 to index
      %5 = tensor.extract_slice %a[%at, 0] [1, 10] [1, 1] : tensor<6x10xf32> to tensor<1x10xf32>
      %6 = tensor.insert_slice %5 into %a[0, 0] [1, 10] [1, 1] : tensor<1x10xf32> into tensor<6x10xf32>
      %7 = tensor.extract_slice %a[0, 0] [0, 4] [1, 1] : tensor<6x10xf32> to tensor<0x4xf32>
      return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<3x4xf32>, tensor<8x10xf32>, tensor<6x20xf32>, tensor<60xf32>,
          tensor<2x3x10xf32>, tensor<1x10xf32>, tensor<6x10xf32>, tensor<0x4xf32>
    })",
        true);
}

TEST_CASE("gathers, loops and constants") {
  check(R"(
    func.func @main(%table: tensor<8x6xf32> {xf.dtype = "float32"}, %ids: tensor<5xi64> {xf.dtype = "int64"},
                    %n: tensor<i64> {xf.dtype = "int64"})
        -> (tensor<5x6xf32> {xf.dtype = "float32"}, tensor<8x6xf32> {xf.dtype = "float32"}, tensor<3xf32> {xf.dtype = "float32"}) {
      %e = tensor.empty() : tensor<5x6xf32>
      %g = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%ids : tensor<5xi64>) outs(%e : tensor<5x6xf32>) {
        ^bb0(%id: i64, %o: f32):
          %row = arith.index_cast %id : i64 to index
          %column = linalg.index 1 : index
          %v = tensor.extract %table[%row, %column] : tensor<8x6xf32>
          linalg.yield %v : f32
      } -> tensor<5x6xf32>
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %bound = tensor.extract %n[] : tensor<i64>
      %times = arith.index_cast %bound : i64 to index
      %loop = scf.for %i = %c0 to %times step %c1 iter_args(%t = %table) -> tensor<8x6xf32> {
        %u = arith.addf %t, %table : tensor<8x6xf32>
        scf.yield %u : tensor<8x6xf32>
      }
      %k = arith.constant dense<[1.0, 2.0, 4.0]> : tensor<3xf32>
      return %g, %loop, %k : tensor<5x6xf32>, tensor<8x6xf32>, tensor<3xf32>
    })");
}

TEST_CASE("a table that is looked up in by its own values") {
  check(R"(
    func.func @main(%t: tensor<7xi64> {xf.dtype = "int64"}) -> (tensor<7xi64> {xf.dtype = "int64"}) {
      %c7 = arith.constant 7 : i64
      %e = tensor.empty() : tensor<7xi64>
      %g = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%t : tensor<7xi64>) outs(%e : tensor<7xi64>) {
        ^bb0(%id: i64, %o: i64):
          %r = arith.remui %id, %c7 : i64
          %row = arith.index_cast %r : i64 to index
          %v = tensor.extract %t[%row] : tensor<7xi64>
          linalg.yield %v : i64
      } -> tensor<7xi64>
      return %g : tensor<7xi64>
    })");
}

TEST_CASE("one positive half of each core") {
  check(R"(
    func.func @main(%a: tensor<4x4xf16> {xf.dtype = "float16"}) -> (tensor<4x4xf16> {xf.dtype = "float16"}) {
      %zero = arith.constant 0.0 : f16
      %e = tensor.empty() : tensor<4x4xf16>
      %y = linalg.map ins(%a : tensor<4x4xf16>) outs(%e : tensor<4x4xf16>) (%x: f16) {
        %c = arith.cmpf ogt, %x, %zero : f16
        %s = arith.select %c, %x, %zero : f16
        linalg.yield %s : f16
      }
      return %y : tensor<4x4xf16>
    })");
}

TEST_CASE("calls, tiles, and gathers and scatters of slices") {
  check(R"(
    func.func private @twice(%x: tensor<7x6xf32>) -> tensor<7x6xf32> {
      %y = arith.addf %x, %x : tensor<7x6xf32>
      return %y : tensor<7x6xf32>
    }
    func.func @main(%a: tensor<7x6xf32> {xf.dtype = "float32"}, %n: tensor<2x3x1xi64> {xf.dtype = "int64"},
                    %u: tensor<2x3x6xf32> {xf.dtype = "float32"})
        -> (tensor<7x6xf32> {xf.dtype = "float32"}, tensor<2x2x4x3xf32> {xf.dtype = "float32"},
            tensor<7x6xf32> {xf.dtype = "float32"}, tensor<2x3x6xf32> {xf.dtype = "float32"},
            tensor<2x3x1x6xf32> {xf.dtype = "float32"}, tensor<7x6xf32> {xf.dtype = "float32"}) {
      %t = call @twice(%a) : (tensor<7x6xf32>) -> tensor<7x6xf32>
      %pad = arith.constant 0.5 : f32
      %d = tensor.empty() : tensor<2x2x4x3xf32>
      %p = tensor.pack %a padding_value(%pad : f32) inner_dims_pos = [0, 1] inner_tiles = [4, 3] into %d
          : tensor<7x6xf32> -> tensor<2x2x4x3xf32>
      %e = tensor.empty() : tensor<7x6xf32>
      %q = tensor.unpack %p inner_dims_pos = [0, 1] inner_tiles = [4, 3] into %e : tensor<2x2x4x3xf32> -> tensor<7x6xf32>
      %six = arith.constant dense<6> : tensor<2x3x1xi64>
      %m = arith.minui %n, %six : tensor<2x3x1xi64>
      %g = tensor.gather %a[%m] gather_dims([0]) : (tensor<7x6xf32>, tensor<2x3x1xi64>) -> tensor<2x3x6xf32>
      %h = tensor.gather %a[%m] gather_dims([0]) : (tensor<7x6xf32>, tensor<2x3x1xi64>) -> tensor<2x3x1x6xf32>
      %s = tensor.scatter %u into %a[%m] scatter_dims([0]) unique
          : (tensor<2x3x6xf32>, tensor<7x6xf32>, tensor<2x3x1xi64>) -> tensor<7x6xf32>
      return %t, %p, %q, %g, %h, %s : tensor<7x6xf32>, tensor<2x2x4x3xf32>, tensor<7x6xf32>, tensor<2x3x6xf32>,
          tensor<2x3x1x6xf32>, tensor<7x6xf32>
    })");
}

TEST_CASE("a sine of f64 that is rounded to f32 is right to some units near multiples of pi") {
  for (const char *function : {"sin", "cos"}) {
    TensorCase program(fmt::format(R"(
      func.func @main(%a: tensor<24xf64> {{xf.dtype = "float64"}}) -> (tensor<24xf32> {{xf.dtype = "float32"}}) {{
        %y = math.{} %a : tensor<24xf64>
        %z = arith.truncf %y : tensor<24xf64> to tensor<24xf32>
        return %z : tensor<24xf32>
      }})",
                                   function));
    Bytes angles(24 * sizeof(double));
    for (int i = 0; i < 24; ++i) {
      const double angle = (i - 12) * 0.5 * std::numbers::pi + (i % 3 - 1) * 1e-9;
      std::memcpy(&angles[size_t(i) * sizeof(double)], &angle, sizeof(double));
    }
    checkOn(program, {3, 2}, {angles}, 3e-7, 0);
  }
}

TEST_CASE("functions that calls make huge are refused by name") {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("weft-calls-{}.mlir", getpid());
  std::ofstream file(path);
  const int depth = 30;
  for (int i = 0; i <= depth; ++i) {
    const std::string callee = i == depth ? "math.exp %a :" : fmt::format("call @f{}(%a) :", i + 1);
    const std::string again = i == depth ? "math.exp %b :" : fmt::format("call @f{}(%b) :", i + 1);
    const std::string type = i == depth ? "tensor<8xf32>" : "(tensor<8xf32>) -> tensor<8xf32>";
    file << fmt::format("func.func {}(%a: tensor<8xf32> {{xf.dtype = \"float32\"}}) -> (tensor<8xf32> {{xf.dtype = "
                        "\"float32\"}}) {{\n  %b = {} {}\n  %c = {} {}\n  return %c : tensor<8xf32>\n}}\n",
                        i == 0 ? "@main" : fmt::format("private @f{}", i), callee, type, again, type);
  }
  file.close();
  compiler::CompileOptions options;
  options.model = path.string();
  options.hardware = take(hw::load("rvv-mesh-16", {}));
  options.meshWidth = options.meshHeight = 2;
  auto compiled = compiler::compile(options);
  std::filesystem::remove(path);
  REQUIRE(!compiled);
  CHECK(compiled.error().message.find(path.string() + ": @") != std::string::npos);
  CHECK(compiled.error().message.find("has more than 1048576 ops") != std::string::npos);
}

TEST_CASE("tensors of which no core can hold its part are the user's to make smaller") {
  for (const char *type : {"tensor<2147483648xi8>", "tensor<2x1073741823xf32>"}) {
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("weft-large-{}.mlir", getpid());
    std::ofstream(path) << fmt::format(
        "func.func @main(%a: {0} {{xf.name = \"a\"}}) -> {0} {{\n  return %a : {0}\n}}\n", type);
    compiler::CompileOptions options;
    options.model = path.string();
    options.hardware = take(hw::load("rvv-mesh-16", {}));
    auto compiled = compiler::compile(options);
    std::filesystem::remove(path);
    REQUIRE(!compiled);
    CHECK(compiled.error().fault == Fault::User);
    CHECK(compiled.error().message.find(fmt::format("{}: a: this input, '{}', is too large", path.string(), type)) ==
          0);
    CHECK(compiled.error().message.find("2^31") != std::string::npos);
  }
}
