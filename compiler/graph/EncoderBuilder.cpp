#include "compiler/graph/EncoderBuilder.h"

#include "compiler/graph/GraphModule.h"
#include "compiler/graph/TransformerLayers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <fmt/format.h>
#include <limits>

using namespace mlir;

namespace weft::graph {

using namespace frontend;

namespace {

constexpr int64_t defaultTokens = 128;
constexpr int64_t mostBatch = 1 << 16;

/// Emits @main, op by op. Rows of activations are the tokens of all sequences, one sequence after the other.
class EncoderBuilder {
public:
  EncoderBuilder(MLIRContext &context, const TransformerConfig &config, const WeightSource &weights, int64_t batch,
                 int64_t tokens)
      : config(config), blocks(context, config.name, weights), builder(blocks.builder), batch(batch), tokens(tokens) {}

  OwningOpRef<ModuleOp> build() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(blocks.named(config.name));
    (*module)->setAttr(modelAttr, builder.getStringAttr(config.name));
    builder.setInsertionPointToEnd(module->getBody());
    function = builder.create<func::FuncOp>(blocks.named("main"), mainFunction, builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    position = builder.create<arith::ConstantIndexOp>(blocks.named("position"), 0);

    Value x = config.patches ? patches() : embedding();
    TransformerLayers layers(blocks, config, position, batch, mask);
    for (const LayerConfig &layer : config.layers)
      x = layers.layer(layer, x, nullptr);
    x = blocks.norm(config.finalNorm, x);
    if (config.returnsHidden)
      result("last_hidden_state", x, {batch, tokens, columnsOf(x)});
    for (const HeadConfig &head : config.heads)
      addHead(head, x);
    builder.create<func::ReturnOp>(blocks.named("main"), results);
    function.setType(builder.getFunctionType(function.getBody().getArgumentTypes(), ValueRange(results).getTypes()));
    for (auto [i, attributes] : llvm::enumerate(argumentAttributes))
      function.setArgAttrs(i, attributes);
    for (auto [i, attributes] : llvm::enumerate(resultAttributes))
      function.setResultAttrs(i, attributes);
    return module;
  }

  std::optional<Error> takeFailure() { return std::move(blocks.failure); }

private:
  static int64_t columnsOf(Value x) { return cast<RankedTensorType>(x.getType()).getDimSize(1); }
  RankedTensorType rows(int64_t count, int64_t columns) {
    return RankedTensorType::get({count, columns}, builder.getF32Type());
  }
  NamedAttribute text(StringRef name, StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  }

  /// One more argument. `fallback`: what fills it where the user gives nothing.
  Value argument(StringRef name, ArrayRef<int64_t> shape, bool isFloat, std::optional<int64_t> fallback = {}) {
    Type element = isFloat ? Type(builder.getF32Type()) : Type(builder.getI64Type());
    SmallVector<NamedAttribute> attributes = {text(nameAttr, name), text(dtypeAttr, isFloat ? "float32" : "int64")};
    if (fallback)
      attributes.push_back(builder.getNamedAttr(defaultAttr, builder.getI64IntegerAttr(*fallback)));
    argumentAttributes.push_back(builder.getDictionaryAttr(attributes));
    return function.getBody().addArgument(RankedTensorType::get(shape, element), blocks.named(name.str()));
  }

  void result(StringRef name, Value x, ArrayRef<int64_t> shape) {
    if (shape.size() == 3) {
      SmallVector<ReassociationIndices> groups = {{0, 1}, {2}};
      x = builder.create<tensor::ExpandShapeOp>(blocks.named(name.str()),
                                                RankedTensorType::get(shape, builder.getF32Type()), x, groups);
    }
    results.push_back(x);
    resultAttributes.push_back(builder.getDictionaryAttr({text(nameAttr, name), text(dtypeAttr, "float32")}));
  }

  /// A generic over all places of `type`, without inputs.
  Value fill(const std::string &name, RankedTensorType type,
             function_ref<Value(OpBuilder &, Location, ArrayRef<Value>)> body) {
    Location loc = blocks.named(name);
    Value init = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
    SmallVector<utils::IteratorType> loops(type.getRank(), utils::IteratorType::parallel);
    return builder
        .create<linalg::GenericOp>(loc, type, ValueRange(), init, builder.getMultiDimIdentityMap(type.getRank()), loops,
                                   [&](OpBuilder &b, Location, ValueRange) {
                                     SmallVector<Value> at;
                                     for (int64_t i = 0; i < type.getRank(); ++i)
                                       at.push_back(b.create<linalg::IndexOp>(loc, i));
                                     b.create<linalg::YieldOp>(loc, body(b, loc, at));
                                   })
        .getResult(0);
  }

  /// batch × tokens as a list.
  Value flat(StringRef name, Value ids) {
    SmallVector<ReassociationIndices> groups = {{0, 1}};
    return builder.create<tensor::CollapseShapeOp>(blocks.named(name.str()), ids, groups);
  }

  /// What hides the tokens whose mask is 0: the smallest f32, as the models were trained with.
  Value maskBias(Value attentionMask) {
    Location loc = blocks.named("attention_mask");
    auto type = RankedTensorType::get({batch, tokens}, builder.getF32Type());
    Value init = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
    AffineMap all = builder.getMultiDimIdentityMap(2);
    SmallVector<utils::IteratorType> loops(2, utils::IteratorType::parallel);
    SmallVector<AffineMap> maps = {all, all};
    Value bias = builder
                     .create<linalg::GenericOp>(loc, type, attentionMask, init, maps, loops,
                                                [&](OpBuilder &b, Location, ValueRange in) {
                                                  auto f32 = [&](float value) -> Value {
                                                    return b.create<arith::ConstantOp>(loc, b.getF32FloatAttr(value));
                                                  };
                                                  Value zero = b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(0));
                                                  Value hidden = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::eq,
                                                                                         in[0], zero);
                                                  Value value = b.create<arith::SelectOp>(
                                                      loc, hidden, f32(std::numeric_limits<float>::lowest()), f32(0));
                                                  b.create<linalg::YieldOp>(loc, value);
                                                })
                     .getResult(0);
    SmallVector<ReassociationIndices> groups = {{0}, {1, 2, 3}};
    return builder.create<tensor::ExpandShapeOp>(
        loc, RankedTensorType::get({batch, 1, 1, tokens}, builder.getF32Type()), bias, groups);
  }

  /// RoBERTa's positions: a token's place among those that are not padding, counted from `padding` + 1.
  Value countedPositions(Value ids, int64_t padding) {
    auto type = RankedTensorType::get({batch * tokens}, builder.getI64Type());
    Location loc = blocks.named("position_ids");
    auto isToken = [&](OpBuilder &b, Value id) -> Value {
      Value pad = b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(padding));
      Value token = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, id, pad);
      return b.create<arith::ExtUIOp>(loc, b.getI64Type(), token);
    };
    // counted[s, i] = padding + isToken(i) · (sum of isToken(j) for j <= i), as a masked reduction.
    auto square = RankedTensorType::get({batch, tokens}, builder.getI64Type());
    Value start = builder.create<tensor::EmptyOp>(loc, square.getShape(), square.getElementType());
    Value zero = builder.create<arith::ConstantOp>(loc, builder.getI64IntegerAttr(0));
    start = builder.create<linalg::FillOp>(loc, zero, start).getResult(0);
    auto d = [&](unsigned i) { return builder.getAffineDimExpr(i); };
    auto map = [&](ArrayRef<AffineExpr> exprs) { return AffineMap::get(3, 0, exprs, builder.getContext()); };
    SmallVector<AffineMap> maps = {map({d(0), d(2)}), map({d(0), d(1)})};
    SmallVector<utils::IteratorType> loops = {utils::IteratorType::parallel, utils::IteratorType::parallel,
                                              utils::IteratorType::reduction};
    Value counts = builder
                       .create<linalg::GenericOp>(loc, square, ids, start, maps, loops,
                                                  [&](OpBuilder &b, Location, ValueRange in) {
                                                    Value before =
                                                        b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ule,
                                                                                b.create<linalg::IndexOp>(loc, 2),
                                                                                b.create<linalg::IndexOp>(loc, 1));
                                                    Value counted =
                                                        b.create<arith::SelectOp>(loc, before, isToken(b, in[0]), zero);
                                                    Value sum = b.create<arith::AddIOp>(loc, in[1], counted);
                                                    b.create<linalg::YieldOp>(loc, sum);
                                                  })
                       .getResult(0);
    Value init = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
    AffineMap one = builder.getMultiDimIdentityMap(1);
    SmallVector<AffineMap> flatMaps = {one, one, one};
    SmallVector<utils::IteratorType> flatLoops = {utils::IteratorType::parallel};
    return builder
        .create<linalg::GenericOp>(loc, type, ValueRange{flat("position_ids", counts), flat("position_ids", ids)}, init,
                                   flatMaps, flatLoops,
                                   [&](OpBuilder &b, Location, ValueRange in) {
                                     Value pad = b.create<arith::ConstantOp>(loc, b.getI64IntegerAttr(padding));
                                     Value own = b.create<arith::MulIOp>(loc, in[0], isToken(b, in[1]));
                                     Value sum = b.create<arith::AddIOp>(loc, own, pad);
                                     b.create<linalg::YieldOp>(loc, sum);
                                   })
        .getResult(0);
  }

  Value embedding() {
    const EmbeddingConfig &embedding = config.embedding;
    Value ids = argument("input_ids", {batch, tokens}, false);
    if (config.takesMask)
      mask = maskBias(argument("attention_mask", {batch, tokens}, false, 1));
    Value types = config.takesTypes ? argument("token_type_ids", {batch, tokens}, false, 0) : Value();
    auto look = [&](const WeightRef &table, Value list) -> Value {
      return builder.create<xf::EmbeddingOp>(blocks.named(opName(table)), list, blocks.weight(table));
    };
    auto add = [&](const std::string &name, Value a, Value b) -> Value {
      return builder.create<xf::AddOp>(blocks.named(name), a, b);
    };
    Value x = look(embedding.tokens, flat("input_ids", ids));
    x = blocks.scale("embed_scale", x, embedding.scale);
    if (types)
      x = add("embeddings.types", x, look(embedding.types, flat("token_type_ids", types)));
    if (embedding.projection)
      x = blocks.linear(embedding.projection, x);
    if (embedding.positions && embedding.paddingToken)
      x = add("embeddings.positions", x, look(embedding.positions, countedPositions(ids, *embedding.paddingToken)));
    else if (embedding.positions)
      x = builder.create<xf::AddPositionsOp>(blocks.named(opName(embedding.positions)), x.getType(), x,
                                             blocks.weight(embedding.positions), position, embedding.positionOffset,
                                             batch);
    return blocks.norm(embedding.norm, x);
  }

  SmallVector<OpFoldResult> fixed(ArrayRef<int64_t> values) {
    return getAsIndexOpFoldResult(builder.getContext(), values);
  }

  /// The images' patches, from the top left on: a row each, of their channels' pixels.
  Value cutIntoPatches(Value pixels, Location loc) {
    const PatchConfig &patch = *config.patches;
    const int64_t down = patch.height / patch.patchHeight, across = patch.width / patch.patchWidth;
    const int64_t c = patch.channels, ph = patch.patchHeight, pw = patch.patchWidth;
    if (down * ph != patch.height || across * pw != patch.width) // a strip that fills no patch
      pixels = builder.create<tensor::ExtractSliceOp>(loc, pixels, fixed({0, 0, 0, 0}),
                                                      fixed({batch, c, down * ph, across * pw}), fixed({1, 1, 1, 1}));
    // batch, channel, patch row, y, patch column, x -> patches × (channel, y, x)
    SmallVector<ReassociationIndices> split = {{0}, {1}, {2, 3}, {4, 5}};
    Value tiled = builder.create<tensor::ExpandShapeOp>(
        loc, RankedTensorType::get({batch, c, down, ph, across, pw}, builder.getF32Type()), pixels, split);
    SmallVector<int64_t> order = {0, 2, 4, 1, 3, 5};
    Value empty =
        builder.create<tensor::EmptyOp>(loc, ArrayRef<int64_t>{batch, down, across, c, ph, pw}, builder.getF32Type());
    Value ordered = builder.create<linalg::TransposeOp>(loc, tiled, empty, order)->getResult(0);
    SmallVector<ReassociationIndices> join = {{0, 1, 2}, {3, 4, 5}};
    return builder.create<tensor::CollapseShapeOp>(loc, ordered, join);
  }

  /// A row a token: of each image the class token, then its patches.
  Value patches() {
    const PatchConfig &patch = *config.patches;
    const std::string name = "embeddings.patches";
    Location loc = blocks.named(name);
    Value pixels = argument("pixel_values", {batch, patch.channels, patch.height, patch.width}, true);
    Value projected = blocks.linear(patch.projection, cutIntoPatches(pixels, loc), name);

    const int64_t count = patch.patches(), hidden = columnsOf(projected);
    SmallVector<ReassociationIndices> perImage = {{0, 1}, {2}};
    Value images = builder.create<tensor::ExpandShapeOp>(
        loc, RankedTensorType::get({batch, count, hidden}, builder.getF32Type()), projected, perImage);
    Value classToken = blocks.weight(patch.classToken);
    auto all = RankedTensorType::get({batch, count + 1, hidden}, builder.getF32Type());
    Value x = fill("embeddings.class_token", all, [&](OpBuilder &b, Location at, ArrayRef<Value> place) -> Value {
      Value zero = b.create<arith::ConstantIndexOp>(at, 0);
      Value token = b.create<tensor::ExtractOp>(at, classToken, ValueRange{zero, place[2]});
      return token.getType().isF32() ? token : Value(b.create<arith::ExtFOp>(at, b.getF32Type(), token));
    });
    x = builder.create<tensor::InsertSliceOp>(loc, images, x, fixed({0, 1, 0}), fixed({batch, count, hidden}),
                                              fixed({1, 1, 1}));
    x = builder.create<tensor::CollapseShapeOp>(loc, x, perImage);
    return builder.create<xf::AddPositionsOp>(blocks.named(opName(patch.positions)), x.getType(), x,
                                              blocks.weight(patch.positions), position, 0, batch);
  }

  /// Rows of one value each, as batch × tokens.
  Value withoutColumn(Value x, Location loc) {
    SmallVector<ReassociationIndices> groups = {{0, 1}};
    auto flat = RankedTensorType::get({batch * tokens}, builder.getF32Type());
    x = builder.create<tensor::CollapseShapeOp>(loc, flat, x, groups);
    return builder.create<tensor::ExpandShapeOp>(loc, rows(batch, tokens), x, groups);
  }

  void addHead(const HeadConfig &head, Value x) {
    Location loc = blocks.named(head.output);
    if (head.firstTokenOnly && tokens != 1) {
      SmallVector<ReassociationIndices> groups = {{0, 1}, {2}};
      Value sequences = builder.create<tensor::ExpandShapeOp>(
          loc, RankedTensorType::get({batch, tokens, columnsOf(x)}, builder.getF32Type()), x, groups);
      x = builder.create<tensor::ExtractSliceOp>(loc, rows(batch, columnsOf(x)), sequences, fixed({0, 0, 0}),
                                                 fixed({batch, 1, columnsOf(x)}), fixed({1, 1, 1}));
    }
    for (const HeadConfig::Step &step : head.steps) {
      x = blocks.linear(step.linear, x);
      if (step.activation)
        x = blocks.activation(opName(step.linear.weight) + ".activation", *step.activation, x);
      x = blocks.norm(step.norm, x);
    }
    x = blocks.softcap(head.output + ".softcap", x, head.softcap);
    if (head.firstTokenOnly)
      result(head.output, x, {batch, columnsOf(x)});
    else if (head.dropColumn)
      result(head.output, withoutColumn(x, loc), {batch, tokens});
    else
      result(head.output, x, {batch, tokens, columnsOf(x)});
  }

  const TransformerConfig &config;
  Blocks blocks;
  OpBuilder &builder;
  int64_t batch, tokens;
  func::FuncOp function;
  Value position, mask;
  SmallVector<DictionaryAttr> argumentAttributes, resultAttributes;
  SmallVector<Value> results;
};

} // namespace

Result<OwningOpRef<ModuleOp>> buildEncoder(MLIRContext &context, const TransformerConfig &config,
                                           const WeightSource &weights, const std::map<std::string, int64_t> &dims) {
  const bool ofTokens = !config.patches.has_value();
  int64_t batch = 1,
          tokens = ofTokens ? std::min<int64_t>(config.maxPositions, defaultTokens) : config.patches->patches() + 1;
  for (const auto &[name, value] : dims) {
    const bool isSeq = name == "seq" && ofTokens;
    if (name != "batch" && !isSeq)
      return userError(
          fmt::format("--dim {}: '{}' has the dimensions batch{}", name, config.name, ofTokens ? " and seq" : ""));
    const int64_t most = isSeq ? config.maxPositions : mostBatch;
    if (value < 1 || value > most)
      return userError(fmt::format("--dim {}={}: {} of '{}' is 1 to {}", name, value, name, config.name, most));
    (isSeq ? tokens : batch) = value;
  }
  EncoderBuilder builder(context, config, weights, batch, tokens);
  OwningOpRef<ModuleOp> module = builder.build();
  if (auto failure = builder.takeFailure())
    return std::move(*failure);
  return module;
}

} // namespace weft::graph
