// Which loops of an op the axes take: the split with the least predicted cost.
#include "compiler/place/GeneralBlocks.h"
#include "compiler/place/GeneralPlacer.h"

using namespace mlir;

namespace weft::place {

namespace {

/// Cycles for one run of an op's body, about: what matters is how it compares with a word on a link.
constexpr double cyclesPerTrip = 0.5;
/// Cycles that a kernel call or the start of a transfer takes beside its work.
constexpr double cyclesPerStep = 30;

double bytesOf(RankedTensorType type, Division division, std::array<int64_t, 2> cores) {
  auto bytes = static_cast<double>(grid::elementBytes(type.getElementType()));
  for (auto [d, extent] : llvm::enumerate(type.getShape())) {
    int axis = division[0] == static_cast<int64_t>(d) ? 0 : division[1] == static_cast<int64_t>(d) ? 1 : -1;
    bytes *= static_cast<double>(axis < 0 ? extent : ceilDiv(extent, cores[axis]));
  }
  return bytes;
}

} // namespace

Division GeneralPlacer::wanted(Value value, ArrayRef<LoopDim> dims, const Split &split) {
  Division follows = whole;
  for (int axis : {0, 1})
    for (auto [d, dim] : llvm::enumerate(dims))
      if (split.loops[axis] >= 0 && dim.loop == split.loops[axis] && cores(axis) > 1)
        follows[axis] = static_cast<int64_t>(d);
  if (isResident(value))
    return storedView(value) ? follows : whole;
  // An axis that divides what the op does not divide, or divides otherwise, is gathered; what is whole the kernel
  // slices.
  auto found = values.find(value);
  if (found == values.end())
    return whole;
  Division best = found->second.forms.front().first;
  for (int axis : {0, 1})
    if (best[axis] != follows[axis])
      best[axis] = -1;
  for (auto &[form, ignored] : found->second.forms)
    if (llvm::all_of(ArrayRef<int>{0, 1}, [&](int axis) { return form[axis] < 0 || form[axis] == follows[axis]; }))
      return form;
  return best;
}

double GeneralPlacer::cost(Operation *op, const OpLoops &loops, const Split &split) {
  const std::array<int64_t, 2> size = {mesh.width, mesh.height};
  double trips = loops.trips([&](int64_t loop) {
    int64_t extent = loops.extents[loop], axis = split.loops[0] == loop ? 0 : 1;
    return split.loops[axis] == loop ? static_cast<double>(ceilDiv(extent, size[axis])) / static_cast<double>(extent)
                                     : 1.0;
  });
  double cycles = trips * cyclesPerTrip;
  // A byte of SRAM is worth the more the less of it there is.
  auto room = static_cast<double>(options.sramBytes ? options.sramBytes : 1 << 16);
  auto memory = [&](double bytes) { return bytes * (0.25 + 8 * bytes / room); };
  SmallVector<std::pair<Value, ArrayRef<LoopDim>>> read;
  for (auto [i, value] : llvm::enumerate(op->getOperands()))
    read.emplace_back(value, loops.operands[i]);
  for (const LoopCapture &capture : loops.captures)
    read.emplace_back(capture.value, capture.dims);
  for (auto &[value, dims] : read) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || isMadeInKernel(value))
      continue;
    Division held = wanted(value, dims, split);
    if (auto stored = storedBytes(value, held, size))
      type = stored->type;
    double bytes = bytesOf(type, held, size);
    if (isResident(value)) {
      cycles += bytes * std::clamp(weightPressure, 0.05, 16.0);
      continue;
    }
    Division from = divisionOf(value);
    if (from == held || llvm::any_of(values[value].forms, [&](auto &form) { return form.first == held; }))
      continue;
    for (int axis : {0, 1})
      if (from[axis] != held[axis]) { // a ring of blocks
        from[axis] = -1;
        cycles += bytesOf(type, from, size) / 4 + cyclesPerStep * static_cast<double>(size[axis]);
      }
    cycles += memory(bytes);
  }
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    Division division = whole;
    for (int axis : {0, 1})
      division[axis] = loops.dimensionOf(i, split.loops[axis]);
    double bytes = bytesOf(type, division, size);
    cycles += memory(bytes);
    if (int axis = split.axisOf(loops, OpLoops::Kind::Sum); axis >= 0)
      cycles += bytes / 2 + cyclesPerStep * static_cast<double>(size[axis]);
    if (int axis = split.axisOf(loops, OpLoops::Kind::Reduction); axis >= 0) {
      auto cores = static_cast<double>(size[axis]); // their results go round a ring and are reduced
      cycles += cores * (bytes / 4 + 2 * cyclesPerStep) + memory(bytes * cores);
    }
  }
  return cycles;
}

Split GeneralPlacer::chooseSplit(Operation *op, const OpLoops &loops) {
  Split best;
  double least = cost(op, loops, best);
  auto takes = [&](int axis, int64_t loop) {
    return loop < 0 || (cores(axis) > 1 && loops.extents[loop] > 1 && loops.kinds[loop] != OpLoops::Kind::Fixed);
  };
  auto count = static_cast<int64_t>(loops.extents.size());
  for (int64_t x = -1; x < count; ++x)
    for (int64_t y = -1; y < count; ++y) {
      if ((x >= 0 && x == y) || !takes(0, x) || !takes(1, y))
        continue;
      bool reduces =
          x >= 0 && y >= 0 && loops.kinds[x] != OpLoops::Kind::Parallel && loops.kinds[y] != OpLoops::Kind::Parallel;
      if (reduces) // a value is partial along one axis
        continue;
      Split split{{x, y}};
      if (double cycles = cost(op, loops, split); cycles < least) {
        best = split;
        least = cycles;
      }
    }
  return best;
}

std::string GeneralPlacer::describe(const OpLoops &loops, const Split &split) const {
  std::string text;
  for (int axis : {0, 1}) {
    int64_t loop = split.loops[axis];
    if (loop < 0)
      continue;
    bool sum = loops.kinds[loop] != OpLoops::Kind::Parallel;
    int64_t dim = -1; // of the first result that has one
    for (size_t i = 0; dim < 0 && i < loops.results.size(); ++i)
      dim = loops.dimensionOf(i, loop);
    text += (text.empty() ? "" : ", ") + std::string(axis == 0 ? "x: " : "y: ") +
            (sum ? loops.kinds[loop] == OpLoops::Kind::Sum ? "sum over " : "reduction over "
                 : "dimension " + std::to_string(dim) + " of ") +
            std::to_string(loops.extents[loop]);
  }
  return text;
}

} // namespace weft::place
