#include "compiler/pipeline/ImportFormats.h"

#include "compiler/frontend/huggingface/ConfigReader.h"
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/generate/Generator.h"
#include "compiler/frontend/onnx/graph/CodedMatrix.h"
#include "compiler/frontend/onnx/graph/Dims.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "runtime/support/Json.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iterator>

using namespace mlir;

namespace weft::compiler {

namespace hf = frontend::hf;
namespace onnx = frontend::onnx;
namespace fs = std::filesystem;

namespace {

/// The names of a folder's ONNX files, in order.
std::vector<std::string> modelsIn(const fs::path &folder) {
  std::error_code ignored;
  std::vector<std::string> found;
  for (const auto &entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".onnx")
      found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

/// The file that a folder's genai_config.json says is the model; empty: it says none.
std::string namedByGenAi(const fs::path &folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / "genai_config.json", ignored))
    return "";
  auto config = runtime::readJsonFile((folder / "genai_config.json").string(), 1 << 20);
  const nlohmann::json::json_pointer place("/model/decoder/filename");
  if (!config || !config->contains(place) || !config->at(place).is_string())
    return "";
  return config->at(place).get<std::string>();
}

/// The model in a folder: the one that genai_config.json names, else what exporters call it, else the only file. Of a
/// decoder in two files the one without caches, since the mesh has its own. Empty: none.
std::string modelIn(const fs::path &folder) {
  std::error_code ignored;
  if (const std::string named = namedByGenAi(folder);
      onnx::staysBelow(named) && fs::is_regular_file(folder / named, ignored))
    return (folder / named).string();
  for (const char *name : {"model.onnx", "decoder_model_merged.onnx", "decoder_model.onnx"})
    for (const fs::path &inner : {folder, folder / "onnx"}) // a decoder behind an encoder is no model alone
      if (fs::is_regular_file(inner / name, ignored) && !fs::exists(inner / "encoder_model.onnx", ignored))
        return (inner / name).string();
  const std::vector<std::string> found = modelsIn(folder);
  return found.size() == 1 ? (folder / found[0]).string() : "";
}

bool hasSafetensors(const fs::path &folder) {
  std::error_code ignored;
  for (const auto &entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".safetensors")
      return true;
  return false;
}

/// What the files beside a graph say that the graph does not.
struct Beside {
  std::vector<int32_t> bos, eos;
  std::optional<int64_t> positions, window;
};

/// Reads one object of one file. Errors are kept in `keys`.
Beside readKeys(hf::ConfigReader &keys) {
  constexpr uint32_t most = INT32_MAX;
  Beside beside{keys.tokens("bos_token_id", most), keys.tokens("eos_token_id", most), {}, {}};
  if (beside.bos.size() > 1)
    keys.complain("bos_token_id", "must be one token id");
  for (const char *key : {"max_position_embeddings", "n_positions", "context_length"})
    if (std::optional<uint32_t> count = keys.count(key, 1, most); count && !beside.positions)
      beside.positions = *count;
  if (keys.flag("use_sliding_window", true))
    if (std::optional<uint32_t> window = keys.count("sliding_window", 0, most))
      beside.window = *window;
  return beside;
}

/// What one file says: of a genai_config.json also what it says of the model.
Result<std::vector<Beside>> readBeside(const std::string &path) {
  auto json = runtime::readJsonFile(path, 1 << 20);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return userError(fmt::format("{}: it must be a JSON object, not {}", path, json->type_name()));
  hf::ConfigReader keys(*json, path);
  std::vector<Beside> said = {readKeys(keys)};
  const bool isGenAi = fs::path(path).filename() == "genai_config.json";
  if (const nlohmann::json *model = isGenAi ? keys.object("model") : nullptr) {
    hf::ConfigReader inner(*model, path, "model.");
    said.push_back(readKeys(inner));
    if (inner.failure())
      keys.adopt(*inner.failure());
  }
  if (keys.failure())
    return *keys.failure();
  return said;
}

/// What the files beside a graph say, those that count most first. Errors name the file: it is no fault of the graph.
Result<std::vector<Beside>> filesBeside(const std::string &model) {
  std::vector<Beside> all;
  const fs::path own = fs::path(model).parent_path();
  std::vector<fs::path> folders = {own};
  if (own.filename() == "onnx") // the folder above counts for a model in "onnx/" alone
    folders.push_back(own.parent_path());
  for (const fs::path &folder : folders)
    for (const char *name : {"generation_config.json", "genai_config.json", "config.json"}) {
      std::error_code ignored;
      const std::string path = (folder / name).string();
      if (!fs::is_regular_file(path, ignored))
        continue;
      auto said = readBeside(path);
      if (!said)
        return userError(fmt::format("{}; the text that {} generates depends on that file: mend it, or compile the "
                                     "graph with --as tensors, which leaves the file aside",
                                     said.error().message, fs::path(model).filename().string()));
      all.insert(all.end(), said->begin(), said->end());
    }
  return all;
}

/// What counts of all of them. Tokens beyond the vocabulary are defaults of a larger one, which no text has.
Beside combine(const std::vector<Beside> &files, uint32_t vocabSize) {
  Beside beside;
  auto take = [&](const std::vector<int32_t> &from, std::vector<int32_t> &to) {
    if (to.empty())
      std::copy_if(from.begin(), from.end(), std::back_inserter(to),
                   [&](int32_t id) { return static_cast<uint32_t>(id) < vocabSize; });
  };
  for (const Beside &file : files) {
    take(file.bos, beside.bos);
    take(file.eos, beside.eos);
    if (!beside.positions)
      beside.positions = file.positions;
    if (!beside.window)
      beside.window = file.window;
  }
  return beside;
}

/// Tokens that a sequence may have.
uint32_t positionsOf(const onnx::Generator &generator, const Beside &beside) {
  constexpr int64_t unlimited = 1 << 17;
  int64_t positions = std::min(generator.positions, beside.positions.value_or(unlimited));
  if (generator.fixedTokens && generator.inputs.caches.empty() && !beside.positions)
    positions = std::min(positions, generator.firstTokens);
  if (generator.inputs.past)
    positions = std::min(positions, *generator.inputs.past + generator.firstTokens);
  // A window that a short launch does not show must not begin to hide tokens.
  const bool showsWindow = std::any_of(generator.first.windows.begin(), generator.first.windows.end(),
                                       [](int64_t window) { return window != 0; });
  if (beside.window && *beside.window > 0 && !showsWindow && generator.inputs.caches.empty())
    positions = std::min(positions, std::max(*beside.window, generator.firstTokens));
  return static_cast<uint32_t>(std::clamp<int64_t>(positions, 1, unlimited));
}

Result<Imported> importText(const ImportOptions &options, const std::string &path,
                            const std::vector<Beside> &filesBeside) {
  if (!options.dims.empty())
    return userError(fmt::format("--dim {}: a text generator's longest sequence is --max-seq, and it has no other "
                                 "sizes to bind",
                                 options.dims.begin()->first));
  // Every weight by name, however small.
  Result<onnx::Model> read = onnx::readModel(path, 0);
  if (!read)
    return read.takeError();
  auto model = std::make_shared<const onnx::Model>(std::move(*read));
  const std::string name = fs::is_directory(options.model) ? fs::weakly_canonical(options.model).filename().string()
                                                           : fs::path(path).stem().string();
  Result<onnx::Generator> found = onnx::findGenerator(model, name);
  if (!found)
    return found.takeError();
  const Beside beside = combine(filesBeside, found->first.vocabSize);
  auto generator = std::make_shared<const onnx::Generator>(std::move(*found));
  Imported imported;
  imported.name = name;
  imported.architecture = "ONNX" + (model->producer.empty() ? "" : " of " + model->producer);
  imported.generator =
      GeneratorFacts{generator->first.vocabSize, positionsOf(*generator, beside), generator->first.layers,
                     beside.bos.empty() ? -1 : beside.bos.front(), beside.eos};
  imported.fromGraph = true;
  imported.roundedProducts = onnx::roundedProducts(generator->model->graph);
  imported.weights = onnx::weightsOf(*generator->model); // of a merged model the branch that was taken
  imported.build = [generator](MLIRContext &context, uint32_t maxSeq) {
    return onnx::buildGenerator(context, *generator, maxSeq);
  };
  return imported;
}

/// Why a graph is not looked at as a text generator unless --as asks for that. Empty: it is, since it has caches or a
/// length that nobody has given.
std::string whyTensors(const onnx::Model &model, const ImportOptions &options) {
  if (options.as == ImportAs::Tensors)
    return "--as tensors asks for tensors";
  Result<onnx::GeneratorInputs> inputs = onnx::generatorInputs(model);
  if (!inputs)
    return inputs.error().message;
  if (!options.dims.empty())
    return "--dim asks for tensors; with --as text and without --dim it is looked at as a text generator";
  if (inputs->caches.empty() && inputs->tokens)
    return fmt::format("it has no caches and was exported for {} tokens; --as text takes more tokens to go on as these "
                       "begin",
                       *inputs->tokens);
  return "";
}

/// Whether someone who exported it most likely wanted text of it.
bool looksLikeText(const onnx::Model &model) {
  return std::any_of(model.graph.inputs.begin(), model.graph.inputs.end(), [](const onnx::ValueInfo &input) {
    return input.name.starts_with("input_ids") || input.name.starts_with("past");
  });
}

Result<std::string> chooseFile(const ImportOptions &options) {
  if (!fs::is_directory(options.model))
    return options.model;
  std::error_code ignored;
  if (const std::string named = namedByGenAi(options.model); !named.empty()) {
    const std::string says = fmt::format("{}: '{}', which genai_config.json there names as the model,", options.model,
                                         runtime::printable(named));
    if (!onnx::staysBelow(named))
      return userError(fmt::format("{} lies outside that folder; it must lie below it", says));
    if (!fs::is_regular_file(fs::path(options.model) / named, ignored))
      return userError(fmt::format("{} is not there", says));
  }
  if (std::string path = modelIn(options.model); !path.empty())
    return path;
  if (modelsIn(options.model).empty())
    return userError(
        fmt::format("{}: genai_config.json is there, but names no model, and there is no ONNX file", options.model));
  return userError(fmt::format("{} has several ONNX files and none that says it is the model; name one of them: {}",
                               options.model, fmt::join(modelsIn(options.model), ", ")));
}

Result<Imported> importTensors(const ImportOptions &options, const std::shared_ptr<const onnx::Model> &model,
                               const std::string &noText) {
  const onnx::GraphOptions graphOptions{options.dims};
  if (Result<void> checked = onnx::checkDims(*model, options.dims); !checked)
    return checked.takeError();
  Imported imported;
  imported.name = fs::path(model->path).stem().string();
  imported.architecture = "ONNX" + (model->producer.empty() ? "" : " of " + model->producer);
  imported.weights = onnx::weightsOf(*model);
  imported.fromGraph = true;
  imported.noText = noText;
  imported.build = [model, graphOptions](MLIRContext &context, uint32_t) {
    return onnx::buildGraph(context, *model, graphOptions);
  };
  return imported;
}

} // namespace

bool claimsOnnx(const ImportOptions &options) {
  const std::string &path = options.model;
  if (options.shapesOnly && fs::is_directory(path) && fs::exists(fs::path(path) / "config.json"))
    return false;
  if (fs::is_directory(path))
    return !hasSafetensors(path) &&
           (!modelIn(path).empty() || !modelsIn(path).empty() || fs::exists(fs::path(path) / "genai_config.json"));
  if (!fs::is_regular_file(path))
    return false;
  if (fs::path(path).extension() == ".onnx")
    return true;
  // Protobuf has no magic number. Field 1, the IR version, is a small number; then a field with a length follows.
  std::array<char, 3> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  return begin[0] == 0x08 && begin[1] > 0 && begin[1] < 32 && (begin[2] & 7) == 2;
}

Result<Imported> importOnnx(const ImportOptions &options) {
  if (options.layers)
    return userError(fmt::format("--layers: {} is a graph of ops, which has no layers to leave out", options.model));
  Result<std::string> path = chooseFile(options);
  if (!path)
    return path.takeError();
  if (options.as == ImportAs::Text) {
    auto beside = filesBeside(*path);
    if (!beside)
      return beside.takeError();
    auto text = importText(options, *path, *beside);
    return text ? std::move(text)
                : Result<Imported>(
                      Error{fmt::format("{}: no text can be generated: {}", *path, onnx::reasonOf(text.error(), *path)),
                            text.error().fault});
  }
  Result<onnx::Model> read = onnx::readModel(*path);
  if (!read)
    return read.takeError();
  auto model = std::make_shared<const onnx::Model>(std::move(*read));
  std::string noText = whyTensors(*model, options);
  bool wanted = looksLikeText(*model);
  if (noText.empty()) {
    auto beside = filesBeside(*path);
    if (!beside)
      return beside.takeError();
    auto text = importText(options, *path, *beside);
    if (text || text.error().fault != Fault::User)
      return text;
    noText = onnx::reasonOf(text.error(), *path);
    wanted = true;
  }
  if (wanted && options.as == ImportAs::Auto && options.dims.empty())
    if (std::string option = onnx::dimOption(*model, {});
        !option.empty()) // whoever wants tensors needs no list of them
      return userError(fmt::format("{}: it is no text generator: {}. For a tensor program bind its sizes, as in {}",
                                   *path, noText, option));
  return importTensors(options, model, noText);
}

} // namespace weft::compiler
