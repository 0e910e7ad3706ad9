#include "runtime/SramUse.h"

#include <algorithm>
#include <set>

namespace weft::runtime {
namespace {

using Buffers = std::set<const pkg::BufferT *>;

uint64_t covered(const Buffers &buffers, int kind) {
  std::vector<std::pair<uint64_t, uint64_t>> intervals;
  for (const pkg::BufferT *buffer : buffers)
    if (kind < 0 || int(buffer->kind) == kind)
      intervals.emplace_back(buffer->offset, uint64_t(buffer->offset) + buffer->bytes);
  std::sort(intervals.begin(), intervals.end());
  uint64_t bytes = 0, end = 0;
  for (auto [from, to] : intervals) {
    bytes += to > end ? to - std::max(from, end) : 0;
    end = std::max(end, to);
  }
  return bytes;
}

SramBytes measure(const Buffers &buffers) {
  SramBytes bytes;
  bytes.total = covered(buffers, -1);
  for (size_t kind = 0; kind < bufferKinds; ++kind)
    bytes.byKind[kind] = covered(buffers, int(kind));
  return bytes;
}

} // namespace

uint64_t coresOf(const pkg::ClassT &cls) {
  const auto columns = uint64_t(std::count(cls.xs.begin(), cls.xs.end(), true));
  uint64_t cores = 0;
  for (size_t y = 0; y < cls.ys.size(); ++y) {
    if (!cls.ys[y])
      continue;
    if (cls.point_x.empty()) {
      cores += columns;
      continue;
    }
    const bool onPoint = cls.point_x[y] >= 0 && cls.xs[size_t(cls.point_x[y])];
    cores += cls.point_negated ? columns - uint64_t(onPoint) : uint64_t(onPoint);
  }
  return cores;
}

const char *kindName(pkg::BufferKind kind) {
  static constexpr std::array<const char *, bufferKinds> names = {"weights",     "constants",     "kv_cache",
                                                                  "activations", "communication", "host_io"};
  return names[size_t(kind)];
}

std::vector<ClassSram> sramUse(const Package &package) {
  Buffers resident;
  for (const auto &buffer : package.resident)
    resident.insert(buffer.get());
  std::vector<Buffers> all(package.classes.size(), resident);
  std::vector<ClassSram> classes(package.classes.size());
  for (const auto &program : package.programs) {
    std::vector<Buffers> used(package.classes.size(), resident);
    for (const auto &task : program->tasks)
      for (const auto &instr : task->instrs)
        for (const auto &operand : instr->operands)
          used[task->class_id].insert(program->buffers[operand->buffer].get());
    for (size_t i = 0; i < classes.size(); ++i) {
      classes[i].programs.push_back(measure(used[i]));
      all[i].insert(used[i].begin(), used[i].end());
    }
  }
  for (size_t i = 0; i < classes.size(); ++i) {
    classes[i].name = package.classes[i]->name;
    classes[i].cores = coresOf(*package.classes[i]);
    classes[i].peak = measure(all[i]);
  }
  return classes;
}

} // namespace weft::runtime
