// Kernels with custom units: the host's bits are the golden model's, and a core's code has the instructions.
#include "compiler/codegen/CoreKernels.h"
#include "compiler/codegen/Disassembler.h"
#include "compiler/codegen/Passes.h"
#include "kernels/units/Exp.h"
#include "kernels_reference.h"

#include <bit>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

float golden(float x) { return std::bit_cast<float>(units::expBinary32(std::bit_cast<uint32_t>(x))); }

/// Lets all kernels of a suite use the unit exp.
void useExp(mlir::ModuleOp module) {
  mlir::Builder builder(module.getContext());
  for (auto function : module.getOps<mlir::func::FuncOp>())
    function->setAttr(codegen::unitsAttribute, builder.getStrArrayAttr({"exp"}));
}

std::string codeOf(mlir::ModuleOp module, const std::string &isa) {
  auto parsed = hw::parseIsa(isa);
  REQUIRE(parsed);
  auto object = codegen::compileCoreKernels(module, {*parsed});
  if (!object)
    FAIL(object.error().message);
  auto text = codegen::disassemble(*object, "");
  REQUIRE(text);
  return *text;
}

size_t count(const std::string &text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++found;
  return found;
}

const char *const everyLength[] = {"rv64gcv_zvl128b_xweftdot_xweftexp", "rv64gcv_zvl256b_zvfh_xweftdot_xweftexp",
                                   "rv64gcv_zvl1024b_xweftdot_xweftexp"};

} // namespace

TEST_CASE("exponentials are those of the unit", "[units]") {
  for (int64_t n : {1, 3, 8, 13, 40, 130}) {
    constexpr int64_t rows = 9;
    Suite suite;
    TileKernel kernel = buildExpSum(*suite, {.rows = rows, .n = n, .extent = n});
    useExp(*suite);
    suite.compile();
    std::mt19937 random(31);
    Buffer<float> x(rows * n, random, -120, 100), largest(rows, random, -3, 3), sum(rows);
    Buffer<float> expected = x;
    for (int64_t i = 0; i < rows * n; ++i)
      expected[i] = golden(x[i] - largest[i / n]);
    suite.call(kernel, {rows, 0}, x, largest, sum);
    INFO(kernel.name);
    REQUIRE(x.sameBits(expected));
  }
}

TEST_CASE("special values of exp are the unit's", "[units]") {
  std::vector<float> values = {0.0F,
                               -0.0F,
                               INFINITY,
                               -INFINITY,
                               NAN,
                               88.72F,
                               88.73F,
                               -103.97F,
                               -103.98F,
                               -87.4F,
                               std::numeric_limits<float>::denorm_min(),
                               -1e30F,
                               1e30F,
                               1.0F};
  const auto n = static_cast<int64_t>(values.size());
  Suite suite;
  TileKernel kernel = buildExpSum(*suite, {.rows = 1, .n = n, .extent = n});
  useExp(*suite);
  suite.compile();
  Buffer<float> x(values.size()), largest(1), sum(1);
  std::copy(values.begin(), values.end(), x.begin());
  suite.call(kernel, {1, 0}, x, largest, sum);
  for (int64_t i = 0; i < n; ++i) {
    INFO(values[i]);
    REQUIRE(std::bit_cast<uint32_t>(x[i]) == std::bit_cast<uint32_t>(golden(values[i])));
  }
}

TEST_CASE("activations, attention and softmax with the unit are what they are with its exp", "[units]") {
  constexpr int64_t rows = 5, n = 44;
  Suite suite;
  TileKernel gate = buildGate(*suite, rows, n, Activation::Silu),
             tanh = buildActivation(*suite, rows, n, Activation::GeluTanh);
  TileKernel softmax = buildSoftmax(*suite, rows, n);
  useExp(*suite);
  suite.compile();
  std::mt19937 random(32);
  Buffer<float> gu(rows * 2 * n, random, -20, 20), h(rows * n), x(rows * n, random, -5, 5), given = x;
  suite.call(gate, {rows}, gu, h);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < n; ++j) {
      float g = gu[i * 2 * n + j], up = gu[i * 2 * n + n + j];
      REQUIRE(h[i * n + j] == g / (golden(-g) + 1.0F) * up);
    }
  suite.call(tanh, {rows}, x);
  for (int64_t i = 0; i < rows * n; ++i) {
    double exact = given[i] / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (given[i] + 0.044715 * std::pow(given[i], 3))));
    REQUIRE(std::abs(x[i] - exact) <= 0x1p-20 * (1 + std::abs(given[i])) * std::abs(given[i]));
  }
  Buffer<float> p = given, largest(rows), sum(rows);
  suite.call(softmax, {rows}, p, largest, sum);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < n; ++j)
      REQUIRE(p[i * n + j] == golden(given[i * n + j] - largest[i]) / sum[i]);
}

TEST_CASE("a core with units runs their instructions", "[unit-code]") {
  for (const char *isa : everyLength) {
    INFO(isa);
    Suite suite;
    buildGemmQuantised(*suite, 8, 32, 40, ByteOrder::Words);
    buildSoftmax(*suite, 8, 40);
    buildGate(*suite, 8, 40, Activation::Silu);
    useExp(*suite);
    std::string code = codeOf(*suite, isa);
    INFO(code);
    CHECK(count(code, "vqdot.vx") > 0);
    CHECK(count(code, "wf.vexp.v\t") > 0);
    CHECK(count(code, "wf.vexpsub.vf") > 0);
    CHECK(count(code, "sf.vc") + count(code, "vslideup") == 0);
    CHECK(count(code, ".word") == 0);
    auto text = codegen::assembleCoreKernels(*suite, {*hw::parseIsa(isa)});
    REQUIRE(text);
    CHECK(count(*text, "vqdot.vx\t") > 0);
    CHECK(count(*text, "vslideup") == 0);
  }
}

TEST_CASE("every kernel compiles with units", "[unit-code]") {
  const std::vector<int64_t> tileRows[] = {{4, 1}, {4}, {1}};
  for (size_t i = 0; i < std::size(everyLength); ++i) {
    const char *isa = everyLength[i];
    Suite suite;
    buildModelKernels(*suite, tileRows[i]);
    useExp(*suite);
    // Which keys are in a window is told by comparisons that have no instruction beside a unit's.
    (*suite).walk([](mlir::func::FuncOp kernel) {
      if (kernel.getName().contains("_window"))
        kernel->removeAttr(codegen::unitsAttribute);
    });
    std::string code = codeOf(*suite, isa);
    CHECK(count(code, "wf.vexp") > 0);
    CHECK(count(code, "sf.vc") == 0);
  }
}

TEST_CASE("a core without units has none of their instructions, and kernels that want exp are refused", "[unit-code]") {
  Suite suite;
  buildGemmQuantised(*suite, 8, 32, 40, ByteOrder::Words);
  buildSoftmax(*suite, 8, 40);
  std::string code = codeOf(*suite, "rv64gcv_zvl256b");
  CHECK(count(code, "vqdot") + count(code, "vexp") + count(code, ".word") == 0);
  useExp(*suite);
  auto object = codegen::compileCoreKernels(*suite, {*hw::parseIsa("rv64gcv_zvl256b_xweftdot")});
  REQUIRE(!object);
  CHECK(object.error().message.find("is for cores with the unit exp") != std::string::npos);
}
