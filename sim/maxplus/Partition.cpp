#include "sim/maxplus/Partition.h"

#include <algorithm>
#include <map>

namespace weft::sim::maxplus {
namespace {

using Bits = std::vector<uint64_t>;

void put(Bits &bits, size_t at, bool value) {
  const uint64_t bit = uint64_t{1} << (at % 64);
  bits[at / 64] = value ? bits[at / 64] | bit : bits[at / 64] & ~bit;
}

} // namespace

std::vector<Group> partition(const runtime::Package &package, const std::vector<uint32_t> &classes) {
  const uint32_t width = package.mesh_width;
  const size_t words = (classes.size() + 63) / 64;
  std::vector<Bits> columns(width, Bits(words, 0));
  for (size_t k = 0; k < classes.size(); ++k)
    for (uint32_t x = 0; x < width; ++x)
      put(columns[x], k, package.classes[classes[k]]->xs[x]);
  // Columns of the same classes come together in a row, so that few sets are looked up.
  std::map<Bits, uint32_t> known;
  std::vector<Group> groups;
  std::vector<Bits> row(width, Bits(words));
  for (uint32_t y = 0; y < package.mesh_height; ++y) {
    Bits here(words, 0);
    for (size_t k = 0; k < classes.size(); ++k)
      put(here, k, package.classes[classes[k]]->ys[y]);
    for (uint32_t x = 0; x < width; ++x)
      for (size_t i = 0; i < words; ++i)
        row[x][i] = columns[x][i] & here[i];
    for (size_t k = 0; k < classes.size(); ++k) {
      const pkg::ClassT &each = *package.classes[classes[k]];
      if (each.point_x.empty() || !each.ys[y])
        continue;
      const int32_t point = each.point_x[y];
      for (uint32_t x = 0; x < width; ++x)
        if ((static_cast<int32_t>(x) == point) == each.point_negated)
          put(row[x], k, false);
    }
    for (uint32_t begin = 0, end = 0; begin < width; begin = end) {
      for (end = begin + 1; end < width && row[end] == row[begin];)
        ++end;
      if (std::all_of(row[begin].begin(), row[begin].end(), [](uint64_t bits) { return !bits; }))
        continue;
      auto [entry, isNew] = known.try_emplace(row[begin], static_cast<uint32_t>(groups.size()));
      if (isNew) {
        Group &group = groups.emplace_back();
        for (size_t k = 0; k < classes.size(); ++k)
          group.member.push_back(row[begin][k / 64] >> (k % 64) & 1);
      }
      groups[entry->second].cores.add(Stretch{y, begin, end});
    }
  }
  return groups;
}

} // namespace weft::sim::maxplus
