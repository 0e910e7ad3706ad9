#include "tests/iss/Legality.h"

#include "tests/iss/Encode.h"
#include "tests/iss/KnownDifferences.h"
#include "tests/iss/Simulator.h"
#include "tests/iss/VectorShape.h"

#include <cstring>
#include <fmt/format.h>

namespace weft::isstest {

namespace {
constexpr uint32_t majorOpcode(uint32_t word) { return word & 0x7f; }

/// Jumps, branches, system instructions and CSRs would not come to the next word, or change the state for it.
bool mayBeProbed(uint32_t word) {
  switch (majorOpcode(word)) {
  case 0x63: // branches
  case 0x67: // jalr
  case 0x6f: // jal
  case 0x73: // system
    return false;
  default:
    return (word & 3) == 3;
  }
}

bool jumpsCompressed(uint32_t half) {
  const uint32_t key = (half & 3) << 3 | half >> 13;
  const bool jump = key == 0b01'101 || key == 0b01'110 || key == 0b01'111; // c.j, c.beqz, c.bnez
  const bool jumpRegister = key == 0b10'100 && (half >> 2 & 31) == 0;      // c.jr, c.jalr, c.ebreak
  return jump || jumpRegister;
}

uint32_t randomWord(Random &random) {
  if (random.percent(5))
    return static_cast<uint32_t>(random.next()) | 3;
  const Row &row = random.pick(rows());
  uint32_t word = row.match | (static_cast<uint32_t>(random.next()) & ~row.mask);
  if (random.percent(50)) { // registers that groups of eight may begin at; v0 is the mask
    const uint32_t aligned = ~((random.percent(50) ? 3u : 7u) * (1u << 7 | 1u << 15 | 1u << 20));
    word = (word & (aligned | row.mask)) | row.match;
  }
  if (random.percent(20)) // two operands in one place, as far as the encoding lets them be
    word = (word & ~(0x1f00000u & ~row.mask)) | ((word >> 7 & 31) << 20 & ~row.mask) | row.match;
  if (random.percent(20))
    word = (word & ~(0xf8000u & ~row.mask)) | ((word >> 7 & 31) << 15 & ~row.mask) | row.match;
  if (row.cls >= hw::rvv::OpClass::VLoad && random.percent(60)) // no segments
    word = (word & ~(0xe0000000u & ~row.mask)) | row.match;
  return random.percent(10) ? word ^ 1u << random.below(32) : word;
}
} // namespace

std::vector<Probe> randomProbes(uint64_t seed, size_t count) {
  Random random(seed);
  const std::vector<VectorSetting> &settings = legalSettings();
  std::vector<Probe> probes;
  while (probes.size() < count) {
    const uint32_t word = randomWord(random);
    const VectorSetting &setting = settings[random.below(settings.size())];
    const uint64_t vtype = random.percent(5) ? illegalType : setting.vtype(random.percent(50), random.percent(50));
    if (mayBeProbed(word))
      probes.push_back({word, vtype});
  }
  return probes;
}

std::vector<Probe> compressedProbes() {
  std::vector<Probe> probes;
  for (uint32_t half = 0; half < 0x10000; ++half)
    if ((half & 3) != 3 && !jumpsCompressed(half))
      probes.push_back({half, 0});
  return probes;
}

bool isLegalVector(const Probe &asked, Rules rules) {
  Probe probe = asked;
  if (rules == Rules::Qemu && isOnlyInQemu(probe.word))
    probe.word |= 1u << 25;
  using hw::rvv::OpClass;
  const Row *row = find(probe.word);
  if (!row || !hw::rvv::isVector(row->cls))
    return false;
  if (row->cls == OpClass::VSet)
    return true;
  const bool illegal = probe.vtype == illegalType;
  const bool isWhole = row->cls == OpClass::VLoadWhole || row->cls == OpClass::VStoreWhole ||
                       (row->cls == OpClass::VMoveWhole && rules == Rules::Qemu);
  if (illegal && !isWhole)
    return false;
  const VectorSetting setting{static_cast<int>(probe.vtype >> 3 & 7) + 3, static_cast<int>((probe.vtype & 7) ^ 4) - 4};
  const bool isMemory = row->cls >= OpClass::VLoad;
  const bool hasFields = isMemory && (row->mask >> 29) == 0;
  const std::optional<VectorShape> shape =
      shapeOf(*row, illegal ? VectorSetting{} : setting, hasFields ? (probe.word >> 29) + 1 : 1);
  if (!shape)
    return false;
  const bool masked =
      shape->masking == Masking::Always || (shape->masking == Masking::Maybe && !(probe.word >> 25 & 1));
  return isLegal(*shape, {probe.word >> 7 & 31, probe.word >> 20 & 31, probe.word >> 15 & 31}, masked,
                 rules == Rules::Qemu ? SharedReads::Allowed : SharedReads::Reserved);
}

std::vector<bool> legalInSimulator(std::span<const Probe> probes, unsigned vlenBits) {
  constexpr uint64_t base = 0x10000;
  std::vector<std::byte> ram(16384);
  iss::Memory memory;
  memory.add({base, ram, iss::Memory::Read | iss::Memory::Write});
  std::vector<bool> legal;
  iss::Hart hart;
  hart.isa = isaOfStreams(vlenBits);
  hart.isa.zfbfmin = hart.isa.zvfbfmin = hart.isa.zvfbfwma = true;
  hart.memory = &memory;
  for (const Probe &probe : probes) {
    hart.x.fill(base + ram.size() / 2);
    hart.x[0] = 0;
    hart.x[1] = probe.vtype;
    const iss::Op configure = iss::decode(vsetvl(0, 0, 1), hart.isa), op = iss::decode(probe.word, hart.isa);
    configure.execute(hart, configure);
    hart.vector.vl = 0;
    hart.x[1] = hart.x[2];
    legal.push_back(op.execute(hart, op) || hart.trap.cause != iss::Cause::IllegalInstruction);
  }
  return legal;
}

bool expectedInQemu(const Probe &probe, bool legalInSimulator) {
  const Row *row = find(probe.word);
  if (row && !isInQemu(*row))
    return false;
  const bool isVector = (row && hw::rvv::isVector(row->cls)) || isOnlyInQemu(probe.word);
  return isVector ? isLegalVector(probe, Rules::Qemu) : legalInSimulator;
}

std::string describe(const Probe &probe) {
  hw::Isa all = isaOfStreams(128);
  all.zfbfmin = all.zvfbfmin = all.zvfbfwma = true;
  std::string text = fmt::format("{} ({:#x})", iss::disassemble(iss::decode(probe.word, all), 0), probe.word);
  if (probe.vtype == illegalType)
    return text + " at vill";
  return text +
         fmt::format(" at SEW {}, LMUL 2^{}", 8 << (probe.vtype >> 3 & 7), static_cast<int>((probe.vtype & 7) ^ 4) - 4);
}

} // namespace weft::isstest
