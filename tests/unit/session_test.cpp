#include "runtime/Npy.h"
#include "runtime/Report.h"
#include "runtime/Session.h"
#include "runtime/Table.h"
#include "tests/unit/TestPackage.h"
#include "tools/InspectCommand.h"
#include "tools/RunCommand.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace weft;
using namespace weft::runtime;
using Catch::Matchers::Contains;

namespace {

/// Predicts the last token plus one, modulo the vocabulary of 5, and remembers what it was asked.
std::vector<int32_t> wordsOf(const LaunchInput &input) {
  std::vector<int32_t> words(input.bytes.size() / sizeof(int32_t));
  std::memcpy(words.data(), input.bytes.data(), input.bytes.size());
  return words;
}

class CountingDevice : public Device {
public:
  Result<void> load(const Package &) override { return success(); }
  Result<void> reset() override {
    ++resets;
    return success();
  }
  Result<LaunchResult> run(const Launch &launch) override {
    launches.push_back(launch);
    LaunchResult result;
    result.report.cycles = launch.program == "prefill" ? 1000 : 100 + launches.size();
    result.report.ops = {{0, result.report.cycles - 60, 10, 20, 30}, {1, 40, 5, 5, 0}, {2, 20, 5, 0, 5}};
    result.report.counters = {7, 11, 13, 17};
    result.report.busyCoreCycles = 60;
    if (!timingOnly) {
      std::vector<float> logits(vocabulary, 0.5f);
      logits[size_t(wordsOf(launch.inputs.at(0)).back() + 1) % 5] = poison ? NAN : 2.0f;
      const auto bytes = std::as_bytes(std::span(logits));
      result.outputs.push_back({"logits", pkg::ElementType::F32, {bytes.begin(), bytes.end()}});
    }
    return result;
  }
  Result<std::vector<std::byte>> readSram(uint32_t, uint32_t, uint32_t, uint32_t) override {
    return userError("this device has no SRAM");
  }

  bool timingOnly = false, poison = false;
  size_t vocabulary = 5;
  int resets = 0;
  std::vector<Launch> launches;
};

struct Fixture {
  Package package = test::makePackage();
  CountingDevice device;
  Session open(bool timingOnly = false) {
    device.timingOnly = timingOnly;
    auto session = Session::create(package, device, timingOnly);
    REQUIRE(session);
    return *session;
  }
};

template <typename T> std::string errorOf(const Result<T> &result, Fault fault = Fault::User) {
  REQUIRE(!result);
  CHECK(result.error().fault == fault);
  return result.error().message;
}

} // namespace

TEST_CASE_METHOD(Fixture, "launches carry the count and the ids") {
  Session session = open();
  const std::vector<int32_t> prompt = {1, 0, 2};
  auto logits = session.prefill(prompt);
  REQUIRE(logits);
  CHECK((*logits)[3] == 2.0f);
  REQUIRE(session.decode(3));
  REQUIRE(device.launches.size() == 2);
  CHECK(device.launches[0].program == "prefill");
  CHECK(device.launches[0].tokensInCache == 3);
  CHECK(device.launches[0].inputs.at(0).name == "tokens");
  CHECK(wordsOf(device.launches[0].inputs.at(0)) == std::vector<int32_t>{3, 1, 0, 2});
  CHECK(device.launches[1].program == "decode");
  CHECK(wordsOf(device.launches[1].inputs.at(0)) == std::vector<int32_t>{4, 3});
  CHECK(session.tokensInCache() == 4);
  CHECK(session.reports().size() == 2);
  CHECK(device.resets == 0);
  REQUIRE(session.prefill(prompt));
  CHECK(device.resets == 1);
  CHECK(session.reports().size() == 1);
}

TEST_CASE_METHOD(Fixture, "what does not fit is refused before it runs") {
  Session session = open();
  CHECK_THAT(errorOf(session.prefill({})), Contains("empty"));
  CHECK_THAT(errorOf(session.prefill(std::vector<int32_t>(9, 1))), Contains("9 tokens") && Contains("--max-seq"));
  CHECK_THAT(errorOf(session.prefill(std::vector<int32_t>{1, 5})), Contains("token 5") && Contains("0 to 4"));
  CHECK_THAT(errorOf(session.prefill(std::vector<int32_t>{-1})), Contains("token -1"));
  CHECK_THAT(errorOf(session.decode(1), Fault::Internal), Contains("before prefill"));
  CHECK_THAT(errorOf(generate(session, std::vector<int32_t>{1, 2}, {.maxNew = 7})),
             Contains("2 prompt tokens and 7 new") && Contains("8 tokens"));
  CHECK(device.launches.empty());
  REQUIRE(session.prefill(std::vector<int32_t>(8, 1)));
  CHECK_THAT(errorOf(session.decode(1)), Contains("full"));
  package.programs.pop_back();
  CHECK_THAT(errorOf(Session::create(package, device, false)), Contains("decode"));
}

TEST_CASE_METHOD(Fixture, "generation ends after maxNew tokens or an eos") {
  Session session = open();
  std::vector<int32_t> heard;
  size_t rows = 0;
  GenerateOptions options{.maxNew = 3};
  options.onToken = [&](int32_t token) { heard.push_back(token); };
  options.onLogits = [&](std::span<const float>) { ++rows; };
  auto three = generate(session, std::vector<int32_t>{4}, options);
  REQUIRE(three);
  CHECK(three->tokens == std::vector<int32_t>{0, 1, 2});
  CHECK(!three->stoppedAtEos);
  CHECK(heard == three->tokens);
  CHECK(rows == 3);
  CHECK(session.reports().size() == 3); // the last token is not run
  options.maxNew = 6;
  auto eos = generate(session, std::vector<int32_t>{0, 1}, options);
  REQUIRE(eos);
  CHECK(eos->tokens == std::vector<int32_t>{2, 3, 4});
  CHECK(eos->stoppedAtEos);
  options.maxNew = 0;
  auto none = generate(session, std::vector<int32_t>{0}, options);
  REQUIRE(none);
  CHECK(none->tokens.empty());
  CHECK(session.reports().size() == 1);
}

TEST_CASE_METHOD(Fixture, "timing mode runs all launches and knows no tokens") {
  Session session = open(true);
  GenerateOptions options{.maxNew = 6};
  options.onToken = [](int32_t) { FAIL("no token is known"); };
  options.onLogits = [](std::span<const float>) { FAIL("no logits are known"); };
  auto generation = generate(session, std::vector<int32_t>{0, 1}, options);
  REQUIRE(generation);
  CHECK(generation->tokens == std::vector<int32_t>(6, 0));
  CHECK(!generation->stoppedAtEos);
  CHECK(session.reports().size() == 6);
  auto report = makeReport(session, {0, 1}, *generation, std::nullopt);
  REQUIRE(report);
  const nlohmann::json json = toJson(*report);
  CHECK(json["timing_only"] == true);
  CHECK(json["new_tokens"] == 6);
  CHECK(!json.contains("tokens"));
  CHECK(!json.contains("text"));
  CHECK_THAT(toText(*report), Contains("timing only"));
}

TEST_CASE_METHOD(Fixture, "a package with one program is timed alone") {
  SECTION("decode takes the cache as filled") {
    package.programs.erase(package.programs.begin());
    REQUIRE(package.programs.at(0)->name == "decode");
    CHECK_THAT(errorOf(Session::create(package, device, false)), Contains("prefill"));
    Session session = open(true);
    auto generation = generate(session, std::vector<int32_t>(5, 0), {.maxNew = 2});
    REQUIRE(generation);
    REQUIRE(device.launches.size() == 2);
    CHECK(device.launches[0].program == "decode");
    CHECK(device.launches[0].tokensInCache == 6);
    CHECK(device.launches[1].tokensInCache == 7);
    auto report = makeReport(session, std::vector<int32_t>(5, 0), *generation, std::nullopt);
    REQUIRE(report);
    CHECK(report->prefillCycles == 0);
    CHECK(report->decodeCycles.size() == 2);
    CHECK_THAT(errorOf(session.assumeCached(9)), Contains("at most 8"));
  }
  SECTION("a prefill is all there is") {
    package.programs.pop_back();
    Session session = open(true);
    auto generation = generate(session, std::vector<int32_t>(5, 0), {.maxNew = 2});
    REQUIRE(generation);
    CHECK(device.launches.size() == 1);
    CHECK(session.reports().size() == 1);
  }
}

TEST_CASE_METHOD(Fixture, "a package of shapes computes nothing") {
  package.shapes_only = true;
  CHECK_THAT(errorOf(Session::create(package, device, false)), Contains("--weights none") && Contains("--timing-only"));
  CHECK(Session::create(package, device, true));
}

TEST_CASE_METHOD(Fixture, "a device that misbehaves is our fault") {
  Session session = open();
  device.poison = true;
  CHECK_THAT(errorOf(generate(session, std::vector<int32_t>{0}, {.maxNew = 2}), Fault::Internal), Contains("logit 1"));
  device.vocabulary = 4;
  CHECK_THAT(errorOf(session.prefill(std::vector<int32_t>{0}), Fault::Internal), Contains("4 logits instead of 5"));
}

TEST_CASE_METHOD(Fixture, "the report adds up") {
  Session session = open();
  auto generation = generate(session, std::vector<int32_t>{4, 4}, {.maxNew = 3});
  REQUIRE(generation);
  auto report = makeReport(session, {4, 4}, *generation, "a\xff");
  REQUIRE(report);
  const nlohmann::json json = toJson(*report);
  CHECK(json["schema"] == "weft.run/1");
  CHECK(json["tokens"] == std::vector<int>{0, 1, 2});
  CHECK(json["prompt_tokens"] == std::vector<int>{4, 4});
  CHECK(json["stop"] == "length");
  CHECK(json["mesh"] == std::vector<int>{3, 2});
  CHECK(json["cores"] == 6);
  CHECK(json["cycles"]["prefill"] == 1000);
  CHECK(json["cycles"]["decode"] == std::vector<int>{102, 103});
  CHECK(json["cycles"]["total"] == 1205);
  const double clock = json["clock_ghz"];
  CHECK(json["tokens_per_second"]["decode"] == Approx(2 / (205 / (clock * 1e9))));
  CHECK(json["core_utilization"] == Approx(180.0 / (1205 * 6)));
  uint64_t prefill = 0, decode = 0;
  for (const auto &op : json["per_op"])
    (op["phase"] == "prefill" ? prefill : decode) += op["cycles"].get<uint64_t>();
  CHECK(prefill == 1000);
  CHECK(decode == 205);
  CHECK(json["per_op"][4]["op"] == "layers.0.q");
  CHECK(json["per_op"][4]["compute"] == 10.0); // two launches
  CHECK(json["counters"]["decode"]["kernel_calls"] == 34);
  // Resident: 64 + 64 bytes; columns 1 and 2 use x (64), ring (96) and in (36) besides. All other classes use nothing
  // more, so they are no rows of their own.
  REQUIRE(json["sram"].size() == 2);
  CHECK(json["sram"][0]["class"] == "columns 1-2");
  CHECK(json["sram"][0]["cores"] == 4);
  CHECK(json["sram"][0]["peak_bytes"] == 128 + 64 + 96 + 36);
  CHECK(json["sram"][0]["budget_bytes"] == report->sramBudgetBytes);
  CHECK(json["sram"][0]["by_kind"]["communication"] == 96);
  CHECK(json["sram"][1]["class"] == "column 0");
  CHECK(json["sram"][1]["cores"] == 2);
  CHECK(json["sram"][1]["peak_bytes"] == 128);
  const std::string path = WEFT_BINARY_DIR "/session_test.json";
  REQUIRE(writeJson(path, json));
  std::ifstream file(path);
  CHECK(nlohmann::json::parse(file)["text"] == "a\xef\xbf\xbd");
  CHECK(!writeJson("/nowhere/report.json", json));
  std::filesystem::remove(path);

  const std::string text = toText(*report);
  CHECK_THAT(text, Contains("tiny on rvv-mesh-16, 3 x 2 = 6 cores"));
  CHECK_THAT(text, Contains("layers.*.q") && !Contains("layers.0"));
  CHECK_THAT(text, Contains("1,000"));
}

TEST_CASE("cores are grouped by what they use, over all programs") {
  Package package = test::makePackage();
  // In prefill the diagonal works on x, too; (1, 1) is in column 1 and does so already, (0, 0) is a third kind of core.
  auto task = std::make_unique<pkg::TaskT>();
  task->class_id = 2;
  task->instrs.push_back(test::instr(pkg::InstrKind::Put));
  task->instrs.back()->operands.push_back(test::operand(test::activationBuffer, 0));
  package.programs[0]->tasks.push_back(std::move(task));
  const std::vector<SramClass> groups = sramUse(package);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].name == "columns 1-2");
  CHECK(groups[1].name == "core 0,0");
  CHECK(groups[1].programs.at(0).total == 128 + 64);
  CHECK(groups[1].programs.at(1).total == 128);
  CHECK(groups[1].peak.total == 128 + 64);
  CHECK(groups[2].name == "core 0,1");
  CHECK(groups[2].peak.total == 128);
}

TEST_CASE("sets of cores have short names") {
  auto name = [](std::initializer_list<std::pair<int, int>> cores) {
    CoreSet set(3, 4);
    for (auto [x, y] : cores)
      set.insert(uint64_t(x), uint64_t(y));
    CHECK(set.size() == cores.size());
    return set.name(4);
  };
  CHECK(name({}) == "none");
  CHECK(name({{2, 3}}) == "core 2,3");
  CHECK(name({{0, 1}, {1, 1}, {2, 1}}) == "row 1");
  CHECK(name({{2, 0}, {2, 1}, {2, 2}, {2, 3}}) == "column 2");
  CHECK(name({{1, 2}, {2, 2}, {1, 3}, {2, 3}}) == "rows 2-3, columns 1-2");
  CHECK(name({{0, 0}, {1, 1}, {2, 2}}) == "diagonal");
  CHECK(name({{0, 0}, {2, 2}}) == "2 cores");
  CHECK(name({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 0}, {2, 1}, {2, 2}}) ==
        "all but core 2,3");
  CHECK(CoreSet::all(test::makePackage()).name(2) == "all");
}

TEST_CASE("percentages add to a hundred") {
  CHECK(percentages({1, 1, 1}) == std::vector<std::string>{"33.4%", "33.3%", "33.3%"});
  CHECK(percentages({0, 2, 0}) == std::vector<std::string>{"0.0%", "100.0%", "0.0%"});
  CHECK(percentages({0, 0}) == std::vector<std::string>{"-", "-"});
  CHECK(percentages({2, 1, 3, 1}) == std::vector<std::string>{"28.6%", "14.3%", "42.8%", "14.3%"});
}

TEST_CASE("the tables of ops stay short and complete") {
  RunReport report;
  report.clockGhz = 1;
  for (int i = 0; i < 30; ++i)
    report.ops.push_back({"op" + std::string(size_t(i) + 1, 'x'), "kernel", "prefill", uint64_t(100 + i), 1, 1, 1});
  const std::string text = toText(report);
  CHECK_THAT(text, Contains("23 others") && Contains("op" + std::string(30, 'x')) && !Contains("opx "));
  CHECK(std::count(text.begin(), text.end(), '\n') < 25);
}

TEST_CASE("weft run and weft inspect") {
  const std::filesystem::path folder = std::filesystem::path(WEFT_BINARY_DIR) / "session_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "tiny.weft").string(), logits = (folder / "l.npy").string();
  const Package package = test::makePackage();
  REQUIRE(writePackage(package, path));
  tools::CompileOptions compiled;
  tools::DeviceOptions opened;
  tools::Tool tool;
  tool.compile = [&](const tools::CompileOptions &options, const Progress &) {
    compiled = options;
    return std::make_unique<Package>(test::makePackage());
  };
  tool.makeDevice = [&](const Package &, const tools::DeviceOptions &options) -> Result<std::unique_ptr<Device>> {
    opened = options;
    auto device = std::make_unique<CountingDevice>();
    device->timingOnly = options.timingOnly;
    return std::unique_ptr<Device>(std::move(device));
  };
  std::ostringstream out;
  tools::RunOptions options{.input = path, .tokens = "4,0", .maxNew = 2};

  SECTION("a package, by token ids") {
    options.logitsPath = logits;
    options.jsonPath = (folder / "r.json").string();
    options.tracePath = "trace.json";
    Result<void> ran = tools::runModel(options, tool, out);
    INFO((ran ? "" : ran.error().message));
    REQUIRE(ran);
    CHECK(opened.tracePath == "trace.json");
    CHECK_THAT(out.str(), Contains("tokens 1,2\n") && Contains("prefill by op"));
    auto array = readNpy(logits);
    REQUIRE(array);
    CHECK(array->shape == std::vector<uint64_t>{2, 5});
    CHECK(array->values<float>()[1] == 2.0f);
    std::ifstream file(options.jsonPath);
    CHECK(nlohmann::json::parse(file)["tokens"] == std::vector<int>{1, 2});
  }
  SECTION("as many new tokens as fit, unless told") {
    options.maxNew.reset();
    options.timingOnly = true;
    options.jsonPath = (folder / "r.json").string();
    REQUIRE(tools::runModel(options, tool, out));
    std::ifstream file(options.jsonPath);
    CHECK(nlohmann::json::parse(file)["new_tokens"] == 6);
  }
  SECTION("a model is compiled with what the command line says") {
    options.input = folder.string();
    options.compile = {
        .hardware = "rvv-mesh-16", .mesh = "5x7", .dtype = "bf16", .maxSeq = 99, .settings = {"memory.sram_kib=64"}};
    REQUIRE(tools::runModel(options, tool, out));
    CHECK(compiled.model == folder.string());
    CHECK(compiled.mesh->width == 5);
    CHECK(compiled.mesh->height == 7);
    CHECK(compiled.maxSeq == 99u);
    CHECK(compiled.overrides.at(0).value == "64");
    options.compile.mesh = "5x";
    CHECK_THAT(errorOf(tools::runModel(options, tool, out), Fault::Usage), Contains("--mesh"));
    options.compile = {};
    REQUIRE(tools::runModel(options, tool, out));
    CHECK(compiled.hardware == tools::defaultHardware);
  }
  SECTION("mistakes") {
    auto error = [&](Fault fault) { return errorOf(tools::runModel(options, tool, out), fault); };
    options.compile.hardware = "wse2";
    CHECK_THAT(error(Fault::Usage), Contains("compiled already"));
    options.compile.hardware.clear();
    for (const char *tokens : {"1,,2", "x", "1,", "99999999999", "1 2"}) {
      options.tokens = tokens;
      CHECK_THAT(error(Fault::Usage), Contains("--tokens"));
    }
    options.tokens = "7";
    CHECK_THAT(error(Fault::User), Contains("token 7"));
    options.tokens = "1";
    options.sample = "temp=x";
    CHECK_THAT(error(Fault::Usage), Contains("--sample"));
    options.sample = "greedy";
    options.timingOnly = true;
    options.logitsPath = logits;
    CHECK_THAT(error(Fault::Usage), Contains("--logits"));
    CHECK(!std::filesystem::exists(logits));
    options.timingOnly = false;
    options.logitsPath = "/nowhere/l.npy";
    CHECK_THAT(error(Fault::User), Contains("/nowhere/l.npy"));
    options.tokens.clear();
    CHECK_THAT(error(Fault::Usage), Contains("--prompt"));
    options.hasPrompt = true;
    CHECK_THAT(error(Fault::User), Contains("tokenizer.json") && Contains("--tokens"));
    options.input = (folder / "absent").string();
    CHECK_THAT(error(Fault::User), Contains("no such file"));
    std::ofstream(folder / "text.weft") << "text";
    options.input = (folder / "text.weft").string();
    CHECK_THAT(error(Fault::User), Contains("not a Weft package"));
  }
  SECTION("from the command line") {
    CLI::App app;
    int exitCode = -1;
    tools::addRunCommand(app, tool, exitCode);
    tools::addInspectCommand(app, tool, exitCode);
    app.parse("run " + path + " --tokens 9 --max-new 1", false);
    CHECK(exitCode == 1);
    const std::string json = (folder / "i.json").string();
    app.parse("inspect " + path + " --json " + json, false);
    CHECK(exitCode == 0);
    std::ifstream file(json);
    CHECK(nlohmann::json::parse(file) == tools::inspectJson(package));
    CHECK_THROWS_AS(app.parse("run " + path + " --tokens 1 --prompt a", false), CLI::ExcludesError);
  }
  SECTION("inspect shows each part") {
    const std::string text = tools::inspectText(package);
    for (const char *part : {"diagonal", "east", "double_it", "layers.0.q", "model.safetensors", "logits", "kv_cache"})
      CHECK_THAT(text, Contains(part));
    const nlohmann::json json = tools::inspectJson(package);
    CHECK(json["programs"][0]["channels"][2]["colors"] == std::vector<int>{3, 4});
    CHECK(json["programs"][0]["channels"][2]["longest_hops"] == 3);
    CHECK(json["kernels"][0]["calls"]["decode"] == 1);
    CHECK(json["programs"][0]["buffers"][0]["used_by"] == "all"); // resident
    CHECK(json["programs"][0]["buffers"][3]["used_by"] == "columns 1-2");
    CHECK(json["classes"][2]["where"] == "diagonal");
    CHECK(json["classes"][1]["tasks"] == 2);
    CHECK(json["sram"][1]["by_program"]["decode"] == 128);
  }
  std::filesystem::remove_all(folder);
}
