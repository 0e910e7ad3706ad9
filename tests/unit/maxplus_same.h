// What both evaluators of the mesh must agree on.
#pragma once

#include "runtime/Device.h"

#include <catch2/catch.hpp>

namespace weft::test {

inline void requireSame(const runtime::LaunchReport &seen, const runtime::LaunchReport &expected) {
  REQUIRE(seen.cycles == expected.cycles);
  REQUIRE(seen.busyCoreCycles == expected.busyCoreCycles);
  REQUIRE(seen.counters.wordHops == expected.counters.wordHops);
  REQUIRE(seen.counters.wordsInjected == expected.counters.wordsInjected);
  REQUIRE(seen.counters.kernelCalls == expected.counters.kernelCalls);
  REQUIRE(seen.ops.size() == expected.ops.size());
  for (size_t i = 0; i < seen.ops.size(); ++i) {
    CAPTURE(i);
    const runtime::OpTime &a = seen.ops[i], &b = expected.ops[i];
    REQUIRE(a.cycles == b.cycles);
    REQUIRE(a.compute == b.compute);
    REQUIRE(a.communicate == b.communicate);
    REQUIRE(a.wait == b.wait);
    REQUIRE(a.hidden == b.hidden);
  }
  REQUIRE(seen.channels.size() == expected.channels.size());
  for (size_t i = 0; i < seen.channels.size(); ++i) {
    const runtime::ChannelTraffic &a = seen.channels[i], &b = expected.channels[i];
    REQUIRE(a.messages == b.messages);
    REQUIRE(a.words == b.words);
    REQUIRE(a.wordHops == b.wordHops);
    REQUIRE(a.maxHops == b.maxHops);
  }
}

} // namespace weft::test
