#include "tools/Tool.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <charconv>

namespace weft::tools {

void addCompileArguments(CLI::App &command, CompileArguments &arguments) {
  command
      .add_option("--hw", arguments.hardware,
                  fmt::format("Hardware: a preset's name or a YAML file (default: {})", defaultHardware))
      ->type_name("PRESET|FILE");
  command.add_option("--mesh", arguments.mesh, "Cores to use, e.g. 16x16 (default: all of the hardware's)")
      ->type_name("WxH");
  command.add_option("--max-seq,--seq", arguments.maxSeq, "Tokens that the cache holds, prompt and new ones together")
      ->type_name("N")
      ->check(CLI::Range(1u, 2147483647u).description(""));
  command.add_option("--dtype", arguments.dtype, "Type of the weights in SRAM (default: as stored)")
      ->type_name("f32|f16|bf16|i8")
      ->check(CLI::IsMember({"f32", "f16", "bf16", "i8"}).description(""));
  command.add_option("--gemm", arguments.gemm, "GEMM algorithm; auto takes the one with fewer predicted cycles")
      ->check(CLI::IsMember({"auto", "meshgemm", "cannon"}).description(""))
      ->type_name("auto|meshgemm|cannon");
  command
      .add_option(
          "--place", arguments.place,
          "How a text generator's ops are placed: as the layers they are (whole), one by one as those of tensor "
          "programs (general), or so only where the first has no lowering (auto)")
      ->check(CLI::IsMember({"auto", "whole", "general"}).description(""))
      ->type_name("auto|whole|general");
  command
      .add_option("--reduce", arguments.reduce,
                  "Who adds up what cores send each other: cores, or routers where routing.reduce_stage is not 0; auto "
                  "takes what has fewer predicted cycles")
      ->check(CLI::IsMember({"auto", "core", "router"}).description(""))
      ->type_name("auto|core|router");
  command
      .add_option("--experts", arguments.experts,
                  "Where experts lie: each on all cores, computed for every token (dense), or on regions of the mesh "
                  "that tokens are routed to (routed); auto takes what has fewer predicted cycles")
      ->check(CLI::IsMember({"auto", "dense", "routed"}).description(""))
      ->type_name("auto|dense|routed");
  command
      .add_option("--expert-load", arguments.expertLoad,
                  "How often experts are chosen, as weft calibrate writes it (docs/experts.md; default: all alike)")
      ->type_name("FILE");
  command
      .add_option("--weights", arguments.weights,
                  "none: shapes without values, for --timing-only; a config.json is then enough of a model")
      ->check(CLI::IsMember({"none"}).description(""))
      ->type_name("none");
  command.add_option("--phase", arguments.phase, "Only this program (default: both)")
      ->check(CLI::IsMember({"prefill", "decode"}).description(""))
      ->type_name("prefill|decode");
  command.add_option("--layers", arguments.layers, "With --weights none: only the first N layers of the model")
      ->type_name("N")
      ->check(CLI::Range(1u, 65535u).description(""));
  command
      .add_option("--tune-db", arguments.tuneDb,
                  "What weft tune found for kernels of these cores, or none (default: what is shipped for presets)")
      ->type_name("FILE|none");
  command
      .add_option("--dim", arguments.dims,
                  "Bind symbolic dimensions of the model, e.g. batch=1,seq=12 (models that generate text have none)")
      ->type_name("NAME=N,…")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .add_option("--as", arguments.as,
                  "What an ONNX graph becomes: a text generator, with a cache and without sizes to bind, or a tensor "
                  "program; auto takes the first for decoders with caches or without a fixed length")
      ->check(CLI::IsMember({"auto", "text", "tensors"}).description(""))
      ->type_name("auto|text|tensors");
  command.add_option("--set", arguments.settings, "Replace a value of the hardware, e.g. memory.sram_kib=512")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

std::vector<std::string> CompileArguments::given() const {
  const std::pair<const char *, bool> options[] = {
      {"--hw", !hardware.empty()},     {"--mesh", !mesh.empty()},
      {"--max-seq", bool(maxSeq)},     {"--dtype", !dtype.empty()},
      {"--gemm", !gemm.empty()},       {"--place", !place.empty()},
      {"--reduce", !reduce.empty()},   {"--experts", !experts.empty()},
      {"--weights", !weights.empty()}, {"--expert-load", !expertLoad.empty()},
      {"--phase", !phase.empty()},     {"--layers", bool(layers)},
      {"--tune-db", !tuneDb.empty()},  {"--dim", !dims.empty()},
      {"--as", !as.empty()},           {"--set", !settings.empty()},
  };
  std::vector<std::string> names;
  for (auto [name, isGiven] : options)
    if (isGiven)
      names.emplace_back(name);
  return names;
}

void addCostCacheOption(CLI::App &command, std::string &costCache) {
  command
      .add_option(
          "--cost-cache", costCache,
          "Where measured costs of kernels are kept, or none (default: weft/kernel-costs.db in the user's cache)")
      ->type_name("FILE|none")
      ->envname("WEFT_COST_CACHE");
}

Result<std::vector<int32_t>> parseTokens(std::string_view text) {
  std::vector<int32_t> tokens;
  for (;;) {
    const std::string_view item = text.substr(0, text.find(','));
    int32_t token;
    auto [end, failure] = std::from_chars(item.data(), item.data() + item.size(), token);
    if (failure != std::errc() || end != item.data() + item.size())
      return Error{fmt::format("--tokens: '{}' is not a token id; write ids with commas, e.g. 1,2,3", item),
                   Fault::Usage};
    tokens.push_back(token);
    if (item.size() == text.size())
      return tokens;
    text.remove_prefix(item.size() + 1);
  }
}

Result<MeshSize> parseMesh(const std::string &text, const char *option) {
  MeshSize mesh;
  const size_t times = text.find('x');
  auto number = [&](size_t from, size_t to, uint32_t &value) {
    auto [end, failure] = std::from_chars(text.data() + from, text.data() + to, value);
    return failure == std::errc() && end == text.data() + to && value >= 1 && value <= 65535;
  };
  if (times == std::string::npos || !number(0, times, mesh.width) || !number(times + 1, text.size(), mesh.height))
    return Error{fmt::format("{}: '{}' is not WIDTHxHEIGHT with both within 1 to 65535, e.g. 16x16", option, text),
                 Fault::Usage};
  return mesh;
}

static std::string_view trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  return from == std::string_view::npos ? "" : text.substr(from, text.find_last_not_of(" \t") + 1 - from);
}

/// "seq=12" -> {seq, 12}, also with spaces around both. Sizes are not negative.
static Result<std::map<std::string, int64_t>> parseDims(const std::vector<std::string> &texts) {
  std::map<std::string, int64_t> dims;
  for (const std::string &text : texts) {
    const size_t equals = text.find('=');
    const std::string name(trimmed(std::string_view(text).substr(0, equals)));
    const std::string_view number =
        equals == std::string::npos ? "" : trimmed(std::string_view(text).substr(equals + 1));
    int64_t size = 0;
    const char *begin = number.data(), *end = begin + number.size();
    auto [stopped, failure] = std::from_chars(begin, end, size);
    if (name.empty() || begin == end || failure != std::errc() || stopped != end || size < 0 || size > 2147483647)
      return Error{fmt::format("--dim: '{}' is not NAME=N with N within 0 to 2147483647, e.g. seq=12", text),
                   Fault::Usage};
    if (auto [known, inserted] = dims.emplace(name, size); !inserted && known->second != size)
      return Error{fmt::format("--dim: {} is both {} and {}", name, known->second, size), Fault::Usage};
  }
  return dims;
}

Result<CompileOptions> toCompileOptions(const std::string &model, const CompileArguments &arguments) {
  CompileOptions options{.model = model,
                         .hardware = arguments.hardware.empty() ? defaultHardware : arguments.hardware,
                         .maxSeq = arguments.maxSeq,
                         .dtype = arguments.dtype,
                         .gemm = arguments.gemm,
                         .place = arguments.place,
                         .reduce = arguments.reduce,
                         .experts = arguments.experts,
                         .expertLoad = arguments.expertLoad,
                         .shapesOnly = arguments.weights == "none",
                         .phase = arguments.phase,
                         .layers = arguments.layers,
                         .tuneDb = arguments.tuneDb,
                         .as = arguments.as};
  if (!arguments.mesh.empty()) {
    Result<MeshSize> mesh = parseMesh(arguments.mesh);
    if (!mesh)
      return mesh.takeError();
    options.mesh = *mesh;
  }
  Result<std::vector<hw::Override>> overrides = hw::parseOverrides(arguments.settings);
  if (!overrides)
    return overrides.takeError();
  options.overrides = std::move(*overrides);
  Result<std::map<std::string, int64_t>> dims = parseDims(arguments.dims);
  if (!dims)
    return dims.takeError();
  options.dims = std::move(*dims);
  return options;
}

} // namespace weft::tools
