// `weft hw`: what it prints, and its exit status.
#include "hw-models/Schema.h"
#include "tools/HwCommand.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include <cstdio>
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
      tools::addHwCommand(app, output.exitCode);
      app.parse("hw " + arguments, false);
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
