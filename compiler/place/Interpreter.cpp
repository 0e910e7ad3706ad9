// Runs the functions of a placed module: kernels, loops and what stays between launches.
#include "compiler/place/Interpreter.h"

#include "compiler/codegen/HostKernels.h"
#include "compiler/place/GridMachine.h"
#include "runtime/KernelLibrary.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cstring>

using namespace mlir;

namespace weft::place {

namespace {

/// What outlives a launch.
struct Machine : GridMachine {
  using GridMachine::GridMachine;

  WeightProvider weights;
  std::optional<runtime::KernelLibrary> library;
  llvm::StringMap<runtime::KernelFunction> kernels;
  std::map<std::string, Shards> caches;
  llvm::DenseMap<Operation *, Shards> constants; // weights and tables
};

/// One launch of one function.
class GridLaunch {
public:
  GridLaunch(Machine &machine, std::span<const int32_t> words) : machine(machine), words(words) {}

  Result<void> run(Block &block) {
    for (Operation &op : block.without_terminator())
      if (auto done = run(&op); !done)
        return done;
    return {};
  }

  std::vector<float> result;

private:
  Result<void> run(Operation *op) {
    if (isa<grid::WeightOp, grid::ExpertsOp, grid::ConstantOp, grid::RopeTableOp, grid::CacheOp>(op))
      return bindResident(op);
    return llvm::TypeSwitch<Operation *, Result<void>>(op)
        .Case([&](grid::CallOp op) { return runCall(op); })
        .Case([&](scf::ForOp op) { return runLoop(op); })
        .Case([&](grid::GemmOp op) {
          return bind(op.getC(), machine.gemm(op, shards(op.getA()), shards(op.getB()), rows()));
        })
        .Case([&](grid::GemvOp op) { return bind(op.getY(), machine.gemv(op, shards(op.getX()), shards(op.getW()))); })
        .Case([&](grid::AllReduceOp op) { return bind(op.getResult(), machine.allReduce(op, shards(op.getInput()))); })
        .Case([&](grid::ShiftOp op) { return bind(op.getResult(), machine.shift(op, shards(op.getInput()))); })
        .Case([&](grid::ToLayoutOp op) { return bind(op.getResult(), machine.toLayout(op, shards(op.getInput()))); })
        .Case([&](grid::LaunchOp op) { return bind(op.getWords(), machine.launch(op, words)); })
        .Case([&](grid::EmptyOp op) {
          return bind(op.getResult(), machine.allocate(cast<RankedTensorType>(op.getResult().getType())));
        })
        .Case([&](grid::ViewOp op) {
          Shards view = shards(op.getInput());
          view.type = cast<RankedTensorType>(op.getResult().getType());
          view.offset += static_cast<int64_t>(op.getOffset()) * view.elementBytes();
          return bind(op.getResult(), view);
        })
        .Case([&](grid::OutputOp op) {
          result = machine.output(op, shards(op.getInput()));
          return Result<void>();
        })
        .Case([&](grid::ParamOp op) {
          int64_t value = words[0];
          for (int64_t divisor : op.getDivisors())
            value = ceilDiv(value, divisor);
          indices[op.getValue()] = value;
          return Result<void>();
        })
        .Case([&](arith::ConstantIndexOp op) {
          indices[op.getResult()] = op.value();
          return Result<void>();
        })
        .Default([](Operation *op) -> Result<void> {
          return internalError("grid interpreter: '" + op->getName().getStringRef().str() + "' is no op of this level");
        });
  }

  Result<void> bind(Value value, Result<Shards> shards) {
    if (!shards)
      return shards.takeError();
    values[value] = std::move(*shards);
    return {};
  }

  Result<void> bindResident(Operation *op) {
    Value value = op->getResult(0);
    auto type = cast<RankedTensorType>(value.getType());
    if (isa<grid::BlocksType>(type.getElementType()))
      return internalError("grid interpreter: it knows no weights that stay in blocks");
    if (auto cache = dyn_cast<grid::CacheOp>(op)) {
      auto [entry, inserted] = machine.caches.try_emplace(cache.getName().str());
      if (inserted)
        entry->second = machine.allocate(type, std::byte{0});
      return bind(value, entry->second);
    }
    if (!machine.constants.count(op)) {
      Result<Shards> made =
          llvm::TypeSwitch<Operation *, Result<Shards>>(op)
              .Case([&](grid::WeightOp weight) { return machine.weight(weight, machine.weights); })
              .Case([&](grid::ExpertsOp experts) { return machine.experts(experts, machine.weights); })
              .Case([&](grid::ConstantOp constant) { return machine.constant(constant); })
              .Default([&](Operation *) { return machine.ropeTable(cast<grid::RopeTableOp>(op)); });
      if (!made)
        return made.takeError();
      machine.constants[op] = std::move(*made);
    }
    return bind(value, machine.constants[op]);
  }

  Result<void> runCall(grid::CallOp op) {
    auto kernel = machine.kernels.find(op.getKernel());
    if (kernel == machine.kernels.end())
      return internalError("grid interpreter: there is no kernel @" + op.getKernel().str());
    SmallVector<Value> operands = llvm::to_vector(op.getIns());
    llvm::append_range(operands, op.getOuts());
    for (int64_t y = 0; y < machine.mesh.height; ++y)
      for (int64_t x = 0; x < machine.mesh.width; ++x) {
        SmallVector<void *> buffers;
        SmallVector<int64_t> scalars;
        for (int64_t index : op.getOrder())
          buffers.push_back(shards(operands[index]).at(machine.core(x, y)));
        for (auto scalar : op.getScalars().getAsRange<grid::ScalarAttr>())
          scalars.push_back(scalarValue(scalar, x, y));
        if (auto counted = op.getCounted()) {
          int32_t count = 0;
          std::memcpy(&count, buffers[(*counted)[0]], sizeof count);
          scalars[0] = std::clamp<int64_t>(count, 1, scalars[0]);
        }
        kernel->second(buffers.data(), scalars.data());
      }
    for (auto [out, value] : llvm::zip(op.getOuts(), op.getResults()))
      values[value] = Shards(shards(out)); // updated in place
    return {};
  }

  Result<void> runLoop(scf::ForOp op) {
    SmallVector<Shards> carried;
    for (Value init : op.getInitArgs())
      carried.push_back(shards(init));
    int64_t upper = indices.at(op.getUpperBound()), step = indices.at(op.getStep());
    loops.push_back(0);
    for (int64_t i = indices.at(op.getLowerBound()); i < upper; i += step) {
      loops.back() = i;
      indices[op.getInductionVar()] = i;
      for (auto [argument, value] : llvm::zip(op.getRegionIterArgs(), carried))
        values[argument] = value;
      if (auto done = run(*op.getBody()); !done)
        return done;
      carried.clear();
      for (Value yielded : op.getBody()->getTerminator()->getOperands())
        carried.push_back(shards(yielded));
    }
    loops.pop_back();
    for (auto [value, last] : llvm::zip(op.getResults(), carried))
      values[value] = last;
    return {};
  }

  int64_t scalarValue(grid::ScalarAttr scalar, int64_t x, int64_t y) const {
    switch (scalar.getKind()) {
    case grid::ScalarKind::Constant:
      return scalar.getValue();
    case grid::ScalarKind::Rows:
      return rows() * scalar.getValue();
    case grid::ScalarKind::RankX:
      return machine.mesh.rankOfCoreX[x];
    case grid::ScalarKind::RankY:
      return machine.mesh.rankOfCoreY[y];
    case grid::ScalarKind::Loop:
      return loops[loops.size() - 1 - scalar.getValue()];
    }
    llvm_unreachable("all kinds are handled");
  }

  /// Rows of the sequence that the fullest rank holds.
  int64_t rows() const { return ceilDiv(words[0], machine.mesh.height); }
  const Shards &shards(Value value) const { return values.find(value)->second; }

  Machine &machine;
  std::span<const int32_t> words;
  llvm::DenseMap<Value, Shards> values;
  llvm::DenseMap<Value, int64_t> indices;
  std::vector<int64_t> loops; // counters, outermost first
};

} // namespace

struct GridInterpreter::Program {
  Program(ModuleOp placed, const Mesh &mesh) : module(placed.clone()), machine(mesh) {}

  OwningOpRef<ModuleOp> module;
  Machine machine;
  int64_t cached = 0; // tokens

  Result<void> compileKernels() {
    runtime::Package package;
    OwningOpRef<ModuleOp> kernels = ModuleOp::create(module->getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(kernels->getBody());
    for (auto function : module->getOps<func::FuncOp>())
      if (function->hasAttr("weft.kernel"))
        builder.clone(*function);
    auto object = codegen::compileHostKernels(*kernels, codegen::defaultHostTarget());
    if (!object)
      return object.takeError();
    package.objects.push_back(std::make_unique<pkg::KernelObjectT>(std::move(*object)));
    package.kernels = codegen::describeKernels(*kernels);
    return loadKernels(package);
  }

  Result<void> loadKernels(const runtime::Package &package) {
    auto library = runtime::KernelLibrary::load(package);
    if (!library)
      return library.takeError();
    machine.library.emplace(std::move(*library));
    for (auto [index, kernel] : llvm::enumerate(package.kernels))
      machine.kernels[kernel->name] = machine.library->kernel(index);
    for (auto function : module->getOps<func::FuncOp>())
      if (function->hasAttr("weft.kernel") && !machine.kernels.contains(function.getName().str()))
        return internalError("grid interpreter: there is no code of kernel " + function.getName().str());
    return {};
  }

  Result<std::vector<float>> launch(const std::string &name, std::span<const int32_t> ids) {
    auto function = module->lookupSymbol<func::FuncOp>(name);
    if (!function || function.isDeclaration())
      return internalError("grid interpreter: there is no function @" + name);
    cached += static_cast<int64_t>(ids.size());
    std::vector<int32_t> words = {static_cast<int32_t>(cached)};
    words.insert(words.end(), ids.begin(), ids.end());
    GridLaunch launch(machine, words);
    if (auto done = launch.run(function.getBody().front()); !done)
      return done.takeError();
    return std::move(launch.result);
  }
};

GridInterpreter::GridInterpreter(std::unique_ptr<Program> program) : program(std::move(program)) {}
GridInterpreter::GridInterpreter(GridInterpreter &&) noexcept = default;
GridInterpreter &GridInterpreter::operator=(GridInterpreter &&) noexcept = default;
GridInterpreter::~GridInterpreter() = default;

Result<GridInterpreter> GridInterpreter::create(ModuleOp placed, WeightProvider weights,
                                                const runtime::Package *compiled) {
  auto meshes = llvm::to_vector(placed.getOps<grid::MeshOp>());
  if (meshes.size() != 1)
    return internalError("grid interpreter: the module needs one grid.mesh");
  bool interleave = meshes[0].getRankToCore() == grid::RankOrder::Interleave;
  auto program = std::make_unique<Program>(placed, Mesh::make(static_cast<int64_t>(meshes[0].getWidth()),
                                                              static_cast<int64_t>(meshes[0].getHeight()), interleave));
  program->machine.weights = std::move(weights);
  if (auto loaded = compiled ? program->loadKernels(*compiled) : program->compileKernels(); !loaded)
    return loaded.takeError();
  return GridInterpreter(std::move(program));
}

Result<std::vector<float>> GridInterpreter::prefill(std::span<const int32_t> ids) {
  reset();
  return run("prefill", ids);
}

Result<std::vector<float>> GridInterpreter::decode(int32_t id) { return run("decode", std::span(&id, 1)); }

Result<std::vector<float>> GridInterpreter::run(const std::string &function, std::span<const int32_t> ids) {
  return program->launch(function, ids);
}

void GridInterpreter::reset() {
  program->cached = 0;
  program->machine.caches.clear();
}

std::vector<float> GridInterpreter::cacheShard(const std::string &name, int64_t x, int64_t y) const {
  auto found = program->machine.caches.find(name);
  if (found == program->machine.caches.end())
    return {};
  const float *values = found->second.floats(program->machine.core(x, y));
  return {values, values + found->second.elements()};
}

} // namespace weft::place
