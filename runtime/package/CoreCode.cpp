#include "runtime/package/CoreCode.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <map>
#include <string_view>
#include <utility>

namespace weft::runtime {

bool isForCore(const pkg::KernelObjectT &object) { return object.triple.ends_with("-elf"); }

const pkg::KernelObjectT *findCoreObject(const std::vector<std::unique_ptr<pkg::KernelObjectT>> &objects) {
  for (const auto &object : objects)
    if (isForCore(*object))
      return object.get();
  return nullptr;
}

namespace {

Error damaged(const char *why) {
  return userError(std::string("the package's object for the cores ") + why + "; compile the model again");
}

class Reader {
public:
  explicit Reader(std::span<const uint8_t> image) : image(image) {}

  /// The part [offset, offset + size); empty if it is not all there.
  std::span<const uint8_t> part(uint64_t offset, uint64_t size) const {
    if (offset > image.size() || size > image.size() - offset)
      return {};
    return image.subspan(offset, size);
  }
  /// Entry `index` of a table at `offset`; false if it is not all there.
  template <typename T> bool read(T &value, uint64_t offset, uint64_t index = 0) const {
    if (index > image.size() / sizeof(T))
      return false;
    auto bytes = part(offset + index * sizeof(T), sizeof(T));
    if (bytes.empty() || offset + index * sizeof(T) < offset)
      return false;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return true;
  }

private:
  std::span<const uint8_t> image;
};

Result<void> readSymbols(const Reader &reader, const Elf64_Ehdr &header, CoreCode &code) {
  for (uint64_t section = 0; section < header.e_shnum; ++section) {
    Elf64_Shdr table, strings;
    if (!reader.read(table, header.e_shoff, section))
      return damaged("is truncated");
    if (table.sh_type != SHT_SYMTAB)
      continue;
    if (table.sh_link >= header.e_shnum || !reader.read(strings, header.e_shoff, table.sh_link))
      return damaged("has a symbol table without names");
    auto names = reader.part(strings.sh_offset, strings.sh_size);
    for (uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
      Elf64_Sym symbol;
      if (!reader.read(symbol, table.sh_offset, i))
        return damaged("is truncated");
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC)
        continue;
      if (symbol.st_value < code.address || symbol.st_value - code.address > code.bytes.size() ||
          symbol.st_size > code.bytes.size() - (symbol.st_value - code.address))
        return damaged("has a function outside its code");
      if (symbol.st_name >= names.size())
        return damaged("has a symbol table without names");
      auto name = names.subspan(symbol.st_name);
      auto end = std::find(name.begin(), name.end(), 0);
      code.symbols.push_back({std::string(name.begin(), end), symbol.st_value, symbol.st_size});
    }
  }
  std::sort(code.symbols.begin(), code.symbols.end(), [](const CodeSymbol &a, const CodeSymbol &b) {
    return a.address != b.address ? a.address < b.address : a.name < b.name;
  });
  return success();
}

} // namespace

Result<CoreCode> readCoreCode(const pkg::KernelObjectT &object) {
  Reader reader(object.image);
  Elf64_Ehdr header;
  if (!reader.read(header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_EXEC ||
      header.e_machine != EM_RISCV || header.e_phentsize != sizeof(Elf64_Phdr) ||
      (header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr)))
    return damaged("is no static RISC-V executable");
  CoreCode code;
  bool found = false;
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!reader.read(segment, header.e_phoff, i))
      return damaged("is truncated");
    if (segment.p_type != PT_LOAD)
      continue;
    if (std::exchange(found, true) || segment.p_memsz != segment.p_filesz || (segment.p_flags & PF_W))
      return damaged("is not one segment of code and constants");
    code.address = segment.p_vaddr;
    code.bytes = reader.part(segment.p_offset, segment.p_filesz);
    if (code.bytes.size() != segment.p_filesz)
      return damaged("is truncated");
  }
  if (auto read = readSymbols(reader, header, code); !read)
    return read.takeError();
  return code;
}

std::vector<KernelSize> kernelSizes(const CoreCode &code) {
  constexpr std::string_view suffix = ".body";
  std::map<std::string, uint64_t> sizes;
  for (const CodeSymbol &symbol : code.symbols) {
    std::string name =
        symbol.name.ends_with(suffix) ? symbol.name.substr(0, symbol.name.size() - suffix.size()) : symbol.name;
    sizes[name] += symbol.bytes;
  }
  std::vector<KernelSize> result;
  for (const auto &[name, bytes] : sizes)
    result.push_back({name, bytes});
  return result;
}

} // namespace weft::runtime
