// Feeds the package loader payloads behind a frame that is always right, so that the mutations reach the FlatBuffer and
// checkPackage; and, with the first byte 'W', whole files. What the loader accepts must be safe to run: its operands
// are followed through their loops and must stay inside their buffers, and the package must survive another round trip.
#include "runtime/SramUse.h"
#include "runtime/package/Frame.h"

#include <cstdint>
#include <cstdlib>

using namespace weft;
using namespace weft::runtime;

namespace {

void require(bool condition) {
  if (!condition)
    std::abort();
}

/// Follows one task as a core does, for a limited number of steps, with loops run at most three times.
class Walk {
public:
  Walk(const Package &package, const pkg::ProgramT &program, const pkg::TaskT &task)
      : package(package), program(program), task(task) {}

  /// For the first core of the task's class; a class without cores runs nothing.
  void run() {
    const pkg::ClassT &members = *package.classes.at(task.class_id);
    for (y = 0; y < members.ys.size(); ++y)
      for (x = 0; x < members.xs.size(); ++x)
        if (members.xs[x] && members.ys[y] &&
            (members.point_x.empty() || (members.point_x[y] == int64_t(x)) != members.point_negated)) {
          block(0);
          return;
        }
  }

private:
  /// Runs from `at` to the end of the loop or of the task; returns the index behind it.
  size_t block(size_t at) {
    while (at < task.instrs.size()) {
      const pkg::InstrT &instr = *task.instrs[at];
      if (instr.kind == pkg::InstrKind::LoopEnd)
        return at + 1;
      if (++steps > 10000)
        return task.instrs.size();
      if (instr.kind == pkg::InstrKind::LoopBegin) {
        at = loop(at);
        continue;
      }
      for (size_t i = 0; i < instr.operands.size(); ++i)
        if (instr.kind != pkg::InstrKind::Wait)
          operand(*instr.operands[i],
                  instr.kind == pkg::InstrKind::Call ? package.kernels[instr.kernel]->operand_bytes[i] : 0);
      ++at;
    }
    return at;
  }

  size_t loop(size_t at) {
    // A constant count is run to its end; one that varies is at least once what the bound allows.
    const pkg::Expr &count = *task.instrs[at]->count;
    const int64_t trips = count.source() == pkg::Source::Constant ? count.add() : 1;
    size_t end = at + 1;
    int depth = 1;
    for (size_t i = at + 1; i < task.instrs.size() && depth > 0; ++i) {
      depth += task.instrs[i]->kind == pkg::InstrKind::LoopBegin;
      depth -= task.instrs[i]->kind == pkg::InstrKind::LoopEnd;
      end = i + 1;
    }
    for (int64_t trip : {int64_t(0), trips / 2, trips - 1}) {
      if (trip < 0 || trip >= trips)
        continue;
      counters.push_back(trip);
      block(at + 1);
      counters.pop_back();
    }
    return end;
  }

  void operand(const pkg::OperandT &operand, uint64_t bytes) {
    const pkg::BufferT &buffer = *program.buffers.at(operand.buffer);
    int64_t offset = operand.offset;
    for (const pkg::RingTerm &term : operand.terms) {
      int64_t at = phase(term.phase());
      if (term.loop_scale() != 0)
        at += term.loop_scale() * counters.at(counters.size() - 1 - term.loop());
      at %= term.modulus();
      offset += (at < 0 ? at + term.modulus() : at) * term.stride();
    }
    require(offset >= 0 && uint64_t(offset) + bytes <= buffer.bytes);
  }

  /// What the phase is for this core; a launch of one token for those that depend on parameters.
  int64_t phase(const pkg::Expr &expr) const {
    int64_t value = 0;
    switch (expr.source()) {
    case pkg::Source::Constant:
      break;
    case pkg::Source::Param:
      value = 1;
      break;
    case pkg::Source::Loop:
      value = counters.at(counters.size() - 1 - expr.index());
      break;
    case pkg::Source::CoordX:
      value = int64_t(x);
      break;
    case pkg::Source::CoordY:
      value = int64_t(y);
      break;
    case pkg::Source::RankX:
      value = program.rank_x.at(x);
      break;
    case pkg::Source::RankY:
      value = program.rank_y.at(y);
      break;
    }
    return expr.add() + expr.scale() * value;
  }

  const Package &package;
  const pkg::ProgramT &program;
  const pkg::TaskT &task;
  size_t x = 0, y = 0;
  std::vector<int64_t> counters;
  int steps = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte *>(data), size);
  auto package = size > 0 && data[0] == 'W' ? parsePackage(bytes, "fuzz") : parsePackage(frame(bytes), "fuzz");
  if (!package)
    return 0;
  for (const auto &program : (*package)->programs)
    for (const auto &task : program->tasks)
      Walk(**package, *program, *task).run();
  uint64_t covered = 0;
  for (const SramClass &cls : sramUse(**package))
    covered += cls.cores.size();
  require(covered == uint64_t((*package)->mesh_width) * (*package)->mesh_height);
  const std::vector<std::byte> again = serialize(**package);
  auto reread = parsePackage(again, "fuzz");
  require(bool(reread));
  require(serialize(**reread) == again);
  return 0;
}
