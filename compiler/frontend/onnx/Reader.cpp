#include "compiler/frontend/onnx/Reader.h"

#include "compiler/frontend/onnx/Check.h"
#include "compiler/frontend/onnx/Tensors.h"
#include "runtime/support/MappedFile.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/unknown_field_set.h>

#include <fmt/format.h>

namespace weft::frontend::onnx {
namespace {

constexpr int functionAttributeDefaults = 11; // FunctionProto.attribute_proto, newer than Debian's classes

template <typename Proto> Result<Proto> parseProto(const std::string &message, const std::string &origin) {
  Proto proto;
  try {
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(message.data()),
                                                  static_cast<int>(message.size()));
    if (message.size() > INT32_MAX || !proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
      return userError(fmt::format("{}: not an ONNX model: its protobuf message is damaged or cut off", origin));
  } catch (const std::exception &error) {
    return userError(fmt::format("{}: cannot be read: {}", origin, error.what()));
  }
  return proto;
}

/// Turns protobuf into plain data. The first error ends it.
class ModelReader {
public:
  ModelReader(const Stripped &stripped, Model &model, uint64_t inlineUpTo)
      : stripped(stripped), model(model), tensors(model, inlineUpTo) {}

  Result<void> read(const ::onnx::ModelProto &proto) {
    model.producer = proto.producer_name() + (proto.producer_version().empty() ? "" : " ") + proto.producer_version();
    readOpsets(proto.opset_import(), model.opsets);
    if (!proto.has_graph())
      return userError(fmt::format("{}: not an ONNX model: it has no graph", model.path));
    if (Result<void> graph = readGraph(proto.graph(), model.graph, true); !graph)
      return graph;
    for (const auto &function : proto.functions())
      if (Result<void> done = readFunction(function); !done)
        return done;
    return checkAndSort(model.graph, nullptr, model.path);
  }

private:
  template <typename Imports> void readOpsets(const Imports &imports, std::map<std::string, int64_t> &opsets) {
    for (const auto &import : imports)
      opsets[import.domain() == "ai.onnx" ? "" : import.domain()] = import.version();
  }

  Result<void> readGraph(const ::onnx::GraphProto &proto, Graph &graph, bool isMain) {
    graph.name = proto.name();
    for (int i = 0; i < proto.initializer_size(); ++i) {
      const auto &initializer = proto.initializer(i);
      auto found = stripped.initializers.find(static_cast<size_t>(i));
      bool left = isMain && found != stripped.initializers.end();
      Result<TensorData> tensor = tensors.read(initializer, left ? std::optional(found->second) : std::nullopt,
                                               fmt::format("initializer '{}'", initializer.name()));
      if (!tensor)
        return tensor.takeError();
      graph.initializers.push_back(std::move(*tensor));
    }
    if (proto.sparse_initializer_size() > 0)
      return userError(
          fmt::format("{}: graph '{}' has sparse initializers, which are not supported", model.path, graph.name));
    if (Result<void> inputs = readValues(proto.input(), graph.inputs); !inputs)
      return inputs;
    if (Result<void> outputs = readValues(proto.output(), graph.outputs); !outputs)
      return outputs;
    std::vector<ValueInfo> between;
    if (Result<void> values = readValues(proto.value_info(), between); !values)
      return values;
    for (ValueInfo &value : between)
      graph.values.emplace(std::move(value.name), std::move(value.type));
    return readNodes(proto.node(), graph.nodes, isMain);
  }

  template <typename Protos> Result<void> readValues(const Protos &protos, std::vector<ValueInfo> &values) {
    for (const auto &proto : protos) {
      ValueInfo value{proto.name(), {}};
      if (proto.has_type())
        readType(proto.type(), value.type);
      if (value.type.shape && value.type.shape->size() > 64)
        return userError(
            fmt::format("{}: value '{}' has {} dimensions", model.path, value.name, value.type.shape->size()));
      values.push_back(std::move(value));
    }
    return success();
  }

  static void readType(const ::onnx::TypeProto &proto, ValueType &type) {
    if (proto.has_tensor_type()) {
      if (type.container == ValueType::Container::None)
        type.container = ValueType::Container::Tensor;
      type.element = static_cast<ElementType>(proto.tensor_type().elem_type());
      if (!proto.tensor_type().has_shape())
        return;
      type.shape.emplace();
      for (const auto &dim : proto.tensor_type().shape().dim())
        type.shape->push_back({dim.has_dim_value() ? dim.dim_value() : -1, dim.dim_param()});
    } else if (proto.has_sequence_type()) {
      type.container = type.container == ValueType::Container::Optional ? ValueType::Container::OptionalSequence
                                                                        : ValueType::Container::Sequence;
      readType(proto.sequence_type().elem_type(), type);
    } else if (proto.has_optional_type() && type.container == ValueType::Container::None) {
      type.container = ValueType::Container::Optional;
      readType(proto.optional_type().elem_type(), type);
    }
  }

  template <typename Protos> Result<void> readNodes(const Protos &protos, std::vector<Node> &nodes, bool isMain) {
    for (int i = 0; i < protos.size(); ++i) {
      const ::onnx::NodeProto &proto = protos[i];
      Node node;
      node.op = proto.op_type();
      node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
      node.inputs.assign(proto.input().begin(), proto.input().end());
      node.outputs.assign(proto.output().begin(), proto.output().end());
      node.name = proto.name();
      if (node.name.empty())
        node.name = node.op + (node.outputs.empty() ? "" : " of " + node.outputs.front());
      for (int a = 0; a < proto.attribute_size(); ++a) {
        auto found = stripped.nodeAttributes.find({static_cast<size_t>(i), static_cast<size_t>(a)});
        bool left = isMain && found != stripped.nodeAttributes.end();
        Result<Attribute> attribute =
            readAttribute(proto.attribute(a), left ? std::optional(found->second) : std::nullopt, node.name);
        if (!attribute)
          return attribute.takeError();
        if (!node.attributes.emplace(proto.attribute(a).name(), std::move(*attribute)).second)
          return userError(fmt::format("{}: node '{}' has the attribute '{}' twice", model.path, node.name,
                                       proto.attribute(a).name()));
      }
      nodes.push_back(std::move(node));
    }
    return success();
  }

  Result<Attribute> readAttribute(const ::onnx::AttributeProto &proto, std::optional<Bytes> where,
                                  const std::string &node) {
    using Kind = Attribute::Kind;
    Attribute attribute;
    std::string what = fmt::format("attribute '{}' of node '{}'", proto.name(), node);
    if (!proto.ref_attr_name().empty()) {
      attribute.kind = Kind::Reference;
      attribute.text = proto.ref_attr_name();
      return attribute;
    }
    switch (proto.type()) {
    case ::onnx::AttributeProto::INT:
      attribute.kind = Kind::Int;
      attribute.number = proto.i();
      break;
    case ::onnx::AttributeProto::FLOAT:
      attribute.kind = Kind::Float;
      attribute.real = proto.f();
      break;
    case ::onnx::AttributeProto::STRING:
      attribute.kind = Kind::String;
      attribute.text = proto.s();
      break;
    case ::onnx::AttributeProto::INTS:
      attribute.kind = Kind::Ints;
      attribute.numbers.assign(proto.ints().begin(), proto.ints().end());
      break;
    case ::onnx::AttributeProto::FLOATS:
      attribute.kind = Kind::Floats;
      attribute.reals.assign(proto.floats().begin(), proto.floats().end());
      break;
    case ::onnx::AttributeProto::STRINGS:
      attribute.kind = Kind::Strings;
      attribute.texts.assign(proto.strings().begin(), proto.strings().end());
      break;
    case ::onnx::AttributeProto::TENSOR: {
      Result<TensorData> tensor = tensors.read(proto.t(), where, what);
      if (!tensor)
        return tensor.takeError();
      attribute.kind = Kind::Tensor;
      attribute.tensor = std::make_shared<TensorData>(std::move(*tensor));
      break;
    }
    case ::onnx::AttributeProto::GRAPH: {
      auto graph = std::make_shared<Graph>();
      if (Result<void> read = readGraph(proto.g(), *graph, false); !read)
        return read.takeError();
      attribute.kind = Kind::Graph;
      attribute.graph = std::move(graph);
      break;
    }
    default: // types, sparse tensors, lists of graphs: an op that needs one says so
      attribute.kind = Kind::Other;
    }
    return attribute;
  }

  Result<void> readFunction(const ::onnx::FunctionProto &proto) {
    Function function;
    function.name = proto.name();
    function.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    function.inputs.assign(proto.input().begin(), proto.input().end());
    function.outputs.assign(proto.output().begin(), proto.output().end());
    readOpsets(proto.opset_import(), function.opsets);
    for (const std::string &name : proto.attribute())
      function.attributes[name] = std::nullopt;
    const auto &unknown = proto.unknown_fields();
    for (int i = 0; i < unknown.field_count(); ++i) {
      const auto &field = unknown.field(i);
      if (field.number() != functionAttributeDefaults ||
          field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
        continue;
      Result<::onnx::AttributeProto> parsed = parseProto<::onnx::AttributeProto>(field.length_delimited(), model.path);
      if (!parsed)
        return parsed.takeError();
      Result<Attribute> attribute = readAttribute(*parsed, std::nullopt, function.name);
      if (!attribute)
        return attribute.takeError();
      function.attributes[parsed->name()] = std::move(*attribute);
    }
    if (Result<void> nodes = readNodes(proto.node(), function.nodes, false); !nodes)
      return nodes;
    if (Result<void> checked = checkAndSort(function, model.path); !checked)
      return checked;
    auto key = std::pair(function.domain, function.name);
    std::string name = function.name;
    if (!model.functions.emplace(std::move(key), std::move(function)).second)
      return userError(fmt::format("{}: function '{}' is defined twice", model.path, name));
    return success();
  }

  const Stripped &stripped;
  Model &model;
  TensorReader tensors;
};

} // namespace

Result<Model> parseModel(std::span<const std::byte> file, const std::string &path, uint64_t inlineUpTo) {
  Result<Stripped> stripped = stripLargeTensors(file, inlineUpTo, path);
  if (!stripped)
    return stripped.takeError();
  Result<::onnx::ModelProto> proto = parseProto<::onnx::ModelProto>(stripped->message, path);
  if (!proto)
    return proto.takeError();
  Model model;
  model.path = path;
  model.files.push_back(path);
  if (Result<void> read = ModelReader(*stripped, model, inlineUpTo).read(*proto); !read)
    return read.takeError();
  return model;
}

Result<Model> readModel(const std::string &path, uint64_t inlineUpTo) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseModel(file->bytes(), path, inlineUpTo);
}

Result<std::vector<TensorData>> parseTensors(std::span<const std::byte> file, ValueType::Container container,
                                             const std::string &origin) {
  using Container = ValueType::Container;
  Model model;
  model.path = origin;
  model.files.push_back(origin);
  TensorReader reader(model, UINT64_MAX);
  std::string message(reinterpret_cast<const char *>(file.data()), file.size());
  bool sequence = container == Container::Sequence || container == Container::OptionalSequence;
  // An optional's value, and a sequence's tensors, are in one field each. Debian's classes for them are in a header of
  // their own; the two field numbers are all that is needed.
  constexpr uint32_t optionalTensor = 3, optionalSequence = 5, sequenceTensors = 3;
  std::vector<std::string> messages = {message};
  auto descend = [&](uint32_t number) -> Result<void> {
    std::vector<std::string> inner;
    for (const std::string &outer : messages) {
      google::protobuf::UnknownFieldSet fields;
      if (!fields.ParseFromString(outer))
        return userError(fmt::format("{}: not a tensor's message", origin));
      for (int i = 0; i < fields.field_count(); ++i)
        if (static_cast<uint32_t>(fields.field(i).number()) == number &&
            fields.field(i).type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
          inner.push_back(fields.field(i).length_delimited());
    }
    messages = std::move(inner);
    return success();
  };
  if (container == Container::Optional || container == Container::OptionalSequence)
    if (Result<void> done = descend(sequence ? optionalSequence : optionalTensor); !done)
      return done.takeError();
  if (sequence)
    if (Result<void> done = descend(sequenceTensors); !done)
      return done.takeError();
  std::vector<TensorData> tensors;
  for (const std::string &one : messages) {
    Result<::onnx::TensorProto> proto = parseProto<::onnx::TensorProto>(one, origin);
    if (!proto)
      return proto.takeError();
    Result<TensorData> tensor = reader.read(*proto, std::nullopt, fmt::format("tensor '{}'", proto->name()));
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

} // namespace weft::frontend::onnx
