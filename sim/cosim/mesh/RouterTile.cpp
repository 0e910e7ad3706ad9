#include "sim/cosim/mesh/RouterTile.h"

#include "sim/cosim/mesh/RouterMap.h"

#include <bit>

namespace weft::cosim {

RouterTile::RouterTile(sc_core::sc_module_name name, std::unique_ptr<RouterModel> given)
    : sc_module(name), fromCore("fromCore"), toCore("toCore"), model(std::move(given)) {
  // Registers hold anything before their first reset; nobody shall see that.
  pins.reset = true;
  for (bool level : {false, true, false})
    model->evaluate(level, pins);
  pins.reset = false;
  fromCore.register_b_transport(this, &RouterTile::takeFromCore);
  SC_HAS_PROCESS(RouterTile);
  SC_METHOD(rise);
  sensitive << clock.pos();
  dont_initialize();
  SC_METHOD(fall);
  sensitive << clock.neg();
  dont_initialize();
  SC_METHOD(settle);
  sensitive << settleEvent;
  dont_initialize();
}

void RouterTile::takeFromCore(tlm::tlm_generic_payload &access, sc_core::sc_time &) {
  using namespace router_map;
  const uint64_t address = access.get_address(), value = tlmValue(access);
  if (address >= offer && address < end) {
    const auto color = static_cast<uint32_t>(address - offer) / 8;
    pins.upValid |= 1u << color;
    pins.upData[color] = value;
  } else if (address == take) {
    pins.downReady = static_cast<uint32_t>(value);
  } else if (address == clear) {
    configuration.push_back({true, 0, 0});
  } else if (address < clear) {
    configuration.push_back({false, static_cast<uint8_t>(address / 4), static_cast<uint16_t>(value)});
  } else {
    access.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  access.set_response_status(tlm::TLM_OK_RESPONSE);
}

void RouterTile::tellCore(uint64_t address, uint64_t value, uint32_t bytes) {
  tlmWrite(*toCore.operator->(), address, value, bytes);
}

void RouterTile::rise() {
  bool pulses = false;
  for (uint32_t port = 0; port < 4; ++port) {
    pins.linkIn[port] = linkIn[port].read();
    pins.creditIn[port] = creditIn[port].read();
    pulses |= pins.linkIn[port].valid || pins.creditIn[port];
  }
  // With nothing in it, nothing coming and nothing offered, a router does not change: its clock can stand.
  moved = false;
  if (!pulses && !pins.busy && !pins.upValid && configuration.empty() && !pins.reset)
    return;
  pins.configure = !configuration.empty();
  if (pins.configure) {
    pins.clear = configuration.front().clear;
    pins.configColor = configuration.front().color;
    pins.configRoute = configuration.front().route;
    configuration.pop_front();
  }
  const uint32_t granted = pins.upGrant;
  model->evaluate(true, pins);
  clockHigh = true;
  ++evaluated;
  moved = pulses;
  pins.upValid &= ~granted;
  pins.configure = false;
  if (pins.down.valid) {
    moved = true;
    tellCore(core_map::word + 8 * uint64_t{pins.down.color}, pins.down.data, 8);
  }
}

void RouterTile::settle() {
  if (!clockHigh && !pins.busy && !pins.upValid && quiet)
    return;
  model->evaluate(false, pins);
  clockHigh = false;
  quiet = !pins.busy && !pins.upValid;
  for (uint32_t port = 0; port < 4; ++port) {
    linkOut[port].write(pins.linkOut[port]);
    creditOut[port].write(pins.creditOut[port]);
  }
  moved |= pins.upGrant || pins.downGrant;
  for (uint32_t port = 0; port < 4; ++port)
    moved |= pins.linkOut[port].valid || pins.creditOut[port];
  for (uint32_t bits = pins.upGrant; bits; bits &= bits - 1)
    tellCore(core_map::sent + 4 * static_cast<uint64_t>(std::countr_zero(bits)), 0, 4);
  for (uint32_t bits = pins.downGrant; bits; bits &= bits - 1)
    tellCore(core_map::coming + 4 * static_cast<uint64_t>(std::countr_zero(bits)), 0, 4);
}

} // namespace weft::cosim
