#include "tests/iss/Program.h"

#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"

#include <cstring>

namespace weft::isstest {

namespace {
constexpr unsigned t0 = 5, t1 = 6, t2 = 7;

// Eight registers at a time; `opcode` is vl8re8.v or vs8r.v.
void appendVectorRegisters(Code &code, uint32_t opcode, unsigned vlenBits) {
  code.word(lui(t2, upperPart(vlenBits)));
  code.word(addiw(t2, t2, lowerPart(vlenBits))); // 8 registers of VLEN/8 bytes
  code.word(addi(t0, contextRegister, 2047));
  code.word(addi(t0, t0, context::vectors - 2047));
  for (unsigned first = 0; first < 32; first += 8) {
    code.word(rType(opcode, first, t0, 0));
    code.word(rType(0x33, t0, t0, t2));
  }
}

/// Everything from the context; returns through linkRegister.
void appendLoadState(Code &code, unsigned vlenBits) {
  appendVectorRegisters(code, 0xe2800007, vlenBits);
  for (unsigned i = 0; i < 32; ++i)
    code.word(fld(i, contextRegister, context::floats + 8 * static_cast<int32_t>(i)));
  code.word(ld(t0, contextRegister, context::vl));
  code.word(ld(t1, contextRegister, context::vtype));
  code.word(vsetvl(0, t0, t1));
  code.word(ld(t0, contextRegister, context::vcsr));
  code.word(csrrw(0, csr::vcsr, t0));
  code.word(ld(t0, contextRegister, context::fcsr));
  code.word(csrrw(0, csr::fcsr, t0));
  code.word(csrrw(0, csr::vstart, 0));
  for (unsigned i = 1; i < 32; ++i)
    if (i != contextRegister && i != linkRegister)
      code.word(ld(i, contextRegister, context::integers + 8 * static_cast<int32_t>(i)));
  code.word(jalr(0, linkRegister, 0));
}

/// Everything to the context.
void appendStoreState(Code &code, unsigned vlenBits) {
  for (unsigned i = 0; i < 32; ++i)
    code.word(sd(i, contextRegister, context::integers + 8 * static_cast<int32_t>(i)));
  for (unsigned i = 0; i < 32; ++i)
    code.word(fsd(i, contextRegister, context::floats + 8 * static_cast<int32_t>(i)));
  struct Control {
    unsigned number;
    int32_t offset;
  };
  for (const Control &control :
       {Control{csr::vstart, context::vstart}, Control{csr::vl, context::vl}, Control{csr::vtype, context::vtype},
        Control{csr::vcsr, context::vcsr}, Control{csr::fcsr, context::fcsr}}) {
    code.word(csrrs(t0, control.number, 0));
    code.word(sd(t0, contextRegister, control.offset));
  }
  code.word(csrrw(0, csr::vstart, 0)); // a whole-register store would begin there
  appendVectorRegisters(code, 0xe2800027, vlenBits);
  code.word(jalr(0, linkRegister, 0));
}

void appendWriteAndExit(Code &code, size_t outputBytes) {
  constexpr unsigned a0 = 10, a1 = 11, a2 = 12, a7 = 17;
  code.word(addi(a0, 0, 1));
  code.loadAddress(a1, layout::contexts);
  code.loadAddress(a2, outputBytes);
  code.word(addi(a7, 0, 64));
  code.word(ecall);
  code.word(addi(a0, 0, 0));
  code.word(addi(a7, 0, 93));
  code.word(ecall);
}

template <typename T> void append(std::vector<std::byte> &bytes, T value) {
  const auto *begin = reinterpret_cast<const std::byte *>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}
} // namespace

void Code::word(uint32_t word) {
  const auto *begin = reinterpret_cast<const std::byte *>(&word);
  bytes.insert(bytes.end(), begin, begin + lengthOf(word));
}
void Code::words(std::span<const uint32_t> list) {
  for (uint32_t each : list)
    word(each);
}
void Code::loadAddress(unsigned rd, uint64_t address) {
  word(lui(rd, upperPart(address)));
  word(addiw(rd, rd, lowerPart(address)));
}
void Code::call(unsigned link, uint64_t target) {
  const auto distance = static_cast<int64_t>(target - here()); // beyond jal's reach in long programs
  word(uType(0x17, link, upperPart(static_cast<uint64_t>(distance))));
  word(jalr(link, link, lowerPart(static_cast<uint64_t>(distance))));
}

void Code::keepWithinPage(size_t bound) {
  constexpr uint64_t page = 4096;
  const uint64_t left = page - here() % page;
  if (bound <= left || bound > page)
    return;
  if (left == 2)
    return word(0x0001); // c.nop
  word(jal(0, static_cast<int32_t>(left)));
  bytes.resize(bytes.size() + left - 4);
}

std::vector<std::byte> writeElf(uint64_t entry, std::span<const LoadSegment> segments) {
  constexpr uint64_t headerBytes = 64, programHeaderBytes = 56, page = 4096;
  std::vector<std::byte> file;
  for (uint8_t byte : {0x7f, 'E' + 0, 'L' + 0, 'F' + 0, 2, 1, 1, 0}) // 64-bit, little-endian, version 1
    append<uint8_t>(file, byte);
  append<uint64_t>(file, 0);
  append<uint16_t>(file, 2);   // ET_EXEC
  append<uint16_t>(file, 243); // EM_RISCV
  append<uint32_t>(file, 1);
  append<uint64_t>(file, entry);
  append<uint64_t>(file, headerBytes); // program headers follow
  append<uint64_t>(file, 0);           // no sections
  append<uint32_t>(file, 5);           // compressed instructions, double-precision float arguments
  append<uint16_t>(file, headerBytes);
  append<uint16_t>(file, programHeaderBytes);
  append<uint16_t>(file, static_cast<uint16_t>(segments.size()));
  append<uint16_t>(file, 64);
  append<uint32_t>(file, 0);

  const auto roundUp = [](uint64_t value) { return (value + page - 1) / page * page; };
  uint64_t offset = roundUp(headerBytes + programHeaderBytes * segments.size());
  for (const LoadSegment &segment : segments) {
    append<uint32_t>(file, 1); // PT_LOAD
    append<uint32_t>(file, 4u | (segment.writable ? 2u : 0u) | (segment.executable ? 1u : 0u));
    append<uint64_t>(file, offset);
    append<uint64_t>(file, segment.address);
    append<uint64_t>(file, segment.address);
    append<uint64_t>(file, segment.bytes.size());
    append<uint64_t>(file, segment.bytes.size());
    append<uint64_t>(file, page);
    offset = roundUp(offset + segment.bytes.size());
  }
  for (const LoadSegment &segment : segments) {
    file.resize(roundUp(file.size()));
    file.insert(file.end(), segment.bytes.begin(), segment.bytes.end());
  }
  return file;
}

Program buildProgram(std::span<const Stream *const> streams) {
  Program program;
  program.vlenBits = streams.front()->vlenBits;
  program.streams = streams.size();
  Code code(layout::code);
  const uint64_t load = code.here();
  appendLoadState(code, program.vlenBits);
  const uint64_t store = code.here();
  appendStoreState(code, program.vlenBits);
  const uint64_t entry = code.here();

  std::vector<std::byte> contexts;
  for (const Stream *stream : streams) {
    const std::vector<uint32_t> words = flatten(stream->units);
    code.keepWithinPage(words.size() * 4 + 32);
    code.loadAddress(contextRegister, layout::contexts + contexts.size() - static_cast<int64_t>(context::start));
    contexts.insert(contexts.end(), stream->context.begin(), stream->context.end());
    code.call(linkRegister, load);
    code.words(words);
    code.call(linkRegister, store);
  }
  appendWriteAndExit(code, contexts.size());

  const std::vector<std::byte> tables = indexTables(), edge = edgePage();
  const LoadSegment segments[] = {{layout::code, code.contents(), false, true},
                                  {layout::contexts, contexts, true, false},
                                  {shared::tables, tables, false, false},
                                  {shared::edge, edge, false, false}};
  program.elf = writeElf(entry, segments);
  return program;
}

} // namespace weft::isstest
