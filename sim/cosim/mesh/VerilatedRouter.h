// Between the pins of a Verilated router, whose C++ types depend on its parameters, and RouterPins.
#pragma once

#include "sim/cosim/mesh/RouterModel.h"
#include "sim/cosim/mesh/VerilatedWave.h"

#include <bit>
#include <type_traits>
#include <verilated.h>

namespace weft::cosim {

/// `Model`: the class that Verilator made; `wordBytes`: 4 or 8.
template <class Model, uint32_t wordBytes, uint32_t colors = maxColors> class VerilatedRouter : public RouterModel {
public:
  explicit VerilatedRouter(uint64_t seed, const RouterTrace &trace = {})
      : own(trace.wave ? nullptr : std::make_unique<VerilatedContext>()),
        context(trace.wave ? static_cast<VerilatedWave *>(trace.wave)->context() : *own) {
    Verilated::threadContextp(&context); // whose seed counts
    context.randReset(2);                // every register starts with a value of its own
    context.randSeed(static_cast<int>(seed & 0x7fffffff) | 1);
    context.assertOn(true);
    model = std::make_unique<Model>(&context, trace.name.c_str());
    if constexpr (requires(Model &m, VerilatedFstC *f) { m.trace(f, 99); })
      if (trace.wave)
        static_cast<VerilatedWave *>(trace.wave)->add(*model);
  }
  ~VerilatedRouter() override { model->final(); }

  void evaluate(bool clock, RouterPins &pins) override {
    Model &m = *model;
    m.clk_i = clock;
    m.rst_ni = !pins.reset;
    m.cfg_valid_i = pins.configure;
    m.cfg_clear_i = pins.clear;
    m.cfg_color_i = pins.configColor;
    m.cfg_route_i = pins.configRoute;
    uint32_t valid = 0, colorsIn = 0;
    for (uint32_t port = 0; port < 4; ++port) {
      const LinkWord &in = pins.linkIn[port];
      valid |= uint32_t{in.valid} << port;
      colorsIn |= uint32_t{in.color} << (colorBits * port);
      setWord(m.link_data_i, port, in.data);
      setColors(m.link_credit_i, port, pins.creditIn[port]);
    }
    m.link_valid_i = static_cast<uint8_t>(valid);
    m.link_color_i = colorsIn;
    m.up_valid_i = pins.upValid;
    for (uint32_t bits = pins.upValid; bits; bits &= bits - 1) {
      auto color = static_cast<uint32_t>(std::countr_zero(bits));
      setWord(m.up_data_i, color, pins.upData[color]);
    }
    m.down_ready_i = pins.downReady;
    m.eval();
    for (uint32_t port = 0; port < 4; ++port) {
      LinkWord &out = pins.linkOut[port];
      out.valid = m.link_valid_o >> port & 1;
      out.color = out.valid ? m.link_color_o >> (colorBits * port) & ((1u << colorBits) - 1) : 0;
      out.data = out.valid ? getWord(m.link_data_o, port) : 0;
      pins.creditOut[port] = getColors(m.link_credit_o, port);
    }
    pins.upGrant = m.up_grant_o;
    pins.downGrant = m.down_grant_o;
    pins.down = {m.down_valid_o != 0, static_cast<uint8_t>(m.down_color_o), m.down_data_o};
    pins.busy = m.busy_o;
  }

protected:
  std::unique_ptr<VerilatedContext> own; // of a router in no waveform
  VerilatedContext &context;
  std::unique_ptr<Model> model;

private:
  static constexpr auto colorBits = static_cast<uint32_t>(std::bit_width(colors - 1)); // as $clog2
  static_assert(colors > 1 && colors <= 32);

  template <class Wide> static void setWord(Wide &to, uint32_t index, uint64_t value) {
    constexpr uint32_t parts = wordBytes / 4;
    for (uint32_t i = 0; i < parts; ++i)
      to[index * parts + i] = static_cast<uint32_t>(value >> (32 * i));
  }
  template <class Wide> static uint64_t getWord(const Wide &from, uint32_t index) {
    constexpr uint32_t parts = wordBytes / 4;
    uint64_t value = 0;
    for (uint32_t i = 0; i < parts; ++i)
      value |= uint64_t{from[index * parts + i]} << (32 * i);
    return value;
  }
  /// Set `index` of a vector of sets: a number if it is short, or else pieces of 32 bits.
  template <class Vector> static void setColors(Vector &to, uint32_t index, uint32_t value) {
    const uint32_t bit = index * colors, piece = bit / 32, shift = bit % 32;
    const uint64_t mask = ((uint64_t{1} << colors) - 1) << shift, bits = uint64_t{value} << shift;
    if constexpr (std::is_integral_v<Vector>) {
      static_assert(4 * colors <= 32);
      to = static_cast<Vector>((to & ~mask) | bits);
    } else {
      to[piece] = static_cast<uint32_t>((to[piece] & ~mask) | bits);
      if (shift + colors > 32)
        to[piece + 1] = static_cast<uint32_t>((to[piece + 1] & ~(mask >> 32)) | bits >> 32);
    }
  }
  template <class Vector> static uint32_t getColors(const Vector &from, uint32_t index) {
    const uint32_t bit = index * colors, piece = bit / 32, shift = bit % 32;
    uint64_t bits = 0;
    if constexpr (std::is_integral_v<Vector>) {
      bits = from >> bit;
    } else {
      bits = from[piece];
      if (shift + colors > 32)
        bits |= uint64_t{from[piece + 1]} << 32;
      bits >>= shift;
    }
    return static_cast<uint32_t>(bits & ((uint64_t{1} << colors) - 1));
  }
};

} // namespace weft::cosim
