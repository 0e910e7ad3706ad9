#include "compiler/pipeline/Calibrate.h"

#include "compiler/graph/GraphModule.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/ObserveExperts.h"
#include "compiler/pipeline/EmitWeights.h"
#include "compiler/pipeline/Import.h"
#include "compiler/place/Place.h"
#include "runtime/package/Elements.h"
#include "runtime/support/MappedFile.h"
#include "runtime/weights/StoredBlocks.h"

#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace weft::compiler {
namespace {

/// Weights as their types in the graph say, from the files that have them.
class HostWeights {
public:
  static Result<HostWeights> open(const frontend::WeightSource &source) {
    HostWeights weights(source);
    for (const frontend::WeightFileInfo &file : source.files()) {
      auto mapped = runtime::MappedFile::open(file.path);
      if (!mapped)
        return mapped.takeError();
      weights.files.push_back(std::move(*mapped));
    }
    return weights;
  }

  /// Empty: not there, or beyond the end of its file; the interpreter says which weight it misses.
  std::span<const std::byte> bytes(const std::string &name) {
    const frontend::WeightInfo *info = source->find(name);
    if (!info)
      return {};
    uint64_t elements = 1;
    for (uint64_t extent : info->shape)
      elements *= extent;
    if (!info->blocks && !info->apart)
      return runtime::bytesAt(files[info->file].bytes(), info->offset,
                              elements * runtime::elementBytes(elementType(info->type)))
          .value_or(std::span<const std::byte>());
    std::vector<float> &numbers = dequantised[name];
    if (numbers.empty() && elements > 0) {
      std::optional<runtime::BlockedTensor> tensor = blocked(*info, elements);
      if (!tensor)
        return {};
      numbers.resize(elements);
      for (uint64_t i = 0; i < elements; ++i)
        numbers[i] = tensor->at(i);
    }
    return std::as_bytes(std::span(numbers));
  }

private:
  std::optional<runtime::BlockedTensor> blocked(const frontend::WeightInfo &info, uint64_t elements) const {
    const uint64_t length = info.shape.back();
    auto place = [&](const frontend::ApartPlaces::Place &at) {
      return at.bytes.empty() ? runtime::PlaceInFile{files[at.file].bytes(), at.offset}
                              : runtime::PlaceInFile{at.bytes, 0};
    };
    if (info.apart)
      return runtime::apartTensor(info.apart->format, elements / length, length, place({info.file, info.offset}),
                                  place(info.apart->scales), place(info.apart->zeros));
    const runtime::BlockFacts &facts = factsOf(*info.blocks);
    auto stored = runtime::bytesAt(files[info.file].bytes(), info.offset, elements / facts.weights * facts.bytes);
    return stored ? std::optional(runtime::BlockedTensor(*info.blocks, *stored, length)) : std::nullopt;
  }
  explicit HostWeights(const frontend::WeightSource &source) : source(&source) {}

  const frontend::WeightSource *source;
  std::vector<runtime::MappedFile> files;
  std::map<std::string, std::vector<float>> dequantised;
};

Result<size_t> longest(const CalibrateOptions &options, const GeneratorFacts &generator) {
  size_t most = 0;
  for (const std::vector<int32_t> &prompt : options.prompts) {
    if (prompt.empty())
      return userError("a prompt without tokens says nothing about experts");
    if (prompt.size() > generator.maxPositions)
      return userError(fmt::format("a prompt has {} tokens, more than the {} positions that the model was made for",
                                   prompt.size(), generator.maxPositions));
    most = std::max(most, prompt.size());
  }
  if (most == 0)
    return userError("no prompt to calibrate with");
  return most;
}

/// Adds what the tokens of one prompt choose in a layer: `chosen` has a row of experts a token, 1 for those chosen.
void addChoices(const std::vector<float> &chosen, size_t samples, place::ExpertCounts &layer) {
  const size_t experts = layer.counts.size();
  for (size_t token = 0; token * experts < chosen.size(); ++token) {
    std::vector<int> sample;
    for (size_t expert = 0; expert < experts; ++expert)
      // Scores that are no numbers have no order, and more of them may seem to be among the best.
      if (chosen[token * experts + expert] != 0 && static_cast<int64_t>(sample.size()) < layer.topK) {
        ++layer.counts[expert];
        sample.push_back(static_cast<int>(expert));
      }
    if (layer.samples.size() < samples)
      layer.samples.push_back(std::move(sample));
  }
}

} // namespace

Result<place::ExpertLoadFile> calibrate(const CalibrateOptions &options) {
  auto model = importModel({options.model, false, 0, {}});
  if (!model)
    return model.takeError();
  if (!model->generator)
    return userError(fmt::format("{} is a tensor program; calibration is for models that generate text", model->name));
  auto maxSeq = longest(options, *model->generator);
  if (!maxSeq)
    return maxSeq.takeError();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = model->build(context, static_cast<uint32_t>(*maxSeq));
  if (!module)
    return module.takeError();
  place::ExpertLoadFile file;
  file.model = model->name;
  file.prompts = static_cast<int64_t>(options.prompts.size());
  for (const place::ExpertLayer &layer : place::expertLayers(**module))
    file.layers.push_back(
        {layer.name, layer.topK, layer.hidden, layer.inner, std::vector<double>(layer.experts, 0), {}});
  if (file.layers.empty())
    return userError(fmt::format("{} has no layers with experts", model->name));
  const std::string forward = graph::forwardFunction.str();
  const size_t observed = graph::observeExperts(**module, forward);
  auto interpreter = graph::Interpreter::create(**module, forward, observed);
  if (!interpreter)
    return interpreter.takeError();
  auto weights = HostWeights::open(*model->weights);
  if (!weights)
    return weights.takeError();
  for (const std::vector<int32_t> &prompt : options.prompts) {
    std::vector<graph::HostCache> caches = interpreter->freshCaches();
    std::vector<std::vector<float>> chosen;
    auto logits =
        interpreter->run(prompt, 0, [&](const std::string &name) { return weights->bytes(name); }, caches, &chosen);
    if (!logits)
      return logits.takeError();
    for (size_t layer = 0; layer < file.layers.size(); ++layer)
      addChoices(chosen[layer], static_cast<size_t>(options.samples), file.layers[layer]);
    file.tokens += static_cast<int64_t>(prompt.size());
    if (options.progress)
      options.progress(static_cast<double>(&prompt - options.prompts.data() + 1) /
                       static_cast<double>(options.prompts.size()));
  }
  return file;
}

} // namespace weft::compiler
