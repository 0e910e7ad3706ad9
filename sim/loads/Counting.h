// Sums of what instructions do over the cores of a class, without going through core after core where all do the same.
#pragma once

#include "sim/maxplus/CoreSet.h"
#include "sim/mesh/Decode.h"

#include <algorithm>
#include <vector>

namespace weft::sim::loads {

/// What the value of an expression depends on.
struct Needs {
  bool x = false, y = false, loop = false;
  void add(const pkg::Expr &expr);
};

/// The cores of a class.
struct Members {
  maxplus::CoreSet cores;
  std::vector<uint32_t> ofColumn, ofRow; // how many
};

/// A number of each core of a class, as a sum: one for all, one of its column, one of its row, one of its own.
class Amounts {
public:
  /// To the cores that do what core (x, y) does, if that depends on `needs`.
  void add(uint64_t amount, const Needs &needs, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
  /// Adds them to `plane`.
  void spread(const Members &members, uint32_t width, std::vector<uint64_t> &plane) const;

private:
  uint64_t all = 0;
  std::vector<uint64_t> columns, rows, cores; // empty: zeros
};

/// What an instruction stands in: from the outermost loop to the innermost, their LoopBegin.
using Nest = std::vector<const InstrCode *>;

struct Site {
  const InstrCode *instr = nullptr;
  Nest nest;
};
/// The instructions of a task with their loops, loops themselves left out.
std::vector<Site> sitesOf(const ProgramImage &image, const TaskCode &task);

/// A place in the program, seen by one core.
struct View {
  const ProgramImage &image;
  const std::vector<int64_t> &params;
  std::vector<int64_t> counters; // of the loops around it, outermost first
  uint32_t x = 0, y = 0;

  int64_t valueOf(const pkg::Expr &expr) const {
    return sim::valueOf(
        expr, image, params, [&](uint32_t level) { return counters[counters.size() - 1 - level]; }, [&] { return x; },
        [&] { return y; });
  }
};

/// Calls f(view, times) for each round of the nest in which the instruction may differ; `times` rounds are alike.
template <typename F>
void forEachRound(View &view, const Nest &nest, bool dependsOnLoops, const F &f, size_t level = 0, uint64_t times = 1) {
  if (level == nest.size())
    return f(view, times);
  const int64_t count = std::max<int64_t>(view.valueOf(nest[level]->count), 0);
  view.counters.push_back(0);
  if (!dependsOnLoops && count)
    forEachRound(view, nest, false, f, level + 1, times * static_cast<uint64_t>(count));
  else
    for (int64_t round = 0; round < count; ++round) {
      view.counters.back() = round;
      forEachRound(view, nest, true, f, level + 1, times);
    }
  view.counters.pop_back();
}

/// A core, and which others do the same as it does.
struct Spot {
  uint32_t x = 0, y = 0;
  uint64_t cores = 0; // it and they
};

/// Calls f(spot) for cores that stand for all of `members`, where what they do depends on `needs`.
template <typename F> void forEachSpot(const Members &members, const Needs &needs, uint32_t width, const F &f) {
  if (!members.cores.size)
    return;
  const maxplus::Stretch &first = members.cores.stretches.front();
  if (needs.x && needs.y)
    return maxplus::forEachCore(members.cores, width, [&](uint32_t, uint32_t x, uint32_t y) { f(Spot{x, y, 1}); });
  if (!needs.x && !needs.y)
    return f(Spot{first.begin, first.y, members.cores.size});
  const std::vector<uint32_t> &counts = needs.x ? members.ofColumn : members.ofRow;
  for (uint32_t i = 0; i < counts.size(); ++i)
    if (counts[i])
      f(needs.x ? Spot{i, first.y, counts[i]} : Spot{first.begin, i, counts[i]});
}

} // namespace weft::sim::loads
