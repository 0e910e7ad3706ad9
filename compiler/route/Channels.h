// Channels before they have colours: families of flows along one axis, each flow in a colour class, and the builders of
// the patterns that programs use. A colour is later given to each (channel, class), see Colors.h.
#pragma once

#include "compiler/route/Topology.h"
#include "runtime/package/package_generated.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weft::route {

using pkg::Axis;

/// One flow, in the words of pkg::Flow: covers [lo, hi] of its line, source inside, position -1 is the host.
struct FlowSpec {
  int line = -1; // -1: a copy on every line
  int source = 0, lo = 0, hi = 0;
  bool deliverAll = false;
  int colorClass = 0;
  pkg::Combine combine = pkg::Combine::None; // not None: from every core of [lo, hi] to `source`
};

/// The class of a flow as a function of its source's position, so that the IR can print colours as an affine map:
///   class(p) = ((p floordiv div) * divScale + (p mod modBase) * modScale + add) mod modulus
/// except where `exceptions` lists another class for a position.
struct ClassMap {
  int div = 1, divScale = 0, modBase = 1, modScale = 0, add = 0, modulus = 1;
  std::vector<std::pair<int, int>> exceptions; // position, class; ascending

  int at(int position) const;
  /// "(p floordiv 2 + (p mod 2) * 2 + 1) mod 3", without the exceptions.
  std::string formula() const;
};

struct ChannelSpec {
  std::string name;
  Axis axis = Axis::X;
  std::vector<FlowSpec> flows;
  int classCount = 0; // classes are 0 .. classCount - 1
  ClassMap classMap;
  uint32_t turn = 0; // not 0: the cores of a flow's [lo, hi] take turns, so many messages each
};

/// Gives flows classes so that no two flows of a class share a router, and fills classCount and classMap. Every flow
/// set handed over counts as one: classes agree across the channels, so that colours can be shared between them.
/// The number of classes is the least possible when all flows are uniform (line -1).
void assignClasses(std::span<ChannelSpec *const> channels);
/// The same without a map, which takes long to find where there are many classes and which only IR needs.
void classifyFlows(std::span<ChannelSpec *const> channels);
/// The map that reproduces the classes of `flows` with the fewest exceptions.
ClassMap describeClasses(std::span<const FlowSpec> flows, int classCount);

/// Every core sends to the core whose rank is `direction` (+1 or -1) away. `wrap` closes the ring. No flows for n < 2.
ChannelSpec ringShift(std::string name, Axis axis, int n, Embedding embedding, int direction, bool wrap = true);
/// On every line, the core at `position` to all others.
ChannelSpec broadcast(std::string name, Axis axis, int n, int position);
/// On every line, each core to all of them, itself, too: in turn, `turn` messages each.
ChannelSpec broadcastInTurn(std::string name, Axis axis, int n, uint32_t turn);
/// On line i, core i to all others: a square mesh's diagonal.
ChannelSpec diagonalBroadcast(std::string name, Axis axis, int n);
/// The host to every core of each line.
ChannelSpec hostInput(std::string name, Axis axis, int n);
/// Core 0 of each line to the host.
ChannelSpec hostOutput(std::string name, Axis axis);

/// The channel of the package once its classes have colours.
pkg::ChannelT toPackage(const ChannelSpec &spec, std::span<const int> classColors);

} // namespace weft::route
