// Small ELF files made in place, right or wrong on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

struct ElfBuilder {
  struct Part {
    uint64_t address = 0;
    std::vector<std::byte> contents;
    uint64_t memoryBytes = 0;
    uint32_t flags = PF_R | PF_X;
    uint32_t type = PT_LOAD;
  };
  uint64_t entry = 0;
  uint16_t type = ET_EXEC;
  std::vector<Part> parts;
  std::vector<std::pair<std::string, uint64_t>> symbols;

  /// Header, program headers, contents, then symbols, their names and two section headers if there are symbols.
  std::vector<std::byte> file() const {
    std::vector<std::byte> bytes(sizeof(Elf64_Ehdr) + parts.size() * sizeof(Elf64_Phdr));
    for (size_t i = 0; i < parts.size(); ++i) {
      const Part &part = parts[i];
      Elf64_Phdr segment{};
      segment.p_type = part.type;
      segment.p_flags = part.flags;
      segment.p_offset = bytes.size();
      segment.p_vaddr = segment.p_paddr = part.address;
      segment.p_filesz = part.contents.size();
      segment.p_memsz = part.memoryBytes;
      bytes.insert(bytes.end(), part.contents.begin(), part.contents.end());
      std::memcpy(bytes.data() + sizeof(Elf64_Ehdr) + i * sizeof segment, &segment, sizeof segment);
    }
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = EM_RISCV;
    header.e_version = EV_CURRENT;
    header.e_entry = entry;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<uint16_t>(parts.size());
    header.e_shentsize = sizeof(Elf64_Shdr);
    if (!symbols.empty())
      addSymbols(bytes, header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
  }

private:
  template <typename T> static void append(std::vector<std::byte> &bytes, const T &value) {
    auto *from = reinterpret_cast<const std::byte *>(&value);
    bytes.insert(bytes.end(), from, from + sizeof value);
  }

  void addSymbols(std::vector<std::byte> &bytes, Elf64_Ehdr &header) const {
    std::string names(1, '\0');
    Elf64_Shdr table{}, strings{};
    table.sh_type = SHT_SYMTAB;
    table.sh_offset = bytes.size();
    table.sh_entsize = sizeof(Elf64_Sym);
    table.sh_link = 1;
    append(bytes, Elf64_Sym{});
    for (const auto &[name, value] : symbols) {
      Elf64_Sym symbol{};
      symbol.st_name = static_cast<uint32_t>(names.size());
      symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
      symbol.st_shndx = SHN_ABS;
      symbol.st_value = value;
      append(bytes, symbol);
      names += name + '\0';
    }
    table.sh_size = bytes.size() - table.sh_offset;
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = bytes.size();
    strings.sh_size = names.size();
    auto *text = reinterpret_cast<const std::byte *>(names.data());
    bytes.insert(bytes.end(), text, text + names.size());
    header.e_shoff = bytes.size();
    header.e_shnum = 2;
    append(bytes, table);
    append(bytes, strings);
  }
};

} // namespace weft::test
