#include "runtime/package/Check.h"

#include <algorithm>

namespace weft::runtime::check {
namespace {

Result<void> ranks(const std::vector<int32_t> &rank, uint32_t extent, const std::string &where) {
  if (rank.size() != extent)
    return error("{} has {} entries for {} cores", where, rank.size(), extent);
  std::vector<bool> seen(extent, false);
  for (int32_t value : rank) {
    if (value < 0 || uint32_t(value) >= extent || seen[uint32_t(value)])
      return error("{} is not a permutation: {}", where, value);
    seen[uint32_t(value)] = true;
  }
  return success();
}

Result<void> reducing(const hw::Hardware &hardware, const pkg::Flow &flow, const std::string &where) {
  if (flow.combine() > pkg::Combine::MAX)
    return error("{}: a flow combines its words in an unknown way, {}", where, unsigned(flow.combine()));
  if (flow.combine() == pkg::Combine::None)
    return success();
  if (hardware.routing.reduceStage == 0)
    return error("{}: a flow combines words in routers, those of {} cannot (routing.reduce_stage is 0)", where,
                 hardware.name);
  if (flow.lo() < 0)
    return error("{}: the host takes part in a flow that combines words", where);
  if (flow.deliver_all())
    return error("{}: a flow that combines words is delivered at its root alone", where);
  return success();
}

Result<void> channel(const Package &package, const hw::Hardware &hardware, const pkg::ChannelT &channel,
                     const std::string &where) {
  if (channel.axis != pkg::Axis::X && channel.axis != pkg::Axis::Y)
    return error("{}: a channel lies along X or Y", where);
  const int64_t length = lineLength(package, channel.axis), lines = lineCount(package, channel.axis);
  const int64_t colors = hardware.routing.usableColors();
  for (const pkg::Flow &flow : channel.flows) {
    if (flow.line() < -1 || flow.line() >= lines)
      return error("{}: line {} of {}", where, flow.line(), lines);
    if (flow.lo() < -1 || flow.hi() >= length || flow.lo() > flow.source() || flow.source() > flow.hi())
      return error("{}: a flow from {} over {} to {} is not on a line of {} cores", where, flow.source(), flow.lo(),
                   flow.hi(), length);
    if (flow.color() >= colors)
      return error("{}: colour {}, programs have the colours below {}", where, flow.color(), colors);
    if (Result<void> ok = reducing(hardware, flow, where); !ok)
      return ok;
    if (channel.turn &&
        (flow.lo() < 0 || flow.source() != flow.lo() || !flow.deliver_all() || flow.combine() != pkg::Combine::None))
      return error("{}: cores take turns, but a flow of it starts elsewhere than at its lowest core, has ends that get "
                   "nothing or combines its words",
                   where);
  }
  return success();
}

/// Resident buffers as the package has them, the others clear of all resident ones.
Result<void> buffers(const hw::Hardware &hardware, const BuffersByName &resident, const pkg::ProgramT &program) {
  for (const auto &entry : program.buffers) {
    const std::string where = fmt::format("program {}: buffer {}", program.name, entry->name);
    if (Result<void> fits = buffer(*entry, hardware, where); !fits)
      return fits;
    if (isResident(entry->kind)) {
      auto known = resident.find(entry->name);
      if (known == resident.end() || known->second->kind != entry->kind || known->second->offset != entry->offset ||
          known->second->bytes != entry->bytes)
        return error("{}: differs from the resident buffer of this name, or there is none", where);
      continue;
    }
    for (const auto &[name, other] : resident)
      if (entry->bytes > 0 && other->bytes > 0 && entry->offset < other->offset + other->bytes &&
          other->offset < entry->offset + entry->bytes)
        return error("{}: overlaps resident buffer {}", where, name);
  }
  return success();
}

/// What the host is told of a tensor agrees with its bytes.
Result<void> hostTensor(const pkg::HostTensorT &tensor, uint64_t bytes, const std::string &where) {
  if (tensor.element > pkg::ElementType::MAX)
    return error("{}: unknown element type", where);
  uint64_t size = elementBytes(tensor.element);
  for (uint64_t extent : tensor.shape)
    if (extent > INT32_MAX || __builtin_mul_overflow(size, extent, &size))
      return error("{}: its shape overflows", where);
  if (const size_t fixed = tensor.fixed.size(); fixed != 0 && fixed * elementBytes(tensor.element) != size)
    return error("{}: {} values of a tensor of {} bytes", where, fixed, size);
  if (size != bytes)
    return error("{}: a tensor of {} bytes, {} go through its channel", where, size, bytes);
  return success();
}

Result<void> input(const Package &package, const pkg::ProgramT &program, const pkg::HostInputT &input) {
  const std::string where = fmt::format("program {}: input {}", program.name, input.name);
  if (input.channel >= program.channels.size())
    return error("{}: channel {} of {}", where, input.channel, program.channels.size());
  if (!input.bytes)
    return error("{}: no length", where);
  Result<Range> bytes = bound(*input.bytes, {package, program, nullptr, nullptr});
  if (!bytes)
    return error("{}: {}", where, bytes.error().message);
  if (bytes->lo < 0 || bytes->hi > UINT32_MAX)
    return error("{}: {} to {} bytes", where, bytes->lo, bytes->hi);
  if (input.tensor)
    return bytes->lo == bytes->hi ? hostTensor(*input.tensor, uint64_t(bytes->lo), where)
                                  : error("{}: a tensor whose length differs from launch to launch", where);
  return success();
}

/// Every element of the whole output comes from exactly one place.
Result<void> output(const Package &package, const pkg::ProgramT &program, const pkg::HostOutputT &output) {
  const std::string where = fmt::format("program {}: output {}", program.name, output.name);
  if (output.channel >= program.channels.size())
    return error("{}: channel {} of {}", where, output.channel, program.channels.size());
  if (output.element > pkg::ElementType::MAX)
    return error("{}: unknown element type", where);
  if (output.tensor)
    if (Result<void> ok = hostTensor(*output.tensor, uint64_t(output.extent) * elementBytes(output.element), where);
        !ok)
      return ok;
  if (output.name == "logits" && program.name != tensorProgram &&
      (output.element != pkg::ElementType::F32 || output.extent != package.model->vocab_size))
    return error("{}: {} values for a vocabulary of {}, or not f32", where, output.extent, package.model->vocab_size);
  const uint32_t lines = lineCount(package, program.channels[output.channel]->axis);
  if (output.index.empty() || output.index.size() % lines != 0 || output.extent > output.index.size())
    return error("{}: an index of {} entries for {} lines and {} elements", where, output.index.size(), lines,
                 output.extent);
  std::vector<bool> seen(output.extent, false);
  for (int32_t index : output.index) {
    if (index == -1)
      continue;
    if (index < 0 || uint32_t(index) >= output.extent || seen[uint32_t(index)])
      return error("{}: index {} is outside {} elements or comes twice", where, index, output.extent);
    seen[uint32_t(index)] = true;
  }
  if (auto missing = std::find(seen.begin(), seen.end(), false); missing != seen.end())
    return error("{}: nothing delivers element {}", where, missing - seen.begin());
  return success();
}

Result<void> tables(const Package &package, const hw::Hardware &hardware, const BuffersByName &resident,
                    const pkg::ProgramT &program) {
  const std::string where = fmt::format("program {}", program.name);
  for (const auto &param : program.params)
    if (std::any_of(param->divisors.begin(), param->divisors.end(), [](int32_t divisor) { return divisor < 1; }))
      return error("{}: parameter {} divides by less than 1", where, param->name);
  if (Result<void> ok = ranks(program.rank_x, package.mesh_width, where + ": rank_x"); !ok)
    return ok;
  if (Result<void> ok = ranks(program.rank_y, package.mesh_height, where + ": rank_y"); !ok)
    return ok;
  for (const auto &entry : program.channels)
    if (Result<void> ok = channel(package, hardware, *entry, fmt::format("{}: channel {}", where, entry->name)); !ok)
      return ok;
  if (Result<void> ok = buffers(hardware, resident, program); !ok)
    return ok;
  for (const auto &entry : program.inputs)
    if (Result<void> ok = input(package, program, *entry); !ok)
      return ok;
  for (const auto &entry : program.outputs)
    if (Result<void> ok = output(package, program, *entry); !ok)
      return ok;
  return success();
}

} // namespace

Result<void> program(const Package &package, const hw::Hardware &hardware, const BuffersByName &resident,
                     const std::vector<ClassExtent> &classes, const pkg::ProgramT &program) {
  if (Result<void> ok = tables(package, hardware, resident, program); !ok)
    return ok;
  for (size_t i = 0; i < program.tasks.size(); ++i) {
    const pkg::TaskT &entry = *program.tasks[i];
    const std::string number = fmt::format("program {}: task {}", program.name, i);
    if (entry.class_id >= package.classes.size())
      return error("{}: class {} of {}", number, entry.class_id, package.classes.size());
    if (entry.op >= program.ops.size())
      return error("{}: op {} of {}", number, entry.op, program.ops.size());
    const std::string where =
        fmt::format("{} (class {}, op {})", number, package.classes[entry.class_id]->name, program.ops[entry.op]->name);
    if (Result<void> ok = task(package, program, classes[entry.class_id], entry, where); !ok)
      return ok;
  }
  return success();
}

} // namespace weft::runtime::check
