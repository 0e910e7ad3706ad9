// What a router's scores become, and the sum of what experts give.
#include "kernels_reference.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

TEST_CASE("a core's columns go to their places among all", "[kernels]") {
  constexpr int64_t rows = 3, cores = 4;
  for (int64_t extent : {1, 5, 13}) {
    const RowShare share{.rows = rows, .n = (extent + cores - 1) / cores, .extent = extent};
    Suite suite;
    TileKernel kernel = buildSpreadColumns(*suite, share);
    suite.compile();
    std::mt19937 random(51);
    for (int64_t m = 1; m <= rows; ++m)
      for (int64_t rank = 0; rank < cores; ++rank) {
        INFO("extent " << extent << " m " << m << " rank " << rank);
        Buffer<float> x(rows * share.n, random), out(rows * extent, 6.0F);
        suite.call(kernel, {m, rank}, x, out);
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < extent; ++j) {
            const int64_t local = j - rank * share.n;
            const float expected = local >= 0 && local < share.n ? x[i * share.n + local] : 0.0F;
            REQUIRE(out[i * extent + j] == (i < m ? expected : 6.0F));
          }
      }
  }
}

TEST_CASE("the best experts are chosen, of equal ones the earlier, and weighed", "[kernels]") {
  constexpr int64_t rows = 4;
  constexpr std::optional<Element> biases[] = {std::nullopt, Element::F32, Element::BF16};
  for (size_t turn = 0; int64_t experts : {1, 4, 9, 40})
    for (int64_t topK : std::set<int64_t>{1, (experts + 1) / 2, experts}) {
      ++turn; // all biases with nine experts, else one after the other
      for (bool normalize : {false, true})
        for (size_t kind = 0; kind < std::size(biases); ++kind) {
          if (experts != 9 && kind != (turn + normalize) % std::size(biases))
            continue;
          const std::optional<Element> bias = biases[kind];
          Routing routing{.rows = rows, .experts = experts, .topK = topK, .normalize = normalize, .bias = bias};
          routing.epsilon = experts == 9 ? 1e-3 : 0;
          routing.scale = experts == 4 ? 2.5 : 1;
          Suite suite;
          TileKernel kernel = buildRoute(*suite, routing);
          suite.compile();
          std::mt19937 random(52);
          for (int64_t m = 1; m <= rows; ++m) {
            INFO(kernel.name << " m " << m);
            Buffer<float> scores(rows * experts), weights(rows * experts, 6.0F), ranks = weights, sums(rows, 6.0F);
            for (float &score : scores)
              score = static_cast<float>(random() % 7 + 1) / 8; // many are equal
            Weights added(bias.value_or(Element::F32), experts, random);
            if (!bias)
              suite.call(kernel, {m}, scores, weights, ranks, sums);
            else if (*bias == Element::F32)
              suite.call(kernel, {m}, scores, weights, ranks, sums, added.wide);
            else
              suite.call(kernel, {m}, scores, weights, ranks, sums, added.narrow);
            for (int64_t i = 0; i < rows; ++i) {
              std::vector<int64_t> order(experts);
              std::iota(order.begin(), order.end(), 0);
              const float *row = scores.begin() + i * experts;
              auto choice = [&](int64_t e) { return bias ? row[e] + added.wide[e] : row[e]; };
              std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return choice(a) > choice(b); });
              double sum = 0;
              for (int64_t e = 0; e < topK; ++e)
                sum += row[order[e]];
              for (int64_t e = 0; e < experts; ++e) {
                const int64_t place = std::find(order.begin(), order.end(), e) - order.begin();
                double exact = place < topK ? row[e] * routing.scale : 0.0;
                if (normalize)
                  exact /= sum + routing.epsilon;
                if (i >= m)
                  REQUIRE(weights[i * experts + e] == 6.0F);
                else
                  REQUIRE(std::abs(weights[i * experts + e] - exact) <= (sumDepth(experts) + 3) * 0x1p-24 * exact);
              }
            }
          }
        }
    }
}

TEST_CASE("the best groups are chosen first, then their best experts", "[kernels]") {
  constexpr int64_t rows = 3;
  struct Case {
    int64_t experts, groups, topGroups, topK;
    bool topTwo;
  };
  for (auto [experts, groups, topGroups, topK, topTwo] : {Case{4, 2, 1, 1, false},
                                                          {4, 2, 1, 2, true},
                                                          {12, 4, 2, 3, true},
                                                          {12, 3, 2, 5, false},
                                                          {9, 9, 3, 2, false},
                                                          {40, 8, 4, 6, true}})
    for (bool biased : {false, true}) {
      Routing routing{.rows = rows,
                      .experts = experts,
                      .topK = topK,
                      .bias = {},
                      .groups = groups,
                      .topGroups = topGroups,
                      .topTwo = topTwo};
      if (biased)
        routing.bias = Element::F32;
      Suite suite;
      TileKernel kernel = buildRoute(*suite, routing);
      suite.compile();
      std::mt19937 random(54);
      const int64_t members = experts / groups;
      for (int64_t m = 1; m <= rows; ++m) {
        INFO(kernel.name << " m " << m);
        Buffer<float> scores(rows * experts), weights(rows * experts, 6.0F),
            ranks = weights, sums(rows, 6.0F), bias(experts, random), choice = weights, best(rows * groups),
            places(rows * groups);
        for (float &score : scores)
          score = static_cast<float>(random() % 7 + 1) / 8; // many are equal
        for (float &each : bias)
          each = static_cast<float>(random() % 5) / 8;
        if (biased)
          suite.call(kernel, {m}, scores, weights, ranks, sums, bias, choice, best, places);
        else
          suite.call(kernel, {m}, scores, weights, ranks, sums, choice, best, places);
        for (int64_t i = 0; i < rows; ++i) {
          auto chosenBy = [&](int64_t e) { return scores[i * experts + e] + (biased ? bias[e] : 0); };
          std::vector<std::pair<float, int64_t>> byGroup, byExpert; // smaller is better
          for (int64_t group = 0; group < groups; ++group) {
            std::vector<float> inGroup;
            for (int64_t e = group * members; e < (group + 1) * members; ++e)
              inGroup.push_back(chosenBy(e));
            std::sort(inGroup.rbegin(), inGroup.rend());
            byGroup.emplace_back(-(inGroup[0] + (topTwo ? inGroup[1] : 0)), group);
          }
          std::sort(byGroup.begin(), byGroup.end());
          for (int64_t g = 0; g < topGroups; ++g)
            for (int64_t e = byGroup[g].second * members; e < (byGroup[g].second + 1) * members; ++e)
              byExpert.emplace_back(-chosenBy(e), e);
          std::sort(byExpert.begin(), byExpert.end());
          std::vector<float> expected(experts);
          for (int64_t e = 0; e < topK; ++e)
            expected[byExpert[e].second] = scores[i * experts + byExpert[e].second];
          for (int64_t e = 0; e < experts; ++e)
            REQUIRE(weights[i * experts + e] == (i < m ? expected[e] : 6.0F));
        }
      }
    }
}

TEST_CASE("what an expert gives is added with its weight", "[kernels]") {
  constexpr int64_t rows = 3, experts = 5, expert = 2;
  for (int64_t n : {1, 7, 44}) {
    Suite suite;
    TileKernel kernel = buildAddWeighted(*suite, rows, n, experts, expert);
    suite.compile();
    std::mt19937 random(53);
    for (int64_t m = 1; m <= rows; ++m) {
      Buffer<float> y(rows * n, random), weights(rows * experts, random), sum(rows * n, random), before = sum;
      suite.call(kernel, {m}, y, weights, sum);
      for (int64_t i = 0; i < rows * n; ++i) {
        const double exact = double(before[i]) + double(y[i]) * weights[i / n * experts + expert];
        if (i >= m * n)
          REQUIRE(sum[i] == before[i]);
        else
          REQUIRE(std::abs(sum[i] - exact) <= 2 * 0x1p-24 * (std::abs(double(before[i])) + std::abs(double(y[i]))));
      }
    }
  }
}
