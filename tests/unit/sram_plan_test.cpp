#include "compiler/plan/Sram.h"
#include "compiler/plan/Stages.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>

using namespace weft;
using namespace weft::plan;

static std::vector<PlanBuffer> randomBuffers(std::mt19937 &rng, int count, int tasks, int maxBytes) {
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  std::vector<PlanBuffer> buffers;
  for (int i = 0; i < count; ++i) {
    int a = pick(0, tasks - 1), b = pick(0, tasks - 1);
    buffers.push_back({"b" + std::to_string(i), static_cast<BufferKind>(pick(0, bufferKinds - 1)),
                       static_cast<uint64_t>(pick(0, maxBytes)), std::min(a, b), std::max(a, b), pick(0, 9) == 0});
  }
  return buffers;
}

/// The least peak over all placements: some order of "each at the lowest free place" reaches it.
static uint64_t optimalPeak(const std::vector<PlanBuffer> &buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  uint64_t best = UINT64_MAX;
  do {
    std::vector<uint64_t> offsets(buffers.size(), 0);
    uint64_t peak = 0;
    for (size_t k = 0; k < order.size() && peak < best; ++k) {
      const PlanBuffer &b = buffers[order[k]];
      uint64_t at = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < k; ++j) {
          const PlanBuffer &o = buffers[order[j]];
          bool live = b.resident || o.resident || (b.firstUse <= o.lastUse && o.firstUse <= b.lastUse);
          uint64_t otherAt = offsets[order[j]];
          if (live && at < otherAt + o.bytes && otherAt < at + b.bytes) {
            at = otherAt + o.bytes;
            moved = true;
          }
        }
      }
      offsets[order[k]] = at;
      peak = std::max(peak, at + b.bytes);
    }
    best = std::min(best, peak);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

TEST_CASE("every plan keeps live buffers apart") {
  std::mt19937 rng(1);
  double worst = 1;
  for (int round = 0; round < 200; ++round) {
    auto buffers = randomBuffers(rng, 1 + round, 1 + round / 2, 5000);
    uint32_t align = 1u << (round % 7);
    uint64_t base = round * 3;
    SramPlan plan = planSram(buffers, base, align);
    auto verified = verify(buffers, plan, base, plan.peakBytes, align);
    INFO((verified ? "" : verified.error().message));
    REQUIRE(verified);
    REQUIRE(plan.peakBytes + align >= plan.tightest.bytes); // the last buffer's rounding may hang over
    if (plan.tightest.bytes > 0)
      worst = std::max(worst, double(plan.peakBytes - base) / plan.tightest.bytes);
    CHECK(planSram(buffers, base, align).offsets == plan.offsets);
  }
  WARN("worst peak / liveness bound over 200 random plans: " << worst);
  CHECK(worst < 1.3);
}

TEST_CASE("greedy against exhaustive search on small plans") {
  std::mt19937 rng(2);
  double sum = 0, worst = 1;
  int optimal = 0, rounds = 150;
  for (int round = 0; round < rounds; ++round) {
    auto buffers = randomBuffers(rng, 7, 6, 40);
    uint64_t best = optimalPeak(buffers), greedy = planSram(buffers, 0, 1).peakBytes;
    REQUIRE(greedy >= best);
    double ratio = best == 0 ? 1 : double(greedy) / best;
    sum += ratio;
    worst = std::max(worst, ratio);
    optimal += greedy == best;
  }
  WARN("greedy is optimal in " << optimal << " of " << rounds << ", mean ratio " << sum / rounds << ", worst "
                               << worst);
  CHECK(optimal > rounds * 8 / 10);
  CHECK(worst < 1.25);
}

TEST_CASE("buffers that do not live together share bytes") {
  std::vector<PlanBuffer> buffers = {{"a", BufferKind::Activations, 100, 0, 1, false},
                                     {"b", BufferKind::Activations, 100, 2, 3, false},
                                     {"w", BufferKind::Weights, 50, 0, 0, true}};
  SramPlan plan = planSram(buffers, 0, 1);
  CHECK(plan.peakBytes == 150);
  CHECK(plan.offsets == std::vector<uint64_t>{50, 50, 0});
  buffers[1].firstUse = 1; // lives are inclusive
  CHECK(planSram(buffers, 0, 1).peakBytes == 250);
}

TEST_CASE("programs share the resident part") {
  std::vector<PlanBuffer> resident = {{"w", BufferKind::Weights, 1000, 0, 0, false},
                                      {"kv", BufferKind::KvCache, 30, 0, 0, false}};
  std::vector<std::vector<PlanBuffer>> programs = {{{"x", BufferKind::Activations, 64, 0, 5, false}},
                                                   {{"y", BufferKind::Activations, 512, 2, 2, false}}};
  SharedPlan shared = planPrograms(resident, programs, 16);
  CHECK(shared.resident.offsets == std::vector<uint64_t>{0, 1008});
  CHECK(shared.programs[0].offsets[0] == 1040);
  CHECK(shared.programs[1].offsets[0] == 1040);
  CHECK(shared.peakBytes == 1040 + 512);
}

TEST_CASE("S1, S2, S3: verify names what is wrong") {
  std::vector<PlanBuffer> buffers = {{"a", BufferKind::Activations, 32, 0, 2, false},
                                     {"b", BufferKind::Activations, 32, 2, 3, false}};
  SramPlan plan = planSram(buffers, 0, 16);
  REQUIRE(verify(buffers, plan, 0, 64, 16));
  auto broken = [&](std::vector<uint64_t> offsets, uint64_t limit) {
    SramPlan bad = plan;
    bad.offsets = std::move(offsets);
    auto result = verify(buffers, bad, 0, limit, 16);
    REQUIRE(!result);
    return result.error().message;
  };
  CHECK_THAT(broken({0, 40}, 100), Catch::StartsWith("S1: 'b'"));
  CHECK_THAT(broken({0, 32}, 63), Catch::StartsWith("S2: 'b'"));
  CHECK_THAT(broken({0, 16}, 64), Catch::StartsWith("S3: 'a'"));
  CHECK_THAT(broken({0}, 64), Catch::Contains("1 offsets for 2"));
}

TEST_CASE("a program that does not fit gets a table and two remedies") {
  auto buffersFor = [](int64_t maxSeq) {
    return std::vector<PlanBuffer>{{"w", BufferKind::Weights, 30000, 0, 0, true},
                                   {"kv", BufferKind::KvCache, static_cast<uint64_t>(maxSeq * 40), 0, 0, true},
                                   {"x", BufferKind::Activations, 3001, 0, 3, false},
                                   {"late", BufferKind::HostIo, 2000, 5, 6, false}};
  };
  auto budgetFor = [&](int64_t maxSeq) {
    auto buffers = buffersFor(maxSeq);
    return budgetOf("inner", 49152, 4096, 2048, buffers, planSram(buffers, 0, 16).peakBytes);
  };
  auto fits = [&](int64_t maxSeq) { return budgetFor(maxSeq).neededBytes() <= 49152; };
  int calls = 0;
  auto remedies = [&] {
    ++calls;
    int64_t best = largestThatFits(1, 512, fits);
    return std::vector<Remedy>{
        {"--max-seq " + std::to_string(best), budgetFor(best).neededBytes()}, {"--mesh 8x8", 30000}, {"third", 1}};
  };
  std::vector<Budget> good = {budgetFor(16)};
  CHECK(checkBudgets("'m' on 4x4", good, remedies));
  CHECK(calls == 0);
  std::vector<Budget> budgets = {budgetFor(16), budgetFor(512)};
  auto result = checkBudgets("'m' on 4x4", budgets, remedies);
  REQUIRE(!result);
  CHECK(result.error().fault == Fault::User);
  std::string message = result.error().message;
  CHECK_THAT(message, Catch::Contains("class 'inner' lacks 10,473 bytes"));
  for (const char *row :
       {"code", "stack", "weights", "constants", "KV cache", "activations", "communication", "host I/O", "needed"})
    CHECK_THAT(message, Catch::Contains(row));
  CHECK_THAT(message, Catch::Contains("available                    49,152"));
  CHECK_THAT(message, Catch::Contains("--max-seq 250 "));
  CHECK_THAT(message, Catch::Contains("--mesh 8x8"));
  CHECK_THAT(message, !Catch::Contains("third"));
}

TEST_CASE("largestThatFits finds the edge") {
  for (int edge = 0; edge <= 20; ++edge)
    CHECK(largestThatFits(1, 20, [&](int64_t v) { return v <= edge; }) == edge);
}

namespace {
/// Four layers of 100 bytes of weights and `rows` times 10 of cache each, and a table that all of them read.
struct FourLayers {
  std::vector<PlanBuffer> resident = {{"table", BufferKind::Constants, 32, 0, 0, true}};
  std::vector<std::vector<int>> segmentsOf = {{0, 1, 2, 3}};
  explicit FourLayers(int rows) {
    for (int layer = 0; layer < 4; ++layer) {
      resident.push_back({"w" + std::to_string(layer), BufferKind::Weights, 100, 0, 0, true});
      resident.push_back({"kv" + std::to_string(layer), BufferKind::KvCache, uint64_t(10 * rows), 0, 0, true});
      segmentsOf.insert(segmentsOf.end(), 2, {layer});
    }
  }
  StagePlan divide(uint64_t limit) const { return divideStages(resident, segmentsOf, 4, limit, 1); }
};
} // namespace

TEST_CASE("layers are divided among as few stages as hold them") {
  FourLayers model(2);
  StagePlan one = model.divide(32 + 4 * 120);
  CHECK(one.count == 1);
  CHECK(one.stageOfBuffer == std::vector<int>(9, -1));
  StagePlan two = model.divide(32 + 3 * 120);
  CHECK(two.count == 2);
  CHECK(two.fullestBytes == 32 + 3 * 120);
  CHECK(two.stageOfBuffer == std::vector<int>{-1, 0, 0, 0, 0, 0, 0, 1, 1});
  CHECK(model.divide(150).count == 4);
  // A layer that does not fit is a stage of its own all the same: the budget says what it lacks.
  CHECK(model.divide(10).count == 4);
  CHECK(model.divide(10).fullestBytes == 152);
}

TEST_CASE("stages share bytes, what all of them have does not") {
  FourLayers model(2);
  StagePlan stages = model.divide(32 + 2 * 120);
  REQUIRE(stages.count == 2);
  for (size_t i = 0; i < model.resident.size(); ++i)
    model.resident[i].stage = stages.stageOfBuffer[i];
  std::vector<PlanBuffer> program = {{"a", BufferKind::Activations, 64, 0, 1, false}};
  SharedPlan plan = planPrograms(model.resident, std::vector<std::vector<PlanBuffer>>{program}, 16);
  CHECK(plan.resident.peakBytes <= 32 + 2 * (112 + 32));
  CHECK(plan.resident.offsets[0] == 0);
  CHECK(findTightest(model.resident, 1).bytes == 32 + 2 * 120);
  std::vector<PlanBuffer> all = model.resident;
  all.insert(all.end(), program.begin(), program.end());
  SramPlan joined{plan.resident.offsets, plan.peakBytes, {}};
  joined.offsets.push_back(plan.programs[0].offsets[0]);
  CHECK(verify(all, joined, 0, UINT64_MAX, 16));
  CHECK(fullestStage(model.resident).size() == 5);
  // Without their stages the same bytes are a clash.
  for (PlanBuffer &buffer : all)
    buffer.stage = -1;
  CHECK_FALSE(verify(all, joined, 0, UINT64_MAX, 16));
}

TEST_CASE("the most rows of the cache that fit") {
  FourLayers model(2);
  auto rows = [&](int stages, uint64_t limit) {
    return mostCachedRows(model.resident, model.segmentsOf, 4, 2, stages, [&](int64_t) { return limit; }, 1);
  };
  CHECK(rows(1, 32 + 4 * 100 + 4 * 70) == 7);
  CHECK(rows(1, 32 + 4 * 100 + 4 * 70 - 1) == 6);
  CHECK(rows(2, 32 + 2 * 100 + 2 * 70) == 7);
  CHECK(rows(3, 32 + 2 * 100 + 2 * 70) == 7); // three stages for four layers: two of them lie together
  CHECK(rows(4, 32 + 2 * 100 + 2 * 70) == 24);
  CHECK(rows(1, 32 + 4 * 100 + 39) == 0);
  // What else grows with the rows leaves less for them.
  auto growing = [&](int64_t rows) { return uint64_t(std::max<int64_t>(1000 - 20 * rows, 0)); };
  CHECK(mostCachedRows(model.resident, model.segmentsOf, 4, 2, 1, growing, 1) == 9);
}
