// The tensors of a model's directory, to write it in other formats.
#pragma once

#include "compiler/frontend/safetensors/Safetensors.h"
#include "runtime/support/MappedFile.h"
#include "runtime/weights/HalfFloat.h"
#include "tests/unit/gguf_convert.h"

#include <cstring>

namespace weft::test {

/// The tensors of a model's directory as f32.
inline HfTensors storedTensors(const std::string &directory) {
  HfTensors tensors;
  const auto weights = take(frontend::openSafetensors(directory + "/model.safetensors"));
  const auto file = take(runtime::MappedFile::open(weights->files()[0].path));
  for (const std::string &name : weights->names()) {
    const frontend::WeightInfo &info = *weights->find(name);
    HfTensor &tensor = tensors[name] = {info.shape, {}};
    uint64_t count = 1;
    for (uint64_t extent : info.shape)
      count *= extent;
    tensor.values.resize(count);
    const std::byte *from = file.bytes().data() + info.offset;
    if (info.type == frontend::WeightType::F32) {
      std::memcpy(tensor.values.data(), from, count * sizeof(float));
      continue;
    }
    REQUIRE(info.type == frontend::WeightType::BF16);
    for (uint64_t i = 0; i < count; ++i) {
      uint16_t bits = 0;
      std::memcpy(&bits, from + 2 * i, sizeof bits);
      tensor.values[i] = runtime::widenBf16(bits);
    }
  }
  return tensors;
}

} // namespace weft::test
