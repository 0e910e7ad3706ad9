// The models beside the checkout (../shared/models), from every format they are there in, and how far what a mesh
// computes is from their references.
#pragma once

#include "tests/e2e/Runner.h"

#include <map>
#include <utility>

namespace weft::test {

/// A model in one format, on its way to a mesh.
struct SharedModel {
  std::string model;  // "gpt2"
  std::string format; // "safetensors", "ONNX", "GGUF f32", …
  std::string path;
};

/// Those that are there; none without ../shared.
std::vector<SharedModel> sharedModelsInAllFormats();

/// How far numbers are from the expected ones.
struct Distance {
  /// The largest |actual - expected| / max(|expected|, floor); the floor is 1e-3 of the largest expected number, below
  /// which f32 sums of numbers of that size mean nothing.
  double relative = 0;
  double ofLargest = 0; // the largest |actual - expected| / the largest |expected|

  void widen(const Distance &other);
};
Distance distanceOf(std::span<const float> actual, std::span<const float> expected);

/// One model, format and mesh against the reference.
struct SharedRun {
  SharedModel what;
  MeshSize mesh;
  std::vector<float> output{}; // all that is compared, in an order that all formats of a model share
  Distance fromReference{};
  std::optional<Distance> fromSafetensors{}; // of formats beside it
  size_t greedyIds = 0;                      // compared and equal
  bool idsAgree = true;
  double seconds = 0;
};

/// Compiles, runs, compares. Formats are held against earlier runs of the same model on the same mesh.
class SharedModelRuns {
public:
  void run(const SharedModel &model, MeshSize mesh);
  const std::vector<SharedRun> &all() const { return runs; }
  /// A row a run, on standard output.
  void print() const;

private:
  std::vector<SharedRun> runs;
};

} // namespace weft::test
