// The kernels of a package, ready to be called on this machine.
#pragma once

#include "runtime/package/PackageFile.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace weft::runtime {

/// The ABI of a kernel: addresses of its operands and the values of its scalars.
using KernelFunction = void (*)(void *const *operands, const int64_t *scalars);

/// What this machine's processor is and can do, in LLVM's words.
struct HostProcessor {
  std::string architecture;       // first part of a target triple: x86_64, aarch64, riscv64
  std::set<std::string> features; // as the kernel of the operating system reports them (/proc/cpuinfo)

  static HostProcessor detect();
  /// Whether the feature that LLVM calls `name` ("avx2", "avx512vnni", …) is there.
  bool has(const std::string &name) const;
};

/// An error that names what `host` lacks to run `object`.
Result<void> checkHost(const pkg::KernelObjectT &object, const HostProcessor &host);

/// The package's object for this machine, loaded. Functions are valid as long as the library lives.
class KernelLibrary {
public:
  /// Takes the first object of the package for this machine's architecture; checks its CPU features before anything of
  /// it runs. A package without kernels gives an empty library.
  static Result<KernelLibrary> load(const Package &package, const HostProcessor &host = HostProcessor::detect());

  /// `package.kernels[index]`.
  KernelFunction kernel(uint32_t index) const { return functions[index]; }
  size_t size() const { return functions.size(); }

private:
  /// The loader knows a library by its path, which names the file's descriptor: that stays taken as long as the library
  /// is loaded, or the next one would get the same path and be taken for this one.
  struct Closer {
    Closer() : descriptor(-1) {}
    explicit Closer(int descriptor) : descriptor(descriptor) {}
    int descriptor;
    void operator()(void *handle) const;
  };
  std::unique_ptr<void, Closer> handle;
  std::vector<KernelFunction> functions;
};

} // namespace weft::runtime
