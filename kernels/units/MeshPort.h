// The mesh port, cycle by cycle: the golden model of rtl/mesh_port.
#pragma once

#include "kernels/units/UnitConstants.h"

#include <bitset>
#include <cstdint>
#include <deque>
#include <vector>

namespace weft::units {

using RouteSet = std::bitset<constants::highMeshPortColors>;

/// What goes into the port in a cycle.
struct MeshPortIn {
  bool issue = false;
  uint32_t instr = 0, rs1 = 0, id = 0;
  bool commit = false, kill = false;
  uint32_t commitId = 0;
  bool takeResult = false;
  RouteSet upGrant, downGrant;
  bool down = false;
  uint32_t downColor = 0, downData = 0;
};

/// What it shows in that cycle.
struct MeshPortOut {
  bool ready = false, accept = false;
  bool result = false, writes = false;
  uint32_t resultId = 0, resultData = 0; // while `result`
  RouteSet upValid, downReady;
  std::vector<uint32_t> upData; // by route, while its bit of upValid is set
  bool operator==(const MeshPortOut &) const = default;
};

class MeshPortModel {
public:
  MeshPortModel(uint32_t colors, uint32_t queueWords) : places(queueWords), routes(colors) {}

  /// The outputs that depend on nothing but the state: what the router's side may decide on.
  RouteSet upValid() const {
    RouteSet set;
    for (uint32_t c = 0; c < routes.size(); ++c)
      set[c] = !routes[c].out.empty();
    return set;
  }
  RouteSet downReady() const {
    RouteSet set;
    for (uint32_t c = 0; c < routes.size(); ++c)
      set[c] = routes[c].in.size() + routes[c].coming < places;
    return set;
  }
  bool resultValid() const {
    return held && committed && (isPut ? routes[color].out.size() < places : !routes[color].in.empty());
  }
  bool holds() const { return held; }
  bool isCommitted() const { return committed; }
  uint32_t heldId() const { return id; }

  /// One cycle.
  MeshPortOut step(const MeshPortIn &in) {
    MeshPortOut out;
    const uint32_t route = in.instr >> 20;
    const bool put = (in.instr & constants::maskMeshPut) == constants::matchMeshPut;
    const bool get = (in.instr & constants::maskMeshGet) == constants::matchMeshGet;
    out.accept = (put || get) && route < routes.size();
    out.result = resultValid();
    if (out.result) {
      out.resultId = id;
      out.writes = !isPut;
      out.resultData = isPut ? 0 : routes[color].in.front();
    }
    const bool fire = out.result && in.takeResult;
    const bool killed = held && !committed && in.commit && in.kill && in.commitId == id;
    out.ready = !held || fire || killed;
    out.upValid = upValid();
    out.downReady = downReady();
    for (const Route &each : routes)
      out.upData.push_back(each.out.empty() ? 0 : each.out.front());
    changeQueues(in, fire);
    changeInstruction(in, out, put, fire, killed);
    ++cycle;
    return out;
  }

  // Counters, by their CSR: 32 bits each.
  uint32_t cycle = 0, puts = 0, gets = 0, putCycle = 0, getCycle = 0;

private:
  struct Route {
    std::deque<uint32_t> out, in;
    uint32_t coming = 0; // announced by the router, not here yet
  };

  void changeQueues(const MeshPortIn &in, bool fire) {
    if (fire && isPut) {
      ++puts;
      putCycle = cycle;
    } else if (fire) {
      ++gets;
      getCycle = cycle;
      routes[color].in.pop_front();
    }
    for (uint32_t c = 0; c < routes.size(); ++c) {
      if (in.upGrant[c])
        routes[c].out.pop_front();
      if (in.downGrant[c])
        ++routes[c].coming;
    }
    if (fire && isPut)
      routes[color].out.push_back(data);
    if (in.down) {
      routes[in.downColor].in.push_back(in.downData);
      --routes[in.downColor].coming;
    }
  }

  void changeInstruction(const MeshPortIn &in, const MeshPortOut &out, bool put, bool fire, bool killed) {
    if (in.issue && out.ready && out.accept) {
      const bool own = in.commit && in.commitId == in.id;
      held = !(own && in.kill);
      committed = own;
      isPut = put;
      color = in.instr >> 20;
      data = in.rs1;
      id = in.id;
      return;
    }
    if (in.commit && in.commitId == id)
      committed = true;
    if (fire || killed)
      held = false;
  }

  const size_t places;
  std::vector<Route> routes;
  bool held = false, committed = false, isPut = false;
  uint32_t color = 0, data = 0, id = 0;
};

} // namespace weft::units
