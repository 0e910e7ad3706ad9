// Predictions against what was measured on wafers: reading, running, summing up.
#include "engine_tool.h"

#include "tools/WaferCalibrate.h"
#include "tools/WaferErrors.h"
#include "tools/WaferLayers.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace weft;
using namespace weft::tools;
using Catch::Matchers::Contains;
using weft::test::engineTool;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("weft-wafer-validation-" + std::to_string(getpid()));
  Folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string &name, const std::string &text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

/// Rows as the engine itself predicts them on `hardware`: what a calibration must find again.
std::string predictedRows(const WaferKernels &kernels, const std::string &head, const std::vector<std::string> &rows,
                          const std::string &path, const hw::Hardware &hardware) {
  std::ofstream(path) << head << ",cycles\n"
                      << [&] {
                           std::string text;
                           for (const std::string &row : rows)
                             text += row + ",1\n";
                           return text;
                         }();
  auto table = runtime::readCsv(path);
  REQUIRE(table);
  auto file = validateKernels(*table, kernels, hardware, engineTool());
  REQUIRE(file);
  std::string text = head + ",cycles\n";
  for (size_t i = 0; i < rows.size(); ++i)
    text += fmt::format("{},{}\n", rows[i], file->rows[i].predicted);
  return text;
}

} // namespace

TEST_CASE("rows of a reference file run as their program does, and errors are those of the rows") {
  Folder folder;
  const std::string path = folder.write("wse3_hw_shift.csv", "P,L_hops,Mt,Nt,cycles\n8,1,1,1,100\n8,3,2,2,100\n");
  const WaferKernels *kernels = findWaferKernels(path);
  REQUIRE(kernels);
  auto table = runtime::readCsv(path);
  REQUIRE(table);
  auto file = validateKernels(*table, *kernels, *hw::load("wse3"), engineTool());
  REQUIRE(file);
  REQUIRE(file->rows.size() == 2);
  CHECK(file->rows[1].line == 3);
  CHECK(file->rows[1].mesh == 8);
  CHECK(file->rows[1].predicted > 2 * file->rows[0].predicted); // three hops, and four words each
  CHECK(file->meanAbsoluteError() == Approx((std::abs(file->rows[0].error()) + std::abs(file->rows[1].error())) / 2));
  auto bad = runtime::readCsv(folder.write("wse3_hw_shift.csv", "P,L_hops,Mt,Nt,cycles\n8,1,1,1,fast\n"));
  REQUIRE(bad);
  auto refused = validateKernels(*bad, *kernels, *hw::load("wse3"), engineTool());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("wse3_hw_shift.csv:2: column cycles: 'fast'"));
  CHECK_FALSE(findWaferKernels("other.csv"));
}

TEST_CASE("a calibration finds the constants that made the rows") {
  Folder folder;
  const WaferKernels *gemv = findWaferKernels("wse3_hw_meshgemv.csv");
  hw::Hardware truth = *hw::load(
      "wse3",
      {{"parallelism.core.vector_issue", "3.5"}, {"latency.stream_stage", "9"}, {"latency.stream_startup", "20"}});
  std::vector<std::string> rows;
  for (int cores : {16, 32, 48})
    for (int groups : {2, 4})
      for (int tile : {1, 4, 9})
        rows.push_back(fmt::format("{},{},{},{},{},2", cores, cores * tile, cores * 2, groups, tile));
  const std::string path = (folder.path / "wse3_hw_meshgemv.csv").string();
  const std::string text = predictedRows(*gemv, "P,M,N,group_num,Mt,Nt", rows, path, truth);
  folder.write("wse3_hw_meshgemv.csv", text);
  auto found =
      calibrate({.hardware = "wse3",
                 .files = {path},
                 .constants = {"parallelism.core.vector_issue", "latency.stream_stage", "latency.stream_startup"}},
                engineTool());
  REQUIRE(found);
  CHECK(found->constants[0].after == Approx(3.5).margin(0.1));
  CHECK(found->constants[1].after == 9);
  CHECK(found->constants[2].after == Approx(20).margin(1));
  CHECK(found->files[0].meanAbsoluteError() < 0.002);
  CHECK(found->hardware.latency.streamStage == 9);

  // Half of the rows, chosen at random, say as much; the others were not in view.
  auto half =
      calibrate({.hardware = "wse3",
                 .files = {path},
                 .constants = {"latency.stream_stage", "latency.stream_startup", "parallelism.core.vector_issue"},
                 .share = 0.5,
                 .seed = 3},
                engineTool());
  REQUIRE(half);
  REQUIRE(half->heldOut.size() == 1);
  CHECK(half->files[0].rows.size() == 9);
  CHECK(half->heldOut[0].rows.size() == 9);
  for (const WaferRow &row : half->heldOut[0].rows)
    CHECK(std::ranges::find(half->files[0].rows, row.line, &WaferRow::line) == half->files[0].rows.end());
  CHECK(half->constants[0].after == 9);
  CHECK(half->heldOut[0].meanAbsoluteError() < 0.002);

  // Measured on a wse3: another machine is fitted to it only where that is asked for.
  CalibrationRequest elsewhere{.hardware = "wse2", .files = {path}, .constants = {"latency.stream_stage"}};
  auto refused = calibrate(elsewhere, engineTool());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("measured on wse3, and --hw is wse2"));
  elsewhere.otherMachine = true;
  CHECK(calibrate(elsewhere, engineTool()));

  auto unknown = calibrate({.hardware = "wse3", .files = {path}, .constants = {"name"}}, engineTool());
  REQUIRE_FALSE(unknown);
  CHECK_THAT(unknown.error().message, Contains("--constant name: no number that wse3 has"));
  auto other = calibrate({.hardware = "wse3", .files = {"mine.csv"}}, engineTool());
  REQUIRE_FALSE(other);
  CHECK_THAT(other.error().message, Contains("wse3_hw_meshgemm.csv"));
}

TEST_CASE("decode groups are the largest divisor within the root") {
  for (auto [cores, groups] : {std::pair(240u, 15u),
                               {256, 16},
                               {300, 15},
                               {360, 18},
                               {420, 20},
                               {480, 20},
                               {540, 20},
                               {600, 24},
                               {660, 22},
                               {720, 24}}) // decode_configs.csv of the reference
    CHECK(decodeGroups(cores) == groups);
  CHECK(decodeGroups(7) == 1);
}

TEST_CASE("tokens are compared for WaferLLM's rows, and models without shapes are said") {
  Folder folder;
  const std::string path =
      folder.write("waferllm_decode_tpr.csv", "experiment,model,system,hardware,metric,unit,value\n"
                                              "t,LLaMA3-8B,WaferLLM,64x64 WSE-2 cores,x,tokens/s,100\n"
                                              "t,LLaMA3-8B,T10,64x64 WSE-2 cores,x,tokens/s,100\n"
                                              "t,Grok,WaferLLM,64x64 WSE-2 cores,x,tokens/s,100\n");
  hw::Hardware large = *hw::load("wse2", {{"memory.sram_kib", "4096"}});
  auto file = validateTokens(path, waferTokens()[0], {}, large, engineTool());
  REQUIRE(file);
  REQUIRE(file->rows.size() == 1);
  CHECK(file->rows[0].label == "LLaMA3-8B, P 64");
  CHECK(file->rows[0].predicted > 0);
  REQUIRE(file->skipped.size() == 1);
  CHECK_THAT(file->skipped[0], Contains("line 4") && Contains("--model NAME=CONFIG.json"));

  const std::string config = folder.write("config.json", R"({"hidden_size": 4096, "intermediate_size": 14336,
                                                             "num_hidden_layers": 64})");
  auto grok = parseModelShape("grok=" + config);
  REQUIRE(grok);
  auto both = validateTokens(path, waferTokens()[0], {*grok}, large, engineTool());
  REQUIRE(both);
  REQUIRE(both->rows.size() == 2);
  CHECK(both->skipped.empty());
  CHECK(both->rows[1].predicted == Approx(both->rows[0].predicted / 2)); // twice as many layers of the same shape
  for (const std::string &bad : {std::string("grok"), "=" + config, std::string("grok=nowhere.json"),
                                 "grok=" + folder.write("bad.json", R"({"hidden_size": -1})"),
                                 "grok=" + folder.write("list.json", "[1, 2"), "grok=" + path}) {
    INFO(bad);
    CHECK_FALSE(parseModelShape(bad));
  }
}

TEST_CASE("an error bar is that of the measured range, and anything else is extrapolated") {
  WaferFile file{.file = "f", .hardware = "wse3", .algorithm = "meshgemm", .kind = "gemm", .element = "f16"};
  file.rows = {{1, "", 16, 8, 100, 102, {{"odd", "drop"}, {"groups", "2"}}},
               {2, "", 20, 4, 100, 96, {{"odd", "drop"}, {"groups", "10"}}},
               {3, "", 272, 8, 100, 101, {{"odd", "drop"}, {"groups", "4"}}}};
  const WaferFile files[] = {file};
  std::vector<WaferErrors> errors = errorsOf(files);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].meanAbsolute == Approx(0.03));
  CHECK(errors[0].worst == Approx(0.04));
  CHECK(errors[1].lowMesh == 272);

  Folder folder;
  auto table = runtime::readCsv(folder.write("errors.csv", errorsCsv(errors)));
  REQUIRE(table);
  auto again = parseErrors(*table);
  REQUIRE(again);
  CHECK(errorsCsv(*again) == errorsCsv(errors));

  Predicted like{"wse3", "gemm", "meshgemm", "f16", 18, 18, 8, {{"odd", "drop"}, {"groups", "9"}}};
  ErrorBar inside = errorBar(*again, like);
  CHECK_FALSE(inside.extrapolated);
  CHECK(inside.meanAbsolute == Approx(0.03));
  auto barWith = [&](auto change) {
    Predicted other = like;
    change(other);
    ErrorBar bar = errorBar(*again, other);
    CHECK(bar.extrapolated);
    return bar;
  };
  ErrorBar larger = barWith([](Predicted &each) { each.width = each.height = 720; });
  CHECK(larger.meanAbsolute == Approx(0.01));
  CHECK_THAT(larger.text, Contains("over 1 measured rows of P 272") && Contains("this is P 720, not 272; groups 9"));
  CHECK_THAT(barWith([](Predicted &each) { each.extent = 9; }).text, Contains("tiles of 9, not up to 8"));
  CHECK_THAT(barWith([](Predicted &each) { each.height = 17; }).text, Contains("18x17 cores, not square"));
  CHECK_THAT(barWith([](Predicted &each) { each.isPreset = false; }).text, Contains("not the preset wse3"));
  for (const char *groups : {"1", "11", "default"})
    CHECK_THAT(barWith([&](Predicted &each) { each.settings["groups"] = groups; }).text,
               Contains(std::string("groups ") + groups + ", not 2 to 10"));
  CHECK_THAT(barWith([](Predicted &each) { each.settings["odd"] = "pad"; }).text, Contains("odd pad, not drop"));
  CHECK_THAT(barWith([](Predicted &each) { each.hardware = "wse2"; }).text, Contains("nothing there are known"));
  CHECK_THAT(barWith([](Predicted &each) { each.algorithm = "cannon"; }).text,
             Contains("no run of gemm cannon f16 was measured on wse3") && Contains("gemm meshgemm f16 2.3 %"));
  CHECK_FALSE(parseSettings("odd"));
  CHECK_FALSE(parseSettings("=1"));
}
