// Descriptions of small machines, good ones and ones with a line changed, for the tests of hw-models.
#pragma once

#include "hw-models/Hardware.h"
#include "hw-models/Schema.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace weft::test {

/// A good description with one value a line, so that tests can name lines.
inline constexpr const char *good = R"(name: tiny
description: for tests
parallelism:
  mesh: [4, 3]
  clock_ghz: 1.5
  core:
    kind: rvv
    vlen: 256
    dlen: 128
    units: []
latency:
  hop: 1
  ramp: 2
  transfer_issue: 4
  stream_stage: 3
  stream_startup: 8
memory:
  sram_kib: 48
  reserve_kib:
    code: 8
    stack: 2
routing:
  link_bytes: 4
  colors: 24
  queue_words: 4
energy:
  mac_pj: 1.5
  source: a test
)";

/// The same machine with a core of kind dsd.
inline std::string goodDsd() {
  std::string text = good;
  const std::string core = "    kind: rvv\n    vlen: 256\n    dlen: 128\n    units: []\n";
  size_t at = text.find(core);
  REQUIRE(at != std::string::npos);
  return text.replace(at, core.size(), R"(    kind: dsd
    macs_per_cycle_f32: 4
    macs_per_cycle_f16: 8
    alu_per_cycle: 4
    special_per_cycle: 0.5
    load_bytes_per_cycle: 16
    store_bytes_per_cycle: 8
    kernel_startup: 10
)");
}

/// A good description with a core that has the key.
inline std::string goodFor(const hw::Key &key) { return key.kind == "dsd" ? goodDsd() : good; }

/// `good` with `line` (as it stands, indentation included) replaced.
inline std::string with(const std::string &line, const std::string &replacement) {
  std::string text = good;
  size_t at = text.find(line + "\n");
  REQUIRE(at != std::string::npos);
  return text.replace(at, line.size() + 1, replacement.empty() ? "" : replacement + "\n");
}

inline hw::Hardware parsed(const std::string &text, const std::vector<hw::Override> &overrides = {}) {
  Result<hw::Hardware> machine = hw::parse(text, "tiny.yaml", overrides);
  if (!machine)
    FAIL(machine.error().message);
  return *machine;
}

inline std::string errorOf(const std::string &text, const std::vector<hw::Override> &overrides = {}) {
  Result<hw::Hardware> machine = hw::parse(text, "tiny.yaml", overrides);
  REQUIRE_FALSE(machine);
  CHECK(machine.error().fault == Fault::User);
  CHECK(machine.error().message.find('\n') == std::string::npos); // one message, one line
  return machine.error().message;
}

inline std::string repeated(const std::string &text, size_t times) {
  std::string out;
  for (size_t index = 0; index < times; ++index)
    out += text;
  return out;
}

} // namespace weft::test
