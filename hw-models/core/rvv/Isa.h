// What instructions a RISC-V core has: RV64GC, Zicsr and V 1.0 always, the rest by name. Compiler, simulator and
// hardware description speak of it with this one type.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::hw {

struct CoreSpec;

/// Extensions beyond RV64IMAFDCV_Zicsr_Zifencei. One implies what the ratified specifications say it implies (Zvfh:
/// Zvfhmin, Zfhmin; Zvfbfwma: Zvfbfmin, Zfbfmin; …); `parseIsa` and `isaOf` apply that.
struct Isa {
  uint32_t vlenBits = 256; // 128 to 1024, a power of two
  bool zfhmin = false, zfh = false, zvfhmin = false, zvfh = false;
  bool zfbfmin = false, zvfbfmin = false, zvfbfwma = false;
  uint32_t units = 0; // custom ones, a bit each in the order of weft::units::all()

  uint32_t vlenBytes() const { return vlenBits / 8; }
  bool hasUnit(size_t index) const { return units >> index & 1; }
  bool hasUnits() const { return units != 0; }
  bool operator==(const Isa &) const = default;
};

inline constexpr uint32_t minVlenBits = 128, maxVlenBits = 1024;

/// Names that parallelism.core.extensions and an ISA string may hold beyond the base: "zfh", "zvfh", ….
std::span<const std::string_view> optionalExtensions();

/// "rv64gcv_zvl256b_zfh_zvfh_xweftdot": custom units are there by the names of their extensions; single letters and
/// extension names of the base are accepted and change nothing, zvlNb sets VLEN, which is 128 without it. Case does not
/// matter, versions ("zfh1p0") are skipped. Errors name the part that is unknown, missing (no rv64, no v) or not
/// supported.
Result<Isa> parseIsa(std::string_view text);
/// That of a core of kind rvv. The core has passed the loader.
Isa isaOf(const CoreSpec &core);
/// Names of its custom units, as parallelism.core.units has them.
std::vector<std::string> unitNames(const Isa &isa);
/// The canonical string; parseIsa() reads it back.
std::string isaText(const Isa &isa);

} // namespace weft::hw
