// What kernels ask of the control of a vector engine, against counts made by hand from what each one computes.
#include "kernels/KernelBuilder.h"
#include "kernels/VectorControl.h"

#include <catch2/catch.hpp>

using namespace mlir;
using namespace weft::kernels;

namespace {

struct Counted {
  Counted() : module(ModuleOp::create(UnknownLoc::get(&context))) { context.loadDialect<func::FuncDialect>(); }

  /// {vectors, of these a row of m, descriptors, of these a row}
  std::array<int64_t, 4> operator()(const TileKernel &kernel) {
    VectorControl control = vectorControl(module->lookupSymbol<func::FuncOp>(kernel.name));
    return {control.vectors.base, control.vectors.perRow, control.descriptors.base, control.descriptors.perRow};
  }
  ModuleOp operator*() { return *module; }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
using Counts = std::array<int64_t, 4>;

} // namespace

TEST_CASE("an elementwise operation is one vector instruction, whatever its shape", "[control]") {
  Counted count;
  CHECK(count(buildZero(*count, 5, 7)) == Counts{1, 0, 1, 0});
  CHECK(count(buildAdd(*count, 5, 7)) == Counts{1, 0, 1, 0});
  CHECK(count(buildTranspose(*count, 5, 7)) == Counts{1, 0, 1, 0});
}

TEST_CASE("a product is a loop of vectors along its longer side", "[control]") {
  Counted count;
  // Rows of m: 11 outputs a vector, 7 * m vectors; a loop of them for each row, or for each k if fewer.
  CHECK(count(buildGemm(*count, 3, 7, 11, Element::F16)) == Counts{0, 7, 0, 1});
  // 29 rows at most are more than 11 columns: a vector of rows for each k and column.
  CHECK(count(buildGemm(*count, 29, 7, 11, Element::F32)) == Counts{77, 0, 7, 0});
  // One token: a vector for each row of the weights.
  CHECK(count(buildGemm(*count, 1, 40, 12, Element::F16)) == Counts{0, 40, 0, 1});
}

TEST_CASE("a sum of squares is a product and a sum; divisions and exponentials are none", "[control]") {
  Counted count;
  const Counts squares = count(buildSumSquares(*count, 1, 40));
  const Counts activation = count(buildActivation(*count, 2, 9, Activation::Silu));
  // Zeros, the products, their sum: a vector for each row.
  CHECK(squares == Counts{2, 1, 3, 0});
  // Of x / (1 + exp(-x)) the negation and the addition.
  CHECK(activation == Counts{2, 0, 2, 0});
}

TEST_CASE("loops count as often as they run, branches as the longer of two", "[control]") {
  Counted count;
  define(*count, "loops", {f32({4, 6})}, 2, [](KernelBody &b) {
    Value x = b.buffer(0), m = b.scalar(0);
    b.forEach(b.constant(3), [&](Value) { b.fill(x, 0.0); });
    b.forEach(m, [&](Value) { b.fill(x, 0.0); });
    b.when(
        b.equal(b.scalar(1), m), [&] { b.fill(x, 0.0); },
        [&] {
          b.fill(x, 0.0);
          b.fill(x, 1.0);
        });
  });
  CHECK(count({"loops", {}}) == Counts{5, 1, 5, 1});
}
