// Text generators whose ops are placed one by one: the tokens are those of the layers' own lowering.
#include "tests/e2e/Runner.h"

using namespace weft;
using namespace weft::test;

namespace {

void check(MeshSize mesh, size_t tokens) {
  INFO("mesh " << nameOf(mesh));
  Setup setup;
  setup.hardware = "rvv-mesh-16";
  setup.mesh = mesh;
  setup.overrides = {{"memory.sram_kib", "16384"}, {"memory.reserve_kib.code", "256"}};
  setup.place = compiler::PlaceChoice::General;
  std::vector<Reference> references = bardReferences();
  const Reference &reference = references.front();
  setup.maxSeq = static_cast<uint32_t>(reference.prompt.size() + tokens + 3);
  Runner runner(setup);
  // A token is written into the caches where they lie: the kernel has its row, what says where it goes, and the cache.
  size_t appends = 0;
  for (const auto &kernel : runner.package().kernels)
    if (kernel->name.starts_with("insert_slice_in")) {
      ++appends;
      CHECK(kernel->operand_bytes.size() == 3);
    }
  CHECK(appends > 0);
  auto checkFirst = [&](size_t i, const std::vector<float> &logits) {
    if (i == 0)
      CHECK(difference(logits, reference.lastLogits) <= 5e-5);
  };
  std::vector<int32_t> expected(reference.greedy.begin(), reference.greedy.begin() + static_cast<ptrdiff_t>(tokens));
  CHECK(runner.greedy(reference.prompt, tokens, checkFirst) == expected);
}

} // namespace

TEST_CASE("a Llama placed op by op gives the reference's tokens") {
  check({1, 1}, 4);
  check({3, 2}, 6);
}

TEST_CASE("a Llama placed op by op gives the reference's tokens on larger meshes", "[.long]") {
  check({4, 4}, 24);
  check({5, 3}, 24);
}
