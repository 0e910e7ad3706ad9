#include "compiler/pipeline/Emit.h"

#include "compiler/graph/GraphModule.h"
#include "compiler/pipeline/EmitWeights.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/route/FabricChannels.h"
#include "dialects/fabric/Classes.h"
#include "dialects/grid/GridDialect.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

using namespace mlir;

namespace weft::compiler {

namespace {

pkg::Expr expr(fabric::ExprAttr attribute) {
  return {static_cast<pkg::Source>(attribute.getSource()), static_cast<uint8_t>(attribute.getIndex()),
          static_cast<int32_t>(attribute.getScale()), static_cast<int32_t>(attribute.getAdd())};
}
pkg::Expr constant(int64_t value) { return {pkg::Source::Constant, 0, 0, static_cast<int32_t>(value)}; }

/// Whether the union of the sets is the product of its columns and rows, as a package's class must be. Positions that
/// lie in the same sets are alike, so that one of each kind is enough.
bool isProduct(fabric::ClassOp op, const pkg::ClassT &made) {
  SmallVector<IntegerSet> sets = llvm::to_vector(op.getSets().getAsValueRange<IntegerSetAttr>());
  if (sets.size() == 1 || !made.point_x.empty())
    return true;
  auto representatives = [&](const std::vector<bool> &members, bool alongX) {
    std::map<std::vector<bool>, int64_t> kinds;
    for (int64_t i = 0, n = members.size(); i < n; ++i) {
      if (!members[i])
        continue;
      std::vector<bool> kind;
      for (IntegerSet set : sets)
        for (AffineExpr constraint : set.getConstraints())
          if (constraint.isFunctionOfDim(alongX ? 0 : 1))
            kind.push_back(fabric::valueAt(constraint, i) >= 0);
      kinds.emplace(std::move(kind), i);
    }
    return kinds;
  };
  for (const auto &[kindX, x] : representatives(made.xs, true))
    for (const auto &[kindY, y] : representatives(made.ys, false))
      if (!fabric::contains(sets, x, y))
        return false;
  return true;
}

/// A class of cores as position masks; null if it has no such form. Sets that tie x to y are those of the diagonal
/// (fabric::toSets makes no others).
std::unique_ptr<pkg::ClassT> emitClass(fabric::ClassOp op, const std::string &program, int64_t width, int64_t height) {
  auto result = std::make_unique<pkg::ClassT>();
  result->name = program + "." + op.getSymName().str();
  result->xs.assign(width, false);
  result->ys.assign(height, false);
  auto holds = [&](AffineExpr constraint, bool equality, int64_t position) {
    int64_t value = fabric::valueAt(constraint, position);
    return equality ? value == 0 : value >= 0;
  };
  for (auto set : op.getSets().getAsValueRange<IntegerSetAttr>()) {
    std::vector<bool> xs(width, true), ys(height, true);
    for (auto [constraint, equality] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
      bool onX = constraint.isFunctionOfDim(0), onY = constraint.isFunctionOfDim(1);
      if (onX && onY) {
        result->point_negated = !equality;
        result->point_x.resize(height);
        for (int64_t y = 0; y < height; ++y)
          result->point_x[y] = static_cast<int32_t>(y);
      } else if (onX) {
        for (int64_t x = 0; x < width; ++x)
          xs[x] = xs[x] && holds(constraint, equality, x);
      } else {
        for (int64_t y = 0; y < height; ++y)
          ys[y] = ys[y] && holds(constraint, equality, y);
      }
    }
    for (int64_t x = 0; x < width; ++x)
      result->xs[x] = result->xs[x] || xs[x];
    for (int64_t y = 0; y < height; ++y)
      result->ys[y] = result->ys[y] || ys[y];
  }
  return isProduct(op, *result) ? std::move(result) : nullptr;
}

/// Writes one program.
class ProgramEmitter {
public:
  ProgramEmitter(fabric::ProgramOp op, ModuleOp module, runtime::Package &package)
      : op(op), module(module), package(package),
        mesh(place::Mesh::make(op.getWidth(), op.getHeight(), op.getInterleave())),
        program(std::make_unique<pkg::ProgramT>()) {
    for (auto [index, kernel] : llvm::enumerate(package.kernels))
      kernels[kernel->name] = index;
  }

  Result<std::unique_ptr<pkg::ProgramT>> emit() {
    program->name = op.getSymName().str();
    program->rank_x = mesh.rankOfCoreX;
    program->rank_y = mesh.rankOfCoreY;
    emitParams();
    for (auto classOp : op.getOps<fabric::ClassOp>()) {
      classes[classOp.getSymName()] = package.classes.size();
      auto members = emitClass(classOp, program->name, mesh.width, mesh.height);
      if (!members)
        return internalError("class @" + classOp.getSymName().str() + " is not a product of columns and rows");
      package.classes.push_back(std::move(members));
    }
    if (auto done = emitChannels(); !done)
      return done.takeError();
    for (auto step : op.getOps<fabric::StepOp>())
      emitStep(step);
    emitHost();
    return std::move(program);
  }

private:
  void emitParams() {
    for (auto entry : op.getParams().getAsRange<DictionaryAttr>()) {
      auto param = std::make_unique<pkg::ParamT>();
      param->name = entry.getAs<StringAttr>("name").str();
      for (int64_t divisor : entry.getAs<DenseI64ArrayAttr>("divisors").asArrayRef())
        param->divisors.push_back(static_cast<int32_t>(divisor));
      program->params.push_back(std::move(param));
    }
  }

  Result<void> emitChannels() {
    for (auto channel : op.getOps<fabric::ChannelOp>()) {
      auto spec = route::channelSpec(channel);
      if (!spec)
        return spec.takeError();
      std::vector<int> colors;
      for (int64_t color : channel.getColors().value_or(ArrayRef<int64_t>()))
        colors.push_back(static_cast<int>(color));
      channels[channel.getSymName()] = program->channels.size();
      program->channels.push_back(std::make_unique<pkg::ChannelT>(route::toPackage(*spec, colors)));
    }
    return {};
  }

  /// Index in program.buffers; a buffer enters the list where it is first used.
  uint32_t bufferIndex(FlatSymbolRefAttr name) {
    auto [entry, inserted] = buffers.try_emplace(name.getValue(), program->buffers.size());
    if (inserted) {
      auto bufferOp = op.lookupSymbol<fabric::BufferOp>(name);
      if (!bufferOp)
        bufferOp = module.lookupSymbol<fabric::BufferOp>(name);
      program->buffers.push_back(makeBuffer(bufferOp));
    }
    return entry->second;
  }

public:
  static std::unique_ptr<pkg::BufferT> makeBuffer(fabric::BufferOp op) {
    auto buffer = std::make_unique<pkg::BufferT>();
    buffer->name = op.getSymName().str();
    buffer->kind = static_cast<pkg::BufferKind>(op.getKind());
    buffer->offset = static_cast<uint32_t>(op.getOffset().value_or(0));
    buffer->bytes = static_cast<uint32_t>(op.getBytes());
    if (auto stage = op->getAttrOfType<IntegerAttr>(plan::stageAttribute))
      buffer->stage = static_cast<int32_t>(stage.getInt());
    return buffer;
  }

private:
  std::unique_ptr<pkg::OperandT> operand(fabric::RefAttr reference) {
    auto result = std::make_unique<pkg::OperandT>();
    result->buffer = bufferIndex(reference.getBuffer());
    result->offset = static_cast<uint32_t>(reference.getOffset());
    for (fabric::TermAttr term : reference.getTerms())
      result->terms.emplace_back(static_cast<uint8_t>(term.getLoop()), static_cast<int32_t>(term.getScale()),
                                 expr(term.getPhase()), static_cast<int32_t>(term.getModulus()),
                                 static_cast<int32_t>(term.getStride()));
    return result;
  }

  uint32_t opIndex(fabric::StepOp step) {
    auto [entry, inserted] = ops.try_emplace((step.getOp() + "\n" + step.getKind()).str(), program->ops.size());
    if (inserted) {
      auto described = std::make_unique<pkg::OpT>();
      described->name = step.getOp().str();
      described->kind = step.getKind().str();
      program->ops.push_back(std::move(described));
    }
    return entry->second;
  }

  void emitStep(fabric::StepOp step) {
    uint32_t index = opIndex(step);
    for (auto task : step.getOps<fabric::TaskOp>()) {
      auto result = std::make_unique<pkg::TaskT>();
      result->class_id = classes.lookup(task.getOn());
      result->op = index;
      emitBlock(task.getBody().front(), result->instrs, moves[result->class_id]);
      program->tasks.push_back(std::move(result));
    }
  }

  /// What the cores of a class have under way, as far as it wakes them up: each transfer that was waited for activates
  /// a task, and the next call is charged for it (Work::activations).
  struct Moves {
    int64_t begun = 0, ended = 0;
  };

  void emitBlock(Block &block, std::vector<std::unique_ptr<pkg::InstrT>> &instrs, Moves &moves) {
    for (Operation &op : block) {
      auto instr = std::make_unique<pkg::InstrT>();
      instr->bytes = std::make_unique<pkg::Expr>(constant(0));
      instr->count = std::make_unique<pkg::Expr>(constant(0));
      if (auto loop = dyn_cast<fabric::LoopOp>(op)) {
        instr->kind = pkg::InstrKind::LoopBegin;
        *instr->count = expr(loop.getCount());
        instrs.push_back(std::move(instr));
        const size_t first = instrs.size();
        emitBlock(loop.getBody().front(), instrs, moves);
        // What the last wait of an iteration ended is charged to the next iteration's first call.
        auto call = std::find_if(instrs.begin() + static_cast<ptrdiff_t>(first), instrs.end(),
                                 [](const auto &each) { return each->kind == pkg::InstrKind::Call; });
        if (call != instrs.end())
          activate(**call, moves);
        auto end = std::make_unique<pkg::InstrT>();
        end->kind = pkg::InstrKind::LoopEnd;
        end->bytes = std::make_unique<pkg::Expr>(constant(0));
        end->count = std::make_unique<pkg::Expr>(constant(0));
        instrs.push_back(std::move(end));
        continue;
      }
      fill(&op, *instr);
      if (instr->kind == pkg::InstrKind::Call)
        activate(*instr, moves);
      else if (instr->kind == pkg::InstrKind::Wait)
        moves.ended += std::exchange(moves.begun, 0);
      else
        ++moves.begun;
      instrs.push_back(std::move(instr));
    }
  }

  static void activate(pkg::InstrT &call, Moves &moves) {
    if (!moves.ended)
      return;
    std::unique_ptr<pkg::Expr> &activations = call.work->activations;
    const int64_t before = activations ? activations->add() : 0;
    activations = std::make_unique<pkg::Expr>(constant(before + std::exchange(moves.ended, 0)));
  }

  void fill(Operation *op, pkg::InstrT &instr) {
    auto transfer = [&](pkg::InstrKind kind, fabric::RefAttr reference, StringRef channel, fabric::ExprAttr bytes) {
      instr.kind = kind;
      instr.operands.push_back(operand(reference));
      instr.channel = channels.lookup(channel);
      *instr.bytes = expr(bytes);
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case(
            [&](fabric::PutOp put) { transfer(pkg::InstrKind::Put, put.getFrom(), put.getChannel(), put.getBytes()); })
        .Case([&](fabric::GetOp get) { transfer(pkg::InstrKind::Get, get.getTo(), get.getChannel(), get.getBytes()); })
        .Case([&](fabric::ReduceForwardOp reduce) {
          transfer(pkg::InstrKind::ReduceForward, reduce.getWith(), reduce.getIn(), reduce.getBytes());
          instr.channel_out = channels.lookup(reduce.getOut());
          instr.reduce = static_cast<pkg::ReduceKind>(reduce.getReduce());
        })
        .Case([&](fabric::ReduceIntoOp reduce) {
          transfer(pkg::InstrKind::ReduceInto, reduce.getInto(), reduce.getIn(), reduce.getBytes());
          instr.reduce = static_cast<pkg::ReduceKind>(reduce.getReduce());
        })
        .Case([&](fabric::KernelCallOp call) { fillCall(call, instr); })
        .Case([&](fabric::WaitOp) { instr.kind = pkg::InstrKind::Wait; });
  }

  void fillCall(fabric::KernelCallOp call, pkg::InstrT &instr) {
    instr.kind = pkg::InstrKind::Call;
    instr.kernel = kernels.lookup(call.getKernel());
    for (auto reference : call.getOperands().getAsRange<fabric::RefAttr>())
      instr.operands.push_back(operand(reference));
    for (auto scalar : call.getScalars().getAsRange<fabric::ExprAttr>())
      instr.scalars.push_back(expr(scalar));
    fabric::WorkAttr work = call.getWork();
    instr.work = std::make_unique<pkg::WorkT>();
    instr.work->narrow_operand = work.getNarrow();
    instr.work->macs = std::make_unique<pkg::Expr>(expr(work.getMacs()));
    instr.work->alu = std::make_unique<pkg::Expr>(expr(work.getAlu()));
    instr.work->special = std::make_unique<pkg::Expr>(expr(work.getSpecial()));
    instr.work->load_bytes = std::make_unique<pkg::Expr>(expr(work.getLoad()));
    instr.work->store_bytes = std::make_unique<pkg::Expr>(expr(work.getStore()));
    instr.work->vectors = std::make_unique<pkg::Expr>(expr(work.getVectors()));
    instr.work->descriptors = std::make_unique<pkg::Expr>(expr(work.getDescriptors()));
  }

  static std::unique_ptr<pkg::HostTensorT> hostTensor(StringAttr dtype, Type element, ArrayRef<int64_t> shape) {
    auto result = std::make_unique<pkg::HostTensorT>();
    result->dtype = dtype.str();
    result->element = elementType(element);
    result->shape.assign(shape.begin(), shape.end());
    return result;
  }

  void emitHost() {
    for (auto input : op.getOps<fabric::InputOp>()) {
      auto result = std::make_unique<pkg::HostInputT>();
      result->name = input.getName().str();
      result->channel = channels.lookup(input.getChannel());
      result->bytes = std::make_unique<pkg::Expr>(expr(input.getBytes()));
      if (auto type = input.getType())
        result->tensor = hostTensor(input.getDtypeAttr(), cast<RankedTensorType>(*type).getElementType(),
                                    cast<RankedTensorType>(*type).getShape());
      if (auto fallback = input.getFallback()) {
        result->tensor->has_default = true;
        result->tensor->default_value = static_cast<int64_t>(*fallback);
      }
      if (auto fixed = input->getAttrOfType<DenseI64ArrayAttr>(graph::valueAttr))
        result->tensor->fixed.assign(fixed.asArrayRef().begin(), fixed.asArrayRef().end());
      program->inputs.push_back(std::move(result));
    }
    for (auto output : op.getOps<fabric::OutputOp>()) {
      auto type = cast<RankedTensorType>(output.getType());
      auto result = std::make_unique<pkg::HostOutputT>();
      result->name = output.getName().str();
      result->channel = channels.lookup(output.getChannel());
      result->element = elementType(type.getElementType());
      result->extent = static_cast<uint32_t>(type.getNumElements());
      result->index = outputIndex(type, mesh);
      if (auto shape = output.getShape())
        result->tensor = hostTensor(output.getDtypeAttr(), type.getElementType(), *shape);
      program->outputs.push_back(std::move(result));
    }
  }

  fabric::ProgramOp op;
  ModuleOp module;
  runtime::Package &package;
  place::Mesh mesh;
  std::unique_ptr<pkg::ProgramT> program;
  llvm::StringMap<uint32_t> classes, channels, buffers, kernels, ops;
  std::map<uint32_t, Moves> moves; // by class
};

} // namespace

Result<void> emitPrograms(ModuleOp module, const frontend::WeightSource &weights, runtime::Package &package) {
  for (auto buffer : module.getOps<fabric::BufferOp>())
    package.resident.push_back(ProgramEmitter::makeBuffer(buffer));
  bool first = true;
  for (auto program : module.getOps<fabric::ProgramOp>()) {
    if (std::exchange(first, false) && !package.shapes_only) {
      place::Mesh mesh = place::Mesh::make(program.getWidth(), program.getHeight(), program.getInterleave());
      for (auto op : module.getOps<fabric::WeightOp>())
        if (auto done = emitWeight(op, mesh, weights, package); !done)
          return done.takeError();
      for (auto op : module.getOps<fabric::ExpertsOp>())
        if (auto done = emitExperts(op, mesh, weights, package); !done)
          return done.takeError();
      for (auto op : module.getOps<fabric::StoredOp>())
        if (auto done = emitStored(op, mesh, weights, package); !done)
          return done.takeError();
      for (auto op : module.getOps<fabric::RopeTableOp>())
        emitRopeTable(op, mesh, package);
      for (auto op : module.getOps<fabric::ConstantOp>())
        emitConstant(op, package);
    }
    auto emitted = ProgramEmitter(program, module, package).emit();
    if (!emitted)
      return emitted.takeError();
    package.programs.push_back(std::move(*emitted));
  }
  return {};
}

} // namespace weft::compiler
