// Tuning of algorithms on a mesh: what each choice computes, and that the best is found.
#include "explore/tune/MeshCheck.h"
#include "explore/tune/MeshSubject.h"
#include "explore/tune/Tune.h"
#include "tests/unit/tune_support.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <unistd.h>

using namespace weft;
using namespace weft::explore;
using algorithms::Kind;
using algorithms::Request;
using weft::test::take;

namespace {

Request request(Kind kind, uint32_t width, uint32_t height, std::vector<int64_t> shape) {
  Request made;
  made.kind = kind;
  made.width = width, made.height = height;
  made.shape = std::move(shape);
  return made;
}

hw::Hardware machine() { return take(hw::load("wse2")); }

} // namespace

TEST_CASE("every choice that can be evaluated computes what it should", "[tune]") {
  for (const Request &each : {request(Kind::Gemm, 6, 6, {31, 40, 17}), request(Kind::Gemv, 6, 10, {64, 33}),
                              request(Kind::AllReduce, 2, 12, {1, 8}), request(Kind::Reduce, 1, 9, {1, 3})}) {
    CAPTURE(nameOf(each.kind));
    auto subject = take(makeMeshSubject(each, machine()));
    unsigned right = 0;
    for (const Choice &axis : subject->choices())
      for (const std::string &value : axis.values) {
        for (const char *algorithm : {"", "ktree", "meshgemm", "cannon", "summa", "ring"}) {
          Choices choices;
          if (*algorithm)
            choices["algorithm"] = algorithm;
          if (!value.empty())
            choices[axis.name] = value;
          if (!subject->allows(choices) || take(subject->evaluate(choices, 0)).status != Outcome::Status::Ok)
            continue;
          CAPTURE(choicesText(choices));
          const Verdict verdict = take(subject->verify(choices));
          if (!verdict.isRight)
            FAIL_CHECK(verdict.why);
          ++right;
        }
      }
    CHECK(right >= 6);
  }
}

TEST_CASE("a check with data finds a program that computes something else", "[tune]") {
  Request along = request(Kind::AllReduce, 3, 4, {1, 5});
  along.element = algorithms::Element::F32;
  along.algorithm = "chain";
  CHECK(take(checkAlgorithm(along, machine())).isRight); // a right one passes
  Request transposed = request(Kind::Gemm, 3, 3, {6, 6, 6});
  transposed.element = algorithms::Element::F32;
  transposed.algorithm = "gemm-t"; // A times B transposed is not A times B
  const Verdict verdict = take(checkAlgorithm(transposed, machine()));
  CHECK(!verdict.isRight);
  CHECK(verdict.why.find("double precision") != std::string::npos);
}

TEST_CASE("a layer is checked by its sums along both axes, as its choices spread them", "[tune]") {
  Request layer = request(Kind::DecodeLayer, 24, 24, {96, 192, 32});
  layer.settings = algorithms::Settings({{"k", "3"}, {"groups", "6"}, {"batch", "2"}});
  const std::vector<Request> parts = checkedRequests(layer);
  REQUIRE(parts.size() == 2);
  for (size_t i = 0; i < parts.size(); ++i) {
    CHECK(parts[i].kind == Kind::AllReduce);
    CHECK(parts[i].settings.all() ==
          std::map<std::string, std::string>{{"axis", i ? "y" : "x"}, {"k", "3"}, {"groups", "3"}});
  }
  const Verdict verdict = take(checkChoices(layer, machine()));
  CHECK(verdict.isRight);
  CHECK(verdict.why.find("of its parts alone: ktree along x, ktree along y") != std::string::npos);
  layer.kind = Kind::PrefillLayer;
  CHECK(take(checkChoices(layer, machine())).why.find("meshgemm") != std::string::npos);
  layer.settings = algorithms::Settings({{"k", "99"}});
  CHECK(!take(checkChoices(layer, machine())).isRight);
}

TEST_CASE("the best of a gemv's choices is at least as fast as the default", "[tune]") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("weft-tune-mesh-" + std::to_string(::getpid()))).string();
  Store store = take(Store::create(path, {"tune", "", "", "", "", ""}));
  auto subject = take(makeMeshSubject(request(Kind::Gemv, 24, 24, {24, 96}), machine()));
  TuneOptions options;
  options.strategy = Strategy::Exhaustive;
  options.jobs = 2;
  const TuneResult all = take(tune(*subject, store, options));
  CHECK(all.cycles < all.defaultCycles);
  CHECK(all.rejected == 0);
  CHECK(!all.verifiedAgainst.empty());
  std::filesystem::remove(path);
}

TEST_CASE("meshes and shapes that cannot be are refused", "[tune]") {
  CHECK(!makeMeshSubject(request(Kind::Gemv, 2000, 2, {8, 8}), machine()));
  CHECK(!makeMeshSubject(request(Kind::Gemv, 2, 2, {8, 8, 8}), machine()));
  CHECK(!makeMeshSubject(request(Kind::Gemm, 2, 2, {8, 0, 8}), machine()));
  CHECK(!makeMeshSubject(request(Kind::Shift, 2, 2, {8, 8}), machine()));
}
