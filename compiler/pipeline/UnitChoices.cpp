#include "compiler/pipeline/UnitChoices.h"

#include "compiler/codegen/CoreKernels.h"
#include "compiler/codegen/HostKernels.h"
#include "compiler/codegen/Passes.h"
#include "compiler/place/Geometry.h"
#include "dialects/fabric/FabricDialect.h"
#include "dialects/grid/GridDialect.h"

#include <map>

using namespace mlir;

namespace weft::compiler {

namespace {

using Rows = std::map<std::string, int64_t>; // by kernel: m of the call that is measured

/// A package of nothing but kernels and one call of each, which is all that measuring looks at.
std::unique_ptr<runtime::Package> packageOf(const CompileOptions &options, ModuleOp kernels, pkg::KernelObjectT object,
                                            const Rows &rows) {
  auto package = std::make_unique<runtime::Package>();
  package->hardware_name = options.hardware.name;
  package->hardware_yaml = options.hardware.yaml;
  package->hardware_digest = options.hardware.digest;
  package->model = std::make_unique<pkg::ModelT>();
  package->model->max_seq = 1;
  package->kernels = codegen::describeKernels(kernels);
  package->objects.push_back(std::make_unique<pkg::KernelObjectT>(std::move(object)));
  auto task = std::make_unique<pkg::TaskT>();
  for (auto [index, kernel] : llvm::enumerate(package->kernels)) {
    auto call = std::make_unique<pkg::InstrT>();
    call->kind = pkg::InstrKind::Call;
    call->kernel = static_cast<uint32_t>(index);
    auto m = rows.find(kernel->name);
    for (size_t i = 0; i < kernel->probe->scalars.size(); ++i)
      call->scalars.emplace_back(pkg::Source::Constant, 0, 0,
                                 static_cast<int32_t>(m == rows.end() ? 1 : std::max<int64_t>(1, m->second)));
    task->instrs.push_back(std::move(call));
  }
  auto program = std::make_unique<pkg::ProgramT>();
  program->tasks.push_back(std::move(task));
  package->programs.push_back(std::move(program));
  return package;
}

/// Cycles of each kernel in the order of the module; none if nothing measures.
Result<std::vector<int64_t>> cyclesOf(const CompileOptions &options, const codegen::CoreTarget &target,
                                      ModuleOp kernels, const Rows &rows) {
  std::vector<int64_t> cycles;
  if (!options.measureKernels)
    return cycles;
  auto object = codegen::compileCoreKernels(kernels, target);
  if (!object)
    return object.takeError();
  auto package = packageOf(options, kernels, std::move(*object), rows);
  auto costs = options.measureKernels(*package);
  if (!costs)
    return costs.takeError();
  if (*costs)
    for (const runtime::KernelCosts::Kernel &kernel : (*costs)->kernels)
      cycles.push_back(static_cast<int64_t>(kernel.cycles));
  return cycles;
}

/// What the unit does is listed in the hardware description; whether it pays is measured where something can.
Decision decide(const char *phase, std::string op, const char *unit,
                std::optional<std::pair<int64_t, int64_t>> cycles) {
  Decision decision{phase, std::move(op), unit, cycles ? "measured" : "listed", {}};
  if (!cycles)
    return decision;
  auto [with, without] = *cycles;
  if (without <= with)
    decision.choice = "none";
  decision.alternatives = {{unit, with}, {"none", without}};
  return decision;
}

} // namespace

// ---- dot --------------------------------------------------------------------------------------------------------

/// Rows of A, depth and columns of the product with the largest block of quantised weights; nothing if there is none.
static std::optional<std::array<int64_t, 3>> largestProduct(ModuleOp grid) {
  auto mesh = *grid.getOps<grid::MeshOp>().begin();
  int64_t blocksY = place::Mesh::make(mesh.getWidth(), mesh.getHeight(), false).blocksY;
  std::optional<std::array<int64_t, 3>> largest;
  grid.walk([&](grid::GemmOp op) {
    auto weight = cast<RankedTensorType>(op.getB().getType());
    if (!weight.getElementType().isInteger(8))
      return;
    auto local = grid::localShape(weight);
    std::array<int64_t, 3> shape = {grid::localShape(op.getA().getType())[0], local[0] / blocksY, local[1]};
    if (!largest || shape[1] * shape[2] > (*largest)[1] * (*largest)[2])
      largest = shape;
  });
  return largest;
}

Result<kernels::ByteOrder> chooseByteOrder(const CompileOptions &options, const codegen::CoreTarget &target,
                                           ModuleOp grid, std::vector<Decision> &decisions) {
  auto shape = largestProduct(grid);
  if (!shape || !codegen::hasUnit(target.isa, "dot"))
    return kernels::ByteOrder::Rows;
  auto [rows, depth, columns] = *shape;
  OwningOpRef<ModuleOp> candidates(ModuleOp::create(grid.getLoc()));
  Rows measured;
  for (kernels::ByteOrder order : {kernels::ByteOrder::Words, kernels::ByteOrder::Rows})
    measured[kernels::buildGemmQuantised(*candidates, rows, depth, columns, order).name] = rows;
  auto cycles = cyclesOf(options, target, *candidates, measured);
  if (!cycles)
    return cycles.takeError();
  decisions.push_back(
      decide("spmd", "unit for quantised products", "dot",
             cycles->size() == 2 ? std::optional(std::pair((*cycles)[0], (*cycles)[1])) : std::nullopt));
  return decisions.back().choice == "dot" ? kernels::ByteOrder::Words : kernels::ByteOrder::Rows;
}

// ---- exp --------------------------------------------------------------------------------------------------------

/// The most rows that calls ask for.
static Rows rowsOf(ModuleOp fabric, int64_t maxSeq) {
  Rows rows;
  fabric.walk([&](fabric::KernelCallOp call) {
    auto function = fabric.lookupSymbol<func::FuncOp>(call.getKernel());
    kernels::Probe probe = kernels::probeOf(function);
    if (probe.rows == kernels::Probe::noRows)
      return;
    auto m = cast<fabric::ExprAttr>(call.getScalars()[probe.rows]);
    int64_t value = 0;
    if (m.getSource() == fabric::Source::Param) {
      value = maxSeq;
      auto params = call->getParentOfType<fabric::ProgramOp>().getParams();
      for (int64_t divisor :
           cast<DictionaryAttr>(params[m.getIndex()]).getAs<DenseI64ArrayAttr>("divisors").asArrayRef())
        value = (value + divisor - 1) / divisor;
    }
    int64_t &most = rows[call.getKernel().str()];
    most = std::max(most, m.getAdd() + m.getScale() * value);
  });
  return rows;
}

static bool hasExp(func::FuncOp kernel) {
  return kernel.walk([](math::ExpOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

static void useExp(func::FuncOp kernel) {
  kernel->setAttr(codegen::unitsAttribute, Builder(kernel.getContext()).getStrArrayAttr({"exp"}));
}

/// Whether the kernel can be compiled with the unit: beside its instructions each operation on vectors needs one of
/// explicit length, which not all have.
static bool compilesWithExp(func::FuncOp kernel, const codegen::CoreTarget &target) {
  OwningOpRef<ModuleOp> alone(ModuleOp::create(kernel.getLoc()));
  useExp(cast<func::FuncOp>(OpBuilder::atBlockEnd(alone->getBody()).clone(*kernel)));
  return bool(codegen::compileCoreKernels(*alone, target));
}

Result<void> chooseExp(const CompileOptions &options, const codegen::CoreTarget &target, ModuleOp fabric,
                       ModuleOp kernels, std::vector<Decision> &decisions) {
  SmallVector<func::FuncOp> concerned =
      llvm::to_vector(llvm::make_filter_range(kernels.getOps<func::FuncOp>(), hasExp));
  if (!codegen::hasUnit(target.isa, "exp"))
    return {};
  llvm::erase_if(concerned, [&](func::FuncOp kernel) { return !compilesWithExp(kernel, target); });
  if (concerned.empty())
    return {};
  OwningOpRef<ModuleOp> without(ModuleOp::create(kernels.getLoc()));
  OpBuilder builder = OpBuilder::atBlockEnd(without->getBody());
  for (func::FuncOp kernel : concerned)
    builder.clone(*kernel);
  OwningOpRef<ModuleOp> with(without->clone());
  for (auto kernel : with->getOps<func::FuncOp>())
    useExp(kernel);
  Rows rows = rowsOf(fabric, options.maxSeq);
  auto cyclesWithout = cyclesOf(options, target, *without, rows), cyclesWith = cyclesOf(options, target, *with, rows);
  if (!cyclesWithout || !cyclesWith)
    return !cyclesWithout ? cyclesWithout.takeError() : cyclesWith.takeError();
  bool measured = cyclesWith->size() == concerned.size() && cyclesWithout->size() == concerned.size();
  for (auto [i, kernel] : llvm::enumerate(concerned)) {
    decisions.push_back(
        decide("kernels", "unit for " + kernel.getName().str(), "exp",
               measured ? std::optional(std::pair((*cyclesWith)[i], (*cyclesWithout)[i])) : std::nullopt));
    if (decisions.back().choice == "exp")
      useExp(kernel);
  }
  return {};
}

} // namespace weft::compiler
