#include "runtime/SramUse.h"

#include <algorithm>
#include <map>
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

/// The buffers that the tasks of each class name, a list a program.
using ClassBuffers = std::vector<std::set<uint32_t>>;

std::vector<ClassBuffers> buffersByClass(const Package &package) {
  std::vector<ClassBuffers> named(package.classes.size(), ClassBuffers(package.programs.size()));
  for (size_t i = 0; i < package.programs.size(); ++i)
    for (const auto &task : package.programs[i]->tasks)
      for (const auto &instr : task->instrs)
        for (const auto &operand : instr->operands)
          named[task->class_id][i].insert(operand->buffer);
  return named;
}

/// Cores that name the same buffers.
struct Group {
  CoreSet cores;
  ClassBuffers named;
};

/// Splits the mesh along the borders of the classes; classes that name the same buffers are one.
std::vector<Group> groupCores(const Package &package) {
  std::map<ClassBuffers, CoreSet> classes;
  const std::vector<ClassBuffers> named = buffersByClass(package);
  for (size_t i = 0; i < named.size(); ++i) {
    CoreSet cores = CoreSet::of(package, *package.classes[i]);
    auto [place, isNew] = classes.emplace(named[i], cores);
    if (!isNew)
      place->second = place->second | cores;
  }
  std::vector<Group> groups = {{CoreSet::all(package), ClassBuffers(package.programs.size())}};
  for (const auto &[buffers, cores] : classes) {
    std::vector<Group> split;
    for (Group &group : groups) {
      Group inside{group.cores & cores, group.named};
      Group outside{group.cores - cores, std::move(group.named)};
      for (size_t i = 0; i < buffers.size(); ++i)
        inside.named[i].insert(buffers[i].begin(), buffers[i].end());
      for (Group *part : {&inside, &outside})
        if (part->cores.size() > 0)
          split.push_back(std::move(*part));
    }
    groups = std::move(split);
  }
  return groups;
}

SramBytes largest(const std::vector<SramBytes> &programs) {
  SramBytes most;
  for (const SramBytes &bytes : programs) {
    most.total = std::max(most.total, bytes.total);
    for (size_t kind = 0; kind < bufferKinds; ++kind)
      most.byKind[kind] = std::max(most.byKind[kind], bytes.byKind[kind]);
  }
  return most;
}

} // namespace

const char *kindName(pkg::BufferKind kind) {
  static constexpr std::array<const char *, bufferKinds> names = {"weights",     "constants",     "kv_cache",
                                                                  "activations", "communication", "host_io"};
  return names[size_t(kind)];
}

std::vector<SramClass> sramUse(const Package &package) {
  Buffers resident;
  for (const auto &buffer : package.resident)
    resident.insert(buffer.get());
  std::vector<SramClass> classes;
  for (Group &group : groupCores(package)) {
    std::vector<SramBytes> programs;
    for (size_t i = 0; i < package.programs.size(); ++i) {
      Buffers used = resident;
      for (uint32_t buffer : group.named[i])
        used.insert(package.programs[i]->buffers[buffer].get());
      programs.push_back(measure(used));
    }
    auto same = std::find_if(classes.begin(), classes.end(), [&](auto &cls) { return cls.programs == programs; });
    if (same == classes.end())
      classes.push_back({"", std::move(group.cores), largest(programs), std::move(programs)});
    else
      same->cores = same->cores | group.cores;
  }
  for (SramClass &cls : classes)
    cls.name = cls.cores.name(package.mesh_height);
  std::sort(classes.begin(), classes.end(), [](const SramClass &a, const SramClass &b) {
    return a.peak.total != b.peak.total ? a.peak.total > b.peak.total : a.name < b.name;
  });
  return classes;
}

std::vector<CoreSet> bufferUsers(const Package &package, const pkg::ProgramT &program) {
  std::vector<std::set<uint32_t>> classes(program.buffers.size()); // that name the buffer
  for (const auto &task : program.tasks)
    for (const auto &instr : task->instrs)
      for (const auto &operand : instr->operands)
        classes[operand->buffer].insert(task->class_id);
  std::vector<CoreSet> ofClass;
  ofClass.reserve(package.classes.size());
  for (const auto &cls : package.classes)
    ofClass.push_back(CoreSet::of(package, *cls));
  std::vector<CoreSet> users;
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const pkg::BufferKind kind = program.buffers[i]->kind;
    CoreSet cores(package.mesh_width, package.mesh_height);
    if (kind == pkg::BufferKind::Weights || kind == pkg::BufferKind::Constants || kind == pkg::BufferKind::KvCache)
      cores = CoreSet::all(package);
    for (uint32_t cls : classes[i])
      cores = cores | ofClass[cls];
    users.push_back(std::move(cores));
  }
  return users;
}

} // namespace weft::runtime
