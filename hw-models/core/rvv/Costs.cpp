#include "hw-models/core/rvv/Costs.h"

#include "kernels/units/Units.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <numeric>

using namespace weft::hw;
using namespace weft::hw::rvv;

namespace {

uint32_t log2Of(uint32_t powerOfTwo) { return static_cast<uint32_t>(std::countr_zero(powerOfTwo)); }

uint64_t ceilLog2(uint64_t value) { return value <= 1 ? 0 : static_cast<uint64_t>(std::bit_width(value - 1)); }

uint64_t ceiling(double cycles) { return static_cast<uint64_t>(std::ceil(cycles - 1e-9)); }

} // namespace

Costs::Costs(const CoreSpec &core) : rvv(core.rvv), units(core.rvv), vlenBits(core.vlenBits), dlenBits(core.dlenBits) {
  if (rvv.occupancy != "vl")
    occupancy = rvv.occupancy == "group" ? Occupancy::Group : Occupancy::Registers;
  if (rvv.reduction.style != "rows")
    reduction = rvv.reduction.style == "tree"      ? Reduction::Tree
                : rvv.reduction.style == "halving" ? Reduction::Halving
                                                   : Reduction::Elements;
  for (const std::string &name : core.units)
    if (const units::Unit *unit = units::find(name))
      customUnits.push_back(static_cast<size_t>(unit - units::all().data()));
  fill(core);
  fillReductions();
  fillMemory();
}

void Costs::fill(const CoreSpec &core) {
  const auto &[integer, shift, multiply, floating, permute] = rvv.latency;
  auto set = [&](std::initializer_list<OpClass> classes, Shape shape, Unit unit, uint32_t latency) {
    for (OpClass cls : classes)
      table[static_cast<size_t>(cls)] = {.shape = shape, .unit = unit, .latency = latency};
  };
  auto each = [&](std::initializer_list<OpClass> classes, auto change) {
    for (OpClass cls : classes)
      change(table[static_cast<size_t>(cls)]);
  };
  auto isElementwise = [&](std::string_view operation) {
    const auto &list = core.rvv.elementwise.operations;
    return std::find(list.begin(), list.end(), operation) != list.end();
  };
  auto elementsOr = [&](std::string_view operation, Shape otherwise) {
    return isElementwise(operation) ? Shape::Elements : otherwise;
  };
  using enum OpClass;
  extendsElementwise = isElementwise("extend");
  divideByRows = !isElementwise("divide");

  set({VAlu, VSaturate, VWidenAlu}, Shape::Rows, Unit::Integer, integer);
  set({VLogic, VCarry, VMove, VFMove}, Shape::Rows, Unit::Logic, integer);
  set({VShift}, Shape::Rows, Unit::Logic, shift);
  set({VNarrowShift, VClip}, Shape::NarrowRows, Unit::Logic, shift);
  set({VCompare}, Shape::MaskWrite, Unit::Logic, integer);
  set({VMultiply, VMacc, VSaturatingMultiply, VWidenMultiply, VWidenMacc}, Shape::Rows, Unit::Multiply, multiply);
  set({VDivide}, Shape::Divide, Unit::Divide, multiply);

  set({VFAdd, VFMultiply, VFFma, VFWidenAdd, VFWidenMultiply, VFWidenFma}, Shape::Rows, Unit::Float, floating);
  each({VFAdd, VFMultiply, VFFma, VFWidenAdd, VFWidenMultiply, VFWidenFma}, [](ClassTraits &t) { t.isFpu = true; });
  set({VFDivide, VFSqrt}, Shape::Divide, Unit::Divide, floating);
  set({VFMinMax}, Shape::Rows, Unit::Float, integer);
  set({VFSign}, Shape::Rows, Unit::Convert, integer);
  set({VFConvert, VFWidenConvert}, Shape::Rows, Unit::Convert, shift);
  set({VFNarrowConvert}, Shape::NarrowRows, Unit::Convert, shift);
  set({VFEstimate}, elementsOr("estimate", Shape::Rows), Unit::Convert, shift);
  set({VFClass}, elementsOr("classify", Shape::Rows), Unit::Convert, shift);
  set({VFCompare}, Shape::MaskWrite, Unit::Convert, integer);

  set({VMaskLogic, VMaskCount, VMaskFirst}, Shape::Masks, Unit::Mask, integer);
  set({VMaskSet}, Shape::MaskSet, Unit::Mask, integer);
  set({VIota, VIndex}, Shape::Index, Unit::Mask, integer);
  set({VSlide, VSlideOne, VGatherScalar}, elementsOr("slide", Shape::Rows), Unit::Permute, permute);
  set({VGather}, elementsOr("gather", Shape::Crossbar), Unit::Permute, permute);
  set({VCompress}, elementsOr("compress", Shape::CompressRows), Unit::Permute, permute);
  set({VMoveWhole}, Shape::WholeMove, Unit::Logic, integer);
  set({VToScalar}, Shape::ToScalar, Unit::Permute, 1);
  set({VFromScalar}, Shape::FromScalar, Unit::Permute, integer);
  set({VCustom}, Shape::Custom, Unit::Integer, 1); // the instruction says its own latency

  each({VGather, VCompress}, [](ClassTraits &t) { t.readsWhole = true; });
  each({VWidenAlu, VWidenMultiply, VWidenMacc, VFWidenAdd, VFWidenMultiply, VFWidenFma, VFWidenConvert},
       [](ClassTraits &t) { t.isWidening = true; });
  each({VCompare, VFCompare, VMaskSet}, [](ClassTraits &t) { t.readsOld = true; });
  each({VCompare, VFCompare, VMaskSet, VMaskLogic}, [](ClassTraits &t) { t.isCompact = true; });
  each({VMaskCount, VMaskFirst, VToScalar}, [](ClassTraits &t) { t.returnsScalar = true; });
}

void Costs::fillReductions() {
  uint32_t integerStep = rvv.reduction.integerCycles ? rvv.reduction.integerCycles : rvv.latency.integer;
  auto set = [&](OpClass cls, Shape shape, uint32_t latency, uint32_t step) {
    table[static_cast<size_t>(cls)] = {
        .shape = shape, .unit = Unit::Reduce, .latency = latency, .step = step, .isCompact = true};
  };
  using enum OpClass;
  for (OpClass cls : {VReduce, VWidenReduce, VFReduceMinMax})
    set(cls, Shape::Reduce, rvv.latency.integer, integerStep);
  for (OpClass cls : {VFReduceUnordered, VFWidenReduceUnordered})
    set(cls, Shape::Reduce, rvv.latency.floating, rvv.latency.floating);
  for (OpClass cls : {VFReduceOrdered, VFWidenReduceOrdered})
    set(cls, Shape::ReduceOrdered, rvv.latency.floating, rvv.latency.floating);
}

void Costs::fillMemory() {
  auto set = [&](OpClass cls, Shape shape, Unit unit) {
    table[static_cast<size_t>(cls)] = {
        .shape = shape, .unit = unit, .latency = unit == Unit::Load ? rvv.memory.loadLatency : 1, .isMemory = true};
  };
  using enum OpClass;
  set(VLoad, Shape::UnitStride, Unit::Load);
  set(VLoadFaultFirst, Shape::UnitStride, Unit::Load);
  set(VLoadMask, Shape::WholeMemory, Unit::Load);
  set(VLoadWhole, Shape::WholeMemory, Unit::Load);
  set(VLoadStrided, Shape::ElementMemory, Unit::Load);
  set(VLoadIndexed, Shape::ElementMemory, Unit::Load);
  set(VStore, Shape::UnitStride, Unit::Store);
  set(VStoreMask, Shape::WholeMemory, Unit::Store);
  set(VStoreWhole, Shape::WholeMemory, Unit::Store);
  set(VStoreStrided, Shape::ElementMemory, Unit::Store);
  set(VStoreIndexed, Shape::ElementMemory, Unit::Store);
}

namespace {

/// A class's unit, or the part of it that does 64-bit elements.
Unit unitOf(const Retired &op, const ClassTraits &traits) {
  if (traits.unit == Unit::Multiply && op.sewBits == 64)
    return Unit::Multiply64;
  if (traits.unit == Unit::Float && op.resultBits == 64)
    return Unit::Float64;
  return traits.unit;
}

} // namespace

uint32_t Costs::pipesFor(const Retired &op) const {
  if (op.cls == OpClass::VCustom) {
    auto place = std::find(customUnits.begin(), customUnits.end(), op.unit);
    if (place != customUnits.end())
      return 1u << (units.pipeCount() + static_cast<size_t>(place - customUnits.begin()));
  }
  uint32_t pipes = units.pipesOf(unitOf(op, traits(op.cls)));
  return op.masked && (pipes & units.maskedPipes()) ? pipes & units.maskedPipes() : pipes;
}

/// Elements that the instruction takes its time for.
uint64_t Costs::elements(const Retired &op) const {
  if (occupancy == Occupancy::Elements)
    return op.vl;
  // A result wider than vtype's elements fills the registers of a whole group with fewer of them.
  uint64_t elementsOfRegister =
      vlenBits / std::max<uint32_t>({8, op.sewBits, traits(op.cls).isWidening ? op.resultBits : 8u});
  return occupancy == Occupancy::Registers ? std::max<uint64_t>(op.vlmax, elementsOfRegister) : op.vlmax;
}

uint32_t Costs::widthLog2(const Retired &op, const ClassTraits &traits) const {
  uint32_t bits = traits.isMemory && rvv.memory.bits ? rvv.memory.bits : dlenBits;
  int log2 = static_cast<int>(log2Of(bits)) + units.rateLog2(unitOf(op, traits));
  if (traits.isWidening)
    log2 += units.rateLog2(Trait::Widen);
  if (traits.shape == Shape::NarrowRows)
    log2 += units.rateLog2(Trait::Narrow);
  if (op.masked)
    log2 += units.rateLog2(Trait::Masked);
  return static_cast<uint32_t>(std::max(log2, 3));
}

uint64_t Costs::rows(uint64_t bits, uint32_t widthLog2) const {
  return (bits + (uint64_t{1} << widthLog2) - 1) >> widthLog2;
}

/// Each element but the last of a row is written into part of a row.
uint64_t Costs::elementwise(uint64_t count, uint64_t resultRows) const {
  uint64_t partial = count > resultRows ? count - resultRows : 0;
  return ceiling(double(count) * rvv.elementwise.cycles) + (rvv.partialWriteCycles - 1) * partial;
}

uint64_t Costs::divide(const Retired &op, uint64_t count) const {
  bool isInteger = op.cls == OpClass::VDivide;
  double step = (isInteger ? rvv.divide.integerCycles : rvv.divide.floatCycles) + rvv.divide.cyclesPerBit * op.sewBits;
  auto steps = [&](uint64_t elements) {
    return double(divideByRows ? rows(elements * op.sewBits, log2Of(dlenBits)) : elements);
  };
  bool endsEarly = !isInteger && rvv.divide.earlyCycles > 0;
  double all = steps(count), active = endsEarly ? steps(std::min<uint64_t>(count, op.vl)) : all;
  return ceiling(active * step + (all - active) * rvv.divide.earlyCycles);
}

uint64_t Costs::reduce(const Retired &op, const ClassTraits &traits, uint64_t count, uint32_t widthLog2) const {
  if (count == 0)
    return 1;
  uint64_t bits = std::max<uint64_t>(op.resultBits, 8);
  uint64_t last = rvv.partialWriteCycles; // the result goes into part of a row
  if (reduction == Reduction::Elements)
    return ceiling(double(count) * rvv.elementwise.cycles);
  if (traits.shape == Shape::ReduceOrdered) // halving puts the start value in an element's place
    return traits.step * (reduction == Reduction::Halving ? count - 1 : count) + last;
  if (reduction == Reduction::Halving)
    return traits.step * std::max<uint64_t>(1, ceilLog2(count)) + last;
  bool isSum = op.cls == OpClass::VReduce || op.cls == OpClass::VWidenReduce;
  if (reduction == Reduction::Tree && isSum) // the tree makes one element of a row
    return traits.step * rows(count * std::max<uint64_t>(op.sewBits, 8), widthLog2) + last - 1;
  uint64_t folds = ceilLog2((uint64_t{1} << widthLog2) / bits);
  return traits.step * (rows(count * bits, widthLog2) + folds - 1) + last;
}

uint64_t Costs::memory(const Retired &op, const ClassTraits &traits, uint64_t count, uint32_t widthLog2) const {
  double cycles = rvv.memory.cyclesPerElement;
  if (op.fields > 1) {
    if (op.fields > rvv.memory.segmentFields)
      return ceiling(double(count * op.fields) * cycles);
    uint64_t moved = op.fields * rows(count * op.elementBytes * 8, widthLog2); // each field has registers of its own
    double row = traits.unit == Unit::Load ? rvv.memory.segmentLoadCycles : rvv.memory.segmentStoreCycles;
    bool isStrided = traits.shape == Shape::ElementMemory;
    return ceiling(double(moved) * row + (isStrided ? double(count) * cycles : 0));
  }
  if (traits.shape != Shape::ElementMemory) {
    uint64_t bytes = uint64_t{op.elementBytes} * (traits.shape == Shape::UnitStride ? count : op.elements);
    uint64_t offset = op.address & ((uint64_t{1} << widthLog2) / 8 - 1); // the port reads aligned rows
    return bytes ? rows((bytes + offset) * 8, widthLog2) : 0;
  }
  if (cycles < 1 && (op.cls == OpClass::VLoadStrided || op.cls == OpClass::VStoreStrided)) {
    constexpr uint64_t bankBytes = 8;
    uint64_t stride =
        op.strideBytes < 0 ? -static_cast<uint64_t>(op.strideBytes) : static_cast<uint64_t>(op.strideBytes);
    uint64_t span = uint64_t{rvv.memory.banks} * bankBytes;
    // Multiples of the stride fall into this many banks before they repeat.
    uint64_t step = std::max<uint64_t>(std::gcd(stride, span), bankBytes);
    cycles = std::max(cycles, 1.0 / double(std::max<uint64_t>(1, span / step)));
  }
  return ceiling(double(count) * cycles);
}

/// A sequencer that counts registers counts those of the elements that a mask is for.
uint64_t Costs::maskRows(const Retired &op, uint64_t count, uint32_t widthLog2) const {
  return rows(occupancy == Occupancy::Registers ? count * op.sewBits : count, widthLog2);
}

/// Cycles that the pipe stays with the instruction after its last step, until the result is written.
uint64_t Costs::drain(const Retired &op, const ClassTraits &traits) const {
  // The last step counts already. Masks and whole moves go by vtype's LMUL, too.
  uint32_t resultEighths = op.lmulEighths * (traits.isWidening ? 2u : 1u);
  bool isFraction = rvv.fractionDrains && !traits.isMemory && op.vectorWrite.count > 0 && resultEighths < 8;
  return isFraction ? traits.latency - 1 : 0;
}

Cost Costs::of(const Retired &op) const {
  const ClassTraits &traits = this->traits(op.cls);
  uint64_t count = elements(op), partial = rvv.partialWriteCycles, cycles = 1;
  uint64_t drain = this->drain(op, traits), elementwiseDrain = rvv.elementwise.drains ? traits.latency : 0;
  uint32_t width = widthLog2(op, traits);
  switch (traits.shape) {
  case Shape::None:
  case Shape::ToScalar:
    break;
  case Shape::Rows:
    cycles = rows(count * op.resultBits, width);
    if (op.cls == OpClass::VMove && op.sourceBits < op.resultBits && extendsElementwise) {
      cycles = elementwise(count, cycles);
      drain = std::max(drain, elementwiseDrain);
    }
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
    drain = std::max(drain, elementwiseDrain);
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
    drain = std::max(drain, elementwiseDrain);
    break;
  case Shape::Reduce:
  case Shape::ReduceOrdered:
    cycles = reduce(op, traits, count, width);
    // Out of order each step is an operation of its own, and those of other instructions run between.
    if (rvv.scalar.window > 0 && reduction != Reduction::Elements)
      return {.occupancy = (cycles + traits.step - 1) / traits.step + rvv.startup, .serial = cycles};
    break;
  case Shape::Masks:
    cycles = maskRows(op, count, width);
    break;
  case Shape::MaskSet:
    cycles = maskRows(op, count, width) + (count >> width ? 0 : partial - 1);
    break;
  case Shape::Index:
    cycles = rows(count * op.resultBits, width);
    break;
  case Shape::WholeMove:
    cycles = rows(uint64_t{op.vectorWrite.count} * vlenBits, width);
    break;
  case Shape::FromScalar:
    cycles = partial;
    break;
  case Shape::Custom: {
    uint64_t beats = std::max<uint64_t>(1, op.unitRows * rows(count * op.sourceBits, log2Of(dlenBits)));
    return {.occupancy = beats * op.unitInterval + rvv.startup, .serial = (beats - 1) * op.unitInterval + 1};
  }
  case Shape::UnitStride:
  case Shape::WholeMemory:
  case Shape::ElementMemory:
    cycles = memory(op, traits, count, width);
    break;
  }
  cycles = std::max<uint64_t>(1, cycles);
  return {.occupancy = cycles + rvv.startup + drain, .serial = cycles};
}
