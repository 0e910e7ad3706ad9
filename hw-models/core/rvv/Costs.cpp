#include "hw-models/core/rvv/Costs.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <numeric>

using namespace weft::hw;
using namespace weft::hw::rvv;

namespace {

uint8_t log2Of(uint32_t powerOfTwo) { return static_cast<uint8_t>(std::countr_zero(powerOfTwo)); }

uint64_t ceilLog2(uint64_t value) { return value <= 1 ? 0 : static_cast<uint64_t>(std::bit_width(value - 1)); }

uint64_t ceiling(double cycles) { return static_cast<uint64_t>(std::ceil(cycles - 1e-9)); }

bool isLoad(OpClass cls) {
  using enum OpClass;
  return cls == VLoad || cls == VLoadFaultFirst || cls == VLoadStrided || cls == VLoadIndexed;
}

} // namespace

Costs::Costs(const CoreSpec &core)
    : rvv(core.rvv), vlenBits(core.vlenBits), dlenBits(core.dlenBits), dlenLog2(log2Of(core.dlenBits)),
      maskedLog2(rvv.width.masked ? log2Of(rvv.width.masked) : 31),
      multiply64Log2(rvv.width.multiply64 ? log2Of(rvv.width.multiply64) : 31) {
  if (rvv.occupancy != "vl")
    occupancy = rvv.occupancy == "group" ? Occupancy::Group : Occupancy::Registers;
  if (rvv.reduction.style != "rows")
    reduction = rvv.reduction.style == "halving" ? Reduction::Halving : Reduction::Elements;
  divideByRows = rvv.divide.style == "rows";
  fill(core);
  fillMemory(core);
}

void Costs::fill(const CoreSpec &core) {
  const auto &[integer, shift, multiply, floating, convert, permute, mask] = rvv.latency;
  const RvvTiming::Width &width = rvv.width;
  const RvvTiming::Sequencer &sequencer = rvv.sequencer;
  auto set = [&](std::initializer_list<OpClass> classes, Shape shape, uint32_t unit, uint32_t bits, uint32_t latency) {
    for (OpClass cls : classes)
      table[static_cast<size_t>(cls)] = {.shape = shape,
                                         .sequencer = static_cast<uint8_t>(unit),
                                         .widthLog2 = log2Of(bits ? bits : dlenBits),
                                         .latency = latency};
  };
  auto each = [&](std::initializer_list<OpClass> classes, auto change) {
    for (OpClass cls : classes)
      change(table[static_cast<size_t>(cls)]);
  };
  auto isElementwise = [&](std::string_view operation) {
    const auto &list = core.rvv.elementwise.operations;
    return std::find(list.begin(), list.end(), operation) != list.end();
  };
  auto rowsUnless = [&](std::string_view operation) {
    return isElementwise(operation) ? Shape::Elements : Shape::Rows;
  };
  using enum OpClass;
  extendsElementwise = isElementwise("extend");

  set({VAlu, VSaturate}, Shape::Rows, sequencer.integer, width.integer, integer);
  set({VLogic, VCarry}, Shape::Rows, sequencer.integer, width.shift, integer);
  set({VMove, VFMove}, Shape::Rows, sequencer.integer, width.shift, integer);
  set({VShift}, Shape::Rows, sequencer.integer, width.shift, shift);
  set({VWidenAlu}, Shape::WidenRows, sequencer.integer, width.integer, integer);
  set({VNarrowShift, VClip}, Shape::NarrowRows, sequencer.integer, width.shift, shift);
  set({VCompare}, Shape::MaskWrite, sequencer.integer, width.shift, mask);
  set({VMultiply, VMacc, VSaturatingMultiply}, Shape::Rows, sequencer.multiply, width.multiply, multiply);
  set({VWidenMultiply, VWidenMacc}, Shape::WidenRows, sequencer.multiply, width.multiply, multiply);
  set({VDivide}, Shape::Divide, sequencer.multiply, dlenBits, multiply);

  set({VFAdd, VFMultiply, VFFma}, Shape::Rows, sequencer.floating, width.floating, floating);
  set({VFWidenAdd, VFWidenMultiply, VFWidenFma}, Shape::WidenRows, sequencer.floating, width.floating, floating);
  each({VFAdd, VFMultiply, VFFma, VFWidenAdd, VFWidenMultiply, VFWidenFma}, [](ClassTraits &t) { t.isFpu = true; });
  set({VFDivide, VFSqrt}, Shape::Divide, sequencer.floating, dlenBits, floating);
  set({VFMinMax}, Shape::Rows, sequencer.floating, width.floating, integer);
  set({VFSign}, Shape::Rows, sequencer.floating, width.convert, integer);
  set({VFConvert}, Shape::Rows, sequencer.floating, width.convert, convert);
  set({VFWidenConvert}, Shape::WidenRows, sequencer.floating, width.convert, convert);
  set({VFNarrowConvert}, Shape::NarrowRows, sequencer.floating, width.convert, convert);
  set({VFEstimate}, rowsUnless("estimate"), sequencer.floating, width.convert, convert);
  set({VFClass}, rowsUnless("classify"), sequencer.floating, width.convert, convert);
  set({VFCompare}, Shape::MaskWrite, sequencer.floating, width.convert, mask);

  set({VReduce}, Shape::Reduce, sequencer.integer, dlenBits, integer);
  set({VWidenReduce}, Shape::Reduce, sequencer.integer, width.integer, integer);
  set({VFReduceMinMax}, Shape::Reduce, sequencer.floating, dlenBits, integer);
  set({VFReduceUnordered, VFWidenReduceUnordered}, Shape::Reduce, sequencer.floating, dlenBits, floating);
  set({VFReduceOrdered, VFWidenReduceOrdered}, Shape::ReduceOrdered, sequencer.floating, dlenBits, floating);
  auto orElse = [](uint32_t given, uint32_t fallback) { return given ? given : fallback; };
  uint32_t floatStep = orElse(rvv.reduction.floatCycles, floating);
  uint32_t integerStep = orElse(rvv.reduction.integerCycles, integer);
  each({VReduce, VWidenReduce}, [&](ClassTraits &t) { t.step = integerStep; });
  each({VFReduceMinMax}, [&](ClassTraits &t) { t.step = orElse(rvv.reduction.minimumCycles, integerStep); });
  each({VFReduceUnordered, VFWidenReduceUnordered}, [&](ClassTraits &t) { t.step = floatStep; });
  each({VFReduceOrdered, VFWidenReduceOrdered},
       [&](ClassTraits &t) { t.step = orElse(rvv.reduction.orderedCycles, floatStep); });

  set({VMaskLogic}, Shape::Masks, sequencer.mask, dlenBits, mask);
  set({VMaskSet}, Shape::MaskSet, sequencer.mask, dlenBits, mask);
  set({VMaskCount, VMaskFirst}, Shape::Masks, sequencer.mask, dlenBits, mask);
  set({VIota, VIndex}, Shape::Index, sequencer.mask, width.permute, mask);

  set({VSlide, VSlideOne, VGatherScalar}, rowsUnless("slide"), sequencer.permute, width.permute, permute);
  set({VGather}, isElementwise("gather") ? Shape::Elements : Shape::Crossbar, sequencer.permute, width.permute,
      permute);
  set({VCompress}, isElementwise("compress") ? Shape::Elements : Shape::CompressRows, sequencer.permute, width.permute,
      permute);
  each({VGather, VCompress}, [](ClassTraits &t) { t.readsWhole = true; });
  set({VMoveWhole}, Shape::WholeMove, sequencer.integer, width.shift, integer);
  set({VToScalar}, Shape::ToScalar, sequencer.permute, dlenBits, 1);
  set({VFromScalar}, Shape::FromScalar, sequencer.permute, dlenBits, integer);

  each({VReduce, VWidenReduce, VFReduceMinMax, VFReduceUnordered, VFWidenReduceUnordered, VFReduceOrdered,
        VFWidenReduceOrdered, VCompare, VFCompare, VMaskSet, VMaskLogic},
       [](ClassTraits &t) { t.isCompact = true; });
  each({VCompare, VFCompare, VMaskSet}, [](ClassTraits &t) { t.readsOld = true; });
  each({VMaskCount, VMaskFirst, VToScalar}, [](ClassTraits &t) { t.returnsScalar = true; });
}

void Costs::fillMemory(const CoreSpec &core) {
  uint8_t store = core.rvv.memory.sharedPort ? loadSequencer : storeSequencer;
  auto set = [&](OpClass cls, Shape shape, bool isLoad) {
    uint32_t bits = isLoad ? rvv.memory.loadBits : rvv.memory.storeBits;
    table[static_cast<size_t>(cls)] = {.shape = shape,
                                       .sequencer = isLoad ? loadSequencer : store,
                                       .widthLog2 = log2Of(bits ? bits : dlenBits),
                                       .latency = isLoad ? rvv.memory.loadLatency : 1};
  };
  using enum OpClass;
  set(VLoad, Shape::UnitStride, true);
  set(VLoadFaultFirst, Shape::UnitStride, true);
  set(VLoadMask, Shape::WholeMemory, true);
  set(VLoadWhole, Shape::WholeMemory, true);
  set(VLoadStrided, Shape::ElementMemory, true);
  set(VLoadIndexed, Shape::ElementMemory, true);
  set(VStore, Shape::UnitStride, false);
  set(VStoreMask, Shape::WholeMemory, false);
  set(VStoreWhole, Shape::WholeMemory, false);
  set(VStoreStrided, Shape::ElementMemory, false);
  set(VStoreIndexed, Shape::ElementMemory, false);
}

/// Elements that the instruction takes its time for.
uint64_t Costs::elements(const Retired &op) const {
  if (occupancy == Occupancy::Elements)
    return op.vl;
  uint64_t register1 = vlenBits / std::max<uint32_t>(8, op.sewBits);
  return occupancy == Occupancy::Registers ? std::max<uint64_t>(op.vlmax, register1) : op.vlmax;
}

uint64_t Costs::rows(uint64_t bits, uint8_t widthLog2) const {
  return (bits + (uint64_t{1} << widthLog2) - 1) >> widthLog2;
}

/// Each element but the last of a row is written into part of a row.
uint64_t Costs::elementwise(uint64_t count, uint64_t resultRows) const {
  uint64_t partial = count > resultRows ? count - resultRows : 0;
  return rvv.elementwise.startup + ceiling(double(count) * rvv.elementwise.cycles) +
         (rvv.partialWriteCycles - 1) * partial;
}

uint64_t Costs::divide(const Retired &op, uint64_t count) const {
  bool isInteger = op.cls == OpClass::VDivide;
  double step = isInteger ? rvv.divide.integerCycles + rvv.divide.integerCyclesPerBit * op.sewBits
                          : rvv.divide.floatCycles + rvv.divide.floatCyclesPerBit * op.sewBits;
  uint64_t steps = divideByRows ? rows(count * op.sewBits, dlenLog2) : count;
  return rvv.divide.startup + ceiling(double(steps) * step);
}

Cost Costs::reduce(const Retired &op, const ClassTraits &traits, uint64_t count) const {
  if (count == 0)
    return {};
  uint64_t bits = std::max<uint64_t>(op.resultBits, 8);
  uint8_t widthLog2 = traits.widthLog2;
  uint64_t last = rvv.partialWriteCycles; // the result goes into part of a row
  uint64_t serial;
  if (reduction == Reduction::Elements)
    serial = traits.step * count;
  else if (traits.shape == Shape::ReduceOrdered) // halving puts the start value in an element's place
    serial = traits.step * (reduction == Reduction::Halving ? count - 1 : count) + last;
  else if (reduction == Reduction::Halving)
    serial = traits.step * std::max<uint64_t>(1, ceilLog2(count)) + last;
  else {
    bool foldsAtOnce =
        rvv.reduction.integerFoldsAtOnce && (op.cls == OpClass::VReduce || op.cls == OpClass::VWidenReduce);
    uint64_t folds = foldsAtOnce ? 1 : ceilLog2((uint64_t{1} << widthLog2) / bits);
    serial = traits.step * (rows(count * bits, widthLog2) + folds - 1) + last;
  }
  // A mask takes what would let a second one run beside it.
  uint64_t overlap = op.masked && rvv.width.masked ? 1 : rvv.reduction.overlap;
  return {.occupancy = std::max<uint64_t>(1, serial / overlap), .serial = serial};
}

uint64_t Costs::memory(const Retired &op, const ClassTraits &traits, uint64_t count) const {
  uint64_t startup = rvv.memory.startup;
  double cycles = rvv.memory.cyclesPerElement;
  if (op.fields > 1) {
    bool isStrided = traits.shape == Shape::ElementMemory;
    if (op.fields > rvv.memory.segmentFields)
      return startup + ceiling(double(count * op.fields) * cycles);
    double row = isLoad(op.cls) ? rvv.memory.segmentLoadCycles : rvv.memory.segmentStoreCycles;
    uint64_t moved = rows(count * op.fields * op.elementBytes * 8, traits.widthLog2);
    return startup + ceiling(double(moved) * row + (isStrided ? double(count) * cycles : 0));
  }
  if (traits.shape != Shape::ElementMemory) {
    uint64_t bytes = uint64_t{op.elementBytes} * (traits.shape == Shape::UnitStride ? count : op.elements);
    uint64_t offset = op.address & ((uint64_t{1} << traits.widthLog2) / 8 - 1); // the port reads aligned rows
    return startup + (bytes ? rows((bytes + offset) * 8, traits.widthLog2) : 0);
  }
  if (cycles < 1 && (op.cls == OpClass::VLoadStrided || op.cls == OpClass::VStoreStrided)) {
    constexpr uint64_t bankBytes = 8;
    uint64_t stride = static_cast<uint64_t>(op.strideBytes < 0 ? -op.strideBytes : op.strideBytes);
    uint64_t span = uint64_t{rvv.memory.banks} * bankBytes;
    // Multiples of the stride fall into this many banks before they repeat.
    uint64_t step = std::max<uint64_t>(std::gcd(stride, span), bankBytes);
    cycles = std::max(cycles, 1.0 / double(std::max<uint64_t>(1, span / step)));
  }
  return startup + ceiling(double(count) * cycles);
}

Cost Costs::of(const Retired &op) const {
  const ClassTraits &traits = this->traits(op.cls);
  uint64_t count = elements(op);
  uint8_t width = traits.widthLog2;
  if (op.sewBits == 64 &&
      (op.cls == OpClass::VMultiply || op.cls == OpClass::VMacc || op.cls == OpClass::VSaturatingMultiply))
    width = std::min(width, multiply64Log2);
  if (op.masked)
    width = std::min(width, maskedLog2);
  uint64_t partial = rvv.partialWriteCycles;
  uint64_t maskBits = rvv.maskByElements ? count * op.sewBits : count;
  uint64_t cycles = 1;
  switch (traits.shape) {
  case Shape::None:
    break;
  case Shape::Rows:
    cycles = rows(count * op.resultBits, width);
    if (op.cls == OpClass::VMove && op.sourceBits < op.resultBits && extendsElementwise)
      cycles = elementwise(count, cycles);
    break;
  case Shape::WidenRows:
    if (occupancy == Occupancy::Registers)
      count = std::max<uint64_t>(op.vlmax, vlenBits / op.resultBits);
    cycles = rows(count * op.resultBits, width + (rvv.wideningRate == 2 ? 1 : 0));
    break;
  case Shape::NarrowRows: // a single row has nothing to be merged with
    cycles = rows(count * op.sourceBits, width);
    if (cycles > 1)
      cycles *= partial;
    break;
  case Shape::MaskWrite: // the last write of a row is whole
    cycles = partial * rows(count * op.sourceBits, width);
    cycles -= std::min(cycles, (partial - 1) * rows(count, width));
    break;
  case Shape::Elements:
    cycles = elementwise(count, rows(count * op.resultBits, width));
    break;
  case Shape::Crossbar:
    cycles = rows(count * op.resultBits, width) * rows(count * std::max(op.sourceBits, op.resultBits), width);
    break;
  case Shape::CompressRows:
    cycles = rows(count * op.resultBits, width);
    cycles = cycles * (cycles + 1) / 2;
    break;
  case Shape::Divide:
    cycles = divide(op, count);
    break;
  case Shape::Reduce:
  case Shape::ReduceOrdered:
    return reduce(op, traits, count);
  case Shape::Masks:
    cycles = rows(maskBits, width);
    break;
  case Shape::MaskSet:
    cycles = rvv.maskStartup + rows(maskBits, width);
    break;
  case Shape::Index:
    cycles = rvv.maskStartup + rows(count * op.resultBits, width);
    break;
  case Shape::WholeMove:
    cycles = rows(uint64_t{op.vectorWrite.count} * vlenBits, width);
    break;
  case Shape::ToScalar:
    break;
  case Shape::FromScalar:
    cycles = 1 + rvv.maskStartup;
    break;
  case Shape::UnitStride:
  case Shape::WholeMemory:
  case Shape::ElementMemory:
    cycles = memory(op, traits, count);
    break;
  }
  cycles = std::max<uint64_t>(1, cycles);
  return {.occupancy = cycles, .serial = cycles};
}
