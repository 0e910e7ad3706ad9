// Reads the parts of a tokenizer.json. What is wrong is a JsonComplaint. Internal to runtime/tokenizer.
#pragma once

#include "runtime/support/Json.h"
#include "runtime/tokenizer/JsonNode.h"
#include "runtime/tokenizer/TokenizerParts.h"

#include <fmt/format.h>

namespace weft::runtime {

inline constexpr uint32_t maxTokenId = (1U << 24) - 1;

[[noreturn]] inline void refuseType(const JsonNode &node, const char *supported) {
  node.complain(fmt::format("has type '{}'; supported are: {}", printable(node.type()), supported));
}

/// The steps of a component that is absent, one step, or a "Sequence" of them under `listKey`.
template <typename Read> void eachStep(const std::optional<JsonNode> &node, const char *listKey, const Read &read) {
  if (!node)
    return;
  if (node->type() != "Sequence")
    return read(*node);
  for (const JsonNode &item : node->at(listKey).items())
    eachStep(std::optional(item), listKey, read);
}

/// A token's text must be there; so must a literal to look for.
std::string nonEmptyText(const JsonNode &node);

void readNormalizer(const JsonNode &node, std::vector<Normalizer> &steps);
void readPreTokenizer(const JsonNode &node, std::vector<PreTokenizer> &steps);
Decoder readDecoder(const JsonNode &node);

/// Notes that `id` is `text`. Complains when `id` already is another token.
void nameToken(TokenizerParts &parts, const JsonNode &node, int32_t id, const std::string &text);
TokenModel readModel(TokenizerParts &parts, const JsonNode &node);

} // namespace weft::runtime
