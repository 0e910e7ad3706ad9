// Which encodings the simulator executes: against the rules of the specification, against qemu, and one by one.
#include "sim/iss/CodeCache.h"
#include "tests/iss/KnownDifferences.h"
#include "tests/iss/Legality.h"
#include "tests/iss/Simulator.h"
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>
#include <iostream>

using namespace weft;
using namespace weft::isstest;
using Catch::Matchers::Equals;

namespace {
bool isVectorWord(uint32_t word) {
  const Row *row = find(word);
  return row && hw::rvv::isVector(row->cls);
}

/// The words for which the two answers differ, a few of them in words.
std::string differences(std::span<const Probe> probes, const std::function<std::pair<bool, bool>(size_t)> &answers) {
  std::string text;
  size_t count = 0;
  for (size_t i = 0; i < probes.size(); ++i)
    if (const auto [expected, found] = answers(i); expected != found && ++count <= 5)
      text += describe(probes[i]) + (found ? " is executed\n" : " traps\n");
  return count == 0 ? text : text + std::to_string(count) + " in all";
}

/// Empty where there is no qemu: CTest calls the test skipped because of this line.
std::string qemuOrSkip() {
  const std::string path = findQemu();
  if (path.empty())
    std::cout << "skipped: there is no qemu-riscv64 in PATH; the package qemu-user has it\n";
  return path;
}
} // namespace

TEST_CASE("random vector encodings are executed exactly where the rules of the specification let them") {
  const std::vector<Probe> probes = randomProbes(1, 400'000);
  const std::vector<bool> legal = legalInSimulator(probes, 128);
  std::vector<size_t> tried(static_cast<size_t>(iss::Opcode::Count)), executed(tried.size());
  for (size_t i = 0; i < probes.size(); ++i)
    if (const Row *row = find(probes[i].word)) {
      ++tried[static_cast<size_t>(row->opcode)];
      executed[static_cast<size_t>(row->opcode)] += legal[i];
    }
  const auto answers = [&](size_t i) {
    const bool isVector = isVectorWord(probes[i].word);
    return std::pair(isVector && isLegalVector(probes[i], Rules::Specification), isVector && legal[i]);
  };
  CHECK_THAT(differences(probes, answers), Equals(""));
  for (const Row &row : rows())
    if (hw::rvv::isVector(row.cls)) {
      INFO(row.name);
      CHECK(tried[static_cast<size_t>(row.opcode)] > 300);
      CHECK(executed[static_cast<size_t>(row.opcode)] > 10);
    }
}

TEST_CASE("words are instructions to the simulator where they are to qemu, but for what is listed") {
  const std::string qemu = qemuOrSkip();
  if (qemu.empty())
    return;
  std::vector<Probe> probes;
  SECTION("random words") { probes = randomProbes(2, 60'000); }
  SECTION("all of 16 bits that do not jump") { probes = compressedProbes(); }
  std::string failure;
  const std::vector<bool> theirs = legalInQemu(qemu, probes, 128, failure), ours = legalInSimulator(probes, 128);
  REQUIRE(failure.empty());
  const auto answers = [&](size_t i) { return std::pair(expectedInQemu(probes[i], ours[i]), bool(theirs[i])); };
  CHECK_THAT(differences(probes, answers), Equals(""));
}

namespace {
struct Case {
  const char *what;
  unsigned sew;
  int lmulLog2;
  const char *name;
  iss::test::Operands operands; // rd, rs1, rs2, unmasked, fields
  bool legal = false;
};
} // namespace

TEST_CASE("rules of the vector extension, one by one") {
  // clang-format off
  const Case cases[] = {
      // groups
      {"a group of two begins at an even register", 32, 1, "vadd.vv", {2, 4, 7}},
      {"a group of eight at a multiple of eight", 8, 3, "vadd.vv", {8, 16, 20}},
      {"a fraction of a register anywhere", 8, -3, "vadd.vv", {1, 3, 5}, true},
      {"EMUL of a widened result is at most 8", 16, 3, "vwadd.vv", {0, 8, 16}},
      {"EMUL of a wide source is at most 8", 16, 3, "vnsrl.wi", {8, 0, 16}},
      {"EMUL of an extension's source is at least 1/8", 64, -1, "vzext.vf8", {2, 0, 3}},
      {"EEW of an extension's source is at least 8", 32, 0, "vsext.vf8", {2, 0, 3}},
      {"EMUL of an access is at most 8", 8, 2, "vle32.v", {8, 10, 0}},
      {"EMUL of an access is at least 1/8", 64, 0, "vle8.v", {9, 10, 0}, true},
      {"EMUL of an access is at least 1/8 (2)", 32, -2, "vle8.v", {9, 10, 0}},
      {"EMUL of indices is at most 8", 8, 1, "vluxei64.v", {2, 10, 8}},
      {"EMUL of 16-bit indices is at most 8", 8, 3, "vrgatherei16.vv", {8, 16, 24}},
      {"a segment has at most eight registers", 32, 1, "vle32.v", {8, 10, 0, true, 5}},
      {"a segment may have eight", 32, 1, "vle32.v", {8, 10, 0, true, 4}, true},
      {"a segment ends at v31", 32, 0, "vle32.v", {25, 10, 0, true, 8}},
      {"a segment may end at v31", 32, 0, "vle32.v", {24, 10, 0, true, 8}, true},
      // overlap
      {"a wider result over the low half of a source", 32, 1, "vwadd.vv", {4, 8, 4}},
      {"a wider result over the high half of a source", 32, 1, "vwadd.vv", {4, 8, 6}, true},
      {"a wider result over a fraction of a register", 32, -1, "vwadd.vv", {4, 8, 4}},
      {"a narrower result over the low half of a source", 32, 0, "vnsrl.wi", {4, 0, 4}, true},
      {"a narrower result over the high half of a source", 32, 0, "vnsrl.wi", {5, 0, 4}},
      {"a mask over the first register of a source", 32, 1, "vmseq.vv", {4, 4, 6}, true},
      {"a mask over the second register of a source", 32, 1, "vmseq.vv", {5, 4, 6}},
      {"a reduction over any source", 32, 1, "vredsum.vs", {5, 5, 4}, true},
      {"vslideup over its source", 32, 0, "vslideup.vi", {4, 1, 4}},
      {"vslidedown over its source", 32, 0, "vslidedown.vi", {4, 1, 4}, true},
      {"vslide1up over its source", 32, 0, "vslide1up.vx", {4, 5, 4}},
      {"vfslide1up over its source", 32, 0, "vfslide1up.vf", {4, 5, 4}},
      {"vrgather over its indices", 32, 0, "vrgather.vv", {4, 4, 5}},
      {"vrgather over its data", 32, 0, "vrgather.vx", {4, 4, 4}},
      {"vcompress over its mask", 32, 1, "vcompress.vm", {4, 5, 8}},
      {"viota over its source", 32, 1, "viota.m", {4, 0, 5}},
      {"vmsbf over its source", 32, 0, "vmsbf.m", {4, 0, 4}},
      {"a segment load over its indices", 32, 0, "vluxei32.v", {4, 10, 5, true, 2}},
      {"an indexed load over indices of the same width", 32, 0, "vluxei32.v", {4, 10, 4}, true},
      {"an indexed load over wider indices, the low part", 32, 0, "vluxei64.v", {4, 10, 4}, true},
      {"an indexed load over wider indices, the high part", 32, 0, "vluxei64.v", {5, 10, 4}},
      // one register, two widths
      {"vwadd.wv: wide and narrow source", 32, 0, "vwadd.wv", {8, 5, 4}},
      {"vnsrl.wv: wide and narrow source", 32, 0, "vnsrl.wv", {8, 5, 4}},
      {"vwmacc: sum and factor, where vwmul could", 32, 1, "vwmacc.vv", {4, 6, 8}},
      {"vwmul: result and factor", 32, 1, "vwmul.vv", {4, 6, 8}, true},
      {"vfwmacc: sum and factor", 32, 1, "vfwmacc.vf", {4, 1, 6}},
      {"vrgatherei16: data and indices", 32, 0, "vrgatherei16.vv", {8, 4, 4}},
      {"vrgatherei16 of 16 bits", 16, 0, "vrgatherei16.vv", {8, 4, 4}, true},
      {"vcompress: data and mask", 32, 0, "vcompress.vm", {8, 4, 4}},
      {"vwredsum: elements and start", 32, 1, "vwredsum.vs", {8, 5, 4}},
      {"vfwredosum: elements and start", 32, 1, "vfwredosum.vs", {8, 4, 4}},
      {"an indexed store: data and wider indices", 32, 0, "vsuxei64.v", {5, 10, 4}},
      {"an indexed store: data and indices of the same width", 32, 0, "vsuxei32.v", {4, 10, 4}, true},
      {"an indexed segment store: second field and indices", 32, 0, "vsuxei16.v", {4, 10, 5, true, 2}},
      // the mask
      {"a result over the mask", 32, 0, "vadd.vv", {0, 4, 5, false}},
      {"a source over the mask", 32, 0, "vadd.vv", {4, 0, 5, false}},
      {"a source over v0, not masked", 32, 0, "vadd.vv", {4, 0, 5}, true},
      {"stored data over the mask", 32, 0, "vse32.v", {0, 10, 0, false}},
      {"indices over the mask", 32, 0, "vluxei32.v", {4, 10, 0, false}},
      {"a comparison may write the mask", 32, 0, "vmseq.vv", {0, 4, 5, false}, true},
      {"a reduction may write the mask", 32, 0, "vredsum.vs", {0, 4, 5, false}, true},
      {"a reduction may not begin with the mask", 32, 0, "vredsum.vs", {4, 0, 5, false}},
      {"vmsbf may not write the mask", 32, 0, "vmsbf.m", {0, 0, 4, false}},
      {"vmsbf may read the mask", 32, 0, "vmsbf.m", {4, 0, 0, false}, true},
      {"vmerge over the mask", 32, 0, "vmerge.vvm", {0, 4, 5}},
      {"vadc over the mask", 32, 0, "vadc.vvm", {0, 4, 5}},
      {"vmadc may write the carry", 32, 0, "vmadc.vvm", {0, 4, 5}, true},
      // widths
      {"no floating point of 8 bits", 8, 0, "vfadd.vv", {4, 5, 6}},
      {"nothing wider than 64 bits", 64, 0, "vwadd.vv", {4, 6, 7}},
      {"no widened float of 128 bits", 64, 0, "vfwcvt.f.f.v", {4, 0, 7}},
      {"a float of 16 bits from an integer of 8", 8, 0, "vfwcvt.f.x.v", {4, 0, 7}, true},
      {"an integer of 8 bits from a float of 16", 8, 0, "vfncvt.x.f.w", {4, 0, 6}, true},
      {"no float of 8 bits from one of 16", 8, 0, "vfncvt.f.f.w", {4, 0, 6}},
      {"bfloat16 at 16 bits", 16, 0, "vfwcvtbf16.f.f.v", {4, 0, 7}, true},
      {"bfloat16 at 32 bits", 32, 0, "vfwcvtbf16.f.f.v", {4, 0, 7}},
      {"bfloat16 at 8 bits", 8, 0, "vfncvtbf16.f.f.w", {4, 0, 6}},
      {"bfloat16 at 32 bits", 32, 0, "vfwmaccbf16.vv", {4, 6, 7}},
  };
  // clang-format on
  for (const Case &each : cases) {
    INFO(each.what << ": " << each.name);
    iss::test::Guest guest(128);
    guest.hart.isa.zfhmin = guest.hart.isa.zfh = guest.hart.isa.zvfhmin = guest.hart.isa.zvfh = true;
    guest.hart.isa.zvfbfmin = guest.hart.isa.zvfbfwma = true;
    guest.configure(each.sew, each.lmulLog2, 0);
    guest.hart.x[10] = iss::test::Guest::base;
    CHECK(guest.isIllegal(each.name, each.operands) == !each.legal);
  }
}

namespace {
bool isVectorFloat(const Row &row) {
  return (row.name.starts_with("vf") && row.name != "vfirst.m") || row.name.starts_with("vmf");
}

/// Of the instructions that a core without Zvfhmin and Zvfh has at this SEW: 0; with Zvfhmin: 1; with Zvfh: 2. Less
/// than nothing where no core has them.
int neededForHalf(std::string_view name, unsigned sew) {
  const bool widens = name.starts_with("vfwcvt"), narrows = name.starts_with("vfncvt");
  const bool toFloat =
      name.find("cvt.f.") != std::string_view::npos || name.find("cvt.rod.f.") != std::string_view::npos;
  const bool fromFloat = name.find(".f.v") != std::string_view::npos || name.find(".f.w") != std::string_view::npos;
  if (sew == 8) // floats are on the wide side only
    return (widens && toFloat && !fromFloat) || (narrows && fromFloat && !toFloat) ? 2 : -1;
  if ((widens && !fromFloat) || (narrows && !toFloat)) // 16-bit integers and 32-bit floats
    return 0;
  return name == "vfwcvt.f.f.v" || name == "vfncvt.f.f.w" ? 1 : 2;
}
} // namespace

TEST_CASE("16-bit floats need Zvfh, and Zvfhmin for conversions between widths") {
  for (const Row &row : rows())
    if (row.extension == "V" && isVectorFloat(row))
      for (const unsigned sew : {8u, 16u})
        for (const int level : {0, 1, 2}) {
          iss::test::Guest guest(128);
          guest.hart.isa.zvfhmin = level >= 1;
          guest.hart.isa.zvfh = level >= 2;
          guest.configure(sew, 0, 0);
          const int needed = neededForHalf(row.name, sew);
          INFO(row.name << " at SEW " << sew << ", Zvfh level " << level);
          CHECK(guest.isIllegal(row.name, {16, 6, 8}) == (needed < 0 || level < needed));
        }
}

TEST_CASE("every vector instruction is illegal while VS is off, floating-point ones while FS is off") {
  for (const Row &row : rows()) {
    if (!hw::rvv::isVector(row.cls))
      continue;
    const bool isFloat = isVectorFloat(row);
    for (const bool vectorOff : {true, false}) {
      iss::test::Guest guest(128);
      guest.hart.isa = isaOfStreams(128);
      guest.hart.isa.zvfbfmin = guest.hart.isa.zvfbfwma = true;
      guest.configure(row.extension != "V" ? 16 : row.name.ends_with(".vf8") ? 64 : 32, 0, 0);
      guest.hart.x.fill(iss::test::Guest::base);
      (vectorOff ? guest.hart.privileged.vectorEnabled : guest.hart.privileged.floatEnabled) = false;
      std::vector<std::byte> code(16);
      guest.memory.add({0x1000, code, iss::Memory::Execute | iss::Memory::Read});
      const uint32_t word = iss::test::encode(row.name, {16, 6, 8});
      std::memcpy(code.data(), &word, 4);
      iss::Op op;
      REQUIRE(iss::fetch(guest.hart, 0x1000, op));
      guest.hart.x[0] = 0;
      guest.hart.trap = {iss::Cause::Breakpoint, 0};
      op.execute(guest.hart, op);
      INFO(row.name << (vectorOff ? ": VS" : ": FS") << " off");
      const bool trapped = guest.hart.trap.cause == iss::Cause::IllegalInstruction && guest.hart.trap.value == word;
      CHECK(trapped == (vectorOff || isFloat));
    }
  }
}

TEST_CASE("a vtype that is reserved sets vill and vl = 0") {
  iss::test::Guest guest(128);
  for (const uint64_t vtype : {uint64_t{0x04}, uint64_t{0x20}, uint64_t{0x38}, uint64_t{0x100}, uint64_t{1} << 62,
                               uint64_t{1} << 63, uint64_t{0x1d} /* SEW 64, LMUL 1/8 */, uint64_t{0x0d} /* 16, 1/8 */,
                               uint64_t{0x16} /* 32, 1/4 */, uint64_t{0x1f} /* 64, 1/2 */}) {
    guest.configure(8, 0, 16);
    guest.hart.x[10] = vtype;
    REQUIRE(guest.run("vsetvl", {5, 0, 10}));
    CAPTURE(vtype);
    CHECK(guest.hart.vector.vtype == uint64_t{1} << 63);
    CHECK(guest.hart.vector.vl == 0);
    CHECK(guest.hart.x[5] == 0);
    CHECK(guest.isIllegal("vadd.vv", {1, 2, 3}));
    CHECK(guest.isIllegal("vmv1r.v", {1, 0, 3})); // moves elements of SEW
    guest.hart.x[10] = iss::test::Guest::base;
    CHECK(guest.run("vl1re8.v", {1, 10}));
    CHECK(guest.run("vs1r.v", {1, 10}));
  }
}
