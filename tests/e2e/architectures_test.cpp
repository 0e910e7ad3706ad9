// Models of all architectures as directories, through the whole compiler onto odd meshes, against what the reference
// framework said (tests/data/architectures, or the folder that WEFT_TEST_ARCHITECTURES names).
#include "runtime/TensorProgram.h"
#include "tests/e2e/Runner.h"
#include "tests/unit/architectures_support.h"
#include "tools/LoadedEngine.h"

#include <cstdlib>
#include <fstream>
#include <set>

using namespace weft;
using namespace weft::test;
namespace fs = std::filesystem;

namespace {

constexpr double tolerance = 2e-5; // of the largest value
constexpr MeshSize meshes[] = {{3, 2}, {5, 3}, {1, 1}};

/// config.json and model.safetensors in f32.
void writeDirectory(const Fixture &fixture, const std::string &folder) {
  fs::create_directories(folder);
  std::ofstream(folder + "/config.json") << fixture.json.at("config").dump();
  nlohmann::json header = nlohmann::json::object();
  uint64_t offset = 0;
  for (const std::string &name : fixture.names()) {
    const uint64_t end = offset + fixture.bytes(name).size();
    header[name] = {{"dtype", "F32"}, {"shape", fixture.find(name)->shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::ofstream file(folder + "/model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), sizeof length) << text;
  for (const std::string &name : fixture.names())
    file.write(reinterpret_cast<const char *>(fixture.bytes(name).data()), std::streamsize(fixture.bytes(name).size()));
  REQUIRE(file.flush());
}

void checkText(const Fixture &fixture, const std::string &folder, MeshSize mesh) {
  const std::vector<int32_t> ids = fixture.json.at("ids");
  const size_t prompt = fixture.json.at("prompt");
  const std::vector<std::vector<double>> expected = fixture.json.at("logits");
  // As the layers that they are: no family needs the general path.
  Runner runner(
      {.model = folder, .mesh = mesh, .maxSeq = uint32_t(ids.size() + 2), .place = compiler::PlaceChoice::Whole});
  CHECK(difference(runner.prefill(std::span(ids).first(prompt)), expected[0]) <= tolerance);
  for (size_t known = prompt; known < ids.size(); ++known) {
    CAPTURE(known);
    CHECK(difference(runner.decode(ids[known]), expected[known - prompt + 1]) <= tolerance);
  }
}

runtime::NamedArrays inputsOf(const Fixture &fixture) {
  runtime::NamedArrays inputs;
  for (const auto &[name, input] : fixture.json.at("inputs").items()) {
    const std::vector<uint64_t> shape = input.at("shape");
    inputs.emplace_back(name, input.contains("values")
                                  ? runtime::NpyArray::of<int64_t>(shape, input["values"].get<std::vector<int64_t>>())
                                  : runtime::NpyArray::of<float>(shape, fixtureValues(name, shape)));
  }
  return inputs;
}

void checkTensors(const Fixture &fixture, const std::string &folder, MeshSize mesh) {
  const auto &inputs = fixture.json.at("inputs");
  compiler::CompileOptions options;
  options.model = folder;
  options.hardware = take(hw::load("rvv-lab", {}));
  options.meshWidth = mesh.width;
  options.meshHeight = mesh.height;
  options.dims["batch"] = 2;
  if (inputs.contains("input_ids"))
    options.dims["seq"] = inputs["input_ids"].at("shape")[1];
  auto package = take(compiler::compile(options)).package;
  tools::DeviceOptions deviceOptions;
  deviceOptions.costCache = "none";
  auto device = take(tools::makeLoadedEngine(*package, deviceOptions));
  const pkg::ProgramT &program = *package->programs.at(0);
  runtime::Launch launch{program.name, 1, take(runtime::tensorInputs(program, inputsOf(fixture)))};
  const auto results = take(runtime::tensorOutputs(program, take(device->run(launch))));
  REQUIRE(results.size() == fixture.json.at("outputs").size());
  for (const auto &[name, array] : results) {
    CAPTURE(name);
    CHECK(difference(array.values<float>(), fixture.json["outputs"].at(name).get<std::vector<double>>()) <= tolerance);
  }
}

void check(const fs::path &path, MeshSize mesh) {
  INFO(path.filename() << " on " << nameOf(mesh));
  const Fixture fixture(path);
  TemporaryFolder folder;
  writeDirectory(fixture, folder.path("model"));
  if (fixture.json.contains("prompt"))
    checkText(fixture, folder.path("model"), mesh);
  else
    checkTensors(fixture, folder.path("model"), mesh);
}

} // namespace

TEST_CASE("directories of some architectures on meshes", "[architectures]") {
  const auto [name, mesh] = GENERATE(table<const char *, MeshSize>({{"bert_answer", {3, 2}},
                                                                    {"roberta_classify", {5, 3}},
                                                                    {"t5_gated", {3, 2}},
                                                                    {"vit", {5, 3}},
                                                                    {"deepseek_v2", {5, 3}},
                                                                    {"deepseek_v3", {3, 2}},
                                                                    {"gemma2", {5, 3}}}));
  check(fixtureFolder / (std::string(name) + ".json"), mesh);
}

TEST_CASE("directories of all architectures on meshes", "[.long]") {
  const std::vector<fs::path> paths = fixturePaths();
  const size_t i = GENERATE_REF(range(size_t{0}, paths.size()));
  check(paths[i], meshes[i % std::size(meshes)]);
}
