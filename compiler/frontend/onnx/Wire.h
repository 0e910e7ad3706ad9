// The wire format of protobuf, as far as it takes to leave large tensors in their file.
// https://protobuf.dev/programming-guides/encoding/
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>

namespace weft::frontend::onnx {

struct Bytes {
  uint64_t offset = 0, size = 0;
};

/// A model's message without the bytes of its large tensors, and where those lie in the file.
struct Stripped {
  std::string message;
  std::map<size_t, Bytes> initializers;                      // by index in graph.initializer
  std::map<std::pair<size_t, size_t>, Bytes> nodeAttributes; // by node, and attribute of the node
};

/// Leaves out `raw_data` (and packed `float_data`, `double_data`) of more than `largest` bytes from the main graph's
/// initializers and its nodes' tensor attributes. Everything else stays byte by byte.
/// Error: the message ends within a field, or has a field that no protobuf has; `origin` names the file.
Result<Stripped> stripLargeTensors(std::span<const std::byte> file, uint64_t largest, const std::string &origin);

} // namespace weft::frontend::onnx
