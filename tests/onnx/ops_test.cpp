// Ops of vision, speech and quantised models against their definitions, written as plain loops.
#include "tests/onnx/Arrays.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

using namespace weft;
using namespace weft::test;
using frontend::onnx::ElementType;

namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

} // namespace

TEST_CASE("batch and instance norms") {
  Array x = random({2, 3, 4, 5}, 1), scale = random({3}, 2), bias = random({3}, 3), mean = random({3}, 4),
        variance = random({3}, 5);
  for (float &number : variance.data)
    number = number * number + 0.5F;
  Array batch(x.shape), instance(x.shape);
  forEach(x.shape, [&](const Shape &at) {
    const auto c = static_cast<size_t>(at[1]);
    batch[at] = (x[at] - mean.data[c]) / std::sqrt(variance.data[c] + 1e-5F) * scale.data[c] + bias.data[c];
    double sum = 0, squares = 0;
    forEach({4, 5}, [&](const Shape &k) { sum += x[{at[0], at[1], k[0], k[1]}]; });
    forEach({4, 5}, [&](const Shape &k) { squares += std::pow(x[{at[0], at[1], k[0], k[1]}] - sum / 20, 2); });
    instance[at] =
        static_cast<float>((x[at] - sum / 20) / std::sqrt(squares / 20 + 1e-5)) * scale.data[c] + bias.data[c];
  });
  checkEqual(run("BatchNormalization", {x, scale, bias, mean, variance}, {}).floats(), batch.data);
  checkEqual(run("InstanceNormalization", {x, scale, bias}, {}).floats(), instance.data);
}

TEST_CASE("Resize by known scales and sizes") {
  Array x({1, 1, 1, 4});
  x.data = {1, 2, 3, 5};
  auto resized = [&](const Attributes &attributes, const std::vector<float> &scales) {
    GraphMaker g;
    std::string in = g.floats("x", x.shape);
    g.output(g.node("Resize", {in, "", g.constant({4}, scales)}, attributes));
    Result<Computed> computed = compute(g.model, {bytesOf(x.data)});
    REQUIRE(computed);
    return computed->floats();
  };
  // Twice the size: half-way between pixels is a quarter of the way; the ends repeat.
  CHECK(resized({{"mode", std::string("linear")}}, {1, 1, 1, 2}) ==
        std::vector<float>{1, 1.25, 1.75, 2.25, 2.75, 3.5, 4.5, 5});
  CHECK(resized({{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}},
                {1, 1, 1, 1.75}) == std::vector<float>{1, 1.5, 2, 2.5, 3, 4, 5});
  CHECK(resized({{"mode", std::string("nearest")},
                 {"coordinate_transformation_mode", std::string("asymmetric")},
                 {"nearest_mode", std::string("floor")}},
                {1, 1, 1, 2}) == std::vector<float>{1, 1, 2, 2, 3, 3, 5, 5});
  // Half the size with antialias: a triangle of four pixels, weights 1 3 3 1 where all are there.
  std::vector<float> small = resized({{"mode", std::string("linear")}, {"antialias", int64_t(1)}}, {1, 1, 1, 0.5});
  CHECK(relativeError(small, {(1 * 1 + 1 * 3 + 2 * 3 + 3 * 1) / 8.0F, (2 * 1 + 3 * 3 + 5 * 3 + 5 * 1) / 8.0F}) < 1e-6);
}

TEST_CASE("LSTM and GRU step by step, in both directions") {
  const int64_t steps = 4, batch = 2, in = 3, hidden = 5;
  Array x = random({steps, batch, in}, 1);
  for (bool lstm : {true, false}) {
    const int64_t gates = lstm ? 4 : 3;
    Array w = random({2, gates * hidden, in}, 2, 0.5F), r = random({2, gates * hidden, hidden}, 3, 0.5F);
    Array b = random({2, 2 * gates * hidden}, 4, 0.5F), y({steps, 2, batch, hidden}), last({2, batch, hidden});
    for (int64_t d = 0; d < 2; ++d)
      for (int64_t n = 0; n < batch; ++n) {
        std::vector<float> h(static_cast<size_t>(hidden)), c(h);
        for (int64_t t = 0; t < steps; ++t) {
          const int64_t time = d == 0 ? t : steps - 1 - t;
          auto gate = [&](int64_t g, int64_t j, const std::vector<float> &state, bool input, bool recurrent) {
            const int64_t row = g * hidden + j;
            float sum = (input ? b[{d, row}] : 0) + (recurrent ? b[{d, gates * hidden + row}] : 0);
            for (int64_t k = 0; input && k < in; ++k)
              sum += w[{d, row, k}] * x[{time, n, k}];
            for (int64_t k = 0; recurrent && k < hidden; ++k)
              sum += r[{d, row, k}] * state[static_cast<size_t>(k)];
            return sum;
          };
          std::vector<float> next(h.size()), reset(h.size());
          for (int64_t j = 0; j < hidden && !lstm; ++j)
            reset[static_cast<size_t>(j)] = sigmoid(gate(1, j, h, true, true)) * h[static_cast<size_t>(j)];
          for (int64_t j = 0; j < hidden; ++j) {
            const auto at = static_cast<size_t>(j);
            if (lstm) { // gates i, o, f, c
              c[at] = sigmoid(gate(2, j, h, true, true)) * c[at] +
                      sigmoid(gate(0, j, h, true, true)) * std::tanh(gate(3, j, h, true, true));
              next[at] = sigmoid(gate(1, j, h, true, true)) * std::tanh(c[at]);
            } else { // gates z, r, h
              const float z = sigmoid(gate(0, j, h, true, true));
              next[at] = (1 - z) * std::tanh(gate(2, j, reset, true, true)) + z * h[at];
            }
          }
          h = next;
          for (int64_t j = 0; j < hidden; ++j)
            y[{time, d, n, j}] = last[{d, n, j}] = h[static_cast<size_t>(j)];
        }
      }
    Computed got = run(lstm ? "LSTM" : "GRU", {x, w, r, b},
                       {{"hidden_size", hidden}, {"direction", std::string("bidirectional")}}, 2);
    checkEqual(got.floats(0), y.data);
    checkEqual(got.floats(1), last.data);
  }
}

TEST_CASE("weights of four bits in blocks with zero points") {
  const int64_t rows = 3, inner = 40, outer = 4, block = 16, blocks = 3;
  Array a = random({rows, inner}, 1), scales = random({outer * blocks}, 2);
  std::mt19937 engine(5);
  auto makeBytes = [&](const Shape &shape) {
    frontend::onnx::TensorData data;
    data.name = "bytes" + std::to_string(engine());
    data.type = ElementType::UInt8;
    data.shape = shape;
    data.bytes.resize(Array(shape).data.size());
    for (std::byte &byte : data.bytes)
      byte = static_cast<std::byte>(engine());
    return data;
  };
  auto weights = makeBytes({outer, blocks, block / 2}), zeros = makeBytes({outer, (blocks + 1) / 2});
  auto nibble = [](const frontend::onnx::TensorData &data, int64_t rowBytes, int64_t row, int64_t at) {
    const auto byte = static_cast<int>(data.bytes[static_cast<size_t>(row * rowBytes + at / 2)]);
    return static_cast<float>(at % 2 ? byte >> 4 : byte & 15);
  };
  Array y({rows, outer});
  forEach({rows, outer, inner}, [&](const Shape &at) {
    const int64_t row = at[1], place = at[2] / block;
    const float w = (nibble(weights, blocks * block / 2, row, at[2]) - nibble(zeros, (blocks + 1) / 2, row, place)) *
                    scales.data[static_cast<size_t>(row * blocks + place)];
    y[{at[0], row}] += a[{at[0], at[2]}] * w;
  });
  GraphMaker g;
  std::string x = g.floats("x", a.shape), s = g.constant({outer * blocks}, scales.data);
  g.model.graph.initializers.push_back(weights);
  g.model.graph.initializers.push_back(zeros);
  g.output(g.node("MatMulNBits", {x, weights.name, s, zeros.name},
                  {{"K", inner}, {"N", outer}, {"bits", int64_t(4)}, {"block_size", block}}, "com.microsoft"));
  Result<Computed> computed = compute(g.model, {bytesOf(a.data)});
  REQUIRE(computed);
  checkEqual(computed->floats(), y.data, 1e-5);
}

TEST_CASE("weights of few bits whose sizes are none that ONNX Runtime has are refused") {
  auto why = [](int64_t inner, int64_t block) {
    GraphMaker g;
    frontend::onnx::TensorData codes;
    codes.name = "codes";
    codes.type = ElementType::UInt8;
    codes.shape = {2, 1, std::max<int64_t>(block / 2, 1)};
    codes.bytes.resize(static_cast<size_t>(2 * codes.shape[2]));
    g.model.graph.initializers.push_back(codes);
    g.output(g.node("MatMulNBits", {g.floats("x", {3, 16}), "codes", g.constant({2}, {1, 1})},
                    {{"K", inner}, {"N", int64_t(2)}, {"bits", int64_t(4)}, {"block_size", block}}, "com.microsoft"));
    auto computed = compute(g.model, {});
    REQUIRE(!computed);
    return computed.error().message;
  };
  using Catch::Matchers::Contains;
  for (int64_t block : {8, 48, 1})
    CHECK_THAT(why(16, block), Contains("'MatMulNBits_") && Contains("block_size " + std::to_string(block) +
                                                                     " is no power of two of at least 16"));
  CHECK_THAT(why(16, 0), Contains("block_size 0: each must be a number from 1"));
  CHECK_THAT(why(24, 32), Contains("K is 24, but its input [3, 16] has not so many columns"));
}

TEST_CASE("rows of a table of few bits, by index") {
  // Of [2 x] 6 x 32 numbers; those of four bits and a type of their own lie one to a byte in memory.
  struct Table {
    ElementType type;
    int64_t bits, gatherAxis, quantizeAxis, block;
    bool zeros;
  };
  const auto table =
      GENERATE(Table{ElementType::UInt8, 4, 0, -1, 16, true}, Table{ElementType::UInt8, 4, 0, 1, 16, false},
               Table{ElementType::UInt8, 8, 0, 1, 32, true}, Table{ElementType::UInt8, 2, 0, 1, 16, true},
               Table{ElementType::Int4, 4, 1, 0, 16, true}, Table{ElementType::UInt4, 4, 0, 1, 16, false});
  CAPTURE(static_cast<int>(table.type), table.bits, table.gatherAxis);
  const bool packed = table.type == ElementType::UInt8;
  const int64_t perByte = packed ? 8 / table.bits : 1, quantised = table.quantizeAxis & 1;
  const Shape shape = quantised ? Shape{6, 32} : Shape{32, 6};
  Shape groups = shape;
  groups[static_cast<size_t>(quantised)] /= table.block;
  std::mt19937 engine(5);
  auto codes = [&](Shape logical) {
    frontend::onnx::TensorData data;
    data.name = "codes" + std::to_string(engine());
    data.type = table.type;
    logical[1] = (logical[1] + perByte - 1) / perByte;
    data.shape = logical;
    for (int64_t i = 0; i < logical[0] * logical[1]; ++i) {
      const auto byte = static_cast<int>(engine() & 255);
      data.bytes.push_back(std::byte(packed ? byte : table.type == ElementType::Int4 ? (byte & 15) - 8 : byte & 15));
    }
    return data;
  };
  auto codeAt = [&](const frontend::onnx::TensorData &data, int64_t row, int64_t column) {
    const auto byte = static_cast<int>(data.bytes[static_cast<size_t>(row * data.shape[1] + column / perByte)]);
    if (!packed)
      return table.type == ElementType::Int4 ? static_cast<int>(static_cast<int8_t>(byte)) : byte;
    return byte >> (column % perByte * table.bits) & ((1 << table.bits) - 1);
  };
  const auto data = codes(shape), zeros = codes(groups);
  const Array scales = random(groups, 2);
  const std::vector<int64_t> places = {4, -1, 0, 4};
  GraphMaker g;
  std::string ids = g.input("ids", ElementType::Int64, {2, 2});
  std::vector<std::string> inputs = {data.name, ids, g.constant(groups, scales.data)};
  g.model.graph.initializers.push_back(data);
  if (table.zeros) {
    g.model.graph.initializers.push_back(zeros);
    inputs.push_back(zeros.name);
  }
  Attributes attributes = {
      {"gather_axis", table.gatherAxis}, {"quantize_axis", table.quantizeAxis}, {"block_size", table.block}};
  if (packed)
    attributes["bits"] = table.bits;
  g.output(g.node("GatherBlockQuantized", inputs, attributes, "com.microsoft"));
  Result<Computed> computed = compute(g.model, {bytesOf(places)});
  INFO((computed ? "" : computed.error().message));
  REQUIRE(computed);
  std::vector<float> expected;
  auto number = [&](int64_t row, int64_t column) {
    Shape group = {row, column};
    group[static_cast<size_t>(quantised)] /= table.block;
    const int middle = packed ? 1 << (table.bits - 1) : 0;
    const int zero = table.zeros ? codeAt(zeros, group[0], group[1]) : middle;
    expected.push_back(static_cast<float>(codeAt(data, row, column) - zero) * scales[group]);
  };
  auto place = [&](size_t i) { return places[i] < 0 ? places[i] + 6 : places[i]; };
  if (table.gatherAxis == 0)
    for (size_t i = 0; i < places.size(); ++i)
      for (int64_t column = 0; column < 32; ++column)
        number(place(i), column);
  else
    for (int64_t row = 0; row < 32; ++row)
      for (size_t i = 0; i < places.size(); ++i)
        number(row, place(i));
  CHECK(computed->floats() == expected);
}

TEST_CASE("grouped queries over a cache, with rotary positions and a window") {
  const int64_t heads = 4, kv = 2, size = 8, past = 5, window = 4;
  const int64_t total = past + 1;
  Array q = random({1, 1, heads * size}, 1), k = random({1, 1, kv * size}, 2), v = random({1, 1, kv * size}, 3);
  Array pastKeys = random({1, kv, past, size}, 4), pastValues = random({1, kv, past, size}, 5);
  Array cosine({16, size / 2}), sine({16, size / 2});
  forEach(cosine.shape, [&](const Shape &at) {
    cosine[at] = std::cos(static_cast<float>(at[0]) / static_cast<float>(at[1] + 1));
    sine[at] = std::sin(static_cast<float>(at[0]) / static_cast<float>(at[1] + 1));
  });
  auto turn = [&](const Array &x, int64_t head, int64_t d) {
    const int64_t half = size / 2, j = d % half;
    const float own = x[{0, 0, head * size + d}], other = x[{0, 0, head * size + (d < half ? d + half : d - half)}];
    return own * cosine[{past, j}] + (d < half ? -other : other) * sine[{past, j}];
  };
  Array keys({1, kv, total, size}), values({1, kv, total, size}), y({1, 1, heads * size});
  forEach(keys.shape, [&](const Shape &at) {
    keys[at] = at[2] < past ? pastKeys[at] : turn(k, at[1], at[3]);
    values[at] = at[2] < past ? pastValues[at] : v[{0, 0, at[1] * size + at[3]}];
  });
  for (int64_t head = 0; head < heads; ++head) {
    std::vector<double> weights;
    double sum = 0;
    for (int64_t t = total - window; t < total; ++t) {
      double score = 0;
      for (int64_t d = 0; d < size; ++d)
        score += turn(q, head, d) * keys[{0, head / 2, t, d}];
      weights.push_back(std::exp(score / std::sqrt(8.0)));
      sum += weights.back();
    }
    for (int64_t t = 0; t < window; ++t)
      for (int64_t d = 0; d < size; ++d)
        y[{0, 0, head * size + d}] +=
            static_cast<float>(weights[static_cast<size_t>(t)] / sum) * values[{0, head / 2, total - window + t, d}];
  }
  GraphMaker g;
  std::vector<std::string> names;
  std::vector<std::vector<std::byte>> bytes;
  for (const Array *array : {&q, &k, &v, &pastKeys, &pastValues}) {
    names.push_back(g.floats("x" + std::to_string(names.size()), array->shape));
    bytes.push_back(bytesOf(array->data));
  }
  names.push_back(g.node("Cast", {g.integers({past})}, {{"to", int64_t(6)}}));
  names.push_back(g.node("Cast", {g.integers({}, {total})}, {{"to", int64_t(6)}}));
  names.push_back(g.constant(cosine.shape, cosine.data));
  names.push_back(g.constant(sine.shape, sine.data));
  for (const std::string &name :
       g.nodes("GroupQueryAttention", names, 3,
               {{"num_heads", heads}, {"kv_num_heads", kv}, {"do_rotary", int64_t(1)}, {"local_window_size", window}},
               "com.microsoft"))
    g.output(name);
  Result<Computed> computed = compute(g.model, bytes);
  if (!computed)
    FAIL(computed.error().message);
  checkEqual(computed->floats(0), y.data, 1e-5);
  checkEqual(computed->floats(1), keys.data);
  checkEqual(computed->floats(2), values.data);
}

TEST_CASE("a Fourier transform and back, and the sum that it is") {
  Array x = random({1, 6, 1}, 1), spectrum({1, 6, 2});
  for (int64_t k = 0; k < 6; ++k)
    for (int64_t t = 0; t < 6; ++t) {
      const double angle = -2 * M_PI * static_cast<double>(k * t) / 6;
      spectrum[{0, k, 0}] += static_cast<float>(x[{0, t, 0}] * std::cos(angle));
      spectrum[{0, k, 1}] += static_cast<float>(x[{0, t, 0}] * std::sin(angle));
    }
  checkEqual(run("DFT", {x}, {}).floats(), spectrum.data, 1e-5);
  std::vector<float> back = run("DFT", {spectrum}, {{"inverse", int64_t(1)}}).floats();
  for (size_t i = 0; i < 6; ++i) {
    CHECK(back[2 * i] == Approx(x.data[i]).margin(1e-5));
    CHECK(back[2 * i + 1] == Approx(0).margin(1e-5));
  }
}

TEST_CASE("samples between pixels") {
  Array x({1, 1, 2, 2}), grid({1, 1, 3, 2});
  x.data = {1, 2, 3, 4};
  grid.data = {0, 0, -1, -1, 3, 0.5F}; // the middle, the outer corner of the first pixel, far outside
  CHECK(run("GridSample", {x, grid}, {{"align_corners", int64_t(0)}}).floats() == std::vector<float>{2.5F, 0.25F, 0});
  CHECK(
      run("GridSample", {x, grid}, {{"align_corners", int64_t(1)}, {"padding_mode", std::string("border")}}).floats() ==
      std::vector<float>{2.5F, 1, 3.5F});
}

TEST_CASE("what a graph asks for and cannot have is said with the node's name") {
  auto messageOf = [](const std::string &op, const Attributes &attributes, const Shape &x, const Shape &w) {
    GraphMaker g;
    g.output(g.node(op, {g.floats("x", x), g.floats("w", w)}, attributes));
    Result<Computed> computed = compute(g.model, {});
    REQUIRE(!computed);
    return computed.error().message;
  };
  CHECK(messageOf("Conv", {}, {1, 3, 4, 4}, {2, 2, 3, 3}).find("node 'Conv_0'") != std::string::npos);
  CHECK(messageOf("Conv", {{"strides", Ints{0, 1}}}, {1, 2, 4, 4}, {2, 2, 3, 3}).find("'strides' has 0") !=
        std::string::npos);
  CHECK(messageOf("Conv", {}, {1, 2, 2, 2}, {2, 2, 3, 3}).find("does not fit into 2 elements") != std::string::npos);
  CHECK(messageOf("Conv", {{"pads", Ints{1}}}, {1, 2, 4, 4}, {2, 2, 3, 3}).find("1 numbers instead of 4") !=
        std::string::npos);
}

TEST_CASE("what an op does not have is refused, not passed over") {
  GraphMaker g;
  std::string x = g.floats("x", {2, 3, 4});
  std::string wanted;
  SECTION("an attribute") {
    g.output(g.node("Relu", {x}, {{"negative_slope", 0.1}}));
    wanted = "node 'Relu_0' (Relu of x float32[2x3x4]): it has no attribute 'negative_slope'";
  }
  SECTION("an attribute that has become an input") {
    g.output(g.node("ReduceMean", {x}, {{"axes", Ints{1}}}));
    wanted =
        "node 'ReduceMean_0' (ReduceMean of x float32[2x3x4]): it has no attribute 'axes' in opset 18: since opset "
        "18 that is an input";
  }
  SECTION("an input") {
    g.output(g.node("Relu", {x, "", x}));
    wanted = "it has no input 2, which is given as 'x'";
  }
  SECTION("a way to pad") {
    g.output(g.node("Pad", {x, g.integers({0, 0, 1, 0, 0, 1})}, {{"mode", std::string("mirror")}}));
    wanted = "mode 'mirror' is not known";
  }
  SECTION("windows larger than any number of channels") {
    g.output(g.node("LRN", {x}, {{"size", int64_t(1) << 40}}));
    wanted = "a size of 1 to 1048576";
  }
  SECTION("an image larger than any") {
    g.output(g.node("Resize", {x, "", "", g.integers({2, 3, int64_t(1) << 50})}));
    wanted = "a size of 1125899906842624";
  }
  SECTION("an image so small that all of the other is in each of its points") {
    std::string wide = g.floats("wide", {1, 1, 5000});
    g.output(g.node("Resize", {wide, "", "", g.integers({1, 1, 2})},
                    {{"mode", std::string("linear")}, {"antialias", int64_t(1)}}));
    wanted = "which is too many";
  }
  SECTION("flags that are too many to be compared with each other") {
    g.output(g.node("NonZero", {g.floats("many", {1 << 16})}));
    g.model.graph.outputs[0].type.container = frontend::onnx::ValueType::Container::Tensor;
    g.model.graph.outputs[0].type.element = ElementType::Int64;
    g.model.graph.outputs[0].type.shape = {{1, ""}, {7, ""}};
    wanted = "among 65536 elements";
  }
  SECTION("a state of another shape") {
    g.output(g.node("LSTM", {x, g.random({1, 20, 4}), g.random({1, 20, 5}), "", "", g.random({3, 1, 5})}));
    wanted = "its initial state of [3, 1, 5] is not [1, 3, 5]";
  }
  SECTION("peepholes of another shape") {
    g.output(g.node("LSTM", {x, g.random({1, 20, 4}), g.random({1, 20, 5}), "", "", "", "", g.random({1, 10})}));
    wanted = "its peepholes of [1, 10] are not [1, 15]";
  }
  Result<Computed> computed = compute(g.model, {});
  REQUIRE(!computed);
  INFO(computed.error().message);
  CHECK(computed.error().message.find(wanted) != std::string::npos);
}
