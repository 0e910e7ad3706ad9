// The inner loop of steps that all cores take together: a row of max-plus sums.
#pragma once

#include "sim/iss/VectorTarget.h"

#include <cstddef>
#include <cstdint>

namespace weft::iss {

/// What cores wait for, each for another one: `from[x]` + `adds[x]`, or + `add` where `adds` is null; all for the same
/// one: `add` + `adds[x]`, with `from` null.
struct RowTerm {
  const int32_t *from;
  const int32_t *adds;
  int32_t add;
};

/// One row of a step: to[x] = max(own[x] + self, terms). False if for some limit `own[x]` is more than what it says.
struct RowStep {
  int32_t *to;
  const int32_t *own;
  int32_t self;
  const RowTerm *terms, *limits;
  size_t termCount, limitCount;
  size_t length;
};

WEFT_DECLARE_FOR_VECTOR_TARGETS(bool stepRow(const RowStep &row);)

/// What comes last: to[x] = max(to[x], own[x] + wait). The sum of what transfers' ends, at to[x], reach into the cycles
/// from own[x] + begin to own[x] + wait; all count `after` cycles more.
struct RowEnd {
  int32_t *to;
  const int32_t *own;
  int32_t begin, wait, after;
  size_t length;
};

WEFT_DECLARE_FOR_VECTOR_TARGETS(int64_t endRow(const RowEnd &row);)

} // namespace weft::iss
