#include "compiler/place/ExpertLoadFile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>
#include <tuple>

namespace weft::place {
namespace {

using nlohmann::json;

constexpr const char *schema = "weft.experts/1";
/// The schema's own, and some room; more would only be garbage that takes a deep stack.
constexpr int mostNesting = 8;
/// Beyond any real count, and so small that sums stay exact enough.
constexpr double mostCount = 1e15;
/// A model's experts are numbered with 32 bits at most.
constexpr int64_t mostExperts = 1 << 20;

bool nestsTooDeep(const std::string &text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString && c == '\\')
      ++i; // what is escaped ends no string
    else if (c == '"')
      inString = !inString;
    else if (!inString && (c == '[' || c == '{') && ++depth > mostNesting)
      return true;
    else if (!inString && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

/// Reads one file; errors name it and the entry.
class Reader {
public:
  explicit Reader(const std::string &path) : path(path) {}

  Result<ExpertLoadFile> file(const json &root) const {
    if (!root.is_object())
      return problem("", "is not an object");
    if (auto known = keys(root, "", {"schema", "model", "tokens", "prompts", "layers"}); !known)
      return known.takeError();
    if (!root.contains("schema") || root["schema"] != schema)
      return problem("schema", fmt::format("is not \"{}\"", schema));
    ExpertLoadFile result;
    result.path = path;
    if (root.contains("model")) {
      if (!root["model"].is_string())
        return problem("model", "is not a text");
      result.model = root["model"];
    }
    if (root.contains("prompts")) {
      if (!isCount(root["prompts"]))
        return problem("prompts", "is no number of prompts");
      result.prompts = root["prompts"];
    }
    if (root.contains("tokens")) {
      if (!isCount(root["tokens"]))
        return problem("tokens", "is no number of tokens");
      result.tokens = root["tokens"];
    }
    if (!root.contains("layers") || !root["layers"].is_array())
      return problem("layers", "is not a list of layers");
    for (const json &each : root["layers"]) {
      auto layer = layerOf(each, fmt::format("layers[{}]", result.layers.size()));
      if (!layer)
        return layer.takeError();
      result.layers.push_back(std::move(*layer));
    }
    return result;
  }

private:
  Error problem(const std::string &entry, const std::string &what) const {
    return userError(entry.empty() ? fmt::format("{}: {}; docs/experts.md describes the file", path, what)
                                   : fmt::format("{}: {} {}", path, entry, what));
  }

  static bool isCount(const json &value) {
    return value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(mostCount);
  }

  Result<void> keys(const json &object, const std::string &entry, const std::set<std::string> &known) const {
    for (const auto &[key, value] : object.items())
      if (!known.contains(key))
        return problem(entry, fmt::format("has the key '{}', which there is not; there are {}", printable(key),
                                          fmt::join(known, ", ")));
    return {};
  }

  static std::string printable(const std::string &key) {
    std::string result = key.substr(0, 40);
    std::replace_if(result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return result;
  }

  Result<ExpertCounts> layerOf(const json &object, const std::string &entry) const {
    if (!object.is_object())
      return problem(entry, "is not an object");
    if (auto known = keys(object, entry, {"layer", "top_k", "hidden", "inner", "counts", "samples"}); !known)
      return known.takeError();
    ExpertCounts result;
    if (object.contains("layer")) {
      if (!object["layer"].is_string())
        return problem(entry + ".layer", "is not a text");
      result.layer = object["layer"];
    }
    for (auto [key, of, number] :
         {std::tuple("top_k", "experts", &result.topK), std::tuple("hidden", "features", &result.hidden),
          std::tuple("inner", "features", &result.inner)})
      if (object.contains(key)) {
        if (!isCount(object[key]) || object[key] == 0)
          return problem(fmt::format("{}.{}", entry, key), fmt::format("is no number of {}", of));
        *number = object[key].get<int64_t>();
      }
    if (!object.contains("counts") && !object.contains("samples"))
      return problem(entry, "has neither counts nor samples");
    if (object.contains("counts"))
      if (auto read = counts(object["counts"], entry + ".counts", result); !read)
        return read.takeError();
    if (object.contains("samples"))
      if (auto read = samples(object["samples"], entry + ".samples", result); !read)
        return read.takeError();
    return result;
  }

  Result<void> counts(const json &list, const std::string &entry, ExpertCounts &result) const {
    if (!list.is_array() || list.empty())
      return problem(entry, "is not a list of numbers");
    for (const json &each : list) {
      const std::string at = fmt::format("{}[{}]", entry, result.counts.size());
      if (!each.is_number())
        return problem(at, "is not a number");
      const double count = each;
      if (!(count >= 0) || count > mostCount)
        return problem(at, fmt::format("is {}, which counts nothing; counts are 0 to {:g}", count, mostCount));
      result.counts.push_back(count);
    }
    if (std::accumulate(result.counts.begin(), result.counts.end(), 0.0) <= 0)
      return problem(entry, "are all 0");
    return {};
  }

  Result<void> samples(const json &list, const std::string &entry, ExpertCounts &result) const {
    if (!list.is_array() || list.empty())
      return problem(entry, "is not a list of tokens");
    for (const json &token : list) {
      const std::string at = fmt::format("{}[{}]", entry, result.samples.size());
      if (!token.is_array() || token.empty())
        return problem(at, "is not a list of experts");
      std::vector<int> experts;
      for (const json &each : token) {
        if (!each.is_number_unsigned() || each.get<uint64_t>() >= static_cast<uint64_t>(mostExperts))
          return problem(at, "holds what is no expert's number");
        experts.push_back(each);
      }
      std::sort(experts.begin(), experts.end());
      if (std::adjacent_find(experts.begin(), experts.end()) != experts.end())
        return problem(at, "has an expert twice");
      result.samples.push_back(std::move(experts));
    }
    return {};
  }

  const std::string &path;
};

} // namespace

Result<ExpertLoadFile> parseExpertLoads(const std::string &text, const std::string &path) {
  if (nestsTooDeep(text))
    return userError(fmt::format("{}: its lists are nested more than {} deep; docs/experts.md describes the file", path,
                                 mostNesting));
  try {
    return Reader(path).file(json::parse(text));
  } catch (const json::exception &problem) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …": what comes after the bracket.
    std::string what = problem.what();
    what = what.substr(std::min(what.size(), what.find("] ") + 2));
    return userError(fmt::format("{}: not JSON: {}", path, what.substr(0, what.find(';'))));
  }
}

Result<ExpertLoadFile> readExpertLoads(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf()))
    return userError(fmt::format("{}: cannot read it", path));
  return parseExpertLoads(text.str(), path);
}

/// A name of a file need not be UTF-8, JSON must.
static std::string quoted(const std::string &text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string toJson(const ExpertLoadFile &file) {
  std::string text = fmt::format("{{\n  \"schema\": \"{}\",\n", schema);
  if (!file.model.empty())
    text += fmt::format("  \"model\": {},\n", quoted(file.model));
  if (file.prompts)
    text += fmt::format("  \"prompts\": {},\n", file.prompts);
  if (file.tokens)
    text += fmt::format("  \"tokens\": {},\n", file.tokens);
  text += "  \"layers\": [";
  for (const ExpertCounts &layer : file.layers) {
    std::vector<std::string> fields;
    if (!layer.layer.empty())
      fields.push_back(fmt::format("\"layer\": {}", quoted(layer.layer)));
    if (layer.topK)
      fields.push_back(fmt::format("\"top_k\": {}", *layer.topK));
    if (layer.hidden)
      fields.push_back(fmt::format("\"hidden\": {}", *layer.hidden));
    if (layer.inner)
      fields.push_back(fmt::format("\"inner\": {}", *layer.inner));
    if (!layer.counts.empty())
      fields.push_back(fmt::format("\"counts\": [{}]", fmt::join(layer.counts, ", ")));
    if (!layer.samples.empty()) {
      std::vector<std::string> tokens;
      for (const std::vector<int> &token : layer.samples)
        tokens.push_back(fmt::format("[{}]", fmt::join(token, ",")));
      fields.push_back(fmt::format("\"samples\": [{}]", fmt::join(tokens, ", ")));
    }
    text += fmt::format("{}    {{{}}}", &layer == file.layers.data() ? "\n" : ",\n", fmt::join(fields, ",\n     "));
  }
  return text + "\n  ]\n}\n";
}

std::string doubtsAbout(const ExpertLoadFile &file, const std::string &model) {
  if (file.model.empty() || file.model == model)
    return "";
  return fmt::format(
      "{} is of the model '{}', and this is '{}': where its experts are chosen otherwise, they lie in the "
      "wrong places",
      file.path, file.model, model);
}

Result<std::vector<ExpertLoad>> loadsFor(const ExpertLoadFile &file, std::span<const ExpertLayer> layers) {
  if (layers.empty())
    return userError(fmt::format("{}: the model has no layers with experts", file.path));
  if (file.layers.size() != layers.size())
    return userError(fmt::format("{}: has loads of {} layers, the model {} layers with experts", file.path,
                                 file.layers.size(), layers.size()));
  std::vector<ExpertLoad> loads;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto &[name, experts, topK, hidden, inner] = layers[i];
    const ExpertCounts &given = file.layers[i];
    auto problem = [&](const std::string &what) {
      return userError(fmt::format("{}: layers[{}] ({}): {}", file.path, i, name, what));
    };
    if (!given.layer.empty() && given.layer != name)
      return problem(fmt::format("is about '{}'", given.layer));
    if (given.topK && *given.topK != topK)
      return problem(fmt::format("top_k is {}, the model's is {}", *given.topK, topK));
    for (auto [what, told, own] : {std::tuple("hidden", given.hidden, hidden), std::tuple("inner", given.inner, inner)})
      if (told && *told != own)
        return problem(
            fmt::format("is of experts whose {} size is {}, the model's is {}; the file is of another model, "
                        "weft calibrate makes one of this",
                        what, *told, own));
    if (!given.counts.empty() && static_cast<int64_t>(given.counts.size()) != experts)
      return problem(fmt::format("counts {} experts, the model has {}", given.counts.size(), experts));
    for (const std::vector<int> &token : given.samples)
      if (token.back() >= experts || static_cast<int64_t>(token.size()) > topK)
        return problem(fmt::format("a sample chooses {} experts up to number {}, the model {} of {}", token.size(),
                                   token.back(), topK, experts));
    ExpertLoad load;
    load.samples = given.samples;
    if (!given.counts.empty()) {
      const double sum = std::accumulate(given.counts.begin(), given.counts.end(), 0.0);
      for (double count : given.counts)
        load.share.push_back(count / sum * static_cast<double>(topK));
      const auto most = std::max_element(load.share.begin(), load.share.end());
      if (*most > 1 + 1e-9)
        return problem(fmt::format("expert {} has {:.3g} of all choices, but a token chooses {} different ones",
                                   most - load.share.begin(), *most / static_cast<double>(topK), topK));
    }
    loads.push_back(std::move(load));
  }
  return loads;
}

} // namespace weft::place
