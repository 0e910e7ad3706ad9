// Inner loops of a phase that is evaluated on many lines at once: a row has one number for each line.
#pragma once

#include "sim/iss/VectorTarget.h"

#include <cstddef>
#include <cstdint>

namespace weft::iss {

/// to[i] = from[i] + add; `to` may be `from`.
WEFT_DECLARE_FOR_VECTOR_TARGETS(void setRow(int32_t *to, const int32_t *from, int32_t add, size_t length);)
/// to[i] = max(to[i], from[i] + add)
WEFT_DECLARE_FOR_VECTOR_TARGETS(void raiseRow(int32_t *to, const int32_t *from, int32_t add, size_t length);)
/// Whether a[i] > b[i] + add for some i.
WEFT_DECLARE_FOR_VECTOR_TARGETS(bool anyBeyond(const int32_t *a, const int32_t *b, int32_t add, size_t length);)
WEFT_DECLARE_FOR_VECTOR_TARGETS(int64_t sumRow(const int32_t *row, size_t length);)
WEFT_DECLARE_FOR_VECTOR_TARGETS(int32_t maxRow(const int32_t *row, size_t length);)

/// From the cycles `first` + `firstAdd` to the cycles `last` + `lastAdd`, of each line.
struct RowSpan {
  const int32_t *first, *last;
  int32_t firstAdd, lastAdd;
};
/// Whether the spans have a cycle in common on some line.
WEFT_DECLARE_FOR_VECTOR_TARGETS(bool anyMeet(const RowSpan &a, const RowSpan &b, size_t length);)

} // namespace weft::iss
