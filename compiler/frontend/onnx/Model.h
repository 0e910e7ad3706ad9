// An ONNX model as plain data: what its file says, checked, without protobuf and without MLIR.
// https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
#pragma once

#include "compiler/frontend/onnx/ElementType.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

/// Where a tensor's bytes lie, if not in memory. They are as ONNX stores them: little-endian, types below a byte
/// packed.
struct FileRange {
  uint32_t file = 0; // index in Model::files
  uint64_t offset = 0, bytes = 0;
};

/// A constant tensor. Its bytes are either here or in a file.
struct TensorData {
  std::string name;
  ElementType type = ElementType::Undefined;
  std::vector<int64_t> shape;
  /// Little-endian, row-major, storageBytes(type) each: types below a byte have one byte an element, sign-extended.
  std::vector<std::byte> bytes;
  std::optional<FileRange> range;
  std::string weight; // of one in a file: its name among all of the model's, which is `name` if no other has that

  int64_t elements() const;
};

struct Graph;

struct Attribute {
  enum class Kind { None, Int, Float, String, Tensor, Graph, Ints, Floats, Strings, Tensors, Reference, Other };
  Kind kind = Kind::None;
  int64_t number = 0;
  float real = 0;
  std::string text; // of a Reference: the function's attribute that is meant
  std::shared_ptr<const TensorData> tensor;
  std::shared_ptr<const Graph> graph;
  std::vector<int64_t> numbers;
  std::vector<float> reals;
  std::vector<std::string> texts;
};

struct Node {
  std::string name; // never empty: a node without one is named after its op and first output
  std::string op, domain;
  std::vector<std::string> inputs, outputs; // an empty name: not given, not wanted
  std::map<std::string, Attribute> attributes;

  /// An integer among its attributes.
  int64_t number(const std::string &attribute, int64_t otherwise) const {
    auto found = attributes.find(attribute);
    return found == attributes.end() || found->second.kind != Attribute::Kind::Int ? otherwise : found->second.number;
  }
  double real(const std::string &attribute, double otherwise) const {
    auto found = attributes.find(attribute);
    return found == attributes.end() ? otherwise : static_cast<double>(found->second.real);
  }
};

/// A dimension is a number, or a name that the user binds, or unknown (-1 and no name).
struct Dimension {
  int64_t size = -1;
  std::string name;
};

struct ValueType {
  enum class Container { Tensor, Sequence, Optional, OptionalSequence, None };
  Container container = Container::None;
  ElementType element = ElementType::Undefined;
  std::optional<std::vector<Dimension>> shape; // none: not even the rank is known
};

struct ValueInfo {
  std::string name;
  ValueType type;
};

struct Graph {
  std::string name;
  std::vector<Node> nodes; // in an order in which each value is made before it is used
  std::vector<ValueInfo> inputs, outputs;
  std::map<std::string, ValueType> values; // what the file says of values in between
  std::vector<TensorData> initializers;
};

/// A function of the model's own, by domain and name.
struct Function {
  std::string name, domain;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, std::optional<Attribute>> attributes; // with the default, where there is one
  std::vector<Node> nodes;
  std::map<std::string, int64_t> opsets;
};

struct Model {
  std::string path, producer;
  std::map<std::string, int64_t> opsets; // by domain; "" is ai.onnx
  Graph graph;
  std::map<std::pair<std::string, std::string>, Function> functions; // by domain and name
  std::map<std::string, TensorData> weights;                         // those in files, by TensorData::weight
  std::vector<std::string> files;                                    // the first is the model itself
};

} // namespace weft::frontend::onnx
