// Exported models against their references, through the importer and the graph interpreter. The models lie beside the
// repository; without them the test says so.
#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/graph/TensorInterpreter.h"
#include "runtime/Npy.h"
#include "runtime/support/MappedFile.h"

#include "mlir/IR/MLIRContext.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

using namespace weft;
namespace onnx = weft::frontend::onnx;
namespace fs = std::filesystem;

namespace {

template <typename T> T load(std::span<const std::byte> bytes, size_t at) {
  T value;
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// The arrays of an .npz whose entries are stored, by the central directory of the zip file.
std::map<std::string, runtime::NpyArray> readNpz(const fs::path &path) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(path.string());
  REQUIRE(file);
  auto bytes = file->bytes();
  const size_t end = bytes.size() - 22; // no comment behind the directory
  auto count = load<uint16_t>(bytes, end + 10);
  size_t entry = load<uint32_t>(bytes, end + 16);
  std::map<std::string, runtime::NpyArray> arrays;
  for (int i = 0; i < count; ++i) {
    REQUIRE(load<uint16_t>(bytes, entry + 10) == 0); // stored
    auto size = load<uint32_t>(bytes, entry + 20);
    auto name = load<uint16_t>(bytes, entry + 28), extra = load<uint16_t>(bytes, entry + 30),
         comment = load<uint16_t>(bytes, entry + 32);
    size_t local = load<uint32_t>(bytes, entry + 42);
    std::string text(reinterpret_cast<const char *>(bytes.data()) + entry + 46, name);
    size_t data = local + 30 + load<uint16_t>(bytes, local + 26) + load<uint16_t>(bytes, local + 28);
    Result<runtime::NpyArray> array = runtime::parseNpy(bytes.subspan(data, size), text);
    REQUIRE(array);
    arrays[text.substr(0, text.find(".npy"))] = std::move(*array);
    entry += 46u + name + extra + comment;
  }
  return arrays;
}

/// A weight's bytes where its file has them.
struct Weights {
  explicit Weights(const onnx::Model &model) : source(onnx::weightsOf(model)) {
    for (const auto &info : source->files()) {
      Result<runtime::MappedFile> file = runtime::MappedFile::open(info.path);
      REQUIRE(file);
      files.push_back(std::move(*file));
    }
  }
  std::span<const std::byte> operator()(const std::string &name) const {
    const frontend::WeightInfo *info = source->find(name);
    REQUIRE(info);
    uint64_t count = 1;
    for (uint64_t size : info->shape)
      count *= size;
    return files[info->file].bytes().subspan(info->offset, count * 4);
  }
  std::unique_ptr<frontend::WeightSource> source;
  std::vector<runtime::MappedFile> files;
};

} // namespace

TEST_CASE("exported models give their references in the graph interpreter", "[onnx]") {
  const fs::path shared = fs::path(WEFT_SOURCE_DIR) / "../shared/models";
  auto name = GENERATE(as<std::string>(), "bert", "gpt2", "llama", "qwen2", "vit");
  CAPTURE(name);
  if (!fs::exists(shared / name / "model.onnx")) {
    WARN("no model " << (shared / name).string() << ": left out");
    return;
  }
  Result<onnx::Model> model = onnx::readModel((shared / name / "model.onnx").string());
  INFO((model ? "" : model.error().message));
  REQUIRE(model);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = onnx::buildGraph(context, *model, {});
  INFO((module ? "" : module.error().message));
  REQUIRE(module);
  auto interpreter = graph::TensorInterpreter::create(**module);
  INFO((interpreter ? "" : interpreter.error().message));
  REQUIRE(interpreter);

  auto arrays = readNpz(shared / name / "reference.npz");
  const auto &input = arrays.at(interpreter->inputs()[0].name);
  std::span<const std::byte> bytes(input.bytes);
  Weights weights(*model);
  auto outputs = interpreter->run(std::array{bytes}, [&](const std::string &weight) { return weights(weight); });
  INFO((outputs ? "" : outputs.error().message));
  REQUIRE(outputs);
  const auto expected = arrays.at("output").values<float>();
  std::vector<float> got(expected.size());
  REQUIRE((*outputs)[0].size() == got.size() * sizeof(float));
  std::memcpy(got.data(), (*outputs)[0].data(), (*outputs)[0].size());
  double largest = 0, wrong = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, double(std::fabs(expected[i])));
    wrong = std::max(wrong, double(std::fabs(got[i] - expected[i])));
  }
  INFO("off by " << wrong / largest << " of the largest");
  CHECK(wrong <= 1e-4 * largest);
}
