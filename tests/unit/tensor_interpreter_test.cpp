// The oracle of tensor programs, on programs whose results are plain.
#include "compiler/graph/TensorInterpreter.h"

#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

using namespace weft;
using graph::TensorInterpreter;

namespace {

struct Parsed {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  explicit Parsed(const std::string &text) {
    context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::index::IndexDialect,
                        mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                        mlir::tensor::TensorDialect, xf::XfDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    REQUIRE(module);
  }
};

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

template <typename T> std::span<const std::byte> bytesOf(const std::vector<T> &values) {
  return std::as_bytes(std::span(values));
}
template <typename T> std::vector<T> valuesOf(const std::vector<std::byte> &bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

} // namespace

TEST_CASE("a tensor program of several inputs and outputs, with a weight") {
  Parsed parsed(R"(
    func.func @main(%a: tensor<2x3xf32> {xf.name = "a", xf.dtype = "float32"}, %n: tensor<i64> {xf.name = "n"})
        -> (tensor<2x2xf32> {xf.name = "y"}, tensor<2x3xi1> {xf.name = "positive", xf.dtype = "bool"}, tensor<i64>) {
      %w = xf.param "w" : tensor<3x2xf32>
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<2x2xf32>
      %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x2xf32>) -> tensor<2x2xf32>
      %y = linalg.matmul ins(%a, %w : tensor<2x3xf32>, tensor<3x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
      %bits = tensor.empty() : tensor<2x3xi1>
      %p = linalg.map ins(%a : tensor<2x3xf32>) outs(%bits : tensor<2x3xi1>) (%x: f32) {
        %c = arith.cmpf ogt, %x, %zero : f32
        linalg.yield %c : i1
      }
      %v = tensor.extract %n[] : tensor<i64>
      %twice = arith.addi %v, %v : i64
      %m = tensor.from_elements %twice : tensor<i64>
      return %y, %p, %m : tensor<2x2xf32>, tensor<2x3xi1>, tensor<i64>
    })");
  auto program = take(TensorInterpreter::create(*parsed.module));
  REQUIRE(program.inputs().size() == 2);
  CHECK(program.inputs()[0].name == "a");
  CHECK(program.inputs()[0].dtype == "float32");
  CHECK(program.inputs()[1].shape.empty());
  CHECK(program.outputs()[1].bytes() == 6);
  std::vector<float> a = {1, -2, 3, 4, 5, -6}, w = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> n = {21};
  auto results =
      take(program.run(std::vector{bytesOf(a), bytesOf(n)}, [&](const std::string &) { return bytesOf(w); }));
  CHECK(valuesOf<float>(results[0]) == std::vector<float>{10, 12, -11, -8});
  CHECK(valuesOf<uint8_t>(results[1]) == std::vector<uint8_t>{1, 0, 1, 1, 1, 0});
  CHECK(valuesOf<int64_t>(results[2]) == std::vector<int64_t>{42});
  CHECK(!program.run(std::vector{bytesOf(a)}));
  CHECK(!program.run(std::vector{bytesOf(a), bytesOf(a)}));
}

TEST_CASE("16-bit floats round as they should, loops and concatenation run") {
  Parsed parsed(R"(
    func.func @main(%a: tensor<2xf16>, %b: tensor<2xbf16>, %d: tensor<2xf64>)
        -> (tensor<2xf16>, tensor<2xbf16>, tensor<4xf64>, tensor<0x2xf32>) {
      %e = tensor.empty() : tensor<2xf16>
      %x = linalg.map { math.exp } ins(%a : tensor<2xf16>) outs(%e : tensor<2xf16>)
      %f = tensor.empty() : tensor<2xbf16>
      %y = linalg.map { arith.addf } ins(%b, %b : tensor<2xbf16>, tensor<2xbf16>) outs(%f : tensor<2xbf16>)
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c3 = arith.constant 3 : index
      %z = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %d) -> tensor<2xf64> {
        %g = tensor.empty() : tensor<2xf64>
        %u = linalg.map { math.asinh } ins(%t : tensor<2xf64>) outs(%g : tensor<2xf64>)
        scf.yield %u : tensor<2xf64>
      }
      %zz = tensor.concat dim(0) %z, %d : (tensor<2xf64>, tensor<2xf64>) -> tensor<4xf64>
      %none = tensor.empty() : tensor<0x2xf32>
      return %x, %y, %zz, %none : tensor<2xf16>, tensor<2xbf16>, tensor<4xf64>, tensor<0x2xf32>
    })");
  auto program = take(TensorInterpreter::create(*parsed.module));
  std::vector<uint16_t> a = {0x3c00, 0x0000}, b = {0x3f80, 0xc040}; // 1, 0; 1, -3
  std::vector<double> d = {1.5, -2};
  auto results = take(program.run(std::vector{bytesOf(a), bytesOf(b), bytesOf(d)}));
  CHECK(valuesOf<uint16_t>(results[0]) == std::vector<uint16_t>{0x4170, 0x3c00}); // 2.71875, 1
  CHECK(valuesOf<uint16_t>(results[1]) == std::vector<uint16_t>{0x4000, 0xc0c0});
  auto z = valuesOf<double>(results[2]);
  CHECK(z[0] == Approx(std::asinh(std::asinh(std::asinh(1.5)))));
  CHECK(z[3] == -2);
  CHECK(results[3].empty());
}
