// Any bytes as a safetensors file: either an error, or a header whose tensors lie inside the file.
#include "compiler/frontend/safetensors/Safetensors.h"

#include <cassert>
#include <cstring>

using namespace weft;
using namespace weft::frontend;

static void parse(std::span<const std::byte> file) {
  Result<SafetensorsHeader> header = parseSafetensorsHeader(file, "fuzz.safetensors");
  if (!header) {
    assert(header.error().message.starts_with("fuzz.safetensors"));
    return;
  }
  for (const SafetensorsEntry &entry : header->entries)
    assert(entry.offset <= file.size() && entry.bytes <= file.size() - entry.offset);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  parse(bytes);
  // The same with a true header length, which mutation hardly ever hits: the header ends at the first line feed.
  const void *lineFeed = size ? std::memchr(data, '\n', size) : nullptr;
  uint64_t length = lineFeed ? static_cast<size_t>(static_cast<const uint8_t *>(lineFeed) - data) : size;
  std::vector<std::byte> file(8);
  std::memcpy(file.data(), &length, 8);
  file.insert(file.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
  if (length < size)
    file.insert(file.end(), bytes.begin() + static_cast<std::ptrdiff_t>(length) + 1, bytes.end());
  parse(file);
  return 0;
}
