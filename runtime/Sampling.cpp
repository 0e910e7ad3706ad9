#include "runtime/Sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

namespace weft::runtime {
namespace {

Error usageError(std::string message) { return {std::move(message), Fault::Usage}; }

template <typename T> bool parseNumber(std::string_view text, T &value) {
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

Result<void> parseSetting(std::string_view setting, Sampling &sampling) {
  const size_t equals = setting.find('=');
  const std::string_view key = setting.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? "" : setting.substr(equals + 1);
  auto outOfRange = [&](const char *range) {
    return usageError(fmt::format("--sample: {}={} is not {}", key, value, range));
  };
  if (key == "temp") {
    if (!parseNumber(value, sampling.temperature) || !(sampling.temperature > 0 && sampling.temperature <= 1000))
      return outOfRange("a number above 0, at most 1000 (for no randomness say greedy)");
  } else if (key == "top-p") {
    if (!parseNumber(value, sampling.topP) || !(sampling.topP > 0 && sampling.topP <= 1))
      return outOfRange("a number above 0, at most 1");
  } else if (key == "top-k") {
    if (!parseNumber(value, sampling.topK))
      return outOfRange("a whole number (0: no limit)");
  } else if (key == "seed") {
    if (!parseNumber(value, sampling.seed))
      return outOfRange("a whole number below 2^64");
  } else {
    return usageError(fmt::format("--sample: '{}' is not greedy, temp=, top-p=, top-k= or seed=", setting));
  }
  return success();
}

} // namespace

Result<Sampling> parseSampling(const std::string &text) {
  Sampling sampling;
  if (text == "greedy")
    return sampling;
  sampling.greedy = false;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    if (Result<void> ok = parseSetting(rest.substr(0, comma), sampling); !ok)
      return ok.takeError();
    if (comma == std::string_view::npos)
      return sampling;
    rest.remove_prefix(comma + 1);
  }
}

Random::Random(uint64_t seed) {
  for (uint64_t &word : state) { // splitmix64
    seed += 0x9e3779b97f4a7c15;
    uint64_t z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    word = z ^ z >> 31;
  }
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state[1] * 5, 7) * 9, shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return result;
}

double Random::uniform() { return double(next() >> 11) * 0x1p-53; }

Result<int32_t> Sampler::next(std::span<const float> logits) {
  if (logits.empty())
    return internalError("the device returned no logits");
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isfinite(logits[i]))
      return internalError(fmt::format("logit {} is {}: the arithmetic of the program broke down", i, logits[i]));
  if (sampling.greedy)
    return int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin()); // the first of equals
  return draw(logits);
}

int32_t Sampler::draw(std::span<const float> logits) {
  std::vector<int32_t> ranked(logits.size());
  std::iota(ranked.begin(), ranked.end(), 0);
  const size_t kept = sampling.topK == 0 ? ranked.size() : std::min<size_t>(sampling.topK, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + ptrdiff_t(kept), ranked.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  ranked.resize(kept);
  // Probabilities up to a common factor: the largest is 1.
  std::vector<double> weight(kept);
  double total = 0;
  for (size_t i = 0; i < kept; ++i)
    total += weight[i] = std::exp((double(logits[ranked[i]]) - double(logits[ranked[0]])) / sampling.temperature);
  size_t nucleus = 0;
  double mass = 0;
  while (nucleus < kept && (nucleus == 0 || mass < sampling.topP * total))
    mass += weight[nucleus++];
  const double target = random.uniform() * mass;
  double sum = 0;
  for (size_t i = 0; i < nucleus; ++i)
    if ((sum += weight[i]) > target)
      return ranked[i];
  return ranked[nucleus - 1]; // rounding of the sum
}

} // namespace weft::runtime
