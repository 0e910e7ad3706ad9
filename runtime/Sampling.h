// Choosing the next token. Everything here is specified to the bit of the random numbers, so that a seed means the
// same tokens on every machine whose exp() agrees.
#pragma once

#include "hw-models/support/Result.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace weft::runtime {

struct Sampling {
  bool greedy = true;
  double temperature = 1; // logits are divided by it; > 0
  double topP = 1;        // the smallest set of most likely tokens whose probability reaches this; in (0, 1]
  uint32_t topK = 0;      // only the k most likely tokens; 0: all
  uint64_t seed = 0;
};

/// "greedy", or a list of temp=T, top-p=P, top-k=K, seed=S in any order. Errors are usage errors.
Result<Sampling> parseSampling(const std::string &text);

/// xoshiro256** (Blackman, Vigna 2018), its state filled from the seed by splitmix64.
class Random {
public:
  explicit Random(uint64_t seed);
  uint64_t next();
  /// The upper 53 bits of next() times 2^-53: in [0, 1).
  double uniform();

private:
  std::array<uint64_t, 4> state;
};

class Sampler {
public:
  explicit Sampler(const Sampling &sampling) : sampling(sampling), random(sampling.seed) {}

  /// Index of the chosen logit. Greedy takes the largest, the lowest index among equals. Otherwise tokens are ranked
  /// by logit (equals by index), cut to top-k, then to top-p, and one is drawn with one random number.
  /// Error (internal): no logits, or one that is not finite.
  Result<int32_t> next(std::span<const float> logits);

private:
  int32_t draw(std::span<const float> logits);
  Sampling sampling;
  Random random;
};

} // namespace weft::runtime
