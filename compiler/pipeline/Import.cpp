#include "compiler/pipeline/ImportFormats.h"

#include "compiler/graph/TransformerBuilder.h"

#include <fmt/format.h>

namespace weft::compiler {

namespace {

/// A format of model files. The first bytes of a file decide, its name only where they say nothing; the last format
/// takes what no other one claims: directories and config files.
struct Format {
  bool (*claims)(const ImportOptions &options);
  Result<Imported> (*import)(const ImportOptions &options);
};

bool claimsAnything(const ImportOptions &) { return true; }

constexpr Format formats[] = {
    {claimsGguf, importGguf}, {claimsOnnx, importOnnx}, {claimsMlir, importMlir}, {claimsAnything, importHuggingFace}};

} // namespace

void takeTransformer(Imported &imported, frontend::TransformerConfig config,
                     std::unique_ptr<frontend::WeightSource> weights, const std::map<std::string, int64_t> &dims) {
  if (config.kind == frontend::ModelKind::Generator)
    imported.generator = {config.vocabSize, config.maxPositions, static_cast<uint32_t>(config.layers.size()),
                          config.bosToken, config.eosTokens};
  imported.weights = std::move(weights);
  imported.build = [config = std::move(config), source = imported.weights.get(), dims](mlir::MLIRContext &context,
                                                                                       uint32_t maxSeq) {
    return graph::buildTransformer(context, config, maxSeq, *source, dims);
  };
}

Result<Imported> importModel(const ImportOptions &options) {
  for (const Format &format : formats) {
    if (!format.claims(options))
      continue;
    Result<Imported> imported = format.import(options);
    if (imported && options.as != ImportAs::Auto && (options.as == ImportAs::Text) != imported->generator.has_value())
      return userError(fmt::format("--as {}: {} is a {}, and can be nothing else",
                                   options.as == ImportAs::Text ? "text" : "tensors", options.model,
                                   imported->generator ? "text generator" : "tensor program"));
    return imported;
  }
  return internalError("no format claims " + options.model);
}

} // namespace weft::compiler
