// Published tokens/s of whole models on wafers, against a layer of each model that runs as their program does.
#pragma once

#include "tools/WaferReference.h"

namespace weft::tools {

/// A published table of tokens/s a request.
struct WaferTokens {
  std::string_view file, kind; // "decode" or "prefill"
};

std::span<const WaferTokens> waferTokens();

/// Groups of the first level of a line's tree, as decode_configs.csv of the reference has them for all meshes but 512:
/// the largest divisor of `cores` that is not above its root.
uint32_t decodeGroups(uint32_t cores);

/// Rows of WaferLLM in `path` (its peers' are skipped), on `hardware`: tokens/s = clock / (cycles of a layer * layers),
/// for a prompt times its tokens. No embedding, head or pipeline, as the tables are made.
Result<WaferFile> validateTokens(const std::string &path, const WaferTokens &tokens, const hw::Hardware &hardware,
                                 const Tool &tool);

} // namespace weft::tools
