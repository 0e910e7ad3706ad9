// Tuning of tile kernels: every choice computes the same bits, a wrong one is found out, the compiler's records match.
#include "compiler/codegen/KernelTrials.h"
#include "explore/tune/CoreSubject.h"
#include "explore/tune/Record.h"
#include "explore/tune/Tune.h"
#include "tests/unit/tune_support.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <random>
#include <set>
#include <unistd.h>
#include <utility>

using namespace weft;
using namespace weft::explore;
using weft::test::Folder;
using weft::test::take;

namespace {

hw::Hardware machine(const char *name = "rvv-lab") {
  return take(hw::load(name, {{"memory.sram_kib", "128"}})); // enough for what is tried here, and quick to compare
}

std::unique_ptr<Subject> subjectFor(const std::string &symbol, const hw::Hardware &hardware) {
  const codegen::CoreTarget target{hw::isaOf(hardware.parallelism.core)};
  return take(makeCoreSubject(take(codegen::makeKernel(symbol)), hardware,
                              {[target](const codegen::TrialKernel &kernel, const kernels::Tuning &tuning) {
                                 return codegen::compileTrial(kernel, tuning, target);
                               },
                               codegen::makeKernel}));
}

/// Allowed choices at random.
std::vector<Choices> someChoices(const Subject &subject, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Choices> all;
  for (int attempt = 0; attempt < 10'000 && all.size() < count; ++attempt) {
    Choices choices;
    for (const Choice &axis : subject.choices())
      if (const std::string &value = axis.values[random() % axis.values.size()]; !value.empty())
        choices[axis.name] = value;
    if (subject.allows(choices))
      all.push_back(std::move(choices));
  }
  return all;
}

} // namespace

TEST_CASE("every allowed choice computes what the kernel computes without tuning", "[tune]") {
  for (const char *symbol : {"gemm_r7_k24_n21_f32", "gemm_r5_k128_n40_f16", "gemm_r1_k65_n70_f32",
                             "gemm_r6_k16_n33_bf16_bf16", "gemm_r9_k9_n11_i8_i8", "gemm_r4_k32_n24_q8_f32"}) {
    CAPTURE(symbol);
    auto subject = subjectFor(symbol, machine());
    unsigned right = 0;
    for (const Choices &choices : someChoices(*subject, 14, 3)) {
      CAPTURE(choicesText(choices));
      const Verdict verdict = take(subject->verify(choices));
      const bool spills = verdict.why.find("stack") != std::string::npos;
      right += verdict.isRight;
      CHECK((verdict.isRight || spills));
      if (!verdict.isRight && !spills)
        FAIL(verdict.why);
    }
    CHECK(right >= 5); // most tiles that the space allows fit
  }
}

TEST_CASE("blocks of the sum and vectors loaded ahead are other code with the same results", "[tune]") {
  const codegen::TrialKernel kernel = take(codegen::makeKernel("gemm_r9_k128_n32_f32"));
  const hw::Hardware hardware = machine();
  auto subject = subjectFor(kernel.name, hardware);
  const kernels::Tuning plain{{"group", 2}, {"rows", 4}, {"unroll", 2}, {"vectors", 2}};
  auto imageOf = [&](const kernels::Tuning &tuning) {
    return take(codegen::compileTrial(kernel, tuning, {hw::isaOf(hardware.parallelism.core)})).object.image;
  };
  std::set<std::vector<uint8_t>> images{imageOf({}), imageOf(plain)};
  for (auto [name, value] : {std::pair("kblock", 64),
                             {"prefetch", 1},
                             {"unroll", 4},
                             {"rows", 2},
                             {"group", 1},
                             {"order", 1},
                             {"tail", 1},
                             {"vectors", 1}}) {
    CAPTURE(name);
    kernels::Tuning other = plain;
    other[name] = value;
    CHECK(images.insert(imageOf(other)).second);
    CHECK(take(subject->verify(choicesOf(other))).isRight);
  }
}

TEST_CASE("a swap of dependent instructions is found out", "[tune]") {
  auto subject = subjectFor("gemm_r4_k64_n32_f32", machine());
  const Choices knobs{{"group", "2"}, {"rows", "4"}, {"unroll", "2"}, {"vectors", "1"}};
  const std::vector<Choices> legal = take(subject->reordered(knobs));
  REQUIRE(!legal.empty());
  for (const Choices &each : legal)
    CHECK(take(subject->verify(each)).isRight);
  // All other swaps of neighbours: some may be harmless, but not all, and none may pass as right when it is not.
  codegen::Schedule base = take(codegen::parseSchedule(legal.front().at("schedule")));
  std::sort(base.order.begin(), base.order.end());
  unsigned wrong = 0;
  std::optional<Choices> broken;
  for (size_t i = 0; i + 1 < base.order.size(); ++i) {
    codegen::Schedule swapped = base;
    std::swap(swapped.order[i], swapped.order[i + 1]);
    Choices choices = knobs;
    choices["schedule"] = codegen::toText(swapped);
    if (std::find(legal.begin(), legal.end(), choices) != legal.end())
      continue;
    auto verdict = subject->verify(choices);
    if (verdict && !verdict->isRight) {
      ++wrong;
      broken = choices;
    }
  }
  CHECK(wrong >= 1);
  REQUIRE(broken);

  SECTION("and is not the winner, however fast") {
    /// Says of the broken order that it takes one cycle.
    struct Tempting : Subject {
      Tempting(const Subject &real, Choices broken) : real(real), broken(std::move(broken)) {}
      std::string title() const override { return real.title(); }
      std::string identity() const override { return real.identity(); }
      const std::vector<Choice> &choices() const override { return none; }
      bool allows(const Choices &) const override { return true; }
      Result<Outcome> evaluate(const Choices &choices, unsigned rung) const override {
        auto outcome = real.evaluate(choices, rung);
        if (outcome && choices == broken)
          outcome->metrics["cycles"] = 1;
        return outcome;
      }
      Result<Verdict> verify(const Choices &choices) const override { return real.verify(choices); }
      const Subject &real;
      Choices broken;
      std::vector<Choice> none;
    };
    Folder folder;
    Tempting tempting(*subject, *broken);
    Store store = take(Store::create(folder.file("t.db"), {"tune", "", "", "", "", ""}));
    TuneOptions options;
    options.starts = {*broken, knobs};
    const TuneResult result = take(tune(tempting, store, options));
    CHECK(result.rejected == 1);
    CHECK(result.best != *broken);
    CHECK(result.cycles > 1);
    CHECK(!result.firstWrong.empty());
  }
}

TEST_CASE("the schedule of other code is refused", "[tune]") {
  auto subject = subjectFor("gemm_r4_k64_n32_f32", machine());
  const Choices knobs{{"group", "2"}, {"rows", "4"}, {"unroll", "2"}, {"vectors", "1"}};
  Choices other = take(subject->reordered(knobs)).front();
  other["unroll"] = "4";
  const Outcome outcome = take(subject->evaluate(other, 0));
  CHECK(outcome.status == Outcome::Status::Refused);
}

TEST_CASE("neighbours may change places where nothing they touch depends on it", "[tune]") {
  LoopInstruction load, product, store, add, length, jump;
  load.isVector = load.loads = true, load.reads = 1 << 10, load.vectorWrites = 0xf00;
  product.isVector = true, product.vectorReads = 0xf00f, product.vectorWrites = 0xf;
  store.isVector = store.stores = true, store.vectorReads = 0xf0000;
  add.reads = add.writes = 1 << 11;
  length.setsVector = true;
  jump.isBarrier = true;
  CHECK(mayPass(load, add));
  CHECK(mayPass(load, load) == false); // both write the same registers
  CHECK(mayPass(load, product));       // the product reads v12 to v15, the load writes v8 to v11
  product.vectorReads = 0xf0f;
  CHECK(!mayPass(load, product)); // reads what was loaded
  CHECK(!mayPass(product, load)); // would be overwritten
  CHECK(!mayPass(load, store));
  CHECK(!mayPass(store, store));
  CHECK(!mayPass(length, product));
  CHECK(!mayPass(product, length));
  CHECK(!mayPass(length, length));
  CHECK(mayPass(length, add));
  CHECK(!mayPass(add, add));
  CHECK(!mayPass(jump, add));
  add.reads = 0, add.writes = 1 << 10;
  CHECK(!mayPass(load, add)); // the address
  CHECK(!mayPass(add, load));
}

TEST_CASE("a winner that the compiler's kernel has takes the cycles that were found", "[tune]") {
  Folder folder;
  auto subject = subjectFor("gemm_r8_k16_n8_bf16", machine("rvv-mesh-16"));
  Store store = take(Store::create(folder.file("t.db"), {"tune", "", "", "", "", ""}));
  TuneOptions options;
  options.trials = 60;
  options.jobs = 2;
  const TuneResult result = take(tune(*subject, store, options));
  CHECK(result.cycles < 0.9 * result.defaultCycles); // the space has better tiles for so few columns
  CHECK(take(subject->verify(result.best)).isRight);
  CHECK(take(subject->evaluate(result.best, subject->rungs() - 1)).metrics.at("cycles") == result.cycles);
  const TuneResult again = take(tune(*subject, store, options));
  CHECK(again.computed == 0);
  CHECK(again.best == result.best);
}

TEST_CASE("kernels that are none, and operands that fit no SRAM, are refused in a sentence", "[tune]") {
  for (const char *symbol : {"gemm", "gemm_r8_k64_f32", "gemm_r0_k64_n8_f32", "gemm_r8_k64_n96_f64",
                             "gemv_r8_k64_n96_f32", "gemm_r8_k9999999999_n96_f32", "rope", ""}) {
    CAPTURE(symbol);
    auto kernel = codegen::makeKernel(symbol);
    REQUIRE(!kernel);
    CHECK(kernel.error().fault == Fault::User);
    CHECK(kernel.error().message.find("gemm_r8_k64_n96_f32") != std::string::npos);
  }
  auto large =
      makeCoreSubject(take(codegen::makeKernel("gemm_r64_k512_n512_f32")), machine(), {nullptr, codegen::makeKernel});
  REQUIRE(!large);
  CHECK(large.error().message.find("SRAM") != std::string::npos);
  auto dsd = makeCoreSubject(take(codegen::makeKernel("gemm_r1_k8_n8_f32")), take(hw::load("wse2", {})),
                             {nullptr, codegen::makeKernel});
  REQUIRE(!dsd);
  CHECK(dsd.error().message.find("wse2") != std::string::npos);
}

TEST_CASE("the records that are shipped are for the kernels and cores that there are", "[tune]") {
  unsigned records = 0;
  for (const auto &file : std::filesystem::directory_iterator(WEFT_SOURCE_DIR "/hw-models/tuned")) {
    if (file.path().extension() != ".jsonl")
      continue;
    const hw::Hardware hardware = take(hw::load(file.path().stem()));
    bool isFirst = true;
    for (const TuneRecord &record : take(readRecords(file.path()))) {
      CAPTURE(record.kernel, record.machine);
      INFO("stale records are ignored; make them again with bench/tune_presets.sh");
      CHECK(record.core == coreKey(hardware));
      CHECK(record.tool == coreToolKey());
      CHECK(record.source == take(codegen::makeKernel(record.kernel)).sourceDigest);
      CHECK(record.cycles <= record.defaultCycles);
      ++records;
      if (!std::exchange(isFirst, false))
        continue; // one a core is tried: it takes a second or two
      auto subject = subjectFor(record.kernel, hardware);
      CHECK(take(subject->evaluate(record.choices, subject->rungs() - 1)).metrics.at("cycles") == record.cycles);
      CHECK(take(subject->verify(record.choices)).isRight);
    }
  }
  CHECK(records >= 20);
}
