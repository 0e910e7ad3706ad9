// The driver of the spmd lowering: kernels, loops, buffers and classes.
#include "compiler/spmd/Lowering.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::spmd {

using grid::elementBytes;
using grid::localBytes;

std::string opName(Operation *op) {
  Location location = op->getLoc();
  if (auto name = location->findInstanceOf<NameLoc>())
    return name.getName().str();
  return op->getName().stripDialect().str();
}

Lowering::Lowering(ModuleOp module, grid::MeshOp meshOp, const SpmdOptions &options)
    : module(module), context(module.getContext()), options(options),
      mesh(place::Mesh::make(meshOp.getWidth(), meshOp.getHeight(),
                             meshOp.getRankToCore() == grid::RankOrder::Interleave)),
      declarations(context), residents(context), steps(context) {}

// ---- names ----------------------------------------------------------------------------------------------------

fabric::CoreMask Lowering::onAxis(grid::Axis axis, const std::vector<bool> &positions) const {
  fabric::CoreMask mask = allCores();
  (axis == grid::Axis::X ? mask.xs : mask.ys) = positions;
  return mask;
}

std::string Lowering::className(const fabric::CoreMask &mask) {
  for (const auto &[known, name] : classes)
    if (known == mask)
      return name;
  std::string name = classes.empty() ? "all" : "class" + std::to_string(classes.size());
  if (classes.empty() && !(mask == allCores()))
    name = "class0";
  SmallVector<Attribute> sets;
  for (IntegerSet set : fabric::toSets(context, mask))
    sets.push_back(IntegerSetAttr::get(set));
  declarations.create<fabric::ClassOp>(program.getLoc(), name, declarations.getArrayAttr(sets));
  classes.emplace_back(mask, name);
  return name;
}

std::string Lowering::channel(grid::Axis axis, fabric::PatternKind kind, ArrayRef<int64_t> args,
                              const std::string &name, std::optional<fabric::CombineKind> by) {
  auto [entry, inserted] = channels.emplace(name, name);
  if (inserted)
    declarations.create<fabric::ChannelOp>(program.getLoc(), name, static_cast<fabric::Axis>(axis), kind,
                                           declarations.getDenseI64ArrayAttr(args),
                                           by ? fabric::CombineKindAttr::get(context, *by) : fabric::CombineKindAttr(),
                                           AffineMapAttr(), DenseI64ArrayAttr());
  return entry->second;
}

std::string Lowering::ring(grid::Axis axis, int64_t direction) {
  std::string name = std::string(axis == grid::Axis::X ? "x" : "y") + (direction < 0 ? "_ring_down" : "_ring_up");
  return channel(axis, fabric::PatternKind::Ring, {direction}, name);
}

std::string Lowering::newBuffer(fabric::BufferKind kind, int64_t bytes, StringRef hint) {
  std::string name = (hint + std::to_string(bufferCount++)).str();
  declarations.create<fabric::BufferOp>(program.getLoc(), name, kind, alignUp(std::max<int64_t>(bytes, 1)),
                                        IntegerAttr()); // a tensor may have no elements
  return name;
}

Slot Lowering::slotFor(Value value, fabric::BufferKind kind, StringRef hint) {
  if (auto found = slots.find(value); found != slots.end())
    return found->second;
  Slot slot{newBuffer(kind, localBytes(cast<RankedTensorType>(value.getType())), hint), 0, {}};
  slots[value] = slot;
  return slot;
}

int64_t Lowering::param(StringRef name, ArrayRef<int64_t> divisors) {
  for (auto [index, known] : llvm::enumerate(params))
    if (known.first == name && ArrayRef(known.second) == divisors)
      return index;
  params.emplace_back(name.str(), llvm::to_vector(divisors));
  return params.size() - 1;
}

// ---- expressions ----------------------------------------------------------------------------------------------

Expr Lowering::bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  int64_t bytes = localBytes(tensor);
  if (tensor.getRank() == 0 || grid::layoutOf(tensor).getDims()[0].getKind() != grid::ShardKind::Sequence)
    return constant(bytes);
  grid::ShardAttr first = grid::layoutOf(tensor).getDims()[0];
  return {fabric::Source::Param, param("rows", {mesh.height}), bytes / first.getLocal(), 0};
}

int64_t Lowering::blockRows(RankedTensorType weight) const { return grid::localShape(weight)[0] / mesh.blocksY; }

int64_t Lowering::blockBytes(RankedTensorType weight) const {
  int64_t rows = blockRows(weight), columns = grid::localShape(weight)[1];
  Type element = weight.getElementType();
  if (auto blocks = dyn_cast<grid::BlocksType>(element))
    return grid::blockShape(blocks, rows, columns).bytes();
  return element.isInteger(8) ? runtime::quantisedBlockBytes(rows, columns) : rows * columns * elementBytes(element);
}

int64_t Lowering::weightBytes(RankedTensorType weight) const {
  Type element = weight.getElementType();
  return element.isInteger(8) || isa<grid::BlocksType>(element) ? mesh.blocksY * blockBytes(weight)
                                                                : localBytes(weight);
}

Expr Lowering::scalar(grid::ScalarAttr attribute, int64_t level) {
  switch (attribute.getKind()) {
  case grid::ScalarKind::Constant:
    return constant(attribute.getValue());
  case grid::ScalarKind::Rows:
    return {fabric::Source::Param, param("rows", {mesh.height}), attribute.getValue(), 0};
  case grid::ScalarKind::RankX:
    return {fabric::Source::RankX, 0, 1, 0};
  case grid::ScalarKind::RankY:
    return {fabric::Source::RankY, 0, 1, 0};
  case grid::ScalarKind::Loop:
    return {fabric::Source::Loop, level - 1 - attribute.getValue(), 1, 0};
  }
  llvm_unreachable("all kinds are handled");
}

fabric::ExprAttr Lowering::attribute(const Expr &expr, int64_t level) const {
  int64_t index = expr.source == fabric::Source::Loop ? level - 1 - expr.index : expr.index;
  return fabric::ExprAttr::get(context, expr.source, index, expr.scale, expr.add);
}

fabric::RefAttr Lowering::reference(const Slot &slot, int64_t level) const {
  SmallVector<fabric::TermAttr> terms;
  for (const RingTerm &term : slot.terms)
    terms.push_back(fabric::TermAttr::get(context, term.scale ? level - 1 - term.level : 0, term.scale,
                                          attribute(term.phase, level), term.modulus, term.stride));
  return fabric::RefAttr::get(context, FlatSymbolRefAttr::get(context, slot.buffer), slot.offset, terms);
}

// ---- instructions ---------------------------------------------------------------------------------------------

void Lowering::put(OpBuilder &b, int64_t level, const Slot &from, StringRef channel, const Expr &bytes) const {
  b.create<fabric::PutOp>(b.getUnknownLoc(), reference(from, level), channel, attribute(bytes, level));
}

void Lowering::get(OpBuilder &b, int64_t level, const Slot &to, StringRef channel, const Expr &bytes) const {
  b.create<fabric::GetOp>(b.getUnknownLoc(), reference(to, level), channel, attribute(bytes, level));
}

void Lowering::wait(OpBuilder &b) const { b.create<fabric::WaitOp>(b.getUnknownLoc()); }

void Lowering::kernelCall(OpBuilder &b, int64_t level, StringRef kernel, ArrayRef<Slot> operands,
                          ArrayRef<Expr> scalars, std::optional<Counted> counted) const {
  SmallVector<Attribute> operandAttributes, scalarAttributes;
  for (const Slot &slot : operands)
    operandAttributes.push_back(reference(slot, level));
  for (const Expr &expr : scalars)
    scalarAttributes.push_back(attribute(expr, level));
  Operation *function = SymbolTable::lookupSymbolIn(module, kernel);
  ArrayRef<int64_t> counts = function->getAttrOfType<DenseI64ArrayAttr>(place::workAttribute).asArrayRef();
  bool dynamic = !scalars.empty() && scalars[0].source == fabric::Source::Param;
  int64_t m = !scalars.empty() && scalars[0].source == fabric::Source::Constant ? scalars[0].add : 1;
  auto count = [&](size_t i) {
    int64_t base = counts[1 + 2 * i], perRow = counts[2 + 2 * i];
    return attribute(dynamic && perRow ? Expr{fabric::Source::Param, scalars[0].index, perRow * scalars[0].scale, base}
                                       : constant(base + perRow * m),
                     level);
  };
  auto work = fabric::WorkAttr::get(context, counts[0] != 0, count(0), count(1), count(2), count(3), count(4), count(5),
                                    count(6));
  auto call = b.create<fabric::KernelCallOp>(b.getUnknownLoc(), kernel, b.getArrayAttr(operandAttributes),
                                             b.getArrayAttr(scalarAttributes), work, IntegerAttr(), fabric::ExprAttr(),
                                             fabric::WorkAttr());
  if (!counted)
    return;
  auto each = [&](size_t i) { return attribute(constant(counts[2 + 2 * i]), level); };
  call.setCounted(counted->operand);
  call.setMostAttr(attribute(counted->most, level));
  call.setEachAttr(
      fabric::WorkAttr::get(context, counts[0] != 0, each(0), each(1), each(2), each(3), each(4), each(5), each(6)));
}

std::string Lowering::use(const kernels::TileKernel &kernel) {
  place::attachWork(module, kernel);
  return kernel.name;
}

// ---- ops ------------------------------------------------------------------------------------------------------

Expr Lowering::expectedCount(grid::CallOp op) {
  const int64_t numerator = (*op.getCounted())[1], denominator = (*op.getCounted())[2];
  if (cast<grid::ScalarAttr>(op.getScalars()[0]).getKind() == grid::ScalarKind::Constant)
    return constant(place::ceilDiv(numerator, denominator));
  if (denominator == 1)
    return {fabric::Source::Param, param("rows", {mesh.height}), numerator, 0};
  return {fabric::Source::Param, param("rows/" + std::to_string(denominator), {mesh.height, denominator}), numerator,
          0};
}

void Lowering::lowerCall(grid::CallOp op, std::vector<Step> &steps) {
  SmallVector<Slot> all, ordered;
  for (Value value : op.getIns())
    all.push_back(slotFor(value, fabric::BufferKind::Activations, "v"));
  for (auto [out, result] : llvm::zip(op.getOuts(), op.getResults())) {
    all.push_back(slotFor(out, fabric::BufferKind::Activations, "v"));
    slots[result] = all.back();
  }
  for (int64_t index : op.getOrder())
    ordered.push_back(all[index]);
  auto scalars = llvm::to_vector(op.getScalars().getAsRange<grid::ScalarAttr>());
  std::string kernel = op.getKernel().str();
  param("rows", {mesh.height});
  std::optional<std::pair<int64_t, Expr>> counted;
  if (op.getCounted())
    counted = {(*op.getCounted())[0], expectedCount(op)};
  Emit emit = [=, this](OpBuilder &b, int64_t level) {
    SmallVector<Expr> expressions;
    for (grid::ScalarAttr attribute : scalars)
      expressions.push_back(scalar(attribute, level));
    if (!counted)
      return kernelCall(b, level, kernel, ordered, expressions);
    const Counted actual{counted->first, std::exchange(expressions[0], counted->second)};
    kernelCall(b, level, kernel, ordered, expressions, actual);
  };
  steps.push_back({opName(op), "kernel", {{allCores(), std::move(emit)}}});
}

/// The buffer that a description like `wanted` fills already; empty if there is none. `wanted` names a buffer of its
/// own.
template <typename Op> static StringRef bufferOfTwin(ModuleOp module, Op wanted) {
  auto withoutBuffer = [](Op op) {
    NamedAttrList attributes(op->getAttrDictionary());
    attributes.erase(op.getBufferAttrName());
    return attributes.getDictionary(op->getContext());
  };
  for (Op op : module.getOps<Op>())
    if (op != wanted && withoutBuffer(op) == withoutBuffer(wanted))
      return op.getBuffer();
  return {};
}

void Lowering::lowerResident(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto buffer = [&](const std::string &name, fabric::BufferKind kind) {
    int64_t bytes = isa<grid::WeightOp>(op) ? weightBytes(type) : localBytes(type);
    residents.create<fabric::BufferOp>(op->getLoc(), name, kind, alignUp(bytes), IntegerAttr());
  };
  // The phases share what is alike in all: the same weight in another order or layout is another buffer.
  auto describe = [&](auto description, const std::string &base, fabric::BufferKind kind) {
    std::string name = bufferOfTwin(module, description).str();
    if (name.empty()) {
      name = base;
      for (int copy = 2; module.lookupSymbol(name); ++copy)
        name = base + "." + std::to_string(copy);
      description.setBuffer(name);
      OpBuilder::InsertionGuard guard(residents);
      residents.setInsertionPoint(description);
      buffer(name, kind);
    } else {
      description.erase();
    }
    slots[op->getResult(0)] = {name, 0, {}};
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](grid::WeightOp weight) {
        DenseI64ArrayAttr quantised;
        if (type.getElementType().isInteger(8))
          quantised = residents.getDenseI64ArrayAttr({blockRows(type), static_cast<int64_t>(options.byteOrder)});
        auto description = residents.create<fabric::WeightOp>(
            op->getLoc(), "", weight.getParts(), grid::stringifyWeightOrder(weight.getOrder()), weight.getTransposed(),
            weight.getHeadsAttr(), quantised, weight.getViewsAttr(), weight.getPiecesAttr(), type);
        std::string first = cast<StringAttr>(weight.getParts()[0]).getValue().str();
        describe(description, "weight." + first + "." + grid::stringifyWeightOrder(weight.getOrder()).str(),
                 fabric::BufferKind::Weights);
      })
      .Case([&](grid::ExpertsOp experts) {
        auto description = residents.create<fabric::ExpertsOp>(
            op->getLoc(), "", experts.getParts(), experts.getExperts(), experts.getInner(), experts.getRowsPerRegion(),
            experts.getExpert(), experts.getViewsAttr(), type);
        std::string first = cast<StringAttr>(experts.getParts()[0]).getValue().str();
        describe(description, "experts." + first, fabric::BufferKind::Weights);
      })
      .Case([&](grid::RopeTableOp table) {
        auto description = residents.create<fabric::RopeTableOp>(
            op->getLoc(), "", table.getInverseFrequencies(), table.getStride(), table.getRows(), table.getHeads(),
            table.getScaleAttr(), table.getLongInverseFrequenciesAttr(), type);
        describe(description, "rope.stride" + std::to_string(table.getStride()), fabric::BufferKind::Constants);
      })
      .Case([&](grid::StoredOp stored) {
        auto description = residents.create<fabric::StoredOp>(op->getLoc(), "", stored.getName(), stored.getBase(),
                                                              stored.getDigits(), type);
        describe(description, "weight." + stored.getName().str(), fabric::BufferKind::Weights);
      })
      .Case([&](grid::ConstantOp constant) {
        auto description = residents.create<fabric::ConstantOp>(op->getLoc(), "", constant.getValue());
        describe(description, "constant", fabric::BufferKind::Constants);
      })
      .Case([&](grid::CacheOp cache) {
        std::string name = cache.getName().str();
        if (!module.lookupSymbol(name))
          buffer(name, fabric::BufferKind::KvCache);
        slots[op->getResult(0)] = {name, 0, {}};
      });
}

LogicalResult Lowering::lowerOp(Operation *op, int64_t level, std::vector<Step> &steps) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](grid::CallOp op) { return lowerCall(op, steps), success(); })
      .Case([&](grid::AllReduceOp op) { return lowerAllReduce(op, steps); })
      .Case([&](grid::ShiftOp op) { return lowerShift(op, steps), success(); })
      .Case([&](grid::ToLayoutOp op) { return lowerToLayout(op, steps); })
      .Case([&](grid::GemmOp op) { return lowerGemm(op, steps), success(); })
      .Case([&](grid::GemvOp op) { return lowerGemv(op, steps); })
      .Case([&](grid::LaunchOp op) { return lowerLaunch(op, steps), success(); })
      .Case([&](grid::OutputOp op) { return lowerOutput(op, steps), success(); })
      .Case([&](scf::ForOp op) { return lowerLoop(op, level, steps); })
      .Case([&](grid::InputOp op) { return lowerInput(op, steps), success(); })
      .Case([&](grid::OwnBlockOp op) { return lowerOwnBlock(op), success(); })
      .Case<grid::WeightOp, grid::ExpertsOp, grid::RopeTableOp, grid::CacheOp, grid::StoredOp, grid::ConstantOp>(
          [&](Operation *op) { return lowerResident(op), success(); })
      .Case([&](grid::ViewOp op) {
        Slot slot = slots.at(op.getInput());
        slot.offset += op.getOffset() * elementBytes(cast<RankedTensorType>(op.getResult().getType()).getElementType());
        slots[op.getResult()] = slot;
        return success();
      })
      .Case([&](grid::EmptyOp op) { return slotFor(op.getResult(), fabric::BufferKind::Activations, "v"), success(); })
      .Case<grid::ParamOp, arith::ConstantOp>([](Operation *) { return success(); })
      .Default([](Operation *op) { return op->emitOpError("has no meaning on the fabric"); });
}

LogicalResult Lowering::lowerBlock(Block &block, int64_t level, std::vector<Step> &steps) {
  for (Operation &op : block.without_terminator())
    if (failed(lowerOp(&op, level, steps)))
      return failure();
  return success();
}

/// The cores that take part in the same parts of all steps, class by class.
static std::vector<std::pair<fabric::CoreMask, std::vector<const Part *>>> refine(const std::vector<Step> &steps,
                                                                                  const fabric::CoreMask &all) {
  std::vector<std::pair<fabric::CoreMask, std::vector<const Part *>>> classes = {{all, {}}};
  for (const Step &step : steps) {
    decltype(classes) finer;
    for (auto &[mask, parts] : classes) {
      SmallVector<fabric::CoreMask> rest = {mask};
      for (const Part &part : step.parts) {
        SmallVector<fabric::CoreMask> left;
        for (const fabric::CoreMask &piece : rest) {
          if (fabric::CoreMask both = fabric::intersect(piece, part.cores); !both.empty()) {
            finer.emplace_back(both, parts);
            finer.back().second.push_back(&part);
          }
          llvm::append_range(left, fabric::subtract(piece, part.cores));
        }
        rest = std::move(left);
      }
      for (const fabric::CoreMask &piece : rest)
        finer.emplace_back(piece, parts);
    }
    classes = std::move(finer);
  }
  return classes;
}

LogicalResult Lowering::lowerLoop(scf::ForOp op, int64_t level, std::vector<Step> &outer) {
  // A value that the body shifts on alternates between two halves of its buffer; all others stay where they are.
  if (!matchPattern(op.getLowerBound(), m_Zero()) || !matchPattern(op.getStep(), m_One()))
    return op.emitOpError("must count from 0 by 1");
  auto yield = cast<scf::YieldOp>(op.getBody()->getTerminator());
  SmallVector<bool> rotates;
  for (auto [init, argument, yielded] : llvm::zip(op.getInitArgs(), op.getRegionIterArgs(), yield.getOperands())) {
    Slot slot = slotFor(init, fabric::BufferKind::Activations, "v");
    auto shift = yielded.getDefiningOp<grid::ShiftOp>();
    bool rotating = shift && shift->getBlock() == op.getBody() && cores(shift.getAxis()) > 1;
    rotates.push_back(rotating);
    if (rotating) {
      int64_t bytes = alignUp(localBytes(cast<RankedTensorType>(init.getType())));
      auto buffer = program.lookupSymbol<fabric::BufferOp>(slot.buffer);
      // The value may lie behind the half that an earlier loop left.
      buffer.setBytes(std::max<int64_t>(static_cast<int64_t>(buffer.getBytes()), slot.offset + 2 * bytes));
      slot.terms.push_back({level, 1, constant(0), 2, bytes});
      slots[shift.getResult()] = slot;
      slots[shift.getResult()].terms.back().phase = constant(1);
    }
    slots[argument] = slot;
  }
  Expr count;
  APInt trip;
  if (matchPattern(op.getUpperBound(), m_ConstantInt(&trip))) {
    count = constant(trip.getSExtValue());
  } else if (auto bound = op.getUpperBound().getDefiningOp<grid::ParamOp>()) {
    if (llvm::is_contained(rotates, true))
      return op.emitOpError("moves shards round a ring and needs a constant bound");
    count = {fabric::Source::Param, param(bound.getName(), bound.getDivisors()), 1, 0};
  } else {
    return op.emitOpError("needs a bound that is a constant or a launch parameter");
  }

  std::vector<Step> body;
  bool outerPending = std::exchange(pendingTransfers, false);
  if (failed(lowerBlock(*op.getBody(), level + 1, body)))
    return failure();
  for (auto [argument, yielded, rotating] : llvm::zip(op.getRegionIterArgs(), yield.getOperands(), rotates))
    if (!rotating && !(slots.at(yielded) == slots.at(argument)))
      return op.emitOpError("yields a value that is not made in place of its argument");
  if (pendingTransfers)
    body.push_back({opName(op), "wait", {{allCores(), [this](OpBuilder &b, int64_t) { wait(b); }}}});
  pendingTransfers = outerPending;

  Step loop{opName(op), "loop", {}};
  for (auto &[mask, parts] : refine(body, allCores())) {
    SmallVector<Emit> emits;
    for (const Part *part : parts)
      emits.push_back(part->emit);
    if (emits.empty())
      continue;
    loop.parts.push_back({mask, [=, this](OpBuilder &b, int64_t at) {
                            auto loopOp = b.create<fabric::LoopOp>(b.getUnknownLoc(), attribute(count, at));
                            OpBuilder inner = OpBuilder::atBlockEnd(&loopOp.getBody().emplaceBlock());
                            for (const Emit &emit : emits)
                              emit(inner, at + 1);
                          }});
  }
  outer.push_back(std::move(loop));
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    Slot slot = slots.at(op.getRegionIterArgs()[index]);
    if (rotates[index]) {
      slot.offset += trip.getSExtValue() % 2 * slot.terms.back().stride;
      slot.terms.pop_back();
    }
    slots[result] = slot;
  }
  return success();
}

void Lowering::writeStep(const Step &step) {
  auto op = steps.create<fabric::StepOp>(program.getLoc(), step.op, step.kind, step.all);
  OpBuilder inStep = OpBuilder::atBlockEnd(&op.getBody().emplaceBlock());
  for (const Part &part : step.parts) {
    if (part.cores.empty())
      continue;
    if (part.cores == allCores())
      op.setAll(true);
    auto task = inStep.create<fabric::TaskOp>(program.getLoc(), className(part.cores));
    OpBuilder inTask = OpBuilder::atBlockEnd(&task.getBody().emplaceBlock());
    part.emit(inTask, 0);
  }
}

LogicalResult Lowering::lower(func::FuncOp function) {
  std::string name = function.getName().str();
  residents = OpBuilder(function);
  residents.setInsertionPoint(function);
  OpBuilder builder(function);
  program = builder.create<fabric::ProgramOp>(function.getLoc(), name, mesh.width, mesh.height, mesh.interleave,
                                              builder.getArrayAttr({}));
  Block *body = &program.getBody().emplaceBlock();
  declarations = OpBuilder::atBlockBegin(body);
  className(allCores());
  std::vector<Step> lowered;
  if (failed(lowerBlock(function.getBody().front(), 0, lowered)))
    return failure();
  for (const Step &step : lowered) // declarations first
    for (const Part &part : step.parts)
      if (!part.cores.empty())
        className(part.cores);
  steps = OpBuilder::atBlockEnd(body);
  for (const Step &step : lowered)
    writeStep(step);
  SmallVector<Attribute> divisors;
  for (const auto &entry : params)
    divisors.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(entry.first)),
                                   builder.getNamedAttr("divisors", builder.getDenseI64ArrayAttr(entry.second))}));
  program.setParamsAttr(builder.getArrayAttr(divisors));
  function.erase();
  return success();
}

} // namespace weft::spmd
