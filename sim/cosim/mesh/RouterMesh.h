// The SystemC hierarchy: routers, cores and host ports, joined by signals.
#pragma once

#include "sim/cosim/mesh/MeshHost.h"
#include "sim/cosim/mesh/RouterTile.h"

namespace weft::cosim {

class RouterMesh : public sc_core::sc_module {
public:
  RouterMesh(sc_core::sc_module_name name, const RouterVariant &variant, uint32_t width, uint32_t height, uint64_t seed,
             const MeshWave &wave);

  const RouterVariant &variant;
  const uint32_t width, height;
  MeshLaunch launch;
  std::unique_ptr<RouterWave> wave;                 // null: none; outlives the routers in it
  std::vector<std::unique_ptr<RouterTile>> routers; // y * width + x
  std::vector<std::unique_ptr<MeshCore>> cores;
  std::vector<std::unique_ptr<MeshHost>> rows, columns;

  /// One clock period: rising edge, falling edge.
  void clockOnce();
  void reset();
  /// The clocks stand for `cycles`, in which nothing would change.
  void skip(uint64_t cycles) { period += cycles; }
  void closeWave();
  uint64_t evaluations() const;
  bool moving() const;

private:
  using Words = sc_core::sc_signal<LinkWord>;
  using Credits = sc_core::sc_signal<uint32_t>;
  struct Wire { // one direction, with the credits that come back
    Words word;
    Credits credit;
  };
  std::unique_ptr<RouterModel> makeRouter(uint32_t index, uint64_t seed, const MeshWave &of) const;
  Wire &newWire();
  void joinLinks();
  void joinRouters(uint32_t from, RouterPort out, uint32_t to, RouterPort in);
  void joinHost(MeshHost &host, uint32_t router, RouterPort port);
  void leaveOpen(uint32_t router, RouterPort port);

  uint64_t period = 0; // of the clock, since the beginning
  sc_core::sc_signal<bool> clock;
  std::vector<std::unique_ptr<Wire>> wires;
};

/// The mesh of this process, made at the first call. Errors: it was made with other routers, or with fewer.
Result<RouterMesh *> routerMesh(const RouterVariant &variant, uint32_t width, uint32_t height, uint64_t seed,
                                const MeshWave &wave);

} // namespace weft::cosim
