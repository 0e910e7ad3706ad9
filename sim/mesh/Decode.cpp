#include "sim/mesh/Decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace weft::sim {
namespace {

using pkg::InstrKind;

pkg::Expr exprOr(const std::unique_ptr<pkg::Expr> &expr) { return expr ? *expr : pkg::Expr(); }

class Decoder {
public:
  Decoder(const runtime::Package &package, const pkg::ProgramT &program, const hw::Hardware &hardware)
      : package(package), program(program), hardware(hardware) {}

  Result<ProgramImage> decode();
  Result<ProgramImage> decodeInstructions();

private:
  Error bad(const std::string &what) const {
    return userError(fmt::format("program '{}'{}: {}", program.name, place, what));
  }
  Result<void> names();
  Result<void> task(const pkg::TaskT &task);
  Result<void> instr(const pkg::InstrT &instr, std::vector<uint32_t> &loops);
  Result<void> operand(const pkg::OperandT &operand, uint32_t depth);
  Result<void> expr(const pkg::Expr &expr, uint32_t depth) const;
  Result<void> operandCount(const pkg::InstrT &instr) const;
  Result<void> work(const pkg::WorkT &work, uint32_t depth);
  Result<void> checkClasses();
  Result<void> lists();
  Result<void> hostPorts();

  const runtime::Package &package;
  const pkg::ProgramT &program;
  const hw::Hardware &hardware;
  ProgramImage image;
  std::string place; // for messages
};

Result<void> Decoder::names() {
  uint32_t width = package.mesh_width, height = package.mesh_height;
  image.name = program.name;
  for (const auto &param : program.params) {
    if (std::any_of(param->divisors.begin(), param->divisors.end(), [](int32_t divisor) { return divisor <= 0; }))
      return bad(fmt::format("parameter '{}' has a divisor that is not positive", param->name));
    image.params.push_back(param->divisors);
  }
  image.rankX = program.rank_x;
  image.rankY = program.rank_y;
  if (image.rankX.size() != width || image.rankY.size() != height)
    return bad(fmt::format("rank_x has {} entries and rank_y {}, the mesh is {} x {}", image.rankX.size(),
                           image.rankY.size(), width, height));
  for (const auto &op : program.ops)
    image.ops.push_back(op->name);
  for (const auto &channel : program.channels)
    image.channels.push_back(channel->name);
  for (const auto &buffer : program.buffers) {
    if (uint64_t{buffer->offset} + buffer->bytes > hardware.memory.sramBytes)
      return bad(fmt::format("buffer '{}' ends at byte {} of {} bytes of SRAM", buffer->name,
                             uint64_t{buffer->offset} + buffer->bytes, hardware.memory.sramBytes));
    image.buffers.push_back(buffer->name);
  }
  for (const auto &kernel : package.kernels) {
    image.kernels.push_back(kernel->name);
    auto begin = static_cast<uint32_t>(image.kernelOperandBytes.size());
    image.kernelOperandBytes.insert(image.kernelOperandBytes.end(), kernel->operand_bytes.begin(),
                                    kernel->operand_bytes.end());
    image.kernelOperands.push_back({begin, static_cast<uint32_t>(image.kernelOperandBytes.size())});
    image.kernelRows.push_back(kernel->probe ? kernel->probe->rows_scalar : -1);
  }
  return success();
}

Result<void> Decoder::expr(const pkg::Expr &expr, uint32_t depth) const {
  if (expr.source() == pkg::Source::Param && expr.index() >= program.params.size())
    return bad(fmt::format("parameter {} of {}", expr.index(), program.params.size()));
  if (expr.source() == pkg::Source::Loop && expr.index() >= depth)
    return bad(fmt::format("counter of loop {} inside {} loops", expr.index(), depth));
  if (expr.source() > pkg::Source::RankY)
    return bad("expression with an unknown source");
  return success();
}

Result<void> Decoder::operand(const pkg::OperandT &operand, uint32_t depth) {
  if (operand.buffer >= program.buffers.size())
    return bad(fmt::format("buffer {} of {}", operand.buffer, program.buffers.size()));
  const pkg::BufferT &buffer = *program.buffers[operand.buffer];
  OperandCode code;
  code.buffer = operand.buffer;
  if (operand.offset > buffer.bytes)
    return bad(
        fmt::format("operand at byte {} of buffer '{}', which has {}", operand.offset, buffer.name, buffer.bytes));
  code.address = buffer.offset + operand.offset;
  code.bufferBegin = buffer.offset;
  code.bufferEnd = buffer.offset + buffer.bytes;
  code.terms.begin = static_cast<uint32_t>(image.terms.size());
  for (const pkg::RingTerm &term : operand.terms) {
    if (term.loop_scale() != 0 && term.loop() >= depth)
      return bad(fmt::format("ring term over loop {} inside {} loops", term.loop(), depth));
    if (term.modulus() <= 0)
      return bad(fmt::format("ring term with modulus {}", term.modulus()));
    if (auto ok = expr(term.phase(), depth); !ok)
      return ok;
    image.terms.push_back(term);
  }
  code.terms.end = static_cast<uint32_t>(image.terms.size());
  image.operands.push_back(code);
  return success();
}

Result<void> Decoder::work(const pkg::WorkT &work, uint32_t depth) {
  WorkCode code{work.narrow_operand,  exprOr(work.macs),        exprOr(work.alu),
                exprOr(work.special), exprOr(work.load_bytes),  exprOr(work.store_bytes),
                exprOr(work.vectors), exprOr(work.descriptors), exprOr(work.activations)};
  for (const pkg::Expr &part : {code.macs, code.alu, code.special, code.loadBytes, code.storeBytes, code.vectors,
                                code.descriptors, code.activations})
    if (auto ok = expr(part, depth); !ok)
      return ok;
  image.works.push_back(code);
  return success();
}

Result<void> Decoder::operandCount(const pkg::InstrT &instr) const {
  switch (instr.kind) {
  case InstrKind::Put:
  case InstrKind::Get:
  case InstrKind::ReduceForward:
  case InstrKind::ReduceInto:
    if (instr.channel >= program.channels.size() ||
        (instr.kind == InstrKind::ReduceForward && instr.channel_out >= program.channels.size()))
      return bad("channel that the program does not have");
    if (instr.operands.size() != 1)
      return bad(fmt::format("a transfer with {} operands, it takes one", instr.operands.size()));
    return success();
  case InstrKind::Call:
    if (instr.kernel >= package.kernels.size())
      return bad(fmt::format("kernel {} of {}", instr.kernel, package.kernels.size()));
    if (instr.operands.size() != package.kernels[instr.kernel]->operand_bytes.size())
      return bad(fmt::format("kernel '{}' called with {} operands, it takes {}", package.kernels[instr.kernel]->name,
                             instr.operands.size(), package.kernels[instr.kernel]->operand_bytes.size()));
    if (const auto &probe = package.kernels[instr.kernel]->probe;
        probe && instr.scalars.size() != probe->scalars.size())
      return bad(fmt::format("kernel '{}' called with {} scalars, it takes {}", package.kernels[instr.kernel]->name,
                             instr.scalars.size(), probe->scalars.size()));
    return success();
  case InstrKind::Wait:
  case InstrKind::LoopBegin:
  case InstrKind::LoopEnd:
    return success();
  }
  return bad("unknown kind of instruction");
}

Result<void> Decoder::instr(const pkg::InstrT &instr, std::vector<uint32_t> &loops) {
  if (auto ok = operandCount(instr); !ok)
    return ok;
  auto index = static_cast<uint32_t>(image.instrs.size()), depth = static_cast<uint32_t>(loops.size());
  InstrCode code;
  code.kind = instr.kind;
  code.reduce = instr.reduce;
  code.channel = instr.channel;
  code.channelOut = instr.channel_out;
  code.kernel = instr.kernel;
  code.bytes = exprOr(instr.bytes);
  code.count = exprOr(instr.count);
  code.operands.begin = static_cast<uint32_t>(image.operands.size());
  for (const auto &each : instr.operands)
    if (auto ok = operand(*each, depth); !ok)
      return ok;
  code.operands.end = static_cast<uint32_t>(image.operands.size());
  code.scalars.begin = static_cast<uint32_t>(image.scalars.size());
  image.scalars.insert(image.scalars.end(), instr.scalars.begin(), instr.scalars.end());
  code.scalars.end = static_cast<uint32_t>(image.scalars.size());
  for (const pkg::Expr &scalar : instr.scalars)
    if (auto ok = expr(scalar, depth); !ok)
      return ok;
  for (const pkg::Expr &each : {code.bytes, code.count})
    if (auto ok = expr(each, depth); !ok)
      return ok;
  if (instr.work) {
    code.work = static_cast<uint32_t>(image.works.size());
    if (auto ok = work(*instr.work, depth); !ok)
      return ok;
  }
  if (instr.kind == InstrKind::Call && instr.counted >= 0) {
    if (uint32_t(instr.counted) >= instr.operands.size() || image.kernelRows[instr.kernel] < 0 || !instr.each ||
        package.kernels[instr.kernel]->operand_bytes[uint32_t(instr.counted)] < sizeof(int32_t))
      return bad(fmt::format("a count in operand {} that is no m", instr.counted));
    code.counted = instr.counted;
    code.each = static_cast<uint32_t>(image.works.size());
    if (auto ok = work(*instr.each, depth); !ok)
      return ok;
  }
  if (instr.kind == InstrKind::LoopBegin) {
    loops.push_back(index);
    image.loopDepth = std::max(image.loopDepth, depth + 1);
  } else if (instr.kind == InstrKind::LoopEnd) {
    if (loops.empty())
      return bad("LoopEnd without LoopBegin");
    code.match = loops.back();
    image.instrs[code.match].match = index;
    loops.pop_back();
  }
  image.instrs.push_back(code);
  return success();
}

Result<void> Decoder::task(const pkg::TaskT &task) {
  if (task.class_id >= package.classes.size())
    return bad(fmt::format("class {} of {}", task.class_id, package.classes.size()));
  if (task.op >= program.ops.size())
    return bad(fmt::format("op {} of {}", task.op, program.ops.size()));
  TaskCode code;
  code.op = task.op;
  code.instrs.begin = static_cast<uint32_t>(image.instrs.size());
  std::vector<uint32_t> loops;
  std::string taskPlace = place;
  for (size_t i = 0; i < task.instrs.size(); ++i) {
    place = fmt::format("{}, instruction {} ({})", taskPlace, i, pkg::EnumNameInstrKind(task.instrs[i]->kind));
    if (auto ok = instr(*task.instrs[i], loops); !ok)
      return ok;
  }
  if (!loops.empty())
    return bad("LoopBegin without LoopEnd");
  code.instrs.end = static_cast<uint32_t>(image.instrs.size());
  image.tasks.push_back(code);
  if (std::find(image.opOrder.begin(), image.opOrder.end(), task.op) == image.opOrder.end())
    image.opOrder.push_back(task.op);
  return success();
}

Result<void> Decoder::checkClasses() {
  uint32_t width = package.mesh_width, height = package.mesh_height;
  place.clear();
  for (const auto &each : package.classes)
    if (each->xs.size() != width || each->ys.size() != height ||
        (!each->point_x.empty() && each->point_x.size() != height))
      return bad(fmt::format("class '{}' is not of a {} x {} mesh", each->name, width, height));
  return success();
}

/// Cores with the same classes share one list of tasks.
Result<void> Decoder::lists() {
  uint32_t width = package.mesh_width, height = package.mesh_height;
  std::map<std::vector<bool>, uint32_t> known;
  std::vector<uint64_t> coresOfList;
  for (uint32_t core = 0; core < width * height; ++core) {
    uint32_t x = core % width, y = core / width;
    std::vector<bool> member;
    for (const auto &each : package.classes)
      member.push_back(each->xs[x] && each->ys[y] &&
                       (each->point_x.empty() || (each->point_x[y] == static_cast<int32_t>(x)) != each->point_negated));
    auto [entry, isNew] = known.try_emplace(member, static_cast<uint32_t>(image.lists.size()));
    if (isNew) {
      auto begin = static_cast<uint32_t>(image.taskLists.size());
      for (uint32_t task = 0; task < program.tasks.size(); ++task)
        if (member[program.tasks[task]->class_id])
          image.taskLists.push_back(task);
      image.lists.push_back({begin, static_cast<uint32_t>(image.taskLists.size())});
      coresOfList.push_back(0);
    }
    image.listOfCore.push_back(entry->second);
    ++coresOfList[entry->second];
  }
  image.opCores.assign(program.ops.size(), 0);
  for (size_t list = 0; list < image.lists.size(); ++list) {
    std::vector<bool> has(program.ops.size());
    for (uint32_t i = image.lists[list].begin; i < image.lists[list].end; ++i)
      has[image.tasks[image.taskLists[i]].op] = true;
    for (size_t op = 0; op < has.size(); ++op)
      image.opCores[op] += has[op] ? coresOfList[list] : 0;
  }
  return success();
}

Result<void> Decoder::hostPorts() {
  for (const auto &input : program.inputs) {
    place = fmt::format(", input '{}'", input->name);
    if (input->channel >= program.channels.size())
      return bad("channel that the program does not have");
    HostInputCode code{input->name, input->channel, exprOr(input->bytes)};
    if (code.bytes.source() != pkg::Source::Constant && code.bytes.source() != pkg::Source::Param)
      return bad("its length may depend on nothing but launch parameters");
    if (auto ok = expr(code.bytes, 0); !ok)
      return ok;
    image.inputs.push_back(code);
  }
  for (const auto &output : program.outputs) {
    place = fmt::format(", output '{}'", output->name);
    if (output->channel >= program.channels.size())
      return bad("channel that the program does not have");
    bool alongX = program.channels[output->channel]->axis == pkg::Axis::X;
    uint32_t lines = alongX ? package.mesh_height : package.mesh_width;
    if (output->index.size() % lines)
      return bad(fmt::format("{} elements do not spread over {} lines", output->index.size(), lines));
    for (int32_t to : output->index)
      if (to < -1 || to >= static_cast<int64_t>(output->extent))
        return bad(fmt::format("element {} of {}", to, output->extent));
    image.outputs.push_back({output->name, output->channel, output->extent, lines, output->element, output->index});
  }
  place.clear();
  return success();
}

Result<ProgramImage> Decoder::decodeInstructions() {
  if (auto ok = names(); !ok)
    return ok.takeError();
  for (size_t i = 0; i < program.tasks.size(); ++i) {
    place = fmt::format(", task {}", i);
    if (auto ok = task(*program.tasks[i]); !ok)
      return ok.takeError();
  }
  if (auto ok = checkClasses(); !ok)
    return ok.takeError();
  if (auto ok = hostPorts(); !ok)
    return ok.takeError();
  return std::move(image);
}

Result<ProgramImage> Decoder::decode() {
  auto instructions = decodeInstructions();
  if (!instructions)
    return instructions.takeError();
  image = std::move(*instructions);
  if (auto ok = lists(); !ok)
    return ok.takeError();
  auto routes = buildRoutes(program, package.mesh_width, package.mesh_height, hardware);
  if (!routes)
    return routes.takeError();
  image.routes = std::move(*routes);
  return std::move(image);
}

} // namespace

Result<ProgramImage> decodeInstructions(const runtime::Package &package, const pkg::ProgramT &program,
                                        const hw::Hardware &hardware) {
  return Decoder(package, program, hardware).decodeInstructions();
}

Result<ProgramImage> decodeProgram(const runtime::Package &package, const pkg::ProgramT &program,
                                   const hw::Hardware &hardware) {
  return Decoder(package, program, hardware).decode();
}

} // namespace weft::sim
