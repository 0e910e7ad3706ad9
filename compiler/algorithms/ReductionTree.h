// Trees over the cores of a line along which sums are made, and the programs that make them.
#pragma once

#include "compiler/algorithms/ProgramBuilder.h"

namespace weft::algorithms {

/// Every core but the root sends its sum, once, to its parent. A core takes its children in the order in which they are
/// listed; the last one's words are passed on as they come, combined with what the core has.
struct ReductionTree {
  int root = 0;
  std::vector<int> parent;                // -1: the root
  std::vector<std::vector<int>> children; // in the order in which they are taken

  explicit ReductionTree(int n) : parent(static_cast<size_t>(n), -1), children(static_cast<size_t>(n)) {}
  int size() const { return static_cast<int>(parent.size()); }
  void attach(int child, int to);
  /// Most steps from a leaf to the root.
  int depth() const;
  /// Links that a word of each message crosses, all messages together.
  int64_t energy() const;
  /// Most messages that one core takes.
  int contention() const;
};

/// Neighbour to neighbour, from the last core to the first.
ReductionTree chainTree(int n);
/// Every core to the first one, nearest first.
ReductionTree starTree(int n);
/// Distances double: in level l core i * 2^(l+1) takes that of i * 2^(l+1) + 2^l.
ReductionTree binaryTree(int n);
/// Chains of about sqrt(n) cores, then a chain of their first ones.
ReductionTree twoPhaseTree(int n);
/// Level by level, groups chain from both ends to their middle (route::planTree); `groups`: of the first levels, 0:
/// about length^(1/levels) members each.
Result<ReductionTree> kTree(int n, int levels, const std::vector<int> &groups);

/// What a tree sends: a vector in buffer `local`, which at the root becomes the sum.
struct ReductionTask {
  uint32_t op = 0;
  route::Axis axis = route::Axis::Y;
  Mask across; // lines that take part
  Place local;
  int64_t bytes = 0;
  std::string name; // of the channels
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
};

/// Most flows of the tree that cross one router: the colours that it needs at least.
int mostColors(const ReductionTree &tree);
/// Adds the channels and one task for each way in which cores take part.
void emitReduction(ProgramBuilder &builder, const ReductionTree &tree, const ReductionTask &task);
/// The core at `root` of each line to all others.
void emitMulticast(ProgramBuilder &builder, int root, const ReductionTask &task);

} // namespace weft::algorithms
