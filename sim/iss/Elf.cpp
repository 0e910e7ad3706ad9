#include "sim/iss/Elf.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <fmt/format.h>
#include <optional>

using namespace weft;
using namespace weft::iss;

namespace {

class Reader {
public:
  Reader(std::span<const std::byte> file, const std::string &name) : file(file), name(name) {}

  Result<Elf> read() {
    if (Result<void> checked = checkHeader(); !checked)
      return checked.takeError();
    if (Result<void> done = readSegments(); !done)
      return done.takeError();
    if (Result<void> done = checkEntry(); !done)
      return done.takeError();
    if (Result<void> done = readSymbols(); !done)
      return done.takeError();
    return std::move(elf);
  }

private:
  Error bad(std::string_view what) const { return userError(fmt::format("{}: {}", name, what)); }

  /// The bytes [offset, offset + size) of the file, if it has them.
  std::optional<std::span<const std::byte>> part(uint64_t offset, uint64_t size) const {
    if (offset > file.size() || size > file.size() - offset)
      return std::nullopt;
    return file.subspan(offset, size);
  }

  /// Entry `index` of a table of T in the file, whose extent has been checked.
  template <typename T> T entryOf(std::span<const std::byte> table, size_t index) const {
    T value;
    std::memcpy(&value, table.data() + index * sizeof(T), sizeof(T));
    return value;
  }

  Result<void> checkHeader() {
    if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
      return bad("this is no ELF file; give a RISC-V executable");
    if (file.size() < sizeof header)
      return bad(
          fmt::format("the ELF file is truncated: {} bytes do not hold its header of {}", file.size(), sizeof header));
    std::memcpy(&header, file.data(), sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
      return bad("the ELF file is not of 64 bits; compile for riscv64");
    if (header.e_ident[EI_DATA] != ELFDATA2LSB)
      return bad("the ELF file is not little-endian; compile for riscv64");
    if (header.e_machine != EM_RISCV)
      return bad(fmt::format("the ELF file is for machine {}, not for RISC-V ({}); compile for riscv64",
                             header.e_machine, EM_RISCV));
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
      return bad(fmt::format("the ELF file is of type {}, not an executable ({} or {}); link it", header.e_type,
                             ET_EXEC, ET_DYN));
    return success();
  }

  Result<void> readSegments() {
    if (header.e_phnum == 0)
      return bad("the ELF file has no program headers, hence nothing to load; link it");
    if (header.e_phentsize != sizeof(Elf64_Phdr))
      return bad(fmt::format("program headers have {} bytes, not {}", header.e_phentsize, sizeof(Elf64_Phdr)));
    auto table = part(header.e_phoff, uint64_t{header.e_phnum} * sizeof(Elf64_Phdr));
    if (!table)
      return bad(fmt::format("the ELF file is truncated: its {} program headers at {:#x} lie outside its {} bytes",
                             header.e_phnum, header.e_phoff, file.size()));
    for (size_t i = 0; i < header.e_phnum; ++i) {
      auto segment = entryOf<Elf64_Phdr>(*table, i);
      Result<void> done = segment.p_type == PT_LOAD      ? addSegment(i, segment)
                          : segment.p_type == PT_DYNAMIC ? checkDynamic(segment)
                          : segment.p_type == PT_INTERP
                              ? Result<void>(bad("the program wants a dynamic loader; link it with -static"))
                              : success();
      if (!done)
        return done;
    }
    if (elf.segments.empty())
      return bad("the ELF file has no segment to load");
    return checkDisjoint();
  }

  Result<void> addSegment(size_t index, const Elf64_Phdr &segment) {
    if (segment.p_filesz > segment.p_memsz)
      return bad(fmt::format("segment {} has more bytes in the file ({}) than in memory ({})", index, segment.p_filesz,
                             segment.p_memsz));
    auto contents = part(segment.p_offset, segment.p_filesz);
    if (!contents)
      return bad(fmt::format("the ELF file is truncated: segment {} wants {} bytes at {:#x} of {}", index,
                             segment.p_filesz, segment.p_offset, file.size()));
    if (segment.p_memsz == 0)
      return success();
    if (segment.p_vaddr + segment.p_memsz < segment.p_vaddr)
      return bad(fmt::format("segment {} at {:#x} with {} bytes passes the end of the address space", index,
                             segment.p_vaddr, segment.p_memsz));
    elf.segments.push_back(
        {segment.p_vaddr, segment.p_memsz, *contents, (segment.p_flags & PF_X) != 0, (segment.p_flags & PF_W) != 0});
    return success();
  }

  /// A position-independent executable may have a dynamic section, but nothing that a loader would have to relocate.
  Result<void> checkDynamic(const Elf64_Phdr &segment) {
    auto table = part(segment.p_offset, segment.p_filesz);
    if (!table)
      return bad("the ELF file is truncated: its dynamic section lies outside of it");
    for (size_t i = 0; i < table->size() / sizeof(Elf64_Dyn); ++i) {
      auto entry = entryOf<Elf64_Dyn>(*table, i);
      if (entry.d_tag == DT_NULL)
        break;
      bool relocations = (entry.d_tag == DT_RELASZ || entry.d_tag == DT_RELSZ || entry.d_tag == DT_PLTRELSZ ||
                          entry.d_tag == DT_RELRSZ) &&
                         entry.d_un.d_val != 0;
      if (relocations)
        return bad("the program has relocations for a dynamic loader; link it with -static and without -pie");
    }
    return success();
  }

  Result<void> checkDisjoint() {
    std::sort(elf.segments.begin(), elf.segments.end(),
              [](const Segment &a, const Segment &b) { return a.address < b.address; });
    for (size_t i = 1; i < elf.segments.size(); ++i) {
      const Segment &before = elf.segments[i - 1], &after = elf.segments[i];
      if (after.address - before.address < before.memoryBytes)
        return bad(fmt::format("segments at {:#x} ({} bytes) and {:#x} overlap", before.address, before.memoryBytes,
                               after.address));
    }
    return success();
  }

  Result<void> checkEntry() {
    elf.entry = header.e_entry;
    if (elf.entry & 1)
      return bad(fmt::format("the entry {:#x} is odd; instructions begin at even addresses", elf.entry));
    for (const Segment &segment : elf.segments)
      // Flags are not asked: bare-metal memory has none, and the linker script of riscv-tests marks code as data.
      if (elf.entry - segment.address < segment.memoryBytes)
        return success();
    return bad(fmt::format("the entry {:#x} lies in no segment", elf.entry));
  }

  Result<void> readSymbols() {
    if (header.e_shnum == 0)
      return success();
    if (header.e_shentsize != sizeof(Elf64_Shdr))
      return bad(fmt::format("section headers have {} bytes, not {}", header.e_shentsize, sizeof(Elf64_Shdr)));
    auto table = part(header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
    if (!table)
      return bad(fmt::format("the ELF file is truncated: its {} section headers at {:#x} lie outside its {} bytes",
                             header.e_shnum, header.e_shoff, file.size()));
    for (size_t i = 0; i < header.e_shnum; ++i)
      if (auto section = entryOf<Elf64_Shdr>(*table, i); section.sh_type == SHT_SYMTAB)
        if (Result<void> done = readSymbolTable(*table, section); !done)
          return done;
    return success();
  }

  Result<void> readSymbolTable(std::span<const std::byte> sections, const Elf64_Shdr &section) {
    auto symbols = part(section.sh_offset, section.sh_size);
    if (!symbols)
      return bad("the ELF file is truncated: its symbol table lies outside of it");
    if (section.sh_link >= header.e_shnum)
      return bad(
          fmt::format("the symbol table names section {} of {} for its strings", section.sh_link, header.e_shnum));
    auto stringSection = entryOf<Elf64_Shdr>(sections, section.sh_link);
    auto strings = part(stringSection.sh_offset, stringSection.sh_size);
    if (!strings)
      return bad("the ELF file is truncated: the names of its symbols lie outside of it");
    uint64_t budget = 16 * uint64_t{strings->size()} + 1;
    for (size_t i = 0; i < symbols->size() / sizeof(Elf64_Sym); ++i) {
      auto symbol = entryOf<Elf64_Sym>(*symbols, i);
      unsigned type = ELF64_ST_TYPE(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || type == STT_SECTION || type == STT_FILE || symbol.st_name == 0)
        continue;
      if (symbol.st_name >= strings->size())
        return bad(fmt::format("the name of symbol {} lies outside the table of names", i));
      if (!addSymbol(strings->subspan(symbol.st_name), symbol, budget))
        return bad("the names of its symbols overlap beyond reason");
    }
    return success();
  }

  /// Names may share endings, so that a small file can ask for much memory; `budget` is what they may still take. False
  /// if it is spent.
  bool addSymbol(std::span<const std::byte> from, const Elf64_Sym &symbol, uint64_t &budget) {
    auto *text = reinterpret_cast<const char *>(from.data());
    std::string symbolName(text, strnlen(text, std::min<uint64_t>(from.size(), budget)));
    if (symbolName.size() == budget)
      return false;
    budget -= symbolName.size();
    if (symbolName.empty())
      return true;
    // Of several local symbols of one name the first counts; a global one goes before all of them.
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL)
      elf.symbols.emplace(std::move(symbolName), symbol.st_value);
    else
      elf.symbols.insert_or_assign(std::move(symbolName), symbol.st_value);
    return true;
  }

  std::span<const std::byte> file;
  const std::string &name;
  Elf64_Ehdr header{};
  Elf elf;
};

} // namespace

Result<Elf> weft::iss::readElf(std::span<const std::byte> file, const std::string &name) {
  return Reader(file, name).read();
}
