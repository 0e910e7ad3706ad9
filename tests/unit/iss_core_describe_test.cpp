// What the timing model is told of instructions.
#include "sim/iss/Machine.h"
#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace weft;
using namespace weft::iss;
using hw::rvv::noRegister;
using hw::rvv::OpClass;
using hw::rvv::Retired;

namespace {

/// At VLEN 256, SEW 16, LMUL 2, vl 20, x[i] = 0x1000 + i.
Retired describe(const std::string &instruction) {
  static const test::RiscvTools tools;
  Hart hart;
  hart.isa.zvfh = hart.isa.zfh = hart.isa.zfhmin = true;
  hart.vector.sewBits = 16;
  hart.vector.lmulLog2 = 1;
  hart.vector.vl = 20;
  hart.vector.vlmax = 32;
  hart.vector.illegal = false;
  for (unsigned i = 1; i < 32; ++i)
    hart.x[i] = 0x1000 + i;
  std::vector<std::byte> code = tools.assemble(instruction);
  uint32_t word = 0;
  std::memcpy(&word, code.data(), code.size());
  Op op = decode(word, hart.isa);
  REQUIRE(op.opcode != Opcode::Illegal);
  return describeForTiming(op, hart);
}

void checkGroup(hw::rvv::RegisterGroup group, unsigned first, unsigned count) {
  CHECK(group.count == count);
  if (count)
    CHECK(group.first == first);
}

} // namespace

TEST_CASE("Scalar instructions name their registers, and x0 is none") {
  Retired add = describe("sub a0, a1, zero");
  CHECK(add.cls == OpClass::Alu);
  CHECK(add.scalarReads[0] == 11);
  CHECK(add.scalarReads[1] == noRegister);
  CHECK(add.scalarWrite == 10);
  Retired load = describe("ld a0, 8(a1)"); // compressed
  CHECK(load.cls == OpClass::Load);
  CHECK(load.address == 0x1000 + 11 + 8);
  CHECK(load.elementBytes == 8);
  CHECK(load.elements == 1);
  Retired store = describe("fsh fa0, 2(a1)");
  CHECK(store.scalarReads[1] == 32 + 10);
  CHECK(store.elementBytes == 2);
  CHECK(store.scalarWrite == noRegister);
  Retired fma = describe("fmadd.s fa0, fa1, fa2, fa3");
  CHECK(fma.scalarReads[2] == 32 + 13);
  Retired compare = describe("feq.s a0, fa1, fa2");
  CHECK(compare.scalarWrite == 10);
}

TEST_CASE("Vector operands have the registers that EMUL gives them") {
  Retired add = describe("vadd.vv v4, v6, v8, v0.t");
  CHECK(add.masked);
  checkGroup(add.vectorReads[0], 6, 2);
  checkGroup(add.vectorReads[1], 8, 2);
  checkGroup(add.vectorReads[2], 0, 0);
  checkGroup(add.vectorWrite, 4, 2);
  CHECK(add.vl == 20);
  CHECK(add.vlmax == 32);
  CHECK(add.lmulEighths == 16);
  CHECK(add.sewBits == 16);

  Retired macc = describe("vfwmacc.vf v8, fa0, v4");
  CHECK(macc.cls == OpClass::VFWidenFma);
  CHECK(macc.scalarReads[0] == 32 + 10);
  checkGroup(macc.vectorReads[0], 4, 2);
  checkGroup(macc.vectorReads[1], 0, 0);
  checkGroup(macc.vectorReads[2], 8, 4);
  checkGroup(macc.vectorWrite, 8, 4);
  CHECK(macc.resultBits == 32);

  checkGroup(describe("vwadd.wv v8, v4, v2").vectorReads[0], 4, 4);
  checkGroup(describe("vnsrl.wi v8, v4, 3").vectorReads[0], 4, 4);
  checkGroup(describe("vmseq.vx v1, v4, a0").vectorWrite, 1, 1);
  checkGroup(describe("vsext.vf2 v4, v8").vectorReads[0], 8, 1);
  checkGroup(describe("vmv4r.v v4, v8").vectorWrite, 4, 4);
  checkGroup(describe("vredsum.vs v3, v4, v5").vectorWrite, 3, 1);
  checkGroup(describe("vredsum.vs v3, v4, v5").vectorReads[0], 4, 2);
  checkGroup(describe("vrgatherei16.vv v8, v4, v2").vectorReads[1], 2, 2);
  Retired popcount = describe("vcpop.m a0, v3");
  CHECK(popcount.scalarWrite == 10);
  CHECK(popcount.sourceBits == 1);
  checkGroup(popcount.vectorWrite, 0, 0);
}

TEST_CASE("Vector memory accesses tell where, how far apart and how many") {
  Retired unit = describe("vle32.v v4, (a1)");
  CHECK(unit.address == 0x1000 + 11);
  CHECK(unit.elements == 20);
  CHECK(unit.elementBytes == 4);
  checkGroup(unit.vectorWrite, 4, 4); // EEW is twice SEW
  Retired strided = describe("vssseg3e16.v v4, (a1), a2");
  CHECK(strided.cls == OpClass::VStoreStrided);
  CHECK(strided.strideBytes == 0x1000 + 12);
  CHECK(strided.elements == 60);
  CHECK(strided.fields == 3);
  checkGroup(strided.vectorReads[2], 4, 6);
  checkGroup(strided.vectorWrite, 0, 0);
  Retired indexed = describe("vluxei32.v v4, (a1), v8");
  CHECK(indexed.elementBytes == 2); // data are of SEW, indices of the width named
  checkGroup(indexed.vectorReads[1], 8, 4);
  Retired whole = describe("vl4re32.v v4, (a1)");
  CHECK(whole.elements == 32);
  checkGroup(whole.vectorWrite, 4, 4);
  Retired mask = describe("vlm.v v4, (a1)");
  CHECK(mask.elements == 3);
  checkGroup(mask.vectorWrite, 4, 1);
}
