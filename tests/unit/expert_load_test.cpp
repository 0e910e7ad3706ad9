// Files of expert loads: what is written is read again, and what makes no sense is refused in one line.
#include "compiler/place/ExpertLoadFile.h"

#include <catch2/catch.hpp>

#include <numeric>

using namespace weft;
using namespace weft::place;

namespace {

const std::string path = "load.json";

std::string refusal(const std::string &text) {
  auto file = parseExpertLoads(text, path);
  return file ? "" : file.error().message;
}

std::string layer(const std::string &fields) { return R"({"schema": "weft.experts/1", "layers": [{)" + fields + "}]}"; }

ExpertLoadFile take(const std::string &text) {
  auto file = parseExpertLoads(text, path);
  if (!file)
    FAIL(file.error().message);
  return std::move(*file);
}

std::string refusal(const std::string &text, const std::vector<ExpertLayer> &layers) {
  auto loads = loadsFor(take(text), layers);
  return loads ? "" : loads.error().message;
}

} // namespace

TEST_CASE("loads are read as they were written", "[experts]") {
  ExpertLoadFile file;
  file.model = "a \"model\"\n";
  file.prompts = 2;
  file.tokens = 5;
  file.layers = {{"layers.0", 2, 32, 48, {5, 0, 4, 1}, {{0, 2}, {0, 3}}},
                 {"", std::nullopt, std::nullopt, std::nullopt, {0.5, 1.5}, {}}};
  const std::string text = toJson(file);
  const ExpertLoadFile again = take(text);
  CHECK(again.model == file.model);
  CHECK(again.tokens == 5);
  CHECK(again.prompts == 2);
  REQUIRE(again.layers.size() == 2);
  CHECK(again.layers[0].layer == "layers.0");
  CHECK(again.layers[0].topK == 2);
  CHECK(again.layers[0].hidden == 32);
  CHECK(again.layers[0].inner == 48);
  CHECK(again.layers[0].counts == file.layers[0].counts);
  CHECK(again.layers[0].samples == file.layers[0].samples);
  CHECK(again.layers[1].counts == file.layers[1].counts);
  CHECK(toJson(again) == text);
}

TEST_CASE("counts become shares that add up to the experts of a token", "[experts]") {
  auto loads = loadsFor(take(layer(R"("counts": [30, 10, 20, 20])")), std::vector<ExpertLayer>{{"x", 4, 2}});
  REQUIRE(loads);
  REQUIRE((*loads)[0].share.size() == 4);
  CHECK((*loads)[0].share[0] == Approx(0.75));
  CHECK(std::accumulate((*loads)[0].share.begin(), (*loads)[0].share.end(), 0.0) == Approx(2));
}

TEST_CASE("files that make no sense are refused by entry", "[experts]") {
  const std::pair<std::string, std::string> cases[] = {
      {"", "load.json: not JSON"},
      {"{", "load.json: not JSON"},
      {"nonsense", "load.json: not JSON"},
      {"[]", "is not an object"},
      {R"({"layers": []})", "schema is not \"weft.experts/1\""},
      {R"({"schema": "weft.experts/2", "layers": []})", "schema is not \"weft.experts/1\""},
      {R"({"schema": "weft.experts/1"})", "layers is not a list of layers"},
      {R"({"schema": "weft.experts/1", "layers": {}})", "layers is not a list of layers"},
      {R"({"schema": "weft.experts/1", "layers": [], "tokens": -1})", "tokens is no number of tokens"},
      {R"({"schema": "weft.experts/1", "layers": [], "tokens": 1.5})", "tokens is no number of tokens"},
      {R"({"schema": "weft.experts/1", "layers": [], "model": 3})", "model is not a text"},
      {R"({"schema": "weft.experts/1", "layers": [], "load": 3})", "has the key 'load', which there is not"},
      {R"({"schema": "weft.experts/1", "layers": [3]})", "layers[0] is not an object"},
      {layer(""), "layers[0] has neither counts nor samples"},
      {layer(R"("counts": 3)"), "layers[0].counts is not a list of numbers"},
      {layer(R"("counts": [])"), "layers[0].counts is not a list of numbers"},
      {layer(R"("counts": [1, "2"])"), "layers[0].counts[1] is not a number"},
      {layer(R"("counts": [1, null])"), "layers[0].counts[1] is not a number"},
      {layer(R"("counts": [1, [2]])"), "layers[0].counts[1] is not a number"},
      {layer(R"("counts": [1, -2])"), "layers[0].counts[1] is -2, which counts nothing"},
      {layer(R"("counts": [1, 1e300])"), "layers[0].counts[1] is 1e+300, which counts nothing"},
      {layer(R"("counts": [1, 1e999])"), "not JSON"},
      {layer(R"("counts": [1, NaN])"), "not JSON"},
      {layer(R"("counts": [0, 0])"), "layers[0].counts are all 0"},
      {layer(R"("counts": [1], "share": [1])"), "layers[0] has the key 'share', which there is not"},
      {layer(R"("counts": [1], "top_k": 0)"), "layers[0].top_k is no number of experts"},
      {layer(R"("counts": [1], "hidden": -1)"), "layers[0].hidden is no number of features"},
      {layer(R"("counts": [1], "inner": "48")"), "layers[0].inner is no number of features"},
      {layer(R"("samples": [])"), "layers[0].samples is not a list of tokens"},
      {layer(R"("samples": [[]])"), "layers[0].samples[0] is not a list of experts"},
      {layer(R"("samples": [[0, -1]])"), "layers[0].samples[0] holds what is no expert's number"},
      {layer(R"("samples": [[0, 4294967296]])"), "layers[0].samples[0] holds what is no expert's number"},
      {layer(R"("samples": [[1, 1]])"), "layers[0].samples[0] has an expert twice"},
      {std::string(1'000'000, '['), "nested more than 8 deep"},
      {layer(R"("layer": "\u0001[[[[[[[[[[\"[[", "counts": [1], "x": 1)"), "has the key 'x'"},
  };
  for (const auto &[text, says] : cases) {
    const std::string message = refusal(text);
    INFO(text.substr(0, 100) << " -> " << message.substr(0, 200));
    CHECK(message.find(says) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.rfind(path, 0) == 0);
  }
}

TEST_CASE("loads of another model are refused by layer", "[experts]") {
  const std::vector<ExpertLayer> one = {{"layers.0.mlp", 4, 2, 32, 48}};
  const std::string even = layer(R"("counts": [1, 1, 1, 1])");
  CHECK(refusal(even, one) == "");
  CHECK(refusal(even, {}).find("the model has no layers with experts") != std::string::npos);
  CHECK(refusal(even, {one[0], one[0]}).find("loads of 1 layers, the model 2 layers") != std::string::npos);
  CHECK(refusal(layer(R"("counts": [1, 1, 1])"), one).find("layers[0] (layers.0.mlp): counts 3 experts") !=
        std::string::npos);
  CHECK(refusal(layer(R"("counts": [1, 1, 1, 1], "top_k": 3)"), one).find("top_k is 3, the model's is 2") !=
        std::string::npos);
  CHECK(refusal(layer(R"("counts": [1, 1, 1, 1], "layer": "other")"), one).find("is about 'other'") !=
        std::string::npos);
  CHECK(refusal(layer(R"("counts": [1, 1, 1, 1], "hidden": 32, "inner": 48)"), one) == "");
  CHECK(refusal(layer(R"("counts": [1, 1, 1, 1], "hidden": 64)"), one).find("hidden size is 64, the model's is 32") !=
        std::string::npos);
  CHECK(refusal(layer(R"("counts": [1, 1, 1, 1], "inner": 47)"), one).find("inner size is 47, the model's is 48") !=
        std::string::npos);
  // Two different experts a token: none can have more than half of all choices.
  CHECK(refusal(layer(R"("counts": [10, 1, 1, 1])"), one).find("expert 0 has 0.769 of all choices") !=
        std::string::npos);
  CHECK(refusal(layer(R"("samples": [[0, 4]])"), one).find("a sample chooses 2 experts up to number 4") !=
        std::string::npos);
  CHECK(refusal(layer(R"("samples": [[0, 1, 2]])"), one).find("a sample chooses 3 experts") != std::string::npos);
}

TEST_CASE("a load that another model's name stands in is doubted", "[experts]") {
  ExpertLoadFile file;
  file.path = path;
  CHECK(doubtsAbout(file, "mixture").empty()); // written by hand
  file.model = "mixture";
  CHECK(doubtsAbout(file, "mixture").empty());
  CHECK(doubtsAbout(file, "other").find("load.json is of the model 'mixture', and this is 'other'") == 0);
}
