#include "compiler/place/ExpertPlacement.h"

#include "compiler/place/ExpertTokens.h"
#include "compiler/place/Geometry.h"

#include <algorithm>

namespace weft::place {

int64_t ExpertPlan::replicas(int of) const { return std::count(expert.begin(), expert.end(), of); }

RegionCosts ExpertShape::blocksOf(int64_t rowsPerRegion) const {
  auto found = blocks.find(rowsPerRegion);
  return found == blocks.end() ? RegionCosts{} : found->second;
}

uint64_t planBytes(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits) {
  const int64_t hidden = contractionLocalX(Mesh::make(limits.width, limits.height, true), shape.hidden);
  const int64_t elements = hidden * plainLocal(shape.inner, plan.rowsPerRegion);
  auto bytes = [&](const std::optional<BlockCosts> &blocks, int64_t numbers) {
    return blocks ? static_cast<double>(blocks->bytes) : static_cast<double>(numbers) * shape.weightBytes;
  };
  const RegionCosts blocks = shape.blocksOf(plan.rowsPerRegion);
  return static_cast<uint64_t>(static_cast<double>(plan.slots) *
                               (bytes(blocks.gateUp, 2 * elements) + bytes(blocks.down, elements)));
}

uint64_t neededBytes(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits) {
  const uint64_t weights = planBytes(plan, shape, limits);
  if (limits.layers == 0)
    return weights;
  int64_t replicas = 1;
  for (int expert = 0; expert < shape.experts; ++expert)
    replicas = std::max(replicas, plan.replicas(expert));
  constexpr int64_t wordBytes = 4;
  // Gate and up of each pair that there may be, and what they make; numbers of blocks.
  const int64_t pairs = std::max<int64_t>(1, ceilDiv(limits.tokens, limits.height)) * std::min(shape.topK, plan.slots);
  const RegionCosts blocks = shape.blocksOf(plan.rowsPerRegion);
  const int64_t buffers =
      pairs * 3 * plainLocal(shape.inner, plan.rowsPerRegion) * wordBytes +
      std::max(blocks.gateUp.value_or(BlockCosts{}).scratchBytes, blocks.down.value_or(BlockCosts{}).scratchBytes);
  return weights + static_cast<uint64_t>(shape.experts * replicas * wordBytes + ceilDiv(buffers, limits.layers));
}

std::string planProblem(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits) {
  if (plan.regions < 1 || plan.rowsPerRegion < 1 || plan.slots < 1 || plan.regions * plan.rowsPerRegion > limits.height)
    return "its regions do not fit on the mesh";
  if (static_cast<int64_t>(plan.expert.size()) != plan.regions * plan.slots)
    return "it has another number of slots than it says";
  std::vector<int64_t> seen(shape.experts, 0);
  for (int64_t region = 0; region < plan.regions; ++region) {
    std::vector<int> here;
    for (int64_t slot = 0; slot < plan.slots; ++slot) {
      int expert = plan.expert[region * plan.slots + slot];
      if (expert < -1 || expert >= shape.experts)
        return "a slot holds an expert that there is not";
      if (expert < 0)
        continue;
      if (std::find(here.begin(), here.end(), expert) != here.end())
        return "a region has an expert twice";
      here.push_back(expert);
      ++seen[expert];
    }
  }
  if (std::find(seen.begin(), seen.end(), 0) != seen.end())
    return "an expert is nowhere";
  return "";
}

ExpertPlan roundRobinPlan(const ExpertShape &shape, const ExpertLimits &limits, int64_t rowsPerRegion) {
  ExpertPlan plan;
  plan.rowsPerRegion = std::clamp<int64_t>(rowsPerRegion, 1, limits.height);
  plan.regions = std::min(limits.height / plan.rowsPerRegion, shape.experts);
  plan.slots = ceilDiv(shape.experts, plan.regions);
  plan.expert.assign(plan.regions * plan.slots, -1);
  for (int64_t expert = 0; expert < shape.experts; ++expert)
    plan.expert[expert % plan.regions * plan.slots + expert / plan.regions] = static_cast<int>(expert);
  return plan;
}

namespace {

/// Cycles of products of one row by `rows` x `columns` weights: a row of them a vector, none faster than one a cycle.
struct Compute {
  const hw::CoreRates &rates;
  double weightBytes;                     // of a number
  double operations = 0, storedBytes = 0; // that make a number of a weight in blocks, and its bytes; 0: it is one

  /// Of weights in blocks, whose numbers are f32: `operations` make one of `storedBytes`.
  static Compute ofBlocks(const hw::CoreRates &rates, double operations, double storedBytes) {
    return {rates, 4, operations, storedBytes};
  }

  /// What comes before products with so many weights: the longest of reading blocks, computing numbers, writing them.
  double unpack(int64_t weights) const {
    if (operations == 0)
      return 0;
    return static_cast<double>(weights) *
           std::max({over(operations, rates.alu), over(storedBytes, rates.loadBytes), over(4, rates.storeBytes)});
  }
  double product(int64_t rows, int64_t columns) const {
    auto n = static_cast<double>(columns);
    const double narrow = weightBytes < 4 ? rates.macsF16 : rates.macsF32;
    const double row = std::max({1.0, over(n, narrow), over(n * weightBytes, rates.loadBytes)});
    return static_cast<double>(rows) * (row + rates.vectorIssue + rates.descriptor);
  }
  /// An exponential and a division each, and what multiplies and adds.
  double gate(int64_t n) const {
    return over(2.0 * static_cast<double>(n), rates.special) + over(4.0 * static_cast<double>(n), rates.alu);
  }
  static double over(double amount, double rate) { return rate > 0 ? amount / rate : 0; }
};

/// Cycles of one step of a ring: two hops at most, as neighbours of the interleaved ring are that far.
double ringStep(const CollectiveCosts &links, int64_t cores, int64_t words) {
  return cores < 2 ? 0 : static_cast<double>(words + std::min<int64_t>(2, cores - 1) * links.hop + 2 * links.ramp);
}

/// A product of all cores for the rows of a launch: a step a block of the contraction (docs/architecture.md, "GEMM").
double gemmCycles(const Mesh &mesh, const ExpertCosts &costs, const Compute &compute, int64_t rows, int64_t inner,
                  int64_t columns) {
  const int64_t width = blockWidth(mesh, inner);
  const double step = ringStep(costs.links, std::max(mesh.width, mesh.height), std::max(rows, columns) * width);
  const double work = static_cast<double>(rows) * compute.product(width, columns) + compute.unpack(width * columns) +
                      costs.core.startup;
  return static_cast<double>(mesh.blocks) * std::max(step, work) + static_cast<double>(mesh.blocks / 2) * step;
}

/// The same for the one row of a token: the vector comes from x to y, and partial results are added up along y.
double gemvCycles(const Mesh &mesh, const ExpertCosts &costs, const Compute &compute, int64_t inner, int64_t columns) {
  const int64_t rows = contractionLocalY(mesh, inner);
  return compute.product(rows, columns) + compute.unpack(rows * columns) + costs.core.startup +
         static_cast<double>(reductionCycles(costs.links, mesh.width, rows, costs.decodeTreeLevels) +
                             reductionCycles(costs.links, mesh.height, columns, costs.decodeTreeLevels));
}

} // namespace

PlanCosts PlanCosts::of(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits,
                        const ExpertCosts &costs) {
  const Mesh mesh = Mesh::make(limits.width, limits.height, true);
  const int64_t k = contractionLocalX(mesh, shape.hidden), n = plainLocal(shape.inner, plan.rowsPerRegion);
  const int64_t perToken = std::min(shape.topK, plan.slots), block = ceilDiv(limits.tokens, limits.height);
  auto sum = [&](int64_t cores, int64_t words, int64_t levels) {
    return static_cast<double>(reductionCycles(costs.links, cores, words, levels));
  };
  auto computeOf = [&](const std::optional<BlockCosts> &blocks, int64_t weights) {
    const auto number = static_cast<double>(weights);
    return blocks ? Compute::ofBlocks(costs.core, static_cast<double>(blocks->operations) / number,
                                      static_cast<double>(blocks->bytes) / number)
                  : Compute{costs.core, shape.weightBytes};
  };
  const RegionCosts blocks = shape.blocksOf(plan.rowsPerRegion);
  const Compute gateUp = computeOf(blocks.gateUp, 2 * k * n), down = computeOf(blocks.down, k * n);
  PlanCosts result;
  result.pair = gateUp.product(k, 2 * n) + gateUp.gate(n) + down.product(n, k) + 2 * costs.core.startup;
  result.slot = gateUp.unpack(2 * k * n) + down.unpack(k * n);
  result.decode =
      sum(limits.width, perToken * 2 * n, costs.decodeTreeLevels) + sum(limits.height, k, costs.decodeTreeLevels);
  // A row's block of tokens, its results so far and the choices visit every rank of y.
  result.prefillStep = sum(limits.width, block * perToken * 2 * n, costs.prefillTreeLevels) +
                       ringStep(costs.links, limits.height, block * (2 * k + 2 * shape.topK));
  return result;
}

void predict(ExpertPlan &plan, const ExpertShape &shape, const ExpertTokens &tokens, const ExpertLimits &limits,
             const PlanCosts &costs) {
  const BusiestPairs busiest = busiestPairs(plan, shape.experts, tokens);
  plan.meanPairs = static_cast<double>(shape.topK) / static_cast<double>(plan.regions);
  plan.expectedPairs = busiest.alone;
  plan.blockPairs = busiest.inBlocks;
  // A token has an expert once.
  plan.decodeCycles = plan.expectedPairs * (costs.pair + costs.slot) + costs.decode;
  const double pairs = static_cast<double>(ceilDiv(limits.tokens, limits.height)) * plan.blockPairs;
  const double step =
      pairs * costs.pair + std::min(pairs, static_cast<double>(plan.slots)) * costs.slot + costs.prefillStep;
  plan.prefillCycles = limits.tokens ? static_cast<double>(limits.height) * step : 0;
}

void predict(ExpertPlan &plan, const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
             const ExpertCosts &costs) {
  predict(plan, shape, ExpertTokens::of(shape, load, ceilDiv(limits.tokens, limits.height)), limits,
          PlanCosts::of(plan, shape, limits, costs));
}

double planCycles(const ExpertPlan &plan, const ExpertLimits &limits) {
  return plan.prefillCycles +
         (limits.decode ? static_cast<double>(std::max<int64_t>(1, limits.tokens)) * plan.decodeCycles : 0);
}

double denseCycles(const ExpertShape &shape, const ExpertLimits &limits, const ExpertCosts &costs) {
  const Mesh mesh = Mesh::make(limits.width, limits.height, true);
  const Compute compute = shape.denseOperations > 0
                              ? Compute::ofBlocks(costs.core, shape.denseOperations, shape.denseWeightBytes)
                              : Compute{costs.core, shape.denseWeightBytes};
  const int64_t inner = 2 * contractionLocalX(mesh, shape.inner), hidden = contractionLocalX(mesh, shape.hidden);
  const int64_t rows = ceilDiv(limits.tokens, limits.height);
  double cycles = 0;
  if (rows)
    cycles += static_cast<double>(rows) * compute.gate(inner / 2) +
              gemmCycles(mesh, costs, compute, rows, shape.hidden, inner) +
              gemmCycles(mesh, costs, compute, rows, shape.inner, hidden);
  if (limits.decode)
    cycles += static_cast<double>(std::max<int64_t>(1, limits.tokens)) *
              (compute.gate(inner / 2) + gemvCycles(mesh, costs, compute, shape.hidden, inner) +
               gemvCycles(mesh, costs, compute, shape.inner, hidden));
  return static_cast<double>(shape.experts) * cycles;
}

uint64_t denseBytes(const ExpertShape &shape, const ExpertLimits &limits) {
  const Mesh mesh = Mesh::make(limits.width, limits.height, true);
  const int64_t elements = contractionLocalY(mesh, shape.hidden) * 2 * contractionLocalX(mesh, shape.inner) +
                           contractionLocalY(mesh, shape.inner) * contractionLocalX(mesh, shape.hidden);
  return static_cast<uint64_t>(static_cast<double>(shape.experts * elements) * shape.denseWeightBytes);
}

} // namespace weft::place
