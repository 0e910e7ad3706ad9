// The loops of LineRows.h as this host runs them best, and for a single line without a call.
#pragma once

#include "sim/maxplus/LineRows.h"

namespace weft::iss {

inline void set(int32_t *to, const int32_t *from, int32_t add, size_t length) {
  if (length == 1)
    *to = *from + add;
  else
    WEFT_FOR_VECTOR_TARGET(setRow)(to, from, add, length);
}

inline void raise(int32_t *to, const int32_t *from, int32_t add, size_t length) {
  if (length == 1)
    *to = *from + add > *to ? *from + add : *to;
  else
    WEFT_FOR_VECTOR_TARGET(raiseRow)(to, from, add, length);
}

inline bool beyond(const int32_t *a, const int32_t *b, int32_t add, size_t length) {
  return length == 1 ? *a - *b > add : WEFT_FOR_VECTOR_TARGET(anyBeyond)(a, b, add, length);
}

inline int64_t sum(const int32_t *row, size_t length) {
  return length == 1 ? *row : WEFT_FOR_VECTOR_TARGET(sumRow)(row, length);
}

inline int32_t most(const int32_t *row, size_t length) {
  return length == 1 ? *row : WEFT_FOR_VECTOR_TARGET(maxRow)(row, length);
}

} // namespace weft::iss
