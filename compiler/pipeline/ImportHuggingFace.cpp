#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/huggingface/Architectures.h"

#include <fmt/format.h>

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
    return userError(fmt::format("--layers {}: '{}' has {}", options.layers, model.name, layers.size()));
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
  takeTransformer(imported, std::move(model->config), std::move(model->weights), options.dims);
  return imported;
}

} // namespace weft::compiler
