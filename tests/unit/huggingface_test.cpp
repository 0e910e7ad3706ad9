#include "compiler/frontend/huggingface/Architectures.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

using namespace weft;
using namespace weft::frontend;
using namespace weft::frontend::hf;
using Json = nlohmann::json;
namespace fs = std::filesystem;

static const fs::path shared = fs::path(WEFT_SOURCE_DIR).parent_path() / "shared/models";

/// Whether the data beside the checkout is there; says so when not.
static bool hasShared() {
  if (fs::is_directory(shared))
    return true;
  std::cout << "SKIPPED: the models beside the checkout (../shared/models) are not there\n";
  return false;
}

static Json readJson(const fs::path &path) { return Json::parse(std::ifstream(path)); }

static Json smallConfig() {
  return Json::parse(R"({"architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": [2, 3]})");
}

static Result<TransformerConfig> read(const Json &json) {
  return readConfig(json, json.is_object() ? json.value("architectures", Json({""}))[0] : "LlamaForCausalLM",
                    "config.json");
}

static TransformerConfig parse(const Json &json) {
  Result<TransformerConfig> config = read(json);
  INFO((config ? "" : config.error().message));
  REQUIRE(config);
  return *config;
}

TEST_CASE("defaults of a Llama config", "[huggingface]") {
  TransformerConfig config = parse(smallConfig());
  CHECK(config.layers[0].attention.headDim == 4);
  CHECK(config.layers[0].attention.kvHeads == 2);
  CHECK(config.heads[0].steps[0].linear.weight.name == "lm_head.weight");
  CHECK(config.rope.theta == 10000.0);
  CHECK(config.rope.inverseFrequencies == std::vector<double>{1.0, 0.01});
  CHECK(config.bosToken == 1);
  CHECK(config.eosTokens == std::vector<int32_t>{2, 3});

  Json json = smallConfig();
  json.erase("num_key_value_heads");
  json.erase("bos_token_id");
  json["head_dim"] = 10; // not hidden / heads
  json["eos_token_id"] = 7;
  json["tie_word_embeddings"] = true;
  config = parse(json);
  CHECK(config.layers[0].attention.kvHeads == 4);
  CHECK(config.layers[0].attention.headDim == 10);
  CHECK(config.bosToken == -1);
  CHECK(config.eosTokens == std::vector<int32_t>{7});
  CHECK(config.heads[0].steps[0].linear.weight.name == "model.embed_tokens.weight");
  json["embedding_size"] = json["hidden_size"]; // which says nothing
  CHECK(parse(json).hiddenSize == config.hiddenSize);
}

TEST_CASE("llama3 rope scaling in each spelling", "[huggingface]") {
  // theta 10000, head_dim 8: inverse frequencies 1, 0.1, 0.01, 0.001; wavelengths 6.2832, 62.832, 628.32, 6283.2.
  // With 1024 original positions, factors 1 and 4: below 256 kept, above 1024 divided by 8, between blended:
  // keep = (1024 / 628.3185307 - 1) / 3 = 0.2099155, 0.01 * (keep + (1 - keep) / 8) = 0.003086760.
  std::vector<double> expected = {1.0, 0.1, 0.003086760, 0.000125};
  Json scaling = {{"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};
  scaling["original_max_position_embeddings"] = 1024;
  Json older = smallConfig();
  older["head_dim"] = 8;
  older["rope_theta"] = 10000.0;
  Json oldest = older, newer = older;
  older["rope_scaling"] = scaling;
  older["rope_scaling"]["rope_type"] = "llama3";
  oldest["rope_scaling"] = scaling;
  oldest["rope_scaling"]["type"] = "llama3";
  newer.erase("rope_theta");
  newer["rope_parameters"] = scaling;
  newer["rope_parameters"]["rope_type"] = "llama3";
  newer["rope_parameters"]["rope_theta"] = 10000.0;
  for (const Json &json : {older, oldest, newer}) {
    TransformerConfig config = parse(json);
    REQUIRE(config.rope.inverseFrequencies.size() == 4);
    for (size_t i = 0; i < 4; ++i)
      CHECK(config.rope.inverseFrequencies[i] == Approx(expected[i]).epsilon(1e-6));
  }
  newer["rope_parameters"]["rope_theta"] = 500000.0;
  CHECK(parse(newer).rope.theta == 500000.0);
}

TEST_CASE("configs that are refused", "[huggingface]") {
  struct Case {
    const char *patch; // JSON merge patch on smallConfig()
    const char *message;
  };
  auto check = GENERATE(values<Case>({
      {R"({"vocab_size": null})", "'vocab_size' is missing"},
      {R"({"hidden_size": null})", "'hidden_size' is missing"},
      {R"({"intermediate_size": null})", "'intermediate_size' is missing"},
      {R"({"num_hidden_layers": null})", "'num_hidden_layers' is missing"},
      {R"({"num_attention_heads": null})", "'num_attention_heads' is missing"},
      {R"({"num_hidden_layers": 0})", "'num_hidden_layers' must be an integer from 1 to 4096, not 0"},
      {R"({"num_hidden_layers": -3})", "not -3"},
      {R"({"num_hidden_layers": 1000000000000})", "not 1000000000000"},
      {R"({"num_hidden_layers": 2.5})", "not 2.5"},
      {R"({"num_hidden_layers": "2"})", "not \"2\""},
      {R"({"hidden_size": []})", "'hidden_size' must be an integer"},
      {R"({"num_key_value_heads": 3})", "'num_attention_heads' (4) must be a multiple of num_key_value_heads (3)"},
      {R"({"num_key_value_heads": 0})", "'num_key_value_heads' must be an integer from 1"},
      {R"({"hidden_size": 18})", "'hidden_size' (18) does not divide by num_attention_heads (4)"},
      {R"({"head_dim": 5})", "'head_dim' is 5; rotary embedding pairs elements"},
      {R"({"hidden_size": 4})", "must be even and at least 2, not 1"},
      {R"({"hidden_act": "mish"})", "'hidden_act' is 'mish'; supported are: silu"},
      {R"({"rms_norm_eps": 0})", "'rms_norm_eps' must be a number from"},
      {R"({"rms_norm_eps": -1e-5})", "'rms_norm_eps' must be a number from"},
      {R"({"rms_norm_eps": 3})", "'rms_norm_eps' must be a number from"},
      {R"({"mlp_bias": 1})", "'mlp_bias' must be true or false"},
      {R"({"tie_word_embeddings": "no"})", "'tie_word_embeddings' must be true or false"},
      {R"({"quantization_config": {}})", "'quantization_config' is given"},
      {R"({"eos_token_id": "end"})", "'eos_token_id' must hold token ids, not"},
      {R"({"eos_token_id": [1, "x"]})", "not \"x\""},
      {R"({"bos_token_id": [1, 2]})", "'bos_token_id' must be one token id"},
      {R"({"rope_theta": 0})", "'rope_theta' must be a number"},
      {R"({"rope_scaling": "llama3"})", "'rope_scaling' must be an object"},
      {R"({"rope_scaling": {"type": "linear"}})", "'rope_scaling.factor' is missing"},
      {R"({"rope_scaling": {"rope_type": "mrope"}})",
       "'rope_scaling.rope_type' is 'mrope'; the rotary embeddings supported are: default, linear, dynamic, llama3"},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1], "long_factor": [1, 2]}})",
       "'rope_scaling.short_factor' must be a list of 2 numbers"},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1, "x"], "long_factor": [1, 2]}})",
       "'rope_scaling.short_factor' must hold numbers"},
      {R"({"rope_scaling": {"rope_type": "llama3", "type": "default"}})",
       "says 'default' but 'rope_type' says 'llama3'"},
      {R"({"rope_scaling": {"rope_type": "llama3"}})", "'rope_scaling.factor' is missing"},
      {R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
           "original_max_position_embeddings": 32}})",
       "'rope_scaling.high_freq_factor' must be larger than low_freq_factor"},
      {R"({"rope_scaling": {"rope_type": "default"}, "rope_parameters": {"rope_type": "default"}})",
       "and 'rope_parameters' are both given"},
      {R"({"rope_theta": 1e4, "rope_parameters": {"rope_theta": 2e4}})", "'rope_parameters.rope_theta' differs"},
      {R"({"rope_parameters": {"partial_rotary_factor": 0.75}})", "'partial_rotary_factor' is 0.75; rotary embedding"},
      {R"({"rope_parameters": {"full_attention": {"rope_theta": 1e4}, "sliding_attention": {"rope_theta": 1e6}}})",
       "'rope_parameters' gives kinds of layers different values"},
  }));
  Json json = smallConfig();
  json.merge_patch(Json::parse(check.patch));
  Result<TransformerConfig> config = read(json);
  INFO(check.patch);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().message, Catch::StartsWith("config.json: ") && Catch::Contains(check.message));
  CHECK_FALSE(read(Json::array()));
}

/// A fixture's config of another architecture, patched.
static Result<TransformerConfig> readPatched(const std::string &fixture, const std::string &patch) {
  Json json = readJson(fs::path(WEFT_SOURCE_DIR) / "tests/data/architectures" / (fixture + ".json"))["config"];
  json.merge_patch(Json::parse(patch));
  return read(json);
}

TEST_CASE("configs of other architectures that are refused", "[huggingface]") {
  struct Case {
    const char *fixture, *patch, *message;
  };
  auto check = GENERATE(values<Case>({
      {"mistral", R"({"sliding_window": 0})", "'sliding_window' must be an integer from 1"},
      {"mistral", R"({"quantization_config": {}})", "'quantization_config' is given"},
      {"qwen2", R"({"layer_types": ["full_attention"]})", "'layer_types' has 1 entries for 2 layers"},
      {"qwen2", R"({"layer_types": ["full_attention", "linear_attention"]})", "'layer_types' has 'linear_attention'"},
      {"qwen2", R"({"layer_types": [1, 2]})", "'layer_types' must hold strings"},
      {"qwen2", R"({"use_sliding_window": "yes"})", "'use_sliding_window' must be true or false"},
      {"qwen3_moe", R"({"num_experts_per_tok": 6})", "'num_experts_per_tok' must be an integer from 1 to 5"},
      {"qwen3_moe", R"({"num_local_experts": 100000})", "'num_local_experts' must be an integer from 1 to 4096"},
      {"qwen3_moe", R"({"mlp_only_layers": "all"})", "'mlp_only_layers' must be a list of numbers"},
      {"mixtral", R"({"num_experts_per_tok": 9})", "'num_experts_per_tok' is 9 of 5 experts"},
      {"gemma2", R"({"attn_logit_softcapping": -1})", "'attn_logit_softcapping' must be a number from"},
      {"gemma2", R"({"hidden_activation": "mish"})", "'hidden_activation' is 'mish'"},
      {"gemma", R"({"use_bidirectional_attention": true})", "'use_bidirectional_attention' is true"},
      {"phi3", R"({"rope_parameters": {"short_factor": [1]}})", "'rope_parameters.short_factor' must be a list of 2"},
      {"phi3", R"({"rope_parameters": {"partial_rotary_factor": 0.01}})", "must be even and at least 2, not 0"},
      {"gpt2", R"({"n_head": 3})", "'n_head' (3) does not divide the width of 20"},
      {"gpt2", R"({"n_embd": null})", "'n_embd' is missing"},
      {"gpt2", R"({"add_cross_attention": true})", "'add_cross_attention' is true"},
      {"gpt_neox", R"({"rope_parameters": {"partial_rotary_factor": 2}})", "'rope_parameters.partial_rotary_factor'"},
      {"opt", R"({"activation_function": 7})", "'activation_function' must be a string"},
      {"opt", R"({"word_embed_proj_dim": -1})", "'word_embed_proj_dim' must be an integer"},
      {"deepseek_v2", R"({"topk_method": "random"})", "'topk_method' is 'random'"},
      {"deepseek_v2", R"({"norm_topk_prob": true})", "'norm_topk_prob' is true"},
      {"deepseek_v2", R"({"n_group": 4})", "'n_group' (4) does not divide the 6 experts"},
      {"deepseek_v2", R"({"num_key_value_heads": 2})", "'num_key_value_heads' differs from num_attention_heads"},
      {"deepseek_v2", R"({"qk_rope_head_dim": 3, "head_dim": null})", "'qk_rope_head_dim' is 3; its dimensions turn"},
      {"deepseek_v2", R"({"qk_rope_head_dim": 3})", "'qk_rope_head_dim' is 3; its dimensions turn in pairs"},
      {"deepseek_v2", R"({"qk_rope_head_dim": 2, "head_dim": 4})",
       "'qk_rope_head_dim' is 2, and 'head_dim' 4; both are the size"},
      {"deepseek_v3", R"({"n_routed_experts": null, "n_group": 6})",
       "'n_group' (6) does not divide the 256 experts, the default where 'n_routed_experts' is not given,"},
      {"deepseek_v3", R"({"topk_group": 1, "num_experts_per_tok": 300})", "of the 6 experts have 2"},
      {"deepseek_v2", R"({"moe_layer_freq": 2})", "'moe_layer_freq' other than 1"},
      {"deepseek_v3", R"({"n_group": 6})", "'n_group' (6) does not divide the 6 experts into groups of two"},
      {"deepseek_v3", R"({"topk_group": 4})", "'topk_group' is 4; there are 3 groups"},
      {"deepseek_v3", R"({"topk_group": null})", "'topk_group' is 4 where it is left out; there are 3 groups"},
      {"deepseek_v3", R"({"topk_group": 1, "num_experts_per_tok": 3})", "'num_experts_per_tok' is 3; 1 of 3 groups"},
      {"deepseek_v3", R"({"scoring_func": "softmax"})", "'scoring_func' is 'softmax'"},
      {"bert", R"({"position_embedding_type": "relative_key"})", "'position_embedding_type' is 'relative_key'"},
      {"bert", R"({"is_decoder": true})", "'is_decoder' is true"},
      {"roberta", R"({"pad_token_id": 15})", "leaves none after the pad_token_id of 15"},
      {"t5", R"({"feed_forward_proj": "gated-mish"})", "'feed_forward_proj' is 'gated-mish'"},
      {"t5", R"({"relative_attention_num_buckets": 3})", "must be an integer from 4"},
      {"t5", R"({"relative_attention_max_distance": 2})", "must be more than a quarter of the buckets"},
      {"vit", R"({"patch_size": [3, 6, 9]})", "'patch_size' must be an integer or a list of height and width"},
      {"vit", R"({"patch_size": 100})", "is larger than the image_size"},
      {"llama_dynamic", R"({"rope_parameters": {"partial_rotary_factor": 0.5}})",
       "this architecture turns whole heads"},
      {"llama", R"({"rope_parameters": {"rope_type": "spiral"}})", "'rope_parameters.rope_type' is 'spiral'"},
      {"llama", R"({"logit_scale": 0.0625})", "'logit_scale' is 0.0625; models of the class LlamaForCausalLM have no"},
      {"llama", R"({"attn_logit_softcapping": 50.0})", "'attn_logit_softcapping' is 50.0"},
      {"mistral", R"({"attention_multiplier": 0.015625})", "'attention_multiplier' is 0.015625"},
      {"olmo2", R"({"clip_qkv": 8})", "'clip_qkv' is 8"},
      {"mixtral", R"({"layer_types": ["full_attention", "chunked_attention"]})", "'layer_types' asks for other layers"},
      {"opt", R"({"alibi": true})", "'alibi' is true"},
      {"vit", R"({"image_size": [4000000, 4000000]})", "asks for an image of more than 2^32 values"},
  }));
  INFO(check.fixture << ": " << check.patch);
  Result<TransformerConfig> config = readPatched(check.fixture, check.patch);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().message, Catch::StartsWith("config.json: ") && Catch::Contains(check.message));
}

TEST_CASE("keys of other families that say nothing are passed over", "[huggingface]") {
  auto patch = GENERATE(as<std::string>(), R"({"logit_scale": 1.0})", R"({"residual_multiplier": 1})",
                        R"({"final_logit_softcapping": null})", R"({"alibi": false})", R"({"no_rope_layers": []})",
                        R"({"layer_types": ["full_attention", "full_attention"]})", R"({"initializer_range": 0.02})");
  INFO(patch);
  CHECK(readPatched("mixtral", patch));
}

TEST_CASE("a whole T5 is told that its encoder compiles", "[huggingface]") {
  Result<TransformerConfig> config = readPatched("t5", R"({"architectures": ["T5ForConditionalGeneration"]})");
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().message, Catch::Contains("'T5ForConditionalGeneration' is not known") &&
                                         Catch::Contains("T5EncoderModel\"] under 'architectures'"));
}

TEST_CASE("an answer has two ends", "[huggingface]") {
  const char *patch = R"({"architectures": ["BertForQuestionAnswering"], "id2label": {"0": "a", "1": "b", "2": "c"}})";
  Result<TransformerConfig> config = readPatched("bert", patch);
  REQUIRE_FALSE(config);
  CHECK_THAT(config.error().message, Catch::Contains("'num_labels' is 3; an answer has two ends"));
}

TEST_CASE("older spellings mean the same", "[huggingface]") {
  struct Case {
    const char *fixture, *patch;
  };
  // As versions before 5 of transformers write it. A null takes the newer key away.
  auto check = GENERATE(values<Case>({
      {"llama", R"({"rope_parameters": null, "rope_theta": 1e4, "rope_scaling": {"type": "llama3", "factor": 8.0,
          "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}})"},
      {"llama_yarn", R"({"rope_parameters": null, "rope_theta": 1e4, "rope_scaling": {"rope_type": "yarn",
          "factor": 4.0, "original_max_position_embeddings": 12}})"},
      {"phi3", R"({"rope_parameters": null, "rope_theta": 1e4, "partial_rotary_factor": 0.5, "rope_scaling":
          {"type": "su", "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.0]}})"},
      {"gpt_neox", R"({"rope_parameters": null, "rotary_pct": 0.25, "rotary_emb_base": 10000})"},
      {"gpt_neox", R"({"rope_parameters": null})"},
      {"deepseek_v3", R"({"rope_parameters": null, "rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 1.0,
          "original_max_position_embeddings": 12, "mscale_all_dim": 0.8}})"},
  }));
  INFO(check.fixture << ": " << check.patch);
  Result<TransformerConfig> newer = readPatched(check.fixture, "{}"), older = readPatched(check.fixture, check.patch);
  REQUIRE(newer);
  INFO((older ? "" : older.error().message));
  REQUIRE(older);
  CHECK(newer->rope.inverseFrequencies == older->rope.inverseFrequencies);
  CHECK(newer->rope.longInverseFrequencies == older->rope.longInverseFrequencies);
  CHECK(newer->rope.longFrom == older->rope.longFrom);
  CHECK(newer->rope.scale == older->rope.scale);
  CHECK(newer->layers[0].attention.scale == older->layers[0].attention.scale);
}

TEST_CASE("any single key of any config may be broken", "[huggingface]") {
  const std::vector<Json> junk = {Json(),           Json(-1),         Json(0),        Json(1e300),
                                  Json("x"),        Json::array(),    Json::object(), Json({1, "a", nullptr}),
                                  Json(4294967296), Json(2147483647), Json(0.5),      Json(true)};
  for (const fs::directory_entry &entry :
       fs::directory_iterator(fs::path(WEFT_SOURCE_DIR) / "tests/data/architectures")) {
    if (entry.path().extension() != ".json")
      continue;
    const Json config = readJson(entry.path())["config"];
    for (const auto &[key, value] : config.items())
      for (const Json &broken : junk) {
        if (key == "architectures")
          continue;
        Json json = config;
        json[key] = broken;
        INFO(entry.path().filename() << ": " << key << " = " << broken.dump());
        Result<TransformerConfig> result = read(json);
        if (result)
          CHECK_FALSE(result->layers.empty()); // and storedWeights() counts in 64 bits
        else
          CHECK_THAT(result.error().message, Catch::StartsWith("config.json: '"));
        if (result)
          CHECK_FALSE(storedWeights(*result).empty());
      }
  }
}

TEST_CASE("published Llama configs", "[huggingface]") {
  if (!hasShared())
    return;
  size_t llamas = 0;
  for (const fs::directory_entry &entry : fs::directory_iterator(shared / "configs")) {
    Json json = readJson(entry.path());
    INFO(entry.path().filename());
    Result<Model> model = readModel(entry.path().string(), ReadWeights::No);
    INFO((model ? "" : model.error().message));
    REQUIRE(model);
    if (json["architectures"][0] != "LlamaForCausalLM")
      continue;
    ++llamas;
    const TransformerConfig &config = model->config;
    CHECK(config.layers[0].attention.headDim == 128);
    CHECK(config.layers.size() == json["num_hidden_layers"].get<uint32_t>());
    CHECK(config.rope.theta == json["rope_theta"].get<double>());
  }
  CHECK(llamas >= 5);
}

TEST_CASE("a config alone gives the shapes of the weights", "[huggingface]") {
  const std::string config = std::string(WEFT_SOURCE_DIR) + "/examples/models/bard-1m/config.json";
  Result<Model> model = readModel(config, ReadWeights::Shapes);
  REQUIRE(model);
  CHECK(model->name == "bard-1m");
  REQUIRE(model->weights);
  CHECK(model->weights->files().empty());
  const std::vector<ExpectedWeight> expected = storedWeights(model->config);
  CHECK(model->weights->names().size() == expected.size());
  for (const ExpectedWeight &weight : expected) {
    const WeightInfo *info = model->weights->find(weight.name);
    REQUIRE(info);
    CHECK(info->shape == weight.shape);
  }
  CHECK_FALSE(model->weights->find("model.none.weight"));
  // The folder's own weights are not looked at, and without Shapes a file is not enough.
  CHECK(readModel(std::string(WEFT_SOURCE_DIR) + "/examples/models/bard-1m", ReadWeights::Shapes)
            ->weights->files()
            .empty());
  Result<Model> refused = readModel(config);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains("--weights none"));
}

TEST_CASE("parameters of Llama-3.1-8B", "[huggingface]") {
  if (!hasShared())
    return;
  Result<Model> model = readModel((shared / "configs/Llama-3.1-8B.json").string(), ReadWeights::No);
  REQUIRE(model);
  const TransformerConfig &config = model->config;
  uint64_t parameters = 0;
  for (const ExpectedWeight &weight : storedWeights(config)) {
    uint64_t elements = 1;
    for (uint64_t extent : weight.shape)
      elements *= extent;
    parameters += elements;
  }
  CHECK(parameters == 8'030'261'248); // as published
  // The slowest pair: theta^(-126/128) has a wavelength above 8192 and is divided by 8.
  CHECK(config.rope.inverseFrequencies.back() == Approx(std::pow(500000.0, -126.0 / 128.0) / 8).epsilon(1e-12));
  CHECK(config.rope.inverseFrequencies.front() == 1.0);
}

TEST_CASE("model directories", "[huggingface]") {
  std::vector<fs::path> paths = {fs::path(WEFT_SOURCE_DIR) / "examples/models/bard-1m"};
  if (hasShared())
    for (const char *name : {"llama", "stories260k", "bard-1m"})
      paths.push_back(shared / name);
  for (const fs::path &path : paths) {
    INFO(path);
    Result<Model> model = readModel(path.string() + "/");
    INFO((model ? "" : model.error().message));
    REQUIRE(model);
    CHECK(model->name == path.filename());
    CHECK(model->tokenizerPath.has_value() == (path.filename() == "bard-1m"));
    CHECK(model->config.name == model->name);
    REQUIRE(model->weights->find("model.norm.weight"));
    CHECK(model->weights->find("model.norm.weight")->type ==
          (path.filename() == "bard-1m" ? WeightType::BF16 : WeightType::F32));
  }
}

/// A model directory of smallConfig() whose weights a test can break first.
struct SmallModel {
  fs::path path = fs::path(WEFT_BINARY_DIR) / "huggingface_test.tmp";
  Json config = smallConfig();
  std::vector<ExpectedWeight> weights = storedWeights(parse(smallConfig()));
  std::string type = "F16";

  SmallModel() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  SmallModel(const SmallModel &) = delete;
  SmallModel &operator=(const SmallModel &) = delete;
  ~SmallModel() { fs::remove_all(path); }

  ExpectedWeight &weight(const std::string &name) {
    return *std::find_if(weights.begin(), weights.end(), [&](const auto &candidate) { return candidate.name == name; });
  }
  Result<Model> read() const {
    std::ofstream(path / "config.json") << config.dump();
    Json header;
    uint64_t end = 0;
    for (const ExpectedWeight &weight : weights) {
      uint64_t bytes = 2;
      for (uint64_t extent : weight.shape)
        bytes *= extent;
      header[weight.name] = {{"dtype", type}, {"shape", weight.shape}, {"data_offsets", {end, end + bytes}}};
      end += bytes;
    }
    std::string text = header.dump(), prefix(8, '\0');
    uint64_t length = text.size();
    std::memcpy(prefix.data(), &length, 8);
    std::ofstream(path / "model.safetensors", std::ios::binary) << prefix << text << std::string(end, '\0');
    return readModel(path.string());
  }
  std::string complaint() const {
    Result<Model> model = read();
    return model ? "accepted" : model.error().message;
  }
};

TEST_CASE("weights against the config", "[huggingface]") {
  SmallModel model;
  CHECK(model.complaint() == "accepted");
  SECTION("missing") {
    model.weights.pop_back();
    CHECK_THAT(model.complaint(), Catch::Contains("tensor 'lm_head.weight' of shape [100, 16] is missing"));
    model.config["tie_word_embeddings"] = true;
    CHECK(model.complaint() == "accepted");
  }
  SECTION("wrong shape") {
    model.weight("model.layers.1.self_attn.k_proj.weight").shape = {16, 8};
    CHECK_THAT(model.complaint(), Catch::Contains("tensor 'model.layers.1.self_attn.k_proj.weight' has shape [16, 8]; "
                                                  "the config calls for [8, 16]"));
  }
  SECTION("wrong type") {
    model.type = "I16";
    CHECK_THAT(model.complaint(), Catch::Contains("tensor 'model.embed_tokens.weight' has type I16; supported are"));
  }
  SECTION("more than the architecture has") {
    model.weights.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {2}});
    CHECK(model.complaint() == "accepted");
    model.weights.push_back({"model.layers.0.self_attn.q_proj.bias", {16}});
    CHECK_THAT(model.complaint(), Catch::Contains("tensor 'model.layers.0.self_attn.q_proj.bias' is in the weights"));
  }
  SECTION("architecture") {
    model.config["architectures"] = {"NopeForCausalLM"};
    CHECK_THAT(model.complaint(), Catch::Contains("the architecture 'NopeForCausalLM' is not known; known are: "
                                                  "BertForMaskedLM"));
    for (const Json &wrong : {Json(), Json("LlamaForCausalLM"), Json::array(), Json({1})}) {
      model.config["architectures"] = wrong;
      CHECK_THAT(model.complaint(), Catch::Contains("'architectures' must be a list of strings"));
    }
    model.config.erase("architectures");
    CHECK_THAT(model.complaint(), Catch::Contains("'architectures' is missing"));
  }
}

TEST_CASE("what is no model directory", "[huggingface]") {
  auto complaint = [](const std::string &path) { return readModel(path).error().message; };
  CHECK_THAT(complaint("/nonexistent"), Catch::Contains("no such model directory"));
  CHECK_THAT(complaint(WEFT_SOURCE_DIR "/docs"), Catch::Contains("docs' is no model: config.json is not there"));
  std::string config = WEFT_SOURCE_DIR "/examples/models/bard-1m/config.json";
  CHECK_THAT(complaint(config), Catch::Contains("is not a directory"));
  CHECK(readModel(config, ReadWeights::No));
}
