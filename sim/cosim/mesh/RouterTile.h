// A router in SystemC: the Verilated model between link signals and the core's TLM-2.0 sockets.
//
// A cycle has two halves. At the rising edge the router's registers take what the cycle before decided, and a word at
// the end of the ramp reaches the core. At the falling edge cores and hosts take their step; a delta cycle later the
// router's outputs settle, and the core learns at once which of its words go up and which come down.
#pragma once

#include "sim/cosim/mesh/RouterModel.h"
#include "sim/cosim/mesh/SystemC.h"

#include <deque>

namespace weft::cosim {

class RouterTile : public sc_core::sc_module {
public:
  RouterTile(sc_core::sc_module_name name, std::unique_ptr<RouterModel> model);

  sc_core::sc_in<bool> clock;
  std::array<sc_core::sc_in<LinkWord>, 4> linkIn;
  std::array<sc_core::sc_in<uint32_t>, 4> creditIn;
  std::array<sc_core::sc_out<LinkWord>, 4> linkOut;
  std::array<sc_core::sc_out<uint32_t>, 4> creditOut;
  tlm_utils::simple_target_socket<RouterTile> fromCore; // RouterMap.h
  tlm_utils::simple_initiator_socket<RouterTile> toCore;

  /// The router's reset pin from the next rising edge on; what the core offered is void.
  void setReset(bool reset) {
    pins.reset = reset;
    pins.upValid = pins.downReady = 0;
  }
  /// Whether anything moved or may still move by itself since the last rising edge.
  bool moving() const { return moved || !configuration.empty(); }
  /// Words are somewhere in the router.
  bool holdsWords() const { return pins.busy; }
  uint64_t evaluations() const { return evaluated; }

private:
  void rise();
  void fall() { settleEvent.notify(sc_core::SC_ZERO_TIME); }
  void settle();
  void takeFromCore(tlm::tlm_generic_payload &access, sc_core::sc_time &delay);
  void tellCore(uint64_t address, uint64_t value, uint32_t bytes);

  std::unique_ptr<RouterModel> model;
  RouterPins pins;
  struct Configuration {
    bool clear;
    uint8_t color;
    uint16_t route;
  };
  std::deque<Configuration> configuration;
  sc_core::sc_event settleEvent;
  bool clockHigh = false, moved = false, quiet = false;
  uint64_t evaluated = 0;
};

} // namespace weft::cosim
