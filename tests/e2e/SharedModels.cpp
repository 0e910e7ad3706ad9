#include "tests/e2e/SharedModels.h"

#include "runtime/TensorProgram.h"
#include "tools/LoadedEngine.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>

namespace weft::test {

namespace fs = std::filesystem;

namespace {

std::vector<float> asFloats(const std::vector<double> &values) { return {values.begin(), values.end()}; }

/// A reference of a text generator: what was fed, the logits after some of the tokens, and the ids that follow.
struct TextReference {
  std::vector<int32_t> prompt, greedy;
  std::map<size_t, std::vector<float>> logits; // after so many tokens of prompt and greedy ids
};

std::vector<TextReference> textReferences(const std::string &model) {
  const std::string folder = sharedModels + model;
  std::vector<TextReference> references;
  if (model == "bard-1m") {
    std::ifstream file(folder + "/reference.json");
    const nlohmann::json json = nlohmann::json::parse(file);
    for (const auto &entry : json.at("references")) {
      TextReference reference{entry.at("prompt_ids"), entry.at("greedy_ids"), {}};
      reference.logits[reference.prompt.size()] = entry.at("last_logits").get<std::vector<float>>();
      references.push_back(std::move(reference));
    }
  } else if (model == "stories260k") {
    const std::vector<int32_t> ids = toIds(loadNumpy(folder + "/reference/p1_once.tokens.npy"));
    const std::vector<float> logits = asFloats(loadNumpy(folder + "/reference/p1_once.logits.npy"));
    const size_t vocabulary = logits.size() / ids.size();
    // The prompt: as short as may be, so that all ids after it are those that the logits choose.
    size_t prompt = ids.size();
    while (prompt > 1 && argmax(std::span(logits).subspan((prompt - 2) * vocabulary, vocabulary)) == ids[prompt - 1])
      --prompt;
    const size_t count = std::min<size_t>(24, ids.size() - prompt);
    TextReference reference;
    reference.prompt.assign(ids.begin(), ids.begin() + ptrdiff_t(prompt));
    reference.greedy.assign(ids.begin() + ptrdiff_t(prompt), ids.begin() + ptrdiff_t(prompt + count));
    for (size_t known = prompt; known < prompt + count; ++known)
      reference.logits[known].assign(logits.begin() + ptrdiff_t((known - 1) * vocabulary),
                                     logits.begin() + ptrdiff_t(known * vocabulary));
    references.push_back(std::move(reference));
  } else {
    const std::string npz = folder + "/reference.npz";
    TextReference reference{toIds(loadNumpy(npz, "input_ids")), toIds(loadNumpy(npz, "greedy_ids")), {}};
    const std::vector<float> output = asFloats(loadNumpy(npz, "output"));
    const size_t vocabulary = output.size() / reference.prompt.size();
    for (size_t known = 1; known <= reference.prompt.size(); ++known)
      reference.logits[known].assign(output.begin() + ptrdiff_t((known - 1) * vocabulary),
                                     output.begin() + ptrdiff_t(known * vocabulary));
    references.push_back(std::move(reference));
  }
  return references;
}

/// Every logit the reference has: rows of the prompt decoded one by one, the last one out of a prefill too.
void runText(SharedRun &run, const std::string &path) {
  std::vector<TextReference> references = textReferences(run.what.model);
  size_t longest = 0;
  for (const TextReference &reference : references)
    longest = std::max(longest, reference.prompt.size() + reference.greedy.size());
  Runner runner({.model = path, .mesh = run.mesh, .maxSeq = uint32_t(longest)});
  for (const TextReference &reference : references) {
    auto compare = [&](size_t known, const std::vector<float> &logits) {
      auto expected = reference.logits.find(known);
      if (expected == reference.logits.end())
        return;
      run.fromReference.widen(distanceOf(logits, expected->second));
      run.output.insert(run.output.end(), logits.begin(), logits.end());
    };
    if (reference.logits.begin()->first < reference.prompt.size()) {
      compare(1, runner.prefill(std::span(reference.prompt).first(1)));
      for (size_t known = 2; known <= reference.prompt.size(); ++known)
        compare(known, runner.decode(reference.prompt[known - 1]));
    }
    auto onLogits = [&](size_t i, const std::vector<float> &logits) { compare(reference.prompt.size() + i, logits); };
    run.idsAgree &= runner.greedy(reference.prompt, reference.greedy.size(), onLogits) == reference.greedy;
    run.greedyIds += reference.greedy.size();
  }
}

runtime::NamedArrays inputsOf(const std::string &npz, const pkg::ProgramT &program) {
  runtime::NamedArrays inputs;
  for (const auto &input : program.inputs)
    for (const char *name : {"input_ids", "pixel_values"})
      if (input->name == name) {
        const std::vector<double> values = loadNumpy(npz, name);
        const std::vector<uint64_t> &shape = input->tensor->shape;
        inputs.emplace_back(name, name == std::string("input_ids")
                                      ? runtime::NpyArray::of<int64_t>(shape, {values.begin(), values.end()})
                                      : runtime::NpyArray::of<float>(shape, asFloats(values)));
      }
  return inputs;
}

/// The first output of a tensor program, and the id that its last row chooses if the model is one for text.
void runTensors(SharedRun &run, const std::string &path) {
  const std::string npz = sharedModels + run.what.model + "/reference.npz";
  compiler::CompileOptions options;
  options.model = path;
  options.hardware = take(hw::load("rvv-lab", {}));
  options.meshWidth = run.mesh.width;
  options.meshHeight = run.mesh.height;
  if (fs::is_directory(path) && run.what.model == "bert")
    options.dims["seq"] = int64_t(loadNumpy(npz, "input_ids").size());
  auto package = take(compiler::compile(options)).package;
  tools::DeviceOptions deviceOptions;
  deviceOptions.costCache = "none";
  auto device = take(tools::makeLoadedEngine(*package, deviceOptions));
  const auto &program = *package->programs.at(0);
  runtime::Launch launch{program.name, 1, take(runtime::tensorInputs(program, inputsOf(npz, program)))};
  const runtime::NamedArrays results = take(runtime::tensorOutputs(program, take(device->run(launch))));
  run.output = results.front().second.values<float>();
  const std::vector<float> expected = asFloats(loadNumpy(npz, "output"));
  run.fromReference = distanceOf(run.output, expected);
  if (fs::exists(sharedModels + run.what.model + "/generation_config.json")) {
    const size_t rows = loadNumpy(npz, "input_ids").size();
    run.idsAgree =
        argmax(std::span(run.output).last(run.output.size() / rows)) == toIds(loadNumpy(npz, "greedy_ids")).front();
    run.greedyIds = 1;
  }
}

/// What a GGUF file with matrices of 16 bits computes, by the way of safetensors: the same matrices rounded likewise.
Distance fromRounded(const SharedRun &run, frontend::WeightType type) {
  const TestModel model = loadModel(sharedModels + run.what.model);
  TestModel rounded = withWeightsAs(model, type);
  for (auto &[name, weight] : rounded.weights)
    if (weight.info.shape.size() < 2)
      weight = model.weights.at(name);
  TemporaryFolder folder;
  writeModel(rounded, folder.path("rounded"));
  SharedRun other{.what = run.what, .mesh = run.mesh};
  runText(other, folder.path("rounded"));
  return distanceOf(run.output, other.output);
}

} // namespace

void Distance::widen(const Distance &other) {
  relative = std::max(relative, other.relative);
  ofLargest = std::max(ofLargest, other.ofLargest);
}

Distance distanceOf(std::span<const float> actual, std::span<const float> expected) {
  REQUIRE(actual.size() == expected.size());
  double largest = 0;
  for (float value : expected)
    largest = std::max(largest, std::abs(double(value)));
  REQUIRE(largest > 0);
  Distance distance;
  for (size_t i = 0; i < actual.size(); ++i) {
    double error = std::abs(double(actual[i]) - double(expected[i]));
    if (std::isnan(error))
      error = HUGE_VAL;
    distance.widen({error / std::max(std::abs(double(expected[i])), 1e-3 * largest), error / largest});
  }
  return distance;
}

std::vector<SharedModel> sharedModelsInAllFormats() {
  std::vector<SharedModel> models;
  for (const char *name : {"bard-1m", "stories260k", "llama", "qwen2", "gpt2", "mixtral", "bert", "vit"}) {
    const std::string folder = sharedModels + name;
    if (fs::exists(folder + "/model.safetensors"))
      models.push_back({name, "safetensors", folder});
    if (fs::exists(folder + "/model.onnx"))
      models.push_back({name, "ONNX", folder + "/model.onnx"});
  }
  for (const char *type : {"f32", "F16", "BF16"})
    if (const std::string path = sharedModels + "gguf/stories260K." + type + ".gguf"; fs::exists(path))
      models.push_back({"stories260k", std::string("GGUF ") + type, path});
  return models;
}

void SharedModelRuns::run(const SharedModel &model, MeshSize mesh) {
  CAPTURE(model.model, model.format, nameOf(mesh));
  const auto start = std::chrono::steady_clock::now();
  SharedRun run{.what = model, .mesh = mesh};
  const bool isText = model.format != "ONNX" && model.model != "bert" && model.model != "vit";
  isText ? runText(run, model.path) : runTensors(run, model.path);
  if (model.format == "GGUF F16" || model.format == "GGUF BF16")
    run.fromSafetensors =
        fromRounded(run, model.format == "GGUF F16" ? frontend::WeightType::F16 : frontend::WeightType::BF16);
  for (const SharedRun &earlier : runs)
    if (!run.fromSafetensors && earlier.what.model == model.model && earlier.what.format == "safetensors" &&
        earlier.mesh.width == mesh.width && earlier.mesh.height == mesh.height)
      run.fromSafetensors =
          distanceOf(run.output, std::span(earlier.output).first(std::min(earlier.output.size(), run.output.size())));
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  runs.push_back(std::move(run));
}

void SharedModelRuns::print() const {
  fmt::print("relative: largest |difference| / max(|expected|, 1e-3 of the largest expected)\n"
             "{:<12} {:<12} {:<5} {:>10} {:>11} {:>17} {:>12} {:>6}\n",
             "model", "format", "mesh", "relative", "of largest", "from safetensors", "greedy ids", "s");
  for (const SharedRun &run : runs)
    fmt::print("{:<12} {:<12} {:<5} {:>10.1e} {:>11.1e} {:>17} {:>12} {:>6.1f}\n", run.what.model, run.what.format,
               nameOf(run.mesh), run.fromReference.relative, run.fromReference.ofLargest,
               run.fromSafetensors ? fmt::format("{:.1e}", run.fromSafetensors->relative) : "-",
               run.greedyIds ? fmt::format("{} {}", run.greedyIds, run.idsAgree ? "equal" : "DIFFER") : "-",
               run.seconds);
}

} // namespace weft::test
