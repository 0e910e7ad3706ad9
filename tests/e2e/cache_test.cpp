// The key/value cache when a sequence is longer than one core's share: entries stay balanced over the rows of cores and
// lie where docs/program-model.md says, and the tokens are those of one core alone.
#include "compiler/place/Geometry.h"
#include "tests/e2e/Runner.h"

using namespace weft;
using namespace weft::test;

namespace {

constexpr size_t promptTokens = 40, newTokens = 121;
constexpr uint32_t maxSeq = 165; // divides by no number of rows below

/// bard-1m's heads.
constexpr int64_t kvHeads = 2, group = 2, headDim = 32, layers = 4;

const pkg::BufferT &residentBuffer(const runtime::Package &package, const std::string &name) {
  for (const auto &buffer : package.resident)
    if (buffer->name == name)
      return *buffer;
  FAIL("the package has no resident buffer " + name);
  std::abort();
}

const pkg::ProgramT &program(const runtime::Package &package, const std::string &name) {
  for (const auto &each : package.programs)
    if (each->name == name)
      return *each;
  FAIL("the package has no program " + name);
  std::abort();
}

/// One matrix of the cache by token: tokens x (kvHeads * headDim), put together from where the cores should have it.
class CacheView {
public:
  CacheView(Runner &runner, MeshSize mesh)
      : runner(runner), mesh(mesh), heads(place::HeadLayout::make(mesh.width, kvHeads, group, headDim)),
        ranks(program(runner.package(), "decode").rank_y) {
    REQUIRE(ranks.size() == mesh.height);
    capacity = (maxSeq + mesh.height - 1) / mesh.height;
  }

  /// The rows for `tokens` tokens. Says through `counts` how many entries each rank holds.
  std::vector<std::vector<float>> read(const std::string &name, size_t tokens, std::vector<size_t> &counts) {
    const pkg::BufferT &buffer = residentBuffer(runner.package(), name);
    size_t columns = size_t(heads.headsPerCore * heads.width);
    REQUIRE(buffer.kind == pkg::BufferKind::KvCache);
    REQUIRE(buffer.bytes >= capacity * columns * sizeof(float));
    std::vector<std::vector<float>> rows(tokens, std::vector<float>(kvHeads * headDim, NAN));
    counts.assign(mesh.height, 0);
    for (uint32_t y = 0; y < mesh.height; ++y) {
      // docs/program-model.md, "Sequence rows": q each, and one more on the last r ranks.
      size_t q = tokens / mesh.height, r = tokens % mesh.height, rank = size_t(ranks[y]), shorter = mesh.height - r;
      size_t start = rank * q + (rank > shorter ? rank - shorter : 0), count = q + (rank >= shorter ? 1 : 0);
      counts[rank] = count;
      for (uint32_t x = 0; x < mesh.width; ++x) {
        std::vector<float> local = runner.readFloats(x, y, buffer.offset, capacity * columns);
        for (size_t token = start; token < start + count; ++token)
          for (size_t c = 0; c < columns; ++c)
            if (int64_t index =
                    name.ends_with("values") ? heads.valueIndex(x, int64_t(c)) : heads.keyIndex(x, int64_t(c));
                index >= 0)
              rows[token][size_t(index)] = local[token % capacity * columns + c];
      }
    }
    return rows;
  }

private:
  Runner &runner;
  MeshSize mesh;
  place::HeadLayout heads;
  const std::vector<int32_t> &ranks;
  size_t capacity = 0;
};

struct Expected {
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>> caches[2 * layers]; // keys and values of each layer, by token
};

std::string cacheName(size_t index) {
  return "cache" + std::to_string(index / 2) + (index % 2 == 0 ? ".keys" : ".values");
}

std::vector<int32_t> longPrompt() {
  Reference reference = bardReferences().front();
  std::vector<int32_t> prompt = reference.prompt;
  prompt.insert(prompt.end(), reference.greedy.begin(), reference.greedy.end());
  prompt.resize(promptTokens);
  return prompt;
}

/// What one core alone computes; its cache holds token s at slot s.
Expected onOneCore(std::span<const int32_t> prompt) {
  Runner runner({.mesh = {1, 1}, .maxSeq = maxSeq});
  Expected expected;
  expected.tokens = runner.greedy(prompt, newTokens);
  std::vector<size_t> counts;
  for (size_t i = 0; i < std::size(expected.caches); ++i)
    expected.caches[i] = CacheView(runner, {1, 1}).read(cacheName(i), promptTokens + newTokens - 1, counts);
  return expected;
}

void checkCaches(CacheView &view, const Expected &expected, size_t tokens) {
  for (size_t i = 0; i < std::size(expected.caches); ++i) {
    std::vector<size_t> counts;
    std::vector<std::vector<float>> rows = view.read(cacheName(i), tokens, counts);
    CHECK(*std::max_element(counts.begin(), counts.end()) - *std::min_element(counts.begin(), counts.end()) <= 1);
    double worst = 0;
    size_t worstToken = 0;
    for (size_t token = 0; token < tokens; ++token)
      if (double error = difference(rows[token], expected.caches[i][token]); error > worst) {
        worst = error;
        worstToken = token;
      }
    CAPTURE(cacheName(i), tokens, worstToken);
    CHECK(worst <= 1e-4);
  }
}

void checkMesh(MeshSize mesh, const std::vector<int32_t> &prompt, const Expected &expected) {
  CAPTURE(nameOf(mesh));
  Runner runner({.mesh = mesh, .maxSeq = maxSeq});
  CacheView view(runner, mesh);
  auto check = [&](size_t i, const std::vector<float> &) { checkCaches(view, expected, promptTokens + i); };
  CHECK(runner.greedy(prompt, newTokens, check) == expected.tokens);
}

} // namespace

TEST_CASE("a cache spread over rows stays balanced and holds what one core holds", "[cache]") {
  std::vector<int32_t> prompt = longPrompt();
  Expected expected = onOneCore(prompt);
  // Tokens differ from each other, or a wrong place would go unseen.
  REQUIRE(difference(expected.caches[0][0], expected.caches[0][1]) > 1e-2);
  for (MeshSize mesh : {MeshSize{4, 4}, MeshSize{5, 7}, MeshSize{16, 16}})
    checkMesh(mesh, prompt, expected);
}

TEST_CASE("a second prompt finds nothing of the first in the cache", "[cache]") {
  std::vector<int32_t> prompt = longPrompt();
  for (MeshSize mesh : {MeshSize{3, 2}, MeshSize{4, 7}}) {
    CAPTURE(nameOf(mesh));
    Runner once({.mesh = mesh}), twice({.mesh = mesh});
    (void)twice.greedy(prompt, 20);
    std::vector<int32_t> shorter(prompt.begin(), prompt.begin() + 3);
    std::vector<float> first = once.prefill(shorter);
    CHECK(twice.prefill(shorter) == first); // to the bit
    CHECK(twice.decode(7) == once.decode(7));
  }
}
