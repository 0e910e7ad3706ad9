// Compiled once for each vector target, so it includes no header with inline functions of its own.
#include "sim/maxplus/LockstepRow.h"

namespace weft::iss::WEFT_VECTOR_TARGET {

namespace {

constexpr size_t block = 512; // elements, so that what passes share stays in the nearest cache

void raise(int32_t *to, const int32_t *from, const int32_t *adds, int32_t add, size_t n) {
  if (!from) {
    WEFT_INDEPENDENT_ELEMENTS
    for (size_t x = 0; x < n; ++x) {
      const int32_t value = add + adds[x];
      to[x] = value > to[x] ? value : to[x];
    }
    return;
  }
  if (adds) {
    WEFT_INDEPENDENT_ELEMENTS
    for (size_t x = 0; x < n; ++x) {
      const int32_t value = from[x] + adds[x];
      to[x] = value > to[x] ? value : to[x];
    }
    return;
  }
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t x = 0; x < n; ++x) {
    const int32_t value = from[x] + add;
    to[x] = value > to[x] ? value : to[x];
  }
}

int32_t beyond(const int32_t *own, const int32_t *from, const int32_t *adds, int32_t add, size_t n) {
  int32_t found = 0;
  if (!from) {
    for (size_t x = 0; x < n; ++x)
      found |= own[x] - add > adds[x];
    return found;
  }
  if (adds) {
    for (size_t x = 0; x < n; ++x)
      found |= own[x] - from[x] > adds[x];
    return found;
  }
  for (size_t x = 0; x < n; ++x)
    found |= own[x] - from[x] > add;
  return found;
}

const int32_t *fromOf(const RowTerm &term, size_t begin) { return term.from ? term.from + begin : nullptr; }

} // namespace

bool stepRow(const RowStep &row) {
  int32_t found = 0;
  for (size_t begin = 0; begin < row.length; begin += block) {
    const size_t n = row.length - begin < block ? row.length - begin : block;
    int32_t *to = row.to + begin;
    const int32_t *own = row.own + begin;
    const int32_t self = row.self;
    WEFT_INDEPENDENT_ELEMENTS
    for (size_t x = 0; x < n; ++x)
      to[x] = own[x] + self;
    for (size_t i = 0; i < row.termCount; ++i)
      raise(to, fromOf(row.terms[i], begin), row.terms[i].adds ? row.terms[i].adds + begin : nullptr, row.terms[i].add,
            n);
    for (size_t i = 0; i < row.limitCount; ++i)
      found |= beyond(own, fromOf(row.limits[i], begin), row.limits[i].adds ? row.limits[i].adds + begin : nullptr,
                      row.limits[i].add, n);
  }
  return !found;
}

int64_t endRow(const RowEnd &row) {
  int64_t sum = 0;
  int32_t *to = row.to;
  const int32_t *own = row.own;
  const int32_t begin = row.begin + row.after, wait = row.wait + row.after;
  for (size_t x = 0; x < row.length; ++x) {
    const int32_t last = to[x] - own[x];
    const int32_t within = (last < wait ? last : wait) - begin;
    sum += within > 0 ? within : 0;
    to[x] = last > wait ? to[x] : own[x] + wait;
  }
  return sum;
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
