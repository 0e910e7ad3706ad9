// Kernels from functions on tensors, against plain loops, on the host and on cores.
#include "general_support.h"

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

TEST_CASE("sums, products and reductions of tensors are kernels", "[kernels]") {
  Suite suite;
  GeneralKernel add = buildGeneral(suite, R"(
    func.func @add(%a: tensor<3x5xf32>, %b: tensor<3x5xf32>) -> tensor<3x5xf32> {
      %0 = arith.addf %a, %b : tensor<3x5xf32>
      %1 = arith.mulf %0, %b : tensor<3x5xf32>
      return %1 : tensor<3x5xf32>
    })");
  GeneralKernel product = buildGeneral(suite, R"(
    func.func @product(%a: tensor<3x7xf32>, %b: tensor<7x19xf32>) -> tensor<3x19xf32> {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<3x19xf32>
      %0 = linalg.fill ins(%zero : f32) outs(%empty : tensor<3x19xf32>) -> tensor<3x19xf32>
      %1 = linalg.matmul ins(%a, %b : tensor<3x7xf32>, tensor<7x19xf32>) outs(%0 : tensor<3x19xf32>) -> tensor<3x19xf32>
      return %1 : tensor<3x19xf32>
    })");
  GeneralKernel sum = buildGeneral(suite, R"(
    func.func @sum(%a: tensor<3x37xf32>) -> tensor<3xf32> {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<3xf32>
      %0 = linalg.fill ins(%zero : f32) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
      %1 = linalg.reduce { arith.addf } ins(%a : tensor<3x37xf32>) outs(%0 : tensor<3xf32>) dimensions = [1]
      return %1 : tensor<3xf32>
    })");
  REQUIRE(add.scratchBytes == 0);
  REQUIRE(product.scratchBytes == 0);
  REQUIRE(sum.scratchBytes == 0);
  REQUIRE(product.work.macs.base == 3 * 7 * 19);
  suite.compile();
  std::mt19937 random(1);
  Buffer<float> a(15, random), b(15, random), c(15);
  suite.call(add, {}, a, b, c);
  for (size_t i = 0; i < 15; ++i)
    REQUIRE(c[i] == (a[i] + b[i]) * b[i]);
  Buffer<float> x(21, random), y(7 * 19, random), z(3 * 19);
  suite.call(product, {}, x, y, z);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 19; ++j) {
      double exact = 0;
      for (size_t k = 0; k < 7; ++k)
        exact += double(x[i * 7 + k]) * y[k * 19 + j];
      REQUIRE(z[i * 19 + j] == Approx(exact).margin(1e-5));
    }
  Buffer<float> v(3 * 37, random), s(3);
  suite.call(sum, {}, v, s);
  for (size_t i = 0; i < 3; ++i) {
    double exact = 0;
    for (size_t j = 0; j < 37; ++j)
      exact += v[i * 37 + j];
    REQUIRE(s[i] == Approx(exact).margin(1e-5));
  }
}
