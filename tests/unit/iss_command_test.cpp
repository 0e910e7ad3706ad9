// `weft iss`: what it prints, what it answers with, and programs that it refuses or stops.
#include "tests/unit/iss_elf.h"
#include "tools/IssCommand.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <unistd.h>

using namespace weft;
using namespace weft::tools;
using Catch::Matchers::Contains;

namespace {

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Scratch {
  std::string path =
      (std::filesystem::temp_directory_path() / ("weft-iss-test-" + std::to_string(::getpid()))).string();
  ~Scratch() { std::filesystem::remove(path); }
  void write(const std::string &bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
};

IssOptions saxpy() {
  IssOptions options;
  options.program = WEFT_SAXPY_ELF;
  return options;
}

std::string errorOf(const IssOptions &options) {
  std::ostringstream out, err;
  Result<uint64_t> ran = runIss(options, out, err);
  REQUIRE(!ran);
  CHECK_THAT(ran.error().message, !Contains("\n"));
  return ran.error().message;
}

/// The report of a run as JSON.
nlohmann::json reportOf(IssOptions options, uint64_t exitCode = 0) {
  options.jsonPath = "-";
  std::ostringstream out, err;
  Result<uint64_t> ran = runIss(options, out, err);
  if (!ran)
    FAIL(ran.error().message);
  CHECK(*ran == exitCode);
  return nlohmann::json::parse(out.str());
}

} // namespace

TEST_CASE("a program runs, and the report adds up") {
  const nlohmann::json report = reportOf(saxpy());
  CHECK(report["schema"] == "weft.iss/1");
  CHECK(report["exit_code"] == 0);
  uint64_t sum = 0;
  for (const auto &[cls, count] : report["mix"].items())
    sum += count.get<uint64_t>();
  CHECK(sum == report["instructions"].get<uint64_t>());
  CHECK(report["cycles"].get<uint64_t>() > 0);
  CHECK(report["vector"]["fpu_busy_cycles"].get<uint64_t>() > 0);
  // VLEN 512 at LMUL 4 holds 64 elements: 16 rounds of each of the three loops.
  IssOptions wide = saxpy();
  wide.vlen = 512;
  const nlohmann::json wider = reportOf(wide);
  CHECK(wider["mix"]["vector float multiply-add"] == 16);
  CHECK_THAT(wider["isa"].get<std::string>(), Contains("zvl512b"));
  CHECK(wider["instructions"] < report["instructions"]);
  IssOptions named = saxpy();
  named.isa = "rv64gcv_zvl512b";
  CHECK(reportOf(named)["instructions"] == wider["instructions"]);
}

TEST_CASE("without timing a program does the same, and the report has no cycles") {
  const nlohmann::json timed = reportOf(saxpy());
  IssOptions options = saxpy();
  options.isTimed = false;
  const nlohmann::json report = reportOf(options);
  CHECK(report["instructions"] == timed["instructions"]);
  for (const char *key : {"cycles", "instructions_per_cycle", "mix", "stalls", "vector"})
    CHECK(report.at(key).is_null());
  std::ostringstream out, err;
  REQUIRE(runIss(options, out, err));
  CHECK_THAT(out.str(), Contains("instructions") && !Contains("cycle"));
  Scratch scratch;
  options.tracePath = scratch.path;
  CHECK(reportOf(options) == report);
  const std::string trace = readFile(scratch.path);
  CHECK(uint64_t(std::count(trace.begin(), trace.end(), '\n')) == report["instructions"].get<uint64_t>());
}

TEST_CASE("a program that reads the clock sees the cycles of the timing model, or without it instructions") {
  Scratch scratch;
  // li t0, 7; div t1, t0, t0; div t1, t1, t0; rdcycle a0; li a7, 93; ecall
  const uint32_t code[] = {0x00700293, 0x0252c333, 0x02534333, 0xc0002573, 0x05d00893, 0x00000073};
  const auto *bytes = reinterpret_cast<const std::byte *>(code);
  test::ElfBuilder elf;
  elf.entry = 0x80000000;
  elf.parts.push_back({elf.entry, {bytes, bytes + sizeof code}, sizeof code});
  const std::vector<std::byte> file = elf.file();
  scratch.write({reinterpret_cast<const char *>(file.data()), file.size()});
  IssOptions options;
  options.program = scratch.path;
  std::ostringstream out, err;
  const Result<uint64_t> timed = runIss(options, out, err);
  options.isTimed = false;
  const Result<uint64_t> untimed = runIss(options, out, err);
  REQUIRE((timed && untimed));
  CHECK(*untimed == 3);
  CHECK(*timed > 10); // two divisions, one after the other
}

TEST_CASE("words that would silently mean something else are refused") {
  auto parse = [](const std::string &words) {
    CLI::App app;
    int exitCode = 0;
    addIssCommand(app, exitCode);
    std::ostringstream out;
    std::streambuf *before = std::cout.rdbuf(out.rdbuf());
    const auto restore =
        std::unique_ptr<void, std::function<void(void *)>>(&app, [&](void *) { std::cout.rdbuf(before); });
    app.parse("iss " WEFT_SAXPY_ELF " " + words);
    return std::pair(exitCode, out.str());
  };
  for (const char *words :
       {"--max-insns=-1", "--max-insns -1", "--max-insns 99999999999999999999999", "--max-insns 1e6", "--max-insns 0",
        "--max-insns=''", "--isa ''", "--isa=''", "--hw ''", "--json ''", "--trace ''"}) {
    INFO(words);
    CHECK_THROWS_AS(parse(words), CLI::ParseError);
  }
  const auto [timedCode, timed] = parse("--max-insns 18446744073709551615 --isa rv64gcv");
  const auto [code, untimed] = parse("--no-timing");
  CHECK((timedCode == 0 && code == 0));
  CHECK_THAT(timed, Contains("  cycles  "));
  CHECK_THAT(untimed, Contains("  instructions  ") && !Contains("cycles"));
}

TEST_CASE("arguments reach the program, and its output the user") {
  IssOptions options = saxpy();
  options.arguments = {"one"};
  std::ostringstream out, err;
  Result<uint64_t> ran = runIss(options, out, err);
  REQUIRE(ran);
  CHECK(*ran == 0);
  CHECK(out.str().starts_with("hello\n"));
  CHECK_THAT(out.str(), Contains("exit code     0"));
}

TEST_CASE("the trace has a line for each instruction") {
  Scratch scratch;
  IssOptions options = saxpy();
  options.tracePath = scratch.path;
  const uint64_t instructions = reportOf(options)["instructions"];
  const std::string trace = readFile(scratch.path);
  CHECK(uint64_t(std::count(trace.begin(), trace.end(), '\n')) == instructions);
  CHECK_THAT(trace, Contains("vfmacc.vf v16, fa0, v8") && Contains(" x5=0x2\n"));
}

TEST_CASE("what cannot run is refused in one line") {
  Scratch scratch;
  const std::string image = readFile(WEFT_SAXPY_ELF);
  REQUIRE(image.size() > 64);
  IssOptions options;
  options.program = scratch.path;
  auto patched = [&](size_t at, char value) {
    std::string bytes = image;
    bytes[at] = value;
    return bytes;
  };
  SECTION("no file") { CHECK_THAT(errorOf(options), Contains(scratch.path)); }
  SECTION("no ELF file") {
    scratch.write("#!/bin/sh\n");
    CHECK_THAT(errorOf(options), Contains("no ELF file"));
  }
  SECTION("truncated") {
    scratch.write(image.substr(0, 100));
    CHECK_THAT(errorOf(options), Contains("truncated"));
  }
  SECTION("of 32 bits") {
    scratch.write(patched(4, 1));
    CHECK_THAT(errorOf(options), Contains("not of 64 bits"));
  }
  SECTION("for another machine") {
    scratch.write(patched(18, 62));
    CHECK_THAT(errorOf(options), Contains("not for RISC-V"));
  }
  SECTION("entry unaligned") {
    scratch.write(patched(24, char(image[24] | 1)));
    CHECK_THAT(errorOf(options), Contains("is odd"));
  }
  SECTION("a segment that is larger than memory") {
    // p_memsz of the last one: what a larger --memory would hold, and what none holds
    const auto [huge, remedy] =
        GENERATE(std::pair(uint64_t{1} << 30, "raise --memory to 10"),
                 std::pair(uint64_t{1} << 62, "link the program there, and mind that --memory ends at 16384 MiB"));
    std::string bytes = image;
    uint64_t table;
    std::memcpy(&table, bytes.data() + 32, 8);
    uint16_t count;
    std::memcpy(&count, bytes.data() + 56, 2);
    size_t last = 0;
    for (size_t i = 0; i < count; ++i) {
      uint32_t type;
      std::memcpy(&type, bytes.data() + table + 56 * i, 4);
      if (type == 1)
        last = table + 56 * i;
    }
    REQUIRE(last != 0);
    std::memcpy(bytes.data() + last + 40, &huge, 8);
    scratch.write(bytes);
    CHECK_THAT(errorOf(options), Contains("lies outside memory") && Contains(remedy));
  }
  SECTION("big-endian") {
    scratch.write(patched(5, 2));
    CHECK_THAT(errorOf(options), Contains("not little-endian"));
  }
  SECTION("not linked") {
    scratch.write(patched(16, 1));
    CHECK_THAT(errorOf(options), Contains("not an executable"));
  }
  SECTION("empty") {
    scratch.write("");
    CHECK_THAT(errorOf(options), Contains("no ELF file"));
  }
  SECTION("a folder") {
    options.program = std::filesystem::temp_directory_path().string();
    CHECK_THAT(errorOf(options), Contains("not a regular file"));
  }
  SECTION("entry outside the program") {
    std::string bytes = image;
    std::memset(bytes.data() + 24, 0, 8);
    scratch.write(bytes);
    CHECK_THAT(errorOf(options), Contains("lies in no segment"));
  }
  SECTION("arguments that fill the memory") {
    options = saxpy();
    options.memoryMib = 1;
    options.arguments.assign(40, std::string(10'000, 'a'));
    CHECK_THAT(errorOf(options), Contains("--args") && Contains("raise --memory"));
  }
  SECTION("no RISC-V cores") {
    options = saxpy();
    options.hardware = "wse3";
    CHECK_THAT(errorOf(options), Contains("kind dsd"));
  }
  SECTION("an unknown ISA") {
    options = saxpy();
    options.isa = "rv32i";
    CHECK_THAT(errorOf(options), Contains("--isa"));
  }
  SECTION("an impossible VLEN") {
    options = saxpy();
    options.vlen = 192;
    CHECK_THAT(errorOf(options), Contains("--vlen 192"));
  }
}

TEST_CASE("a program that fails or does not end is stopped with a message") {
  IssOptions options = saxpy();
  SECTION("too many instructions") {
    options.maxInstructions = 100;
    CHECK_THAT(errorOf(options),
               Contains("still running after 100 instructions, at 0x") && Contains("raise --max-insns"));
  }
  SECTION("a request that names no block") {
    Scratch scratch;
    // An even number that is no address: auipc a0, 0; li a1, 2; sd a1, 256(a0); j .
    test::ElfBuilder elf;
    elf.entry = 0x80000000;
    const uint32_t code[] = {0x00000517, 0x00200593, 0x10b53023, 0x0000006f};
    const auto *bytes = reinterpret_cast<const std::byte *>(code);
    elf.parts.push_back({elf.entry, {bytes, bytes + sizeof code}, 512});
    elf.symbols = {{"tohost", elf.entry + 256}};
    const std::vector<std::byte> file = elf.file();
    scratch.write({reinterpret_cast<const char *>(file.data()), file.size()});
    options.program = scratch.path;
    CHECK_THAT(errorOf(options), Contains("tohost names a block outside memory at 0x80000008, address 0x2"));
  }
  SECTION("an instruction that is none") {
    Scratch scratch;
    std::string bytes = readFile(WEFT_SAXPY_ELF);
    // vfmacc.vf v16, fa0, v8
    const std::string word = {char(0x57), char(0x58), char(0x85), char(0xb2)};
    const size_t at = bytes.find(word);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, 4, std::string(4, '\xff'));
    scratch.write(bytes);
    options.program = scratch.path;
    CHECK_THAT(errorOf(options), Contains("illegal instruction at 0x") && Contains("0xffffffff"));
  }
  SECTION("half precision on a core without it") {
    Scratch scratch;
    test::ElfBuilder elf;
    elf.entry = 0x80000000;
    const uint32_t code[] = {0x0420f0d3}; // fadd.h ft1, ft1, ft2
    const auto *bytes = reinterpret_cast<const std::byte *>(code);
    elf.parts.push_back({elf.entry, {bytes, bytes + sizeof code}, sizeof code});
    const std::vector<std::byte> file = elf.file();
    scratch.write({reinterpret_cast<const char *>(file.data()), file.size()});
    options.program = scratch.path;
    options.isa = "rv64gcv";
    CHECK_THAT(errorOf(options), Contains("it needs zfh, which the core (rv64gcv_zvl128b) lacks"));
  }
}
