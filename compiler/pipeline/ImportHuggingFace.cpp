#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/huggingface/Architectures.h"
#include "compiler/graph/LlamaBuilder.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::compiler {

namespace {

// One pair of these an architecture (docs/adding.md).
GeneratorFacts factsOf(const frontend::LlamaConfig &config) {
  return {config.vocabSize, config.maxPositions, config.layers, config.bosToken, config.eosTokens};
}
Result<OwningOpRef<ModuleOp>> buildGraph(MLIRContext &context, const frontend::LlamaConfig &config, uint32_t maxSeq,
                                         const frontend::WeightSource &weights) {
  return graph::buildLlama(context, config, maxSeq, weights);
}

/// Leaves the first layers of the model, if fewer than all are asked for.
Result<void> cutLayers(frontend::hf::Model &model, const ImportOptions &options) {
  if (!options.layers)
    return {};
  if (!options.shapesOnly)
    return userError("--layers leaves weights out, so that the results would be wrong; it goes with --weights none");
  const uint32_t all = std::visit([](const auto &config) { return config.layers; }, model.config);
  if (options.layers > all)
    return userError(fmt::format("--layers {}: the model {} has {}", options.layers, model.name, all));
  std::visit([&](auto &config) { config.layers = options.layers; }, model.config);
  return {};
}

} // namespace

Result<Imported> importHuggingFace(const ImportOptions &options) {
  using frontend::hf::ReadWeights;
  if (!options.dims.empty())
    return userError(fmt::format("--dim {}: {} has no symbolic dimensions; a text generator's longest sequence is "
                                 "--max-seq",
                                 options.dims.begin()->first, options.model));
  auto model = frontend::hf::readModel(options.model, options.shapesOnly ? ReadWeights::Shapes : ReadWeights::Yes);
  if (!model)
    return model.takeError();
  if (auto cut = cutLayers(*model, options); !cut)
    return cut.takeError();
  Imported imported;
  imported.name = model->name;
  imported.architecture = model->architecture;
  imported.generator = std::visit([](const auto &config) { return factsOf(config); }, model->config);
  imported.weights = std::move(model->weights);
  imported.build = [config = std::move(model->config), weights = imported.weights.get()](MLIRContext &context,
                                                                                         uint32_t maxSeq) {
    return std::visit([&](const auto &known) { return buildGraph(context, known, maxSeq, *weights); }, config);
  };
  return imported;
}

} // namespace weft::compiler
