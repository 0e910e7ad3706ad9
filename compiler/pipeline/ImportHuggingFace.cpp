#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/huggingface/Architectures.h"
#include "compiler/graph/TransformerBuilder.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::compiler {

namespace {

/// Leaves the first layers of the model, if fewer than all are asked for.
Result<void> cutLayers(frontend::hf::Model &model, const ImportOptions &options) {
  if (!options.layers)
    return {};
  if (!options.shapesOnly)
    return userError("--layers leaves weights out, so that the results would be wrong; it goes with --weights none");
  auto &layers = model.config.layers;
  if (options.layers > layers.size())
    return userError(fmt::format("--layers {}: the model {} has {}", options.layers, model.name, layers.size()));
  layers.resize(options.layers);
  return {};
}

} // namespace

Result<Imported> importHuggingFace(const ImportOptions &options) {
  using frontend::hf::ReadWeights;
  auto model = frontend::hf::readModel(options.model, options.shapesOnly ? ReadWeights::Shapes : ReadWeights::Yes);
  if (!model)
    return model.takeError();
  if (auto cut = cutLayers(*model, options); !cut)
    return cut.takeError();
  Imported imported;
  imported.name = model->name;
  imported.architecture = model->architecture;
  const frontend::TransformerConfig &config = model->config;
  if (config.kind == frontend::ModelKind::Generator)
    imported.generator = {config.vocabSize, config.maxPositions, static_cast<uint32_t>(config.layers.size()),
                          config.bosToken, config.eosTokens};
  imported.weights = std::move(model->weights);
  imported.build = [config = std::move(model->config), weights = imported.weights.get(),
                    dims = options.dims](MLIRContext &context, uint32_t maxSeq) {
    return graph::buildTransformer(context, config, maxSeq, *weights, dims);
  };
  return imported;
}

} // namespace weft::compiler
