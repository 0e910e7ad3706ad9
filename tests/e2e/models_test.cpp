// Trained and reference models, compiled and run with data, against the tokens and logits of their references.
#include "tests/e2e/Runner.h"

using namespace weft;
using namespace weft::test;

namespace {

constexpr double tolerance = 5e-5; // of the largest logit

const std::vector<MeshSize> meshes = {{1, 1}, {4, 4}, {8, 8}, {16, 16}, {5, 7}, {3, 2}};

/// The first `prompts` prompts of the reference.
void checkBard(const Setup &setup, size_t prompts = SIZE_MAX) {
  CAPTURE(setup.hardware, nameOf(setup.mesh));
  Runner runner(setup);
  const std::vector<Reference> references = bardReferences();
  for (size_t i = 0; i < std::min(prompts, references.size()); ++i) {
    const Reference &reference = references[i];
    CAPTURE(reference.prompt);
    REQUIRE(reference.greedy.size() == 64);
    auto checkFirst = [&](size_t step, const std::vector<float> &logits) {
      if (step == 0)
        CHECK(difference(logits, reference.lastLogits) <= tolerance);
    };
    CHECK(runner.greedy(reference.prompt, reference.greedy.size(), checkFirst) == reference.greedy);
  }
}

/// One prompt of stories260k: `ids` were fed position by position, so the prompt is what comes before the first
/// position whose logits chose the next id, and `logits` has a row for each.
struct Story {
  std::string name;
  size_t promptTokens;
  std::vector<int32_t> ids;
  std::vector<double> logits;
};

Story readStory(const std::string &name, size_t promptTokens) {
  std::string base = sharedModels + "stories260k/reference/" + name;
  return {name, promptTokens, toIds(loadNumpy(base + ".tokens.npy")), loadNumpy(base + ".logits.npy")};
}

/// Prompt lengths: the shortest after which every next id is the reference's greedy choice.
size_t promptTokensOf(const std::string &name) {
  Story story = readStory(name, 0);
  size_t vocabulary = story.logits.size() / story.ids.size(), prompt = story.ids.size();
  while (prompt > 1) {
    auto row = std::span(story.logits).subspan((prompt - 2) * vocabulary, vocabulary);
    if (std::max_element(row.begin(), row.end()) - row.begin() != story.ids[prompt - 1])
      break;
    --prompt;
  }
  return prompt;
}

void checkStory(Runner &runner, const Story &story) {
  CAPTURE(story.name, story.promptTokens);
  size_t vocabulary = story.logits.size() / story.ids.size(), generated = story.ids.size() - story.promptTokens;
  REQUIRE(generated > 0);
  auto check = [&](size_t i, const std::vector<float> &logits) {
    auto wanted = std::span(story.logits).subspan((story.promptTokens - 1 + i) * vocabulary, vocabulary);
    CAPTURE(i);
    CHECK(difference(logits, wanted) <= tolerance);
  };
  auto prompt = std::span(story.ids).first(story.promptTokens);
  std::vector<int32_t> wanted(story.ids.begin() + ptrdiff_t(story.promptTokens), story.ids.end());
  CHECK(runner.greedy(prompt, generated, check) == wanted);
}

/// Every position of the story as the last one of a prefill too.
void checkPrefills(Runner &runner, const Story &story, size_t step) {
  CAPTURE(story.name);
  size_t vocabulary = story.logits.size() / story.ids.size();
  for (size_t count = 1; count <= story.ids.size(); count += step) {
    CAPTURE(count);
    auto wanted = std::span(story.logits).subspan((count - 1) * vocabulary, vocabulary);
    CHECK(difference(runner.prefill(std::span(story.ids).first(count)), wanted) <= tolerance);
  }
}

void checkStories(MeshSize mesh, const std::vector<std::string> &names) {
  CAPTURE(nameOf(mesh));
  Runner runner({.model = sharedModels + "stories260k", .mesh = mesh, .maxSeq = 256});
  for (const std::string &name : names)
    checkStory(runner, readStory(name, promptTokensOf(name)));
}

void checkLlama(MeshSize mesh) {
  CAPTURE(nameOf(mesh));
  std::string model = sharedModels + "llama", reference = model + "/reference.npz";
  std::vector<int32_t> ids = toIds(loadNumpy(reference, "input_ids"));
  std::vector<int32_t> wanted = toIds(loadNumpy(reference, "greedy_ids"));
  std::vector<double> output = loadNumpy(reference, "output");
  size_t vocabulary = output.size() / ids.size();
  Runner runner({.model = model, .mesh = mesh, .maxSeq = uint32_t(ids.size() + wanted.size())});
  auto rowOf = [&](size_t i) { return std::span(output).subspan(i * vocabulary, vocabulary); };
  // Each position once as the last of a prompt and once decoded.
  for (size_t count = 1; count <= ids.size(); ++count)
    CHECK(difference(runner.prefill(std::span(ids).first(count)), rowOf(count - 1)) <= tolerance);
  runner.prefill(std::span(ids).first(1));
  for (size_t i = 1; i < ids.size(); ++i)
    CHECK(difference(runner.decode(ids[i]), rowOf(i)) <= tolerance);
  CHECK(runner.greedy(ids, wanted.size()) == wanted);
}

} // namespace

TEST_CASE("bard-1m says its reference's tokens", "[models]") { checkBard({.mesh = {5, 7}}); }

TEST_CASE("bard-1m says its reference's tokens on every mesh", "[.long]") {
  for (MeshSize mesh : meshes)
    checkBard({.mesh = mesh});
}

TEST_CASE("bard-1m fits the 48 KiB cores of rvv-mesh-16", "[models]") {
  checkBard({.mesh = {16, 16}, .hardware = "rvv-mesh-16"}, 1);
}

TEST_CASE("stories260k tells its reference's stories", "[models]") {
  if (!haveShared("stories260k"))
    return;
  checkStories({1, 1}, {"p0_empty", "p1_once", "p2_dog"});
  checkStories({8, 8}, {"p3_zoo"});
  checkStories({5, 7}, {"p4_long"});
}

TEST_CASE("stories260k tells every story on every mesh", "[.long]") {
  if (!haveShared("stories260k"))
    return;
  for (MeshSize mesh : meshes)
    checkStories(mesh, {"p0_empty", "p1_once", "p2_dog", "p3_zoo", "p4_long"});
}

TEST_CASE("stories260k computes the same in one prefill as token by token", "[models]") {
  if (!haveShared("stories260k"))
    return;
  for (MeshSize mesh : {MeshSize{4, 4}, MeshSize{3, 2}}) {
    CAPTURE(nameOf(mesh));
    Runner runner({.model = sharedModels + "stories260k", .mesh = mesh, .maxSeq = 256});
    checkPrefills(runner, readStory("p4_long", 0), 17);
  }
}

TEST_CASE("the tiny Llama of the reference framework, greedy and position by position", "[models]") {
  if (!haveShared("llama"))
    return;
  for (MeshSize mesh : {MeshSize{8, 8}, MeshSize{3, 2}})
    checkLlama(mesh);
}

TEST_CASE("the tiny Llama of the reference framework on every mesh", "[.long]") {
  if (!haveShared("llama"))
    return;
  for (MeshSize mesh : meshes)
    checkLlama(mesh);
}
