// What a DeepSeek's config leaves unsaid and its weights tell.
#include "compiler/frontend/Weights.h"
#include "compiler/frontend/huggingface/Architectures.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

using namespace weft;
using namespace weft::frontend;
using namespace weft::frontend::hf;
using Json = nlohmann::json;
namespace fs = std::filesystem;

static Json configOfV3() {
  const fs::path path = fs::path(WEFT_SOURCE_DIR) / "tests/data/architectures/deepseek_v3.json";
  return Json::parse(std::ifstream(path))["config"];
}

TEST_CASE("of DeepSeek the modules behind the layers are left out, layers that its config leaves out are not",
          "[huggingface]") {
  const Json json = configOfV3();
  const int layers = json["num_hidden_layers"];
  const std::string behind = "model.layers." + std::to_string(layers),
                    other = "model.layers." + std::to_string(layers + 1);
  auto ignores = [&](const std::string &stored, const std::string &name) {
    auto weights = makeShapesOnly({{"model.embed_tokens.weight", {1}}, {stored, {1}}}, WeightType::F32);
    Result<TransformerConfig> config = readConfig(json, json["architectures"][0], "config.json", weights.get());
    REQUIRE(config);
    return ignoresWeight(*config, name);
  };
  CHECK(ignores(behind + ".eh_proj.weight", behind + ".mlp.gate.weight"));
  CHECK_FALSE(ignores(behind + ".eh_proj.weight", other + ".mlp.gate.weight"));
  CHECK_FALSE(ignores(behind + ".mlp.gate.weight", behind + ".mlp.gate.weight"));
}

TEST_CASE("experts that DeepSeek's config does not count are counted by its weights for the message", "[huggingface]") {
  Json json = configOfV3();
  json.merge_patch(Json::parse(R"({"n_routed_experts": null, "n_group": null, "topk_group": null})"));
  auto weights = makeShapesOnly({{"model.embed_tokens.weight", {37, 20}}, {"model.layers.1.mlp.gate.weight", {6, 20}}},
                                WeightType::F32);
  Result<TransformerConfig> config = readConfig(json, json["architectures"][0], "config.json", weights.get());
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().message, Catch::Contains("'n_routed_experts' is not given, which means 256 experts; tensor "
                                                     "'model.layers.1.mlp.gate.weight' is of 6"));
}
