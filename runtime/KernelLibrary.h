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
  /// Keeps the file open as long as the library is loaded: the loader knows libraries by their path, and a second one
  /// under the same descriptor would be taken for the first.
  struct Closer {
    int descriptor;
    void operator()(void *handle) const;
  };
  std::unique_ptr<void, Closer> handle;
  std::vector<KernelFunction> functions;
};

} // namespace weft::runtime
