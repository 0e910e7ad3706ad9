// What the kernels of a package cost on its cores: each kernel's machine code runs once for each number of rows, under
// the core's timing model, in the canonical call that docs/program-model.md defines. Results are kept on disk.
#pragma once

#include "runtime/package/KernelCosts.h"
#include "runtime/package/PackageFile.h"
#include "sim/costs/CostStore.h"
#include "sim/iss/KernelMachine.h"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace weft::sim {

/// The package's object of RISC-V machine code; null if it has none.
const pkg::KernelObjectT *findRiscvObject(const runtime::Package &package);

/// A machine that runs the package's RISC-V kernels, which findRiscvObject() has found.
Result<iss::KernelMachine> makeKernelMachine(const runtime::Package &package, const hw::Hardware &hardware);

struct MeasuredCostsOptions {
  std::string storePath; // of the costs on disk; empty: kept in memory alone
  /// Hears of a store that cannot be used, once. Costs are then measured.
  std::function<void(const std::string &message)> warn;
};

class MeasuredCosts {
public:
  struct Counts {
    uint64_t measured = 0, fromStore = 0; // calls: a kernel with a number of rows
    double seconds = 0;                   // of measuring
  };

  /// `package` and its RISC-V object must outlive it. Error: the package's hardware has no timing model.
  static Result<MeasuredCosts> create(const runtime::Package &package, const hw::Hardware &hardware,
                                      MeasuredCostsOptions options);

  /// Of package.kernels[kernel] with `rows` rows; of a kernel without rows, `rows` is 1. Errors: a kernel without a
  /// probe, or one that fails.
  Result<KernelCost> cost(uint32_t kernel, int64_t rows);
  const Counts &counts() const { return counted; }
  /// Empty if costs are not kept on disk.
  const std::string &storePath() const { return options.storePath; }

private:
  struct Bench; // the machine, its SRAM and the timing model: only made if something has to be measured
  struct FreeBench {
    void operator()(Bench *bench) const;
  };

  MeasuredCosts(const runtime::Package &package, const hw::Hardware &hardware, MeasuredCostsOptions options);
  Result<KernelCost> measure(uint32_t kernel, int64_t rows);
  void giveUpStore(const Error &why);

  const runtime::Package *package;
  hw::Hardware hardware;
  MeasuredCostsOptions options;
  CostKey key; // what all kernels share
  std::optional<CostStore> store;
  std::vector<std::unordered_map<int64_t, KernelCost>> known; // by kernel and rows
  std::unique_ptr<Bench, FreeBench> bench;
  Counts counted;
};

/// The largest number of rows that a call of each kernel asks for in a launch with a full cache, 1 for kernels without
/// rows or calls.
std::vector<int64_t> fullRows(const runtime::Package &package);

/// Of every kernel of `package` with fullRows(). Errors as of MeasuredCosts.
Result<runtime::KernelCosts> measureAll(const runtime::Package &package, const hw::Hardware &hardware,
                                        MeasuredCostsOptions options);

} // namespace weft::sim
