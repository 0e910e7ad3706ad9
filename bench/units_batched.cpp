// The batched forms of the unit dot, eight registers by one, against what kernels use: whole products of 56x256x256 on
// rvv-lab's core, from the instruction-set simulator under its timing model. The loops of the batched forms are tiled
// by hand, eight rows by eight columns with the accumulators in registers, on weights packed for them; the others are
// the compiler's.
#include "core_cost.h"

#include "compiler/codegen/HostKernels.h"
#include "dialects/rv/Rv.h"
#include "kernels/TileKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

using namespace weft;
using bench::Cost;

namespace {

constexpr int64_t rows = 56, depth = 256, columns = 256;

Result<Cost> costOfText(const std::string &text, const std::vector<uint32_t> &bytes) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                      mlir::memref::MemRefDialect, mlir::scf::SCFDialect, mlir::vector::VectorDialect, rv::RvDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  return module ? bench::costOnCore(*module, "product", "[dot]", bytes, {})
                : internalError("the kernel's text is not valid");
}

struct Batched {
  const char *op, *attributes, *element, *sum;
  int64_t lanes; // of a register
};

/// c[56x256] += a[56x256] b, where b is [column / 8][k / lanes][8][lanes].
std::string batchedText(const Batched &form) {
  constexpr int64_t tile = 8;
  const std::string row = fmt::format("vector<{}x{}>", form.lanes, form.element),
                    batch = fmt::format("vector<8x{}x{}>", form.lanes, form.element),
                    sums = fmt::format("vector<8x{}>", form.sum),
                    aType = fmt::format("memref<{}x{}x{}>", rows, depth, form.element),
                    bType = fmt::format("memref<{}x{}x8x{}x{}>", columns / tile, depth / form.lanes, form.lanes,
                                        form.element),
                    cType = fmt::format("memref<{}x{}x{}>", rows, columns, form.sum);
  std::string loads, initial, types, loadRows, products, results, stores;
  for (int64_t i = 0; i < tile; ++i) {
    const char *between = i ? ", " : "";
    loads += fmt::format("%m{0} = arith.addi %m, %i{0} : index\n%c{0} = vector.load %c[%m{0}, %n] : {1}, {2}\n", i,
                         cType, sums);
    initial += fmt::format("{}%s{} = %c{}", between, i, i);
    types += between + sums;
    loadRows += fmt::format("%w{0} = vector.load %b[%n8, %k, %i{0}, %i0] : {1}, {2}\n"
                            "%b{3} = vector.insert %w{0}, %b{0} [{0}] : {2} into {4}\n",
                            i, bType, row, i + 1, batch);
    products += fmt::format("%a{0} = vector.load %a[%m{0}, %kl] : {1}, {2}\n"
                            "%p{0} = rv.{3} %s{0}, %b8, %a{0} {4} : ({5}, {6}, {2}) -> {5}\n",
                            i, aType, row, form.op, form.attributes, sums, batch);
    results += fmt::format("{}%p{}", between, i);
    stores += fmt::format("vector.store %r#{0}, %c[%m{0}, %n] : {1}, {2}\n", i, cType, sums);
  }
  std::string constants;
  for (int64_t i = 0; i < tile; ++i)
    constants += fmt::format("%i{0} = arith.constant {0} : index\n", i);
  const bool isFloat = form.element[0] != 'i';
  return fmt::format("func.func @product(%a: {0}, %b: {1}, %c: {2}) attributes {{weft.kernel}} {{\n{3}"
                     "%eight = arith.constant 8 : index\n%rows = arith.constant {4} : index\n"
                     "%columns = arith.constant {5} : index\n%steps = arith.constant {6} : index\n"
                     "%lanes = arith.constant {7} : index\n%b0 = arith.constant dense<0{8}> : {9}\n"
                     "scf.for %n = %i0 to %columns step %eight {{\n%n8 = arith.divui %n, %eight : index\n"
                     "scf.for %m = %i0 to %rows step %eight {{\n{10}"
                     "%r:8 = scf.for %k = %i0 to %steps step %i1 iter_args({11}) -> ({12}) {{\n"
                     "%kl = arith.muli %k, %lanes : index\n{13}{14}scf.yield {15} : {12}\n}}\n{16}}}\n}}\nreturn\n}}\n",
                     aType, bType, cType, constants, rows, columns, depth / form.lanes, form.lanes, isFloat ? ".0" : "",
                     batch, loads, initial, types, loadRows, products, results, stores);
}

/// Four bytes to a word, as quantised products have them.
std::string wordsText() {
  return fmt::format(
      "func.func @product(%a: memref<{0}x{1}xi32>, %b: memref<{1}x{2}xi32>, %c: memref<{0}x{2}xi32>) "
      "attributes {{weft.kernel}} {{\n"
      "linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,"
      " affine_map<(m, n, k) -> (m, n)>], iterator_types = [\"parallel\", \"parallel\", \"reduction\"]}}\n"
      "ins(%a, %b : memref<{0}x{1}xi32>, memref<{1}x{2}xi32>) outs(%c : memref<{0}x{2}xi32>) {{\n"
      "^bb0(%x: i32, %y: i32, %s: i32):\n%r = rv.dot4 %s, %x, %y : i32\nlinalg.yield %r : i32\n}}\n"
      "return\n}}\n",
      rows, depth / 4, columns);
}

Result<Cost> narrowCost() {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  const auto kernel = kernels::buildGemmNarrow(*module, rows, depth, columns, kernels::Element::BF16);
  const auto described = codegen::describeKernels(*module);
  std::vector<int64_t> scalars = described.front()->probe->scalars;
  scalars[size_t(described.front()->probe->rows_scalar)] = rows;
  return bench::costOnCore(*module, kernel.name, "[dot]", described.front()->operand_bytes, scalars);
}

void compare(benchmark::State &state, const Result<Cost> &batched, const Result<Cost> &usual) {
  for (auto _ : state)
    benchmark::DoNotOptimize(batched);
  for (const Result<Cost> *each : {&batched, &usual})
    if (!*each)
      return state.SkipWithError((*each).error().message.c_str());
  constexpr double products = rows * depth * columns;
  state.counters["instructions"] = batched->instructions;
  state.counters["instructions_usual"] = usual->instructions;
  state.counters["cycles"] = batched->cycles;
  state.counters["cycles_usual"] = usual->cycles;
  state.counters["products_a_cycle"] = products / batched->cycles;
  state.counters["products_a_cycle_usual"] = products / usual->cycles;
}

void bytes(benchmark::State &state) {
  const std::vector<uint32_t> sizes = {rows * depth, depth * columns, rows * columns * 4};
  compare(state, costOfText(batchedText({"vqwbdotas_vv", "{altfmt}", "i8", "i32", 32}), sizes),
          costOfText(wordsText(), sizes));
}

void bfloats(benchmark::State &state) {
  const std::vector<uint32_t> sizes = {rows * depth * 2, depth * columns * 2, rows * columns * 4};
  compare(state, costOfText(batchedText({"vfwbdota_vv", "", "bf16", "f32", 16}), sizes), narrowCost());
}

BENCHMARK(bytes)->Name("batched_vqwbdotas_against_vqdot")->Iterations(1);
BENCHMARK(bfloats)->Name("batched_vfwbdota_against_vfwmaccbf16")->Iterations(1);

} // namespace
