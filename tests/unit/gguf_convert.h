// Models of Hugging Face's format as GGUF files: names of tensors and metadata, order of rows, and what is folded into
// weights are those that llama.cpp's converters are known to write. Written for tests, from what such files hold.
#pragma once

#include "runtime/weights/BlockFormat.h"
#include "tests/unit/gguf_writer.h"

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace weft::test {

struct HfTensor {
  std::vector<uint64_t> shape; // row-major
  std::vector<float> values;
};
using HfTensors = std::map<std::string, HfTensor>;

struct ConvertOptions {
  /// The format that a tensor's rows are stored in, by its name in the file; none: F32. Asked for matrices alone.
  std::function<std::optional<runtime::BlockFormat>(const std::string &name, uint64_t rowLength)> formatOf = {};
  bool asNumbers = false; // F32 with the numbers of those blocks
  /// As files of some years ago have it: experts one by one, DeepSeek's keys and values in one tensor.
  bool older = false;
};

/// The whole file. What a GGUF file cannot say – scales of scores – is folded into queries.
std::string toGguf(const nlohmann::json &config, HfTensors tensors, const ConvertOptions &options = {});

/// The nearest blocks of `numbers`, near enough: the tests compare with what the blocks say. Q4_0, Q4_1, Q5_0, Q5_1,
/// Q8_0, IQ4_NL, Q4_K and Q6_K.
std::string quantiseBlocks(runtime::BlockFormat format, const std::vector<float> &numbers);

/// The number that a GGUF file has for a type of tensors.
uint32_t ggufType(runtime::BlockFormat format);

} // namespace weft::test
