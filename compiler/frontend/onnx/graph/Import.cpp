#include "compiler/frontend/onnx/graph/Import.h"

#include "compiler/frontend/onnx/Tensors.h"
#include "compiler/frontend/onnx/graph/CodedMatrix.h"
#include "compiler/frontend/onnx/graph/Dims.h"
#include "compiler/frontend/onnx/graph/Importer.h"
#include "dialects/xf/XfDialect.h"
#include "runtime/support/MappedFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Fixed = std::map<std::string, std::vector<int64_t>>;

/// All ways to take `count` of `shape`'s sizes, in order.
void chooseSizes(const std::vector<int64_t> &shape, size_t count, size_t from, std::vector<int64_t> &chosen,
                 std::set<std::vector<int64_t>> &out) {
  if (chosen.size() == count) {
    out.insert(chosen);
    return;
  }
  for (size_t i = from; i < shape.size(); ++i) {
    chosen.push_back(shape[i]);
    chooseSizes(shape, count, i + 1, chosen, out);
    chosen.pop_back();
  }
}

/// What the integers of `input` could be, if they are sizes of an output: each choice of declared sizes.
std::set<std::vector<int64_t>> candidates(const Model &model, const ValueInfo &input) {
  std::set<std::vector<int64_t>> out;
  if (!input.type.shape || input.type.shape->size() > 1 || !isInteger(input.type.element))
    return out;
  int64_t count = input.type.shape->empty() ? 1 : input.type.shape->front().size;
  for (const ValueInfo &output : model.graph.outputs) {
    if (!output.type.shape || output.type.shape->size() > 8 || count < 1)
      continue;
    std::vector<int64_t> shape, chosen;
    for (const Dimension &dimension : *output.type.shape)
      shape.push_back(dimension.size);
    if (std::find(shape.begin(), shape.end(), -1) == shape.end())
      chooseSizes(shape, static_cast<size_t>(count), 0, chosen, out);
  }
  return out;
}

/// Imports with ever more inputs fixed: where an input decides the shape of a value in between, the shapes that the
/// model declares for its outputs decide the input. What does not lead to them is refused.
OwningOpRef<ModuleOp> importFixing(MLIRContext &context, const Model &model, const GraphOptions &options,
                                   const Fixed &fixed, unsigned depth, Error &error) {
  Importer importer(context, model, options, fixed);
  if (OwningOpRef<ModuleOp> module = importer.run())
    return module;
  ImportError failure = importer.takeFailure();
  error = failure.error;
  if (depth == 0)
    return {};
  for (const std::string &name : failure.decidedBy)
    for (const ValueInfo &input : model.graph.inputs) {
      if (input.name != name || fixed.contains(name))
        continue;
      for (const std::vector<int64_t> &value : candidates(model, input)) {
        Fixed more = fixed;
        more[name] = value;
        Error ignored;
        if (OwningOpRef<ModuleOp> module = importFixing(context, model, options, more, depth - 1, ignored))
          return module;
      }
    }
  return {};
}

WeightType weightTypeOf(ElementType type) {
  switch (type) {
  case ElementType::Float:
    return WeightType::F32;
  case ElementType::Float16:
    return WeightType::F16;
  case ElementType::BFloat16:
    return WeightType::BF16;
  case ElementType::Double:
    return WeightType::F64;
  case ElementType::Bool:
    return WeightType::Bool;
  default: // integers by their bytes; codes of small floats are bytes, too
    switch (storageBytes(type)) {
    case 1:
      return WeightType::I8;
    case 2:
      return WeightType::I16;
    case 4:
      return WeightType::I32;
    default:
      return WeightType::I64;
    }
  }
}

/// Of a file's bytes, so many tell it from another one. Files have no header, and gigabytes would take seconds.
constexpr uint64_t digestedBytes = 1 << 16;

class Weights : public WeightSource {
public:
  explicit Weights(const Model &model) {
    for (const std::string &path : model.files) {
      Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
      std::span<const std::byte> bytes = file ? file->bytes() : std::span<const std::byte>();
      const uint64_t digested = std::min<uint64_t>(bytes.size(), digestedBytes);
      infos.push_back({path, bytes.size(), XXH3_64bits(bytes.data(), digested), digested});
    }
    for (const auto &[name, tensor] : model.weights) {
      // Types below a byte are packed; the program unpacks them.
      std::vector<uint64_t> shape(tensor.shape.begin(), tensor.shape.end());
      if (storedBits(tensor.type) < 8)
        shape = {tensor.range->bytes};
      weights[name] = {name, weightTypeOf(tensor.type), shape, tensor.range->file, tensor.range->offset};
    }
    std::map<std::string_view, const TensorData *> initializers;
    for (const TensorData &tensor : model.graph.initializers)
      initializers.emplace(tensor.name, &tensor);
    auto find = [&](const std::string &name) {
      auto found = initializers.find(name);
      return found == initializers.end() ? nullptr : found->second;
    };
    const Makers makers(model.graph);
    for (const Node &node : model.graph.nodes)
      for (const WeightInfo &coded : codedWeights(node, find, std::ref(makers)))
        weights.emplace(coded.name, coded);
  }
  const WeightInfo *find(const std::string &name) const override {
    auto found = weights.find(name);
    return found == weights.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto &[name, info] : weights)
      out.push_back(name);
    return out;
  }
  const std::vector<WeightFileInfo> &files() const override { return infos; }

private:
  std::map<std::string, WeightInfo> weights;
  std::vector<WeightFileInfo> infos;
};

void loadDialects(MLIRContext &context) {
  context.loadDialect<func::FuncDialect, arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                      tensor::TensorDialect, xf::XfDialect>();
}

} // namespace

Result<OwningOpRef<ModuleOp>> buildGraph(MLIRContext &context, const Model &model, const GraphOptions &options) {
  Result<BoundDims> dims = bindDims(model, options.dims);
  if (!dims)
    return dims.takeError();
  GraphOptions bound = options;
  bound.dims = std::move(dims->all);
  loadDialects(context);
  Error error;
  constexpr unsigned mostFixed = 2;
  if (OwningOpRef<ModuleOp> module = importFixing(context, model, bound, {}, mostFixed, error))
    return module;
  // Names that exporters give need not be true.
  if (error.fault == Fault::User && !dims->computed.empty()) {
    std::vector<std::string> sizes, options;
    for (const std::string &name : dims->computed) {
      sizes.push_back(fmt::format("'{}' as {}", name, bound.dims.at(name)));
      options.push_back(fmt::format("--dim '{}=N'", name));
    }
    error.message +=
        fmt::format("; what dimensions are called gave {}, which need not be true; {} binds {} to another "
                    "size",
                    fmt::join(sizes, ", "), fmt::join(options, " or "), options.size() == 1 ? "it" : "one");
  }
  return error;
}

Result<LaunchGraph> buildLaunch(MLIRContext &context, const Model &model, const GraphOptions &options) {
  loadDialects(context);
  Importer importer(context, model, options, options.launch->fixed);
  OwningOpRef<ModuleOp> module = importer.run();
  if (!module)
    return importer.takeFailure().error;
  return LaunchGraph{std::move(module), importer.positions, importer.firstUnknown()};
}

Result<void> checkLaunch(MLIRContext &context, const Model &model, const GraphOptions &options) {
  loadDialects(context);
  GraphOptions plain{options.dims};
  plain.raise = false;
  Importer importer(context, model, plain, options.launch->fixed);
  return importer.run() ? success() : Result<void>(importer.takeFailure().error);
}

std::unique_ptr<WeightSource> weightsOf(const Model &model) { return std::make_unique<Weights>(model); }

} // namespace weft::frontend::onnx
