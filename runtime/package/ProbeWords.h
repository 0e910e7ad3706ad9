// The launch words of the call by which a kernel's cost is measured: docs/program-model.md, "What a kernel costs".
#pragma once

#include "runtime/package/PackageFile.h"

#include <algorithm>
#include <vector>

namespace weft::runtime {

inline int32_t probeTokens(const pkg::ProbeT &probe, int64_t rows) {
  return static_cast<int32_t>(
      std::clamp<int64_t>(int64_t{probe.tokens_per_row} * rows, 1, std::max<int64_t>(probe.most_tokens, 1)));
}

/// [n, token 0, token 1, …] in an operand of `bytes` bytes, at least 4.
inline std::vector<int32_t> probeWords(const pkg::ProbeT &probe, int64_t rows, size_t bytes) {
  std::vector<int32_t> words(bytes / sizeof(int32_t));
  words[0] = probeTokens(probe, rows);
  for (size_t i = 0; i + 1 < words.size(); ++i)
    words[1 + i] = probe.id + static_cast<int32_t>(i % probe.ids * probe.id_step);
  return words;
}

} // namespace weft::runtime
