// Compiled programs on small meshes: what is proven free of deadlock without a run also passes the run of every core.
#include "tests/e2e/Runner.h"

#include "compiler/route/Deadlock.h"

#include <filesystem>

using namespace weft;
using namespace weft::test;

namespace {

std::unique_ptr<runtime::Package> shapesOf(const std::string &hardware, MeshSize mesh, uint32_t maxSeq,
                                           compiler::ReduceChoice reduce) {
  compiler::CompileOptions options;
  options.model = std::string(WEFT_SOURCE_DIR) + "/examples/models/bard-1m/config.json";
  options.shapesOnly = true;
  auto overrides = hw::parseOverrides({"memory.sram_kib=8192"}); // room enough, whatever the mesh
  REQUIRE(overrides);
  auto machine = hw::load(hardware, *overrides);
  INFO((machine ? "" : machine.error().message));
  REQUIRE(machine);
  options.hardware = std::move(*machine);
  options.meshWidth = mesh.width;
  options.meshHeight = mesh.height;
  options.maxSeq = maxSeq;
  options.reduce = reduce;
  options.until = compiler::Phase::Package;
  auto compiled = compiler::compile(options);
  INFO((compiled ? "" : compiled.error().message));
  REQUIRE(compiled);
  return std::move(compiled->package);
}

/// Both ways give "no deadlock", and the first one without running anything.
void checkBothWays(const runtime::Package &package) {
  for (const auto &program : package.programs) {
    INFO(program->name);
    route::DeadlockOptions options;
    options.proveFirst = true;
    route::DeadlockStatistics proof, run;
    auto proven = route::checkDeadlock(package, *program, options, &proof);
    INFO((proven ? "" : proven.error().message));
    REQUIRE(proven);
    CHECK(proof.runs == 0);
    CHECK(proof.proofs >= 1);
    options.proveFirst = false;
    auto passed = route::checkDeadlock(package, *program, options, &run);
    INFO((passed ? "" : passed.error().message));
    REQUIRE(passed);
    CHECK(run.runs == proof.proofs);
  }
}

} // namespace

TEST_CASE("programs of all meshes are proven, as the run says they should be", "[deadlock]") {
  auto [width, height] =
      GENERATE(table<uint32_t, uint32_t>({{1, 1}, {2, 2}, {5, 5}, {7, 3}, {3, 8}, {12, 12}, {1, 6}, {9, 1}}));
  CAPTURE(width, height);
  checkBothWays(*shapesOf("wse2", {width, height}, 40, compiler::ReduceChoice::Auto));
}

TEST_CASE("a program that is spoiled is neither proven nor passes", "[deadlock]") {
  auto package = shapesOf("wse2", {5, 4}, 40, compiler::ReduceChoice::Auto);
  int spoiled = 0;
  for (const auto &program : package->programs)
    for (size_t t = 0; t < program->tasks.size(); t += 7) {
      auto &instrs = program->tasks[t]->instrs;
      auto put =
          std::find_if(instrs.begin(), instrs.end(), [](const auto &i) { return i->kind == pkg::InstrKind::Put; });
      if (put == instrs.end())
        continue;
      pkg::Expr before = *(*put)->bytes;
      *(*put)->bytes = pkg::Expr(before.source(), before.index(), before.scale(), before.add() + 4);
      route::DeadlockOptions options;
      options.proveFirst = true;
      options.tokenCounts = {40};
      CHECK_FALSE(route::checkDeadlock(*package, *program, options));
      *(*put)->bytes = before;
      ++spoiled;
    }
  CHECK(spoiled > 20);
}
