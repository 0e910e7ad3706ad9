#include "tools/WaferLayers.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

static constexpr WaferTokens tokenFiles[] = {{"waferllm_decode_tpr.csv", "decode", "wse2", 0.1},
                                             {"waferllm_prefill_tpr.csv", "prefill", "wse2", 0.1}};

std::span<const WaferTokens> waferTokens() { return tokenFiles; }

namespace {

/// Shapes of the models that WaferLLM measured: config.json of each, as published by its maker.
const ModelShape measuredModels[] = {{"llama38b", 4096, 14336, 32},
                                     {"llama213b", 5120, 13824, 40},
                                     {"codellama34b", 8192, 22016, 48},
                                     {"qwen272b", 8192, 29568, 80}};
/// Tokens of the prompt, and in the cache during decode: the 4k of WaferLLM's configurations.
constexpr int64_t sequence = 4096;

std::string plainName(std::string_view name) {
  std::string plain;
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return plain;
}

const ModelShape *findModel(std::string_view name, const std::vector<ModelShape> &models) {
  const std::string plain = plainName(name);
  if (const auto given = std::ranges::find(models, plain, &ModelShape::name); given != models.end())
    return &*given;
  const auto *found = std::ranges::find(measuredModels, plain, &ModelShape::name);
  return found == std::end(measuredModels) ? nullptr : found;
}

/// "420x420 WSE-2 cores" -> 420; 0 if it is no square.
uint32_t squareOf(std::string_view text) {
  uint32_t width = 0, height = 0;
  auto [at, failure] = std::from_chars(text.data(), text.data() + text.size(), width);
  const char *end = text.data() + text.size();
  if (failure != std::errc() || at == end || *at != 'x')
    return 0;
  auto [next, wrong] = std::from_chars(at + 1, end, height);
  return wrong == std::errc() && width == height ? width : 0;
}

Request layerRequest(const ModelShape &model, uint32_t cores, bool decode) {
  Request request;
  request.kind = decode ? Kind::DecodeLayer : Kind::PrefillLayer;
  request.width = request.height = cores;
  request.shape = {model.hidden, model.intermediate, sequence};
  if (decode)
    request.settings = algorithms::Settings({{"groups", std::to_string(decodeGroups(cores))}});
  return request;
}

} // namespace

Result<ModelShape> parseModelShape(const std::string &given) {
  const size_t equals = given.find('=');
  if (equals == std::string::npos || equals == 0)
    return userError(fmt::format("--model {}: a name, '=' and a config.json are wanted", given));
  const std::string path = given.substr(equals + 1);
  std::ifstream file(path);
  const auto config = nlohmann::json::parse(file, nullptr, false);
  ModelShape shape{.name = plainName(given.substr(0, equals))};
  for (auto [key, to] : {std::pair("hidden_size", &shape.hidden),
                         {"intermediate_size", &shape.intermediate},
                         {"num_hidden_layers", &shape.layers}}) {
    const auto value = config.is_object() ? config.find(key) : config.end();
    if (value == config.end() || !value->is_number_unsigned() || value->get<uint64_t>() == 0 ||
        value->get<uint64_t>() > 1u << 24)
      return userError(fmt::format("--model {}: {} has no whole number '{}' from 1 to 2^24", given, path, key));
    *to = value->get<int64_t>();
  }
  return shape;
}

uint32_t decodeGroups(uint32_t cores) {
  uint32_t groups = 1;
  for (uint32_t divisor = 2; divisor * divisor <= cores; ++divisor)
    if (cores % divisor == 0)
      groups = divisor;
  return groups;
}

Result<WaferFile> validateTokens(const std::string &path, const WaferTokens &tokens,
                                 const std::vector<ModelShape> &models, const hw::Hardware &hardware, const Tool &tool,
                                 const Progress &progress) {
  auto table = runtime::readCsv(path);
  if (!table)
    return table.takeError();
  WaferFile file{.file = std::string(tokens.file),
                 .hardware = hardware.name,
                 .algorithm = "waferllm",
                 .kind = std::string(tokens.kind),
                 .element = "f16",
                 .unit = "tokens/s",
                 .goal = tokens.goal};
  const bool decode = tokens.kind == "decode";
  for (size_t i = 0; i < table->lines.size(); ++i) {
    if (progress)
      progress(i, table->lines.size());
    if (table->cell(i, "system") != "WaferLLM")
      continue; // peers run other programs
    const std::string_view name = table->cell(i, "model"), mesh = table->cell(i, "hardware");
    const ModelShape *model = findModel(name, models);
    const uint32_t cores = squareOf(mesh);
    const std::string_view cell = table->cell(i, "value");
    double measured = 0;
    auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), measured);
    if (!model || !cores || parsed.ec != std::errc() || !(measured > 0)) {
      file.skipped.push_back(fmt::format("line {}: '{}' on '{}': {}", table->lineNumbers[i], name, mesh,
                                         model ? "no square mesh or no number"
                                               : "its shapes are not known; --model NAME=CONFIG.json gives them"));
      continue;
    }
    auto outcome = runKernel(layerRequest(*model, cores, decode), hardware, tool);
    if (!outcome) {
      file.skipped.push_back(
          fmt::format("line {}: {} on {}: {}", table->lineNumbers[i], name, mesh, outcome.error().message));
      continue;
    }
    const double layers = static_cast<double>(model->layers), produced = decode ? 1 : static_cast<double>(sequence);
    file.rows.push_back({.line = table->lineNumbers[i],
                         .label = fmt::format("{}, P {}", name, cores),
                         .mesh = cores,
                         .largestExtent = *std::ranges::max_element(outcome->facts.tile),
                         .measured = measured,
                         .predicted = produced * hardware.parallelism.clockGhz * 1e9 / (outcome->cycles * layers),
                         .settings = outcome->facts.settings});
  }
  return file;
}

} // namespace weft::tools
