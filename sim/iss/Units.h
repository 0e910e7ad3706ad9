// What stands behind the instructions of custom units: golden models always, a co-simulation beside them on request,
// and the mesh behind mesh.put and mesh.get.
#pragma once

#include "hw-models/support/Result.h"
#include "kernels/units/Units.h"

#include <cstdint>
#include <optional>
#include <string>

namespace weft::iss {

/// Runs instructions of custom vector units once more, beside their golden models, on something else: the RTL. The
/// simulator compares registers and flags, and stops the program where they differ.
class UnitPartner {
public:
  virtual ~UnitPartner() = default;
  /// Whether it runs the instructions of this unit, a place in units::all().
  virtual bool runs(size_t unit) const = 0;
  /// Like a golden model: writes the elements of call.vd and returns the flags. `instruction` is the unit's, `number`
  /// that of calls before this one, `word` the encoding. An error ends the program with its message.
  virtual Result<uint8_t> execute(size_t unit, const units::Instruction &instruction, uint32_t word,
                                  const units::VectorCall &call) = 0;
  /// How to see the last call again, for the message where results differ: a seed, a command.
  virtual std::string replay() const { return {}; }

  /// Of the simulator: calls so far, and what differed.
  uint64_t calls = 0;
  const std::string &report() const { return difference; }
  std::string difference;
};

/// The core's router as unit mesh-port sees it. Routes are colours.
class MeshPort {
public:
  virtual ~MeshPort() = default;
  virtual uint32_t routes() const = 0;
  /// False: the route's queue is full, and nothing has happened.
  virtual bool put(uint32_t route, uint32_t word) = 0;
  /// None: no word is there.
  virtual std::optional<uint32_t> get(uint32_t route) = 0;
};

} // namespace weft::iss
