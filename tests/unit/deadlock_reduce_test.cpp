// The deadlock check where routers combine words.
#include "deadlock_programs.h"

#include <catch2/catch.hpp>

using namespace weft;
using namespace weft::route;
using namespace weft::test;

/// Cores 0 to 3 send to `root`, their words combined on the way.
static ChannelSpec sums(int root) {
  return {"sums", Axis::X, {{-1, root, 0, 3, false, 0, pkg::Combine::AddF32}}, 1, {}};
}

TEST_CASE("words that routers combine wait for those of every core") {
  int root = GENERATE(0, 2, 3);
  Builder b(4, 1);
  int channel = b.addChannel(sums(root));
  for (int core = 0; core < 4; ++core)
    b.add(core, InstrKind::Put, channel, 10);
  SECTION("all send, one takes") {
    b.add(root, InstrKind::ReduceInto, channel, 10);
    CHECK(b.failure() == "");
  }
  SECTION("the root's own words have no more room than its queue") {
    b.add(root, InstrKind::Wait);
    b.add(root, InstrKind::Get, channel, 10);
    CHECK_THAT(b.failure(), Catch::Contains("has asked for 0"));
    CHECK(b.failure(10) == "");
  }
  SECTION("one sends too little") {
    b.program.tasks[1]->instrs[0]->bytes = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, 4 * 9);
    b.add(root, InstrKind::Get, channel, 10);
    b.add(root, InstrKind::Wait);
    CHECK_THAT(b.failure(), Catch::Contains("core (1, 0) has put 9"));
  }
  SECTION("nobody takes the last word") {
    b.add(root, InstrKind::Get, channel, 9);
    CHECK_THAT(b.failure(), Catch::Contains("channel 'sums'") && Catch::Contains("asks for 9"));
  }
}

TEST_CASE("a reduction of cores may pass its words on to one of routers") {
  // Core 4 sends to core 1, whose sums are its share of the routers' sum.
  Builder b(5, 1);
  int from = b.addChannel(oneFlow("from", 4, 1)), channel = b.addChannel(sums(3));
  b.add(4, InstrKind::Put, from, 20);
  b.add(1, InstrKind::ReduceForward, from, 20, channel);
  for (int core : {0, 2, 3})
    b.add(core, InstrKind::Put, channel, 20);
  SECTION("the root takes them") {
    b.add(3, InstrKind::Get, channel, 20);
    CHECK(b.failure() == "");
  }
  SECTION("the root waits for something else") {
    int never = b.addChannel(oneFlow("never", 2, 3));
    b.add(3, InstrKind::ReduceInto, never, 1);
    b.add(3, InstrKind::Get, channel, 20);
    CHECK_THAT(b.failure(), Catch::Contains("channel 'never'"));
  }
}
