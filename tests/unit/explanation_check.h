// What every explanation of a launch keeps.
#pragma once

#include "runtime/Device.h"

#include <catch2/catch.hpp>

namespace weft::test {

/// The path goes from cycle 0 to the end without a gap, and each of its stretches lasts.
inline void checkExplanation(const runtime::LaunchReport &report) {
  REQUIRE(report.why);
  const runtime::Explanation &why = *report.why;
  CHECK(why.cycles == report.cycles);
  uint64_t at = 0;
  for (const runtime::PathSegment &segment : why.path) {
    REQUIRE(segment.begin == at);
    REQUIRE(segment.end > segment.begin);
    if (segment.cause != runtime::Cause::Host && segment.op != runtime::noName)
      REQUIRE(segment.op < why.ops.size());
    at = segment.end;
  }
  CHECK(at == report.cycles);
  uint64_t rows = 0;
  for (const runtime::PathRow &row : runtime::rowsOf(why))
    rows += row.cycles;
  CHECK(rows == report.cycles);
}

} // namespace weft::test
