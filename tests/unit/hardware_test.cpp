// Hardware descriptions: schema, loader, overrides, canonical text.
#include "hardware_support.h"

#include <random>
#include <set>
#include <sstream>

using namespace weft;
using namespace weft::test;
using Catch::Matchers::Contains;

TEST_CASE("a good description fills every member") {
  hw::Hardware machine = parsed(good);
  CHECK(machine.name == "tiny");
  CHECK(machine.description == "for tests");
  CHECK(machine.parallelism.meshWidth == 4);
  CHECK(machine.parallelism.meshHeight == 3);
  CHECK(machine.parallelism.clockGhz == 1.5);
  CHECK(machine.parallelism.core.kind == "rvv");
  CHECK(machine.parallelism.core.vlenBits == 256);
  CHECK(machine.parallelism.core.dlenBits == 128);
  CHECK(machine.parallelism.core.extensions.empty());
  CHECK(machine.parallelism.core.rvv.chaining);
  CHECK(machine.parallelism.core.rvv.elementwise.operations == std::vector<std::string>{"gather", "compress"});
  CHECK(machine.parallelism.core.rvv.pipes == std::vector<std::string>{"arithmetic", "load", "store"});
  CHECK(machine.parallelism.core.units.empty());
  CHECK(machine.latency.hop == 1);
  CHECK(machine.latency.ramp == 2);
  CHECK(machine.latency.transferIssue == 4);
  CHECK(machine.latency.streamStage == 3);
  CHECK(machine.latency.streamStartup == 8);
  CHECK(machine.latency.hostStartup == 0);
  CHECK_FALSE(machine.latency.dieCrossing.exists());
  CHECK(machine.memory.sramBytes == 48 * 1024);
  CHECK(machine.memory.codeBytes == 8 * 1024);
  CHECK(machine.memory.stackBytes == 2 * 1024);
  CHECK(machine.memory.alignBytes == 16);
  CHECK(machine.usableBytes() == 38 * 1024);
  CHECK(machine.routing.linkBytes == 4);
  CHECK(machine.routing.colors == 24);
  CHECK(machine.routing.reservedColors == 0);
  CHECK(machine.routing.queueWords == 4);
  CHECK(machine.routing.rampWords == 1);
  CHECK(machine.routing.reduceStage == 0);
  CHECK(machine.energy.macPj == 1.5);
  CHECK_FALSE(machine.energy.hopBytePj);
  CHECK(machine.energy.source == "a test");

  hw::CoreSpec dsd = parsed(goodDsd()).parallelism.core;
  CHECK(dsd.macsPerCycleF32 == 4);
  CHECK(dsd.macsPerCycleF16 == 8);
  CHECK(dsd.aluPerCycle == 4);
  CHECK(dsd.specialPerCycle == 0.5);
  CHECK(dsd.loadBytesPerCycle == 16);
  CHECK(dsd.storeBytesPerCycle == 8);
  CHECK(dsd.kernelStartup == 10);
  CHECK(dsd.vlenBits == 0);
}

TEST_CASE("unknown keys name file, line and the nearest key") {
  CHECK(errorOf(with("  sram_kib: 48", "  sram_kb: 48")) ==
        "tiny.yaml:18: unknown key 'memory.sram_kb'; did you mean 'memory.sram_kib'?");
  CHECK_THAT(errorOf(with("  hop: 1", "  hopp: 1")), Contains("tiny.yaml:12") && Contains("'latency.hop'?"));
  CHECK_THAT(errorOf(with("    code: 8", "    bananas: 8")),
             Contains("tiny.yaml:20") && Contains("'memory.reserve_kib' has: code, stack"));
  CHECK_THAT(errorOf(with("name: tiny", "name: tiny\ngrouting: 3")), Contains("tiny.yaml:2: unknown key 'grouting'"));
  CHECK_THAT(errorOf(with("name: tiny", "name: tiny\nmemory.align_bytes: 16")), Contains("unknown key"));
  CHECK_THAT(errorOf(with("name: tiny", "name: tiny\n<<: {a: 1}")), Contains("unknown key '<<'"));
  // A name from the file never makes a message long or breaks its line.
  CHECK(errorOf("? \"" + repeated("x\\n", 5000) + "\"\n: 1").size() < 400);
}

TEST_CASE("every required key is missed by name") {
  for (const hw::Key &key : hw::schema()) {
    if (key.absence != hw::Absence::Required)
      continue;
    INFO(key.path);
    std::string part(key.path.substr(key.path.rfind('.') + 1));
    std::string text, line;
    for (std::istringstream lines{goodFor(key)}; std::getline(lines, line);)
      if (line.substr(std::min(line.size(), line.find_first_not_of(' '))).rfind(part + ":", 0) != 0)
        text += line + "\n";
    CHECK_THAT(errorOf(text), Contains(fmt::format("tiny.yaml: {}: the key is missing", key.path)) &&
                                  Contains(hw::describeAllowed(key)));
  }
  CHECK_THAT(errorOf(with("  source: a test", "")), Contains("energy.source: the key is missing"));
}

TEST_CASE("every number has a range that is enforced at both ends") {
  for (const hw::Key &key : hw::schema()) {
    using enum hw::ValueType;
    if (key.type != Whole && key.type != Kibibytes && key.type != PowerOfTwo && key.type != Real)
      continue;
    INFO(key.path);
    for (double outside : {-1.0, key.low == 0 ? -2.0 : key.low / 2 - 1, key.high * 2 + 2, 1e300}) {
      std::string value = fmt::format("{:.0f}", outside);
      CHECK_THAT(errorOf(goodFor(key), {{std::string(key.path), value}}),
                 Contains(std::string(key.path)) && Contains(hw::describeAllowed(key)));
    }
    for (const char *bad : {".inf", "-.inf", ".nan", "nan", "inf", "0x10", "1_0", "1 0", "", "~", "true", "[1]",
                            "{a: 1}", "'1'", "\"4\"", "4k", "--4", "+-4"})
      CHECK_THAT(errorOf(goodFor(key), {{std::string(key.path), bad}}), Contains("allowed: "));
    if (key.type != Real)
      CHECK_THAT(errorOf(goodFor(key), {{std::string(key.path), "4.5"}}), Contains("allowed: "));
  }
}

TEST_CASE("values out of range name the line and what is allowed") {
  CHECK(errorOf(with("  sram_kib: 48", "  sram_kib: 0")) ==
        "tiny.yaml:18: memory.sram_kib: 0 is not allowed; allowed: a whole number from 1 to 1048576 (KiB)");
  CHECK_THAT(errorOf(with("  link_bytes: 4", "  link_bytes: 12")), Contains("a power of two from 4 to 128 (bytes)"));
  CHECK_THAT(errorOf(with("  link_bytes: 4", "  link_bytes: 2")), Contains("tiny.yaml:23"));
  CHECK_THAT(errorOf(with("  link_bytes: 4", "  link_bytes: 256")), Contains("tiny.yaml:23"));
  CHECK_THAT(errorOf(with("    kind: rvv", "    kind: gpu")), Contains("'gpu' is not allowed; allowed: rvv or dsd"));
  CHECK_THAT(errorOf(with("name: tiny", "name: a b")), Contains("tiny.yaml:1: name:"));
  CHECK_THAT(errorOf(with("name: tiny", "name: ''")), Contains("tiny.yaml:1: name:"));
  CHECK_THAT(errorOf(with("name: tiny", "name: [tiny]")), Contains("a list is not allowed"));
  CHECK_THAT(errorOf(with("description: for tests", "description: \"two\\nlines\"")), Contains("one line of text"));
  CHECK_THAT(errorOf(with("routing:", "routing: 3\nenergy2:")),
             Contains("routing: must be a map with the keys link_bytes"));
  CHECK_THAT(errorOf(with("    units: []", "    units: [dot, dot]")), Contains("'dot' is listed twice"));
  CHECK_THAT(errorOf(with("    units: []", "    units: dot")), Contains("a list of"));
  CHECK_THAT(errorOf(with("    units: []", "    units: [dot, vexp]")),
             Contains("units: 'vexp' is not allowed; allowed: a list of: dot, exp, mesh-port"));
  const std::string core = "    vlen: 256\n    dlen: 128\n    units: []";
  auto coreOf = [&](uint32_t vlen, uint32_t dlen, const std::string &units) {
    return with(core, fmt::format("    vlen: {}\n    dlen: {}\n    units: [{}]", vlen, dlen, units));
  };
  auto widths = [&](uint32_t vlen, uint32_t dlen, const std::string &units) {
    return errorOf(coreOf(vlen, dlen, units));
  };
  CHECK_THAT(widths(256, 32, "mesh-port, exp"),
             Contains("tiny.yaml:9: parallelism.core.dlen: 32 is not allowed; allowed for unit exp: 64 to 512 (bits)"));
  CHECK_THAT(widths(1024, 1024, "dot"), Contains("1024 is not allowed; allowed for unit dot: 64 to 512 (bits)"));
  CHECK_THAT(widths(128, 256, "dot"),
             Contains("parallelism.core.dlen: 256 is not allowed; allowed for unit dot: at most "
                      "vlen, 128 (bits)"));
  CHECK(hw::parse(coreOf(1024, 1024, "mesh-port"), "tiny.yaml"));
  CHECK(hw::parse(coreOf(512, 512, "dot, exp"), "tiny.yaml"));
  Result<hw::Hardware> wafer = hw::load("wse3", {{"parallelism.core.units", "[exp]"}});
  REQUIRE_FALSE(wafer);
  CHECK_THAT(wafer.error().message,
             Contains("'exp' has instructions, which cores of kind dsd do not run; allowed: []"));
}

TEST_CASE("a mesh is two positive numbers of a sane size") {
  for (const char *bad : {"[0, 4]", "[4, 0]", "[-1, 4]", "[4]", "[4, 4, 4]", "4", "16x16", "[4097, 1]", "[4096, 4096]",
                          "[99999999999999999999, 1]", "[4294967297, 1]", "[1.5, 2]", "['4', 4]", "[[4], 4]", "[]"})
    CHECK_THAT(errorOf(with("  mesh: [4, 3]", "  mesh: " + std::string(bad))),
               Contains("tiny.yaml:4: parallelism.mesh:") && Contains("at most 4194304 in all"));
  CHECK(parsed(with("  mesh: [4, 3]", "  mesh: [2048, 2048]")).parallelism.meshWidth == 2048);
}

TEST_CASE("values that contradict each other are refused") {
  CHECK_THAT(errorOf(with("    code: 8", "    code: 46")),
             Contains("tiny.yaml:20") && Contains("code and stack together are 48"));
  CHECK_THAT(errorOf(with("    stack: 2", "    stack: 1048576")),
             Contains("allowed: less than memory.sram_kib, 48 KiB"));
  CHECK(parsed(with("    code: 8", "    code: 45")).usableBytes() == 1024);
  CHECK_THAT(errorOf(with("  colors: 24", "  colors: 3\n  reserved_colors: 3")),
             Contains("less than routing.colors, 3"));
  CHECK(parsed(with("  colors: 24", "  colors: 3\n  reserved_colors: 2")).routing.reservedColors == 2);
  CHECK_THAT(errorOf(with("  link_bytes: 4", "  link_bytes: 32")), Contains("memory.align_bytes: 16 is not allowed"));
  CHECK(errorOf(with("    kind: rvv", "    kind: dsd")) ==
        "tiny.yaml:8: parallelism.core.vlen: only cores of kind rvv have it, this one is of kind dsd; remove the key");
  CHECK_THAT(errorOf(good, {{"parallelism.core.kernel_startup", "5"}}),
             Contains("only cores of kind dsd have it") && Contains("remove the key"));
  CHECK_THAT(errorOf(goodDsd(), {{"parallelism.core.rvv.memory.banks", "5"}}), Contains("only cores of kind rvv"));
}

TEST_CASE("flags, choices and lists of choices say what is allowed") {
  auto error = [](const char *key, const char *value) {
    return errorOf(good, {{std::string("parallelism.core.") + key, value}});
  };
  for (const char *bad : {"1", "yes", "True", "'true'", "[true]", ""})
    CHECK_THAT(error("rvv.chaining", bad), Contains("allowed: true or false"));
  CHECK_THAT(error("rvv.reduction.style", "ring"), Contains("'ring' is not allowed; allowed: rows or tree or"));
  CHECK_THAT(error("rvv.elementwise.operations", "[gather, add]"),
             Contains("'add' is not allowed; allowed: a list of: gather"));
  CHECK_THAT(error("rvv.pipes", "[]"), Contains("an empty list is not allowed; allowed: a list of 1 to 8 items"));
  CHECK_THAT(error("rvv.pipes", "[load, load, load, load, load, load, load, load, load]"),
             Contains("a list of 9 is not allowed; allowed: a list of 1 to 8 items"));
  CHECK_THAT(error("extensions", "[zfh, zvdot]"), Contains("'zvdot' is not allowed; allowed: a list of: zfhmin, zfh"));
  CHECK(parsed(good, {{"parallelism.core.rvv.chaining", "false"}}).parallelism.core.rvv.chaining == false);
}

TEST_CASE("text that is no description is refused with its place") {
  CHECK_THAT(errorOf(""), Contains("tiny.yaml: the description is empty"));
  CHECK_THAT(errorOf("# only a comment\n"), Contains("the description is empty"));
  CHECK_THAT(errorOf("---\n...\n"), Contains("the description is empty"));
  CHECK_THAT(errorOf("just text"), Contains("tiny.yaml:1: a hardware description is a map"));
  CHECK_THAT(errorOf("- a\n- b\n"), Contains("is a map"));
  CHECK_THAT(errorOf("name: a\nname: b\n"), Contains("tiny.yaml:2: key 'name' is given twice, first in line 1"));
  CHECK_THAT(errorOf(with("  ramp: 2", "  ramp: 2\n  hop: 1")), Contains("tiny.yaml:14: key 'hop' is given twice"));
  CHECK_THAT(errorOf("name: a\n---\nname: b\n"), Contains("second YAML document"));
  CHECK_THAT(errorOf("name: caf\xe9\n"), Contains("tiny.yaml:1: not UTF-8"));
  CHECK_THAT(errorOf(std::string("name: a\nb\0c", 11)), Contains("tiny.yaml:2: control character 0x00"));
  CHECK_THAT(errorOf("\xff\xfen"), Contains("not UTF-8"));
  CHECK_THAT(errorOf("name: [1, 2\n"), Contains("not YAML"));
  CHECK_THAT(errorOf("name: {a: 1\n"), Contains("not YAML"));
  CHECK_THAT(errorOf("a:\n\t- b: c\n  d"), Contains("not YAML"));
  CHECK_THAT(errorOf("name: !!binary aGk=\n"), Contains("the tag"));
  CHECK_THAT(errorOf("[a]: b\n"), Contains("a key must be a plain name"));
  CHECK_THAT(errorOf("~: b\n"), Contains("a key is empty"));
}

TEST_CASE("hostile YAML costs nothing") {
  std::string bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
  CHECK_THAT(errorOf(bomb), Contains("tiny.yaml:1: anchors (&name) are not allowed"));
  CHECK_THAT(errorOf("a: *b\n"), Contains("not YAML") || Contains("aliases"));
  for (const char *open :
       {"[", "{a: ", "- ", "? ", "!a ", "&a ", "a: ", "'", "\"", "|\n", "---\n", "%TAG ! x\n", "*a "})
    for (size_t times : {10, 1000, 10000, 60000})
      if (std::string text = repeated(open, times); text.size() <= hw::maxYamlBytes) {
        INFO(open << " x " << times);
        CHECK(errorOf(text).size() < 1000);
      }
  CHECK_THAT(errorOf("a: [" + repeated("1,", 10000) + "]"), Contains("more than 4096 values"));
  CHECK_THAT(errorOf(repeated("[", 100) + repeated("]", 100)), Contains("nested deeper than 8 levels"));
  CHECK_THAT(errorOf(std::string(hw::maxYamlBytes + 1, '#')), Contains("at most 65536"));
}

TEST_CASE("a description cut or changed anywhere gives a machine or one message") {
  std::string text = good;
  for (size_t length = 0; length < text.size(); ++length)
    if (auto machine = hw::parse(text.substr(0, length), "cut"); !machine)
      CHECK(machine.error().message.rfind("cut:", 0) == 0);
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string changed = text;
    for (int edit = 0; edit < 3; ++edit)
      changed[random() % changed.size()] = static_cast<char>(random());
    if (auto machine = hw::parse(changed, "changed"))
      CHECK(parsed(machine->yaml).digest == machine->digest);
    else
      CHECK(machine.error().message.rfind("changed:", 0) == 0);
  }
}

TEST_CASE("overrides replace, add, and fail like the file's own values") {
  hw::Hardware machine = parsed(good, {{"memory.sram_kib", "512"},
                                       {"parallelism.mesh", "[7,5]"},
                                       {"energy.hop_byte_pj", "0.25"},
                                       {"parallelism.core.units", "[dot, exp]"},
                                       {"memory.sram_kib", "256"}});
  CHECK(machine.memory.sramBytes == 256 * 1024); // the last one holds
  CHECK(machine.parallelism.meshWidth == 7);
  CHECK(machine.parallelism.meshHeight == 5);
  CHECK(machine.energy.hopBytePj == 0.25);
  CHECK(machine.parallelism.core.units == std::vector<std::string>{"dot", "exp"});

  CHECK(errorOf(good, {{"memory.sram_kib", "0"}}) == "override 'memory.sram_kib=0': memory.sram_kib: 0 is not allowed; "
                                                     "allowed: a whole number from 1 to 1048576 (KiB)");
  CHECK_THAT(errorOf(good, {{"memory.sramkib", "1"}}), Contains("did you mean 'memory.sram_kib'?"));
  CHECK_THAT(errorOf(good, {{"sram_kib", "1"}}), Contains("did you mean 'memory.sram_kib'?"));
  CHECK_THAT(errorOf(good, {{"memory", "1"}}), Contains("is a group") && Contains("sram_kib"));
  CHECK_THAT(errorOf(good, {{"", ""}}), Contains("unknown key ''"));
  CHECK_THAT(errorOf(good, {{"latency.hop", "1\nramp: 3"}}), Contains("override 'latency.hop=1\\x0aramp: 3'"));
  CHECK_THAT(errorOf(good, {{"latency.hop", "*a"}}), Contains("override 'latency.hop=*a'"));
  CHECK_THAT(errorOf(good, {{"memory.reserve_kib.code", "48"}}), Contains("override 'memory.reserve_kib.code=48'"));

  Result<hw::Override> split = hw::parseOverride("a.b=c=d");
  REQUIRE(split);
  CHECK(split->key == "a.b");
  CHECK(split->value == "c=d");
  for (const char *bad : {"", "=", "=1", "memory.sram_kib"}) {
    Result<hw::Override> none = hw::parseOverride(bad);
    REQUIRE_FALSE(none);
    CHECK(none.error().fault == Fault::Usage);
  }
}

TEST_CASE("the canonical text is a fixed point and the digest follows the values") {
  hw::Hardware machine = parsed(good);
  hw::Hardware again = parsed(machine.yaml);
  CHECK(again.yaml == machine.yaml);
  CHECK(again.digest == machine.digest);
  // Spelling, order, comments and labels do not matter ...
  CHECK(parsed(with("  clock_ghz: 1.5", "  clock_ghz: 15e-1 # faster")).digest == machine.digest);
  CHECK(parsed(with("  hop: 1", "") + "# end\n", {{"latency.hop", "1"}}).digest == machine.digest);
  CHECK(parsed(good, {{"name", "other"}, {"description", "'say \"hi\" \\ é'"}, {"energy.source", "x"}}).digest ==
        machine.digest);
  // ... and every value does.
  std::set<uint64_t> digests = {machine.digest};
  size_t changes = 0;
  for (const hw::Key &key : hw::schema()) {
    using enum hw::ValueType;
    if (key.isLabel || key.type == Kind)
      continue;
    std::string value = key.type == Extent       ? "[9, 9]"
                        : key.type == Names      ? fmt::format("[{}]", key.choices.empty() ? "name" : key.choices[0])
                             : key.type == Choice ? std::string(key.choices[key.fallback == key.choices[0]])
                        : key.type == UnitSets   ? "[arithmetic, float, load, store]"
                        : key.type == Rates      ? "[float/2]"
                        : key.type == Flag       ? (key.fallback == "true" ? "false" : "true")
                        : key.type == Real       ? "3.25"
                        : key.type == PowerOfTwo ? "64"
                                                 : "6";
    std::vector<hw::Override> overrides = {
        {std::string(key.path), value}, {"energy.source", "x"}, {"area.source", "x"}};
    if (key.path == "routing.link_bytes")
      overrides[0].value = "8";
    INFO(key.path);
    if (key.path == "memory.sram_kib")
      overrides[0].value = "64";
    if (key.high < 6 && key.type == Whole)
      overrides[0].value = "2";
    if (key.path == "parallelism.core.vlen")
      overrides[0].value = "512";
    uint64_t digest = parsed(goodFor(key), overrides).digest;
    CHECK(digest != parsed(goodFor(key), {{"energy.source", "x"}}).digest);
    if (key.kind != "dsd")
      CHECK(digests.insert(digest).second);
    ++changes;
  }
  CHECK(changes > 25);
  hw::Hardware odd = parsed(good, {{"name", "'12'"}, {"description", "'say \"hi\" \\ é'"}});
  CHECK(parsed(odd.yaml).description == "say \"hi\" \\ é");
  CHECK(parsed(odd.yaml).name == "12");
}

TEST_CASE("load says what is wrong with a path") {
  Result<hw::Hardware> none = hw::load("rvv-mesh-17");
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Contains("'rvv-mesh-17'") && Contains("rvv-lab, rvv-mesh-16, saturn, "));
  Result<hw::Hardware> directory = hw::load("/");
  REQUIRE_FALSE(directory);
  CHECK_THAT(directory.error().message, Contains("a directory"));
  Result<hw::Hardware> endless = hw::load("/dev/zero");
  REQUIRE_FALSE(endless);
  CHECK_THAT(endless.error().message, Contains("more than 65536 bytes"));
  CHECK_FALSE(hw::load(""));
  Result<hw::Hardware> preset = hw::load("wse2", {{"latency.hop", "0"}});
  REQUIRE_FALSE(preset);
  CHECK_THAT(preset.error().message, Contains("latency.hop"));
}
