#include "tests/e2e/Runner.h"

#include "tools/LoadedEngine.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>

#include <unistd.h>

namespace weft::test {

std::unique_ptr<runtime::Package> compileModel(const Setup &setup) {
  compiler::CompileOptions options;
  options.model = setup.model;
  std::vector<hw::Override> overrides = setup.overrides;
  overrides.push_back({"routing.reduce_stage", std::to_string(setup.reduceStage)});
  options.hardware = take(hw::load(setup.hardware, overrides));
  options.meshWidth = setup.mesh.width;
  options.meshHeight = setup.mesh.height;
  options.maxSeq = setup.maxSeq;
  options.dtype = setup.dtype;
  options.gemm = setup.gemm;
  options.reduce = setup.reduce;
  options.place = setup.place;
  options.as = setup.as;
  return take(compiler::compile(options)).package;
}

Runner::Runner(std::unique_ptr<runtime::Package> package, bool timingOnly) : owned(std::move(package)) {
  tools::DeviceOptions options;
  options.timingOnly = timingOnly;
  options.costCache = "none"; // tests leave the user's own cache alone
  device = take(tools::makeLoadedEngine(*owned, options));
  launches.emplace(take(runtime::Session::create(*owned, *device, timingOnly)));
}

std::vector<float> Runner::prefill(std::span<const int32_t> tokens) {
  std::span<const float> logits = take(launches->prefill(tokens));
  return {logits.begin(), logits.end()};
}

std::vector<float> Runner::decode(int32_t token) {
  std::span<const float> logits = take(launches->decode(token));
  return {logits.begin(), logits.end()};
}

std::vector<int32_t> Runner::greedy(std::span<const int32_t> prompt, size_t count,
                                    const std::function<void(size_t, const std::vector<float> &)> &onLogits) {
  std::vector<int32_t> tokens;
  std::vector<float> logits = prefill(prompt);
  for (size_t i = 0; i < count; ++i) {
    if (onLogits)
      onLogits(i, logits);
    tokens.push_back(argmax(logits));
    if (i + 1 < count)
      logits = decode(tokens.back());
  }
  return tokens;
}

std::vector<float> Runner::readFloats(uint32_t x, uint32_t y, uint32_t offset, size_t count) {
  std::vector<std::byte> bytes = take(device->readSram(x, y, offset, uint32_t(count * sizeof(float))));
  std::vector<float> values(count);
  REQUIRE(bytes.size() == count * sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

int32_t argmax(std::span<const float> logits) {
  return int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

std::vector<int32_t> toIds(const std::vector<double> &values) { return {values.begin(), values.end()}; }

bool haveShared(const std::string &model) {
  if (std::filesystem::exists(sharedModels + model))
    return true;
  std::cout << "SKIPPED: the model beside the checkout (../shared/models/" << model << ") is not there\n";
  return false;
}

std::vector<Reference> bardReferences() {
  std::ifstream file(bard + "/reference.json");
  const nlohmann::json json = nlohmann::json::parse(file); // named: a loop over a part of a temporary would dangle
  std::vector<Reference> references;
  for (const auto &entry : json.at("references"))
    references.push_back({entry.at("prompt_ids"), entry.at("greedy_ids"), entry.at("last_logits")});
  REQUIRE(references.size() == 4);
  return references;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weft-e2e-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make a folder like " + pattern);
  folder = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void writeModel(const TestModel &model, const std::string &path) {
  std::filesystem::create_directories(path);
  std::ofstream(path + "/config.json") << model.config.json().dump(2);

  static constexpr const char *typeNames[] = {"F32", "F16", "BF16"}; // by WeightType
  nlohmann::json header = nlohmann::json::object();
  uint64_t offset = 0;
  for (const auto &[name, weight] : model.weights) {
    header[name] = {{"dtype", typeNames[size_t(weight.info.type)]},
                    {"shape", weight.info.shape},
                    {"data_offsets", {offset, offset + weight.bytes.size()}}};
    offset += weight.bytes.size();
  }
  std::string text = header.dump();
  uint64_t length = text.size();
  std::ofstream file(path + "/model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), sizeof length) << text;
  for (const auto &[name, weight] : model.weights)
    file.write(reinterpret_cast<const char *>(weight.bytes.data()), std::streamsize(weight.bytes.size()));
  REQUIRE(file.flush());
}

} // namespace weft::test
