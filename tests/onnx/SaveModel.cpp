#include "tests/onnx/SaveModel.h"

#include <onnx/onnx_pb.h>

#include <fstream>
#include <stdexcept>

namespace weft::test {
namespace {

using frontend::onnx::Attribute;

void save(const frontend::onnx::TensorData &data, ::onnx::TensorProto &proto) {
  proto.set_name(data.name);
  proto.set_data_type(static_cast<int>(data.type));
  for (int64_t size : data.shape)
    proto.add_dims(size);
  std::vector<std::byte> bytes = data.bytes;
  if (storedBits(data.type) == 4) { // two to a byte
    bytes.assign((data.bytes.size() + 1) / 2, {});
    for (size_t i = 0; i < data.bytes.size(); ++i)
      bytes[i / 2] |= (data.bytes[i] & std::byte{15}) << (i % 2 * 4);
  }
  proto.set_raw_data(bytes.data(), bytes.size());
}

void save(const frontend::onnx::ValueInfo &value, ::onnx::ValueInfoProto &proto) {
  proto.set_name(value.name);
  auto &tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(static_cast<int>(value.type.element));
  if (!value.type.shape)
    return;
  tensor.mutable_shape();
  for (const auto &dimension : *value.type.shape)
    if (auto &dim = *tensor.mutable_shape()->add_dim(); dimension.size >= 0)
      dim.set_dim_value(dimension.size);
    else
      dim.set_dim_param(dimension.name);
}

void save(const frontend::onnx::Graph &graph, ::onnx::GraphProto &proto);

void save(const std::string &name, const Attribute &attribute, ::onnx::AttributeProto &proto) {
  proto.set_name(name);
  switch (attribute.kind) {
  case Attribute::Kind::Int:
    proto.set_type(::onnx::AttributeProto::INT);
    proto.set_i(attribute.number);
    break;
  case Attribute::Kind::Float:
    proto.set_type(::onnx::AttributeProto::FLOAT);
    proto.set_f(attribute.real);
    break;
  case Attribute::Kind::String:
    proto.set_type(::onnx::AttributeProto::STRING);
    proto.set_s(attribute.text);
    break;
  case Attribute::Kind::Ints:
    proto.set_type(::onnx::AttributeProto::INTS);
    for (int64_t number : attribute.numbers)
      proto.add_ints(number);
    break;
  case Attribute::Kind::Graph:
    proto.set_type(::onnx::AttributeProto::GRAPH);
    save(*attribute.graph, *proto.mutable_g());
    break;
  default:
    throw std::runtime_error("an attribute of a kind that saveModel() does not write");
  }
}

void save(const frontend::onnx::Graph &graph, ::onnx::GraphProto &proto) {
  proto.set_name(graph.name);
  for (const auto &initializer : graph.initializers)
    save(initializer, *proto.add_initializer());
  for (const auto &input : graph.inputs)
    save(input, *proto.add_input());
  for (const auto &output : graph.outputs)
    save(output, *proto.add_output());
  for (const auto &node : graph.nodes) {
    auto &own = *proto.add_node();
    own.set_name(node.name);
    own.set_op_type(node.op);
    own.set_domain(node.domain);
    for (const std::string &input : node.inputs)
      own.add_input(input);
    for (const std::string &output : node.outputs)
      own.add_output(output);
    for (const auto &[name, attribute] : node.attributes)
      save(name, attribute, *own.add_attribute());
  }
}

} // namespace

void saveModel(const frontend::onnx::Model &model, const std::string &path) {
  ::onnx::ModelProto proto;
  proto.set_ir_version(8);
  proto.set_producer_name("a test");
  for (const auto &[domain, version] : model.opsets) {
    auto &opset = *proto.add_opset_import();
    opset.set_domain(domain);
    opset.set_version(version);
  }
  save(model.graph, *proto.mutable_graph());
  std::ofstream file(path, std::ios::binary);
  if (!proto.SerializeToOstream(&file))
    throw std::runtime_error("cannot write " + path);
}

} // namespace weft::test
