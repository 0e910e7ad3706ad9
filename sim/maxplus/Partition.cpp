#include "sim/maxplus/Partition.h"

#include <algorithm>
#include <map>

namespace weft::sim::maxplus {
namespace {

using Bits = std::vector<uint64_t>;

void put(Bits &bits, size_t at) { bits[at / 64] |= uint64_t{1} << (at % 64); }

/// The classes of one list, by the rows and columns that they take.
class Classes {
public:
  Classes(const runtime::Package &package, const std::vector<uint32_t> &list)
      : width(package.mesh_width), words((list.size() + 63) / 64) {
    columns.assign(width, Bits(words));
    for (uint32_t id : list) {
      const pkg::ClassT &each = *package.classes[id];
      for (uint32_t x = 0; x < width; ++x)
        if (each.xs[x])
          put(columns[x], all.size());
      if (!each.point_x.empty())
        points.push_back(all.size());
      all.push_back(&each);
    }
    for (uint32_t x = 1; x < width; ++x)
      if (columns[x] != columns[x - 1])
        cuts.push_back(x);
    cuts.push_back(width);
  }

  size_t size() const { return all.size(); }

  Bits inRow(uint32_t y) const {
    Bits bits(words);
    for (size_t k = 0; k < all.size(); ++k)
      if (all[k]->ys[y])
        put(bits, k);
    return bits;
  }

  /// Whether a class of row `y` depends on more than its columns.
  bool tied(uint32_t y) const {
    return std::any_of(points.begin(), points.end(), [&](size_t k) { return all[k]->ys[y]; });
  }

  /// Ends of runs of cores of row `y` that are in the same classes, the last one the mesh's width.
  std::vector<uint32_t> runs(uint32_t y) const {
    std::vector<uint32_t> ends = cuts;
    for (size_t k : points)
      if (const int32_t x = all[k]->point_x[y]; all[k]->ys[y] && x >= 0)
        for (uint32_t end : {static_cast<uint32_t>(x), static_cast<uint32_t>(x) + 1})
          if (end > 0 && end < width)
            ends.push_back(end);
    std::sort(ends.begin(), ends.end());
    ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
    return ends;
  }

  /// Classes of core (x, y), where row `y` is in those of `here`.
  Bits at(uint32_t x, uint32_t y, const Bits &here) const {
    Bits bits = columns[x];
    for (size_t i = 0; i < words; ++i)
      bits[i] &= here[i];
    for (size_t k : points)
      if ((static_cast<int32_t>(x) == all[k]->point_x[y]) == all[k]->point_negated)
        bits[k / 64] &= ~(uint64_t{1} << (k % 64));
    return bits;
  }

private:
  uint32_t width;
  size_t words;
  std::vector<const pkg::ClassT *> all;
  std::vector<size_t> points; // of `all`: those that tie x to y
  std::vector<Bits> columns;
  std::vector<uint32_t> cuts; // ends of runs of columns in the same classes
};

} // namespace

std::vector<Group> partition(const runtime::Package &package, const std::vector<uint32_t> &list) {
  const Classes classes(package, list);
  struct Run {
    uint32_t begin, end, group;
  };
  std::map<Bits, uint32_t> known;
  std::map<Bits, std::vector<Run>> rows; // that depend on their classes alone
  std::vector<Group> groups;
  auto groupOf = [&](const Bits &bits) {
    auto [entry, isNew] = known.try_emplace(bits, static_cast<uint32_t>(groups.size()));
    if (isNew) {
      Group &group = groups.emplace_back();
      for (size_t k = 0; k < classes.size(); ++k)
        group.member.push_back(bits[k / 64] >> (k % 64) & 1);
    }
    return entry->second;
  };
  auto runsOf = [&](uint32_t y, const Bits &here) {
    std::vector<Run> runs;
    uint32_t begin = 0;
    for (uint32_t end : classes.runs(y)) {
      const Bits bits = classes.at(begin, y, here);
      if (std::any_of(bits.begin(), bits.end(), [](uint64_t word) { return word != 0; })) {
        const uint32_t group = groupOf(bits);
        if (!runs.empty() && runs.back().end == begin && runs.back().group == group)
          runs.back().end = end;
        else
          runs.push_back({begin, end, group});
      }
      begin = end;
    }
    return runs;
  };
  for (uint32_t y = 0; y < package.mesh_height; ++y) {
    const Bits here = classes.inRow(y);
    std::vector<Run> own;
    const std::vector<Run> *runs = &own;
    if (classes.tied(y))
      own = runsOf(y, here);
    else if (auto [entry, isNew] = rows.try_emplace(here); isNew)
      runs = &(entry->second = runsOf(y, here));
    else
      runs = &entry->second;
    for (const Run &run : *runs)
      groups[run.group].cores.add(Stretch{y, run.begin, run.end});
  }
  return groups;
}

} // namespace weft::sim::maxplus
