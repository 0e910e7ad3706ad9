#include "tests/onnx/NodeTest.h"

#include "compiler/frontend/onnx/Reader.h"
#include "runtime/support/MappedFile.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

using namespace weft::frontend::onnx;
namespace fs = std::filesystem;

namespace weft::test {
namespace {

double halfToDouble(uint16_t code) {
  const int exponent = code >> 10 & 31;
  const double fraction = code & 1023, sign = code >> 15 ? -1 : 1;
  if (exponent == 31)
    return fraction != 0 ? NAN : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

template <typename T> T load(const std::byte *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

double numberAt(const std::byte *data, ElementType type, size_t i) {
  switch (type) {
  case ElementType::Float:
    return load<float>(data + 4 * i);
  case ElementType::Double:
    return load<double>(data + 8 * i);
  case ElementType::Float16:
    return halfToDouble(load<uint16_t>(data + 2 * i));
  default: // bfloat16
    return std::bit_cast<float>(uint32_t(load<uint16_t>(data + 2 * i)) << 16);
  }
}

bool close(double got, double wanted) {
  if (std::isnan(got) || std::isnan(wanted))
    return std::isnan(got) && std::isnan(wanted);
  if (std::isinf(got) || std::isinf(wanted))
    return got == wanted;
  return std::fabs(got - wanted) <= 1e-7 + 1e-3 * std::fabs(wanted);
}

Result<std::vector<TensorData>> readSide(const fs::path &set, const std::string &side,
                                         const std::vector<ValueInfo> &values, std::map<std::string, int64_t> *dims) {
  std::vector<TensorData> all;
  for (size_t i = 0; i < values.size(); ++i) {
    fs::path path = set / fmt::format("{}_{}.pb", side, i);
    Result<runtime::MappedFile> file = runtime::MappedFile::open(path.string());
    if (!file)
      return file.takeError();
    ValueType::Container container = values[i].type.container;
    Result<std::vector<TensorData>> tensors = parseTensors(file->bytes(), container, path.string());
    if (!tensors)
      return tensors.takeError();
    if (dims && (container == ValueType::Container::Sequence || container == ValueType::Container::OptionalSequence))
      (*dims)[values[i].name] = static_cast<int64_t>(tensors->size());
    for (TensorData &tensor : *tensors)
      all.push_back(std::move(tensor));
  }
  return all;
}

} // namespace

Result<NodeTest> readNodeTest(const fs::path &folder) {
  Result<Model> model = readModel((folder / "model.onnx").string());
  if (!model)
    return model.takeError();
  NodeTest test{folder.filename().string(), std::move(*model), {}, {}};
  for (int i = 0; fs::exists(folder / fmt::format("test_data_set_{}", i)); ++i) {
    fs::path set = folder / fmt::format("test_data_set_{}", i);
    Result<std::vector<TensorData>> inputs = readSide(set, "input", test.model.graph.inputs, &test.dims);
    if (!inputs)
      return inputs.takeError();
    Result<std::vector<TensorData>> outputs = readSide(set, "output", test.model.graph.outputs, nullptr);
    if (!outputs)
      return outputs.takeError();
    test.sets.push_back({std::move(*inputs), std::move(*outputs)});
  }
  if (test.sets.empty())
    return userError(folder.string() + " has no data sets");
  return test;
}

std::string difference(const std::vector<std::byte> &bytes, const TensorData &expected) {
  if (bytes.size() != expected.bytes.size())
    return fmt::format("{} bytes instead of {}", bytes.size(), expected.bytes.size());
  const size_t width = storageBytes(expected.type), count = bytes.size() / std::max<size_t>(width, 1);
  for (size_t i = 0; i < count; ++i) {
    if (isFloat(expected.type)) {
      double got = numberAt(bytes.data(), expected.type, i), wanted = numberAt(expected.bytes.data(), expected.type, i);
      if (!close(got, wanted))
        return fmt::format("element {} is {} instead of {}", i, got, wanted);
    } else if (std::memcmp(bytes.data() + i * width, expected.bytes.data() + i * width, width) != 0) {
      uint64_t got = 0, wanted = 0;
      std::memcpy(&got, bytes.data() + i * width, width);
      std::memcpy(&wanted, expected.bytes.data() + i * width, width);
      return fmt::format("element {} is {:#x} instead of {:#x}", i, got, wanted);
    }
  }
  return {};
}

} // namespace weft::test
