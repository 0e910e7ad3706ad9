// The object itself: the same bytes each time, nothing it depends on, and what its inner loops look like.
#include "kernels_support.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

TEST_CASE("an object is the same bytes each time and describes its kernels") {
  Suite first, second;
  buildModelKernels(*first);
  buildModelKernels(*second);
  buildModelKernels(*second); // a kernel is built once
  std::clock_t start = std::clock();
  first.compile();
  double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  second.compile();
  REQUIRE(first.image == second.image);

  auto kernels = codegen::describeKernels(*first);
  INFO(kernels.size() << " kernels: " << seconds << " CPU s, " << first.image.size() << " bytes");
  std::set<std::string> names;
  for (const auto &kernel : kernels)
    names.insert(kernel->name);
  REQUIRE(names.size() == kernels.size());
  auto gemm = buildGemm(*first, 4, 16, 64, Element::BF16);
  for (const auto &kernel : kernels)
    if (kernel->name == gemm.name)
      REQUIRE(kernel->operand_bytes == std::vector<uint32_t>{4 * 16 * 4, 16 * 64 * 2, 4 * 64 * 4});
  std::string text(first.image.begin(), first.image.end());
  REQUIRE(text.find(std::filesystem::temp_directory_path().string() + "/") == std::string::npos);
}

TEST_CASE("work is counted from the extents") {
  Suite suite;
  Work work = buildGemm(*suite, 8, 64, 48, Element::BF16).work;
  REQUIRE(work.narrowOperand);
  REQUIRE(work.macs.base == 0);
  REQUIRE(work.macs.perRow == 64 * 48);
  REQUIRE(work.loadBytes.base == 64 * 48 * 2);
  REQUIRE(work.loadBytes.perRow == 4 * (64 + 48));
  REQUIRE(work.storeBytes.perRow == 4 * 48);
}

TEST_CASE("a target that LLVM lacks is an error") {
  Suite suite;
  buildZero(*suite, 1, 8);
  codegen::HostTarget target = codegen::defaultHostTarget();
  target.triple = "z80-unknown-none";
  auto object = codegen::compileHostKernels(*suite, target);
  REQUIRE(!object);
  REQUIRE(object.error().message.find("z80") != std::string::npos);
}

TEST_CASE("a function that breaks the contract of kernels is an error that names it") {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::memref::MemRefDialect>();
  for (auto [source, complaint] : {
           std::pair("func.func @odd(%a: f32) attributes {weft.kernel} { return }", "operand type f32"),
           std::pair("func.func @odd(%i: index, %a: memref<4xf32>) attributes {weft.kernel} { return }",
                     "operand type memref"),
           std::pair("func.func @odd(%a: memref<?xf32>) attributes {weft.kernel} { return }", "fixed shape"),
           std::pair("func.func @odd(%i: index) -> index attributes {weft.kernel} { return %i : index }",
                     "returns a value"),
           std::pair("func.func private @odd() attributes {weft.kernel}", "has no body"),
           std::pair(
               "func.func private @far()\nfunc.func @odd() attributes {weft.kernel} { call @far() : () -> () return }",
               "far"),
       }) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    REQUIRE(module);
    auto object = codegen::compileHostKernels(*module, codegen::defaultHostTarget());
    REQUIRE(!object);
    INFO(object.error().message);
    REQUIRE(object.error().fault == Fault::Internal);
    REQUIRE(object.error().message.find(complaint) != std::string::npos);
  }
}

namespace {
struct Loop {
  int vectorFmas = 0, stackAccesses = 0;
  std::string code;
};
} // namespace

/// The innermost loops of the image's code, read from llvm-objdump.
static std::vector<Loop> innermostLoops(const std::vector<uint8_t> &image) {
  std::string path =
      (std::filesystem::temp_directory_path() / ("weft-codegen-test-" + std::to_string(getpid()) + ".so")).string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(image.data()), static_cast<std::streamsize>(image.size()));
  FILE *pipe = popen((WEFT_LLVM_TOOLS "/llvm-objdump -d --no-show-raw-insn " + path).c_str(), "r");
  REQUIRE(pipe);
  std::map<uint64_t, std::string> code;
  char line[512];
  while (std::fgets(line, sizeof line, pipe)) {
    char *rest = nullptr;
    uint64_t address = std::strtoull(line, &rest, 16);
    if (*rest == ':')
      code[address] = rest + 1;
  }
  pclose(pipe);
  std::filesystem::remove(path);
  REQUIRE(!code.empty());
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto &[address, text] : code) {
    size_t at = text.find("0x");
    if (text.find("\tj") == std::string::npos || at == std::string::npos)
      continue;
    uint64_t target = std::stoull(text.substr(at), nullptr, 16);
    if (target <= address)
      ranges.push_back({target, address});
  }
  std::vector<Loop> loops;
  for (auto [from, to] : ranges) {
    bool innermost = true;
    for (auto [otherFrom, otherTo] : ranges)
      innermost &= (otherFrom == from && otherTo == to) || otherFrom < from || otherTo > to;
    if (!innermost)
      continue;
    Loop loop;
    for (auto at = code.lower_bound(from); at != code.end() && at->first <= to; ++at) {
      loop.code += at->second;
      loop.vectorFmas += at->second.find("vfmadd") != std::string::npos && at->second.find("ymm") != std::string::npos;
      loop.stackAccesses += at->second.find("(%rsp") != std::string::npos; // the frame has no other pointer
    }
    loops.push_back(loop);
  }
  return loops;
}

TEST_CASE("inner loops of gemm hold their accumulators in registers") {
  codegen::HostTarget target = codegen::defaultHostTarget();
  if (target.cpu != "x86-64-v3") {
    WARN("this machine is below x86-64-v3: code not looked at");
    return;
  }
  struct Case {
    int64_t rows, k, n;
    int fmas; // of the widest inner loop: rows x vectors
  };
  for (Case c : {Case{8, 64, 48, 8}, Case{32, 44, 28, 8}, Case{1, 64, 1024, 8}, Case{1, 33, 16, 2}, Case{4, 28, 8, 4}})
    for (Element element : allElements) {
      Suite suite;
      TileKernel kernel = buildGemm(*suite, c.rows, c.k, c.n, element);
      suite.compile(target);
      INFO(kernel.name);
      int most = 0;
      for (Loop loop : innermostLoops(suite.image))
        if (loop.vectorFmas > 0) {
          INFO(loop.code);
          most = std::max(most, loop.vectorFmas);
          REQUIRE(loop.stackAccesses == 0);
        }
      REQUIRE(most == c.fmas);
    }
}

TEST_CASE("speed of gemm", "[.bench]") {
  struct Case {
    int64_t rows, k, n;
  };
  for (Case c : {Case{32, 64, 48}, Case{8, 44, 28}, Case{1, 64, 1024}, Case{1, 64, 48}, Case{1, 16, 44}})
    for (Element element : allElements) {
      Suite suite;
      TileKernel kernel = buildGemm(*suite, c.rows, c.k, c.n, element);
      suite.compile();
      Buffer<float> a(c.rows * c.k), out(c.rows * c.n);
      Buffer<uint32_t> b(c.k * c.n);
      double flops = 2.0 * static_cast<double>(c.rows * c.k * c.n);
      int calls = static_cast<int>(2e9 / flops);
      suite.call(kernel, {c.rows}, a, b, out);
      auto start = std::chrono::steady_clock::now();
      suite.repeat(kernel, {c.rows}, calls, a, b, out);
      std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      WARN(kernel.name << ": " << flops * calls / seconds.count() / 1e9 << " GFLOP/s");
    }
}
