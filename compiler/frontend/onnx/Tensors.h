// Tensors of protobuf as plain ones. Only the reader's own files include this.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/Wire.h"
#include "hw-models/support/Result.h"

#include <onnx/onnx_pb.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

/// Reads tensors of one model. Files of external data, and tensors that stay in a file, are entered in it as they are
/// met.
class TensorReader {
public:
  TensorReader(Model &model, uint64_t largestInline) : model(model), largestInline(largestInline) {}

  /// `where`: the bytes that stripLargeTensors() has left out of `proto`. `what` names the tensor in messages.
  Result<TensorData> read(const ::onnx::TensorProto &proto, std::optional<Bytes> where, const std::string &what);

private:
  Result<void> readExternal(const ::onnx::TensorProto &proto, uint64_t bytes, TensorData &tensor,
                            const std::string &what);
  TensorData entered(TensorData tensor, const std::string &what);
  Result<uint32_t> fileIndex(const std::string &location, const std::string &what);

  Model &model;
  uint64_t largestInline;
};

/// Bytes of a tensor in a file: types below a byte are packed, the last byte filled up.
uint64_t packedBytes(ElementType type, uint64_t elements);

/// A byte an element, sign-extended, from two or four a byte.
std::vector<std::byte> unpackBelowByte(std::span<const std::byte> packed, ElementType type, uint64_t elements);

} // namespace weft::frontend::onnx
