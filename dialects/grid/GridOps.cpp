// What holds of each op of the grid level; Grid.td says why.
#include "dialects/grid/GridDialect.h"
#include "dialects/grid/GridLimits.h"

#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;

#define GET_OP_CLASSES
#include "dialects/grid/Grid.cpp.inc"

namespace weft::grid {

namespace {
/// The mesh a layout names; null if there is none.
MeshOp meshOf(Operation *op, LayoutAttr layout) {
  return SymbolTable::lookupNearestSymbolFrom<MeshOp>(op, layout.getMesh());
}

int64_t coresOn(MeshOp mesh, Axis axis) {
  return axis == Axis::X ? mesh.getWidth() : axis == Axis::Y ? mesh.getHeight() : 1;
}

Axis shardAxis(Type type, unsigned dim) { return layoutOf(type).getDims()[dim].getAxis(); }

/// Elements of a core's shard; at least maxElements if there are more than that.
int64_t shardElements(RankedTensorType type) {
  int64_t product = 1;
  for (int64_t extent : localShape(type))
    product = std::min(product * std::min(extent, maxElements), maxElements);
  return product;
}

bool isMatrix(Type type) { return cast<RankedTensorType>(type).getRank() == 2; }
bool isF32(Type type) { return cast<RankedTensorType>(type).getElementType().isF32(); }

/// K blocks on a core when K is divided on x, and on y.
std::pair<int64_t, int64_t> blocksOf(MeshOp mesh) {
  int64_t width = mesh.getWidth(), height = mesh.getHeight(), blocks = std::lcm(width, height);
  return {blocks / width, blocks / height};
}

/// [kv heads, query heads a kv head, head dimension], or with [pairs that turn, whether they are neighbours] behind, or
/// with [value dimension or 0, dimensions of the rotary part] behind these.
bool areHeads(ArrayRef<int64_t> heads) {
  if ((heads.size() != 3 && heads.size() != 5 && heads.size() != 7) ||
      !llvm::all_of(heads.take_front(3), [](int64_t n) { return n > 0 && n < maxElements; }))
    return false;
  if (heads.size() == 3)
    return heads[2] % 2 == 0;
  const int64_t turns = heads.size() > 5 ? heads[6] : heads[2];
  if (heads.size() > 5 && (heads[5] < 0 || heads[5] >= maxElements || turns < 0 || turns > heads[2] || turns % 2 != 0))
    return false;
  return heads[3] >= 0 && 2 * heads[3] <= (turns ? turns : heads[2]) && (heads[4] == 0 || heads[4] == 1);
}

int64_t turningPairs(ArrayRef<int64_t> heads) { return heads.size() > 3 ? heads[3] : heads[2] / 2; }

/// G10, G12
LogicalResult verifyTree(Operation *op, int64_t levels, int64_t groups, bool inRouter, int64_t cores) {
  if (levels < 1 || levels > 16 || groups < 1 || groups > cores)
    return op->emitOpError("G10: levels must be 1 to 16 and groups 1 to the ") << cores << " cores";
  if (inRouter && (levels != 1 || groups != 1)) // G12
    return op->emitOpError("G12: routers combine one level of one group, not ") << levels << " of " << groups;
  return success();
}
} // namespace

LogicalResult MeshOp::verify() {
  int64_t width = getWidth(), height = getHeight();
  if (width < 1 || height < 1 || width > maxCores || height > maxCores || width * height > maxCores)
    return emitOpError("needs at least one core on each axis and at most 2^24 in all");
  return success();
}

/// Whether `op` may have a tensor of `type`, of blocks: a matrix that is multiplied by, or those of experts.
static bool takesBlocks(Operation *op, RankedTensorType type) {
  return type.getRank() == 3 ? isa<ExpertsOp, CallOp>(op) : isa<WeightOp, GemmOp, GemvOp>(op);
}

/// G3, for whoever holds both a type and the op that gives it a mesh.
static LogicalResult verifyCover(Operation *op, RankedTensorType type) {
  LayoutAttr layout = layoutOf(type);
  MeshOp mesh = meshOf(op, layout);
  if (!mesh)
    return op->emitOpError() << "layout names the mesh " << layout.getMesh() << ", which does not exist";
  if (layout.getDims().size() != static_cast<size_t>(type.getRank()))
    return op->emitOpError() << "layout has " << layout.getDims().size() << " dimensions, the tensor "
                             << type.getRank();
  Type element = type.getElementType();
  if (!isElement(element) && !(isa<BlocksType>(element) && takesBlocks(op, type)))
    return op->emitOpError() << "has elements of " << element
                             << "; a core holds f32, f64, f16, bf16, i1, i8, i16, i32 or i64";
  if (shardElements(type) >= maxElements)
    return op->emitOpError() << "has a shard of 2^31 elements or more";
  for (auto [shard, pad, extent] : llvm::zip(layout.getDims(), layout.getPad(), type.getShape()))
    if (shard.getLocal() * coresOn(mesh, shard.getAxis()) - pad != extent)
      return op->emitOpError() << "G3: shards of " << shard.getLocal() << " on " << coresOn(mesh, shard.getAxis())
                               << " cores with padding " << pad << " do not make " << extent;
  return success();
}

LogicalResult verifyLayouts(Operation *op) {
  SmallVector<Type> types = llvm::to_vector(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Type type : types)
    if (layoutOf(type) && failed(verifyCover(op, cast<RankedTensorType>(type))))
      return failure();
  return success();
}

LogicalResult LaunchOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getWords().getType());
  if (type.getRank() != 1 || !type.getElementType().isInteger(32) || shardAxis(type, 0) != Axis::None)
    return emitOpError("brings every core all of its i32 words");
  return success();
}

LogicalResult InputOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  if (getName().empty() || !isWhole(getResult().getType()))
    return emitOpError("has a name and brings every core all of its tensor");
  return success();
}

LogicalResult ConstantOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getResult().getType());
  ShapedType values = getValue().getShapedType();
  if (!isWhole(type) || values.getShape() != type.getShape() || values.getElementType() != type.getElementType())
    return emitOpError("gives every core all of its values");
  return success();
}

LogicalResult StoredOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getResult().getType());
  if (getName().empty() || getDigits().size() != static_cast<size_t>(type.getRank()))
    return emitOpError("has a name, and digits for each dimension");
  for (auto [attribute, extent] : llvm::zip(getDigits(), type.getShape())) {
    auto digits = dyn_cast<DenseI64ArrayAttr>(attribute);
    int64_t product = 1;
    for (int64_t i = 0; digits && i + 1 < digits.size(); i += 2)
      product *= digits[i];
    if (!digits || digits.size() % 2 != 0 || product != extent) // G13
      return emitOpError("G13: the digits of a dimension must multiply to its extent");
  }
  return success();
}

LogicalResult OwnBlockOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto input = cast<RankedTensorType>(getInput().getType()), result = cast<RankedTensorType>(getResult().getType());
  if (input.getRank() != 1 || result.getRank() != 1 || !isWhole(input) || isWhole(result) ||
      input.getShape() != result.getShape() || input.getElementType() != result.getElementType() ||
      layoutOf(result).getDims()[0].getKind() != ShardKind::Block)
    return emitOpError("takes a vector that every core has whole to its blocks");
  return success();
}

LogicalResult ParamOp::verify() {
  if (llvm::any_of(getDivisors(), [](int64_t divisor) { return divisor < 1; }))
    return emitOpError("divides by less than 1");
  return success();
}

/// Columns that pieces of heads with a rotary part have on each core, as compiler/place divides heads: pairs of the
/// rotary part and of the rest for themselves. Saturated.
static uint64_t columnsOfPieces(ArrayAttr pieces, ArrayRef<int64_t> heads, int64_t meshWidth) {
  const int64_t rotaryPairs = heads[6] / 2, restPairs = (heads[2] + 1) / 2 - rotaryPairs,
                valuePairs = ((heads[5] ? heads[5] : heads[2]) + 1) / 2;
  const bool several = meshWidth >= heads[0]; // cores a head
  const int64_t coresPerHead = several ? std::min(meshWidth / heads[0], std::max(rotaryPairs, restPairs)) : 1;
  const uint64_t keys = several ? 1 : llvm::divideCeil(heads[0], meshWidth),
                 queries = llvm::SaturatingMultiply<uint64_t>(keys, heads[1]);
  uint64_t columns = 0;
  for (StringRef piece : pieces.getAsValueRange<StringAttr>()) {
    const int64_t pairs = piece.ends_with("rotary") ? rotaryPairs : piece.ends_with("rest") ? restPairs : valuePairs;
    const uint64_t own = 2 * llvm::divideCeil(pairs, coresPerHead);
    columns = llvm::SaturatingMultiplyAdd<uint64_t>(own, piece.starts_with("query") ? queries : keys, columns);
  }
  return columns;
}

static bool isPiece(StringRef name) {
  return llvm::is_contained({"query_rotary", "query_rest", "key_rotary", "key_rest", "value"}, name);
}

LogicalResult WeightOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getResult().getType());
  if (getParts().empty() || type.getRank() < 1 || type.getRank() > 2)
    return emitOpError("is a vector or a matrix of at least one part");
  if (getHeads() && !areHeads(*getHeads()))
    return emitOpError("heads are [kv heads, query heads a kv head, an even head dimension], or those of any dimension "
                       "with [pairs that turn, 0 or 1], and [value dimension, dimensions of the rotary part] behind");
  if (getViews() && !areViews(*getViews(), getParts().size(), type.getRank()))
    return emitOpError("has views that are not one [base, digits, …] a part");
  int64_t parts = static_cast<int64_t>(getParts().size());
  bool packed =
      llvm::any_of(layoutOf(type).getDims(), [](ShardAttr dim) { return dim.getKind() == ShardKind::Packed; });
  bool byHeads = packed || (getOrder() != WeightOrder::Single && getOrder() != WeightOrder::SideBySide);
  if (byHeads && (!getHeads() || (packed && !isMatrix(type))))
    return emitOpError("is divided by heads but does not say which");
  if (getPieces() && getOrder() != WeightOrder::Pieces)
    return emitOpError("has pieces but is not in their order");
  switch (getOrder()) {
  case WeightOrder::Single:
    if (parts != 1)
      return emitOpError("is single but has ") << parts << " parts";
    break;
  case WeightOrder::SideBySide:
    if (localShape(type).back() % parts != 0 || type.getShape().back() % parts != 0)
      return emitOpError("has columns that do not divide by its ") << parts << " parts";
    break;
  case WeightOrder::Qkv:
    if (parts != 3)
      return emitOpError("needs a query, a key and a value part");
    break;
  case WeightOrder::Pieces:
    if (!getPieces() || getPieces()->size() != getParts().size() || getHeads()->size() != 7 || (*getHeads())[6] == 0 ||
        (*getHeads())[6] == (*getHeads())[2] || !llvm::all_of(getPieces()->getAsValueRange<StringAttr>(), isPiece))
      return emitOpError("needs a piece for each part, and heads with a rotary part and a rest");
    if (const uint64_t columns = columnsOfPieces(*getPieces(), *getHeads(), meshOf(*this, layoutOf(type)).getWidth());
        columns != static_cast<uint64_t>(localShape(type).back())) // G18
      return emitOpError("G18: its pieces have ")
             << columns << " columns on a core, its shard " << localShape(type).back();
    break;
  case WeightOrder::Query:
  case WeightOrder::Key:
  case WeightOrder::HeadDim:
    if (parts != 1 || isMatrix(type))
      return emitOpError("is a vector of one part in the order of heads");
    break;
  }
  return success();
}

int64_t expertParts(ExpertsOp op) {
  return static_cast<int64_t>(op.getParts().size()) / static_cast<int64_t>(op.getExperts());
}

/// G15
static bool isExpertTable(ArrayRef<int64_t> expert, int64_t slots, int64_t experts) {
  for (size_t first = 0; first < expert.size(); first += slots) {
    llvm::SmallDenseSet<int64_t> inRegion;
    for (int64_t each : expert.slice(first, slots))
      if (each < -1 || each >= experts || (each >= 0 && !inRegion.insert(each).second))
        return false;
  }
  return true;
}

LogicalResult ExpertsOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getResult().getType());
  LayoutAttr layout = layoutOf(type);
  int64_t experts = getExperts(), inner = getInner(), rows = getRowsPerRegion();
  if (experts < 1 || getParts().empty() || getParts().size() % experts != 0)
    return emitOpError("has as many parts for each expert, at least one");
  if (type.getRank() != 3 || !isa<FloatType, BlocksType>(type.getElementType()) ||
      shardAxis(type, 0) != Axis::None) // G14
    return emitOpError("G14: slots are whole, and each has a matrix of numbers or in blocks");
  unsigned onY = shardAxis(type, 1) == Axis::Y ? 1 : 2;
  for (unsigned dim : {1U, 2U})
    if (layout.getDims()[dim].getKind() != ShardKind::Block) // G14
      return emitOpError("G14: a matrix has blocks on x and y");
  if (shardAxis(type, onY) != Axis::Y || shardAxis(type, 3 - onY) != Axis::X || layout.getPad()[onY] != 0) // G14
    return emitOpError("G14: one dimension of a matrix is divided on x, the other on y without padding");
  int64_t slots = type.getDimSize(0), regions = static_cast<int64_t>(getExpert().size()) / std::max<int64_t>(slots, 1);
  int64_t height = coresOn(meshOf(*this, layout), Axis::Y);
  if (slots < 1 || rows < 1 || regions < 1 || regions * slots != static_cast<int64_t>(getExpert().size()) ||
      rows > height / regions || !isExpertTable(getExpert(), slots, experts)) // G15
    return emitOpError("G15: the experts of its slots are not those of whole regions on ")
           << height << " rows of cores";
  int64_t parts = expertParts(*this), local = localShape(type)[onY];
  if (local % (onY == 2 ? parts : 1) != 0 || (onY == 1 && parts != 1) || inner < 1 ||
      local / parts * rows < inner) // G16
    return emitOpError("G16: ") << rows << " ranks with " << local << " each do not hold " << parts << " parts of "
                                << inner;
  if (getViews() && !areViews(*getViews(), getParts().size(), 2))
    return emitOpError("has views that are not one [base, digits, …] a part");
  return success();
}

LogicalResult RopeTableOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getResult().getType());
  if (!areHeads(getHeads()) || getInverseFrequencies().getNumElements() != turningPairs(getHeads()))
    return emitOpError("needs heads and a frequency for each pair of a head's dimensions");
  auto longer = getLongInverseFrequencies();
  if (longer && longer->getNumElements() != getInverseFrequencies().getNumElements())
    return emitOpError("needs as many frequencies for long sequences as for others");
  int64_t rows = static_cast<int64_t>(getRows()) * (longer ? 2 : 1);
  if (!isMatrix(type) || !isF32(type) || rows != type.getDimSize(0))
    return emitOpError("is an f32 matrix with a row for each of its ") << rows << " positions";
  return success();
}

LogicalResult CacheOp::verify() {
  if (getName().empty())
    return emitOpError("has no name");
  return verifyLayouts(*this);
}

LogicalResult EmptyOp::verify() { return verifyLayouts(*this); }

LogicalResult ViewOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto input = cast<RankedTensorType>(getInput().getType()), result = cast<RankedTensorType>(getResult().getType());
  if (input.getElementType() != result.getElementType())
    return emitOpError("changes the type of its elements");
  int64_t offset = getOffset(), room = shardElements(input) - shardElements(result);
  if (offset < 0 || offset > room)
    return emitOpError("reaches beyond its operand's shard");
  return success();
}

LogicalResult CallOp::verify() {
  if (getOuts().getTypes() != getResults().getTypes()) // G4
    return emitOpError("G4: the results must have the types of outs");
  SmallVector<bool> seen(getIns().size() + getOuts().size());
  if (getOrder().size() != seen.size())
    return emitOpError("G5: order must be a permutation of all operands");
  for (int64_t index : getOrder()) {
    if (index < 0 || index >= static_cast<int64_t>(seen.size()) || seen[index]) // G5
      return emitOpError("G5: order must be a permutation of all operands");
    seen[index] = true;
  }
  for (Attribute scalar : getScalars())
    if (!isa<ScalarAttr>(scalar))
      return emitOpError("scalars must be #grid.scalar");
  if (auto counted = getCounted()) { // G17
    auto isWord = [&](int64_t buffer) {
      return buffer >= 0 && buffer < static_cast<int64_t>(getOrder().size()) &&
             cast<RankedTensorType>(getOperand(getOrder()[buffer]).getType()).getElementType().isInteger(32);
    };
    auto first = getScalars().empty() ? ScalarAttr() : cast<ScalarAttr>(getScalars()[0]);
    if (counted->size() != 3 || !isWord((*counted)[0]) || (*counted)[1] < 1 || (*counted)[2] < 1 || !first ||
        (first.getKind() != ScalarKind::Rows && first.getKind() != ScalarKind::Constant))
      return emitOpError(
          "G17: a counted call needs a buffer of words, a positive ratio and a first scalar that counts");
  }
  return verifyLayouts(*this);
}

LogicalResult GemmOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto a = cast<RankedTensorType>(getA().getType()), b = cast<RankedTensorType>(getB().getType()),
       c = cast<RankedTensorType>(getC().getType());
  for (Type type : {a, b, c})
    if (!isMatrix(type) || shardAxis(type, 0) != Axis::Y || shardAxis(type, 1) != Axis::X) // G6
      return emitOpError("G6: A, B and C must be matrices with rows on y and columns on x");
  if (!isF32(a) || !isF32(c) || b.getElementType().isInteger(32)) // G6
    return emitOpError("G6: A and C must be f32 and B f32, f16, bf16 or i8");
  MeshOp mesh = meshOf(*this, layoutOf(a));
  auto [blocksX, blocksY] = blocksOf(mesh);
  auto aLocal = localShape(a), bLocal = localShape(b), cLocal = localShape(c);
  if (bLocal[0] % blocksY != 0 || aLocal[1] > bLocal[0] / blocksY * blocksX) // G6
    return emitOpError("G6: B's ") << bLocal[0] << " rows a core must be " << blocksY << " blocks and A's " << aLocal[1]
                                   << " columns at most " << blocksX;
  if (cLocal[0] != aLocal[0] || cLocal[1] != bLocal[1]) // G6
    return emitOpError("G6: C must have the rows of A and the columns of B");
  bool interleaved = mesh.getRankToCore() == RankOrder::Interleave;
  if (interleaved != (getAlgo() == GemmAlgo::MeshGemm)) // G7
    return emitOpError("G7: ") << stringifyGemmAlgo(getAlgo()) << " does not go with a mesh of rank order "
                               << stringifyRankOrder(mesh.getRankToCore());
  return success();
}

LogicalResult GemvOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  Type x = getX().getType(), w = getW().getType(), y = getY().getType();
  if (!isMatrix(x) || !isMatrix(w) || !isMatrix(y) || !isF32(x) || !isF32(y))
    return emitOpError("multiplies an f32 row by a matrix");
  auto xLocal = localShape(cast<RankedTensorType>(x)), wLocal = localShape(cast<RankedTensorType>(w)),
       yLocal = localShape(cast<RankedTensorType>(y));
  if (shardAxis(x, 1) != Axis::Y || shardAxis(w, 0) != Axis::Y || xLocal[1] != wLocal[0] || xLocal[0] != 1) // G8
    return emitOpError("G8: x must be divided on y as the rows of W are");
  if (shardAxis(w, 1) != Axis::X || shardAxis(y, 1) != Axis::X || yLocal[1] != wLocal[1] || yLocal[0] != 1) // G8
    return emitOpError("G8: y must be divided on x as the columns of W are");
  return verifyTree(*this, getLevels(), getGroups(), getInRouter(), coresOn(meshOf(*this, layoutOf(w)), Axis::Y));
}

LogicalResult AllReduceOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto input = cast<RankedTensorType>(getInput().getType()), result = cast<RankedTensorType>(getResult().getType());
  if (getAxis() == Axis::None || layoutOf(input).getPartial() != getAxis() ||
      layoutOf(result).getPartial() != Axis::None) // G9
    return emitOpError("G9: the operand must be partial along ") << stringifyAxis(getAxis()) << " and the result not";
  if (!isF32(input) || !isF32(result) || layoutOf(input).getDims() != layoutOf(result).getDims())
    return emitOpError("combines f32 shards in place: operand and result must be divided alike");
  int64_t cores = coresOn(meshOf(*this, layoutOf(input)), getAxis());
  int64_t segment = getSegment(), segments = getSegments();
  if (segment < 0 || segments < 0 || (segment > 0) != (segments > 0) || segment > cores ||
      (segment > 0 && segments > cores / segment)) // G10
    return emitOpError("G10: segments reach beyond the mesh");
  return verifyTree(*this, getLevels(), getGroups(), getInRouter(), segment ? segment : cores);
}

LogicalResult ShiftOp::verify() {
  if (getAxis() == Axis::None)
    return emitOpError("needs an axis");
  return verifyLayouts(*this);
}

LogicalResult ToLayoutOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  Type input = getInput().getType(), result = getResult().getType();
  if (!isMatrix(input) || !isMatrix(result) || !isF32(input) || !isF32(result) || shardAxis(input, 1) != Axis::X ||
      shardAxis(result, 1) != Axis::Y)
    return emitOpError("takes an f32 row from x to y");
  MeshOp mesh = meshOf(*this, layoutOf(input));
  auto from = localShape(cast<RankedTensorType>(input)), to = localShape(cast<RankedTensorType>(result));
  auto [blocksX, blocksY] = blocksOf(mesh);
  if (from[0] != 1 || to[0] != 1 || to[1] % blocksY != 0 || from[1] > to[1] / blocksY * blocksX)
    return emitOpError("takes a row of ") << blocksX << " blocks a core to " << blocksY << " blocks a core";
  if (getAlgo() == RelayoutAlgo::Diagonal && mesh.getWidth() != mesh.getHeight()) // G11
    return emitOpError("G11: diagonal needs a square mesh, not ") << mesh.getWidth() << "x" << mesh.getHeight();
  return verifyTree(*this, getLevels(), getGroups(), getInRouter(), mesh.getWidth());
}

LogicalResult OutputOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto type = cast<RankedTensorType>(getInput().getType());
  LayoutAttr layout = layoutOf(type);
  if (layout.getPartial() != Axis::None ||
      llvm::any_of(layout.getDims(), [](ShardAttr dim) { return dim.getAxis() == Axis::Y; }))
    return emitOpError("gives the host a tensor that the first row of cores has whole");
  if (static_cast<bool>(getDtype()) != static_cast<bool>(getShape()))
    return emitOpError("of a tensor program has a dtype and a shape");
  int64_t elements = 1;
  for (int64_t extent : getShape().value_or(type.getShape()))
    elements *= extent;
  if (elements != type.getNumElements())
    return emitOpError("has another number of elements than its shape");
  return success();
}

} // namespace weft::grid
