// Vector loads and stores. Each kind first tries to find all the bytes it may touch in one piece of the host's memory;
// where that fails – a mask, a fault in the middle, two ranges – it goes element by element, in order.
#include "sim/iss/VectorChecks.h"
#include "sim/iss/VectorMaskBits.h"

#include <bit>

namespace weft::iss {

namespace {

int log2OfBits(unsigned eewBits) { return std::countr_zero(eewBits); }

/// How the elements of an access lie in memory and in registers. Field f of segment i lies at addressOf(i) +
/// f * elementBytes, and in element i of the f-th group of `emulLog2`.
struct Access {
  unsigned elementBytes = 1;
  unsigned fields = 1;
  unsigned groupRegisters = 1; // of one field
};

std::byte *fieldOf(Hart &hart, const Op &op, const Access &access, unsigned field) {
  return hart.vectorRegister(op.rd + field * access.groupRegisters);
}

/// Rules for the data registers; EMUL in range, groups aligned, within 8 registers and v31, not over the mask.
bool legalData(const Hart &hart, const Op &op, int emulLog2) {
  if (hart.vector.illegal || !emulSupported(emulLog2) || !groupsAligned(op.rd, emulLog2))
    return false;
  const unsigned registers = op.fields * groupRegisters(emulLog2);
  return registers <= 8 && op.rd + registers <= 32 && !usesItsMask(op);
}

int emulOf(const VectorState &state, unsigned eewBits) {
  return state.lmulLog2 + log2OfBits(eewBits) - log2OfBits(state.sewBits);
}

template <bool Load> constexpr Memory::Access allowed = Load ? Memory::Read : Memory::Write;

template <bool Load> void copyElement(std::byte *inRegister, std::byte *inMemory, size_t bytes) {
  if constexpr (Load)
    std::memcpy(inRegister, inMemory, bytes);
  else
    std::memcpy(inMemory, inRegister, bytes);
}

/// Segments [vstart, vl) one after the other, from wherever `addressOf` says. A fault leaves vstart at the segment.
template <bool Load, class AddressOf>
bool accessInOrder(Hart &hart, const Op &op, const Access &access, AddressOf addressOf) {
  VectorState &state = hart.vector;
  for (size_t i = state.vstart; i < state.vl; ++i) {
    if (!op.unmasked && !hart.maskBit(i))
      continue;
    for (unsigned field = 0; field < access.fields; ++field) {
      const uint64_t address = addressOf(i) + field * access.elementBytes;
      std::byte *bytes = hart.memory->find(address, access.elementBytes, allowed<Load>);
      if (!bytes) {
        state.vstart = i;
        return hart.fail(Load ? Cause::LoadFault : Cause::StoreFault, address);
      }
      copyElement<Load>(fieldOf(hart, op, access, field) + i * access.elementBytes, bytes, access.elementBytes);
    }
  }
  state.vstart = 0;
  return true;
}

/// Segments [vstart, vl) whose bytes have all been found: segment i lies at bytes + offsetOf(i). Stores go segment by
/// segment, as they may overlap each other; loads field by field.
template <bool Load, class U, class OffsetOf>
void copySegments(Hart &hart, const Op &op, const Access &access, std::byte *bytes, OffsetOf offsetOf) {
  // In locals, for the compiler cannot know that guest memory is none of these.
  const size_t begin = hart.vector.vstart, end = hart.vector.vl, fields = access.fields;
  const bool unmasked = op.unmasked;
  const std::byte *mask = hart.vectorRegister(0);
  const size_t fieldBytes = access.groupRegisters * hart.isa.vlenBytes();
  std::byte *elements = hart.vectorRegister(op.rd);
  auto active = [=](size_t i) { return unmasked || (static_cast<uint8_t>(mask[i / 8]) >> (i % 8) & 1); };
  if constexpr (Load) {
    for (size_t field = 0; field < fields; ++field)
      for (size_t i = begin; i < end; ++i)
        if (active(i))
          std::memcpy(elements + field * fieldBytes + i * sizeof(U), bytes + offsetOf(i) + field * sizeof(U),
                      sizeof(U));
  } else {
    for (size_t i = begin; i < end; ++i)
      for (size_t field = 0; active(i) && field < fields; ++field)
        std::memcpy(bytes + offsetOf(i) + field * sizeof(U), elements + field * fieldBytes + i * sizeof(U), sizeof(U));
  }
}
template <bool Load, class OffsetOf>
void copyFound(Hart &hart, const Op &op, const Access &access, std::byte *bytes, OffsetOf offsetOf) {
  switch (access.elementBytes) {
  case 1:
    return copySegments<Load, uint8_t>(hart, op, access, bytes, offsetOf);
  case 2:
    return copySegments<Load, uint16_t>(hart, op, access, bytes, offsetOf);
  case 4:
    return copySegments<Load, uint32_t>(hart, op, access, bytes, offsetOf);
  default:
    return copySegments<Load, uint64_t>(hart, op, access, bytes, offsetOf);
  }
}

template <bool Load> bool executeUnitStride(Hart &hart, const Op &op) {
  VectorState &state = hart.vector;
  const int emul = emulOf(state, op.eewBits);
  if (!legalData(hart, op, emul))
    return hart.illegal(op);
  if (state.vstart < state.vl) {
    const Access access{op.eewBits / 8u, op.fields, groupRegisters(emul)};
    const uint64_t segmentBytes = access.elementBytes * access.fields, base = hart.x[op.rs1];
    const size_t begin = state.vstart, count = state.vl - begin;
    std::byte *bytes = hart.memory->find(base + begin * segmentBytes, count * segmentBytes, allowed<Load>);
    if (!bytes)
      return accessInOrder<Load>(hart, op, access, [&](size_t i) { return base + i * segmentBytes; });
    if (op.unmasked && op.fields == 1)
      copyElement<Load>(hart.vectorRegister(op.rd) + begin * access.elementBytes, bytes, count * access.elementBytes);
    else
      copyFound<Load>(hart, op, access, bytes, [=](size_t i) { return (i - begin) * segmentBytes; });
  }
  state.vstart = 0;
  return true;
}

/// A fault at any but element 0 shortens vl instead.
bool executeFaultOnlyFirst(Hart &hart, const Op &op) {
  VectorState &state = hart.vector;
  const int emul = emulOf(state, op.eewBits);
  if (!legalData(hart, op, emul))
    return hart.illegal(op);
  const uint64_t segmentBytes = uint64_t{op.eewBits} / 8 * op.fields, base = hart.x[op.rs1];
  if (!hart.memory->find(base, state.vl * segmentBytes, Memory::Read)) {
    for (size_t i = state.vstart; i < state.vl; ++i) {
      if ((!op.unmasked && !hart.maskBit(i)) || hart.memory->find(base + i * segmentBytes, segmentBytes, Memory::Read))
        continue;
      if (i != 0)
        state.vl = i;
      break; // element 0 faults in the ordinary way
    }
  }
  return executeUnitStride<true>(hart, op);
}

template <bool Load> bool executeStrided(Hart &hart, const Op &op) {
  VectorState &state = hart.vector;
  const int emul = emulOf(state, op.eewBits);
  if (!legalData(hart, op, emul))
    return hart.illegal(op);
  if (state.vstart < state.vl) {
    const Access access{op.eewBits / 8u, op.fields, groupRegisters(emul)};
    const uint64_t base = hart.x[op.rs1], stride = hart.x[op.rs2];
    const uint64_t segmentBytes = access.elementBytes * access.fields;
    // Strides beyond a terabyte are not worth an overflow check.
    constexpr uint64_t largeStride = uint64_t{1} << 40;
    const bool small = stride + largeStride < 2 * largeStride;
    const uint64_t first = base + state.vstart * stride, last = base + (state.vl - 1) * stride;
    const bool down = static_cast<int64_t>(stride) < 0;
    const uint64_t low = down ? last : first, high = down ? first : last;
    std::byte *bytes = small ? hart.memory->find(low, high - low + segmentBytes, allowed<Load>) : nullptr;
    if (!bytes)
      return accessInOrder<Load>(hart, op, access, [&](size_t i) { return base + i * stride; });
    copyFound<Load>(hart, op, access, bytes, [=](size_t i) { return base + i * stride - low; });
  }
  state.vstart = 0;
  return true;
}

template <class Index> uint64_t indexAt(const std::byte *indices, size_t i) {
  Index index;
  std::memcpy(&index, indices + i * sizeof(Index), sizeof(Index));
  return index; // zero-extended
}

template <class Index> uint64_t largestIndex(const std::byte *indices, size_t begin, size_t end) {
  Index largest = 0;
  for (size_t i = begin; i < end; ++i)
    largest = std::max<Index>(largest, static_cast<Index>(indexAt<Index>(indices, i)));
  return largest;
}

template <bool Load, class Index> bool accessIndexed(Hart &hart, const Op &op, const Access &access) {
  VectorState &state = hart.vector;
  const std::byte *indices = hart.vectorRegister(op.rs2);
  const uint64_t base = hart.x[op.rs1], segmentBytes = access.elementBytes * access.fields;
  auto offsetOf = [=](size_t i) { return indexAt<Index>(indices, i); };
  const uint64_t largest = largestIndex<Index>(indices, state.vstart, state.vl);
  std::byte *bytes =
      largest <= ~uint64_t{0} - segmentBytes ? hart.memory->find(base, largest + segmentBytes, allowed<Load>) : nullptr;
  if (!bytes)
    return accessInOrder<Load>(hart, op, access, [&](size_t i) { return base + offsetOf(i); });
  copyFound<Load>(hart, op, access, bytes, offsetOf);
  state.vstart = 0;
  return true;
}

/// EEW of the encoding is that of indices; data have SEW and LMUL.
template <bool Load> bool executeIndexed(Hart &hart, const Op &op) {
  VectorState &state = hart.vector;
  const int indexEmul = emulOf(state, op.eewBits);
  if (!legalData(hart, op, state.lmulLog2) || !emulSupported(indexEmul) || !groupsAligned(op.rs2, indexEmul) ||
      readsItsMask(op, op.rs2))
    return hart.illegal(op);
  const VectorGroup indices{op.rs2, indexEmul, op.eewBits}, data{op.rd, state.lmulLog2, state.sewBits};
  const bool overlap = indices.first < op.rd + op.fields * data.count() && op.rd < indices.end();
  if (Load && op.fields == 1 ? !mayOverlap(data, indices) : overlap && (Load || indices.eewBits != data.eewBits))
    return hart.illegal(op);
  if (state.vstart >= state.vl) {
    state.vstart = 0;
    return true;
  }
  const Access access{state.sewBits / 8, op.fields, groupRegisters(state.lmulLog2)};
  switch (op.eewBits) {
  case 8:
    return accessIndexed<Load, uint8_t>(hart, op, access);
  case 16:
    return accessIndexed<Load, uint16_t>(hart, op, access);
  case 32:
    return accessIndexed<Load, uint32_t>(hart, op, access);
  default:
    return accessIndexed<Load, uint64_t>(hart, op, access);
  }
}

/// `bytes` bytes in order, whatever vtype and vl say; vstart counts elements of `elementBytes`.
template <bool Load> bool accessBytes(Hart &hart, const Op &op, size_t bytes, size_t elementBytes) {
  VectorState &state = hart.vector;
  const uint64_t base = hart.x[op.rs1];
  std::byte *inRegister = hart.vectorRegister(op.rd);
  const size_t begin = state.vstart * elementBytes;
  if (begin < bytes) {
    if (std::byte *found = hart.memory->find(base + begin, bytes - begin, allowed<Load>)) {
      copyElement<Load>(inRegister + begin, found, bytes - begin);
    } else {
      for (size_t i = begin; i < bytes; i += elementBytes) {
        std::byte *element = hart.memory->find(base + i, elementBytes, allowed<Load>);
        if (!element) {
          state.vstart = i / elementBytes;
          return hart.fail(Load ? Cause::LoadFault : Cause::StoreFault, base + i);
        }
        copyElement<Load>(inRegister + i, element, elementBytes);
      }
    }
  }
  state.vstart = 0;
  return true;
}

/// Does not depend on vtype, so vill does not matter.
template <bool Load> bool executeWhole(Hart &hart, const Op &op) {
  if (op.rd % op.fields != 0)
    return hart.illegal(op);
  return accessBytes<Load>(hart, op, size_t{op.fields} * hart.isa.vlenBytes(), op.eewBits / 8u);
}

/// ceil(vl / 8) bytes.
template <bool Load> bool executeMask(Hart &hart, const Op &op) {
  if (hart.vector.illegal)
    return hart.illegal(op);
  return accessBytes<Load>(hart, op, (hart.vector.vl + 7) / 8, 1);
}

} // namespace

Execute vectorMemoryExecutor(Opcode opcode) {
  switch (classOf(opcode)) {
  case hw::rvv::OpClass::VLoad:
    return executeUnitStride<true>;
  case hw::rvv::OpClass::VStore:
    return executeUnitStride<false>;
  case hw::rvv::OpClass::VLoadFaultFirst:
    return executeFaultOnlyFirst;
  case hw::rvv::OpClass::VLoadStrided:
    return executeStrided<true>;
  case hw::rvv::OpClass::VStoreStrided:
    return executeStrided<false>;
  case hw::rvv::OpClass::VLoadIndexed:
    return executeIndexed<true>;
  case hw::rvv::OpClass::VStoreIndexed:
    return executeIndexed<false>;
  case hw::rvv::OpClass::VLoadWhole:
    return executeWhole<true>;
  case hw::rvv::OpClass::VStoreWhole:
    return executeWhole<false>;
  case hw::rvv::OpClass::VLoadMask:
    return executeMask<true>;
  case hw::rvv::OpClass::VStoreMask:
    return executeMask<false>;
  default:
    return nullptr;
  }
}

} // namespace weft::iss
