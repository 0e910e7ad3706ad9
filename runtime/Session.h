// One conversation with a model on a device: a prompt, then token after token.
#pragma once

#include "runtime/Device.h"
#include "runtime/Sampling.h"

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace weft::runtime {

/// Launches the programs of a package in order and keeps their reports. The device has the package loaded.
class Session {
public:
  /// Both must outlive the session. `timingOnly`: the device gives cycles and no logits; one of the programs prefill
  /// and decode is enough. Error: the package lacks what it must have.
  static Result<Session> create(const Package &package, Device &device, bool timingOnly);

  /// Runs the prompt on an empty cache. The logits are those after the last token, valid until the next launch, and
  /// empty in timing mode. Errors: no token, more than max_seq, an id outside the vocabulary.
  Result<std::span<const float>> prefill(std::span<const int32_t> tokens);
  /// In timing mode: says that the cache holds `tokens` already, as after a prefill of them.
  Result<void> assumeCached(uint32_t tokens);
  /// Appends one token; needs a prefill before it and room in the cache.
  Result<std::span<const float>> decode(int32_t token);

  bool hasProgram(std::string_view name) const;
  uint32_t tokensInCache() const { return cached; }
  bool isTimingOnly() const { return timingOnly; }
  const Package &package() const { return *loaded; }
  const Device &device() const { return *target; }
  /// One report a launch since the last prefill, that of the prefill first, if there was one.
  const std::vector<LaunchReport> &reports() const { return launches; }

private:
  Session(const Package &package, Device &device, bool timingOnly)
      : loaded(&package), target(&device), timingOnly(timingOnly) {}
  Result<void> checkToken(int32_t token) const;
  Result<std::span<const float>> launch(const char *program, uint32_t tokens, std::span<const int32_t> ids);

  const Package *loaded;
  Device *target;
  bool timingOnly;
  uint32_t cached = 0;
  std::vector<float> logits;
  std::vector<LaunchReport> launches;
};

struct GenerateOptions {
  uint32_t maxNew = 0; // tokens to generate
  Sampling sampling{};
  std::function<void(int32_t)> onToken{};                 // each generated token at once; not in timing mode
  std::function<void(std::span<const float>)> onLogits{}; // after each launch that gave logits
  Progress onProgress{};                                  // after each launch
};

struct Generation {
  std::vector<int32_t> tokens; // generated, the end-of-sequence token included; placeholders 0 in timing mode
  bool stoppedAtEos = false;
};

/// Prefills `prompt` and generates up to maxNew tokens. The first comes from the prefill, so n tokens cost n - 1 decode
/// launches; maxNew 0 runs the prefill alone. Ends after one of the model's eos tokens; in timing mode nothing is known
/// of the tokens and all maxNew are run. A package without the program prefill takes the prompt as cached already, and
/// n tokens cost n decode launches; one without decode runs the prefill alone. Error: prompt and new tokens together
/// exceed max_seq.
Result<Generation> generate(Session &session, std::span<const int32_t> prompt, const GenerateOptions &options);

} // namespace weft::runtime
