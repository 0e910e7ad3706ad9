// K-tree reduction on lines of cores, as MeshGEMV of WaferLLM (OSDI 2025) does it. Level 1 divides a segment into
// groups of consecutive cores; each group chain-reduces from both ends to its middle core. The roots are the members of
// level 2, whose words pass through the cores between them, and so on until one root is left in the segment. It then
// multicasts.
#pragma once

#include "compiler/route/Channels.h"
#include "hw-models/support/Result.h"

namespace weft::route {

/// Cores [lo, hi) of a line.
struct Segment {
  int lo = 0, hi = 0;
};

/// What a core does in one level.
enum class TreeRole {
  None,       // no member of the level
  LowEnd,     // sends its values up the `low` channel
  LowMiddle,  // adds its values to what passes on `low`
  Root,       // adds what comes on `low` (if receivesFromLow), then what comes on `high` (if receivesFromHigh)
  HighMiddle, // as LowMiddle, on `high`
  HighEnd     // as LowEnd, on `high`
};

/// The positions of a line that play one role. Every member but a lone root appears in exactly one mask of its level.
struct RoleMask {
  TreeRole role = TreeRole::None;
  bool receivesFromLow = false, receivesFromHigh = false;
  std::vector<bool> positions; // n entries
};

struct TreeLevel {
  ChannelSpec low, high;       // towards higher and towards lower positions; no flows if no group needs the side
  std::vector<RoleMask> roles; // only roles with something to do, in the order of TreeRole
};

struct TreePlan {
  int n = 0;
  std::vector<Segment> segments;
  std::vector<std::vector<int>> groupCounts; // [level][segment], the last level's are 1
  std::vector<TreeLevel> levels;
  ChannelSpec multicast;                       // from each segment's root to the segment's other cores
  std::vector<int> roots;                      // of each segment
  std::vector<bool> isRoot, receivesMulticast; // by position

  /// The role of the core at `position` in `level`; None for a lone root, which has nothing to do.
  TreeRole roleAt(int level, int position) const;
};

/// The plan for lines of n cores, the same on every line.
/// `segments`: disjoint, ascending; empty stands for the whole line; cores in none take no part.
/// `groupCounts[l]`: groups that each segment has in level l, for levels 0 .. levels-2 (the last level is one group);
/// where missing or 0, groups of about length^(1/levels) members. Counts beyond the members of a level mean one group
/// each. Errors (ours): n < 1, levels < 1, segments outside the line, empty, or overlapping.
Result<TreePlan> planTree(const std::string &name, Axis axis, int n, std::vector<Segment> segments, int levels,
                          const std::vector<int> &groupCounts = {});

/// The same sums made by routers: one flow a segment, from all its cores to its middle one, which is the root of a plan
/// with one level of one group. Errors as planTree.
Result<ChannelSpec> combineTree(const std::string &name, Axis axis, int n, std::vector<Segment> segments,
                                pkg::Combine combine);

} // namespace weft::route
