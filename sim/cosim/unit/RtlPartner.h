// The simulator's partner on the Verilated units: every instruction of chosen units runs on the RTL, too.
#pragma once

#include "sim/cosim/unit/UnitBench.h"
#include "sim/iss/Units.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::cosim {

class RtlPartner final : public iss::UnitPartner {
public:
  /// For cores with registers of `vlenBits`. Errors: a unit without RTL, or none that is verilated for this VLEN.
  static Result<std::unique_ptr<RtlPartner>> create(const std::vector<std::string> &units, uint32_t vlenBits);

  bool runs(size_t unit) const override { return unit < benches.size() && benches[unit]; }
  Result<uint8_t> execute(size_t unit, const units::Instruction &instruction, uint32_t word,
                          const units::VectorCall &call) override;
  std::string replay() const override;
  /// The units with RTL, in the order of units::all(), and the instructions that each ran.
  std::vector<std::pair<std::string, uint64_t>> instructions() const;

private:
  /// One unit, always on: an instruction begins in whatever state the last one left.
  struct Bench {
    Bench(std::unique_ptr<UnitModel> unitModel, const UnitVariant &variant);
    std::optional<UnitInstruction> take();
    std::unique_ptr<UnitModel> model;
    std::optional<UnitInstruction> next;
    UnitBench bench;
  };
  std::vector<std::unique_ptr<Bench>> benches; // by unit; null: not chosen
};

} // namespace weft::cosim
