// Static RISC-V ELF files, read without trusting them.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weft::iss {

struct Segment {
  uint64_t address = 0;
  uint64_t memoryBytes = 0;            // zero beyond `contents`
  std::span<const std::byte> contents; // of the file
  bool executable = false, writable = false;
};

struct Elf {
  uint64_t entry = 0;
  std::vector<Segment> segments;           // PT_LOAD, by address, disjoint
  std::map<std::string, uint64_t> symbols; // defined global and local symbols with a name
};

/// Reads a 64-bit little-endian RISC-V executable (ET_EXEC, or ET_DYN without relocations to do). The result refers to
/// `file`. Errors: truncated, wrong class, machine or type, segments that overlap or wrap, an entry that is odd or in
/// no segment; `name` is used in messages.
Result<Elf> readElf(std::span<const std::byte> file, const std::string &name);

} // namespace weft::iss
