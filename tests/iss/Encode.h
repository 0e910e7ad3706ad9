// Encoders of the instruction formats, as the unprivileged specification draws them.
#pragma once

#include <cstdint>

namespace weft::isstest {

constexpr uint32_t rType(uint32_t match, unsigned rd, unsigned rs1, unsigned rs2) {
  return match | rd << 7 | rs1 << 15 | rs2 << 20;
}
constexpr uint32_t iType(uint32_t match, unsigned rd, unsigned rs1, int32_t immediate) {
  return match | rd << 7 | rs1 << 15 | static_cast<uint32_t>(immediate) << 20;
}
constexpr uint32_t sType(uint32_t match, unsigned rs1, unsigned rs2, int32_t immediate) {
  const auto bits = static_cast<uint32_t>(immediate);
  return match | (bits & 0x1f) << 7 | rs1 << 15 | rs2 << 20 | (bits >> 5 & 0x7f) << 25;
}
constexpr uint32_t bType(uint32_t match, unsigned rs1, unsigned rs2, int32_t offset) {
  const auto bits = static_cast<uint32_t>(offset);
  return match | (bits >> 11 & 1) << 7 | (bits >> 1 & 0xf) << 8 | rs1 << 15 | rs2 << 20 | (bits >> 5 & 0x3f) << 25 |
         (bits >> 12 & 1) << 31;
}
constexpr uint32_t uType(uint32_t match, unsigned rd, uint32_t upper20) { return match | rd << 7 | upper20 << 12; }
constexpr uint32_t jType(uint32_t match, unsigned rd, int32_t offset) {
  const auto bits = static_cast<uint32_t>(offset);
  return match | rd << 7 | (bits >> 12 & 0xff) << 12 | (bits >> 11 & 1) << 20 | (bits >> 1 & 0x3ff) << 21 |
         (bits >> 20 & 1) << 31;
}

constexpr uint32_t addi(unsigned rd, unsigned rs1, int32_t immediate) { return iType(0x13, rd, rs1, immediate); }
constexpr uint32_t addiw(unsigned rd, unsigned rs1, int32_t immediate) { return iType(0x1b, rd, rs1, immediate); }
constexpr uint32_t lui(unsigned rd, uint32_t upper20) { return uType(0x37, rd, upper20); }
constexpr uint32_t ld(unsigned rd, unsigned rs1, int32_t offset) { return iType(0x3003, rd, rs1, offset); }
constexpr uint32_t sd(unsigned rs2, unsigned rs1, int32_t offset) { return sType(0x3023, rs1, rs2, offset); }
constexpr uint32_t fld(unsigned rd, unsigned rs1, int32_t offset) { return iType(0x3007, rd, rs1, offset); }
constexpr uint32_t fsd(unsigned rs2, unsigned rs1, int32_t offset) { return sType(0x3027, rs1, rs2, offset); }
constexpr uint32_t jal(unsigned rd, int32_t offset) { return jType(0x6f, rd, offset); }
constexpr uint32_t jalr(unsigned rd, unsigned rs1, int32_t offset) { return iType(0x67, rd, rs1, offset); }
constexpr uint32_t csrrw(unsigned rd, unsigned csr, unsigned rs1) { return rType(0x1073 | csr << 20, rd, rs1, 0); }
constexpr uint32_t csrrs(unsigned rd, unsigned csr, unsigned rs1) { return rType(0x2073 | csr << 20, rd, rs1, 0); }
constexpr uint32_t csrrwi(unsigned rd, unsigned csr, unsigned value) { return rType(0x5073 | csr << 20, rd, value, 0); }
constexpr uint32_t vsetvl(unsigned rd, unsigned rs1, unsigned rs2) { return rType(0x80007057, rd, rs1, rs2); }
constexpr uint32_t ecall = 0x73;

/// `lui` and `addiw` that put `address`, below 2^31 - 2048, into `rd`.
constexpr uint32_t upperPart(uint64_t address) { return static_cast<uint32_t>((address + 0x800) >> 12 & 0xfffff); }
constexpr int32_t lowerPart(uint64_t address) { return static_cast<int32_t>(address << 52 >> 52 ^ 0x800) - 0x800; }

/// Bytes of the instruction that `word` holds.
constexpr unsigned lengthOf(uint32_t word) { return (word & 3) == 3 ? 4 : 2; }

namespace csr {
constexpr unsigned fflags = 1, frm = 2, fcsr = 3, vstart = 8, vxsat = 9, vxrm = 10, vcsr = 15, vl = 0xc20,
                   vtype = 0xc21, vlenb = 0xc22;
}

} // namespace weft::isstest
