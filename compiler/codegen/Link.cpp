#include "compiler/codegen/Link.h"

#include "lld/Common/Driver.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace weft::codegen {
namespace {

/// A directory of our own that goes away with its contents.
class ScratchDirectory {
public:
  ScratchDirectory() {
    std::error_code problem;
    std::string name = (std::filesystem::temp_directory_path(problem) / "weft-kernels-XXXXXX").string();
    if (!problem && mkdtemp(name.data()))
      path = name;
  }
  ScratchDirectory(const ScratchDirectory &) = delete;
  ScratchDirectory &operator=(const ScratchDirectory &) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path; // empty if it could not be made
};

Result<void> write(const std::string &path, const char *data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(data, static_cast<std::streamsize>(size));
  file.close();
  if (!file)
    return userError("kernels: cannot write '" + path + "'; check the space there");
  return {};
}

/// Runs the linker on `object`; `script` is a linker script or empty.
Result<std::vector<uint8_t>> link(const std::vector<uint8_t> &object, std::vector<std::string> arguments,
                                  const std::string &script) {
  ScratchDirectory scratch;
  if (scratch.path.empty())
    return userError("kernels: cannot create a temporary directory for the linker; check TMPDIR and the space there");
  std::string input = scratch.path / "kernels.o", output = scratch.path / "kernels.elf";
  if (auto done = write(input, reinterpret_cast<const char *>(object.data()), object.size()); !done)
    return done.takeError();
  if (!script.empty()) {
    std::string path = scratch.path / "kernels.ld";
    if (auto done = write(path, script.data(), script.size()); !done)
      return done.takeError();
    arguments.insert(arguments.end(), {"-T", path});
  }
  arguments.insert(arguments.end(), {"--build-id=none", "--threads=1", "-z", "noexecstack", "-o", output, input});
  std::vector<const char *> words = {"ld.lld"};
  for (const std::string &argument : arguments)
    words.push_back(argument.c_str());

  std::string messages;
  llvm::raw_string_ostream stream(messages);
  static std::mutex linker; // lld keeps global state
  {
    std::lock_guard<std::mutex> lock(linker);
    lld::Result linked = lld::lldMain(words, stream, stream, {{lld::Gnu, &lld::elf::link}});
    if (linked.retCode != 0)
      return internalError("kernels: the linker failed: " + stream.str());
  }
  std::ifstream image(output, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(image), std::istreambuf_iterator<char>()};
  if (bytes.empty())
    return userError("kernels: the linker left no output in '" + scratch.path.string() + "'; check the space there");
  return bytes;
}

} // namespace

Result<std::vector<uint8_t>> linkShared(const std::vector<uint8_t> &object) {
  return link(object,
              {"-shared", "--strip-all", "-z", "defs", "-z", "noseparate-code", "-z", "norelro", "--hash-style=gnu",
               "-soname", "weft-kernels.so"},
              "");
}

Result<std::vector<uint8_t>> linkStatic(const std::vector<uint8_t> &object, uint64_t address) {
  // The constants come after the code: what runs together lies together.
  std::string script = fmt::format(R"(
PHDRS {{ text PT_LOAD FLAGS(5); }}
SECTIONS {{
  . = {:#x};
  .text : {{ *(.text .text.*) *(.rodata .rodata.* .srodata .srodata.*) }} :text
  .data : {{ *(.data .data.* .sdata .sdata.* .bss .bss.* .sbss .sbss.* COMMON) }} :text
  ASSERT(SIZEOF(.data) == 0, "kernels have no writable data")
  /DISCARD/ : {{ *(.comment) *(.eh_frame) *(.note.*) *(.riscv.attributes) }}
}}
)",
                                   address);
  return link(object,
              {"-static", "-m", "elf64lriscv", "--discard-locals", "-z", "max-page-size=16", "-e",
               fmt::format("{:#x}", address)},
              script);
}

} // namespace weft::codegen
