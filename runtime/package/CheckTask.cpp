#include "runtime/package/Check.h"

#include <algorithm>

namespace weft::runtime::check {
namespace {

constexpr size_t maxLoopDepth = 4;
// Operations and bytes of one call: far above what an SRAM can feed, far below what a cycle count can hold.
constexpr int64_t maxWork = int64_t(1) << 40;
constexpr int64_t maxAddress = int64_t(1) << 33;

/// Values of a parameter over all launches: it does not decrease as the cache grows.
Range paramRange(const pkg::ParamT &param, uint32_t maxSeq) {
  Range range{1, maxSeq};
  for (int32_t divisor : param.divisors) {
    range.lo = (range.lo + divisor - 1) / divisor;
    range.hi = (range.hi + divisor - 1) / divisor;
  }
  return range;
}

Range rankRange(const std::vector<int32_t> &rank, const std::vector<bool> &present) {
  Range range{INT32_MAX, -1};
  for (size_t i = 0; i < rank.size(); ++i)
    if (present[i])
      range = {std::min<int64_t>(range.lo, rank[i]), std::max<int64_t>(range.hi, rank[i])};
  return range.hi < 0 ? Range{} : range;
}

/// Checks the instructions of one task in order, carrying the loops that are open.
class TaskChecker {
public:
  TaskChecker(const Package &package, const pkg::ProgramT &program, const ClassExtent &members)
      : package(package), program(program), members(members) {}

  Result<void> instr(const pkg::InstrT &instr);
  bool loopOpen() const { return !counts.empty(); }

private:
  /// `expr` must be there and its values must lie in [0, limit].
  Result<Range> value(const std::unique_ptr<pkg::Expr> &expr, int64_t limit, const char *what) const;
  Result<void> operand(const pkg::OperandT &operand, uint64_t bytes) const;
  Result<Range> term(const pkg::RingTerm &term) const;
  Result<void> transfer(const pkg::InstrT &instr) const;
  Result<void> call(const pkg::InstrT &instr) const;
  Result<void> counted(const pkg::InstrT &instr, const pkg::KernelT &kernel) const;
  Result<void> work(const pkg::WorkT &work) const;
  ExprScope scope() const { return {package, program, &members, &counts}; }

  const Package &package;
  const pkg::ProgramT &program;
  const ClassExtent &members;
  std::vector<Range> counts; // of the open loops, outermost first
};

Result<Range> TaskChecker::value(const std::unique_ptr<pkg::Expr> &expr, int64_t limit, const char *what) const {
  if (!expr)
    return error("no {}", what);
  Result<Range> range = bound(*expr, scope());
  if (range && (range->lo < 0 || range->hi > limit))
    return error("{} of {} to {}, not within 0 to {}", what, range->lo, range->hi, limit);
  return range;
}

Result<Range> TaskChecker::term(const pkg::RingTerm &term) const {
  if (term.modulus() < 1)
    return error("a ring term with modulus {}", term.modulus());
  Result<Range> value = bound(term.phase(), scope());
  if (!value)
    return value.takeError();
  if (term.loop_scale() != 0) {
    if (term.loop() >= counts.size())
      return error("a ring term names loop {}, {} are open", term.loop(), counts.size());
    // The counter runs over [0, most - 1].
    const int64_t most = std::max<int64_t>(counts[counts.size() - 1 - term.loop()].hi, 1);
    const int64_t last = (most - 1) * term.loop_scale();
    *value = {value->lo + std::min<int64_t>(last, 0), value->hi + std::max<int64_t>(last, 0)};
  }
  // Unless the values wrap around, the residues are the values.
  Range residues{0, term.modulus() - 1};
  if (value->lo >= 0 && value->hi < term.modulus())
    residues = *value;
  const int64_t a = residues.lo * term.stride(), b = residues.hi * term.stride();
  return Range{std::min(a, b), std::max(a, b)};
}

Result<void> TaskChecker::operand(const pkg::OperandT &operand, uint64_t bytes) const {
  if (operand.buffer >= program.buffers.size())
    return error("an operand names buffer {} of {}", operand.buffer, program.buffers.size());
  if (operand.terms.size() > maxLoopDepth)
    return error("an operand has {} ring terms, more than loops can be open", operand.terms.size());
  const pkg::BufferT &target = *program.buffers[operand.buffer];
  Range start{operand.offset, operand.offset};
  for (const pkg::RingTerm &entry : operand.terms) {
    Result<Range> range = term(entry);
    if (!range)
      return range.takeError();
    start = {start.lo + range->lo, start.hi + range->hi};
    if (start.lo < -maxAddress || start.hi > maxAddress)
      break; // far outside any buffer; more terms could overflow
  }
  if (start.lo < 0 || start.hi > int64_t(target.bytes) || bytes > uint64_t(int64_t(target.bytes) - start.hi))
    return error("{} bytes at {} to {} of buffer {} reach beyond its {} bytes", bytes, start.lo, start.hi, target.name,
                 target.bytes);
  return success();
}

Result<void> TaskChecker::transfer(const pkg::InstrT &instr) const {
  if (instr.channel >= program.channels.size())
    return error("channel {} of {}", instr.channel, program.channels.size());
  const bool reduces = instr.kind == pkg::InstrKind::ReduceForward || instr.kind == pkg::InstrKind::ReduceInto;
  if (instr.kind == pkg::InstrKind::ReduceForward && instr.channel_out >= program.channels.size())
    return error("channel_out {} of {}", instr.channel_out, program.channels.size());
  if (reduces && instr.reduce > pkg::ReduceKind::MAX)
    return error("unknown reduction {}", unsigned(instr.reduce));
  if (instr.operands.size() != 1)
    return error("{} operands, a transfer has 1", instr.operands.size());
  Result<Range> bytes = value(instr.bytes, UINT32_MAX, "bytes");
  if (!bytes)
    return bytes.takeError();
  // Values of a linear expression are whole f32 words when its two coefficients are.
  if (reduces && (instr.bytes->add() % 4 != 0 || instr.bytes->scale() % 4 != 0))
    return error("a reduction of bytes that are not whole f32 words");
  return operand(*instr.operands[0], uint64_t(bytes->hi)); // of the last word only what belongs to the transfer
}

Result<void> TaskChecker::work(const pkg::WorkT &work) const {
  for (const auto *expr : {&work.macs, &work.alu, &work.special, &work.load_bytes, &work.store_bytes, &work.vectors,
                           &work.descriptors, &work.activations})
    if (*expr) // absent is zero
      if (Result<Range> range = value(*expr, maxWork, "work"); !range)
        return range.takeError();
  return success();
}

Result<void> TaskChecker::call(const pkg::InstrT &instr) const {
  if (instr.kernel >= package.kernels.size())
    return error("kernel {} of {}", instr.kernel, package.kernels.size());
  const pkg::KernelT &kernel = *package.kernels[instr.kernel];
  if (instr.operands.size() != kernel.operand_bytes.size())
    return error("{} operands for kernel {}, which takes {}", instr.operands.size(), kernel.name,
                 kernel.operand_bytes.size());
  if (kernel.probe && instr.scalars.size() != kernel.probe->scalars.size())
    return error("{} scalars for kernel {}, which takes {}", instr.scalars.size(), kernel.name,
                 kernel.probe->scalars.size());
  for (size_t i = 0; i < instr.operands.size(); ++i)
    if (Result<void> ok = operand(*instr.operands[i], kernel.operand_bytes[i]); !ok)
      return error("kernel {}, operand {}: {}", kernel.name, i, ok.error().message);
  for (const pkg::Expr &scalar : instr.scalars)
    if (Result<Range> range = bound(scalar, scope()); !range)
      return range.takeError();
  if (!instr.work)
    return error("kernel {}: no work", kernel.name);
  if (instr.counted >= 0)
    if (Result<void> ok = counted(instr, kernel); !ok)
      return ok;
  return work(*instr.work);
}

Result<void> TaskChecker::counted(const pkg::InstrT &instr, const pkg::KernelT &kernel) const {
  if (size_t(instr.counted) >= instr.operands.size() || kernel.operand_bytes[size_t(instr.counted)] < sizeof(int32_t))
    return error("kernel {}: operand {} holds no count", kernel.name, instr.counted);
  if (!kernel.probe || kernel.probe->rows_scalar < 0 || !instr.each)
    return error("kernel {}: a count, but no scalar or no work for it", kernel.name);
  if (Result<Range> most = value(instr.count, INT32_MAX, "most"); !most)
    return most.takeError();
  for (const auto *expr :
       {&instr.each->macs, &instr.each->alu, &instr.each->special, &instr.each->load_bytes, &instr.each->store_bytes,
        &instr.each->vectors, &instr.each->descriptors, &instr.each->activations})
    if (*expr && (*expr)->source() != pkg::Source::Constant)
      return error("kernel {}: the work for each is no constant", kernel.name);
  return work(*instr.each);
}

Result<void> TaskChecker::instr(const pkg::InstrT &instr) {
  switch (instr.kind) {
  case pkg::InstrKind::Put:
  case pkg::InstrKind::Get:
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    return transfer(instr);
  case pkg::InstrKind::Call:
    return call(instr);
  case pkg::InstrKind::Wait:
    return success();
  case pkg::InstrKind::LoopBegin: {
    if (counts.size() >= maxLoopDepth)
      return error("loops are nested more than {} deep", maxLoopDepth);
    Result<Range> count = value(instr.count, INT32_MAX, "loop count");
    if (!count)
      return count.takeError();
    counts.push_back(*count);
    return success();
  }
  case pkg::InstrKind::LoopEnd:
    if (counts.empty())
      return error("no loop is open");
    counts.pop_back();
    return success();
  }
  return error("unknown kind {}", unsigned(instr.kind));
}

} // namespace

Result<Range> bound(const pkg::Expr &expr, const ExprScope &scope) {
  Range range;
  const size_t depth = scope.counts ? scope.counts->size() : 0;
  const bool onCore = expr.source() >= pkg::Source::CoordX && expr.source() <= pkg::Source::RankY;
  if (onCore && !scope.members)
    return error("an expression depends on a core where there is none");
  switch (expr.source()) {
  case pkg::Source::Constant:
    break;
  case pkg::Source::Param:
    if (expr.index() >= scope.program.params.size())
      return error("an expression names parameter {} of {}", expr.index(), scope.program.params.size());
    range = paramRange(*scope.program.params[expr.index()], scope.package.model->max_seq);
    break;
  case pkg::Source::Loop:
    if (expr.index() >= depth)
      return error("an expression names loop {}, {} are open", expr.index(), depth);
    range.hi = std::max<int64_t>((*scope.counts)[depth - 1 - expr.index()].hi - 1, 0);
    break;
  case pkg::Source::CoordX:
    range = scope.members->x;
    break;
  case pkg::Source::CoordY:
    range = scope.members->y;
    break;
  case pkg::Source::RankX:
    range = rankRange(scope.program.rank_x, scope.members->hasX);
    break;
  case pkg::Source::RankY:
    range = rankRange(scope.program.rank_y, scope.members->hasY);
    break;
  default:
    return error("an expression has unknown source {}", unsigned(expr.source()));
  }
  const int64_t a = range.lo * expr.scale(), b = range.hi * expr.scale();
  return Range{expr.add() + std::min(a, b), expr.add() + std::max(a, b)};
}

Result<void> task(const Package &package, const pkg::ProgramT &program, const ClassExtent &members,
                  const pkg::TaskT &task, const std::string &where) {
  TaskChecker checker(package, program, members);
  for (size_t i = 0; i < task.instrs.size(); ++i)
    if (Result<void> ok = checker.instr(*task.instrs[i]); !ok)
      return error("{}, instruction {} ({}): {}", where, i, pkg::EnumNameInstrKind(task.instrs[i]->kind),
                   ok.error().message);
  if (checker.loopOpen())
    return error("{}: a loop without its end", where);
  return success();
}

} // namespace weft::runtime::check
