// Experts on regions: which place a row's experts get, which pairs a region has, and their products.
#include "kernels_reference.h"

#include <algorithm>
#include <numeric>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

/// Some regions with all experts, some twice; places by expert, in ascending order.
struct Regions {
  int64_t experts = 1, regions = 1, slots = 1, replicas = 1;
  std::vector<std::vector<int32_t>> places;

  Regions(int64_t experts, int64_t regions, std::mt19937 &random) : experts(experts), regions(regions) {
    slots = (experts + regions - 1) / regions + 1;
    places.resize(experts);
    std::vector<int32_t> used(regions);
    for (int64_t e = 0; e < experts; ++e)
      for (int64_t region = 0; region < regions; ++region)
        if (region == e % regions || (random() % 3 == 0 && used[region] + 1 < slots && e < regions))
          places[e].push_back(int32_t(region * slots) + used[region]++);
    for (const auto &each : places)
      replicas = std::max<int64_t>(replicas, int64_t(each.size()));
  }
};

} // namespace

TEST_CASE("each expert of a row gets its place in the least busy region", "[kernels]") {
  constexpr int64_t rows = 5;
  std::mt19937 random(61);
  for (int64_t experts : {1, 4, 11})
    for (int64_t regionCount : {1, 3}) {
      Regions regions(experts, regionCount, random);
      const int64_t topK = std::min<int64_t>(experts, 3);
      const PairShape shape{.rows = rows, .topK = topK, .slots = regions.slots, .rowsPerRegion = 2};
      Suite suite;
      TileKernel kernel = buildChoosePlaces(*suite, shape, experts, regionCount, regions.replicas);
      suite.compile();
      for (int64_t m = 1; m <= rows; ++m) {
        INFO(kernel.name << " m " << m);
        Buffer<float> ranks(rows * experts), weights(rows * experts, random), choices(rows * 2 * topK, 6.0F);
        Buffer<int32_t> places(experts * regions.replicas, -1), pairs(regionCount + 1);
        for (int64_t e = 0; e < experts; ++e)
          std::copy(regions.places[e].begin(), regions.places[e].end(), places.begin() + e * regions.replicas);
        for (int64_t row = 0; row < rows; ++row) {
          std::vector<int> order(experts);
          std::iota(order.begin(), order.end(), 0);
          std::shuffle(order.begin(), order.end(), random);
          for (int64_t e = 0; e < experts; ++e)
            ranks[row * experts + e] =
                row == 2 ? 0.0F : float(order[e]); // as NaN scores have it, all may seem the best
        }
        suite.call(kernel, {m}, ranks, weights, places, choices, pairs);
        std::vector<int64_t> busy(regionCount);
        for (int64_t row = 0; row < rows; ++row) {
          int64_t chosen = 0;
          for (int64_t e = 0; e < experts && row < m && chosen < topK; ++e) {
            if (ranks[row * experts + e] >= float(topK))
              continue;
            int32_t best = regions.places[e][0];
            for (int32_t place : regions.places[e])
              if (busy[place / regions.slots] < busy[best / regions.slots])
                best = place;
            ++busy[best / regions.slots];
            REQUIRE(choices[row * 2 * topK + chosen] == float(best));
            REQUIRE(choices[row * 2 * topK + topK + chosen] == weights[row * experts + e]);
            ++chosen;
          }
          REQUIRE(chosen == (row < m ? topK : 0));
          if (row >= m)
            REQUIRE(choices[row * 2 * topK] == 6.0F);
        }
      }
    }
}

TEST_CASE("a region lists the pairs that are its own", "[kernels]") {
  constexpr int64_t rows = 4, regions = 3, rowsPerRegion = 2;
  std::mt19937 random(62);
  for (int64_t topK : {1, 3})
    for (int64_t slots : {1, 2, 7}) {
      const PairShape shape{.rows = rows, .topK = topK, .slots = slots, .rowsPerRegion = rowsPerRegion};
      Suite suite;
      TileKernel kernel = buildListPairs(*suite, shape);
      suite.compile();
      for (int64_t m = 1; m <= rows; ++m)
        for (int64_t rank = 0; rank < (regions + 1) * rowsPerRegion; ++rank) {
          INFO(kernel.name << " m " << m << " rank " << rank);
          Buffer<float> choices(rows * 2 * topK, random), weights(shape.capacity(), 6.0F);
          Buffer<int32_t> pairs(1 + shape.capacity(), 6);
          std::vector<int32_t> expected;
          std::vector<float> shares;
          for (int64_t row = 0; row < rows; ++row) {
            std::vector<int64_t> free(regions * slots);
            std::iota(free.begin(), free.end(), 0);
            std::shuffle(free.begin(), free.end(), random);
            for (int64_t i = 0; i < topK; ++i) {
              const int64_t place = i < std::ssize(free) && random() % 5 ? free[i] : -1;
              choices[row * 2 * topK + i] = float(place);
              if (row < m && place >= 0 && place / slots == rank / rowsPerRegion &&
                  std::ssize(expected) < shape.capacity()) {
                expected.push_back(int32_t(place % slots * rows + row));
                shares.push_back(choices[row * 2 * topK + topK + i]);
              }
            }
          }
          suite.call(kernel, {m, rank}, choices, pairs, weights);
          REQUIRE(pairs[0] == int32_t(expected.size()));
          for (size_t i = 0; i < expected.size(); ++i) {
            REQUIRE(pairs[1 + i] == expected[i]);
            REQUIRE(weights[i] == shares[i]);
          }
        }
    }
}

TEST_CASE("pairs are multiplied by the matrices of their experts", "[kernels]") {
  std::mt19937 random(63);
  const PairShape shape{.rows = 3, .topK = 3, .slots = 4, .rowsPerRegion = 1};
  const int64_t rows = shape.rows, capacity = shape.capacity(), slots = shape.slots;
  for (auto [k, n] : {std::pair<int64_t, int64_t>{1, 2}, {6, 14}, {23, 40}})
    for (Element element : {Element::F32, Element::F16, Element::BF16}) {
      Suite suite;
      TileKernel in = buildPairsIn(*suite, shape, k, n, element), out = buildPairsOut(*suite, shape, k, n, element);
      suite.compile();
      for (int64_t count : {int64_t{0}, int64_t{1}, capacity})
        for (int64_t m : {count + (count == 0), capacity}) {
          INFO(in.name << " count " << count << " m " << m);
          Buffer<int32_t> pairs(1 + capacity);
          pairs[0] = int32_t(count);
          for (int64_t i = 0; i < capacity; ++i)
            pairs[1 + i] = int32_t(random() % (slots * rows));
          Weights w(element, slots * k * n, random);
          auto call = [&](const TileKernel &kernel, auto &...before) {
            return [&](auto &...after) {
              element == Element::F32 ? suite.call(kernel, {m}, before..., w.wide, after...)
                                      : suite.call(kernel, {m}, before..., w.narrow, after...);
            };
          };
          const int64_t steps = k + 3;
          auto isNear = [&](double actual, double exact, double size) {
            REQUIRE(std::abs(actual - exact) <= double(steps) * 0x1p-24 * size);
          };
          Buffer<float> x(rows * k, random), products(capacity * n, 6.0F);
          call(in, pairs, x)(products);
          for (int64_t i = 0; i < capacity; ++i)
            for (int64_t j = 0; j < n; ++j) {
              double exact = i < m ? 0 : 6, size = 0;
              for (int64_t c = 0; i < count && c < k; ++c) {
                const double term =
                    double(x[pairs[1 + i] % rows * k + c]) * w.wide[(pairs[1 + i] / rows * k + c) * n + j];
                exact += term;
                size += std::abs(term);
              }
              isNear(products[i * n + j], exact, size);
            }

          Buffer<float> h(capacity * k, random), sum(rows * n, random), before = sum;
          call(out, pairs, h)(sum);
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t j = 0; j < n; ++j) {
              double exact = before[row * n + j], size = std::abs(exact);
              for (int64_t i = 0; i < count; ++i)
                for (int64_t c = 0; pairs[1 + i] % rows == row && c < k; ++c) {
                  const double term = double(h[i * k + c]) * w.wide[(pairs[1 + i] / rows * k + c) * n + j];
                  exact += term;
                  size += std::abs(term);
                }
              REQUIRE(std::abs(sum[row * n + j] - exact) <= double(steps * (count + 1)) * 0x1p-24 * size);
            }
        }
    }
}

TEST_CASE("pairs are gated and weighed, each core's share of them", "[kernels]") {
  std::mt19937 random(64);
  const PairShape shape{.rows = 4, .topK = 2, .slots = 2, .rowsPerRegion = 1};
  const int64_t capacity = shape.capacity();
  for (int64_t n : {1, 10, 37})
    for (int64_t cores : {1, 3, 9}) {
      const GateShare share = GateShare::of(n, cores);
      Suite suite;
      TileKernel gate = buildGate(*suite, capacity, n, Activation::Silu),
                 pairsGate = buildPairsGate(*suite, shape, n, Activation::Silu, share);
      suite.compile();
      for (int64_t count = 0; count <= capacity; ++count)
        for (int64_t m : {std::max<int64_t>(count, 1), capacity}) {
          INFO(pairsGate.name << " count " << count << " m " << m);
          Buffer<int32_t> pairs(1 + capacity);
          pairs[0] = int32_t(count);
          Buffer<float> weights(capacity, random), gu(capacity * 2 * n, random), gated(capacity * n, 6.0F);
          suite.call(gate, {capacity}, gu, gated);
          std::vector<int64_t> owners(capacity * n);
          for (int64_t rank = 0; rank < cores; ++rank) {
            Buffer<float> hidden(capacity * n, 6.0F);
            suite.call(pairsGate, {m, rank}, pairs, weights, gu, hidden);
            for (int64_t i = 0; i < capacity * n; ++i) {
              const bool owned = i < count * n && hidden[i] == weights[i / n] * gated[i] && hidden[i] != 0;
              owners[i] += owned;
              if (!owned)
                REQUIRE(hidden[i] == (i < m * n && cores > 1 ? 0.0F : 6.0F));
            }
          }
          for (int64_t i = 0; i < capacity * n; ++i)
            REQUIRE(owners[i] == (i < count * n));
        }
    }
}
