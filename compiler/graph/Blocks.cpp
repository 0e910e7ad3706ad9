#include "compiler/graph/Blocks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;

namespace weft::graph {

using namespace frontend;

xf::Activation activationOf(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Silu:
    return xf::Activation::Silu;
  case ActivationKind::Gelu:
    return xf::Activation::Gelu;
  case ActivationKind::GeluTanh:
    return xf::Activation::GeluTanh;
  case ActivationKind::QuickGelu:
    return xf::Activation::QuickGelu;
  case ActivationKind::Relu:
    return xf::Activation::Relu;
  case ActivationKind::ReluSquared:
    return xf::Activation::ReluSquared;
  case ActivationKind::Tanh:
    return xf::Activation::Tanh;
  case ActivationKind::Sigmoid:
    return xf::Activation::Sigmoid;
  }
  llvm_unreachable("an activation of TransformerConfig.h");
}

std::string opName(const WeightRef &ref) {
  StringRef name = ref.name;
  name.consume_front("model.");
  name.consume_back(".weight");
  return name.str();
}

/// Null: a type that no op of a transformer multiplies by.
static Type elementType(OpBuilder &builder, WeightType type) {
  switch (type) {
  case WeightType::F32:
    return builder.getF32Type();
  case WeightType::F16:
    return builder.getF16Type();
  case WeightType::BF16:
    return builder.getBF16Type();
  default:
    return {};
  }
}

static SmallVector<int64_t> sizesOf(ArrayRef<uint64_t> shape) { return {shape.begin(), shape.end()}; }

Value Blocks::weight(const WeightRef &ref) {
  const WeightInfo *info = weights.find(ref.name);
  if (!info)
    fail(userError(fmt::format("model '{}' has no tensor '{}' (expected shape [{}]); the weight files do not "
                               "belong to this config or are incomplete",
                               model, ref.name, fmt::join(ref.stored, ", "))));
  else if (info->shape != ref.stored)
    fail(userError(fmt::format("tensor '{}' of model '{}' has shape [{}], but its config asks for [{}]", ref.name,
                               model, fmt::join(info->shape, ", "), fmt::join(ref.stored, ", "))));
  Value &param = params[ref.name];
  if (!param) {
    Type element = elementType(builder, info ? info->type : WeightType::F32);
    if (!element) {
      fail(userError(fmt::format("tensor '{}' of model '{}' is of a type that transformers' weights do not have; they "
                                 "are F32, F16 or BF16",
                                 ref.name, model)));
      element = builder.getF32Type();
    }
    auto stored = info && info->blocks ? builder.getStringAttr(factsOf(*info->blocks).name) : StringAttr();
    param = builder.create<xf::ParamOp>(named(ref.name), RankedTensorType::get(sizesOf(ref.stored), element),
                                        builder.getStringAttr(ref.name), stored);
  }
  Value value = param;
  for (const ViewStep &step : ref.steps)
    value = view(value, step, named(ref.name));
  return value;
}

Value Blocks::view(Value value, const ViewStep &step, Location loc) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<ReassociationIndices> groups;
  auto regroup = [&](int64_t rank, int64_t first, int64_t count) { // `rank` dimensions, `count` of them one group
    for (int64_t i = 0; i < rank; ++i)
      if (i > first && i < first + count)
        groups.back().push_back(i);
      else
        groups.push_back({i});
  };
  const auto dim = static_cast<int64_t>(step.dim);
  switch (step.kind) {
  case ViewStep::Kind::Slice: {
    SmallVector<OpFoldResult> offsets(shape.size(), builder.getIndexAttr(0)), sizes;
    shape[dim] = static_cast<int64_t>(step.size);
    offsets[dim] = builder.getIndexAttr(static_cast<int64_t>(step.begin));
    for (int64_t size : shape)
      sizes.push_back(builder.getIndexAttr(size));
    SmallVector<OpFoldResult> strides(shape.size(), builder.getIndexAttr(1));
    return builder.create<tensor::ExtractSliceOp>(loc, value, offsets, sizes, strides);
  }
  case ViewStep::Kind::Expand: {
    SmallVector<int64_t> inner = sizesOf(step.sizes);
    shape.erase(shape.begin() + dim);
    shape.insert(shape.begin() + dim, inner.begin(), inner.end());
    regroup(static_cast<int64_t>(shape.size()), dim, static_cast<int64_t>(inner.size()));
    return builder.create<tensor::ExpandShapeOp>(loc, RankedTensorType::get(shape, type.getElementType()), value,
                                                 groups);
  }
  case ViewStep::Kind::Collapse:
    regroup(type.getRank(), dim, static_cast<int64_t>(step.size));
    return builder.create<tensor::CollapseShapeOp>(loc, value, groups);
  case ViewStep::Kind::Permute: {
    SmallVector<int64_t> order = sizesOf(step.sizes), permuted;
    for (int64_t from : order)
      permuted.push_back(shape[from]);
    Value empty = builder.create<tensor::EmptyOp>(loc, permuted, type.getElementType());
    return builder.create<linalg::TransposeOp>(loc, value, empty, order)->getResult(0);
  }
  }
  llvm_unreachable("a step of TransformerConfig.h");
}

Value Blocks::linear(const LinearConfig &config, Value x, const std::string &name) {
  Value w = weight(config.weight), bias = weightOrNull(config.bias);
  return builder.create<xf::LinearOp>(named(name.empty() ? opName(config.weight) : name), x, w, bias);
}

Value Blocks::norm(const NormConfig &config, Value x) {
  auto float64 = [&](double value) { return builder.getF64FloatAttr(value); };
  switch (config.kind) {
  case NormKind::None:
    return x;
  case NormKind::Rms: {
    Value gamma = weight(config.weight);
    return builder.create<xf::RmsNormOp>(named(opName(config.weight)), x.getType(), x, gamma, float64(config.epsilon),
                                         config.offset == 0 ? FloatAttr() : float64(config.offset));
  }
  case NormKind::Layer: {
    Value gamma = weightOrNull(config.weight), beta = weightOrNull(config.bias);
    return builder.create<xf::LayerNormOp>(named(config.weight ? opName(config.weight) : "layer_norm"), x.getType(), x,
                                           gamma, beta, float64(config.epsilon));
  }
  }
  llvm_unreachable("a norm of TransformerConfig.h");
}

Value Blocks::activation(const std::string &name, ActivationKind kind, Value x) {
  return builder.create<xf::ActivationOp>(named(name), x, activationOf(kind));
}

Value Blocks::scale(const std::string &name, Value x, double factor) {
  return factor == 1 ? x : Value(builder.create<xf::ScaleOp>(named(name), x, llvm::APFloat(factor)));
}

Value Blocks::softcap(const std::string &name, Value x, double cap) {
  if (cap == 0)
    return x;
  return scale(name, activation(name, ActivationKind::Tanh, scale(name, x, 1 / cap)), cap);
}

} // namespace weft::graph
