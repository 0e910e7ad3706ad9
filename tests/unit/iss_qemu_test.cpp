// The instruction-set simulator against qemu-riscv64 on random instruction streams, with fixed seeds.
#include "tests/iss/Campaign.h"
#include "tests/iss/KnownDifferences.h"
#include "tests/iss/Simulator.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <iostream>

using namespace weft;
using namespace weft::isstest;

namespace {
/// Null where there is no qemu: CTest calls the test skipped because of this line.
Executor qemuOrSkip() {
  const std::string path = findQemu();
  if (path.empty()) {
    std::cout << "skipped: there is no qemu-riscv64 in PATH; the package qemu-user has it\n";
    return {};
  }
  return [path](const Program &program) { return runInQemu(path, program); };
}

void requireEqual(const Campaign &campaign) {
  const CampaignResult result = run(campaign);
  for (const std::string &text : result.reports)
    UNSCOPED_INFO(text);
  CHECK(result.differing == 0);
  CHECK(result.streams == campaign.streams);
}

bool isScalarFloat(const Row &row) { return row.cls >= hw::rvv::OpClass::FpAdd && row.cls <= hw::rvv::OpClass::FpMove; }
bool isVectorFloat(const Row &row) {
  return hw::rvv::isVector(row.cls) && (row.name.starts_with("vf") || row.name.starts_with("vmf")) &&
         row.name != "vfirst.m";
}

/// A simulator with a fault: after each `opcode` the lowest bit of element 0 of vd is wrong.
Execution runWithWrong(iss::Opcode opcode, const Program &program) {
  Result<LoadedProgram> loaded = loadInSimulator(program);
  REQUIRE(loaded);
  iss::Machine &machine = loaded->machine;
  Execution execution;
  collectOutput(machine, execution.output);
  for (;;) {
    uint32_t word = 0;
    if (const std::byte *at = machine.memory().find(machine.hart().pc, 4, iss::Memory::Execute))
      std::memcpy(&word, at, sizeof word);
    const Row *row = find(word);
    const iss::Outcome outcome = machine.run({.maxInstructions = 1});
    if (row && row->opcode == opcode)
      *machine.hart().vectorRegister(word >> 7 & 31) ^= std::byte{1};
    if (outcome.stop != iss::Stop::Limit) {
      execution.failure = failureOf(outcome, execution.output.size(), program);
      return execution;
    }
  }
}
} // namespace

TEST_CASE("random streams leave the same state in the simulator and in qemu") {
  const Executor qemu = qemuOrSkip();
  if (!qemu)
    return;
  Campaign campaign{.qemu = qemu, .simulator = runInSimulator};
  SECTION("of everything") { campaign.streams = 6144; }
  SECTION("short ones of everything") { // a wrong result has no chance to be overwritten
    campaign.streams = 4096;
    campaign.length = 5;
    campaign.firstSeed = 1'000'000;
  }
  SECTION("of scalar floating point") {
    campaign.streams = 2048;
    campaign.firstSeed = 2'000'000;
    campaign.selection = select(isScalarFloat);
  }
  SECTION("of vector floating point") {
    campaign.streams = 3072;
    campaign.firstSeed = 3'000'000;
    campaign.selection = select(isVectorFloat);
  }
  requireEqual(campaign);
}

TEST_CASE("many random streams leave the same state in the simulator and in qemu", "[.long]") {
  const Executor qemu = qemuOrSkip();
  if (!qemu)
    return;
  requireEqual({.qemu = qemu, .simulator = runInSimulator, .firstSeed = 10'000'000, .streams = 40'960});
  requireEqual({.qemu = qemu,
                .simulator = runInSimulator,
                .selection = select([](const Row &row) { return isScalarFloat(row) || isVectorFloat(row); }),
                .firstSeed = 20'000'000,
                .streams = 40'960});
}

TEST_CASE("every instruction that qemu has occurs in the streams at every VLEN") {
  const Selection selection = select();
  for (const unsigned vlen : vlens) {
    Tally tally;
    for (uint64_t seed = 1; seed <= 4000; ++seed)
      tally.add(generate(seed, vlen, 24, selection));
    CHECK(tally.compressed > 1000);
    for (const Row &row : rows()) {
      const bool endsTheProgram = row.format == Format::None; // ecall, ebreak, mret, wfi
      if (endsTheProgram || !isInQemu(row))
        continue;
      INFO(row.name << " at VLEN " << vlen);
      CHECK(tally.byOpcode[static_cast<size_t>(row.opcode)] >= 10);
    }
  }
}

TEST_CASE("streams are the same for the same seed, and others for another") {
  const Selection selection = select();
  const Stream one = generate(7, 256, 24, selection), again = generate(7, 256, 24, selection);
  CHECK(one.context == again.context);
  CHECK(flatten(one.units) == flatten(again.units));
  const Stream other = generate(8, 256, 24, selection);
  CHECK(flatten(one.units) != flatten(other.units));
  CHECK(one.context != other.context);
}

TEST_CASE("a wrong result is found and shrunk to the instruction that made it") {
  const Executor qemu = qemuOrSkip();
  if (!qemu)
    return;
  // One instruction in the vector registers, one whose fault shows through the mask, one in memory.
  const auto [opcode, name] = GENERATE(table<iss::Opcode, std::string>(
      {{iss::Opcode::VADD_VV, "vadd.vv"}, {iss::Opcode::VMSEQ_VX, "vmseq.vx"}, {iss::Opcode::VLM_V, "vlm.v"}}));
  const iss::Opcode wrong = opcode;
  Campaign campaign{.qemu = qemu,
                    .simulator = [wrong](const Program &program) { return runWithWrong(wrong, program); }};
  campaign.streams = 256;
  campaign.largestReport = 1;
  const CampaignResult result = run(campaign);
  CHECK(result.differing > 0);
  REQUIRE(result.reports.size() == 1);
  CAPTURE(result.reports.front());
  CHECK(result.reports.front().find(name) != std::string::npos);
  // What is left are that instruction, and at most what brings about its setting or shows its result.
  const std::string &text = result.reports.front();
  const std::string listing = text.substr(text.find('\n') + 1, text.find("after it:") - text.find('\n') - 1);
  CHECK(std::count(listing.begin(), listing.end(), '\n') <= 8);
  CHECK(text.starts_with("seed "));
  CHECK(text.find(", VLEN 128") != std::string::npos);
}

TEST_CASE("a single flipped bit anywhere in a state is found in the stream that it belongs to") {
  const Executor qemu = qemuOrSkip();
  if (!qemu)
    return;
  const Selection selection = select();
  std::vector<Stream> streams;
  for (uint64_t seed = 1; seed <= 8; ++seed)
    streams.push_back(generate(seed, 128, 4, selection));
  std::vector<const Stream *> pointers;
  for (const Stream &stream : streams)
    pointers.push_back(&stream);
  const size_t size = context::bytes(128);
  for (const size_t offset : {size_t{8}, size_t{300}, size_t{512 + 16}, size_t{1000}, size - 1}) {
    const auto flipped = [&](const Program &program) {
      Execution execution = qemu(program);
      REQUIRE(execution.failure.empty());
      execution.output[5 * size + offset] ^= std::byte{0x10};
      return execution;
    };
    const std::vector<Difference> differences = compare(pointers, qemu, flipped);
    REQUIRE(differences.size() == 1);
    CHECK(differences.front().stream == 5);
    CHECK_FALSE(differences.front().what.empty());
  }
}

TEST_CASE("a program that one side cannot finish is a difference of the stream that is at fault") {
  const Executor qemu = qemuOrSkip();
  if (!qemu)
    return;
  const Selection selection = select();
  std::vector<Stream> streams;
  for (uint64_t seed = 1; seed <= 4; ++seed)
    streams.push_back(generate(seed, 256, 4, selection));
  streams[2].units.push_back({.words = {0}}); // illegal by definition
  std::vector<const Stream *> pointers;
  for (const Stream &stream : streams)
    pointers.push_back(&stream);
  const std::vector<Difference> differences = compare(pointers, qemu, runInSimulator);
  REQUIRE(differences.size() == 1);
  CHECK(differences.front().stream == 2);
  CHECK(differences.front().qemuFailed);
  CHECK(differences.front().simulatorFailed);
  CHECK(differences.front().what.find("illegal instruction") != std::string::npos);
}
