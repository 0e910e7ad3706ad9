// Measured cores against the timing model, and what is said of files that cannot be read.
#include "sim/validation/Stream.h"
#include "sim/validation/Validate.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>

using namespace weft;
using Catch::Matchers::Contains;

TEST_CASE("measured cores are predicted as well as the documents say") {
  using namespace weft::validation;
  auto measurements = shippedMeasurements();
  REQUIRE(measurements);
  CHECK(measurements->size() == 71370);
  struct Bound {
    const char *machine;
    double most, one; // mean absolute error at VLMAX and at vl = 1
  };
  for (const Bound &bound : {Bound{"saturn_shuttle_256_128", 0.006, 0.078}, Bound{"spacemit_x60", 0.071, 0.061},
                             Bound{"tt_t2", 0.037, 0.037}, Bound{"tt_x280", 0.070, 0.121}}) {
    INFO(bound.machine);
    auto hardware = hw::load(std::string(presetFor(bound.machine)));
    REQUIRE(hardware);
    Comparison comparison = compare(*hardware, *measurements, bound.machine);
    CHECK(comparison.unknown.empty());
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 0; }).meanAbsoluteError <
          bound.most);
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 1; }).meanAbsoluteError < bound.one);
  }
}

TEST_CASE("measurements that cannot be read name the line") {
  using namespace weft::validation;
  std::string path = WEFT_BINARY_DIR "/rvv_timing_test.csv";
  auto errorOf = [&](const std::string &text) {
    std::ofstream(path, std::ios::binary) << text;
    auto read = readMeasurements(path);
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  const std::string header = "machine,operands,SEW,LMUL,vl,cycles_per_insn\n";
  CHECK_THAT(errorOf(""), Contains("no measurement"));
  CHECK_THAT(errorOf("machine,operands\n"), Contains(":1: the column SEW is missing"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",12,m1,VLMAX,2\n"), Contains(":2: SEW '12'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m3,VLMAX,2\n"), Contains(":2: LMUL 'm3'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,-1,2\n"), Contains(":2: vl '-1'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,1,nan\n"), Contains("a positive number"));
  CHECK_THAT(errorOf("\x1f\x8b rubbish"), Contains("not a whole gzip file"));
  std::ofstream(path, std::ios::binary) << header << "a,\"vadd.vv v8,v16,v24\",32,m2,VLMAX,4.5\n";
  auto read = readMeasurements(path);
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  CHECK(read->front().cycles == 4.5);
  CHECK(read->front().lmulEighths == 16);
  std::remove(path.c_str());
  // Text that is no instruction is told apart, whatever it is.
  for (const char *text : {"", "vadd.vv", "nonsense v8", "vle32.v", "vlseg9e32.v v8,(t0)", "vadd.vv v,v,v",
                           "vle32.v x,(t0)", "vsetvli t0,t1", "add t0,t1,t2", "vlseg", "vluxei8.v v8,(t0),v16"}) {
    Measurement odd{.machine = "a", .operands = text, .cycles = 1};
    (void)streamOf(odd, 256);
  }
  CHECK_FALSE(streamOf({.machine = "a", .operands = "nonsense v8", .cycles = 1}, 256));
}
