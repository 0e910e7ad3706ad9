// Descriptions of custom units: what a good one says, and what each bad one is told.
#include "kernels/units/RandomCalls.h"
#include "kernels/units/description/Generate.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

using namespace weft;
using namespace weft::units;
using Catch::Matchers::Contains;

namespace {

const std::string good = R"(name: twice
kind: vector
extension: xtwice
summary: twice each element
details: |
  For tests.
golden: tests/Twice.h
module: weft_twice
ports: vector-unit
parameters:
  dlen: {default: 128, low: 64, high: 512, power_of_two: true, summary: bits of a beat}
pipelines:
  add: {stages: [add, write], latency: 2, interval: 1, energy_pj: 0.4, energy_source: a guess}
area: {cells: 100, source: counted}
instructions:
  twice.v:
    summary: vd[i] = 2 * vs2[i]
    space: custom-1
    match: 0x0000002b
    mask: 0xfc0ff07f
    format: vector
    forms: [{sew: 32, vd: i32, vs2: i32}]
    lmul: [1/2, 1, 2, 4, 8]
    golden: twice
    pipeline: add
)";

const std::string scalar = R"(name: port
kind: scalar
extension: xport
summary: words
details: For tests.
module: weft_port
ports: scalar-unit
pipelines:
  queue: {stages: [queue], latency: 1, interval: 1, energy_pj: 0, energy_source: none}
area: {cells: 10, source: counted}
instructions:
  take:
    summary: a word
    space: custom-0
    match: 0x0000200b
    mask: 0x000ff07f
    format: route-get
    pipeline: queue
csrs:
  taken: {number: 0xcd0, bits: 32, summary: words taken}
)";

const std::string network = R"(name: ring
kind: network
summary: a ring
details: For tests.
module: weft_ring
ports: router
area: {cells: 10, source: counted}
operations:
  add: {code: 1, summary: the sum}
)";

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string errorOf(const std::string &text) {
  Result<UnitDescription> unit = readUnit(text, "u.yaml");
  if (unit)
    return "";
  CHECK(unit.error().fault == Fault::User);
  return unit.error().message;
}

UnitDescription described(const std::string &text, const std::string &name = "u.yaml") {
  Result<UnitDescription> unit = readUnit(text, name);
  if (!unit)
    FAIL(unit.error().message);
  return *unit;
}

std::string togetherError(const std::vector<UnitDescription> &units,
                          const std::vector<StandardInstruction> &standard = {}) {
  Result<void> checked = checkTogether(units, standard);
  return checked ? "" : checked.error().message;
}

} // namespace

TEST_CASE("a description is read as it stands") {
  UnitDescription unit = described(good);
  CHECK(unit.name == "twice");
  CHECK(unit.parameters.at(0).high == 512);
  CHECK(unit.pipelines.at(0).stages == std::vector<std::string>{"add", "write"});
  const InstructionDescription &instruction = unit.instructions.at(0);
  CHECK(instruction.match == 0x2b);
  CHECK(instruction.lmuls == 0b1111100);
  CHECK(instruction.forms.at(0).sewBits == 32);
  CHECK_FALSE(instruction.readsDestination);
  CHECK(described(scalar).csrs.at(0).number == 0xcd0);
  CHECK(described(scalar).csrs.at(0).bits == 32);
  CHECK(described(network).operations.at(0).code == 1);
}

TEST_CASE("each bad value is told with line, key and what is allowed") {
  struct Case {
    std::string from, to, message;
  };
  const Case cases[] = {
      {"kind: vector", "kind: matrix",
       "u.yaml:2: kind: 'matrix' is not allowed; allowed: one of: vector, scalar, network"},
      {"summary: twice", "sumary: twice", "u.yaml:4: unknown key 'sumary'; a unit has: name, kind, extension"},
      {"name: twice", "name: 2ice", "u.yaml:1: name: '2ice' is not allowed; allowed: a name of at most 40"},
      {"extension: xtwice", "extension: twice", "u.yaml:3: extension: 'twice' is not allowed; allowed: the name of a"},
      {"extension: xtwice", "extension: xtwice2", "u.yaml:3: extension: 'xtwice2'"},
      {"golden: tests/Twice.h\n", "", "u.yaml:1: golden: the key is missing; it wants one line of text"},
      {"ports: vector-unit\n", "", "ports: the key is missing; it wants a name"},
      {"cells: 100", "cells: 0", "area.cells: '0' is not allowed; allowed: a whole number from 1 to 100000000"},
      {"  For tests.\n", "\n", "details: no text"},
      {"default: 128", "default: 32",
       "u.yaml:11: parameters.dlen.default: '32' is not allowed; allowed: a whole "
       "number from 64 to 512"},
      {"default: 128", "default: 96", "parameters.dlen.default: 96 is not allowed; allowed: a power of two"},
      {"low: 64, high: 512", "low: 512, high: 64",
       "parameters.dlen.high: '64' is not allowed; allowed: a whole number "
       "from 512"},
      {"default: 128", "default: '128'", "parameters.dlen.default: '128' is not allowed"},
      {"high: 512", "hi: 512",
       "u.yaml:11: unknown key 'parameters.dlen.hi'; 'parameters.dlen' has: default, low, high"},
      {"latency: 2", "latency: 3", "pipelines.add.stages: 2 stages take 2 cycles, but latency is 3; name one a cycle"},
      {"latency: 2", "latency: 1 + QUEUE",
       "latency: '1 + QUEUE' is not allowed for the defaults: the unit has no parameter QUEUE"},
      {"latency: 2", "latency: 010", "'010' is no number"},
      {"latency: 2", "latency: 0", "latency: '0' is not allowed for the defaults: it is 0; allowed: 1 to 100"},
      {"[add, write]", "[add, add]", "pipelines.add.stages: 'add' is listed twice"},
      {"[add, write]", "[]", "pipelines.add.stages: an empty list is not allowed"},
      {"interval: 1", "interval: 0",
       "pipelines.add.interval: '0' is not allowed; allowed: a whole number from 1 to 100"},
      {"energy_pj: 0.4", "energy_pj: much", "pipelines.add.energy_pj: 'much' is not allowed; allowed: a number from 0"},
      {", energy_source: a guess", "", "pipelines.add.energy_source: the key is missing"},
      {"area: {cells: 100, source: counted}\n", "",
       "area: the key is missing; it wants a map with the keys cells, source"},
      {"cells: 100", "gates: 100", "u.yaml:14: unknown key 'area.gates'; 'area' has: cells, source"},
      {"space: custom-1", "space: custom-4",
       "instructions.twice.v.space: 'custom-4' is not allowed; allowed: one of: "
       "custom-0"},
      {"space: custom-1", "space: custom-3",
       "u.yaml:19: instructions.twice.v.match: 0x0000002b has major opcode 0x2b; "
       "custom-3 is 0x7b"},
      {"space: custom-1", "space: op-v", "instructions.twice.v.draft: the key is missing"},
      {"    match: 0x0000002b", "    draft: Zvnone\n    match: 0x0000002b",
       "draft: an encoding of a custom space needs none; remove the key"},
      {"match: 0x0000002b", "match: 0x1000000ab",
       "match: '0x1000000ab' is not allowed; allowed: a whole number from 0x0 "
       "to 0xffffffff"},
      {"match: 0x0000002b", "match: 43.0", "match: '43.0' is not allowed"},
      {"match: 0x0000002b", "match: 0x000010ab", "mask: 0xfc0ff07f leaves bits free that match sets: 0x00000080"},
      {"mask: 0xfc0ff07f", "mask: 0xfc00707f",
       "mask: 0xfc00707f is not allowed; allowed: 0xfe0ff07f or, with a mask "
       "operand, 0xfc0ff07f: free are the operands vd, vs2"},
      {"space: custom-1\n    match: 0x0000002b", "space: custom-2\n    match: 0x0000005b",
       "match: 0x0000005b is no vector coprocessor (VCIX) encoding of the format vector"},
      {"format: vector", "format: matrix", "format: 'matrix' is not allowed; allowed: one of: vector-vector"},
      {"format: vector", "format: route-get", "format: route-get belongs to units of kind scalar"},
      {"sew: 32", "sew: 24", "instructions.twice.v.forms.sew: 24 is not allowed; allowed: 8, 16, 32 or 64"},
      {"sew: 32", "sew: 16", "forms.vs2: i32 has 32 bits an element, SEW is 16"},
      {"vd: i32", "vd: bf16", "forms.vd: bf16 has 16 bits an element, SEW is 32"},
      {"vd: i32", "vd: i64", "forms.vd: 'i64' is not allowed; allowed: one of: s8, u8, i32"},
      {"vs2: i32}]", "vs2: i32, vs1: i32}]", "unknown key 'instructions.twice.v.forms.vs1'"},
      {"vs2: i32}]", "vs2: i32}, {sew: 32, vd: i32, vs2: i32}]", "a form for SEW 32 and altfmt 0 is there already"},
      {"forms: [{sew: 32, vd: i32, vs2: i32}]", "forms: 32",
       "forms: '32' is not allowed; allowed: a list that is not "
       "empty"},
      {"lmul: [1/2, 1, 2, 4, 8]", "lmul: [3]", "lmul: '3' is not allowed; allowed: 1/8, 1/4, 1/2, 1, 2, 4, 8"},
      {"lmul: [1/2, 1, 2, 4, 8]", "lmul: [1]\n    flags: [XX]",
       "flags: 'XX' is not allowed; allowed: NX, UF, OF, DZ, NV"},
      {"golden: twice\n", "golden: std::abort()\n", "instructions.twice.v.golden: 'std::abort()' is not allowed"},
      {"pipeline: add", "pipeline: sub", "instructions.twice.v.pipeline: the unit has no pipeline 'sub'"},
      {"instructions:", "operations: {add: {code: 1, summary: s}}\ninstructions:",
       "operations: only units of kind network have operations"},
      {"instructions:", "csrs: {c: {number: 0xcc0, bits: 32, summary: s}}\ninstructions:",
       "csrs: only units of kind scalar have control and status registers"},
      {"  twice.v:", "  twice v:", "instructions: the name 'twice v' is not allowed"},
      {"  twice.v:", "  twice.v: {}\n  twice.v:", "key 'twice.v' is given twice"},
      {"name: twice", "name: &a twice", "anchors"},
  };
  for (const Case &each : cases) {
    INFO(each.to);
    CHECK_THAT(errorOf(replaced(good, each.from, each.to)), Contains(each.message) && Contains("u.yaml:"));
  }
  CHECK_THAT(errorOf(replaced(scalar, "number: 0xcd0", "number: 0xc00")),
             Contains("csrs.taken.number: '0xc00' is not allowed; allowed: a whole number from 0xcc0 to 0xcff"));
  CHECK_THAT(errorOf(scalar + "operations: {a: {code: 1, summary: s}}\n"), Contains("operations: only units of kind"));
  CHECK_THAT(errorOf(replaced(scalar, "format: route-get", "format: route-get\n    lmul: [1]")),
             Contains("lmul: only vector instructions have it"));
  CHECK_THAT(errorOf(network + "extension: xring\n"), Contains("units of kind network have no instructions"));
  CHECK_THAT(errorOf(replaced(network, "summary: the sum}", "summary: the sum}\n  max: {code: 1, summary: other}")),
             Contains("operations.max.code: 1 is the code of add already"));
  CHECK_THAT(errorOf(""), Contains("no value is not allowed; allowed: a map with the keys name"));
  CHECK_THAT(errorOf("[]"), Contains("a list is not allowed; allowed: a map"));
}

TEST_CASE("a batched instruction has groups that do not follow LMUL") {
  std::string batched = replaced(good, "format: vector\n", "format: batched\n");
  batched = replaced(batched, "mask: 0xfc0ff07f", "mask: 0xfc00707f");
  batched = replaced(batched, "{sew: 32, vd: i32, vs2: i32}", "{sew: 8, vd: i32, vs2: s8, vs1: s8}");
  CHECK_THAT(errorOf(batched), Contains("lmul: the format batched wants [1]"));
  CHECK(errorOf(replaced(batched, "lmul: [1/2, 1, 2, 4, 8]", "lmul: [1]")) == "");
}

TEST_CASE("units share no name, number or encoding with each other or the standard") {
  UnitDescription one = described(good, "one.yaml");
  CHECK(togetherError({one, described(scalar), described(network)}) == "");
  auto other = [&](const std::vector<std::pair<std::string, std::string>> &changes) {
    std::string text = good;
    for (const auto &[from, to] : changes)
      text = replaced(text, from, to);
    return togetherError({one, described(text, "two.yaml")});
  };
  CHECK_THAT(other({}), Contains("two.yaml: the unit 'twice' is there already, in one.yaml; choose another name"));
  CHECK_THAT(other({{"name: twice", "name: other"}}), Contains("the module 'weft_twice' is there already"));
  CHECK_THAT(other({{"name: twice", "name: other"}, {"weft_twice", "weft_other"}}),
             Contains("the extension 'xtwice' is there already"));
  const std::vector<std::pair<std::string, std::string>> names = {
      {"name: twice", "name: other"}, {"weft_twice", "weft_other"}, {"xtwice", "xother"}};
  auto more = [&](std::vector<std::pair<std::string, std::string>> changes) {
    changes.insert(changes.begin(), names.begin(), names.end());
    return other(changes);
  };
  CHECK_THAT(more({}), Contains("two.yaml:16: the instruction 'twice.v' is there already, in one.yaml:16"));
  CHECK_THAT(more({{"  twice.v:", "  twice_v:"}}),
             Contains("the instruction 'twice_v' is there already")); // one name in C++
  CHECK_THAT(more({{"  twice.v:", "  other.v:"}}),
             Contains("two.yaml:16: instructions.other.v: match 0x0000002b and mask 0xfc0ff07f overlap twice.v's, "
                      "0x0000002b and 0xfc0ff07f in one.yaml:16"));
  // Apart in one bit, or fixed where the other is free.
  CHECK(more({{"  twice.v:", "  other.v:"}, {"0x0000002b", "0x0400002b"}}) == "");
  CHECK_THAT(more({{"  twice.v:", "  other.v:"}, {"0xfc0ff07f", "0xfe0ff07f"}, {"0x0000002b", "0x0200002b"}}),
             Contains("0x0200002b would be both"));

  std::ifstream file(WEFT_SOURCE_DIR "/sim/iss/Instructions.def");
  std::string table((std::istreambuf_iterator<char>(file)), {});
  Result<std::vector<StandardInstruction>> standard = readStandard(table, "Instructions.def");
  REQUIRE(standard);
  CHECK(standard->size() > 500);
  CHECK(togetherError({one}, *standard) == "");
  std::string inVector =
      replaced(good, "space: custom-1\n    match: 0x0000002b", "space: op-v\n    draft: Zvnone\n    match: 0x48012057");
  CHECK_THAT(togetherError({described(inVector)}, *standard), // VXUNARY0
             Contains("overlap vzext.vf8's") && Contains("of the standard"));
  CHECK_FALSE(readStandard("", "none"));
  CHECK_FALSE(readStandard("WEFT_INSTRUCTION(A, \"a\", 0xzz, 0x1, R, Alu, I)", "bad"));
}

TEST_CASE("no text makes the reader crash, and what it accepts has a table, a package and ops") {
  std::mt19937 random(3);
  size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 3 == 0 ? scalar : i % 3 == 1 ? network : good;
    for (int edit = 0; edit < 1 + i % 4; ++edit)
      switch (random() % 3) {
      case 0:
        text[random() % text.size()] = static_cast<char>(random());
        break;
      case 1:
        text.erase(random() % text.size(), random() % 8);
        break;
      default:
        text.insert(random() % text.size(), text.substr(random() % text.size(), random() % 16));
      }
    Result<UnitDescription> unit = readUnit(text, "fuzz");
    if (!unit) {
      CHECK(unit.error().message.starts_with("fuzz:"));
      continue;
    }
    ++accepted;
    Descriptions units = {*unit};
    if (!checkTogether(units, {}))
      continue;
    for (auto generate : {generateTable, generateUnitRows, generateInstructionRows, generateOps, generateOpVerifiers,
                          generatePackage, generateConstants, generateDocument, generateTests})
      CHECK_FALSE(generate(units).empty());
  }
  CHECK(accepted > 500);
}

TEST_CASE("an element that is drawn of a class is of that class") {
  std::mt19937_64 random(4);
  for (ElementType type : {ElementType::S8, ElementType::U8, ElementType::I32, ElementType::S8x4, ElementType::U8x4,
                           ElementType::F32, ElementType::Bf16})
    for (size_t cls = 0; cls < classesOf(type).size(); ++cls)
      for (int i = 0; i < 2000; ++i) {
        const uint32_t element = drawElement(type, cls, random);
        INFO(nameOf(type) << " " << classesOf(type)[cls] << " " << element);
        REQUIRE((bitsOf(type) == 32 || element >> bitsOf(type) == 0));
        REQUIRE(classOf(type, element) == cls);
        if (areBytes(type))
          REQUIRE(classOf(type, element >> (bitsOf(type) - 8)) == cls); // each byte
      }
  CHECK(classesOf(ElementType::None).empty());
  CHECK(classesOf(ElementType::F32)[classOf(ElementType::F32, 0x00000001)] == "subnormal");
  CHECK(classesOf(ElementType::F32)[classOf(ElementType::F32, 0x7f000000)] == "huge");
  CHECK(classesOf(ElementType::F32)[classOf(ElementType::F32, 0x7e800000)] == "normal");
  CHECK(classesOf(ElementType::F32)[classOf(ElementType::F32, 0x7fa00000)] == "signalling NaN");
  CHECK(classesOf(ElementType::Bf16)[classOf(ElementType::Bf16, 0xffc0)] == "quiet NaN");
  CHECK(classesOf(ElementType::Bf16)[classOf(ElementType::Bf16, 0x8000)] == "negative zero");
  CHECK(classesOf(ElementType::S8)[classOf(ElementType::S8, 0x80)] == "least");
}

TEST_CASE("random calls meet every class, and are the same for a seed") {
  for (const Unit &unit : all())
    for (const Instruction &instruction : unit.instructions) {
      if (unit.kind != Kind::Vector)
        continue;
      RandomCalls calls(instruction, 256, 1), again(instruction, 256, 1);
      std::set<size_t> classes;
      std::set<const Form *> forms;
      std::set<int> lmuls;
      for (int i = 0; i < 500; ++i) {
        RandomCall call = calls.next(), same = again.next();
        CHECK((call.vs2 == same.vs2 && call.vd == same.vd && call.call.vl == same.call.vl));
        classes.insert(call.vs2Class);
        forms.insert(call.form);
        lmuls.insert(call.lmulLog2);
        CHECK(call.call.vl <= call.vs2.size() * 8 / call.form->sewBits);
      }
      INFO(instruction.name);
      CHECK(classes.size() == classesOf(instruction.forms[0].vs2).size() + 1);
      CHECK(forms.size() == instruction.forms.size());
      CHECK(lmuls.size() == static_cast<size_t>(std::popcount(instruction.lmuls)));
    }
}
