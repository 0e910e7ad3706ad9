// Vector loads and stores.
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <random>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {

/// One access, carried out element by element on copies of registers and memory.
struct Reference {
  Guest &guest;
  decltype(Hart::v) v;
  std::vector<std::byte> ram;

  explicit Reference(Guest &guest) : guest(guest), v(guest.hart.v), ram(guest.ram) {}

  void access(bool isLoad, const Operands &operands, unsigned eew, unsigned groupRegisters,
              const std::function<uint64_t(size_t)> &addressOf) {
    const auto &before = guest.hart.v;
    for (size_t i = guest.hart.vector.vstart; i < guest.hart.vector.vl; ++i)
      for (unsigned field = 0; field < operands.fields; ++field) {
        if (!operands.unmasked && !guest.bit(0, i))
          continue;
        const size_t inMemory = addressOf(i) + field * eew / 8 - Guest::base;
        const size_t inRegister = (operands.rd + field * groupRegisters) * guest.vlenBytes() + i * eew / 8;
        for (unsigned byte = 0; byte < eew / 8; ++byte)
          if (isLoad)
            v[inRegister + byte] = ram[inMemory + byte];
          else
            ram[inMemory + byte] = before[inRegister + byte];
      }
  }
};

void randomise(Guest &guest, std::mt19937_64 &random) {
  for (std::byte &byte : guest.hart.v)
    byte = static_cast<std::byte>(random());
  for (std::byte &byte : guest.ram)
    byte = static_cast<std::byte>(random());
}

std::string nameOf(const char *stem, unsigned eew, const char *end = ".v") { return stem + std::to_string(eew) + end; }

/// Everything legal: (sew, lmul, eew, fields), with EMUL of the data in the range that its mnemonic asks for.
void forEachShape(const std::function<void(unsigned, int, unsigned, unsigned)> &visit) {
  for (unsigned sew : {8u, 16u, 32u, 64u})
    for (int lmul = -3; lmul <= 3; ++lmul)
      for (unsigned eew : {8u, 16u, 32u, 64u})
        for (unsigned fields = 1; fields <= 8; ++fields)
          if (lmul >= 0 || sew <= 64u >> -lmul)
            visit(sew, lmul, eew, fields);
}

int log2Of(unsigned value) { return __builtin_ctz(value); }
unsigned registersOf(int emul) { return emul <= 0 ? 1 : 1u << emul; }

} // namespace

TEST_CASE("unit-stride and strided accesses, segments of all sizes") {
  std::mt19937_64 random(2);
  for (uint32_t vlen : {128u, 256u, 1024u})
    forEachShape([&](unsigned sew, int lmul, unsigned eew, unsigned fields) {
      Guest guest(vlen);
      randomise(guest, random);
      const uint64_t vlmax = guest.configure(sew, lmul, ~uint64_t{0});
      const int emul = lmul + log2Of(eew) - log2Of(sew);
      const bool legal = emul >= -3 && emul <= 3 && fields * registersOf(emul) <= 8;
      for (int kind = 0; kind < 5; ++kind) {
        guest.configure(sew, lmul, random() % 3 ? random() % (vlmax + 1) : vlmax);
        guest.hart.vector.vstart = random() % 4 == 0 ? random() % vlmax : 0;
        const Operands operands{16, 5, 6, random() % 2 != 0, fields};
        const bool strided = kind == 1 || kind == 3, isLoad = kind < 2 || kind == 4;
        const int64_t strides[] = {0, 1, 3, -1, -5, 24, -24, static_cast<int64_t>(fields * eew / 8)};
        const int64_t stride = strided ? strides[random() % 8] : fields * eew / 8;
        guest.hart.x[5] = Guest::base + Guest::size / 2 - (strided ? 0 : 0x3000);
        guest.hart.x[6] = static_cast<uint64_t>(stride);
        const char *stems[] = {"vle", "vlse", "vse", "vsse", "vle"};
        const std::string name = nameOf(stems[kind], eew, kind == 4 ? "ff.v" : ".v");
        Operands used = operands;
        if (!strided)
          used.rs2 = 0;
        INFO(name << " vlen " << vlen << " sew " << sew << " lmul 2^" << lmul << " fields " << fields << " stride "
                  << stride << " vl " << guest.hart.vector.vl);
        if (!legal) {
          REQUIRE(guest.isIllegal(name, used));
          continue;
        }
        Reference reference(guest);
        reference.access(isLoad, operands, eew, registersOf(emul),
                         [&](size_t i) { return guest.hart.x[5] + i * static_cast<uint64_t>(stride); });
        REQUIRE(guest.run(name, used));
        REQUIRE(guest.hart.v == reference.v);
        REQUIRE(guest.ram == reference.ram);
        REQUIRE(guest.hart.vector.vstart == 0);
      }
    });
}

TEST_CASE("indexed accesses, ordered and unordered, segments of all sizes") {
  std::mt19937_64 random(3);
  for (uint32_t vlen : {128u, 512u})
    forEachShape([&](unsigned sew, int lmul, unsigned eew, unsigned fields) {
      Guest guest(vlen);
      randomise(guest, random);
      const uint64_t vlmax = guest.configure(sew, lmul, ~uint64_t{0});
      const int emul = lmul + log2Of(eew) - log2Of(sew);
      const bool legal = emul >= -3 && emul <= 3 && fields * registersOf(lmul) <= 8;
      for (int kind = 0; kind < 4; ++kind) {
        guest.configure(sew, lmul, random() % 3 ? random() % (vlmax + 1) : vlmax);
        guest.hart.vector.vstart = random() % 4 == 0 ? random() % vlmax : 0;
        const Operands operands{16, 5, 8, random() % 2 != 0, fields};
        const bool isLoad = kind < 2;
        if (legal) // indices that stay in memory, near each other so that stores collide
          for (size_t i = 0; i < vlmax; ++i)
            guest.setElement(8, eew, i, eew == 8 ? random() : random() % 2 ? random() % 64 : random() % 0x7000);
        guest.hart.x[5] = Guest::base;
        const char *stems[] = {"vluxei", "vloxei", "vsuxei", "vsoxei"};
        const std::string name = nameOf(stems[kind], eew);
        INFO(name << " vlen " << vlen << " sew " << sew << " lmul 2^" << lmul << " fields " << fields);
        if (!legal) {
          REQUIRE(guest.isIllegal(name, operands));
          continue;
        }
        Reference reference(guest);
        reference.access(isLoad, operands, sew, registersOf(lmul),
                         [&](size_t i) { return guest.hart.x[5] + guest.element(8, eew, i); });
        REQUIRE(guest.run(name, operands));
        REQUIRE(guest.hart.v == reference.v);
        REQUIRE(guest.ram == reference.ram);
        REQUIRE(guest.hart.vector.vstart == 0);
      }
    });
}

TEST_CASE("segments end at v31 and indexed segments do not overlap their indices") {
  Guest guest(128);
  guest.configure(8, 1, 4);
  guest.hart.x[5] = Guest::base;
  CHECK_FALSE(guest.isIllegal("vle8.v", {26, 5, 0, true, 3}));
  CHECK(guest.isIllegal("vle8.v", {28, 5, 0, true, 3}));
  CHECK(guest.isIllegal("vse8.v", {30, 5, 0, true, 2}));
  for (unsigned i = 0; i < 32; ++i)
    guest.setElement(8, 8, i, 0), guest.setElement(12, 8, i, 0);
  CHECK_FALSE(guest.isIllegal("vluxei8.v", {8, 5, 8})); // one field, one width: over itself
  CHECK(guest.isIllegal("vluxei8.v", {8, 5, 8, true, 2}));
  CHECK(guest.isIllegal("vluxei8.v", {8, 5, 10, true, 2}));
  CHECK_FALSE(guest.isIllegal("vluxei8.v", {8, 5, 12, true, 2}));
  CHECK_FALSE(guest.isIllegal("vsuxei8.v", {8, 5, 8, true, 2})); // stores write no register
  guest.configure(8, 0, 4);
  CHECK(guest.isIllegal("vluxei16.v", {9, 5, 8})); // narrow over the upper half of wide indices
  guest.setElement(8, 64, 0, 0);
  CHECK_FALSE(guest.isIllegal("vluxei16.v", {8, 5, 8}));
  guest.configure(16, 1, 4);
  CHECK(guest.isIllegal("vluxei8.v", {8, 5, 8}));
  guest.setElement(9, 64, 0, 0);
  CHECK_FALSE(guest.isIllegal("vluxei8.v", {8, 5, 9}));
}

TEST_CASE("a fault in the middle leaves vstart at the element and what came before") {
  Guest guest(128);
  guest.configure(32, 1, 8);
  for (unsigned i = 0; i < 8; ++i) {
    guest.setElement(8, 32, i, 0xdead0000 + i);
    const uint32_t value = 100 + i;
    std::memcpy(&guest.ram[Guest::size - 20 + (i < 5 ? i * 4 : 0)], &value, 4);
  }
  guest.ram[Guest::size - 20] = std::byte{100};
  guest.hart.x[5] = Guest::base + Guest::size - 20; // five elements
  CHECK_FALSE(guest.run("vle32.v", {8, 5, 0}));
  CHECK(guest.hart.trap.cause == Cause::LoadFault);
  CHECK(guest.hart.trap.value == Guest::base + Guest::size);
  CHECK(guest.hart.vector.vstart == 5);
  CHECK(guest.hart.vector.vl == 8);
  for (unsigned i = 0; i < 8; ++i)
    CHECK(guest.element(8, 32, i) == (i < 5 ? 100 + i : 0xdead0000 + i));
  // The same again resumes at the element and faults there again.
  CHECK_FALSE(guest.run("vle32.v", {8, 5, 0}));
  CHECK(guest.hart.vector.vstart == 5);

  guest.hart.vector.vstart = 0;
  CHECK_FALSE(guest.run("vse32.v", {8, 5, 0}));
  CHECK(guest.hart.trap.cause == Cause::StoreFault);
  CHECK(guest.hart.trap.value == Guest::base + Guest::size);
  CHECK(guest.hart.vector.vstart == 5);

  // What the mask leaves out is not accessed.
  guest.hart.vector.vstart = 0;
  for (unsigned i = 0; i < 8; ++i)
    guest.setBit(0, i, i < 5);
  CHECK(guest.run("vle32.v", {8, 5, 0, false}));
  CHECK(guest.hart.vector.vstart == 0);

  // Downwards, below the memory.
  guest.hart.x[5] = Guest::base + 8;
  guest.hart.x[6] = static_cast<uint64_t>(-4);
  CHECK_FALSE(guest.run("vlse32.v", {8, 5, 6}));
  CHECK(guest.hart.vector.vstart == 3);
  CHECK(guest.hart.trap.value == Guest::base - 4);

  // The second field of the third segment.
  guest.configure(32, 0, 4);
  guest.hart.x[5] = Guest::base + Guest::size - 20;
  CHECK_FALSE(guest.run("vle32.v", {8, 5, 0, true, 2}));
  CHECK(guest.hart.vector.vstart == 2);
  CHECK(guest.hart.trap.value == Guest::base + Guest::size);

  // An index beyond the memory.
  guest.configure(32, 0, 4);
  for (unsigned i = 0; i < 4; ++i)
    guest.setElement(12, 32, i, i == 2 ? 0xfffffff0 : 4 * i);
  guest.hart.x[5] = Guest::base;
  CHECK_FALSE(guest.run("vluxei32.v", {8, 5, 12}));
  CHECK(guest.hart.vector.vstart == 2);
  CHECK(guest.hart.trap.value == Guest::base + 0xfffffff0);
}

TEST_CASE("an access may lie in two ranges that touch") {
  Guest guest(128);
  std::vector<std::byte> more(64, std::byte{0x5a});
  guest.memory.add({Guest::base + Guest::size, more, Memory::Read});
  guest.configure(16, 0, 8);
  guest.hart.x[5] = Guest::base + Guest::size - 6;
  CHECK(guest.run("vle16.v", {8, 5, 0}));
  CHECK(guest.element(8, 16, 2) == 0);
  CHECK(guest.element(8, 16, 3) == 0x5a5a);
  CHECK_FALSE(guest.run("vse16.v", {8, 5, 0})); // the second cannot be written
  CHECK(guest.hart.vector.vstart == 3);
  CHECK(guest.hart.trap.cause == Cause::StoreFault);
}

TEST_CASE("fault-only-first loads shorten vl, and trap for element 0 alone") {
  Guest guest(128);
  guest.configure(16, 1, 16);
  guest.hart.x[5] = Guest::base + Guest::size - 10;
  CHECK(guest.run("vle16ff.v", {8, 5, 0}));
  CHECK(guest.hart.vector.vl == 5);
  CHECK(guest.hart.vector.vstart == 0);

  guest.configure(16, 1, 16);
  guest.hart.x[5] = Guest::base + Guest::size;
  CHECK_FALSE(guest.run("vle16ff.v", {8, 5, 0}));
  CHECK(guest.hart.trap.cause == Cause::LoadFault);
  CHECK(guest.hart.trap.value == Guest::base + Guest::size);
  CHECK(guest.hart.vector.vl == 16);
  CHECK(guest.hart.vector.vstart == 0);

  // Element 0 is masked off; the first active one ends the vector.
  for (unsigned i = 0; i < 16; ++i)
    guest.setBit(0, i, i >= 3);
  CHECK(guest.run("vle16ff.v", {8, 5, 0, false}));
  CHECK(guest.hart.vector.vl == 3);

  // Three fields a segment, two bytes each: two whole segments.
  guest.configure(16, 1, 16);
  guest.hart.x[5] = Guest::base + Guest::size - 16;
  CHECK(guest.run("vle16ff.v", {8, 5, 0, true, 3}));
  CHECK(guest.hart.vector.vl == 2);
}

TEST_CASE("mask loads and stores move ceil(vl / 8) bytes") {
  Guest guest(128);
  for (size_t i = 0; i < 64; ++i)
    guest.ram[i] = static_cast<std::byte>(i + 1);
  for (uint64_t vl : {0u, 1u, 8u, 9u, 100u, 128u}) {
    guest.configure(8, 3, vl);
    guest.hart.v.fill(std::byte{0xee});
    guest.hart.x[5] = Guest::base;
    REQUIRE(guest.run("vlm.v", {9, 5, 0})); // no group
    for (size_t i = 0; i < 16; ++i)
      CHECK(guest.hart.v[9 * 16 + i] == (i < (vl + 7) / 8 ? static_cast<std::byte>(i + 1) : std::byte{0xee}));
    guest.hart.x[5] = Guest::base + 0x100;
    std::memset(&guest.ram[0x100], 0x77, 32);
    REQUIRE(guest.run("vsm.v", {9, 5, 0}));
    for (size_t i = 0; i < 32; ++i)
      CHECK(guest.ram[0x100 + i] == (i < (vl + 7) / 8 ? static_cast<std::byte>(i + 1) : std::byte{0x77}));
  }
}

TEST_CASE("whole-register accesses do not ask vl, and resume at vstart elements") {
  Guest guest(256);
  guest.configure(8, 0, 0);
  for (size_t i = 0; i < Guest::size; ++i)
    guest.ram[i] = static_cast<std::byte>(i * 7 + i / 256);
  guest.hart.x[5] = Guest::base + 3; // any alignment
  for (unsigned count : {1u, 2u, 4u, 8u})
    for (unsigned eew : {8u, 16u, 32u, 64u}) {
      guest.hart.v.fill(std::byte{0});
      guest.hart.vector.vstart = 2;
      const std::string name = "vl" + std::to_string(count) + "re" + std::to_string(eew) + ".v";
      INFO(name);
      REQUIRE(guest.run(name, {16, 5, 0}));
      for (size_t i = 0; i < 9 * 32; ++i)
        REQUIRE(guest.hart.v[16 * 32 + i] == (i >= 2 * eew / 8 && i < count * 32 ? guest.ram[3 + i] : std::byte{0}));
      REQUIRE(guest.hart.vector.vstart == 0);
      if (count > 1)
        REQUIRE(guest.isIllegal(name, {17, 5, 0}));
    }
  guest.hart.x[5] = Guest::base + Guest::size - 40;
  CHECK_FALSE(guest.run("vl2re32.v", {16, 5, 0}));
  CHECK(guest.hart.vector.vstart == 10);
  CHECK(guest.hart.trap.value == Guest::base + Guest::size);
  guest.hart.vector.vstart = 0;
  CHECK_FALSE(guest.run("vs2r.v", {16, 5, 0}));
  CHECK(guest.hart.vector.vstart == 40);
}
