// `weft hw`: what it prints, and its exit status.
#include "hw-models/Schema.h"
#include "tools/HwCommand.h"
#include "tools/Tool.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>

using namespace weft;
using Catch::Matchers::Contains;

namespace {

struct Output {
  int exitCode;
  std::string out, err;
};

/// The text that `stream` gets while `action` runs.
std::string captured(FILE *stream, const std::function<void()> &action) {
  std::fflush(stream);
  int saved = dup(fileno(stream));
  FILE *file = std::tmpfile();
  REQUIRE(file);
  dup2(fileno(file), fileno(stream));
  action();
  std::fflush(stream);
  dup2(saved, fileno(stream));
  close(saved);
  std::string text(static_cast<size_t>(std::ftell(file)), '\0');
  std::fseek(file, 0, SEEK_SET);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

Output weftHw(const std::string &arguments) {
  Output output{-1, {}, {}};
  output.err = captured(stderr, [&] {
    output.out = captured(stdout, [&] {
      CLI::App app("weft");
      const tools::Tool tool; // none of these commands runs a program
      tools::addHwCommand(app, tool, output.exitCode);
      try {
        app.parse("hw " + arguments, false);
      } catch (const CLI::ParseError &) {
        output.exitCode = 2; // as weft's main does
      }
    });
  });
  return output;
}

} // namespace

TEST_CASE("weft hw") {
  Output list = weftHw("list");
  CHECK(list.exitCode == 0);
  for (const std::string &name : hw::presetNames())
    CHECK_THAT(list.out, Contains("\n" + name + " "));
  CHECK_THAT(list.out, Contains("757x996"));

  Output show = weftHw("show rvv-mesh-16 --set memory.sram_kib=64 --set parallelism.mesh=[8,8]");
  CHECK(show.exitCode == 0);
  CHECK_THAT(show.out, Contains("64 KiB") && Contains("[8, 8] cores"));
  for (const hw::Key &key : hw::schema())
    CHECK_THAT(show.out, Contains(std::string(key.path)) && Contains(std::string(key.doc)));

  Output check = weftHw("check " WEFT_SOURCE_DIR "/hw-models/presets/wse2.yaml");
  CHECK(check.exitCode == 0);
  CHECK_THAT(check.out, Contains("OK: wse2, 757x996"));

  Output wrong = weftHw("check wse2 --set latency.hop=0");
  CHECK(wrong.exitCode == 1);
  CHECK(wrong.out.empty());
  CHECK_THAT(wrong.err, Contains("weft: error: override 'latency.hop=0': latency.hop: 0 is not allowed"));
  CHECK(weftHw("show no-such-machine").exitCode == 1);
  CHECK(weftHw("show wse2 --set latency.hop").exitCode == 2);

  Output schema = weftHw("schema");
  CHECK(schema.exitCode == 0);
  CHECK(schema.out == hw::schemaMarkdown());
}

TEST_CASE("weft hw validate rvv compares a core of one's own with measurements of one's own") {
  std::string csv = WEFT_BINARY_DIR "/hw_command_test.csv";
  std::ofstream(csv, std::ios::binary) << "\xEF\xBB\xBFmachine,operands,SEW,LMUL,vl,cycles_per_insn,remark\n"
                                          "mine,\"vadd.vv v8,v16,v24\",32,m2,VLMAX,4,\r\n"
                                          "mine,\"vadd.vv v8,v16,v24\",32,m4,vl=1,2,x\n"
                                          "mine,\"vrol.vv v8,v16,v24\",32,m1,VLMAX,2,\n"
                                          "mine,\"vrol.vx v8,v16,t0\",32,m1,VLMAX,2,\n"
                                          "mine,\"v\xFFx v8\",32,m1,VLMAX,2,\n"
                                          "mine,\"add t0,t1,t2\",32,m1,VLMAX,1,\n"
                                          "bare,\"add t0,t1,t2\",32,m1,VLMAX,1,\n"
                                          "other,\"vadd.vv v8,v16,v24\",32,m1,VLMAX,2,\n";
  std::string arguments = "validate rvv --hw rvv-mesh-16 " + csv;
  Output mine = weftHw(arguments + " --machine mine --worst 1");
  CHECK(mine.err.empty());
  CHECK(mine.exitCode == 0);
  CHECK_THAT(mine.out, Contains("mine against rvv-mesh-16") && Contains("0.0 %") && Contains("47.7 %"));
  CHECK_THAT(mine.out, Contains("not compared: 3 rows") && Contains("'vrol.vv', 'vrol.vx', 'v\\xffx'"));
  CHECK_THAT(mine.out, Contains("not compared: 1 row of instructions that are not vector instructions: 'add'"));
  CHECK_THAT(mine.out, Contains("rows at VLMAX") && Contains("rows at less vl"));
  CHECK_THAT(mine.out, Contains("m2 ") && Contains("m4 ") && Contains("worst rows"));
  Output json = weftHw(arguments + " --machine mine --worst 1 --json -");
  auto whole = nlohmann::json::parse(json.out);
  CHECK(whole["schema"] == "weft.hw-validate/1");
  auto parsed = whole["machines"];
  CHECK(parsed[0]["vlmax"]["rows"] == 1);
  CHECK(parsed[0]["vlmax"]["mape"] == 0);
  CHECK(parsed[0]["unknown"].size() == 3);
  CHECK(parsed[0]["unknown"][0] == "vrol.vv");
  CHECK(parsed[0]["not_vector_rows"] == 1);
  Output other = weftHw(arguments + " --machine other --json -");
  CHECK(nlohmann::json::parse(other.out)["machines"][0]["vl_given"]["mape"].is_null());
  CHECK(parsed[0]["worst"][0]["measured"] == 2);
  CHECK(parsed[0]["worst"][0]["predicted"] == 1 + 3.0 / 64); // one issues a cycle, and a loop has three more
  Output wide = weftHw(arguments + " --machine mine --json - --set parallelism.core.dlen=256 --overhead 0.5");
  CHECK(nlohmann::json::parse(wide.out)["machines"][0]["vlmax"]["mape"] == Approx(1 - 2.5 / 4));
  CHECK(weftHw("validate rvv --machine mine --hw rvv-mesh-16 " + csv + " " + csv).exitCode == 0);

  auto error = [&](const std::string &text) {
    Output output = weftHw("validate rvv " + text);
    CHECK(output.exitCode != 0);
    CHECK(output.out.empty());
    return output.err;
  };
  CHECK_THAT(error("--machine mine " + csv), Contains("no preset describes it; give its description with --hw"));
  CHECK_THAT(error("--hw rvv-mesh-16 " + csv), Contains("choose one with --machine: mine, bare, other"));
  CHECK_THAT(error("--hw rvv-mesh-16 --machine yours " + csv), Contains("'yours' is not in the data; it has: mine"));
  CHECK_THAT(error("--hw wse2 --machine mine " + csv), Contains("kind dsd"));
  CHECK_THAT(error("--hw rvv-mesh-16 --machine bare " + csv),
             Contains("bare: nothing to compare: 1 row of instructions that are not vector instructions: 'add'"));
  CHECK_THAT(error("--hw sifive-x280 --machine tt_t2"),
             Contains("tt_t2 was measured with VLEN 128") && Contains("has 512"));
  for (const char *bad : {"--overhead nan", "--overhead -1", "--overhead inf", "--worst -3", "--worst 1.5"}) {
    INFO(bad);
    Output output = weftHw("validate rvv --hw rvv-mesh-16 --machine mine " + csv + " " + bad);
    CHECK(output.exitCode == 2);
    CHECK(output.out.empty());
  }
  CHECK_THAT(error("--hw rvv-mesh-16 --machine mine " + csv + ".none"), Contains("cannot be opened"));
  CHECK_THAT(error("--hw rvv-mesh-16 --set parallelism.core.dlen=100 --machine mine " + csv),
             Contains("a power of two"));
  std::remove(csv.c_str());
}

TEST_CASE("weft hw validate noc says which runs miss a limit") {
  std::string folder = WEFT_BINARY_DIR "/hw_command_test_noc", file = folder + "/booksim2_8x8.csv";
  std::filesystem::create_directories(folder);
  auto validated = [&](const std::string &latency) {
    std::ofstream(file) << "router,k,traffic,packet_flits,mode,offered,status,lat_avg,routers_avg,accepted_avg,cycles,"
                           "flit_router_hops_per_user_s\n"
                           "w1,8,neighbor,1,throughput,1,ok,15.5,4.5,1,0,900000\n"
                           "w1,8,neighbor,1,latency,0.1,ok,"
                        << latency << ",4.5,0.1,0,500000\n"
                        << "w1,8,neighbor,1,latency,0.9,ok,99,4.5,0.9,0,800000\n";
    return weftHw("validate noc --packets 1000 --json - --reference " + folder);
  };
  Output good = validated("15.5"); // each link carries one flow: a mean of 3.5 links, always
  CHECK(good.exitCode == 0);
  nlohmann::json json = nlohmann::json::parse(good.out);
  CHECK(json["missed_rows"] == 0);
  CHECK(json["summary"][0]["judged_rows"] == 2); // 0.9 is above 85 % of saturation
  CHECK(json["rows"][1]["own_packets"]["flit_hops_per_second"] > 0);

  Output bad = validated("15.8");
  CHECK(bad.exitCode == 1);
  CHECK(nlohmann::json::parse(bad.out)["rows"][1]["good"] == false);

  Output none = weftHw("validate noc --reference " + folder + "/none");
  CHECK(none.exitCode == 1);
  CHECK_THAT(none.err, Contains("cannot be read; --reference DIR says"));
}
