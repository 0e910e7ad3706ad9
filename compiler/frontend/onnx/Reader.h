// Reads an ONNX file: protobuf, limits, external data, and an order of the nodes.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <span>
#include <string>

namespace weft::frontend::onnx {

/// Tensors of more bytes stay in their file and become weights; smaller ones are read.
constexpr uint64_t largestInline = 4096;

/// Reads and checks the model at `path`. Every name has one definition, values are made before they are used (nodes are
/// sorted if need be), sizes do not overflow, each tensor has the bytes that its shape and type call for, and external
/// data lie in files below the model's folder.
/// Errors name the file and the node, value or initializer. Tensors of more than `inlineUpTo` bytes stay in their file.
Result<Model> readModel(const std::string &path, uint64_t inlineUpTo = largestInline);

/// The same of bytes in memory, with `path` for messages and for the folder of external data.
Result<Model> parseModel(std::span<const std::byte> file, const std::string &path, uint64_t inlineUpTo = largestInline);

/// One TensorProto, as the data sets of ONNX's tests have them. Sequences and optionals give their tensors in order.
Result<std::vector<TensorData>> parseTensors(std::span<const std::byte> file, ValueType::Container container,
                                             const std::string &origin);

/// Whether a path that a model gives, relative to its folder, leads below that folder as it is written. Links are not
/// looked at: download caches are made of them.
bool staysBelow(const std::string &path);

} // namespace weft::frontend::onnx
