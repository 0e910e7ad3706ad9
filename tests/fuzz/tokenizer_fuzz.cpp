// A tokenizer.json, a zero byte, a text, or a GGUF file: either an error, or a tokenizer whose ids decode, at once and
// in a stream.
#include "runtime/gguf/Gguf.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Utf8.h"

#include <cassert>

using namespace weft;
using namespace weft::runtime;

static void encodeAndDecode(const Tokenizer &tokenizer, std::string_view text) {
  Result<std::vector<int32_t>> ids = tokenizer.encode(text, true);
  if (!ids)
    return;
  Result<std::string> decoded = tokenizer.decode(*ids, false);
  assert(!decoded || !utf8::firstInvalid(*decoded));
  StreamDecoder stream(tokenizer, false);
  for (int32_t id : *ids)
    if (Result<std::string> part = stream.push(id); part)
      assert(!utf8::firstInvalid(*part));
  assert(!utf8::firstInvalid(stream.finish()));
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr size_t maxText = 64; // a regular expression may use all its steps at each byte
  std::string_view input(reinterpret_cast<const char *>(data), size);
  auto file = std::as_bytes(std::span(data, size));
  const bool isGguf = looksLikeGguf(file);
  size_t end = std::min(input.find('\0'), size);
  auto tokenizer = isGguf ? parseGgufTokenizer(file, "fuzz.json") : parseTokenizer(input.substr(0, end), "fuzz.json");
  if (!tokenizer) {
    assert(tokenizer.error().message.starts_with("fuzz.json: "));
    return 0;
  }
  encodeAndDecode(**tokenizer, isGguf ? "Ab c\n\xc3\xa9 ab" : input.substr(std::min(end + 1, size), maxText));
  return 0;
}
