// Which registers a vector instruction may name: the rules on effective LMUL, alignment, overlap and reserved settings
// of "V" 1.0 (sections 3.4.2, 5.2, 5.3 and those of the instructions), written from the specification.
#pragma once

#include "tests/iss/Random.h"
#include "tests/iss/Table.h"

#include <array>
#include <optional>
#include <vector>

namespace weft::isstest {

struct VectorSetting {
  int sewLog2 = 3;  // 3 to 6
  int lmulLog2 = 0; // -3 to 3
  unsigned vlmax(unsigned vlenBits) const {
    const int shift = lmulLog2 - sewLog2;
    return shift >= 0 ? vlenBits << shift : vlenBits >> -shift;
  }
  uint64_t vtype(bool tailAgnostic, bool maskAgnostic) const {
    return static_cast<uint64_t>(lmulLog2 & 7) | static_cast<uint64_t>(sewLog2 - 3) << 3 | uint64_t{tailAgnostic} << 6 |
           uint64_t{maskAgnostic} << 7;
  }
  bool operator==(const VectorSetting &) const = default;
};

/// All SEW and LMUL with LMUL >= SEW / ELEN.
const std::vector<VectorSetting> &legalSettings();

struct VectorOperand {
  bool used = false;
  int eewLog2 = 3;  // 0: a mask
  int emulLog2 = 0; // 0 for masks and scalars in element 0
  unsigned fields = 1;
  unsigned groupRegisters() const { return emulLog2 > 0 ? 1u << emulLog2 : 1; }
  unsigned registers() const { return groupRegisters() * fields; }
};

enum class Masking { Never, Maybe, Always };

struct VectorShape {
  VectorOperand vd, vs2, vs1;
  bool vdIsSource = false;          // stores, multiply-add
  bool vdIsDestination = true;      // all but stores
  bool disjoint = false;            // vd may overlap no source
  bool vdMayBeMaskRegister = false; // a mask or the result of a reduction is written
  bool vdMayOverlapAny = false;     // reductions, element 0
  Masking masking = Masking::Maybe;
};

/// Nothing where the instruction is reserved at this setting. `fields`: NFIELDS of a segment access.
std::optional<VectorShape> shapeOf(const Row &row, const VectorSetting &setting, unsigned fields = 1);

struct VectorRegisters {
  unsigned vd = 0, vs2 = 0, vs1 = 0;
};
/// Whether a register may be read with two widths by one instruction: reserved, but qemu does so.
enum class SharedReads { Reserved, Allowed };
bool isLegal(const VectorShape &shape, const VectorRegisters &registers, bool masked,
             SharedReads sharedReads = SharedReads::Reserved);
/// Random ones that are legal.
std::optional<VectorRegisters> pickRegisters(Random &random, const VectorShape &shape, bool masked);

/// EEW in the encoding of a vector load or store.
int memoryWidthLog2(const Row &row);

} // namespace weft::isstest
