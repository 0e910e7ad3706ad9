#include "runtime/package/Check.h"

#include <algorithm>
#include <map>
#include <set>

namespace weft::runtime {
namespace check {

bool isResident(pkg::BufferKind kind) {
  return kind == pkg::BufferKind::Weights || kind == pkg::BufferKind::Constants || kind == pkg::BufferKind::KvCache;
}

uint32_t lineLength(const Package &package, pkg::Axis axis) {
  return axis == pkg::Axis::X ? package.mesh_width : package.mesh_height;
}

uint32_t lineCount(const Package &package, pkg::Axis axis) {
  return axis == pkg::Axis::X ? package.mesh_height : package.mesh_width;
}

ClassExtent extentOf(const pkg::ClassT &cls, uint32_t width, uint32_t height) {
  ClassExtent extent;
  extent.hasX.assign(width, false);
  extent.hasY.assign(height, false);
  // How often each x is the point of a row of the class, and how many rows and columns the masks keep.
  std::vector<uint32_t> pointed(width, 0);
  uint32_t rows = 0;
  for (uint32_t y = 0; y < height; ++y)
    if (cls.ys[y]) {
      ++rows;
      if (!cls.point_x.empty() && cls.point_x[y] >= 0)
        ++pointed[uint32_t(cls.point_x[y])];
    }
  const auto columns = uint32_t(std::count(cls.xs.begin(), cls.xs.end(), true));
  for (uint32_t x = 0; x < width && rows > 0; ++x) {
    bool here = cls.point_x.empty() || (cls.point_negated ? pointed[x] < rows : pointed[x] > 0);
    extent.hasX[x] = cls.xs[x] && here;
  }
  for (uint32_t y = 0; y < height && columns > 0; ++y) {
    bool here = true;
    if (!cls.point_x.empty()) {
      bool onPoint = cls.point_x[y] >= 0 && cls.xs[uint32_t(cls.point_x[y])];
      here = cls.point_negated ? columns > uint32_t(onPoint) : onPoint;
    }
    extent.hasY[y] = cls.ys[y] && here;
  }
  auto rangeOf = [](const std::vector<bool> &has) {
    auto first = std::find(has.begin(), has.end(), true);
    if (first == has.end())
      return Range{};
    auto last = std::find(has.rbegin(), has.rend(), true);
    return Range{first - has.begin(), int64_t(has.size()) - 1 - (last - has.rbegin())};
  };
  extent.x = rangeOf(extent.hasX);
  extent.y = rangeOf(extent.hasY);
  return extent;
}

Result<void> buffer(const pkg::BufferT &buffer, const hw::Hardware &hardware, const std::string &where) {
  const uint64_t end = uint64_t(buffer.offset) + buffer.bytes;
  if (buffer.kind > pkg::BufferKind::MAX)
    return error("{}: unknown buffer kind {}", where, unsigned(buffer.kind));
  if (end > hardware.usableBytes())
    return error("{}: bytes {} to {} lie outside the {} bytes of SRAM that {} leaves to buffers", where, buffer.offset,
                 end, hardware.usableBytes(), hardware.name);
  if (hardware.memory.alignBytes > 1 && buffer.offset % hardware.memory.alignBytes != 0)
    return error("{}: offset {} is not a multiple of {}", where, buffer.offset, hardware.memory.alignBytes);
  return success();
}

namespace {

template <typename T> bool anyNull(const std::vector<std::unique_ptr<T>> &entries) {
  return std::any_of(entries.begin(), entries.end(), [](const auto &entry) { return !entry; });
}

/// Lists of tables without a table in them come from hand-made object trees only; a device need not look for them.
Result<void> noNulls(const Package &package) {
  bool null = anyNull(package.classes) || anyNull(package.resident) || anyNull(package.programs) ||
              anyNull(package.files) || anyNull(package.weights) || anyNull(package.constants) ||
              anyNull(package.kernels) || anyNull(package.objects) || !package.model;
  for (const auto &program : package.programs) {
    if (null)
      break;
    null = anyNull(program->params) || anyNull(program->ops) || anyNull(program->channels) ||
           anyNull(program->buffers) || anyNull(program->tasks) || anyNull(program->inputs) ||
           anyNull(program->outputs);
    for (size_t i = 0; !null && i < program->tasks.size(); ++i) {
      null = anyNull(program->tasks[i]->instrs);
      for (size_t j = 0; !null && j < program->tasks[i]->instrs.size(); ++j)
        null = anyNull(program->tasks[i]->instrs[j]->operands);
    }
  }
  return null ? Result<void>(error("the package lacks its model or an entry of one of its lists")) : success();
}

/// `generates`: it is a text generator, which a tensor program is not.
Result<void> model(const pkg::ModelT &model, bool generates) {
  // Token counts and everything derived from them stay inside 31 bits, so that no expression overflows 63.
  if (model.max_seq < 1 || model.max_seq > INT32_MAX)
    return error("model: max_seq {} is outside 1 to 2147483647", model.max_seq);
  if ((generates && model.vocab_size < 1) || model.vocab_size > INT32_MAX)
    return error("model: vocab_size {} is outside 1 to 2147483647", model.vocab_size);
  auto outside = [&](int32_t id) { return id < 0 || uint32_t(id) >= model.vocab_size; };
  if (model.bos != -1 && outside(model.bos))
    return error("model: bos {} is not in the vocabulary of {}", model.bos, model.vocab_size);
  for (int32_t id : model.eos)
    if (outside(id))
      return error("model: eos {} is not in the vocabulary of {}", id, model.vocab_size);
  return success();
}

Result<void> mesh(const Package &package, const hw::Hardware &hardware) {
  const uint32_t width = package.mesh_width, height = package.mesh_height;
  if (width < 1 || height < 1 || width > hardware.parallelism.meshWidth || height > hardware.parallelism.meshHeight)
    return error("mesh {}x{} is not part of the {}x{} cores of {}", width, height, hardware.parallelism.meshWidth,
                 hardware.parallelism.meshHeight, hardware.name);
  for (const auto &cls : package.classes) {
    if (cls->xs.size() != width || cls->ys.size() != height)
      return error("class {}: masks of {} columns and {} rows on a {}x{} mesh", cls->name, cls->xs.size(),
                   cls->ys.size(), width, height);
    if (!cls->point_x.empty() && cls->point_x.size() != height)
      return error("class {}: {} points for {} rows", cls->name, cls->point_x.size(), height);
    for (int32_t x : cls->point_x)
      if (x < -1 || x >= int64_t(width))
        return error("class {}: point {} is outside the {} columns", cls->name, x, width);
  }
  return success();
}

/// Buffers of different stages lie on different meshes.
Result<void> noOverlap(std::vector<const pkg::BufferT *> buffers) {
  std::sort(buffers.begin(), buffers.end(), [](auto *a, auto *b) { return a->offset < b->offset; });
  // The one that reaches furthest, of each stage and of those in all stages.
  std::map<int32_t, const pkg::BufferT *> furthest;
  auto check = [](const pkg::BufferT *below, const pkg::BufferT *buffer) -> Result<void> {
    if (below && uint64_t(below->offset) + below->bytes > buffer->offset)
      return error("resident buffers {} and {} overlap at byte {}", below->name, buffer->name, buffer->offset);
    return success();
  };
  for (const pkg::BufferT *buffer : buffers) {
    for (const auto &[stage, below] : furthest)
      if (stage < 0 || buffer->stage < 0 || stage == buffer->stage)
        if (Result<void> apart = check(below, buffer); !apart)
          return apart;
    const pkg::BufferT *&last = furthest[std::max(buffer->stage, -1)];
    if (!last || uint64_t(last->offset) + last->bytes < uint64_t(buffer->offset) + buffer->bytes)
      last = buffer;
  }
  return success();
}

Result<BuffersByName> residentBuffers(const Package &package, const hw::Hardware &hardware) {
  BuffersByName byName;
  std::vector<const pkg::BufferT *> byOffset;
  for (const auto &entry : package.resident) {
    const std::string where = fmt::format("resident buffer {}", entry->name);
    if (Result<void> fits = buffer(*entry, hardware, where); !fits)
      return fits.takeError();
    if (!isResident(entry->kind))
      return error("{}: its kind is not Weights, Constants or KvCache", where);
    if (entry->stage >= 0 && !package.shapes_only)
      return error("{}: it is of stage {}, which only a package without weights has", where, entry->stage);
    if (!byName.emplace(entry->name, entry.get()).second)
      return error("{}: there are two of this name", where);
    if (entry->bytes > 0)
      byOffset.push_back(entry.get());
  }
  if (Result<void> apart = noOverlap(std::move(byOffset)); !apart)
    return apart.takeError();
  return byName;
}

Result<void> probe(const pkg::KernelT &kernel, const pkg::ProbeT &probe) {
  if (probe.rows_scalar < -1 || probe.rows_scalar >= int64_t(probe.scalars.size()))
    return error("kernel '{}': its probe has the rows in scalar {} of {}", kernel.name, probe.rows_scalar,
                 probe.scalars.size());
  if (probe.launch < -1 || probe.launch >= int64_t(kernel.operand_bytes.size()))
    return error("kernel '{}': its probe has the launch words in operand {} of {}", kernel.name, probe.launch,
                 kernel.operand_bytes.size());
  if (probe.launch >= 0 && kernel.operand_bytes[size_t(probe.launch)] < sizeof(int32_t))
    return error("kernel '{}': its probe has the launch words in an operand of {} bytes", kernel.name,
                 kernel.operand_bytes[size_t(probe.launch)]);
  if (probe.tokens_per_row > INT32_MAX || probe.most_tokens > INT32_MAX)
    return error("kernel '{}': its probe asks for more than 2147483647 tokens", kernel.name);
  if (probe.ids == 0 || probe.id < 0 ||
      (uint64_t{probe.ids} - 1) * probe.id_step > uint64_t(INT32_MAX) - uint64_t(probe.id))
    return error("kernel '{}': its probe has {} tokens that differ by {} from {} on", kernel.name, probe.ids,
                 probe.id_step, probe.id);
  return success();
}

Result<void> kernels(const Package &package) {
  std::set<std::string> names;
  for (const auto &kernel : package.kernels) {
    if (kernel->name.empty() || !names.insert(kernel->name).second)
      return error("kernel '{}': the name is empty or there are two of it", kernel->name);
    if (kernel->probe)
      if (Result<void> ok = probe(*kernel, *kernel->probe); !ok)
        return ok;
  }
  return success();
}

} // namespace
} // namespace check

bool isTensorProgram(const Package &package) {
  return package.programs.size() == 1 && package.programs[0] && package.programs[0]->name == tensorProgram;
}

Result<void> checkPackage(const Package &package, const hw::Hardware &hardware) {
  if (Result<void> complete = check::noNulls(package); !complete)
    return complete;
  if (Result<void> modelOk = check::model(*package.model, !isTensorProgram(package)); !modelOk)
    return modelOk;
  if (Result<void> meshOk = check::mesh(package, hardware); !meshOk)
    return meshOk;
  Result<check::BuffersByName> resident = check::residentBuffers(package, hardware);
  if (!resident)
    return resident.takeError();
  if (package.shapes_only && (!package.weights.empty() || !package.constants.empty()))
    return check::error("the package has weights or constants, though it says that it has shapes only");
  if (Result<void> weightsOk = check::weights(package, *resident); !weightsOk)
    return weightsOk;
  if (Result<void> kernelsOk = check::kernels(package); !kernelsOk)
    return kernelsOk;
  std::vector<check::ClassExtent> extents;
  for (const auto &cls : package.classes)
    extents.push_back(check::extentOf(*cls, package.mesh_width, package.mesh_height));
  std::set<std::string> names;
  for (const auto &program : package.programs) {
    if (!names.insert(program->name).second)
      return check::error("there are two programs named {}", program->name);
    if (Result<void> ok = check::program(package, hardware, *resident, extents, *program); !ok)
      return ok;
  }
  return success();
}

Result<void> checkPackage(const Package &package) {
  Result<hw::Hardware> hardware = hw::parse(package.hardware_yaml, "the package's hardware description");
  if (!hardware)
    return internalError(hardware.error().message);
  if (hardware->digest != package.hardware_digest)
    return check::error("the hardware description {} does not have the digest that the package was compiled for",
                        package.hardware_name);
  return checkPackage(package, *hardware);
}

} // namespace weft::runtime
