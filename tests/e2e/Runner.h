// A model compiled and loaded in one process, and the references it is compared with.
#pragma once

#include "compiler/pipeline/Compile.h"
#include "runtime/Session.h"
#include "tests/unit/xf_reference.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::test {

inline const std::string bard = WEFT_SOURCE_DIR "/examples/models/bard-1m";
inline const std::string sharedModels = WEFT_SOURCE_DIR "/../shared/models/";

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

struct MeshSize {
  uint32_t width, height;
};
inline std::string nameOf(MeshSize mesh) { return std::to_string(mesh.width) + "x" + std::to_string(mesh.height); }

struct Setup {
  std::string model = bard;
  MeshSize mesh{1, 1};
  uint32_t maxSeq = 128;
  std::string hardware = "rvv-lab";
  std::vector<hw::Override> overrides{};
  std::string dtype{};
  compiler::GemmChoice gemm = compiler::GemmChoice::Auto;
  compiler::ReduceChoice reduce = compiler::ReduceChoice::Auto;
  uint32_t reduceStage = 0;
  compiler::PlaceChoice place = compiler::PlaceChoice::Auto;
  compiler::ImportAs as = compiler::ImportAs::Auto;
};
std::unique_ptr<runtime::Package> compileModel(const Setup &setup);

/// A package on a mesh engine. Failures end the test case.
class Runner {
public:
  explicit Runner(const Setup &setup) : Runner(compileModel(setup)) {}
  explicit Runner(std::unique_ptr<runtime::Package> package, bool timingOnly = false);

  std::vector<float> prefill(std::span<const int32_t> tokens);
  std::vector<float> decode(int32_t token);
  /// The ids of `count` greedy tokens, the end-of-sequence token like any other. `onLogits` sees what chose each.
  std::vector<int32_t> greedy(std::span<const int32_t> prompt, size_t count,
                              const std::function<void(size_t, const std::vector<float> &)> &onLogits = {});

  const runtime::Package &package() const { return *owned; }
  const runtime::Session &session() const { return *launches; }
  /// `count` floats of a core's SRAM from byte `offset`.
  std::vector<float> readFloats(uint32_t x, uint32_t y, uint32_t offset, size_t count);

private:
  std::unique_ptr<runtime::Package> owned;
  std::unique_ptr<runtime::Device> device;
  std::optional<runtime::Session> launches;
};

int32_t argmax(std::span<const float> logits);

/// The largest difference, as a share of the largest expected value.
template <typename Expected> double difference(const std::vector<float> &actual, const Expected &expected) {
  REQUIRE(size_t(std::distance(expected.begin(), expected.end())) == actual.size());
  double worst = 0, largest = 0;
  auto wanted = expected.begin();
  for (float value : actual) {
    double error = std::abs(value - double(*wanted));
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(double(*wanted++)));
  }
  return worst / largest;
}

std::vector<int32_t> toIds(const std::vector<double> &values);

/// Whether ../shared has the model; says so on standard output if not.
bool haveShared(const std::string &model);

struct Reference {
  std::vector<int32_t> prompt, greedy;
  std::vector<double> lastLogits; // after the prompt
};
/// bard-1m's reference.json.
std::vector<Reference> bardReferences();

/// A folder that goes away with the object.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;
  std::string path(const std::string &name) const { return (folder / name).string(); }

private:
  std::filesystem::path folder;
};

/// Writes config.json and model.safetensors of `model` to the new folder `path`.
void writeModel(const TestModel &model, const std::string &path);

} // namespace weft::test
