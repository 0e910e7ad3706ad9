// Small ONNX models written as text, run by the graph interpreter. The text is ONNX's own:
// https://github.com/onnx/onnx/blob/main/docs/Syntax.md, as far as Debian's parser knows it.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <cstddef>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weft::test {

/// The bytes of the .onnx file. `body` is a graph; `opset` is of the standard domain, and com.microsoft is imported
/// too.
std::string modelFile(const std::string &body, int64_t opset = 18);

/// Imports `file` with `dims` and runs it on `inputs`, a tensor's bytes each. The outputs' bytes, or the first message.
Result<std::vector<std::vector<std::byte>>> runModel(const std::string &file,
                                                     const std::vector<std::vector<std::byte>> &inputs,
                                                     const std::map<std::string, int64_t> &dims = {});

template <typename T> std::vector<std::byte> bytesOf(const std::vector<T> &values) {
  auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

template <typename T> std::vector<T> valuesOf(const std::vector<std::byte> &bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

} // namespace weft::test
