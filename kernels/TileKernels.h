// The kernels one core runs, as `linalg` on fixed tile shapes. Each builder adds a func.func to `module` (once for a
// given name) and says what a call asks of the core. kernels/README.md is their contract in prose.
//
// Signature of every kernel: first the buffers as contiguous memrefs, then the scalars as `index`, in the order given
// at each builder. `m` is the number of rows in use (1 <= m <= rows), the only dynamic extent. Unless said otherwise
// buffers are f32, row-major, and do not alias. docs/program-model.md defines rank, start(k, n) and the cache's slots;
// `launch` is the i32 buffer [n, id...], `ranks` is H, the number of cores that share the sequence.
#pragma once

#include "runtime/package/BlockShape.h"
#include "runtime/package/QuantisedLayout.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace weft::kernels {

using runtime::ByteOrder;

enum class Element { F32, F16, BF16 };

/// base + perRow * m
struct RowLinear {
  int64_t base = 0, perRow = 0;
};

struct Work {
  bool narrowOperand = false;
  RowLinear macs, alu, special, loadBytes, storeBytes;
};

/// The call by which the cost of a kernel is measured (package.fbs, table Probe): of all calls with m rows the one that
/// does the most work. A builder states it if its kernel has more scalars than m, or reads launch words.
struct Probe {
  llvm::SmallVector<int64_t, 4> scalars; // in order; m is replaced
  int64_t rows = 0;                      // which of them is m, noRows if none
  int64_t launch = -1;                   // which operand holds the launch words, -1 if none
  int64_t tokensPerRow = 0;              // n = min(tokensPerRow * m, mostTokens), at least 1
  int64_t mostTokens = 0;
  int64_t id = 0;              // of the first token
  int64_t ids = 1, idStep = 0; // token i has id + i mod ids * idStep
  static constexpr int64_t noRows = -1;
};

struct TileKernel {
  std::string name; // symbol; unique for kind and shape
  Work work;
};

/// That of a kernel's function. A kernel whose builder states none has m as its first scalar, if any, and zero in all
/// others.
Probe probeOf(mlir::func::FuncOp kernel);

// ---- dense ----------------------------------------------------------------------------------------------------
/// C[rows x n] = 0 for the first m rows. (c; m)
TileKernel buildZero(mlir::ModuleOp module, int64_t rows, int64_t n);
/// C[rows x n] += A[rows x k] * B[k x n] for m rows; B is `weight`, widened exactly; f32 accumulate over k ascending.
/// (a, b, c; m)
TileKernel buildGemm(mlir::ModuleOp module, int64_t rows, int64_t k, int64_t n, Element weight);
/// The same with A and B both of `element`, F16 or BF16: each product exact, one rounding a step. (a, b, c; m)
TileKernel buildGemmNarrow(mlir::ModuleOp module, int64_t rows, int64_t k, int64_t n, Element element);
/// C[rows x n] += A[rows x k] * B[k x n], i8 operands, i32 sums, exact modulo 2^32. (a, b, c; m)
TileKernel buildGemmInt8(mlir::ModuleOp module, int64_t rows, int64_t k, int64_t n);
/// Weights in blocks of 32 along k with one f16 scale a block and column.
enum class BlockFormat { Q8, Q4 };
/// C[rows x n] += A[rows x k] * B, k a multiple of 32. kernels/README.md has the layout of `weights` and the order of
/// operations. (a, weights i8[k x n], or [k/2 x n] for Q4, scales f16[k/32 x n], sums[rows x n], c; m); `sums` is
/// scratch.
TileKernel buildGemmBlocks(mlir::ModuleOp module, int64_t rows, int64_t k, int64_t n, BlockFormat format);
/// C[rows x n] += A[rows x k] * B for m rows; B's k rows of n columns lie in the block `shape` (BlockShape.h). It
/// computes what buildGemm() does with the f32 numbers that the block stands for, bit for bit. `scratch` has
/// storedScratchRows() rows of n; bytes are aligned to 4. (a, i8 b[shape.bytes()], scratch, c; m)
TileKernel buildGemmStored(mlir::ModuleOp module, int64_t rows, const runtime::BlockShape &shape);
int64_t storedScratchRows(const runtime::BlockShape &shape);
/// Operations that make all numbers of a block.
int64_t storedOperations(const runtime::BlockShape &shape);
/// Packs src[rows x n] into `blocks` column blocks as buildPackColumns() does, quantised: each row of a block is
/// quantisedRowBytes(width) bytes, its scale and its integers, zero beyond n (QuantisedLayout.h). The bytes are
/// aligned to 4. (src, i8 dst[blocks x rows x row bytes]; m)
TileKernel buildPackQuantised(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t blocks, int64_t width);
/// C[rows x n] += A * B for m rows of a block of A that buildPackQuantised() made, width k, and a block of B: integers
/// are summed in i32 exactly, then c = fma(sum, scale of the column * scale of the row, c). With ByteOrder::Words four
/// products a step (rv.dot4). `sums` is scratch; bytes are aligned to 4. (i8 a[rows x row bytes], scales[n], i8
/// b[quantisedDepth(k) x n], i32 sums[rows x n], c; m)
TileKernel buildGemmQuantised(mlir::ModuleOp module, int64_t rows, int64_t k, int64_t n, ByteOrder order);
/// X += Y, [rows x n]. (x, y; m)
TileKernel buildAdd(mlir::ModuleOp module, int64_t rows, int64_t n);
/// X *= Y, [rows x n]. (x, y; m)
TileKernel buildMul(mlir::ModuleOp module, int64_t rows, int64_t n);
/// X *= factor, [rows x n]. (x; m)
TileKernel buildScale(mlir::ModuleOp module, int64_t rows, int64_t n, double factor);
/// Each row of x[rows x n] += bias[n], of type `weight`. (bias, x; m)
TileKernel buildAddBias(mlir::ModuleOp module, int64_t rows, int64_t n, Element weight);
/// x = cap * tanh(x * (scale / cap)), [rows x n], in place. (x; m)
TileKernel buildSoftcap(mlir::ModuleOp module, int64_t rows, int64_t n, double scale, double cap);
/// dst[rows x n] = src[rows x ld], columns [column, column + n). (src, dst; m)
TileKernel buildCopyColumns(mlir::ModuleOp module, int64_t rows, int64_t ld, int64_t column, int64_t n);
/// `count` runs of `width` columns, one behind the other from column `from` on; the first goes to column `to`, each
/// further one `stride` columns on.
struct ColumnRuns {
  int64_t from = 0, to = 0, stride = 0, count = 0, width = 0;
};
/// Columns of src[rows x n] at other places of dst[rows x ld], whose other columns stay. (src, dst; m)
TileKernel buildPlaceColumns(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t ld,
                             llvm::ArrayRef<ColumnRuns> pieces);
/// dst[n x rows] = the transpose of src[rows x n]: the first m columns of dst. (src, dst; m)
TileKernel buildTranspose(mlir::ModuleOp module, int64_t rows, int64_t n);
/// Packs src[rows x n] into `blocks` column blocks dst[blocks x rows x width], zero beyond n; block stride rows*width.
/// (src, dst; m)
TileKernel buildPackColumns(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t blocks, int64_t width);

// ---- layouts --------------------------------------------------------------------------------------------------
/// A dimension of `extent` elements lies on `ranks` ranks in blocks of `block`, that of rank r beginning at
/// min(r*block, extent - block). Copies src[outer x block x inner], the block of rank (rank + first + step) mod ranks,
/// to its place in dst[outer x extent x inner]. Elements of any type. (src, dst; rank, first, step)
TileKernel buildPlaceBlock(mlir::ModuleOp module, mlir::Type element, int64_t outer, int64_t block, int64_t extent,
                           int64_t inner, int64_t ranks);

// ---- embedding ------------------------------------------------------------------------------------------------
/// Adds to acc[rows x n] the embedding rows of sequence block `(rank + step) mod ranks` that this core owns: the core's
/// table holds vocabulary entries [rank*vocab, rank*vocab + vocab) of the whole. Row i of the block is token
/// start(block, n)+i of `launch`; rows beyond the block's count are left alone. (launch, table[vocab x n], acc; m,
/// rank, step)
TileKernel buildEmbedBlock(mlir::ModuleOp module, int64_t rows, int64_t tokens, int64_t vocab, int64_t n, Element table,
                           int64_t ranks);
/// out[n] = the row of launch[1]'s token if this core owns it, else 0. (launch[2], table, out; rank)
TileKernel buildEmbedOne(mlir::ModuleOp module, int64_t vocab, int64_t n, Element table);
/// Adds to acc[rows x n] the positions of the tokens of sequence block `(rank + step) mod ranks` that this core owns:
/// the core's table holds positions [rank*positions, rank*positions + positions). (launch, table[positions x n], acc;
/// m, rank, step)
TileKernel buildPositionBlock(mlir::ModuleOp module, int64_t rows, int64_t tokens, int64_t positions, int64_t n,
                              Element table, int64_t ranks);
/// acc[n] += the row of position launch[0] - 1 if this core owns it. (launch[2], table, acc; rank)
TileKernel buildPositionOne(mlir::ModuleOp module, int64_t positions, int64_t n, Element table);
/// out[n] = x[last row] on the last rank (the row of token n-1), 0 elsewhere. (launch, x[rows x n], out; rank)
TileKernel buildLastRow(mlir::ModuleOp module, int64_t rows, int64_t tokens, int64_t n, int64_t ranks);

// ---- rows that cores share ------------------------------------------------------------------------------------
/// Rows of `extent` columns spread over the cores of an axis. Core `rank` of it holds columns [rank*n, rank*n + n) of
/// each; those from `extent` on are padding, which no kernel here counts. A core that has whole rows is rank 0 of n =
/// extent. A kernel gives a core's part of a sum or maximum; an all-reduce makes the whole of it.
struct RowShare {
  int64_t rows = 1, n = 1, extent = 1;
};
/// sum[rows] = scale * the sum of each row of x[rows x n], where padding is zero; scale 1/extent makes the mean. (x,
/// sum; m)
TileKernel buildRowSum(mlir::ModuleOp module, int64_t rows, int64_t n, double scale = 1.0);
/// mx[rows] = the largest of each row of x[rows x n], -FLT_MAX if the core has none. (x, mx; m, rank)
TileKernel buildRowMax(mlir::ModuleOp module, const RowShare &share);
/// Softmax after RowMax: x = exp(x - mx) in place, 0 in padding, and sum[rows] = the sum of each row. (x, mx, sum; m,
/// rank)
TileKernel buildExpSum(mlir::ModuleOp module, const RowShare &share);
/// Softmax after ExpSum: x[rows x n] = x / sum, 0 where sum = 0. (x, sum; m)
TileKernel buildSoftmaxFinish(mlir::ModuleOp module, int64_t rows, int64_t n);
/// All three on a core that has whole rows: x = softmax of each row, in place; mx and sum come out too. (x[rows x n],
/// mx[rows], sum[rows]; m)
TileKernel buildSoftmax(mlir::ModuleOp module, int64_t rows, int64_t n);

// ---- normalisation --------------------------------------------------------------------------------------------
/// ss[rows] = sum of squares of each row of x[rows x n]. (x, ss; m)
TileKernel buildSumSquares(mlir::ModuleOp module, int64_t rows, int64_t n);
/// y = x * rsqrt(ss / extent + epsilon) * (gamma + offset), gamma[n] of type `weight`. (x, ss, gamma, y; m)
TileKernel buildRmsScale(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t extent, double epsilon, Element weight,
                         double offset = 0.0);
/// Groups of neighbouring columns: `groups` times `width` of x[rows x ld] from `column` on.
struct ColumnGroups {
  int64_t rows = 1, ld = 1, column = 0, groups = 1, width = 1;
};
/// ss[rows x groups] = sum of squares of each group of a row. (x, ss; m)
TileKernel buildGroupSquares(mlir::ModuleOp module, const ColumnGroups &columns);
/// RmsScale of each group for itself, in place, all with one gamma[width]. (x, ss[rows x groups], gamma; m)
TileKernel buildGroupScale(mlir::ModuleOp module, const ColumnGroups &columns, int64_t extent, double epsilon,
                           Element weight, double offset = 0.0);
/// LayerNorm after RowSum: sq[rows] = sum of (x - sum / extent)^2 of each row of x[rows x n]. (x, sum, sq; m, rank)
TileKernel buildCenteredSquares(mlir::ModuleOp module, const RowShare &share);
/// LayerNorm after CenteredSquares: y = (x - sum / extent) * rsqrt(sq / extent + epsilon) * gamma + beta; gamma[n] and
/// beta[n] of type `weight`, the last two operations fused. (x, sum, sq, gamma, beta, y; m). Without beta (x, sum, sq,
/// gamma, y; m).
TileKernel buildLayerScale(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t extent, double epsilon,
                           Element weight, bool beta = true);

// ---- attention ------------------------------------------------------------------------------------------------
/// One core's share of attention. Columns of `qkv` [rows x ld()], in this order: for each local kv head, for each of
/// its `group` query heads, `width` columns; then for each kv head `width` of K; then likewise valueWidth() of V, as
/// attention's output has them. Within `width`, columns 2j and 2j+1 are a rotary pair.
struct AttentionShape {
  int64_t rows = 1;     // capacity of the row dimension
  int64_t kvHeads = 1;  // on this core
  int64_t group = 1;    // query heads a kv head
  int64_t width = 2;    // columns a head on this core, even
  int64_t ranks = 1;    // H
  int64_t capacity = 1; // cache slots on this core
  int64_t tokens = 1;   // launch holds 1 + tokens words
  double scale = 1.0;   // of the scores
  int64_t window = 0;   // a token sees the last so many up to itself; 0: all of them
  int64_t ofValue = 0;  // columns of V a head on this core, even; 0: `width`
  int64_t heads() const { return kvHeads * group; }
  int64_t valueWidth() const { return ofValue ? ofValue : width; }
  int64_t entry() const { return kvHeads * (width + valueWidth()); } // of K and V, a token
  int64_t ld() const { return heads() * width + entry(); }
};
/// Rotates q and k of row i at position start(rank, n) + i (prefill) or n - 1 (decode), in place. cos/sin of position p
/// are combined by the angle-addition rule from lo[radix x width/2 x 2] at p mod radix and hi[.. x width/2 x 2] at p /
/// radix; all heads share them. With `longFrom` each table has as many rows again, which are used where n > longFrom.
/// Rows beyond the rank's count may hold anything. (launch, qkv, lo, hi; m, rank)
TileKernel buildRope(mlir::ModuleOp module, const AttentionShape &shape, int64_t radix, int64_t highRows, bool decode,
                     std::optional<int64_t> longFrom = {});
/// Prefill: stores K and V of this rank's rows in their cache slots. (launch, qkv, k[capacity x kvHeads*width],
/// v[capacity x kvHeads*valueWidth]; m, rank)
TileKernel buildKvStore(mlir::ModuleOp module, const AttentionShape &shape);
/// Decode: out[entry()] = K and V of the rank's oldest entry before the append (slot 0's if it has none).
/// (launch, k, v, out; rank)
TileKernel buildKvOldest(mlir::ModuleOp module, const AttentionShape &shape);
/// Decode: stores what the append rule gives this rank: qkv's new row on the last rank, `received` (the next rank's
/// oldest) on the ranks that shift, nothing elsewhere. (launch, qkv, received, k, v; rank)
TileKernel buildKvAppend(mlir::ModuleOp module, const AttentionShape &shape);
/// Decode (qkv has one row): s[m x heads] = partial scores of this core's columns, unscaled; row j is entry start(rank,
/// n)+j, 0 beyond the rank's count and before the window. `shape.rows` = capacity of s. (launch, qkv, k, s; m, rank)
TileKernel buildDecodeScores(mlir::ModuleOp module, const AttentionShape &shape);
/// Decode: mx[heads] = max over the rank's entries in the window of scale*s, -FLT_MAX if none. (launch, s, mx; m, rank)
TileKernel buildDecodeMax(mlir::ModuleOp module, const AttentionShape &shape);
/// Decode: p = exp(scale*s - mx); out[heads x valueWidth] = sum p*V, then out[heads*valueWidth + h] = sum
/// p; p stays in s. (launch, s, mx, v, out; m, rank)
TileKernel buildDecodeWeighted(mlir::ModuleOp module, const AttentionShape &shape);
/// attn[rows x heads*valueWidth] = o / l row by row; o[rows x heads*valueWidth], l[rows x heads]; 0 where l = 0. (o, l,
/// attn; m)
TileKernel buildAttentionFinish(mlir::ModuleOp module, const AttentionShape &shape);
/// Prefill: o = 0, l = 0, mx = -FLT_MAX. (o[rows x heads*valueWidth], l[rows x heads], mx[rows x heads]; m)
TileKernel buildFlashInit(mlir::ModuleOp module, const AttentionShape &shape);
/// Prefill: s[m x heads x keys] = q * K^T of keys [part*keys, part*keys+keys) of block (rank + step) mod ranks, partial
/// over this core's columns; kv[rows x entry()] holds the block's K and V columns; 0 for keys >= m. (qkv, kv,
/// s; m, part)
TileKernel buildFlashScores(mlir::ModuleOp module, const AttentionShape &shape, int64_t keys);
/// Prefill: online softmax (Milakov and Gimelshein 2018) over those keys, causal by position and within the window,
/// then o += p*V. Keys beyond the block's count are left out; a row without any visible key so far keeps l = 0; p stays
/// in s; `scratch` is [rows x heads]. (launch, s, kv, o, l, mx, scratch; m, rank, step, part)
TileKernel buildFlashUpdate(mlir::ModuleOp module, const AttentionShape &shape, int64_t keys);

// ---- experts --------------------------------------------------------------------------------------------------
/// out[rows x extent] = this core's columns of x[rows x n] at their places, 0 elsewhere. (x, out; m, rank)
TileKernel buildSpreadColumns(mlir::ModuleOp module, const RowShare &share);
/// What becomes of a router's scores.
struct Routing {
  int64_t rows = 1, experts = 1, topK = 1;
  bool normalize = false; // weights are divided by their sum, plus epsilon
  double epsilon = 0, scale = 1;
  std::optional<Element> bias; // experts are chosen by score plus bias
  // Of so many groups of neighbours first the best, by their best expert or by their two best.
  int64_t groups = 1, topGroups = 1;
  bool topTwo = false;
};
/// weights[rows x experts] = the scores of the topK best experts of each row, of equal ones the earlier, times scale; 0
/// for the others. ranks[rows x experts] = how many experts are better, topK or more of those not chosen. sums[rows] is
/// scratch, and so are, with groups, choice[rows x experts], best[rows x groups] and places[rows x groups]. (scores,
/// weights, ranks, sums[, bias[experts]][, choice, best, places]; m)
TileKernel buildRoute(mlir::ModuleOp module, const Routing &routing);
/// acc[rows x n] += y[rows x n] * weights[rows x experts][:, expert]. (y, weights, acc; m)
TileKernel buildAddWeighted(mlir::ModuleOp module, int64_t rows, int64_t n, int64_t experts, int64_t expert);

// ---- MLP and layout -------------------------------------------------------------------------------------------
/// Silu: x / (1 + exp(-x)). Gelu: x/2 + x/2 * erf(x * sqrt(1/2)). GeluTanh: x/2 * (1 + tanh(u)) with u = sqrt(2/pi) *
/// (x + 0.044715 x^3), computed as the equal x / (1 + exp(-2u)). QuickGelu: x / (1 + exp(-1.702 x)). Relu: x, 0 where x
/// < 0; ReluSquared its square. Tanh, and Sigmoid: 1 / (1 + exp(-x)).
enum class Activation { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Tanh, Sigmoid };
/// x[rows x n] = activation(x), in place. (x; m)
TileKernel buildActivation(mlir::ModuleOp module, int64_t rows, int64_t n, Activation activation);
/// h[rows x n] = activation(gu[:, 0:n]) * gu[:, n:2n], gu[rows x 2n]. (gu, h; m)
TileKernel buildGate(mlir::ModuleOp module, int64_t rows, int64_t n, Activation activation);
/// Vector re-layout by masked sum: out[blocksOut*width]; block i of out is block rankOut*blocksOut + i of the whole,
/// which lies on core rankIn = that / blocksIn, in x[n] (zero beyond n) at (that mod blocksIn)*width; 0 where it is
/// another core's. (x[n], out; rankIn, rankOut)
TileKernel buildSelectBlocks(mlir::ModuleOp module, int64_t n, int64_t blocksIn, int64_t blocksOut, int64_t width);

// ---- experts on regions ---------------------------------------------------------------------------------------
/// Experts lie on regions of `rowsPerRegion` neighbouring ranks of y, in `slots` places each; place p is slot p mod
/// slots of region p / slots. A pair is a row and one of its topK experts, in one of the expert's places.
struct PairShape {
  int64_t rows = 1, topK = 1, slots = 1, rowsPerRegion = 1;
  /// Of a row in one region, at most; no expert is twice in a region.
  int64_t perRow() const { return std::min(topK, slots); }
  int64_t capacity() const { return rows * perRow(); }
};
/// choices[rows x 2*topK] = of each row the places of its topK experts by their number, -1 where there are fewer, then
/// their weights. Experts are those whose rank is below topK; of an expert's places[replicas], -1 behind the last one,
/// it is that in the region with the fewest pairs of all rows so far, of equal ones the first. `pairs` is scratch.
/// (ranks[rows x experts], weights[rows x experts], i32 places[experts x replicas], choices, i32 pairs[regions + 1]; m)
TileKernel buildChoosePlaces(mlir::ModuleOp module, const PairShape &shape, int64_t experts, int64_t regions,
                             int64_t replicas);
/// The pairs of m rows of choices that are in the region of rank `rank` of y: pairs[0] is their number, pairs[1 + i] is
/// slot * rows + row of pair i, weights[i] its weight. (choices, i32 pairs[1 + capacity], weights[capacity]; m, rank)
TileKernel buildListPairs(mlir::ModuleOp module, const PairShape &shape);
/// out[i] = x[row of pair i] * w[slot of pair i] for the pairs that there are, 0 for others up to m. (i32 pairs, x[rows
/// x k], w[slots x k x n], out[capacity x n]; m), m being a number of pairs.
TileKernel buildPairsIn(mlir::ModuleOp module, const PairShape &shape, int64_t k, int64_t n, Element weight);
/// The same with a block of layout `blocks` in each slot, k = blocks.rows and n = blocks.columns, and the same bits as
/// with its numbers. Pairs of one slot share these. `scratch` has pairScratch() numbers; bytes are aligned to 4. (i32
/// pairs, x[rows x k], i8 w[slots x blocks.bytes()], scratch, out[capacity x n]; m)
TileKernel buildPairsIn(mlir::ModuleOp module, const PairShape &shape, const runtime::BlockShape &blocks);
int64_t pairScratch(const runtime::BlockShape &blocks);
/// How cores of a row divide the gates of pairs: `blocks` blocks of `columns` columns, for each of `groups` groups of
/// pairs. Core `rank` has block rank mod blocks of group rank / blocks, others nothing. {1, n, 1}: all of it.
struct GateShare {
  int64_t blocks = 1, columns = 1, groups = 1;
  /// Of `n` columns among `cores` cores, each with whole vectors of the order of 8.
  static GateShare of(int64_t n, int64_t cores);
};
/// hidden[i] = weights[i] * (activation(gu[i, 0:n]) * gu[i, n:2n]) for a core's share of the pairs that there are, m at
/// most, 0 for what else there is of the first m. (i32 pairs, weights[capacity], gu[capacity x 2n], hidden[capacity x
/// n]; m, rank), m being a number of pairs.
TileKernel buildPairsGate(mlir::ModuleOp module, const PairShape &shape, int64_t n, Activation activation,
                          const GateShare &share);
/// out[row of pair i] += hidden[i] * w[slot of pair i] for the pairs that there are, m at most. (i32 pairs,
/// hidden[capacity x k], w[slots x k x n], out[rows x n]; m), m being a number of pairs.
TileKernel buildPairsOut(mlir::ModuleOp module, const PairShape &shape, int64_t k, int64_t n, Element weight);
/// The same with blocks, as buildPairsIn() has them. Slot by slot, in the order of their first pairs. (i32 pairs,
/// hidden[capacity x k], i8 w[slots x blocks.bytes()], scratch, out[rows x n]; m)
TileKernel buildPairsOut(mlir::ModuleOp module, const PairShape &shape, const runtime::BlockShape &blocks);

} // namespace weft::kernels
