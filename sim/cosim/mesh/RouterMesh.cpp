#include "sim/cosim/mesh/RouterMesh.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::cosim {

RouterMesh::RouterMesh(sc_core::sc_module_name name, const RouterVariant &variant, uint32_t width, uint32_t height,
                       uint64_t seed, const MeshWave &shown)
    : sc_module(name), variant(variant), width(width), height(height),
      wave(shown.path.empty() ? nullptr : makeRouterWave()), clock("clock") {
  for (uint32_t i = 0; i < width * height; ++i) {
    routers.push_back(std::make_unique<RouterTile>(fmt::format("router{}", i).c_str(), makeRouter(i, seed + i, shown)));
    cores.push_back(std::make_unique<MeshCore>(fmt::format("core{}", i).c_str(), launch));
    routers[i]->clock(clock);
    cores[i]->clock(clock);
    cores[i]->toRouter.bind(routers[i]->fromCore);
    routers[i]->toCore.bind(cores[i]->fromRouter);
  }
  for (uint32_t y = 0; y < height; ++y)
    rows.push_back(std::make_unique<MeshHost>(fmt::format("row{}", y).c_str(), launch, true, y));
  for (uint32_t x = 0; x < width; ++x)
    columns.push_back(std::make_unique<MeshHost>(fmt::format("column{}", x).c_str(), launch, false, x));
  joinLinks();
}

std::unique_ptr<RouterModel> RouterMesh::makeRouter(uint32_t index, uint64_t seed, const MeshWave &shown) const {
  if (std::find(shown.routers.begin(), shown.routers.end(), index) == shown.routers.end())
    return variant.make(seed);
  return variant.makeTraced(seed, {wave.get(), fmt::format("router_{}_{}", index % width, index / width)});
}

void RouterMesh::joinLinks() {
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      const uint32_t here = y * width + x;
      if (x + 1 < width) {
        joinRouters(here, East, here + 1, West);
        joinRouters(here + 1, West, here, East);
      } else {
        leaveOpen(here, East);
      }
      if (y + 1 < height) {
        joinRouters(here, South, here + width, North);
        joinRouters(here + width, North, here, South);
      } else {
        leaveOpen(here, South);
      }
    }
  for (uint32_t y = 0; y < height; ++y)
    joinHost(*rows[y], y * width, West);
  for (uint32_t x = 0; x < width; ++x)
    joinHost(*columns[x], x, North);
}

RouterMesh::Wire &RouterMesh::newWire() {
  wires.push_back(std::make_unique<Wire>());
  return *wires.back();
}

void RouterMesh::joinRouters(uint32_t from, RouterPort out, uint32_t to, RouterPort in) {
  Wire &wire = newWire();
  routers[from]->linkOut[out](wire.word);
  routers[to]->linkIn[in](wire.word);
  routers[to]->creditOut[in](wire.credit);
  routers[from]->creditIn[out](wire.credit);
}

void RouterMesh::joinHost(MeshHost &host, uint32_t router, RouterPort port) {
  Wire &in = newWire(), &out = newWire();
  host.clock(clock);
  host.linkOut(in.word);
  routers[router]->linkIn[port](in.word);
  routers[router]->creditOut[port](in.credit);
  host.creditIn(in.credit);
  routers[router]->linkOut[port](out.word);
  host.linkIn(out.word);
  host.creditOut(out.credit);
  routers[router]->creditIn[port](out.credit);
}

/// Beyond the high edges is nothing: no word comes, and a word that went there would find no credit after the first
/// few.
void RouterMesh::leaveOpen(uint32_t router, RouterPort port) {
  Wire &in = newWire(), &out = newWire();
  routers[router]->linkIn[port](in.word);
  routers[router]->creditOut[port](in.credit);
  routers[router]->linkOut[port](out.word);
  routers[router]->creditIn[port](out.credit);
}

void RouterMesh::clockOnce() {
  const sc_core::sc_time half(1, sc_core::SC_NS);
  for (bool level : {true, false}) {
    clock.write(level);
    sc_core::sc_start(half);
    if (wave)
      wave->dump(2 * period + !level);
  }
  ++period;
}

void RouterMesh::reset() {
  for (auto &router : routers)
    router->setReset(true);
  clockOnce();
  clockOnce();
  for (auto &router : routers)
    router->setReset(false);
}

void RouterMesh::closeWave() {
  if (wave)
    wave->close();
}

uint64_t RouterMesh::evaluations() const {
  uint64_t sum = 0;
  for (const auto &router : routers)
    sum += router->evaluations();
  return sum;
}

bool RouterMesh::moving() const {
  auto moves = [](const auto &each) { return each->moving(); };
  return std::any_of(routers.begin(), routers.end(), moves) || std::any_of(rows.begin(), rows.end(), moves) ||
         std::any_of(columns.begin(), columns.end(), moves);
}

Result<RouterMesh *> routerMesh(const RouterVariant &variant, uint32_t width, uint32_t height, uint64_t seed,
                                const MeshWave &wave) {
  static std::unique_ptr<RouterMesh> mesh; // SystemC's own hierarchy is one of the process, too
  if (!mesh) {
    mesh = std::make_unique<RouterMesh>("mesh", variant, width, height, seed, wave);
    if (mesh->wave && !mesh->wave->open(wave.path))
      return userError(fmt::format("{}: cannot write it", wave.path));
  }
  if (mesh->variant.name != variant.name || mesh->width < width || mesh->height < height)
    return internalError(fmt::format("this process has a mesh of {} x {} routers of variant '{}' already; {} x {} of "
                                     "'{}' need another process",
                                     mesh->width, mesh->height, mesh->variant.name, width, height, variant.name));
  return mesh.get();
}

} // namespace weft::cosim

/// The library's own main program calls this; ours does not, but its loader wants it. Weak: one of several may stay.
extern "C" [[gnu::weak]] int sc_main(int, char **) { return 0; }
