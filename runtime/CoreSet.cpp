#include "runtime/CoreSet.h"
#include "runtime/Table.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace weft::runtime {
namespace {

struct Run {
  uint64_t first = 0, last = 0;
};

/// "row 3", "rows 0-3", or nothing for all `extent` of them.
std::string runName(const char *what, Run run, uint64_t extent) {
  if (run.first == 0 && run.last + 1 == extent)
    return "";
  if (run.first == run.last)
    return fmt::format("{} {}", what, run.first);
  return fmt::format("{}s {}-{}", what, run.first, run.last);
}

} // namespace

CoreSet CoreSet::all(const Package &package) {
  CoreSet set(package.mesh_width, package.mesh_height);
  for (uint64_t y = 0; y < package.mesh_height; ++y)
    for (uint64_t x = 0; x < package.mesh_width; ++x)
      set.insert(x, y);
  return set;
}

CoreSet CoreSet::of(const Package &package, const pkg::ClassT &cls) {
  CoreSet set(package.mesh_width, package.mesh_height);
  for (uint64_t y = 0; y < package.mesh_height; ++y)
    for (uint64_t x = 0; cls.ys[y] && x < package.mesh_width; ++x)
      if (cls.xs[x] && (cls.point_x.empty() || (cls.point_x[y] == int64_t(x)) != cls.point_negated))
        set.insert(x, y);
  return set;
}

void CoreSet::insert(uint64_t x, uint64_t y) {
  const uint64_t core = y * meshWidth + x;
  words[core / 64] |= uint64_t(1) << (core % 64);
}

bool CoreSet::contains(uint64_t x, uint64_t y) const {
  const uint64_t core = y * meshWidth + x;
  return (words[core / 64] >> (core % 64)) & 1;
}

uint64_t CoreSet::size() const {
  uint64_t cores = 0;
  for (uint64_t word : words)
    cores += uint64_t(std::popcount(word));
  return cores;
}

CoreSet CoreSet::operator|(const CoreSet &other) const {
  CoreSet set = *this;
  for (size_t i = 0; i < words.size(); ++i)
    set.words[i] |= other.words[i];
  return set;
}

CoreSet CoreSet::operator&(const CoreSet &other) const {
  CoreSet set = *this;
  for (size_t i = 0; i < words.size(); ++i)
    set.words[i] &= other.words[i];
  return set;
}

CoreSet CoreSet::operator-(const CoreSet &other) const {
  CoreSet set = *this;
  for (size_t i = 0; i < words.size(); ++i)
    set.words[i] &= ~other.words[i];
  return set;
}

std::string CoreSet::shape(uint32_t height) const {
  const uint64_t cores = size();
  if (cores == 0)
    return "none";
  Run columns{meshWidth - uint64_t(1), 0}, rows{height - uint64_t(1), 0};
  uint64_t diagonal = 0;
  for (uint64_t y = 0; y < height; ++y)
    for (uint64_t x = 0; x < meshWidth; ++x) {
      if (!contains(x, y))
        continue;
      columns = {std::min(columns.first, x), std::max(columns.last, x)};
      rows = {std::min(rows.first, y), std::max(rows.last, y)};
      diagonal += x == y;
    }
  if (cores == (columns.last - columns.first + 1) * (rows.last - rows.first + 1)) {
    if (cores == uint64_t(meshWidth) * height)
      return "all";
    if (cores == 1)
      return fmt::format("core {},{}", columns.first, rows.first);
    const std::string inRows = runName("row", rows, height), inColumns = runName("column", columns, meshWidth);
    return inRows + (inRows.empty() || inColumns.empty() ? "" : ", ") + inColumns;
  }
  return diagonal == cores && cores == std::min<uint64_t>(meshWidth, height) ? "diagonal" : "";
}

std::string CoreSet::name(uint32_t height) const {
  if (std::string shaped = shape(height); !shaped.empty())
    return shaped;
  CoreSet others(meshWidth, height);
  for (uint64_t y = 0; y < height; ++y)
    for (uint64_t x = 0; x < meshWidth; ++x)
      if (!contains(x, y))
        others.insert(x, y);
  if (std::string shaped = others.shape(height); !shaped.empty())
    return "all but " + shaped;
  return grouped(size()) + " cores";
}

} // namespace weft::runtime
