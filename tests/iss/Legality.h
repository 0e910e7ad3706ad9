// Which words are instructions: asked of the specification's rules, of the simulator and of qemu.
#pragma once

#include "tests/iss/Random.h"
#include "tests/iss/Runner.h"
#include "tests/iss/Table.h"

#include <span>

namespace weft::isstest {

/// A word that is to be executed with vl = 0 under `vtype`. One of 16 bits has its low two bits other than 11.
struct Probe {
  uint32_t word = 0;
  uint64_t vtype = 0;
};

/// A vtype that no vset* accepts: vill.
inline constexpr uint64_t illegalType = 4;

/// Words near instructions: those of the table with random operands, some with a bit flipped, and some all random. None
/// of them jumps, calls, or reads or writes a CSR.
std::vector<Probe> randomProbes(uint64_t seed, size_t count);
/// Each 16-bit word that does not jump.
std::vector<Probe> compressedProbes();

/// Whose rules: qemu 7.2 reads a register with two widths, and moves whole registers while vill is set; both are
/// reserved.
enum class Rules { Specification, Qemu };
/// By VectorShape.h, for a vector instruction of the table; false for words that are none.
bool isLegalVector(const Probe &probe, Rules rules);
/// `true` if it does not trap as illegal.
std::vector<bool> legalInSimulator(std::span<const Probe> probes, unsigned vlenBits);
/// Empty, and `failure` says why, if qemu could not tell.
std::vector<bool> legalInQemu(const std::string &qemu, std::span<const Probe> probes, unsigned vlenBits,
                              std::string &failure);

/// What qemu says of a word if it differs from the specification only as KnownDifferences.h and Rules have it.
bool expectedInQemu(const Probe &probe, bool legalInSimulator);

/// "vadd.vv v1, v2, v3 (0x…) at SEW 8, LMUL 2^1".
std::string describe(const Probe &probe);

} // namespace weft::isstest
