// Any bytes as a GGUF file: either an error, or tensors that lie inside the file and blocks that can be read.
#include "runtime/gguf/Gguf.h"

#include <cassert>

using namespace weft;
using namespace weft::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = std::as_bytes(std::span(data, size));
  Result<GgufFile> parsed = parseGguf(file, "fuzz.gguf");
  if (!parsed) {
    assert(parsed.error().message.starts_with("fuzz.gguf"));
    return 0;
  }
  uint64_t before = 0;
  for (const GgufTensor &tensor : parsed->tensors) {
    assert(tensor.offset <= size && tensor.bytes <= size - tensor.offset && tensor.offset >= before);
    before = tensor.offset + tensor.bytes;
    if (!tensor.element.format || tensor.bytes == 0)
      continue;
    float numbers[256];
    dequantiseBlock(*tensor.element.format, file.data() + tensor.offset, numbers);
  }
  for (const auto &[key, value] : parsed->metadata)
    if (const auto *array = std::get_if<GgufArray>(&value); array && array->ofIntegers() && array->count > 0)
      (void)array->integer(array->count - 1);
    else if (array && array->ofReals() && array->count > 0)
      (void)array->real(array->count - 1);
  return 0;
}
