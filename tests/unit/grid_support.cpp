#include "tests/unit/grid_support.h"

#include "compiler/codegen/HostKernels.h"
#include "compiler/pipeline/Emit.h"
#include "compiler/place/Place.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/route/FabricChannels.h"
#include "compiler/spmd/Spmd.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <fstream>
#include <nlohmann/json.hpp>

using namespace mlir;

namespace weft::test {

// ---- models ---------------------------------------------------------------------------------------------------

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-grid-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()));
  path = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

void writeModel(const TestModel &model, const std::string &folder) {
  std::ofstream(folder + "/config.json") << model.config.json().dump();
  constexpr const char *types[] = {"F32", "F16", "BF16"};
  nlohmann::json header = nlohmann::json::object();
  std::string bytes;
  for (const auto &[name, weight] : model.weights) {
    size_t from = bytes.size();
    bytes.append(reinterpret_cast<const char *>(weight.bytes.data()), weight.bytes.size());
    header[name] = {{"dtype", types[static_cast<int>(weight.info.type)]},
                    {"shape", weight.info.shape},
                    {"data_offsets", {from, bytes.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();
  std::ofstream file(folder + "/model.safetensors", std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), 8) << text << bytes;
}

place::WeightProvider provider(const TestModel &model) {
  return {[&model](const std::string &name) { return model.find(name); },
          [&model](const std::string &name) { return model.bytes(name); }};
}

// ---- engines --------------------------------------------------------------------------------------------------

Engine::Engine(const runtime::Package &package, const hw::Hardware &hardware, Fill fill)
    : package(package), core(take(hw::makeCoreModel(hardware))), kernels(take(runtime::KernelLibrary::load(package))) {
  sim::MeshEngineOptions options;
  options.coreModel = core.get();
  options.kernels = [this](uint32_t index) { return kernels.kernel(index); };
  options.fillResident = std::move(fill);
  device = take(sim::makeMeshEngine(package, hardware, options));
}

std::vector<float> Engine::run(const std::string &program, std::span<const int32_t> ids, uint32_t tokensInCache) {
  std::vector<int32_t> words = {static_cast<int32_t>(tokensInCache)};
  words.insert(words.end(), ids.begin(), ids.end());
  runtime::Launch launch{program, tokensInCache, {{"tokens", words}}};
  return take(device->run(launch)).logits();
}

std::vector<float> Engine::resident(const std::string &name, uint32_t x, uint32_t y) {
  for (const auto &buffer : package.resident)
    if (buffer->name == name) {
      auto bytes = take(device->readSram(x, y, buffer->offset, buffer->bytes));
      std::vector<float> values(bytes.size() / 4);
      std::memcpy(values.data(), bytes.data(), values.size() * 4);
      return values;
    }
  FAIL("no resident buffer " + name);
  return {};
}

// ---- programs by hand -----------------------------------------------------------------------------------------

GridProgram::GridProgram(MLIRContext &context, int64_t width, int64_t height, bool interleave, int64_t maxSeq,
                         uint32_t seed)
    : builder(&context), mesh(place::Mesh::make(width, height, interleave)), random(seed), maxSeq(maxSeq) {
  context.loadDialect<grid::GridDialect, func::FuncDialect, scf::SCFDialect, arith::ArithDialect, linalg::LinalgDialect,
                      memref::MemRefDialect, math::MathDialect>();
  module = ModuleOp::create(builder.getUnknownLoc());
  builder.setInsertionPointToStart(module->getBody());
  builder.create<grid::MeshOp>(builder.getUnknownLoc(), "mesh", width, height,
                               interleave ? grid::RankOrder::Interleave : grid::RankOrder::Identity);
}

void GridProgram::begin(const std::string &function) {
  builder.setInsertionPointToEnd(module->getBody());
  auto op = builder.create<func::FuncOp>(builder.getUnknownLoc(), function, builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(op.addEntryBlock());
  builder.create<grid::LaunchOp>(builder.getUnknownLoc(),
                                 tensor({1 + maxSeq}, builder.getI32Type(), {whole(1 + maxSeq)}));
}

void GridProgram::end() { builder.create<func::ReturnOp>(builder.getUnknownLoc()); }

grid::ShardAttr GridProgram::shard(grid::Axis axis, grid::ShardKind kind, int64_t local) const {
  return grid::ShardAttr::get(builder.getContext(), axis, kind, local);
}

grid::ShardAttr GridProgram::whole(int64_t extent) const {
  return shard(grid::Axis::None, grid::ShardKind::Whole, extent);
}

RankedTensorType GridProgram::tensor(ArrayRef<int64_t> shape, Type element, ArrayRef<grid::ShardAttr> dims,
                                     grid::Axis partial) const {
  SmallVector<int64_t> pad;
  for (auto [extent, dim] : llvm::zip(shape, dims)) {
    int64_t cores = dim.getAxis() == grid::Axis::X ? mesh.width : dim.getAxis() == grid::Axis::Y ? mesh.height : 1;
    pad.push_back(dim.getLocal() * cores - extent);
  }
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), "mesh");
  return RankedTensorType::get(shape, element, grid::LayoutAttr::get(builder.getContext(), symbol, dims, pad, partial));
}

Value GridProgram::weight(const std::string &name, RankedTensorType type) {
  TestModel::Weight weight;
  Type element = type.getElementType();
  auto kind = element.isF32()   ? frontend::WeightType::F32
              : element.isF16() ? frontend::WeightType::F16
                                : frontend::WeightType::BF16;
  weight.info = {name, kind, {uint64_t(type.getDimSize(0)), uint64_t(type.getDimSize(1))}, 0, 0};
  std::normal_distribution<float> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    float value = values(random);
    uint16_t half = kind == frontend::WeightType::F16 ? runtime::narrowF16(value) : runtime::narrowBf16(value);
    const auto *bytes = kind == frontend::WeightType::F32 ? reinterpret_cast<const std::byte *>(&value)
                                                          : reinterpret_cast<const std::byte *>(&half);
    weight.bytes.insert(weight.bytes.end(), bytes, bytes + (kind == frontend::WeightType::F32 ? 4 : 2));
  }
  model.weights[name] = std::move(weight);
  return builder.create<grid::WeightOp>(builder.getUnknownLoc(), type, builder.getStrArrayAttr({name}),
                                        grid::WeightOrder::Single, false, DenseI64ArrayAttr(), ArrayAttr(),
                                        ArrayAttr());
}

float GridProgram::at(const std::string &weight, int64_t row, int64_t column) const {
  const TestModel::Weight &found = model.weights.at(weight);
  int64_t i = row * static_cast<int64_t>(found.info.shape[1]) + column;
  float value;
  uint16_t half;
  if (found.info.type == frontend::WeightType::F32) {
    std::memcpy(&value, found.bytes.data() + 4 * i, 4);
    return value;
  }
  std::memcpy(&half, found.bytes.data() + 2 * i, 2);
  return found.info.type == frontend::WeightType::F16 ? runtime::widenF16(half) : runtime::widenBf16(half);
}

/// A row of a shard is an element of its first dimension.
void GridProgram::copyInto(Value from, Value to, bool rows) {
  auto local = grid::localShape(cast<RankedTensorType>(to.getType()));
  int64_t columns = 1;
  for (int64_t extent : ArrayRef(local).drop_front())
    columns *= extent;
  auto kernel = kernels::buildCopyColumns(*module, local[0], columns, 0, columns);
  place::attachWork(*module, kernel);
  Attribute scalar = grid::ScalarAttr::get(
      builder.getContext(), rows ? grid::ScalarKind::Rows : grid::ScalarKind::Constant, rows ? 1 : local[0]);
  builder.create<grid::CallOp>(builder.getUnknownLoc(), TypeRange(to.getType()), kernel.name, ValueRange(from),
                               ValueRange(to), ArrayRef<int64_t>{0, 1}, builder.getArrayAttr(scalar),
                               DenseI64ArrayAttr());
}

Value GridProgram::copied(Value from, RankedTensorType type) {
  Value to = builder.create<grid::EmptyOp>(builder.getUnknownLoc(), type);
  copyInto(from, to, false);
  return builder.getInsertionBlock()->back().getResult(0);
}

void GridProgram::keep(const std::string &name, Value value, bool rows) {
  Value cache = builder.create<grid::CacheOp>(builder.getUnknownLoc(), value.getType(), name);
  copyInto(value, cache, rows);
}

std::unique_ptr<runtime::Package> compileGrid(ModuleOp placed, const place::Mesh &mesh,
                                              const frontend::WeightSource &weights, const hw::Hardware &hardware) {
  OwningOpRef<ModuleOp> lowered = placed.clone();
  PassManager passes(placed.getContext());
  int colors = static_cast<int>(hardware.routing.colors);
  passes.addPass(place::createGridVerifyPass());
  passes.addPass(spmd::createSpmdPass());
  passes.addPass(spmd::createFabricVerifyPass());
  passes.addPass(route::createRoutePass(colors));
  passes.addPass(route::createRouteVerifyPass(colors));
  passes.addPass(plan::createPlanPass(16));
  passes.addPass(plan::createPlanVerifyPass(16));
  REQUIRE(succeeded(passes.run(*lowered)));
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(UnknownLoc::get(placed.getContext()));
  OpBuilder inKernels = OpBuilder::atBlockEnd(kernels->getBody());
  for (auto function : lowered->getOps<func::FuncOp>())
    inKernels.clone(*function);
  auto package = std::make_unique<runtime::Package>();
  package->mesh_width = mesh.width;
  package->mesh_height = mesh.height;
  package->kernels = codegen::describeKernels(*kernels);
  package->objects.push_back(
      std::make_unique<pkg::KernelObjectT>(take(codegen::compileHostKernels(*kernels, codegen::defaultHostTarget()))));
  take(compiler::emitPrograms(*lowered, weights, *package));
  return package;
}

Engine::Fill fillFrom(const runtime::Package &package,
                      std::function<std::span<const std::byte>(const std::string &)> bytes) {
  return [&package, bytes](uint32_t x, uint32_t y, std::span<std::byte> sram) -> Result<void> {
    for (const auto &buffer : package.resident) {
      auto local = sram.subspan(buffer->offset, buffer->bytes);
      for (const auto &weight : package.weights)
        if (buffer->name == weight->buffer)
          if (auto done = runtime::fillShard(*weight, bytes(weight->name), x, y, local); !done)
            return done;
      for (const auto &constant : package.constants)
        if (buffer->name == constant->buffer)
          if (auto done = runtime::fillConstant(*constant, x, y, local); !done)
            return done;
    }
    return {};
  };
}

std::unique_ptr<runtime::Package> GridProgram::compile(const hw::Hardware &hardware) const {
  return compileGrid(module.get(), mesh, model, hardware);
}

Engine::Fill GridProgram::fill(const runtime::Package &package) const {
  return fillFrom(package, [this](const std::string &name) { return model.bytes(name); });
}

} // namespace weft::test
