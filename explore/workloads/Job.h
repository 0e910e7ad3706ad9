// A point as something to run: which program, how often, and whether it fits.
#pragma once

#include "compiler/algorithms/Request.h"
#include "explore/analytic/Forms.h"
#include "explore/workloads/Models.h"

#include <optional>

namespace weft::explore {

struct Job {
  algorithms::Request request;
  double layers = 1;      // times that the program runs
  double tokens = 0;      // that come of it; 0: a kernel
  int64_t batch = 1;      // of decode: sequences at once
  uint64_t meshes = 1;    // rectangles of the request's size that the layers lie on
  uint64_t sramBytes = 0; // of a core's SRAM
  TreeShape tree;

  bool isModel() const { return tokens > 0; }
};

/// Why not, as Outcome has it.
struct Refusal {
  std::string kind, reason;
};

struct Prepared {
  Job job;
  std::optional<Refusal> refusal; // `job` is then as far as it came
};

std::optional<algorithms::Kind> kindNamed(std::string_view name);

/// Errors: a model that cannot be read.
Result<Prepared> prepare(const Point &point, const Models &models);

} // namespace weft::explore
