// Compiled once for each vector target, so it includes no header with inline functions of its own.
#include "sim/maxplus/LineRows.h"

namespace weft::iss::WEFT_VECTOR_TARGET {

void setRow(int32_t *to, const int32_t *from, int32_t add, size_t length) {
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < length; ++i)
    to[i] = from[i] + add;
}

void raiseRow(int32_t *to, const int32_t *from, int32_t add, size_t length) {
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < length; ++i) {
    const int32_t value = from[i] + add;
    to[i] = value > to[i] ? value : to[i];
  }
}

bool anyBeyond(const int32_t *a, const int32_t *b, int32_t add, size_t length) {
  int32_t found = 0;
  for (size_t i = 0; i < length; ++i)
    found |= a[i] - b[i] > add;
  return found != 0;
}

int64_t sumRow(const int32_t *row, size_t length) {
  int64_t sum = 0;
  for (size_t i = 0; i < length; ++i)
    sum += row[i];
  return sum;
}

int32_t maxRow(const int32_t *row, size_t length) {
  int32_t most = 0;
  for (size_t i = 0; i < length; ++i)
    most = row[i] > most ? row[i] : most;
  return most;
}

bool anyMeet(const RowSpan &a, const RowSpan &b, size_t length) {
  int32_t found = 0;
  for (size_t i = 0; i < length; ++i)
    found |= (a.first[i] + a.firstAdd <= b.last[i] + b.lastAdd) & (b.first[i] + b.firstAdd <= a.last[i] + a.lastAdd);
  return found != 0;
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
