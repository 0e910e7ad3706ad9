// Random tensor programs on random meshes: what the mesh engine gives is what the program means.
#include "tests/e2e/RandomTensors.h"
#include "tests/e2e/Tensors.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::test;

namespace {

/// A program, a mesh and inputs of one seed. WEFT_TEST_SHOW prints the program.
void check(uint32_t seed) {
  const RandomProgram random = randomTensorProgram(seed, 8);
  std::mt19937 choices(seed);
  const MeshSize mesh{1 + static_cast<uint32_t>(choices() % 7), 1 + static_cast<uint32_t>(choices() % 5)};
  INFO("seed " << seed << " on mesh " << nameOf(mesh));
  if (std::getenv("WEFT_TEST_SHOW"))
    fmt::print("{}\n", random.text);
  TensorCase program(random.text);
  std::vector<Bytes> inputs = randomInputs(program.inputs(), choices);
  std::vector<Bytes> expected = program.interpret(inputs), seen = program.run(mesh, inputs);
  REQUIRE(seen.size() == expected.size());
  for (size_t i = 0; i < seen.size(); ++i) {
    INFO("result " << i << ", " << random.results[i].name);
    checkClose(seen[i], expected[i], program.outputs()[i].dtype, 0, random.results[i].error);
  }
}

/// From WEFT_SEED on, if that is set.
void checkAll(uint32_t first, uint32_t count) {
  if (const char *given = std::getenv("WEFT_SEED")) {
    first = static_cast<uint32_t>(std::stoul(given));
    const char *number = std::getenv("WEFT_COUNT");
    count = number ? static_cast<uint32_t>(std::stoul(number)) : 1;
  }
  for (uint32_t seed = first; seed < first + count; ++seed)
    DYNAMIC_SECTION("seed " << seed) { check(seed); }
}

} // namespace

TEST_CASE("random tensor programs give on a mesh what they mean") { checkAll(1, 30); }

TEST_CASE("many random tensor programs give on a mesh what they mean", "[.long]") { checkAll(1000, 400); }
