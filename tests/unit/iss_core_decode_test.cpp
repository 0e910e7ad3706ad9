// The decoder and the disassembler against LLVM's, on random words and on all 16-bit ones.
#include "sim/iss/Decode.h"
#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <random>

using namespace weft;
using namespace weft::iss;

namespace {

hw::Isa everything() {
  hw::Isa isa;
  isa.zfhmin = isa.zfh = isa.zvfhmin = isa.zvfh = isa.zfbfmin = isa.zvfbfmin = isa.zvfbfwma = true;
  return isa;
}

constexpr uint64_t pc = 0x80001000;

bool startsWith(const std::string &text, std::string_view with) { return text.rfind(with, 0) == 0; }

bool endsWith(const std::string &text, std::string_view with) {
  return text.size() >= with.size() && text.compare(text.size() - with.size(), with.size(), with) == 0;
}

/// LLVM's text in the form of ours: dynamic rounding is not written, and control registers are numbers where one side
/// alone knows a name.
std::string normalised(std::string text) {
  if (endsWith(text, ", dyn"))
    text.resize(text.size() - 5);
  if (!text.empty() && text.back() == ' ')
    text.pop_back();
  return text;
}

std::string withoutCsr(const std::string &text) {
  size_t first = text.find(','), second = text.find(',', first + 1);
  return text.substr(0, first) + text.substr(second);
}

/// Why LLVM and the simulator may differ on `word`; empty if they may not.
std::string_view excuse(uint32_t word, const Op &ours, const std::string &theirs) {
  std::string_view name = ours.opcode == Opcode::Illegal ? "" : nameOf(ours.opcode);
  if (name == "fence" || name == "fence.i")
    return "reserved fields of fences are ignored (unprivileged specification, 2.7), LLVM takes zero only";
  for (const char *other :
       {"sret", "uret", "dret", "mnret", "sfence.", "hfence.", "sinval.", "hinval.", "unimp", "c.unimp"})
    if (startsWith(theirs, other))
      return "an instruction of a mode or extension that the core has not, which LLVM knows without asking";
  return "";
}

struct Comparison {
  uint64_t agreed = 0, decoded = 0, excused = 0;
};

void compare(const test::RiscvTools &llvm, const hw::Isa &isa, uint32_t word, Comparison &sum) {
  Op ours = decode(word, isa);
  test::RiscvTools::Text theirs = llvm.disassemble(word, pc);
  std::string expected = normalised(theirs.text);
  bool illegal = ours.opcode == Opcode::Illegal;
  std::string text = illegal ? "" : disassemble(ours, pc);
  bool isCsr = !illegal && (startsWith(text, "csr"));
  bool same = text == expected || (isCsr && startsWith(expected, "csr") && withoutCsr(text) == withoutCsr(expected));
  if (same) {
    ++sum.agreed;
    sum.decoded += !illegal;
    return;
  }
  if (!excuse(word, ours, theirs.text).empty()) {
    ++sum.excused;
    return;
  }
  FAIL_CHECK(fmt::format("{:#010x}: '{}', LLVM '{}'", word, text, expected));
}

/// "a, b, c" taken apart.
std::vector<std::string> operandsOf(const std::string &text) {
  std::vector<std::string> operands;
  size_t begin = text.find(' ');
  while (begin != std::string::npos) {
    size_t end = text.find(',', begin);
    operands.push_back(text.substr(begin + 1, end == std::string::npos ? end : end - begin - 1));
    begin = end == std::string::npos ? end : end + 1;
  }
  return operands;
}

/// The 32-bit instruction that a compressed one stands for, by the definitions in the specification's chapter on C.
std::string expandText(const std::string &text) {
  std::string name = text.substr(0, text.find(' ')).substr(2);
  std::vector<std::string> o = operandsOf(text);
  if (name == "nop")
    return fmt::format("addi zero, zero, {}", o.empty() ? "0" : o[0]);
  if (name == "ebreak")
    return name;
  if (name == "j")
    return fmt::format("jal zero, {}", o[0]);
  if (name == "jr" || name == "jalr")
    return fmt::format("jalr {}, 0({})", name == "jr" ? "zero" : "ra", o[0]);
  if (name == "mv")
    return fmt::format("add {}, zero, {}", o[0], o[1]);
  if (name == "li")
    return fmt::format("addi {}, zero, {}", o[0], o[1]);
  if (name == "beqz" || name == "bnez")
    return fmt::format("{} {}, zero, {}", name.substr(0, 3), o[0], o[1]);
  if (name == "addi4spn")
    return fmt::format("addi {}, {}, {}", o[0], o[1], o[2]);
  if (name == "addi16sp")
    return fmt::format("addi {}, {}, {}", o[0], o[0], o[1]);
  if (name == "slli64" || name == "srli64" || name == "srai64") // a shift by 0, which is a hint
    return fmt::format("{} {}, {}, 0", name.substr(0, 4), o[0], o[0]);
  if (name == "lui" && o[1][0] == '-') // LLVM writes that of the hints, rd = zero, with a sign
    return fmt::format("lui {}, {}", o[0], 0x100000 + std::stoi(o[1]));
  if (name == "lui" || o[1].find('(') != std::string::npos) {
    bool onStack = name.size() > 2 && name.substr(name.size() - 2) == "sp";
    return fmt::format("{} {}, {}", onStack ? name.substr(0, name.size() - 2) : name, o[0], o[1]);
  }
  return fmt::format("{} {}, {}, {}", name, o[0], o[0], o[1]);
}

} // namespace

TEST_CASE("32-bit words decode as LLVM decodes them") {
  test::RiscvTools llvm;
  hw::Isa isa = everything();
  std::mt19937 random(1);
  Comparison sum;
  // Uniform words, and words close to an instruction: its fixed bits with random operands.
  for (int i = 0; i < 400'000; ++i)
    compare(llvm, isa, static_cast<uint32_t>(random()) | 3, sum);
  for (size_t i = 1; i < static_cast<size_t>(Opcode::Count); ++i) {
    const Instruction &row = instructionOf(static_cast<Opcode>(i));
    if (row.extension > Extension::LastStandard) // a custom unit's: iss_units_test.cpp
      continue;
    for (int k = 0; k < 1000; ++k)
      compare(llvm, isa, (static_cast<uint32_t>(random()) & ~row.mask) | row.match, sum);
    for (unsigned bit = 2; bit < 32; ++bit) // one fixed bit wrong
      if (row.mask >> bit & 1)
        for (int k = 0; k < 8; ++k)
          compare(llvm, isa, ((static_cast<uint32_t>(random()) & ~row.mask) | row.match) ^ (1u << bit), sum);
  }
  INFO(sum.agreed << " agreed, " << sum.decoded << " of them instructions, " << sum.excused << " excused");
  CHECK(sum.decoded > 500'000);
  CHECK(sum.excused < sum.agreed / 100);
}

TEST_CASE("every 16-bit word stands for the instruction that LLVM says") {
  test::RiscvTools llvm;
  hw::Isa isa = everything();
  unsigned legal = 0, illegal = 0;
  for (uint32_t word = 0; word < 0x10000; ++word) {
    if ((word & 3) == 3)
      continue;
    Op ours = decode(word, isa);
    test::RiscvTools::Text theirs = llvm.disassemble(word, pc);
    bool known = !theirs.text.empty() && !startsWith(theirs.text, "c.unimp");
    // c.lui with immediate 0 is reserved (specification, chapter on C); LLVM prints it all the same.
    known = known && !(startsWith(theirs.text, "c.lui ") && endsWith(theirs.text, ", 0"));
    if (known != (ours.opcode != Opcode::Illegal)) {
      FAIL_CHECK(fmt::format("{:#06x}: '{}', LLVM '{}'", word, disassemble(ours, pc), theirs.text));
      continue;
    }
    ++(known ? legal : illegal);
    CHECK(ours.bytes == 2);
    CHECK(ours.word == word);
    if (!known)
      continue;
    // The operands: LLVM's text of the compressed form, brought to that of the 32-bit one, as the table below says.
    std::string expected = expandText(theirs.text);
    if (disassemble(ours, pc) != expected)
      FAIL_CHECK(fmt::format("{:#06x}: '{}', LLVM '{}' = '{}'", word, disassemble(ours, pc), theirs.text, expected));
  }
  CHECK(legal > 40'000);
  CHECK(illegal > 1'000);
}
