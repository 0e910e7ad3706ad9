// Published tokens/s of whole models on wafers, against a layer of each model that runs as their program does.
#pragma once

#include "tools/WaferReference.h"

namespace weft::tools {

/// A published table of tokens/s a request.
struct WaferTokens {
  std::string_view file, kind; // "decode" or "prefill"
  std::string_view hardware;
  double goal = 0; // mean absolute error that is aimed at, a fraction
};

std::span<const WaferTokens> waferTokens();

/// What of a model's config.json its layers' time depends on.
struct ModelShape {
  std::string name; // letters and digits, lower case
  int64_t hidden = 0, intermediate = 0, layers = 0;
};

/// "NAME=CONFIG.json". Errors: no such form or file, a file without the three numbers.
Result<ModelShape> parseModelShape(const std::string &given);

/// Groups of the first level of a line's tree, as decode_configs.csv of the reference has them for all meshes but 512:
/// the largest divisor of `cores` that is not above its root.
uint32_t decodeGroups(uint32_t cores);

/// Rows of WaferLLM in `path` (its peers' are skipped), on `hardware`: tokens/s = clock / (cycles of a layer * layers),
/// for a prompt times its tokens. No embedding, head or pipeline, as the tables are made. `models` are looked at first,
/// then those that WaferLLM measured.
Result<WaferFile> validateTokens(const std::string &path, const WaferTokens &tokens,
                                 const std::vector<ModelShape> &models, const hw::Hardware &hardware, const Tool &tool,
                                 const Progress &progress = {});

} // namespace weft::tools
