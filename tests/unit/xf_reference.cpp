#include "tests/unit/xf_reference.h"

#include "compiler/frontend/huggingface/Architectures.h"

#include <Eigen/Dense>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace weft::test {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using frontend::WeightType;

size_t bytesOf(WeightType type) { return type == WeightType::F32 ? 4 : 2; }

template <typename T> T readAt(const std::byte *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double decode(WeightType type, const std::byte *bytes) {
  if (type == WeightType::F32)
    return readAt<float>(bytes);
  if (type == WeightType::F16)
    return static_cast<float>(readAt<Eigen::half>(bytes));
  return static_cast<float>(readAt<Eigen::bfloat16>(bytes));
}

void encode(WeightType type, float value, std::byte *bytes) {
  Eigen::half half(value);
  Eigen::bfloat16 brain(value);
  if (type == WeightType::F32)
    std::memcpy(bytes, &value, 4);
  else if (type == WeightType::F16)
    std::memcpy(bytes, &half, 2);
  else
    std::memcpy(bytes, &brain, 2);
}

/// A weight as a matrix; a vector becomes one column.
Matrix matrixOf(const TestModel &model, const std::string &name) {
  const TestModel::Weight &weight = model.weights.at(name);
  const auto &shape = weight.info.shape;
  Matrix result(shape[0], shape.size() == 2 ? shape[1] : 1);
  for (Eigen::Index i = 0; i < result.size(); ++i)
    result.data()[i] = decode(weight.info.type, weight.bytes.data() + i * bytesOf(weight.info.type));
  return result;
}

Vector normed(const Vector &x, const Matrix &gamma, double epsilon) {
  return (x / std::sqrt(x.squaredNorm() / double(x.size()) + epsilon)).cwiseProduct(gamma.col(0));
}

/// Turns each head of `x` by the angles of token `position`.
void rotate(Vector &x, size_t position, const LlamaSizes &config) {
  Eigen::Index half = config.headDim / 2;
  for (Eigen::Index head = 0; head < x.size(); head += config.headDim)
    for (Eigen::Index j = 0; j < half; ++j) {
      double angle = double(position) * config.rope.inverseFrequencies[j];
      double a = x[head + j], b = x[head + j + half];
      x[head + j] = a * std::cos(angle) - b * std::sin(angle);
      x[head + j + half] = b * std::cos(angle) + a * std::sin(angle);
    }
}

/// Attention of the last token over all; `keys` and `values` have an entry a token.
Vector attend(const Vector &q, const std::vector<Vector> &keys, const std::vector<Vector> &values,
              const LlamaSizes &config) {
  Eigen::Index headDim = config.headDim;
  Vector result(q.size());
  for (uint32_t head = 0; head < config.heads; ++head) {
    Eigen::Index from = head / (config.heads / config.kvHeads) * headDim;
    Vector scores(keys.size());
    for (size_t t = 0; t < keys.size(); ++t)
      scores[t] = q.segment(head * headDim, headDim).dot(keys[t].segment(from, headDim)) / std::sqrt(double(headDim));
    Vector weights = (scores.array() - scores.maxCoeff()).exp();
    weights /= weights.sum();
    Vector mixed = Vector::Zero(headDim);
    for (size_t t = 0; t < keys.size(); ++t)
      mixed += weights[t] * values[t].segment(from, headDim);
    result.segment(head * headDim, headDim) = mixed;
  }
  return result;
}

/// All tokens through decoder layer `index`, in place.
void runLayer(const TestModel &model, uint32_t index, std::vector<Vector> &tokens) {
  std::string prefix = "model.layers." + std::to_string(index) + ".";
  auto weight = [&](const char *name) { return matrixOf(model, prefix + name + ".weight"); };
  Matrix norm1 = weight("input_layernorm"), norm2 = weight("post_attention_layernorm");
  Matrix wq = weight("self_attn.q_proj"), wk = weight("self_attn.k_proj"), wv = weight("self_attn.v_proj");
  Matrix wo = weight("self_attn.o_proj"), gate = weight("mlp.gate_proj"), up = weight("mlp.up_proj");
  Matrix down = weight("mlp.down_proj");
  std::vector<Vector> keys, values;
  for (size_t position = 0; position < tokens.size(); ++position) {
    Vector &x = tokens[position];
    Vector h = normed(x, norm1, model.config.rmsNormEps);
    Vector q = wq * h, k = wk * h;
    rotate(q, position, model.config);
    rotate(k, position, model.config);
    keys.push_back(k);
    values.push_back(wv * h);
    x += wo * attend(q, keys, values, model.config);
    h = normed(x, norm2, model.config.rmsNormEps);
    Vector g = gate * h;
    Vector bent = g.array() / (1.0 + (-g.array()).exp());
    x += down * bent.cwiseProduct(up * h);
  }
}

std::vector<char> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The values of a .npy image, its size known from its header.
std::vector<double> parseNpy(const char *data) {
  size_t headerBytes = static_cast<unsigned char>(data[8]) + 256 * static_cast<unsigned char>(data[9]);
  std::string header(data + 10, headerBytes);
  size_t count = 1, at = header.find('(');
  for (size_t end = header.find(')'); at < end;) {
    size_t used = header.find_first_of("0123456789)", at);
    if (used >= end)
      break;
    count *= std::stoul(header.substr(used));
    at = header.find_first_not_of("0123456789", used);
  }
  const auto *bytes = reinterpret_cast<const std::byte *>(data + 10 + headerBytes);
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i)
    if (header.find("<f4") != std::string::npos)
      values[i] = readAt<float>(bytes + 4 * i);
    else if (header.find("<i4") != std::string::npos)
      values[i] = readAt<int32_t>(bytes + 4 * i);
    else if (header.find("<i8") != std::string::npos)
      values[i] = double(readAt<int64_t>(bytes + 8 * i));
    else
      throw std::runtime_error("unexpected .npy type: " + header);
  return values;
}

} // namespace

nlohmann::json LlamaSizes::json() const {
  return {{"architectures", {"LlamaForCausalLM"}},   {"model_type", "llama"},       {"hidden_size", hiddenSize},
          {"intermediate_size", intermediateSize},   {"num_hidden_layers", layers}, {"num_attention_heads", heads},
          {"num_key_value_heads", kvHeads},          {"head_dim", headDim},         {"vocab_size", vocabSize},
          {"max_position_embeddings", maxPositions}, {"rms_norm_eps", rmsNormEps},  {"rope_theta", rope.theta},
          {"tie_word_embeddings", tiedEmbeddings}};
}

frontend::TransformerConfig LlamaSizes::transformer() const {
  auto config = frontend::hf::readConfig(json(), "LlamaForCausalLM", "config.json");
  if (!config)
    throw std::runtime_error(config.error().message);
  config->name = name;
  return std::move(*config);
}

std::vector<std::string> TestModel::names() const {
  std::vector<std::string> result;
  result.reserve(weights.size());
  for (const auto &[name, weight] : weights)
    result.push_back(name);
  return result;
}

frontend::RopeConfig plainRope(double theta, uint32_t headDim) {
  frontend::RopeConfig rope;
  rope.theta = theta;
  for (uint32_t j = 0; j < headDim / 2; ++j)
    rope.inverseFrequencies.push_back(std::pow(theta, -2.0 * j / headDim));
  return rope;
}

TestModel randomModel(std::mt19937 &random) {
  auto pick = [&](uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); };
  TestModel model;
  LlamaSizes &config = model.config;
  config.name = "random";
  config.hiddenSize = pick(6, 40);
  config.headDim = 2 * pick(1, 6);
  config.kvHeads = pick(1, 3);
  config.heads = config.kvHeads * pick(1, 3);
  config.intermediateSize = pick(5, 50);
  config.layers = pick(1, 3);
  config.vocabSize = 2 * pick(5, 30) + 1;
  config.maxPositions = 64;
  config.rmsNormEps = std::pow(10.0, -double(pick(5, 7)));
  config.rope.theta = double(pick(100, 100000));
  config.tiedEmbeddings = pick(0, 1) == 1;
  config.rope = plainRope(config.rope.theta, config.headDim);
  addRandomWeights(model, random);
  return model;
}

void addRandomWeights(TestModel &model, std::mt19937 &random, std::optional<WeightType> onlyType) {
  const LlamaSizes &config = model.config;
  auto add = [&](const std::string &name, std::vector<uint64_t> shape) {
    auto type = onlyType.value_or(static_cast<WeightType>(std::uniform_int_distribution<int>(0, 2)(random)));
    size_t count = shape[0] * (shape.size() == 2 ? shape[1] : 1);
    TestModel::Weight weight{{name, type, shape, 0, 0}, std::vector<std::byte>(count * bytesOf(type))};
    std::normal_distribution<float> values(shape.size() == 2 ? 0.0f : 1.0f,
                                           shape.size() == 2 ? 1.0f / std::sqrt(float(shape[1])) : 0.2f);
    for (size_t i = 0; i < count; ++i)
      encode(type, values(random), weight.bytes.data() + i * bytesOf(type));
    model.weights.emplace(name, std::move(weight));
  };
  uint64_t hidden = config.hiddenSize, queries = config.heads * config.headDim, keys = config.kvHeads * config.headDim;
  add("model.embed_tokens.weight", {config.vocabSize, hidden});
  for (uint32_t i = 0; i < config.layers; ++i) {
    std::string prefix = "model.layers." + std::to_string(i) + ".";
    add(prefix + "input_layernorm.weight", {hidden});
    add(prefix + "self_attn.q_proj.weight", {queries, hidden});
    add(prefix + "self_attn.k_proj.weight", {keys, hidden});
    add(prefix + "self_attn.v_proj.weight", {keys, hidden});
    add(prefix + "self_attn.o_proj.weight", {hidden, queries});
    add(prefix + "post_attention_layernorm.weight", {hidden});
    add(prefix + "mlp.gate_proj.weight", {config.intermediateSize, hidden});
    add(prefix + "mlp.up_proj.weight", {config.intermediateSize, hidden});
    add(prefix + "mlp.down_proj.weight", {hidden, config.intermediateSize});
  }
  add("model.norm.weight", {hidden});
  if (!config.tiedEmbeddings)
    add("lm_head.weight", {config.vocabSize, hidden});
}

TestModel withWeightsAs(const TestModel &model, WeightType type) {
  TestModel result = model;
  for (auto &[name, weight] : result.weights) {
    Matrix values = matrixOf(model, name);
    weight.info.type = type;
    weight.bytes.resize(values.size() * bytesOf(type));
    for (Eigen::Index i = 0; i < values.size(); ++i)
      encode(type, static_cast<float>(values.data()[i]), weight.bytes.data() + i * bytesOf(type));
  }
  return result;
}

TestModel loadModel(const std::string &folder) {
  std::vector<char> configText = readFile(folder + "/config.json");
  auto json = nlohmann::json::parse(configText);
  TestModel model;
  LlamaSizes &config = model.config;
  config.name = folder.substr(folder.rfind('/') + 1);
  config.hiddenSize = json.at("hidden_size");
  config.intermediateSize = json.at("intermediate_size");
  config.layers = json.at("num_hidden_layers");
  config.heads = json.at("num_attention_heads");
  config.kvHeads = json.at("num_key_value_heads");
  config.headDim = json.at("head_dim");
  config.vocabSize = json.at("vocab_size");
  config.maxPositions = json.at("max_position_embeddings");
  config.rmsNormEps = json.at("rms_norm_eps");
  config.tiedEmbeddings = json.at("tie_word_embeddings");
  config.rope.theta = json.contains("rope_theta") ? json["rope_theta"] : json.at("rope_parameters").at("rope_theta");
  config.rope = plainRope(config.rope.theta, config.headDim);

  std::vector<char> file = readFile(folder + "/model.safetensors");
  const auto *bytes = reinterpret_cast<const std::byte *>(file.data());
  auto headerBytes = readAt<uint64_t>(bytes);
  auto header = nlohmann::json::parse(file.data() + 8, file.data() + 8 + headerBytes);
  for (const auto &[name, entry] : header.items()) {
    if (name == "__metadata__")
      continue;
    WeightType type = entry.at("dtype") == "F32"   ? WeightType::F32
                      : entry.at("dtype") == "F16" ? WeightType::F16
                                                   : WeightType::BF16;
    size_t from = 8 + headerBytes + size_t(entry.at("data_offsets")[0]);
    size_t to = 8 + headerBytes + size_t(entry.at("data_offsets")[1]);
    model.weights[name] = {{name, type, entry.at("shape"), 0, from}, {bytes + from, bytes + to}};
  }
  return model;
}

std::vector<double> loadNumpy(const std::string &path, const std::string &member) {
  std::vector<char> file = readFile(path);
  if (member.empty())
    return parseNpy(file.data());
  // The local file headers of a zip archive, one after the other.
  for (size_t at = 0; at + 30 < file.size();) {
    const auto *local = reinterpret_cast<const std::byte *>(file.data() + at);
    if (readAt<uint32_t>(local) != 0x04034b50 || readAt<uint16_t>(local + 8) != 0)
      break;
    size_t nameBytes = readAt<uint16_t>(local + 26), extraBytes = readAt<uint16_t>(local + 28);
    std::string name(file.data() + at + 30, nameBytes);
    size_t data = at + 30 + nameBytes + extraBytes;
    if (name == member + ".npy")
      return parseNpy(file.data() + data);
    // NumPy writes the 64-bit form: the size is in the extra field, behind the uncompressed one.
    uint64_t size = readAt<uint32_t>(local + 18);
    at = data + (size == 0xffffffff ? readAt<uint64_t>(local + 30 + nameBytes + 12) : size);
  }
  throw std::runtime_error(path + " has no uncompressed member " + member);
}

std::vector<std::vector<double>> referenceLogits(const TestModel &model, std::span<const int32_t> ids) {
  Matrix table = matrixOf(model, "model.embed_tokens.weight");
  std::vector<Vector> tokens;
  for (int32_t id : ids)
    tokens.push_back(table.row(id).transpose());
  for (uint32_t i = 0; i < model.config.layers; ++i)
    runLayer(model, i, tokens);
  Matrix norm = matrixOf(model, "model.norm.weight");
  Matrix head = model.config.tiedEmbeddings ? table : matrixOf(model, "lm_head.weight");
  std::vector<std::vector<double>> logits;
  for (const Vector &token : tokens) {
    Vector row = head * normed(token, norm, model.config.rmsNormEps);
    logits.emplace_back(row.data(), row.data() + row.size());
  }
  return logits;
}

} // namespace weft::test
