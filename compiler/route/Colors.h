// Colours for the classes of channels. A router's colour has one input and one set of outputs, and belongs to one flow.
#pragma once

#include "compiler/route/Channels.h"
#include "hw-models/support/Result.h"

namespace weft::route {

struct ColorAssignment {
  std::vector<std::vector<int>> colors; // [channel][class]
  int used = 0;                         // colours are 0 .. used - 1
};

/// Which (channel, class) pairs meet in a router of a width x height mesh. Nodes are numbered channel by channel.
struct ConflictGraph {
  std::vector<std::pair<int, int>> nodes;   // channel, class
  std::vector<std::vector<bool>> conflicts; // symmetric
};

/// Errors (ours): a flow off the mesh, a class out of range, two flows of a class that meet in a router.
/// Time: O(width + height) for each pair of classes whose flows are the same on every line, else at most O(width *
/// height).
Result<ConflictGraph> buildConflicts(int width, int height, std::span<const ChannelSpec> channels);

/// Greedy (most constrained first), deterministic. Fails with a table of what each channel wants if the mesh's routers
/// have too few colours (the user's fault: another machine or fewer channels are needed).
Result<ColorAssignment> assignColors(int width, int height, std::span<const ChannelSpec> channels, int availableColors);

/// The same for a graph: the colour of each node, with as many colours as the greedy order takes.
std::vector<int> colorGreedily(const ConflictGraph &graph);

} // namespace weft::route
