#include "tests/onnx/ExportGraph.h"

#include "tests/onnx/PackBits.h"

#include "llvm/ADT/APFloat.h"

#include <algorithm>
#include <cstring>

namespace weft::test {

using namespace frontend;

namespace {

/// One step of a WeightRef, on values.
Values stepped(const Values &from, const ViewStep &step) {
  Values to = from;
  switch (step.kind) {
  case ViewStep::Kind::Slice: {
    to.shape[step.dim] = step.size;
    uint64_t inner = 1, outer = 1;
    for (size_t i = 0; i < from.shape.size(); ++i)
      (i < step.dim ? outer : inner) *= i == step.dim ? 1 : from.shape[i];
    to.numbers.clear();
    for (uint64_t o = 0; o < outer; ++o) {
      auto begin = from.numbers.begin() + int64_t((o * from.shape[step.dim] + step.begin) * inner);
      to.numbers.insert(to.numbers.end(), begin, begin + int64_t(step.size * inner));
    }
    return to;
  }
  case ViewStep::Kind::Expand:
    to.shape.erase(to.shape.begin() + step.dim);
    to.shape.insert(to.shape.begin() + step.dim, step.sizes.begin(), step.sizes.end());
    return to;
  case ViewStep::Kind::Collapse:
    for (uint64_t i = 1; i < step.size; ++i) {
      to.shape[step.dim] *= to.shape[step.dim + 1];
      to.shape.erase(to.shape.begin() + step.dim + 1);
    }
    return to;
  case ViewStep::Kind::Permute: {
    for (size_t i = 0; i < to.shape.size(); ++i)
      to.shape[i] = from.shape[step.sizes[i]];
    std::vector<uint64_t> strides(from.shape.size(), 1);
    for (size_t i = from.shape.size(); i-- > 1;)
      strides[i - 1] = strides[i] * from.shape[i];
    for (uint64_t flat = 0; flat < to.numbers.size(); ++flat) {
      uint64_t rest = flat, source = 0;
      for (size_t i = to.shape.size(); i-- > 0; rest /= to.shape[i])
        source += rest % to.shape[i] * strides[step.sizes[i]];
      to.numbers[flat] = from.numbers[source];
    }
    return to;
  }
  }
  return to;
}

} // namespace

std::string ExportGraph::tensor(const Values &given, const std::string &name, bool alwaysFloat) {
  onnx::TensorData data;
  data.type = alwaysFloat ? ElementType::Float : options.type;
  data.shape.assign(given.shape.begin(), given.shape.end());
  for (float number : given.numbers) {
    llvm::APFloat value(number);
    bool loses = false;
    if (data.type != ElementType::Float)
      value.convert(data.type == ElementType::Float16 ? llvm::APFloat::IEEEhalf() : llvm::APFloat::BFloat(),
                    llvm::APFloat::rmNearestTiesToEven, &loses);
    const uint64_t bits = value.bitcastToAPInt().getZExtValue();
    const size_t bytes = data.type == ElementType::Float ? 4 : 2, at = data.bytes.size();
    data.bytes.resize(at + bytes);
    std::memcpy(data.bytes.data() + at, &bits, bytes);
  }
  data.name = name.empty() ? "tensor_" + std::to_string(++count) : name;
  g.model.graph.initializers.push_back(data);
  return data.name;
}

std::string ExportGraph::truths(const std::vector<bool> &given, const std::vector<int64_t> &shape) {
  onnx::TensorData data;
  data.type = ElementType::Bool;
  data.shape = shape;
  for (bool truth : given)
    data.bytes.push_back(std::byte(truth));
  data.name = "truths_" + std::to_string(++count);
  g.model.graph.initializers.push_back(data);
  return data.name;
}

Values ExportGraph::valuesOf(const WeightRef &ref) {
  Values result{values(ref.name), ref.stored};
  for (const ViewStep &step : ref.steps)
    result = stepped(result, step);
  return result;
}

std::string ExportGraph::weight(const WeightRef &ref) {
  std::string &known = weights[ref.name];
  return known.empty() ? known = tensor(valuesOf(ref), ref.name) : known;
}

std::string ExportGraph::transpose(const std::string &x, const std::vector<int64_t> &order) {
  return g.node("Transpose", {x}, {{"perm", order}});
}

std::string ExportGraph::castTo(const std::string &x, ElementType type) {
  return g.node("Cast", {x}, {{"to", static_cast<int64_t>(type)}});
}

std::string ExportGraph::wide(const std::string &x) {
  return options.type == ElementType::Float ? x : castTo(x, ElementType::Float);
}

void ExportGraph::rename(const std::string &name, const std::string &to) {
  for (auto &node : g.model.graph.nodes) {
    std::replace(node.outputs.begin(), node.outputs.end(), name, to);
    std::replace(node.inputs.begin(), node.inputs.end(), name, to);
  }
}

std::string ExportGraph::input(const std::string &name, ElementType type,
                               const std::vector<std::pair<std::string, int64_t>> &dims) {
  onnx::ValueInfo info{name, {}};
  info.type.container = onnx::ValueType::Container::Tensor;
  info.type.element = type;
  info.type.shape.emplace();
  for (const auto &[symbol, size] : dims)
    info.type.shape->push_back({size, size < 0 ? symbol : ""});
  g.model.graph.inputs.push_back(info);
  return name;
}

std::string ExportGraph::sizeOf(const std::string &x, int64_t dim) {
  return g.node("Gather", {g.node("Shape", {x}), g.integers({dim})});
}

std::string ExportGraph::slice(const std::string &x, int64_t from, int64_t to, int64_t step) {
  return g.node("Slice", {x, g.integers({from}), g.integers({to}), g.integers({-1}), g.integers({step})});
}

std::string ExportGraph::repeat(const std::string &x, int64_t kv, int64_t times, int64_t size) {
  if (times == 1)
    return x;
  std::string length = sizeOf(x, 2), batch = sizeOf(x, 0);
  auto shape = [&](const std::vector<std::string> &parts) { return g.node("Concat", parts, {{"axis", int64_t(0)}}); };
  std::string expanded =
      g.node("Expand", {g.node("Unsqueeze", {x, g.integers({2})}),
                        shape({batch, g.integers({kv}), g.integers({times}), length, g.integers({size})})});
  return g.node("Reshape", {expanded, shape({batch, g.integers({kv * times}), length, g.integers({size})})});
}

std::string ExportGraph::mergeHeads(const std::string &x, int64_t heads) {
  std::string merged = g.node("Mul", {sizeOf(x, 0), g.integers({heads})});
  return g.node("Reshape", {x, g.node("Concat", {merged, sizeOf(x, 2), sizeOf(x, 3)}, {{"axis", int64_t(0)}})});
}

std::string ExportGraph::apart(const std::string &x, int64_t heads) {
  return g.node("Reshape",
                {x, g.node("Concat", {g.integers({-1, heads}), sizeOf(x, 1), sizeOf(x, 2)}, {{"axis", int64_t(0)}})});
}

Values turned(const Values &matrix) {
  ViewStep step;
  step.kind = ViewStep::Kind::Permute;
  step.sizes = {1, 0};
  return stepped(matrix, step);
}

Values ExportGraph::transposed(const WeightRef &ref) { return turned(valuesOf(ref)); }

Values ExportGraph::stacked(const std::vector<WeightRef> &parts) {
  Values all;
  for (const WeightRef &part : parts) {
    Values own = valuesOf(part);
    all.numbers.insert(all.numbers.end(), own.numbers.begin(), own.numbers.end());
    all.shape = {all.shape.empty() ? own.shape[0] : all.shape[0] + own.shape[0], own.shape[1]};
  }
  return all;
}

std::string ExportGraph::packed(const std::vector<WeightRef> &parts) { return tensor(turned(stacked(parts))); }

std::string ExportGraph::bytes(const std::vector<int64_t> &shape, const std::vector<uint8_t> &values,
                               ElementType type) {
  frontend::onnx::TensorData data;
  data.name = "tensor_" + std::to_string(++count);
  data.type = type;
  data.shape = shape;
  for (uint8_t value : values)
    data.bytes.push_back(std::byte{value});
  g.model.graph.initializers.push_back(data);
  return data.name;
}

/// Codes of packBits() one by one, [columns, rows] of what was [rows, columns].
static std::vector<uint8_t> turnedCodes(const std::vector<uint8_t> &packed, int64_t bits, size_t rows, size_t columns) {
  const size_t rowBytes = packed.size() / rows;
  std::vector<uint8_t> codes;
  for (size_t column = 0; column < columns; ++column)
    for (size_t row = 0; row < rows; ++row) {
      const size_t bit = column * size_t(bits);
      codes.push_back(uint8_t(packed[row * rowBytes + bit / 8] >> bit % 8 & ((1 << bits) - 1)));
    }
  return codes;
}

/// The matrix [in, out] that m [out, in] becomes once its codes are numbers.
std::string ExportGraph::dequantised(const Values &m) {
  Values numbers = m;
  const PackedBits packed = packBits(numbers.numbers, m.shape[1], options.bits, options.length, true);
  const size_t rows = m.shape[0], columns = m.shape[1], blocks = (columns + options.length - 1) / options.length;
  const ElementType type = options.bits == 4 ? ElementType::UInt4 : ElementType::UInt8;
  const std::vector<int64_t> shape{int64_t(columns), int64_t(rows)}, ofScales{int64_t(blocks), int64_t(rows)};
  return g.node("DequantizeLinear",
                {bytes(shape, turnedCodes(packed.codes, options.bits, rows, columns), type),
                 tensor(turned({packed.scales, {rows, blocks}})),
                 bytes(ofScales, turnedCodes(packed.zeros, options.bits, rows, blocks), type)},
                {{"axis", int64_t(0)}, {"block_size", options.length}});
}

ExportGraph::SignedCodes ExportGraph::signedCodes(Values &m) {
  const size_t rows = m.shape[0], columns = m.shape[1];
  const PackedBits packed = packBits(m.numbers, columns, 8, int64_t(columns), options.zeros);
  auto isSigned = [](std::vector<uint8_t> codes) {
    for (uint8_t &code : codes)
      code ^= 0x80;
    return codes;
  };
  std::vector<uint8_t> zeros = packed.zeros;
  if (!options.zeros)
    zeros.assign(rows, 0x80);
  return {bytes({int64_t(columns), int64_t(rows)}, isSigned(turnedCodes(packed.codes, 8, rows, columns)),
                ElementType::Int8),
          tensor({packed.scales, {rows}}), bytes({int64_t(rows)}, isSigned(zeros), ElementType::Int8)};
}

std::string ExportGraph::dynamicProduct(const std::string &x, Values m) {
  const SignedCodes w = signedCodes(m);
  if (options.codes == ExportOptions::Codes::DynamicFused && m.shape[0] < m.shape[1])
    return g.node("DynamicQuantizeMatMul", {x, w.codes, w.scales, w.zeros}, {}, "com.microsoft");
  const std::vector<std::string> q = rounded(x);
  if (options.codes == ExportOptions::Codes::DynamicFused)
    return g.node("MatMulIntegerToFloat", {q[0], w.codes, q[1], w.scales, q[2], w.zeros}, {}, "com.microsoft");
  const std::string product = g.node("MatMulInteger", {q[0], w.codes, q[2], w.zeros});
  return g.node("Mul", {castTo(product, ElementType::Float), g.node("Mul", {q[1], w.scales})});
}

std::string ExportGraph::product(const std::string &x, Values m) {
  if (options.bits == 0)
    return g.node("MatMul", {x, tensor(turned(m))});
  if (options.codes != ExportOptions::Codes::NBits && !options.asNumbers)
    return isDynamic() ? dynamicProduct(x, m) : g.node("MatMul", {x, dequantised(m)});
  if (isDynamic()) {
    packBits(m.numbers, m.shape[1], 8, int64_t(m.shape[1]), options.zeros);
    return g.node("MatMul", {x, tensor(turned(m))});
  }
  const PackedBits packed = packBits(m.numbers, m.shape[1], options.bits, options.length, options.zeros);
  if (options.asNumbers)
    return g.node("MatMul", {x, tensor(turned(m))});
  const auto rows = int64_t(m.shape[0]), columns = int64_t(m.shape[1]),
             blocks = (columns + options.length - 1) / options.length;
  std::vector<std::string> inputs = {x, bytes({rows, blocks, options.length * options.bits / 8}, packed.codes),
                                     tensor({packed.scales, {packed.scales.size()}})};
  if (options.zeros)
    inputs.push_back(bytes({int64_t(packed.zeros.size())}, packed.zeros));
  return g.node("MatMulNBits", inputs,
                {{"K", columns}, {"N", rows}, {"bits", options.bits}, {"block_size", options.length}}, "com.microsoft");
}

std::string ExportGraph::packedRows(const WeightRef &ref, const std::string &ids) {
  Values table = valuesOf(ref);
  if (options.codes != ExportOptions::Codes::NBits) {
    const auto all = int64_t(table.numbers.size());
    const PackedBits packed = packBits(table.numbers, size_t(all), 8, all, true);
    if (options.asNumbers)
      return g.node("Gather", {tensor(table), ids});
    const std::string rows = g.node(
        "Gather", {bytes({int64_t(table.shape[0]), int64_t(table.shape[1])}, packed.codes, ElementType::UInt8), ids});
    return g.node("DequantizeLinear", {rows, tensor({packed.scales, {}}), bytes({}, packed.zeros)});
  }
  const PackedBits packed = packBits(table.numbers, table.shape[1], options.bits, options.length, options.zeros);
  if (options.asNumbers)
    return g.node("Gather", {tensor(table), ids});
  const auto rows = int64_t(table.shape[0]), columns = int64_t(table.shape[1]),
             blocks = (columns + options.length - 1) / options.length;
  // Of each row, which fills whole bytes in `from`, the first elements.
  auto ofFour = [&](const std::vector<uint8_t> &from, int64_t count) {
    std::vector<uint8_t> to;
    for (int64_t i = 0; i < rows * count; ++i) {
      const auto at = size_t(i / count) * 2 * (from.size() / size_t(rows)) + size_t(i % count);
      to.push_back(from[at / 2] >> at % 2 * 4 & 15);
    }
    return bytes({rows, count}, to, ElementType::UInt4);
  };
  std::vector<std::string> inputs = {options.tokensOfFour ? ofFour(packed.codes, columns)
                                                          : bytes({rows, columns * options.bits / 8}, packed.codes),
                                     ids, tensor({packed.scales, {uint64_t(rows), uint64_t(blocks)}})};
  if (options.zeros)
    inputs.push_back(options.tokensOfFour ? ofFour(packed.zeros, blocks)
                                          : bytes({rows, (blocks * options.bits + 7) / 8}, packed.zeros));
  return g.node("GatherBlockQuantized", inputs, {{"bits", options.bits}, {"block_size", options.length}},
                "com.microsoft");
}

std::string ExportGraph::packedBias(const std::vector<WeightRef> &parts) {
  Values all{{}, {0}};
  for (const WeightRef &part : parts) {
    Values own = valuesOf(part);
    all.numbers.insert(all.numbers.end(), own.numbers.begin(), own.numbers.end());
  }
  all.shape[0] = all.numbers.size();
  return tensor(all);
}

} // namespace weft::test
