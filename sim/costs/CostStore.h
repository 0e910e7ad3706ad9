// Measured costs of kernels on disk, so that nothing is measured twice. SQLite; several processes may use one file.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/support/Sqlite.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace weft::sim {

/// What a measurement depends on, and nothing else.
struct CostKey {
  std::string object; // digest of the ELF file
  std::string kernel;
  std::string call; // rows, and everything else that the kernel is given
  std::string core; // digest of what the timing model reads, and its version
};

struct KernelCost {
  uint64_t cycles = 0, instructions = 0;
  bool operator==(const KernelCost &) const = default;
};

class CostStore {
public:
  /// Creates the file and its folders if need be. Errors: the file cannot be opened, is no database, or one of
  /// another kind.
  static Result<CostStore> open(const std::string &path);

  /// Errors: the file is damaged or cannot be read.
  Result<std::optional<KernelCost>> find(const CostKey &key);
  /// Keeps what is there already. Errors: the file is damaged or cannot be written.
  Result<void> put(const CostKey &key, const KernelCost &cost);

private:
  Result<void> prepare();
  Error failure(const char *what) const;
  bool run(const char *sql);

  std::string path;
  runtime::SqliteDatabase database;
  runtime::SqliteStatement findStatement, putStatement; // after the database: closed before it
};

/// $XDG_CACHE_HOME/weft/kernel-costs.db, or ~/.cache/weft/kernel-costs.db; empty if the environment has neither.
std::string defaultCostStorePath();

} // namespace weft::sim
