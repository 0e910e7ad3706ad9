// Which instructions products are made of, and that no loop runs out of registers, for tiles of every size.
#include "kernels_support.h"

#include "compiler/codegen/CheckFrames.h"
#include "compiler/codegen/Disassembler.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

hw::Isa isaOf(const std::string &text) {
  auto parsed = hw::parseIsa(text);
  REQUIRE(parsed);
  return *parsed;
}

pkg::KernelObjectT compileFor(mlir::ModuleOp module, const hw::Isa &isa) {
  auto object = codegen::compileCoreKernels(module, {isa});
  if (!object)
    FAIL(object.error().message);
  return std::move(*object);
}

/// The code of all kernels of a suite as text.
std::string textFor(mlir::ModuleOp module, const std::string &isa) {
  auto text = codegen::disassemble(compileFor(module, isaOf(isa)), "");
  REQUIRE(text);
  return *text;
}

bool has(const std::string &text, const char *instruction) { return text.find(instruction) != std::string::npos; }

/// Some kernel of some size.
void buildRandom(mlir::ModuleOp module, std::mt19937 &random) {
  auto pick = [&](int64_t low, int64_t high) { return low + static_cast<int64_t>(random() % (high - low + 1)); };
  int64_t rows = pick(1, 9), k = pick(1, 80), n = pick(0, 3) ? pick(1, 100) : pick(1, 600);
  Element element = allElements[pick(0, 2)], narrow = allElements[pick(1, 2)];
  AttentionShape s{.rows = rows,
                   .kvHeads = pick(1, 3),
                   .group = pick(1, 4),
                   .width = 2 * pick(1, 20),
                   .ranks = pick(1, 5),
                   .capacity = 16,
                   .tokens = 64,
                   .scale = 0.125};
  int64_t blocks = (k + 31) / 32 * 32;
  switch (pick(0, 17)) {
  case 0:
  case 1:
    buildGemm(module, rows, k, n, element);
    break;
  case 2:
  case 3:
    buildGemmNarrow(module, rows, k, n, narrow);
    break;
  case 4:
    buildGemmInt8(module, rows, k, n);
    break;
  case 5:
    buildGemmBlocks(module, rows, blocks, n, BlockFormat::Q8);
    break;
  case 6:
    buildGemmBlocks(module, rows, blocks, n, BlockFormat::Q4);
    break;
  case 7:
    buildGate(module, rows, n, Activation::Silu);
    break;
  case 8:
    buildRmsScale(module, rows, n, 256, 1e-5, element);
    break;
  case 9:
    buildAdd(module, rows, n);
    buildSumSquares(module, rows, n);
    break;
  case 10:
    buildFlashScores(module, s, pick(1, 8));
    buildFlashUpdate(module, s, pick(1, 8));
    break;
  case 12:
    buildActivation(module, rows, n, static_cast<Activation>(pick(0, 2)));
    break;
  case 13:
    buildGate(module, rows, n, static_cast<Activation>(pick(0, 2)));
    break;
  case 14:
    buildLayerScale(module, rows, n, n, 1e-5, element);
    buildTranspose(module, rows, n);
    break;
  case 15:
    buildSoftmax(module, rows, n);
    break;
  case 16:
    buildExpSum(module, {.rows = rows, .n = n, .extent = n + pick(0, n)});
    buildSoftmaxFinish(module, rows, n);
    break;
  case 17:
    buildCenteredSquares(module, {.rows = rows, .n = n, .extent = n + pick(0, n)});
    buildRowMax(module, {.rows = rows, .n = n, .extent = n + pick(0, n)});
    break;
  default:
    s.rows = s.capacity;
    buildDecodeScores(module, s);
    buildDecodeWeighted(module, s);
    break;
  }
}

} // namespace

TEST_CASE("narrow products use widening multiply-adds where the core has them") {
  for (int64_t rows : {1, 7}) {
    Suite half, bf16, both;
    buildGemmNarrow(*half, rows, 30, 88, Element::F16);
    buildGemmNarrow(*bf16, rows, 30, 88, Element::BF16);
    buildGemmNarrow(*both, rows, 30, 88, Element::F16);
    buildGemmNarrow(*both, rows, 30, 88, Element::BF16);
    // A core with both extensions has both kinds, and widens nothing first.
    std::string text = textFor(*both, "rv64gcv_zvl256b_zfh_zvfh_zvfbfwma");
    CHECK((has(text, "vfwmacc.vf") && has(text, "vfwmaccbf16.vf")));
    CHECK((!has(text, "vfwcvt") && !has(text, "vfmacc") && !has(text, "vfmadd") && !has(text, "fcvt.s")));
    text = textFor(*half, "rv64gcv_zvl256b_zvfh");
    CHECK((has(text, "vfwmacc.vf") && !has(text, "vfwcvt.f.f.v")));
    text = textFor(*bf16, "rv64gcv_zvl256b_zvfbfwma");
    CHECK((has(text, "vfwmaccbf16.vf") && !has(text, "vfwcvtbf16")));
    // Cores that only convert, and cores with nothing of it.
    text = textFor(*half, "rv64gcv_zvl256b_zfhmin_zvfhmin");
    CHECK((has(text, "vfwcvt.f.f.v") && !has(text, "vfwmacc")));
    text = textFor(*bf16, "rv64gcv_zvl256b_zfbfmin_zvfbfmin");
    CHECK((has(text, "vfwcvtbf16.f.f.v") && !has(text, "vfwmaccbf16")));
    text = textFor(*both, "rv64gcv_zvl256b");
    CHECK((!has(text, "vfw") && has(text, "vzext.vf2") && has(text, ".vf")));
  }
}

TEST_CASE("integer products and block weights keep to the instructions made for them") {
  Suite bytes, blocks;
  buildGemmInt8(*bytes, 7, 30, 88);
  std::string text = textFor(*bytes, "rv64gcv_zvl256b");
  CHECK((has(text, "vwmacc.vx") && has(text, "vsext.vf2") && !has(text, "vmul") && !has(text, "vwmul")));
  buildGemmBlocks(*blocks, 1, 64, 88, BlockFormat::Q8);
  text = textFor(*blocks, "rv64gcv_zvl256b_zvfhmin");
  CHECK((has(text, "vsext.vf4") && has(text, "vfcvt.f.x.v") && !has(text, "vsext.vf2")));
}

TEST_CASE("an operation without an instruction here is left to LLVM, with its function") {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::memref::MemRefDialect,
                      mlir::linalg::LinalgDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    #id = affine_map<(i) -> (i)>
    func.func @odd(%x: memref<40xi32>, %y: memref<40xi8>, %w: memref<40xbf16>, %z: memref<40xf32>)
        attributes {weft.kernel} {
      linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%x : memref<40xi32>) outs(%y : memref<40xi8>) {
      ^bb0(%a: i32, %b: i8):
        %t = arith.trunci %a : i32 to i8
        linalg.yield %t : i8
      }
      linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
          ins(%w : memref<40xbf16>) outs(%z : memref<40xf32>) {
      ^bb0(%a: bf16, %b: f32):
        %e = arith.extf %a : bf16 to f32
        %s = arith.addf %b, %e : f32
        linalg.yield %s : f32
      }
      return
    })",
                                                        &context);
  REQUIRE(module);
  // What this core has together LLVM selects wrongly by itself (CoreTarget.cpp).
  std::string text = textFor(*module, "rv64gcv_zvl256b_zvfh_zvfbfwma");
  CHECK((has(text, "vnsrl.wi") && has(text, "vfwcvtbf16.f.f.v")));
}

static void checkLoops(uint32_t seed, int count) {
  constexpr const char *extensions[] = {"",          "_zfhmin",           "_zfh_zvfh",     "_zfhmin_zvfhmin",
                                        "_zvfbfwma", "_zfbfmin_zvfbfmin", "_zvfh_zvfbfwma"};
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    Suite suite;
    buildRandom(*suite, random);
    std::string name =
        fmt::format("rv64gcv_zvl{}b{}", 128U << random() % 4, extensions[random() % std::size(extensions)]);
    hw::Isa isa = isaOf(name);
    pkg::KernelObjectT object = compileFor(*suite, isa); // an error if there is no way without
    auto code = runtime::readCoreCode(object);
    REQUIRE(code);
    auto spills = codegen::findLoopSpills(*code, isa);
    REQUIRE(spills);
    INFO(name);
    for (const codegen::LoopSpill &spill : *spills)
      FAIL_CHECK(spill.message);
  }
}

TEST_CASE("no inner loop of any kernel at any size keeps its tile on the stack") { checkLoops(20, 120); }

TEST_CASE("no inner loop of many kernels of all sizes keeps its tile on the stack", "[.long]") { checkLoops(21, 2000); }

TEST_CASE("short dot products load at a stride, and rows counted at run time are the vector length") {
  AttentionShape s{
      .rows = 12, .kvHeads = 2, .group = 2, .width = 6, .ranks = 3, .capacity = 12, .tokens = 36, .scale = 0.5};
  for (const char *isa : {"rv64gcv_zvl128b", "rv64gcv_zvl512b"}) {
    INFO(isa);
    Suite suite;
    buildFlashScores(*suite, s, 9);
    buildDecodeScores(*suite, s);
    buildSumSquares(*suite, 12, 6);
    std::string text = textFor(*suite, isa);
    CHECK(has(text, "vlse32.v"));
    // Neither masks nor sums across lanes.
    CHECK((!has(text, "v0.t") && !has(text, "vslidedown") && !has(text, "vluxei") && !has(text, "vmerge")));
    Suite update;
    buildFlashUpdate(*update, s, 9);
    buildDecodeWeighted(*update, s);
    text = textFor(*update, isa);
    CHECK((has(text, "vid.v") && !has(text, "vluxei")));
  }
}

TEST_CASE("the runner of the replay is named exactly") {
  CHECK(ReplayCore::runnerNamed("qemu") == CoreRunner::Qemu);
  CHECK(ReplayCore::runnerNamed("simulator") == CoreRunner::Simulator);
  for (const char *name : {"", "Simulator", "simulato", "qemu "})
    CHECK(!ReplayCore::runnerNamed(name));
}
