// Streams become one static ELF file that qemu and the simulator both run.
#pragma once

#include "tests/iss/Stream.h"

#include <span>

namespace weft::isstest {

/// Loads each stream's state, runs it, stores its state, and at the end writes all contexts to descriptor 1 and exits
/// with status 0.
struct Program {
  std::vector<std::byte> elf;
  unsigned vlenBits = 128;
  size_t streams = 0;
  size_t outputBytes() const { return streams * context::bytes(vlenBits); }
};

/// All of the same VLEN.
Program buildProgram(std::span<const Stream *const> streams);

/// One loadable part of an ELF file.
struct LoadSegment {
  uint64_t address = 0;
  std::span<const std::byte> bytes;
  bool writable = false, executable = false;
};
/// A static executable for 64-bit RISC-V.
std::vector<std::byte> writeElf(uint64_t entry, std::span<const LoadSegment> segments);

namespace layout {
inline constexpr uint64_t code = 0x1'0000, contexts = 0x1000'0000;
}

/// Machine code under construction.
class Code {
public:
  explicit Code(uint64_t base) : base(base) {}
  uint64_t here() const { return base + bytes.size(); }
  void word(uint32_t word);
  void words(std::span<const uint32_t> list);
  /// Any address below 2^31 - 2048.
  void loadAddress(unsigned rd, uint64_t address);
  void call(unsigned link, uint64_t target);
  /// Goes on at the next page if `bound` bytes do not fit in this one: qemu translates page by page, and what a
  /// translation knows of the instruction before ends there.
  void keepWithinPage(size_t bound);
  std::span<const std::byte> contents() const { return bytes; }

private:
  uint64_t base;
  std::vector<std::byte> bytes;
};

} // namespace weft::isstest
