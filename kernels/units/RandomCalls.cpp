#include "kernels/units/RandomCalls.h"

#include <algorithm>
#include <cstring>

using namespace weft::units;

namespace {

constexpr uint32_t batch = 8; // registers of vs2, and elements of vd, of a batched instruction

} // namespace

RandomCalls::RandomCalls(const Instruction &instruction, uint32_t vlenBits, uint64_t seed)
    : instruction(instruction), vlenBits(vlenBits), random(seed) {}

/// One that the instruction allows, and vtype with this SEW: SEW is at most 64 times LMUL.
int RandomCalls::drawLmul(uint32_t sewBits) {
  std::vector<int> allowed;
  for (int log2 = -3; log2 <= 3; ++log2)
    if ((instruction.lmuls >> (log2 + 3) & 1) && (log2 >= 0 || sewBits <= 64u >> -log2))
      allowed.push_back(log2);
  return allowed[below(allowed.size())];
}

std::vector<std::byte> RandomCalls::drawGroup(ElementType type, uint32_t registers, size_t &cls) {
  const size_t classes = classesOf(type).size(), bytes = bitsOf(type) / 8;
  cls = below(2) ? RandomCall::mixed : below(classes);
  std::vector<std::byte> group(size_t{registers} * vlenBits / 8);
  for (size_t at = 0; at < group.size(); at += bytes) {
    uint32_t element = drawElement(type, cls == RandomCall::mixed ? below(classes) : cls, random);
    std::memcpy(group.data() + at, &element, bytes);
  }
  return group;
}

/// None, one, all, or some elements.
void RandomCalls::drawLength(RandomCall &out) {
  uint32_t elements = vlenBits / out.form->sewBits;
  uint32_t most = out.lmulLog2 < 0 ? elements >> -out.lmulLog2 : elements << out.lmulLog2;
  const uint32_t lengths[] = {0,
                              std::min(1u, most),
                              most,
                              most,
                              static_cast<uint32_t>(below(most + 1)),
                              static_cast<uint32_t>(below(most + 1))};
  out.call.vl = lengths[below(std::size(lengths))];
}

RandomCall RandomCalls::next() {
  RandomCall out;
  out.form = &instruction.forms[below(instruction.forms.size())];
  const Form &form = *out.form;
  out.lmulLog2 = drawLmul(form.sewBits);
  drawLength(out);
  const bool isBatched = instruction.format == Format::Batched;
  const uint32_t group = out.lmulLog2 <= 0 ? 1 : 1u << out.lmulLog2;
  out.vdRegisters = isBatched ? std::max(1u, batch * bitsOf(form.vd) / vlenBits) : group;
  out.vs2Registers = isBatched ? batch : group;
  out.vd = drawGroup(form.vd, out.vdRegisters, out.vdClass);
  out.vs2 = drawGroup(form.vs2, out.vs2Registers, out.vs2Class);
  VectorCall &call = out.call;
  if (isBatched || instruction.format == Format::VectorVector) {
    out.vs1Registers = isBatched ? 1 : group;
    out.vs1 = drawGroup(form.third, out.vs1Registers, out.thirdClass);
    call.vs1 = out.vs1.data();
  } else if (form.third != ElementType::None) {
    out.thirdClass = below(classesOf(form.third).size());
    call.scalar = drawElement(form.third, out.thirdClass, random);
    if (instruction.format == Format::VectorScalar) // what lies above 32 bits of an x register does not matter
      call.scalar |= static_cast<uint64_t>(random()) << 32;
  }
  if (instruction.mayBeMasked() && below(2)) {
    out.mask.resize(vlenBits / 8);
    for (std::byte &each : out.mask)
      each = static_cast<std::byte>(random());
    call.mask = out.mask.data();
  }
  if (instruction.format == Format::VectorImmediate)
    call.immediate = static_cast<uint32_t>(below(32));
  if (isBatched)
    call.immediate = static_cast<uint32_t>(below(std::max(1u, vlenBits / (batch * bitsOf(form.vd)))));
  call.vlenBits = vlenBits;
  call.sewBits = form.sewBits;
  call.lmulEighths = 1u << (out.lmulLog2 + 3);
  call.alternate = form.alternate;
  call.vs2 = out.vs2.data();
  call.vd = out.vd.data();
  return out;
}
