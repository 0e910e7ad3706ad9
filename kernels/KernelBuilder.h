// What the kernel builders share: declaring the function, views of its buffers, linalg ops by index lists, and the rule
// that spreads tokens over ranks. Internal to kernels/.
#pragma once

#include "kernels/TileKernels.h"

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <initializer_list>
#include <string_view>

namespace weft::kernels {

enum class Kind { F32, F16, BF16, I32, I8 };
Kind kindOf(Element element);
int64_t bytesOf(Element element);
std::string_view nameOf(Element element);

/// A buffer operand: element and static extents, contiguous and row-major.
struct BufferSpec {
  Kind kind = Kind::F32;
  llvm::SmallVector<int64_t, 4> extents;
};
inline BufferSpec f32(llvm::ArrayRef<int64_t> extents) { return {Kind::F32, llvm::to_vector<4>(extents)}; }
inline BufferSpec launchWords(int64_t tokens) { return {Kind::I32, {1 + tokens}}; }

/// `kind_1_2_3` with a name for each number: symbol("gemm", {{"r", 8}, {"k", 64}}) = "gemm_r8_k64".
std::string symbol(std::string_view kind, std::initializer_list<std::pair<std::string_view, int64_t>> extents);
/// The bits of `value` as 16 hexadecimal digits, for a symbol that depends on a real number.
std::string bitsOf(double value);

/// -FLT_MAX, where a maximum starts: an infinity would make exp(x - maximum) a NaN where all x are -infinity.
inline constexpr double mostNegative = -0x1.fffffep+127;

/// An operand of a structured op and the loop that each of its dimensions follows.
struct Indexed {
  mlir::Value memref;
  llvm::SmallVector<unsigned, 4> loops;
};

/// Writes the body of one kernel.
class KernelBody : public mlir::ImplicitLocOpBuilder {
public:
  using ElementFn = llvm::function_ref<mlir::Value(KernelBody &, mlir::ValueRange)>;
  using ElementsFn = llvm::function_ref<llvm::SmallVector<mlir::Value>(KernelBody &, mlir::ValueRange)>;
  using IndexFn = llvm::function_ref<void(mlir::Value)>;

  KernelBody(mlir::func::FuncOp function, unsigned bufferCount);

  mlir::Value buffer(unsigned i) const { return arguments[i]; }
  mlir::Value scalar(unsigned i) const { return arguments[bufferCount + i]; }

  // Scalars.
  mlir::Value constant(int64_t value);
  mlir::Value real(double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value div(mlir::Value a, int64_t b); // a >= 0
  mlir::Value rem(mlir::Value a, int64_t b); // a >= 0
  mlir::Value min(mlir::Value a, mlir::Value b);
  /// a clamped to [0, high], signed.
  mlir::Value clamp(mlir::Value a, mlir::Value high);
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);

  // Views.
  /// The first `count` of the outermost dimension.
  mlir::Value head(mlir::Value memref, mlir::Value count);
  /// The first `counts` of each dimension.
  mlir::Value corner(mlir::Value memref, llvm::ArrayRef<mlir::OpFoldResult> counts);
  /// Row `i` of a matrix, without the row dimension.
  mlir::Value row(mlir::Value memref, mlir::Value i);
  /// Any view of a contiguous buffer: offset, sizes and strides in elements.
  mlir::Value view(mlir::Value memref, mlir::OpFoldResult offset, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                   llvm::ArrayRef<int64_t> strides);
  mlir::OpFoldResult fixed(int64_t value) { return getIndexAttr(value); }

  // Structured ops. In `iterators`, 'p' is a parallel loop and 'r' a reduction, outermost first.
  void structured(std::string_view iterators, llvm::ArrayRef<Indexed> inputs, llvm::ArrayRef<Indexed> outputs,
                  ElementsFn element);
  /// One output; `element` takes the inputs and then the output's old value.
  void generic(std::string_view iterators, llvm::ArrayRef<Indexed> inputs, const Indexed &output, ElementFn element);
  void fill(mlir::Value memref, double value);
  void copy(mlir::Value from, mlir::Value to);

  // Control.
  void forEach(mlir::Value count, IndexFn body);
  void when(mlir::Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise = nullptr);

private:
  llvm::SmallVector<mlir::Value> arguments;
  unsigned bufferCount;
};

/// docs/program-model.md: the run of tokens that rank k of `ranks` holds when n tokens are spread.
class TokenRuns {
public:
  TokenRuns(KernelBody &body, mlir::Value n, int64_t ranks);
  mlir::Value start(mlir::Value rank);
  mlir::Value count(mlir::Value rank);
  /// True if rank holds one entry more than the shortest run.
  mlir::Value hasExtra(mlir::Value rank);

private:
  KernelBody &body;
  mlir::Value quotient, firstLonger; // n / H and H - n mod H
};
/// Of the pairs that a region lists.
inline BufferSpec pairWords(const PairShape &shape) { return {Kind::I32, {1 + shape.capacity()}}; }
/// The call with m pairs that are all there.
inline Probe pairProbe(const PairShape &shape) {
  return {.scalars = {0}, .launch = 0, .tokensPerRow = 1, .mostTokens = shape.capacity()};
}

/// The part of x[rows x n] that counts on core `rank` of a share: `write` is called for each number of columns that a
/// core can have, in a branch of its own; it may be 0.
void forColumns(KernelBody &body, const RowShare &share, mlir::Value rank, llvm::function_ref<void(int64_t)> write);

/// n of the launch words.
mlir::Value launchCount(KernelBody &body, mlir::Value launch);
/// A launch word as an index (token ids are not negative).
mlir::Value launchWord(KernelBody &body, mlir::Value launch, mlir::Value position);

/// Adds func.func `name`, with `buffers` then `scalars` indices, to `module` and lets `write` fill it; does nothing if
/// the module has it.
void define(mlir::ModuleOp module, const std::string &name, llvm::ArrayRef<BufferSpec> buffers, unsigned scalars,
            llvm::function_ref<void(KernelBody &)> write);

/// The same with buffers of any element type, all of one.
void defineOn(mlir::ModuleOp module, const std::string &name, mlir::Type element,
              llvm::ArrayRef<llvm::SmallVector<int64_t, 4>> buffers, unsigned scalars,
              llvm::function_ref<void(KernelBody &)> write);

/// States how the cost of kernel `name` is measured.
void setProbe(mlir::ModuleOp module, const std::string &name, const Probe &probe);

} // namespace weft::kernels
