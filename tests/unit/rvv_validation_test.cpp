// Measured cores against the timing model, and what is said of files that cannot be read.
#include "sim/validation/Stream.h"
#include "sim/validation/Validate.h"
#include "tools/ErrorBar.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

using namespace weft;
using Catch::Matchers::Contains;

namespace {

/// VLEN, DLEN and nothing else of its core.
constexpr const char *bareCore = R"(
name: bare
parallelism: {mesh: [1, 1], clock_ghz: 1, core: {kind: rvv, vlen: 256, dlen: 128}}
latency: {hop: 1, ramp: 1, transfer_issue: 1, stream_stage: 1, stream_startup: 1}
memory: {sram_kib: 64, reserve_kib: {code: 1, stack: 1}}
routing: {link_bytes: 4, colors: 24, queue_words: 4}
)";

} // namespace

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
                             Bound{"tt_t2", 0.036, 0.036}, Bound{"tt_x280", 0.070, 0.121}}) {
    INFO(bound.machine);
    auto hardware = hw::load(std::string(presetFor(bound.machine)));
    REQUIRE(hardware);
    Comparison comparison = *compare(*hardware, *measurements, bound.machine);
    CHECK(comparison.unknown.empty());
    CHECK(comparison.notVector.empty());
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 0; }).meanAbsoluteError <
          bound.most);
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 1; }).meanAbsoluteError < bound.one);
  }
}

TEST_CASE("error bars of presets are those that validation finds") {
  using namespace weft::validation;
  auto measurements = shippedMeasurements();
  REQUIRE(measurements);
  auto table = runtime::parseCsv(tools::coresCsv(), "errors.csv");
  REQUIRE(table);
  for (size_t i = 0; i < table->lines.size(); ++i) {
    const std::string machine(table->cell(i, "machine"));
    INFO(machine);
    CHECK(presetFor(machine) == table->cell(i, "hardware"));
    Comparison comparison = *compare(*hw::load(std::string(presetFor(machine))), *measurements, machine);
    auto vlmax = summarize(comparison, [](const Row &row) { return row.measurement->vl == 0; });
    auto some = summarize(comparison, [](const Row &row) { return row.measurement->vl != 0; });
    CHECK(fmt::format("{},{:.4f},{},{:.4f}", vlmax.rows, vlmax.meanAbsoluteError, some.rows, some.meanAbsoluteError) ==
          fmt::format("{},{},{},{}", table->cell(i, "vlmax_rows"), table->cell(i, "vlmax_mean_absolute"),
                      table->cell(i, "short_rows"), table->cell(i, "short_mean_absolute")));
  }
}

TEST_CASE("each group of instructions is predicted as well as the documents say") {
  using namespace weft::validation;
  auto measurements = shippedMeasurements();
  REQUIRE(measurements);
  constexpr const char *machines[] = {"saturn_shuttle_256_128", "spacemit_x60", "tt_t2", "tt_x280"};
  struct Bound {
    std::string_view group;
    double percent[4]; // mean absolute error at VLMAX, by machine; 0: not measured there
  };
  const Bound bounds[] = {
      {"integer add, logic, shift, move", {0.1, 2.1, 2.6, 5.7}},
      {"integer multiply", {0.1, 5.9, 2.1, 6.0}},
      {"integer widening", {0.1, 0.1, 0.6, 7.3}},
      {"integer narrowing", {0.5, 0.1, 6.7, 5.1}},
      {"compare", {0.4, 3.4, 1.7, 5.9}},
      {"float add, multiply, sign", {0.1, 0.4, 0.7, 5.1}},
      {"float multiply-add", {0.2, 2.6, 0.7, 5.7}},
      {"float widening", {0.1, 9.5, 0, 6.8}},
      {"float conversion", {0.2, 0.1, 0.7, 5.3}},
      {"float estimate, classify", {0.7, 0.1, 0.7, 5.1}},
      {"integer reduction", {0.4, 13.3, 20.1, 3.2}},
      {"float reduction, unordered", {0.7, 33.7, 64.6, 3.8}},
      {"float reduction, ordered", {1.2, 20.2, 0.6, 16.3}},
      {"mask", {9.6, 0.4, 5.2, 9.5}},
      {"slide", {0.1, 5.2, 0.4, 7.8}},
      {"gather, compress", {0.7, 0.1, 0.5, 0.7}},
      {"scalar and whole moves", {0.1, 11.8, 13.9, 6.6}},
      {"integer divide", {0, 8.1, 0, 37.4}},
      {"float divide, square root", {0, 39.3, 0, 0.5}},
      {"memory", {0, 12.6, 0, 0}},
  };
  for (size_t i = 0; i < std::size(machines); ++i) {
    auto hardware = hw::load(std::string(presetFor(machines[i])));
    REQUIRE(hardware);
    auto comparison = compare(*hardware, *measurements, machines[i]);
    REQUIRE(comparison);
    for (const Bound &bound : bounds) {
      INFO(machines[i] << ": " << bound.group);
      Summary summary =
          summarize(*comparison, [&](const Row &row) { return row.measurement->vl == 0 && row.group == bound.group; });
      CHECK((summary.rows > 0) == (bound.percent[i] > 0));
      CHECK(100 * summary.meanAbsoluteError <= bound.percent[i]);
    }
  }
}

TEST_CASE("a core that is described in a few facts is predicted as well as the documents say") {
  using namespace weft::validation;
  auto measurements = shippedMeasurements();
  REQUIRE(measurements);
  struct Brief {
    const char *machine, *name;
    double bare, most, one; // mean absolute error: of VLEN and DLEN alone at VLMAX; of all facts at VLMAX and at vl = 1
  };
  for (const Brief &each :
       {Brief{"saturn_shuttle_256_128", "saturn", 0.12, 0.12, 0.17},
        Brief{"spacemit_x60", "spacemit-x60", 0.40, 0.30, 0.30}, Brief{"tt_t2", "tt-t2", 0.29, 0.23, 0.23},
        Brief{"tt_x280", "sifive-x280", 0.22, 0.14, 0.21}}) {
    INFO(each.machine);
    auto brief = hw::load(fmt::format("{}/hw-models/validation/rvv/brief/{}.yaml", WEFT_SOURCE_DIR, each.name));
    if (!brief)
      FAIL(brief.error().message);
    hw::Hardware bare = *brief;
    bare.parallelism.core.rvv = hw::parse(bareCore, "bare")->parallelism.core.rvv;
    auto error = [&](const hw::Hardware &hardware, uint32_t vl) {
      Comparison comparison = *compare(hardware, *measurements, each.machine);
      return summarize(comparison, [&](const Row &row) { return row.measurement->vl == vl; }).meanAbsoluteError;
    };
    CHECK(error(bare, 0) < each.bare);
    CHECK(error(*brief, 0) < each.most);
    CHECK(error(*brief, 1) < each.one);
  }
}

TEST_CASE("an overhead of measuring is added, and accesses of every kind are compared") {
  using namespace weft::validation;
  hw::Hardware core = *hw::parse(bareCore, "bare");
  auto predicted = [&](const char *operands, uint32_t sew, uint32_t lmulEighths, double overhead = 0) {
    std::vector<Measurement> one = {
        {.machine = "a", .operands = operands, .sewBits = sew, .lmulEighths = lmulEighths, .cycles = 1}};
    Comparison comparison = *compare(core, one, "a", overhead);
    return comparison.rows.empty() ? -1 : comparison.rows[0].predicted;
  };
  CHECK(predicted("vadd.vv v8,v16,v24", 32, 16) == 4);
  CHECK(predicted("vadd.vv v8,v16,v24", 32, 16, 0.25) == 4.25);
  CHECK(predicted("vluxei32.v v8,(t0),v16", 32, 8) == 8); // an element a cycle
  CHECK(predicted("vluxei8.v v8,(t0),v16", 64, 8) == 4);
  CHECK(predicted("vsoxei16.v v8,(t0),v16", 16, 8) == 16);
  CHECK(predicted("vluxseg2ei32.v v8,(t0),v16", 32, 8) == 16);
  CHECK(predicted("vl1re32.v v8,(t0)", 32, 8) == 2);
  CHECK(predicted("vl4re8.v v8,(t0)", 8, 32) == 8);
  CHECK(predicted("vs2r.v v8,(t0)", 8, 16) == 4);
  CHECK(predicted("vle32.v v8,(t0)", 32, 16) == 4);
  CHECK(predicted("vlse32.v v8,(t2),t3", 32, 8) == 8);
  CHECK(predicted("vrol.vv v8,v16,v24", 32, 8) == -1); // of Zvbb, which the simulator does not have
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
  CHECK_THAT(errorOf(""), Contains("no row"));
  CHECK_THAT(errorOf("machine,operands\na,b\n"), Contains(":1: the column SEW is missing"));
  CHECK_THAT(errorOf(header), Contains("no row"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",12,m1,VLMAX,2\n"), Contains(":2: SEW '12'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m3,VLMAX,2\n"), Contains(":2: LMUL 'm3'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,-1,2\n"), Contains(":2: vl '-1'"));
  CHECK_THAT(errorOf("machine," + header + "a,a,b,8,m1,1,1\n"), Contains("two columns 'machine'"));
  CHECK_THAT(errorOf(header + "a,b,8,m1,1\n"), Contains(":2: 5 cells under 6 columns"));
  for (const char *bad : {"nan", "inf", "-1", "0", "", "2,5", "two", "1e99"}) {
    INFO(bad);
    CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,1,\"" + bad + "\"\n"),
               Contains(":2: cycles_per_insn '" + std::string(bad) + "': a positive number"));
  }
  CHECK_THAT(errorOf("\x1f\x8b rubbish"), Contains("not a whole gzip file"));
  std::ofstream(path, std::ios::binary) << header << "a,\"vadd.vv v8,v16,v24\",32,m2,VLMAX,4.5\n";
  auto read = readMeasurements(path);
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  CHECK(read->front().cycles == 4.5);
  CHECK(read->front().lmulEighths == 16);
  std::remove(path.c_str());
}

TEST_CASE("instructions that cannot be compared are told apart") {
  using namespace weft::validation;
  using enum MeasuredStream::Kind;
  auto streamFrom = [](const char *text, uint32_t lmulEighths = 8, uint32_t sewBits = 32) {
    return streamOf({.machine = "a", .operands = text, .sewBits = sewBits, .lmulEighths = lmulEighths, .cycles = 1},
                    256);
  };
  for (const char *text : {"", "nonsense v8", "vrol.vv v8,v16,v24", "vlseg", "vlseg9e32.v v8,(t0)"}) {
    INFO(text);
    auto stream = streamFrom(text);
    REQUIRE(stream);
    CHECK(stream->kind == Unknown);
  }
  for (const char *text : {"add t0,t1,t2", "vsetvli t0,t1", "fadd.s"}) {
    INFO(text);
    auto stream = streamFrom(text);
    REQUIRE(stream);
    CHECK(stream->kind == NotVector);
  }
  auto errorOf = [&](const char *text, uint32_t lmulEighths = 8, uint32_t sewBits = 32) {
    auto stream = streamFrom(text, lmulEighths, sewBits);
    INFO(text);
    REQUIRE_FALSE(stream);
    return stream.error().message;
  };
  CHECK_THAT(errorOf("vadd.vv"), Contains("0 operands beside a mask; wanted: 3"));
  CHECK_THAT(errorOf("vadd.vv v8,v16"), Contains("2 operands"));
  CHECK_THAT(errorOf("vadd.vv v8;v16,v24,v0"), Contains("'v8;v16' is not a vector register"));
  CHECK_THAT(errorOf("vadd.vv v40,v16,v24"), Contains("'v40' is not a vector register"));
  CHECK_THAT(errorOf("vadd.vv v99999999999999999999,v16,v24"), Contains("is not a vector register"));
  CHECK_THAT(errorOf("vadd.vx v8,v16,q0"), Contains("'q0' is not an integer register"));
  CHECK_THAT(errorOf("vadd.vi v8,v16,t0"), Contains("'t0' is not a number"));
  CHECK_THAT(errorOf("vfadd.vf v8,v16,t0"), Contains("'t0' is not a floating-point register"));
  CHECK_THAT(errorOf("vle32.v v8,t0"), Contains("'t0' is not a register in brackets"));
  CHECK_THAT(errorOf("vadd.vv v9,v16,v24", 64), Contains("v9 does not start a group of 8 registers"));
  CHECK_THAT(errorOf("vadd.vv v8,v16,v24", 1, 64), Contains("hold no elements of SEW 64"));
  CHECK(streamFrom("vadd.vv v9,v16,v24"));
  CHECK(streamFrom("vadd.vv v8, v16, v0")->turn.front().masked == false);
  CHECK(streamFrom("vadd.vv v8,v16,v24,v0.t")->turn.front().masked);
}

TEST_CASE("measurements with another VLEN than the core's are not compared") {
  using namespace weft::validation;
  Measurement one{
      .machine = "a", .operands = "vadd.vv v8,v16,v24", .vlenBits = 512, .cycles = 1, .file = "f", .line = 7};
  auto comparison = compare(*hw::parse(bareCore, "bare"), {one}, "a");
  REQUIRE_FALSE(comparison);
  CHECK(comparison.error().message == "f:7: a was measured with VLEN 512; bare has 256");
  one.vlenBits = 256;
  CHECK(compare(*hw::parse(bareCore, "bare"), {one}, "a"));
  one.operands = "vadd.vv v8;v16";
  comparison = compare(*hw::parse(bareCore, "bare"), {one}, "a");
  REQUIRE_FALSE(comparison);
  CHECK_THAT(comparison.error().message, Contains("f:7: operands 'vadd.vv v8;v16': "));
}
