#include "tools/WaferLayers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

static constexpr WaferTokens tokenFiles[] = {{"waferllm_decode_tpr.csv", "decode"},
                                             {"waferllm_prefill_tpr.csv", "prefill"}};

std::span<const WaferTokens> waferTokens() { return tokenFiles; }

namespace {

/// Shapes of the models in the tables: config.json of each, as published by its maker.
struct ModelShape {
  std::string_view name; // letters and digits, lower case
  int64_t hidden, intermediate, layers;
};
constexpr ModelShape models[] = {{"llama38b", 4096, 14336, 32},
                                 {"llama213b", 5120, 13824, 40},
                                 {"codellama34b", 8192, 22016, 48},
                                 {"qwen272b", 8192, 29568, 80}};
/// Tokens of the prompt, and in the cache during decode: the 4k of WaferLLM's configurations.
constexpr int64_t sequence = 4096;

const ModelShape *findModel(std::string_view name) {
  std::string plain;
  for (char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto *found = std::ranges::find(models, std::string_view(plain), &ModelShape::name);
  return found == std::end(models) ? nullptr : found;
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

uint32_t decodeGroups(uint32_t cores) {
  uint32_t groups = 1;
  for (uint32_t divisor = 2; divisor * divisor <= cores; ++divisor)
    if (cores % divisor == 0)
      groups = divisor;
  return groups;
}

Result<WaferFile> validateTokens(const std::string &path, const WaferTokens &tokens, const hw::Hardware &hardware,
                                 const Tool &tool) {
  auto table = readCsv(path);
  if (!table)
    return table.takeError();
  WaferFile file{.file = std::string(tokens.file),
                 .hardware = hardware.name,
                 .algorithm = "waferllm",
                 .kind = std::string(tokens.kind),
                 .element = "f16",
                 .unit = "tokens/s"};
  const bool decode = tokens.kind == "decode";
  for (size_t i = 0; i < table->lines.size(); ++i) {
    if (table->cell(i, "system") != "WaferLLM")
      continue; // peers run other programs
    const std::string_view name = table->cell(i, "model"), mesh = table->cell(i, "hardware");
    const ModelShape *model = findModel(name);
    const uint32_t cores = squareOf(mesh);
    const std::string_view cell = table->cell(i, "value");
    double measured = 0;
    auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), measured);
    if (!model || !cores || parsed.ec != std::errc() || !(measured > 0)) {
      file.skipped.push_back(fmt::format("line {}: '{}' on '{}': {}", table->lineNumbers[i], name, mesh,
                                         model ? "no square mesh or no number" : "no shapes of this model"));
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
                         .predicted = produced * hardware.parallelism.clockGhz * 1e9 / (outcome->cycles * layers)});
  }
  return file;
}

} // namespace weft::tools
