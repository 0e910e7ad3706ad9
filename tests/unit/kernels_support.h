// Compiling kernels, loading them into the test, and calling them on guarded buffers.
#pragma once

#include "compiler/codegen/HostKernels.h"
#include "core_replay.h"
#include "kernels/TileKernels.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <exception>
#include <optional>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"

#include "llvm/ADT/StringRef.h"

namespace weft::test {

/// Elements between two guard zones, at an address that is aligned to the element and to nothing more.
template <typename T> class Buffer {
public:
  explicit Buffer(size_t count, T value = {}) : count(count), bytes(count * sizeof(T) + 2 * guard + sizeof(T), 0xa5) {
    std::fill(begin(), end(), value);
  }
  Buffer(size_t count, std::mt19937 &random, float low = -1, float high = 1) : Buffer(count) {
    std::uniform_real_distribution<float> values(low, high);
    for (T &value : *this)
      value = static_cast<T>(values(random));
  }
  Buffer(std::initializer_list<T> values) : Buffer(values.size()) { std::copy(values.begin(), values.end(), begin()); }

  T *begin() { return reinterpret_cast<T *>(bytes.data() + guard + sizeof(T)); }
  T *end() { return begin() + count; }
  T &operator[](size_t i) {
    REQUIRE(i < count);
    return begin()[i];
  }
  size_t size() const { return count; }
  bool guardsIntact() const {
    size_t first = guard + sizeof(T), last = first + count * sizeof(T);
    for (size_t i = 0; i < bytes.size(); ++i)
      if ((i < first || i >= last) && bytes[i] != 0xa5)
        return false;
    return true;
  }
  bool sameBits(Buffer &other) {
    return count == other.count && std::memcmp(begin(), other.begin(), count * sizeof(T)) == 0;
  }
  std::vector<T> values() { return {begin(), end()}; }

private:
  static constexpr size_t guard = 64;
  size_t count;
  std::vector<uint8_t> bytes;
};

/// 16-bit numbers by their bits.
struct Half {
  uint16_t bits = 0;
};
struct Brain {
  uint16_t bits = 0;
};
template <typename T> inline constexpr Real realOf = Real::No;
template <> inline constexpr Real realOf<float> = Real::F32;
template <> inline constexpr Real realOf<double> = Real::F64;
template <> inline constexpr Real realOf<Half> = Real::F16;
template <> inline constexpr Real realOf<Brain> = Real::BF16;

/// The cores on which all calls of a test are made once more, if the environment names any: WEFT_TEST_CORE=ISA, by
/// WEFT_TEST_CORE_RUNNER=qemu or simulator; or a list of either, with commas.
struct ReplayCore {
  static std::vector<ReplayCore> fromEnvironment() {
    const char *isas = std::getenv("WEFT_TEST_CORE"), *runners = std::getenv("WEFT_TEST_CORE_RUNNER");
    if (!isas)
      return {};
    llvm::SmallVector<llvm::StringRef> isaNames, runnerNames;
    llvm::StringRef(isas).split(isaNames, ',');
    llvm::StringRef(runners ? runners : "qemu").split(runnerNames, ',');
    REQUIRE(isaNames.size() == runnerNames.size());
    std::vector<ReplayCore> cores;
    for (size_t i = 0; i < isaNames.size(); ++i) {
      auto parsed = hw::parseIsa(isaNames[i].str());
      if (!parsed)
        FAIL(parsed.error().message);
      const std::optional<CoreRunner> named = runnerNamed(runnerNames[i].str());
      if (!named)
        FAIL("WEFT_TEST_CORE_RUNNER=" << runners << " is neither qemu nor simulator");
      cores.push_back({*parsed, *named});
    }
    return cores;
  }
  /// None for a misspelt name, which must not pass as a run on either.
  static std::optional<CoreRunner> runnerNamed(const std::string &name) {
    return name == "qemu"        ? std::optional(CoreRunner::Qemu)
           : name == "simulator" ? std::optional(CoreRunner::Simulator)
                                 : std::nullopt;
  }
  hw::Isa isa;
  CoreRunner runner = CoreRunner::Qemu;
};

/// A module of kernels, compiled and loaded.
class Suite {
public:
  Suite() : module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))) {}
  Suite(const Suite &) = delete;
  Suite &operator=(const Suite &) = delete;
  ~Suite() {
    if (handle)
      dlclose(handle);
    if (!calls.empty() && std::uncaught_exceptions() == 0)
      for (const ReplayCore &core : cores) {
        INFO(hw::isaText(core.isa));
        CHECK(replayOnCore(*module, core.isa, core.runner, calls) == "");
      }
  }

  mlir::ModuleOp operator*() { return *module; }

  void compile(const codegen::HostTarget &target = codegen::defaultHostTarget()) {
    REQUIRE(mlir::succeeded(mlir::verify(*module)));
    if (target.fma) // without it the host rounds otherwise
      cores = ReplayCore::fromEnvironment();
    auto object = codegen::compileHostKernels(*module, target);
    if (!object)
      FAIL(object.error().message);
    image = std::move(object->image);
    int file = memfd_create("kernels", 0);
    REQUIRE(file >= 0);
    REQUIRE(write(file, image.data(), image.size()) == static_cast<ssize_t>(image.size()));
    handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    close(file);
    if (!handle)
      FAIL(dlerror());
  }

  /// Calls without looking at the guards, for timing.
  template <typename... T>
  void repeat(const kernels::TileKernel &kernel, std::vector<int64_t> scalars, int calls, Buffer<T> &...buffers) {
    Entry entry = find(kernel);
    REQUIRE(sizeof...(buffers) == operandsOf(kernel)); // it would take others from wherever
    void *operands[] = {buffers.begin()...};
    for (int i = 0; i < calls; ++i)
      entry(operands, scalars.data());
  }

  template <typename... T>
  void call(const kernels::TileKernel &kernel, std::vector<int64_t> scalars, Buffer<T> &...buffers) {
    Entry entry = find(kernel);
    void *operands[] = {buffers.begin()...};
    if (!cores.empty())
      calls.push_back({kernel.name, scalars, {{bytesOf(buffers), {}, sizeof(T), realOf<T>}...}});
    entry(operands, scalars.data());
    if (!cores.empty()) {
      size_t operand = 0;
      ((calls.back().operands[operand++].after = bytesOf(buffers)), ...);
    }
    INFO(kernel.name);
    REQUIRE((buffers.guardsIntact() && ...));
  }

  std::vector<uint8_t> image;

private:
  template <typename T> static std::vector<uint8_t> bytesOf(Buffer<T> &buffer) {
    const auto *first = reinterpret_cast<const uint8_t *>(buffer.begin());
    return {first, first + buffer.size() * sizeof(T)};
  }

  size_t operandsOf(const kernels::TileKernel &kernel) {
    auto isOperand = [](mlir::Type type) { return mlir::isa<mlir::MemRefType>(type); };
    return llvm::count_if(module->lookupSymbol<mlir::func::FuncOp>(kernel.name).getArgumentTypes(), isOperand);
  }

  using Entry = void (*)(void *const *, const int64_t *);
  Entry find(const kernels::TileKernel &kernel) {
    auto entry = reinterpret_cast<Entry>(dlsym(handle, kernel.name.c_str()));
    REQUIRE(entry != nullptr);
    return entry;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  void *handle = nullptr;
  std::vector<ReplayCore> cores;
  std::vector<HostCall> calls; // to replay
};

/// Every kind of kernel once or more: about what a model of moderate size needs, for tiles of each of so many rows.
inline void buildModelKernels(mlir::ModuleOp module, const std::vector<int64_t> &tileRows = {4, 1}) {
  using namespace kernels;
  AttentionShape s{
      .rows = 4, .kvHeads = 2, .group = 2, .width = 8, .ranks = 16, .capacity = 16, .tokens = 64, .scale = 0.125};
  AttentionShape d = s;
  d.rows = s.capacity;
  d.tokens = 1;
  constexpr Element weight = Element::BF16;
  for (int64_t rows : tileRows) {
    buildZero(module, rows, 48);
    buildZero(module, rows, 88);
    buildGemm(module, rows, 16, 64, weight);
    buildGemm(module, rows, 32, 16, weight);
    buildGemm(module, rows, 16, 88, weight);
    buildGemm(module, rows, 44, 16, weight);
    buildGemmInt8(module, rows, 44, 40);
    for (BlockFormat format : {BlockFormat::Q8, BlockFormat::Q4})
      buildGemmBlocks(module, rows, 64, 40, format);
    buildPackQuantised(module, rows, 44, 3, 16);
    for (ByteOrder order : {ByteOrder::Rows, ByteOrder::Words})
      buildGemmQuantised(module, rows, 44, 40, order);
    buildAdd(module, rows, 16);
    buildSumSquares(module, rows, 16);
    buildRmsScale(module, rows, 16, 256, 1e-5, weight);
    buildCopyColumns(module, rows, s.ld(), 32, 32);
    buildPlaceColumns(module, rows, 32, s.ld(), {{0, 2, 8, 4, 6}, {24, 32, 8, 2, 4}});
    buildPackColumns(module, rows, 44, 3, 16);
    buildLayerScale(module, rows, 44, 301, 1e-5, weight);
    buildLayerScale(module, rows, 44, 301, 1e-5, weight, false);
    buildMul(module, rows, 44);
    buildScale(module, rows, 44, 0.3);
    buildAddBias(module, rows, 44, weight);
    buildSoftcap(module, rows, 44, 0.125, 50.0);
    const ColumnGroups columns{.rows = rows, .ld = s.ld(), .column = 32, .groups = 2, .width = 8};
    buildSpreadColumns(module, {.rows = rows, .n = 3, .extent = 8});
    buildRoute(module, {.rows = rows, .experts = 8, .topK = 2, .normalize = true, .bias = weight});
    buildAddWeighted(module, rows, 44, 8, 3);
    const PairShape pairs{.rows = rows, .topK = 2, .slots = 3, .rowsPerRegion = 2};
    buildChoosePlaces(module, pairs, 8, 4, 2);
    buildListPairs(module, pairs);
    buildPairsIn(module, pairs, 24, 44, weight);
    buildPairsGate(module, pairs, 22, Activation::Silu, GateShare::of(22, 5));
    buildPairsOut(module, pairs, 22, 24, weight);
    const runtime::BlockShape blocks{
        .rows = 24, .columns = 44, .bits = 5, .least = 0, .group = 8, .super = 16, .scales = true, .minimums = true};
    buildPairsIn(module, pairs, blocks);
    buildPairsOut(module, pairs, blocks);
    buildGroupSquares(module, columns);
    buildGroupScale(module, columns, 16, 1e-6, weight, 1.0);
  }
  for (Activation activation : {Activation::Silu, Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu,
                                Activation::Relu, Activation::ReluSquared, Activation::Tanh, Activation::Sigmoid}) {
    buildActivation(module, 4, 44, activation);
    buildGate(module, 4, 44, activation);
  }
  buildTranspose(module, 4, 44);
  RowShare share{.rows = 4, .n = 44, .extent = 301};
  buildRowSum(module, 4, 44, 1.0 / 301);
  buildRowMax(module, share);
  buildExpSum(module, share);
  buildSoftmaxFinish(module, 4, 44);
  buildSoftmax(module, 4, 44);
  buildCenteredSquares(module, share);
  buildGemm(module, 1, 16, 128, weight);
  buildSelectBlocks(module, 16, 2, 3, 8);
  buildEmbedBlock(module, 4, 64, 32, 16, weight, 16);
  buildEmbedOne(module, 32, 16, weight);
  buildPositionBlock(module, 4, 64, 4, 16, weight, 16);
  buildPositionOne(module, 4, 16, weight);
  buildLastRow(module, 4, 64, 16, 16);
  buildRope(module, s, 8, 8, false);
  buildRope(module, d, 8, 8, true);
  buildKvStore(module, s);
  buildKvOldest(module, d);
  buildKvAppend(module, d);
  buildDecodeScores(module, d);
  buildDecodeMax(module, d);
  buildDecodeWeighted(module, d);
  buildAttentionFinish(module, s);
  buildFlashInit(module, s);
  buildFlashScores(module, s, 4);
  buildFlashUpdate(module, s, 4);
  s.window = d.window = 5;
  buildDecodeScores(module, d);
  buildDecodeMax(module, d);
  buildDecodeWeighted(module, d);
  buildFlashUpdate(module, s, 4);
}

// ---- 16-bit numbers -------------------------------------------------------------------------------------------

inline float fromBf16(uint16_t bits) {
  uint32_t word = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

inline float fromF16(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  int mantissa = bits & 1023;
  float sign = bits & 0x8000 ? -1.0F : 1.0F;
  if (exponent == 31)
    return mantissa ? NAN : sign * INFINITY;
  return sign *
         (exponent ? std::ldexp(1024.0F + mantissa, exponent - 25) : std::ldexp(static_cast<float>(mantissa), -24));
}

/// Weights of a type, and their values.
struct Weights {
  Weights(kernels::Element element, size_t count, std::mt19937 &random)
      : wide(count, random), narrow(count), element(element) {
    if (element == kernels::Element::F32)
      return;
    for (size_t i = 0; i < count; ++i) {
      // Finite, of moderate size, sometimes subnormal.
      uint16_t bits = static_cast<uint16_t>(random());
      narrow[i] = element == kernels::Element::BF16 ? (bits & 0x83ff) | 0x3c00 : bits & 0xbfff;
      if (i % 13 == 5)
        narrow[i] &= 0x81ff;
      wide[i] = element == kernels::Element::BF16 ? fromBf16(narrow[i]) : fromF16(narrow[i]);
    }
  }
  Buffer<float> wide;
  Buffer<uint16_t> narrow;
  kernels::Element element;
};

inline constexpr kernels::Element allElements[] = {kernels::Element::F32, kernels::Element::F16,
                                                   kernels::Element::BF16};

// ---- the rule of docs/program-model.md ------------------------------------------------------------------------

inline int64_t runStart(int64_t rank, int64_t n, int64_t ranks) {
  return rank * (n / ranks) + std::max<int64_t>(0, rank - (ranks - n % ranks));
}
inline int64_t runCount(int64_t rank, int64_t n, int64_t ranks) {
  return runStart(rank + 1, n, ranks) - runStart(rank, n, ranks);
}

/// Distance from `exact` in units in the last place of f32 at `exact`.
inline double ulps(float value, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::abs(value - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

} // namespace weft::test
