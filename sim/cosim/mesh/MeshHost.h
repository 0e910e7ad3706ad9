// The host's end of one row or column: sends the launch's input, takes what comes past the edge.
#pragma once

#include "sim/cosim/mesh/MeshCore.h"

namespace weft::cosim {

class MeshHost : public sc_core::sc_module {
public:
  MeshHost(sc_core::sc_module_name name, MeshLaunch &launch, bool alongX, uint32_t line);

  sc_core::sc_in<bool> clock;
  sc_core::sc_in<LinkWord> linkIn; // from the edge's router
  sc_core::sc_in<uint32_t> creditIn;
  sc_core::sc_out<LinkWord> linkOut; // to it
  sc_core::sc_out<uint32_t> creditOut;

  void begin();
  void send(uint32_t channel, uint8_t color, std::vector<std::byte> words);
  bool done() const { return unsent == 0; }
  bool moving() const { return moved; }
  /// The words of the channel that came, in order.
  const std::vector<uint64_t> &received(uint32_t channel) { return sinks[channel]; }

private:
  void step();
  void take();
  void give();

  struct Port {
    uint32_t channel = 0;
    uint64_t lastGrant = 0; // the cycle and more than maxColors; below: never, by number
    uint32_t credits = 0, sent = 0, words = 0;
    std::vector<std::byte> data;
  };
  MeshLaunch &launch;
  const bool alongX;
  const uint32_t line;
  std::map<uint8_t, Port> ports; // by colour
  std::map<uint32_t, std::vector<uint64_t>> sinks;
  uint64_t unsent = 0;
  bool moved = false;
};

} // namespace weft::cosim
