// The search, its store, records and spaces, on subjects that need no compiler.
#include "explore/tune/CostModel.h"
#include "explore/tune/Record.h"
#include "explore/tune/Tune.h"
#include "kernels/Tuning.h"
#include "tests/unit/tune_support.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace weft;
using namespace weft::explore;
using weft::test::Folder;
using weft::test::take;

namespace {

/// A bowl over three numbers with its bottom at (5, 11, 2), and some choices that cannot work.
struct Bowl : Subject {
  Bowl() {
    for (auto [name, count] : {std::pair("x", 16), {"y", 16}, {"z", 8}}) {
      Choice choice{name, "", {}};
      for (int i = 1; i <= count; ++i)
        choice.values.push_back(std::to_string(i));
      axes.push_back(choice);
    }
  }
  std::string title() const override { return "bowl"; }
  std::string identity() const override { return R"({"kernel":"bowl","shape":"","core":"c","source":"s","tool":"t"})"; }
  const std::vector<Choice> &choices() const override { return axes; }
  bool allows(const Choices &choices) const override { return at(choices, "x") != 9; }
  unsigned rungs() const override { return 2; }
  Result<Outcome> evaluate(const Choices &choices, unsigned rung) const override {
    if (++evaluated == stopAfter)
      stop = true;
    if (at(choices, "z") == 7)
      return Outcome::refused("seven", "z is seven");
    Outcome outcome;
    const double x = at(choices, "x") - 5, y = at(choices, "y") - 11, z = at(choices, "z") - 2;
    outcome.metrics["cycles"] = (choices.empty() ? 900 : 500 + 2 * x * x + y * y + 9 * z * z) / (rung == 0 ? 8 : 1);
    return outcome;
  }
  Result<Verdict> verify(const Choices &choices) const override {
    const bool isRight = choices.empty() || at(choices, "x") != wrongX;
    return Verdict{isRight, isRight ? "a bowl" : "the bowl leaks"};
  }
  static int at(const Choices &choices, const char *name) {
    auto found = choices.find(name);
    return found == choices.end() ? 0 : std::stoi(found->second);
  }

  std::vector<Choice> axes;
  int wrongX = -1;
  int stopAfter = -1;
  mutable std::atomic<int> evaluated{0};
  mutable std::atomic<bool> stop{false};
};

const Meta meta{"tune", "", "weft.tune/1", "", "", ""};

} // namespace

TEST_CASE("tunings are texts and back", "[tune]") {
  for (const char *text : {"as compiled", "group=4", "group=4 rows=8 unroll=2"})
    CHECK(kernels::toText(take(kernels::parseTuning(text))) == text);
  for (const char *text :
       {"group", "group=", "=4", "group=x", "speed=9", "group=4x", "group=-1", "group=99999999999999999999"}) {
    CAPTURE(text);
    CHECK(!kernels::parseTuning(text));
  }
}

TEST_CASE("symbols say kind, extents and types", "[tune]") {
  const kernels::KernelShape shape = kernels::parseSymbol("gemm_r8_k64_n96_bf16_bf16");
  CHECK(shape.kind == "gemm");
  CHECK(shape.suffix == "bf16_bf16");
  CHECK(shape.extents == std::map<std::string, int64_t>{{"r", 8}, {"k", 64}, {"n", 96}});
  CHECK(shape.symbol() == "gemm_r8_k64_n96_bf16_bf16");
  CHECK(kernels::parseSymbol("silu_gate_r32_n24").kind == "silu_gate");
  CHECK(kernels::parseSymbol("rope_r32_kv1_g2_w4_3fc6a09e667f3bcc_radix32_high16").of("r") == 32);
}

TEST_CASE("spaces follow the core's registers and the kernel's extents", "[tune]") {
  const kernels::KernelShape shape = kernels::parseSymbol("gemm_r8_k64_n96_f32");
  const kernels::TuningSpace space = kernels::tuningSpace(shape, {.registerBytes = 32});
  for (const kernels::Knob &knob : space.knobs)
    for (int64_t value : knob.values)
      CHECK((knob.name != "rows" || value <= 8));
  CHECK(space.allows({}));
  CHECK(!space.allows({{"group", 8}, {"rows", 4}}));
  CHECK(space.allows({{"group", 4}, {"rows", 4}}));
  CHECK(!space.allows({{"group", 4}, {"rows", 4}, {"vectors", 2}})); // 32 sums, and nothing left for what is loaded
  // Values that nobody declared, whatever they come to.
  for (const auto &[name, value] : {std::pair("unroll", int64_t{3}),
                                    {"unroll", int64_t{1'000'000'000}},
                                    {"vectors", int64_t{1'000'000'000}},
                                    {"vectors", int64_t{1} << 62},
                                    {"group", int64_t{0}},
                                    {"rows", int64_t{16}}, // of eight
                                    {"kblock", int64_t{7}},
                                    {"speed", int64_t{1}}}) {
    CAPTURE(name, value);
    CHECK(!space.allows({{name, value}}));
  }
  CHECK(!kernels::tuningSpace(kernels::parseSymbol("add_r8_n96"), {}).allows({{"group", 16}}));
  CHECK(!kernels::tuningSpace(kernels::parseSymbol("add_r8_n96"), {}).allows({{"rows", 2}}));
  // Four registers of 128 bytes hold 96 numbers: eight would be the same code.
  const auto longer = kernels::tuningSpace(shape, {.registerBytes = 128});
  CHECK(longer.allows({{"group", 4}, {"rows", 2}}));
  CHECK(!longer.allows({{"group", 8}, {"rows", 2}}));
  CHECK(kernels::tuningSpace(kernels::parseSymbol("add_r8_n96"), {}).knobs.size() == 1);
}

TEST_CASE("a model of cost learns what cycles are made of", "[tune]") {
  CostModel model;
  auto cost = [](double a, double b) { return 3 * a + 40 * b + 500; };
  for (double a : {100., 200., 400., 700.})
    for (double b : {1., 5., 9.}) {
      CHECK((a > 100 || !model.predict(std::vector<double>{a, b, 1})));
      model.learn(std::vector<double>{a, b, 1}, cost(a, b));
    }
  CHECK(*model.predict(std::vector<double>{300, 7, 1}) == Approx(cost(300, 7)).epsilon(1e-3));
  CHECK(!model.predict({}));
}

TEST_CASE("exhaustive search finds the best, evolution comes within 2 % in a tenth of the trials", "[tune]") {
  Folder folder;
  Bowl bowl;
  TuneOptions options;
  options.strategy = Strategy::Exhaustive;
  options.jobs = 2;
  Store store = take(Store::create(folder.file("all.db"), meta));
  const TuneResult all = take(tune(bowl, store, options));
  CHECK(all.isExhaustive);
  CHECK(all.cycles == 500);
  CHECK(all.best == Choices{{"x", "5"}, {"y", "11"}, {"z", "2"}});
  CHECK(all.defaultCycles == 900);
  CHECK(all.space == 15 * 16 * 8);
  CHECK(all.refused == 15 * 16); // z of seven
  options.trials = 100;
  Store cut = take(Store::create(folder.file("cut.db"), meta));
  CHECK_FALSE(take(tune(bowl, cut, options)).isExhaustive);
  for (uint64_t seed : {1, 2, 3}) {
    options.strategy = Strategy::Evolution;
    options.seed = seed;
    options.trials = 192;
    Store small = take(Store::create(folder.file(("e" + std::to_string(seed)).c_str()), meta));
    const TuneResult some = take(tune(bowl, small, options));
    CHECK(some.trials <= 192);
    CHECK(some.cycles <= 1.02 * all.cycles);
    // The same seed tries the same.
    Store twin = take(Store::create(folder.file(("f" + std::to_string(seed)).c_str()), meta));
    options.jobs = 1;
    CHECK(take(tune(bowl, twin, options)).history == some.history);
    options.jobs = 2;
  }
}

TEST_CASE("what is fast and wrong is rejected, counted, and never a record", "[tune]") {
  Folder folder;
  Bowl bowl;
  bowl.wrongX = 5;
  Store store = take(Store::create(folder.file("t.db"), meta));
  TuneOptions options;
  options.strategy = Strategy::Exhaustive;
  const TuneResult result = take(tune(bowl, store, options));
  CHECK(result.rejected > 0);
  CHECK(result.firstWrong == "the bowl leaks");
  CHECK(result.cycles == 502);
  CHECK(result.best.at("x") != "5");
  const auto records = take(recordsOf(store));
  REQUIRE(records.size() == 1);
  CHECK(records.front().choices == result.best);
  CHECK(records.front().cycles == 502);
  CHECK(records.front().defaultCycles == 900);
}

TEST_CASE("a search that was ended goes on with what it knows", "[tune]") {
  Folder folder;
  Bowl whole, parts;
  TuneOptions options;
  options.strategy = Strategy::Exhaustive;
  Store one = take(Store::create(folder.file("one.db"), meta)), two = take(Store::create(folder.file("two.db"), meta));
  const TuneResult all = take(tune(whole, one, options));
  options.stop = &parts.stop;
  parts.stopAfter = 137;
  const TuneResult first = take(tune(parts, two, options));
  CHECK(first.stopped);
  CHECK(first.trials < all.trials);
  const int before = parts.evaluated;
  parts.stop = false;
  const TuneResult rest = take(tune(parts, two, options));
  CHECK(rest.best == all.best);
  CHECK(rest.trials == all.trials);
  CHECK(parts.evaluated == whole.evaluated); // nothing twice
  CHECK(parts.evaluated > before);
  CHECK(rest.computed + uint64_t(before) == uint64_t(whole.evaluated));
}

TEST_CASE("a budget of trials is kept", "[tune]") {
  Folder folder;
  for (uint64_t trials : {1, 7, 40}) {
    Bowl bowl;
    Store store = take(Store::create(folder.file(std::to_string(trials).c_str()), meta));
    TuneOptions options;
    options.trials = trials;
    options.jobs = 3;
    CHECK(take(tune(bowl, store, options)).trials == trials);
    CHECK(uint64_t(bowl.evaluated) == trials);
  }
}

TEST_CASE("records are lines and back, and others are refused with their line", "[tune]") {
  TuneRecord record{"gemm_r1_k8_n8_f32", "", "c0ffee", "50", "weft 1", "rvv-lab", {{"group", "2"}}, 90, 100};
  const std::string text = toText(std::vector{record, record});
  const auto records = take(parseRecords(text, "x.jsonl"));
  REQUIRE(records.size() == 2);
  CHECK(records[1].key() == record.key());
  CHECK(records[1].choices == record.choices);
  CHECK(records[1].cycles == 90);
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string other = toText(std::vector{record});
    return other.replace(other.find(from), from.size(), to);
  };
  for (const auto &[broken, says] : {std::pair<std::string, const char *>{"{", "no record"},
                                     {changed("weft.tune/1", "weft.tune/7"), "version"},
                                     {changed("\"cycles\":90.0", "\"cycles\":-1"), "cycles"},
                                     {changed("\"cycles\":90.0", "\"cycles\":1e300"), "cycles"},
                                     {changed("\"default_cycles\":100.0", "\"default_cycles\":[]"), "cycles"},
                                     {changed("\"core\"", "\"cure\""), "core"},
                                     {changed("{\"group\":\"2\"}", "3"), "choices"},
                                     {changed("{\"group\":\"2\"}", "{\"group\":2}"), "choices"}}) {
    auto read = parseRecords(text + broken, "x.jsonl");
    REQUIRE(!read);
    CHECK(read.error().message.find("x.jsonl:3") == 0);
    CHECK(read.error().message.find(says) != std::string::npos);
  }
}

TEST_CASE("rows of wrong types are an error in a sentence, never an exception", "[tune]") {
  Folder folder;
  const std::string subject = R"({"kernel":"bowl","shape":"","core":"c","source":"s","tool":"t"})";
  const std::string inputs = R"({"choices":{"x":"3"},"machine":"m","subject":)" + subject + "}";
  auto changed = [](std::string text, const std::string &from, const std::string &to) {
    return text.replace(text.find(from), from.size(), to);
  };
  unsigned files = 0;
  auto storeWith = [&](const std::string &in, const std::string &out, const char *status = "ok") {
    Store store = take(Store::create(folder.file(std::to_string(++files).c_str()), meta));
    Row row;
    row.digest = std::string(32, 'a'), row.fidelity = "verified", row.status = status;
    row.inputs = in, row.results = out;
    REQUIRE(store.put({&row, 1}));
    return store;
  };
  {
    Store good = storeWith(inputs, R"({"cycles":7})");
    CHECK(take(recordsOf(good)).front().choices == Choices{{"x", "3"}});
  }
  for (const auto &[in, out] : {std::pair<std::string, std::string>{inputs, "[]"},
                                {inputs, "{"},
                                {inputs, "{}"},
                                {inputs, R"({"cycles":"7"})"},
                                {inputs, R"({"cycles":null})"},
                                {inputs, R"({"cycles":-7})"},
                                {inputs, R"({"cycles":1e300})"},
                                {"[]", R"({"cycles":7})"},
                                {"{}", R"({"cycles":7})"},
                                {changed(inputs, "\"m\"", "5"), R"({"cycles":7})"},
                                {changed(inputs, "\"3\"", "3"), R"({"cycles":7})"},
                                {changed(inputs, R"({"x":"3"})", "[3]"), R"({"cycles":7})"},
                                {changed(inputs, subject, "\"bowl\""), R"({"cycles":7})"},
                                {changed(inputs, "\"bowl\"", "[1]"), R"({"cycles":7})"},
                                {changed(inputs, "\"t\"", "null"), R"({"cycles":7})"}}) {
    CAPTURE(in, out);
    Store store = storeWith(in, out);
    auto records = recordsOf(store);
    REQUIRE(!records);
    CHECK(records.error().message.find("damaged") != std::string::npos);
  }
  // A refused one, too, says how long it took where that is known.
  for (const char *status : {"ok", "refused"}) {
    Store store = storeWith(inputs, R"({"cycles":"7"})", status);
    Bowl bowl;
    auto result = tune(bowl, store, {});
    REQUIRE(!result);
    CHECK(result.error().message.find("damaged") != std::string::npos);
  }
}

TEST_CASE("files that hold no trials end in one sentence and stay as they are", "[tune]") {
  Folder folder;
  auto write = [&](const char *name, const std::string &text) {
    std::ofstream(folder.file(name), std::ios::binary) << text;
  };
  write("text.db", "this is no database\n");
  CHECK(!openTrials(folder.file("text.db")));
  CHECK(!readRecords(folder.file("text.db")));
  write("broken.db", "SQLite format 3" + std::string(2000, 'x'));
  CHECK(!openTrials(folder.file("broken.db")));
  CHECK(!readRecords(folder.file("broken.db")));
  CHECK(!readRecords(folder.file("none.db")));
  CHECK(!readRecords(folder.path.string()));
  {
    auto explored = take(Store::create(folder.file("explore.db"), {"sram", "", "", "", "", ""}));
  }
  CHECK(openTrials(folder.file("explore.db")).error().message.find("weft explore") != std::string::npos);
  CHECK(readRecords(folder.file("explore.db")).error().message.find("weft explore") != std::string::npos);
  {
    auto old = take(Store::create(folder.file("old.db"), {"tune", "", "weft.tune/0", "", "", ""}));
  }
  CHECK(openTrials(folder.file("old.db")).error().message.find("weft.tune/0") != std::string::npos);
  CHECK(openTrials(folder.file("no/such/folder.db")).error().message.find("folder") != std::string::npos);
  take(openTrials(folder.file("good.db")));
  CHECK(take(readRecords(folder.file("good.db"))).empty());
}
