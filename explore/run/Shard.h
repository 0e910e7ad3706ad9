// Which part of a space this process has: of the command line, of a job array, of mpirun.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace weft::explore {

struct Shard {
  enum class Origin { None, Option, JobArray, Mpi } origin = Origin::None;
  uint64_t index = 0, count = 1; // from 0

  /// "3 of 64", as people count.
  std::string text() const;
  /// "a/results.db" -> "a/results.shard-3-of-64.db"
  std::string pathOf(const std::string &results) const;
};

/// "3/64". A usage error otherwise.
Result<Shard> parseShard(const std::string &text);

/// Of mpirun's OMPI_COMM_WORLD_RANK and _SIZE (or PMI_RANK and PMI_SIZE), or of a job array's SLURM_ARRAY_TASK_ID,
/// _MIN, _STEP and _COUNT, where there is more than one. No MPI library is called: the processes need nothing of each
/// other.
Result<Shard> shardOf(const std::function<const char *(const char *)> &environment);

} // namespace weft::explore
