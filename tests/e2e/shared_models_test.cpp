// All models beside the checkout, from all formats they are there in, on meshes, against their references and against
// each other.
#include "tests/e2e/SharedModels.h"

#include <iostream>

using namespace weft;
using namespace weft::test;

namespace {

constexpr double bound = 1e-3; // Distance::relative
constexpr MeshSize meshes[] = {{1, 1}, {4, 4}, {5, 3}};

void check(const SharedModelRuns &runs) {
  runs.print();
  for (const SharedRun &run : runs.all()) {
    CAPTURE(run.what.model, run.what.format, nameOf(run.mesh));
    // Matrices of 16 bits are other matrices than those of the reference. What these compute is held against the same
    // ones from safetensors; from the reference they may be as far as they are rounded.
    const bool rounded = run.what.format == "GGUF F16" || run.what.format == "GGUF BF16";
    if (rounded)
      CHECK(run.fromReference.ofLargest <= 2e-2);
    else
      CHECK(run.fromReference.relative <= bound);
    if (run.fromSafetensors)
      CHECK(run.fromSafetensors->relative <= bound);
    CHECK(run.idsAgree);
  }
}

} // namespace

TEST_CASE("models beside the checkout in each format, each model on a mesh of its own", "[shared]") {
  const std::vector<SharedModel> models = sharedModelsInAllFormats();
  if (models.empty()) {
    std::cout << "SKIPPED: the models beside the checkout (../shared/models) are not there\n";
    return;
  }
  SharedModelRuns runs;
  std::map<std::string, MeshSize> meshOf;
  for (const SharedModel &model : models) {
    // e2e_models_test and e2e_gguf_test have the others.
    if (model.model == "bard-1m" || model.format == "GGUF F16" || model.format == "GGUF BF16")
      continue;
    meshOf.try_emplace(model.model, meshes[meshOf.size() % std::size(meshes)]);
    runs.run(model, meshOf.at(model.model));
  }
  check(runs);
}

TEST_CASE("models beside the checkout, each in each format on each mesh", "[.long]") {
  const std::vector<SharedModel> models = sharedModelsInAllFormats();
  if (models.empty()) {
    std::cout << "SKIPPED: the models beside the checkout (../shared/models) are not there\n";
    return;
  }
  SharedModelRuns runs;
  for (MeshSize mesh : meshes)
    for (const SharedModel &model : models)
      runs.run(model, mesh);
  check(runs);
}
