// How byte-level BPE cuts a text, by the name that GGUF files give it (tokenizer.ggml.pre).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

struct GgufPretokenizer {
  std::vector<std::string_view> names;
  std::vector<const char *> patterns; // each cuts what the one before has left; matches stand alone
  bool ignoreMerges = false;          // a piece that is a token is that token
  bool addBos = false;                // unless the file says otherwise
};

/// Null: unknown.
const GgufPretokenizer *ggufPretokenizer(std::string_view name);
/// All names, for a message.
std::string ggufPretokenizerNames();

} // namespace weft::runtime
