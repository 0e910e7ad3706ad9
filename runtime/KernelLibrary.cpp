#include "runtime/KernelLibrary.h"

#include "runtime/package/CoreCode.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fstream>
#include <map>
#include <sstream>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <utility>

namespace weft::runtime {
namespace {

/// LLVM's names that differ from those of /proc/cpuinfo by more than '-' and '.' for '_'.
const std::map<std::string, std::string> &cpuinfoNames() {
  static const std::map<std::string, std::string> names = {
      {"64bit", "lm"},
      {"amx-bf16", "amx_bf16"},
      {"avx512bf16", "avx512_bf16"},
      {"avx512bitalg", "avx512_bitalg"},
      {"avx512fp16", "avx512_fp16"},
      {"avx512vbmi2", "avx512_vbmi2"},
      {"avx512vnni", "avx512_vnni"},
      {"avx512vp2intersect", "avx512_vp2intersect"},
      {"avx512vpopcntdq", "avx512_vpopcntdq"},
      {"avxvnni", "avx_vnni"},
      {"bmi", "bmi1"},
      {"crc32", "sse4_2"},
      {"dotprod", "asimddp"},
      {"fp-armv8", "fp"},
      {"fullfp16", "asimdhp"},
      {"lse", "atomics"},
      {"lzcnt", "abm"},
      {"neon", "asimd"},
      {"pclmul", "pclmulqdq"},
      {"prfchw", "3dnowprefetch"},
      {"rdrnd", "rdrand"},
      {"sahf", "lahf_lm"},
      {"sha", "sha_ni"},
      {"sse3", "pni"},
      {"x87", "fpu"},
  };
  return names;
}

#if defined(__x86_64__)
constexpr uint16_t hostMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t hostMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr uint16_t hostMachine = EM_RISCV;
#else
constexpr uint16_t hostMachine = EM_NONE;
#endif

/// The parts of the ELF header whose absence the dynamic loader answers with a crash or a riddle.
Result<void> checkImage(const std::vector<uint8_t> &image) {
  Elf64_Ehdr header;
  if (image.size() < sizeof header)
    return userError("the kernel object is not an ELF file; compile the model again");
  std::memcpy(&header, image.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_type != ET_DYN || header.e_machine != hostMachine || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phoff > image.size() || header.e_phnum > (image.size() - header.e_phoff) / sizeof(Elf64_Phdr))
    return userError("the kernel object is not a shared ELF object for this machine; compile the model again");
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, image.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_offset > image.size() || segment.p_filesz > image.size() - segment.p_offset)
      return userError("the kernel object is truncated; compile the model again");
  }
  return success();
}

/// A file in memory that the dynamic loader can open.
class MemoryFile {
public:
  MemoryFile() : descriptor(::memfd_create("weft-kernels", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  bool fill(std::span<const uint8_t> bytes) {
    while (descriptor >= 0 && !bytes.empty()) {
      ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR)
        return false;
      bytes = bytes.subspan(written > 0 ? size_t(written) : 0);
    }
    return descriptor >= 0;
  }
  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor); }
  /// The descriptor, from now on the caller's to close.
  int release() { return std::exchange(descriptor, -1); }

private:
  int descriptor;
};

std::string architectureOf(const std::string &triple) { return triple.substr(0, triple.find('-')); }

} // namespace

HostProcessor HostProcessor::detect() {
  HostProcessor host;
  struct utsname system{};
  if (::uname(&system) == 0)
    host.architecture = system.machine;
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features"))
      continue;
    std::istringstream words(line.substr(std::min(line.find(':'), line.size() - 1) + 1));
    for (std::string word; words >> word;)
      host.features.insert(word);
    break; // Weft does not tell big cores from little ones
  }
  return host;
}

bool HostProcessor::has(const std::string &name) const {
  if (auto special = cpuinfoNames().find(name); special != cpuinfoNames().end())
    return features.contains(special->second);
  std::string flag = name;
  std::replace_if(flag.begin(), flag.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return features.contains(flag);
}

Result<void> checkHost(const pkg::KernelObjectT &object, const HostProcessor &host) {
  if (architectureOf(object.triple) != host.architecture)
    return userError(fmt::format("the package's kernels are for {}, this machine is {}; compile the model on this "
                                 "machine",
                                 object.triple, host.architecture));
  std::vector<std::string> missing;
  for (const std::string &entry : object.features) {
    if (entry.starts_with('-')) // "not used", in LLVM's lists
      continue;
    std::string name = entry.substr(entry.starts_with('+') ? 1 : 0);
    if (!name.empty() && !host.has(name))
      missing.push_back(std::move(name));
  }
  if (!missing.empty())
    return userError(fmt::format("the package's kernels need {}, which this machine's processor lacks (they were "
                                 "compiled for {}); compile the model on this machine, or run with --timing-only",
                                 fmt::join(missing, ", "), object.cpu.empty() ? "another one" : object.cpu));
  return success();
}

void KernelLibrary::Closer::operator()(void *handle) const {
  ::dlclose(handle);
  ::close(descriptor);
}

Result<KernelLibrary> KernelLibrary::load(const Package &package, const HostProcessor &host) {
  KernelLibrary library;
  if (package.kernels.empty())
    return library;
  if (package.objects.empty())
    return userError("the package has no compiled kernels; run with --timing-only or compile the model again");
  auto chosen = std::find_if(package.objects.begin(), package.objects.end(), [&](const auto &object) {
    return architectureOf(object->triple) == host.architecture && !isForCore(*object);
  });
  const pkg::KernelObjectT &object = chosen == package.objects.end() ? *package.objects.front() : **chosen;
  if (Result<void> runs = checkHost(object, host); !runs)
    return runs.takeError();
  if (Result<void> image = checkImage(object.image); !image)
    return image.takeError();
  MemoryFile file;
  if (!file.fill(object.image))
    return userError(fmt::format("cannot hold the kernels in memory: {}", std::strerror(errno)));
  void *handle = ::dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return internalError(fmt::format("cannot load the kernels: {}", ::dlerror()));
  library.handle = std::unique_ptr<void, Closer>(handle, Closer(file.release()));
  for (const auto &kernel : package.kernels) {
    void *symbol = ::dlsym(library.handle.get(), kernel->name.c_str());
    if (!symbol)
      return internalError(fmt::format("kernel {} is not in the package's object", kernel->name));
    library.functions.push_back(reinterpret_cast<KernelFunction>(symbol));
  }
  return library;
}

} // namespace weft::runtime
