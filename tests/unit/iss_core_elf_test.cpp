// ELF files, good and hostile, and the riscv-tests convention of `tohost`.
#include "sim/iss/Machine.h"
#include "tests/unit/iss_assembler.h"
#include "tests/unit/iss_elf.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>

using namespace weft;
using namespace weft::iss;
using weft::test::ElfBuilder;

namespace {

constexpr uint64_t base = 0x80000000;

ElfBuilder good() {
  ElfBuilder elf;
  elf.entry = base;
  elf.parts.push_back({base, std::vector<std::byte>(64), 128});
  elf.symbols = {{"tohost", base + 0x1000}, {"fromhost", base + 0x1040}};
  return elf;
}

std::string messageOf(const std::vector<std::byte> &file) {
  Result<Elf> elf = readElf(file, "prog");
  if (elf)
    return "";
  CHECK(elf.error().fault == Fault::User);
  CHECK(elf.error().message.rfind("prog: ", 0) == 0);
  return elf.error().message;
}

bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

/// A good file with some bytes of its header changed.
template <typename T> std::vector<std::byte> patched(size_t offset, T value) {
  std::vector<std::byte> file = good().file();
  std::memcpy(file.data() + offset, &value, sizeof value);
  return file;
}

constexpr size_t programHeader = sizeof(Elf64_Ehdr);

} // namespace

TEST_CASE("A good ELF file is read") {
  std::vector<std::byte> file = good().file();
  Result<Elf> elf = readElf(file, "prog");
  REQUIRE(elf);
  CHECK(elf->entry == base);
  REQUIRE(elf->segments.size() == 1);
  CHECK(elf->segments[0].address == base);
  CHECK(elf->segments[0].memoryBytes == 128);
  CHECK(elf->segments[0].contents.size() == 64);
  CHECK(elf->segments[0].executable);
  CHECK(!elf->segments[0].writable);
  CHECK(elf->symbols.at("tohost") == base + 0x1000);
  CHECK(elf->symbols.at("fromhost") == base + 0x1040);
}

TEST_CASE("Bad ELF files give one message each") {
  CHECK(contains(messageOf({}), "no ELF file"));
  CHECK(contains(messageOf(std::vector<std::byte>(100)), "no ELF file"));
  CHECK(contains(messageOf(patched<uint8_t>(EI_CLASS, ELFCLASS32)), "not of 64 bits"));
  CHECK(contains(messageOf(patched<uint8_t>(EI_DATA, ELFDATA2MSB)), "not little-endian"));
  CHECK(contains(messageOf(patched<uint16_t>(offsetof(Elf64_Ehdr, e_machine), EM_X86_64)), "machine 62"));
  CHECK(contains(messageOf(patched<uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_REL)), "not an executable"));
  CHECK(contains(messageOf(patched<uint16_t>(offsetof(Elf64_Ehdr, e_phnum), 0)), "no program headers"));
  CHECK(contains(messageOf(patched<uint16_t>(offsetof(Elf64_Ehdr, e_phnum), 999)), "truncated"));
  CHECK(contains(messageOf(patched<uint16_t>(offsetof(Elf64_Ehdr, e_phentsize), 1)), "program headers have 1 bytes"));
  CHECK(contains(messageOf(patched<uint64_t>(offsetof(Elf64_Ehdr, e_phoff), ~uint64_t{7})), "truncated"));
  CHECK(contains(messageOf(patched<uint64_t>(offsetof(Elf64_Ehdr, e_shoff), ~uint64_t{7})), "truncated"));
  CHECK(contains(messageOf(patched<uint64_t>(offsetof(Elf64_Ehdr, e_entry), base + 1)), "odd"));
  CHECK(contains(messageOf(patched<uint64_t>(offsetof(Elf64_Ehdr, e_entry), base + 128)), "lies in no segment"));
  CHECK(contains(messageOf(patched<uint64_t>(offsetof(Elf64_Ehdr, e_entry), base - 2)), "lies in no segment"));
  CHECK(contains(messageOf(patched<uint64_t>(programHeader + offsetof(Elf64_Phdr, p_offset), 1 << 20)), "truncated"));
  CHECK(contains(messageOf(patched<uint64_t>(programHeader + offsetof(Elf64_Phdr, p_filesz), 129)),
                 "more bytes in the file"));
  CHECK(contains(messageOf(patched<uint64_t>(programHeader + offsetof(Elf64_Phdr, p_memsz), ~uint64_t{0})),
                 "end of the address space"));
  CHECK(contains(messageOf(patched<uint32_t>(programHeader + offsetof(Elf64_Phdr, p_type), PT_INTERP)),
                 "dynamic loader"));
}

TEST_CASE("Every truncation of a good file is an error, not a crash") {
  std::vector<std::byte> file = good().file();
  for (size_t size = 0; size < file.size(); ++size)
    CHECK(!messageOf({file.begin(), file.begin() + static_cast<ptrdiff_t>(size)}).empty());
}

TEST_CASE("Segments that overlap, relocations and names out of bounds are refused") {
  ElfBuilder overlapping = good();
  overlapping.parts.push_back({base + 127, std::vector<std::byte>(1), 1});
  CHECK(contains(messageOf(overlapping.file()), "overlap"));
  overlapping.parts.back().address = base + 128;
  CHECK(messageOf(overlapping.file()).empty());

  ElfBuilder dynamic = good();
  dynamic.type = ET_DYN;
  Elf64_Dyn entries[2] = {};
  entries[0].d_tag = DT_RELASZ;
  entries[0].d_un.d_val = 24;
  std::vector<std::byte> table(sizeof entries);
  std::memcpy(table.data(), entries, sizeof entries);
  dynamic.parts.push_back({0, table, table.size(), PF_R, PT_DYNAMIC});
  CHECK(contains(messageOf(dynamic.file()), "relocations"));
  std::memset(dynamic.parts.back().contents.data() + 8, 0, 8); // none to do
  CHECK(messageOf(dynamic.file()).empty());

  // The first named symbol's name lies far away.
  std::vector<std::byte> file = good().file();
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  Elf64_Shdr symbols;
  std::memcpy(&symbols, file.data() + header.e_shoff, sizeof symbols);
  uint32_t far = 1 << 30;
  std::memcpy(file.data() + symbols.sh_offset + sizeof(Elf64_Sym), &far, sizeof far);
  CHECK(contains(messageOf(file), "name of symbol 1"));
}

TEST_CASE("Names that share their letters do not multiply") {
  ElfBuilder elf = good();
  elf.symbols = {{std::string(100'000, 'a'), 1}};
  for (int i = 0; i < 1000; ++i)
    elf.symbols.push_back({"", 1});
  std::vector<std::byte> file = elf.file();
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  Elf64_Shdr symbols;
  std::memcpy(&symbols, file.data() + header.e_shoff, sizeof symbols);
  for (uint32_t i = 1; i < 1000; ++i) // all begin in the one long name
    std::memcpy(file.data() + symbols.sh_offset + i * sizeof(Elf64_Sym), &i, sizeof i);
  CHECK(contains(messageOf(file), "overlap beyond reason"));
}

TEST_CASE("A segment outside memory is refused by load()") {
  std::vector<std::byte> file = good().file(), ram(100);
  Machine machine{hw::Isa{}};
  machine.memory().add({base, ram, Memory::Read | Memory::Execute});
  Result<void> loaded = machine.load(*readElf(file, "prog"), "prog");
  REQUIRE(!loaded);
  CHECK(contains(loaded.error().message, "0x80000000 (128 bytes) lies outside memory"));
}

namespace {

struct HostRun {
  std::vector<std::byte> ram = std::vector<std::byte>(0x2000, std::byte{0xaa});
  Machine machine{hw::Isa{}};
  std::string output;
  Outcome outcome;

  explicit HostRun(const std::string &program, Observer *observer) {
    static const test::RiscvTools tools;
    ElfBuilder elf = good();
    elf.parts[0].contents = tools.assemble(program);
    elf.parts[0].memoryBytes = elf.parts[0].contents.size();
    elf.parts.push_back({base + 0x1000, {}, 0x100, PF_R | PF_W});
    std::vector<std::byte> file = elf.file();
    machine.memory().add({base, ram, Memory::Read | Memory::Write | Memory::Execute});
    machine.output = [this](int, std::string_view text) { output += text; };
    REQUIRE(machine.load(*readElf(file, "prog"), "prog"));
    CHECK(ram[0x10ff] == std::byte{0});    // zero-filled
    CHECK(ram[0x1100] == std::byte{0xaa}); // and no more
    RunOptions options;
    options.maxInstructions = 1000;
    options.observer = observer;
    outcome = machine.run(options);
  }
};

struct Ignore : Observer {
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override {}
};

/// On both paths.
void runHosted(const std::string &program, const std::function<void(HostRun &)> &check) {
  Ignore ignore;
  for (Observer *observer : {static_cast<Observer *>(nullptr), static_cast<Observer *>(&ignore)}) {
    HostRun run(program, observer);
    INFO(describe(run.outcome));
    check(run);
  }
}

} // namespace

TEST_CASE("An odd value in tohost is the exit code") {
  // As riscv-tests write it: the low word, then the high one.
  runHosted("auipc s0, 1\n li gp, 15\n 1: sw gp, 0(s0)\n sw zero, 4(s0)\n j 1b", [](HostRun &run) {
    CHECK(run.outcome.stop == Stop::Exited);
    CHECK(run.outcome.exitCode == 7);
    CHECK(run.outcome.instructions == 3);
  });
  runHosted("auipc s0, 1\n li gp, 1\n sd gp, 0(s0)\n j .", [](HostRun &run) { CHECK(run.outcome.exitCode == 0); });
}

TEST_CASE("An even value in tohost points to a system call") {
  runHosted(R"(
    auipc s0, 1
    addi s1, s0, 0x80     # block
    li a0, 64
    sd a0, 0(s1)
    li a0, 1
    sd a0, 8(s1)
    addi a1, s0, 0xc0
    sd a1, 16(s1)
    li a0, 2
    sd a0, 24(s1)
    li a0, 0x0a4b         # "K\n"
    sh a0, 0(a1)
    sd s1, 0(s0)
    ld s2, 0x40(s0)       # fromhost
    ld s3, 0(s0)
    ld s4, 0(s1)          # the result
    li a0, 93
    sd a0, 0(s1)
    li a0, 3
    sd a0, 8(s1)
    sd s1, 0(s0)
    j .
  )",
            [](HostRun &run) {
              CHECK(run.output == "K\n");
              CHECK(run.machine.hart().x[18] == 1);
              CHECK(run.machine.hart().x[19] == 0);
              CHECK(run.machine.hart().x[20] == 2);
              CHECK(run.outcome.stop == Stop::Exited);
              CHECK(run.outcome.exitCode == 3);
            });
}

TEST_CASE("A system call block outside memory, or of an unknown call, stops the run") {
  runHosted("auipc s0, 1\n li a0, 64\n sd a0, 0(s0)\n j .", [](HostRun &run) {
    CHECK(run.outcome.stop == Stop::Trapped);
    CHECK(run.outcome.trap.cause == Cause::HostRequest);
    CHECK(run.outcome.trap.value == 64);
  });
  runHosted("auipc s0, 1\n addi s1, s0, 0x80\n li a0, 777\n sd a0, 0(s1)\n sd s1, 0(s0)\n j .", [](HostRun &run) {
    CHECK(run.outcome.stop == Stop::Trapped);
    CHECK(contains(describe(run.outcome), "number 777"));
  });
}
