// Core models: the time of a kernel by kind of core, and links between dies.
#include "hardware_support.h"

#include "hw-models/CoreModel.h"
#include "hw-models/core/CoreKinds.h"

#include <limits>
#include <random>

using namespace weft;
using namespace weft::test;

TEST_CASE("kernel time is startup plus the slowest of compute, load and store") {
  hw::Hardware machine = parsed(goodDsd());
  auto model = hw::makeCoreModel(machine);
  REQUIRE(model);
  auto cycles = [&](const hw::KernelWork &work) { return (*model)->kernelCycles(work); };
  hw::KernelWork work;
  CHECK(cycles(work) == 10);
  work.macs = 1000;
  CHECK(cycles(work) == 10 + 250);
  work.narrowOperand = true;
  CHECK(cycles(work) == 10 + 125);
  work.alu = 3;
  CHECK(cycles(work) == 10 + 126); // 125.75, rounded up
  work.special = 7;
  CHECK(cycles(work) == 10 + 140);
  work.loadBytes = 16 * 141;
  CHECK(cycles(work) == 10 + 141);
  work.storeBytes = 8 * 142 - 7;
  CHECK(cycles(work) == 10 + 142);
}

TEST_CASE("control comes on top of what a dsd core streams, and costs nothing where the file says nothing") {
  hw::KernelWork work{.kernel = "k", .macs = 1000, .vectors = 3, .descriptors = 2, .activations = 5};
  CHECK((*hw::makeCoreModel(parsed(goodDsd())))->kernelCycles(work) == 10 + 250);
  auto model = hw::makeCoreModel(parsed(goodDsd(), {{"parallelism.core.vector_issue", "2.5"},
                                                    {"parallelism.core.descriptor", "30"},
                                                    {"parallelism.core.task_activation", "7"}}));
  CHECK((*model)->kernelCycles(work) == 10 + 8 + 60 + 35 + 250); // 7.5 rounded up with the rest
  auto paced = hw::makeCoreModel(
      parsed(goodDsd(), {{"parallelism.core.vector_issue", "2.5"}, {"parallelism.core.vector_interval", "90"}}));
  CHECK((*paced)->kernelCycles(work) == 10 + 270); // 3 times 90 is more than 7.5 and 250
  work.macs = 998;                                 // 249.5 and 7.5 are 257 together
  CHECK((*model)->kernelCycles(work) == 10 + 60 + 35 + 257);
}

TEST_CASE("links between dies are those before each multiple of N") {
  hw::Hardware machine = parsed(good, {{"latency.die_crossing.columns", "3"},
                                       {"latency.die_crossing.rows", "0"},
                                       {"latency.die_crossing.cycles", "17"}});
  const hw::DieCrossing &dies = machine.latency.dieCrossing;
  CHECK(dies.exists());
  for (uint32_t low = 0; low < 12; ++low) {
    CHECK(dies.extra(low, dies.columns) == (low == 2 || low == 5 || low == 8 || low == 11 ? 17 : 0));
    CHECK(dies.extra(low, dies.rows) == 0);
  }
  CHECK_FALSE(parsed(good, {{"latency.die_crossing.columns", "3"}}).latency.dieCrossing.exists());
}

TEST_CASE("kernel time is monotone in every count and never wraps") {
  std::mt19937_64 random(11);
  for (const std::string &name : hw::presetNames()) {
    auto model = hw::makeCoreModel(*hw::load(name));
    REQUIRE(model);
    uint64_t startup = (*model)->kernelCycles({});
    CHECK(startup == hw::ratesOf(*hw::load(name)).startup);
    for (int round = 0; round < 2000; ++round) {
      auto count = [&] { return random() >> (random() % 64); };
      hw::KernelWork work{"k",     count(), (random() & 1) != 0, count(), count(), count(), count(), count(),
                          count(), count()};
      uint64_t before = (*model)->kernelCycles(work);
      REQUIRE(before >= startup);
      for (uint64_t hw::KernelWork::*field :
           {&hw::KernelWork::macs, &hw::KernelWork::alu, &hw::KernelWork::special, &hw::KernelWork::loadBytes,
            &hw::KernelWork::storeBytes, &hw::KernelWork::vectors, &hw::KernelWork::descriptors,
            &hw::KernelWork::activations}) {
        hw::KernelWork more = work;
        uint64_t room = std::numeric_limits<uint64_t>::max() - more.*field;
        more.*field += std::min(room, count());
        REQUIRE((*model)->kernelCycles(more) >= before);
      }
    }
  }
}

TEST_CASE("a core model is made for each kind and for no other") {
  CHECK(hw::coreKinds().size() == 2);
  CHECK(hw::makeCoreModel(parsed(good)));
  hw::Hardware machine = parsed(goodDsd());
  CHECK(hw::makeCoreModel(machine));
  machine.parallelism.core.aluPerCycle = 0;
  CHECK_FALSE(hw::makeCoreModel(machine));
  machine.parallelism.core.kind = "gpu";
  CHECK_FALSE(hw::makeCoreModel(machine));
}

TEST_CASE("the rates of a RISC-V vector core follow from its units") {
  hw::CoreRates rates = hw::ratesOf(parsed(good));
  CHECK(rates.macsF32 == 4);
  CHECK(rates.macsF16 == 4);
  CHECK(rates.alu == 4);
  CHECK(rates.loadBytes == 16);
  CHECK(rates.storeBytes == 16);
  auto with = [](const char *key, const char *value) {
    return hw::ratesOf(parsed(good, {{std::string("parallelism.core.") + key, value}}));
  };
  CHECK(with("dlen", "256").macsF32 == 8);
  CHECK(with("rvv.rates", "[float/2]").macsF32 == 2);
  CHECK(with("rvv.rates", "[widen*2]").macsF16 == 8);
  CHECK(with("rvv.rates", "[widen*2]").macsF32 == 4);
  CHECK(with("rvv.pipes", "[arithmetic, float, load, load, store]").macsF32 == 8);
  CHECK(with("rvv.pipes", "[arithmetic, float, load, load, store]").loadBytes == 32);
  CHECK(with("rvv.rates", "[store/2]").storeBytes == 8);
  CHECK(with("rvv.memory.bits", "64").storeBytes == 8);
  CHECK(with("rvv.divide.float_cycles", "90").special < rates.special);
  CHECK(with("rvv.memory.load_latency", "14").startup == rates.startup + 10);
}
