// The router of rtl/router as Verilator made it, behind one interface for all sets of parameters.
#pragma once

#include "hw-models/Hardware.h"
#include "sim/cosim/mesh/RouterColors.h" // made by the build: maxColors

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weft::cosim {

/// What a link carries in a cycle.
struct LinkWord {
  bool valid = false;
  uint8_t color = 0;
  uint64_t data = 0;
  bool operator==(const LinkWord &) const = default;
};

enum RouterPort : uint32_t { North, East, South, West, CorePort };

/// The pins of a router, but for its clock. Sets of colours are bits.
struct RouterPins {
  // In
  bool reset = false;
  bool configure = false, clear = false;
  uint8_t configColor = 0;
  uint16_t configRoute = 0;
  std::array<LinkWord, 4> linkIn{};
  std::array<uint32_t, 4> creditIn{};
  uint32_t upValid = 0, downReady = 0;
  std::array<uint64_t, maxColors> upData{};
  // Out
  std::array<LinkWord, 4> linkOut{};
  std::array<uint32_t, 4> creditOut{};
  uint32_t upGrant = 0, downGrant = 0;
  LinkWord down;
  bool busy = false;
};

/// A colour's route as the configuration port takes it; inputs and outputs are bits of RouterPort.
constexpr uint16_t routeWord(uint32_t combine, uint32_t inputs, uint32_t outputs) {
  return static_cast<uint16_t>(combine << 10 | inputs << 5 | outputs);
}

class RouterModel {
public:
  virtual ~RouterModel() = default;
  /// Sets clock and inputs, and computes the outputs.
  virtual void evaluate(bool clock, RouterPins &pins) = 0;
};

/// A waveform of routers.
class RouterWave {
public:
  virtual ~RouterWave() = default;
  /// After all routers were made. False if the file cannot be.
  virtual bool open(const std::string &path) = 0;
  /// What pins and registers are in this half of a clock period.
  virtual void dump(uint64_t halfCycle) = 0;
  /// The rest of the file; dumps are ignored from here on.
  virtual void close() = 0;
};
std::unique_ptr<RouterWave> makeRouterWave();

/// The waveform that a router is in, under this name.
struct RouterTrace {
  RouterWave *wave = nullptr; // null: in none
  std::string name = "TOP";
};

/// A waveform of some of a mesh's routers.
struct MeshWave {
  std::string path{};              // FST; empty: none
  std::vector<uint32_t> routers{}; // y * width + x
};

/// One set of parameters that the build has a model of.
struct RouterVariant {
  std::string name;
  uint32_t colors = 0, wordBytes = 0, queueWords = 0, hop = 0, ramp = 0, reduceStage = 0;
  std::unique_ptr<RouterModel> (*make)(uint64_t seed) = nullptr; // registers start with random values
  std::unique_ptr<RouterModel> (*makeTraced)(uint64_t seed, const RouterTrace &trace) = nullptr;
};

const std::vector<RouterVariant> &routerVariants();

/// The variant that this machine's routers are; nullptr if the build has none. A machine that cannot combine may have
/// routers that can.
const RouterVariant *variantOf(const hw::Hardware &hardware);
/// What differs, and what the build has: for messages.
std::string describeVariants(const hw::Hardware &hardware);

} // namespace weft::cosim
