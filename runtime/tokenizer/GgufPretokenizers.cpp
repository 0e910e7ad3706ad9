#include "runtime/tokenizer/GgufPretokenizers.h"

#include "runtime/tokenizer/Stages.h"

#include <algorithm>

namespace weft::runtime {

// The patterns are those of the models' own tokenizer.json files.
static const std::vector<GgufPretokenizer> &all() {
  static const char *const llama3 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const char *const qwen2 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const char *const camelCase =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const char *const tekken =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  static const std::vector<GgufPretokenizer> list{
      {{"default"}, {R"([\p{P}$+<=>^~|]+)", gpt2Pattern, R"(\p{N}+)", R"([0-9][0-9][0-9])"}, false, false},
      {{"gpt-2", "gpt2", "phi-2", "olmo", "mpt", "jais", "jina-es", "jina-de", "roberta-bpe", "exaone", "trillion"},
       {gpt2Pattern},
       false,
       false},
      {{"llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral"}, {llama3}, true, true},
      {{"dbrx", "smaug-bpe"}, {llama3}, false, false},
      {{"qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan"}, {qwen2}, false, false},
      {{"starcoder", "refact", "command-r", "smollm", "codeshell", "minerva-7b"},
       {R"(\p{N})", gpt2Pattern},
       false,
       false},
      {{"gpt-4o", "llama4"}, {camelCase}, false, false},
      {{"tekken"}, {tekken}, true, true},
      {{"deepseek-coder"},
       {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
        "[\xe4\xb8\x80-\xe9\xbe\xa5\xe0\xa0\x80-\xe4\xb8\x80\xea\xb0\x80-\xed\x9f\xbf]+", R"(\p{N})"},
       false,
       false},
      {{"deepseek-v3"},
       {R"(\p{N}{1,3})", "[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+",
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
       false,
       false},
  };
  return list;
}

const GgufPretokenizer *ggufPretokenizer(std::string_view name) {
  for (const GgufPretokenizer &entry : all())
    if (std::find(entry.names.begin(), entry.names.end(), name) != entry.names.end())
      return &entry;
  return nullptr;
}

std::string ggufPretokenizerNames() {
  std::string text;
  for (const GgufPretokenizer &entry : all())
    for (std::string_view name : entry.names)
      text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

} // namespace weft::runtime
