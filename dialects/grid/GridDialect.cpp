#include "dialects/grid/GridDialect.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/grid/GridDialect.cpp.inc"
#include "dialects/grid/GridEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/grid/GridAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/grid/Grid.cpp.inc"

namespace weft::grid {

namespace {
/// Prints layouts as #layout0, #layout1…, so that a line of IR stays a line.
struct LayoutAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    if (!isa<LayoutAttr>(attribute))
      return AliasResult::NoAlias;
    os << "layout";
    return AliasResult::OverridableAlias;
  }
};

/// The mesh a layout names; null if there is none.
MeshOp meshOf(Operation *op, LayoutAttr layout) {
  return SymbolTable::lookupNearestSymbolFrom<MeshOp>(op, layout.getMesh());
}

int64_t coresOn(MeshOp mesh, Axis axis) {
  return axis == Axis::X ? mesh.getWidth() : axis == Axis::Y ? mesh.getHeight() : 1;
}

Axis shardAxis(Type type, unsigned dim) { return layoutOf(type).getDims()[dim].getAxis(); }
} // namespace

void GridDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/grid/GridAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/grid/Grid.cpp.inc"
      >();
  addInterfaces<LayoutAliases>();
}

LayoutAttr layoutOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<LayoutAttr>(tensor.getEncoding()) : LayoutAttr();
}

SmallVector<int64_t> localShape(RankedTensorType type) {
  SmallVector<int64_t> shape;
  for (ShardAttr shard : layoutOf(type).getDims())
    shape.push_back(shard.getLocal());
  return shape;
}

LogicalResult LayoutAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr mesh,
                                 ArrayRef<ShardAttr> dims, ArrayRef<int64_t> pad, Axis partial) {
  if (pad.size() != dims.size())
    return emitError() << "layout has " << dims.size() << " dimensions but " << pad.size() << " paddings";
  SmallVector<Axis> used;
  for (auto [shard, padding] : llvm::zip(dims, pad)) {
    if (shard.getLocal() < 1 || padding < 0)
      return emitError() << "a shard's local extent must be positive and its padding not negative";
    if ((shard.getAxis() == Axis::None) != (shard.getKind() == ShardKind::Whole))
      return emitError() << "a dimension is whole exactly if no axis divides it";
    if (shard.getAxis() == Axis::None)
      continue;
    if (llvm::is_contained(used, shard.getAxis())) // G1
      return emitError() << "G1: axis " << stringifyAxis(shard.getAxis()) << " divides two dimensions";
    if (shard.getAxis() == partial) // G2
      return emitError() << "G2: axis " << stringifyAxis(partial) << " divides a dimension and is partial";
    used.push_back(shard.getAxis());
  }
  return success();
}

LogicalResult MeshOp::verify() {
  if (getWidth() < 1 || getHeight() < 1)
    return emitOpError("needs at least one core on each axis");
  return success();
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

LogicalResult ViewOp::verify() {
  auto elements = [](Type type) {
    int64_t product = 1;
    for (int64_t extent : localShape(cast<RankedTensorType>(type)))
      product *= extent;
    return product;
  };
  if (getOffset() < 0 ||
      static_cast<int64_t>(getOffset()) + elements(getResult().getType()) > elements(getInput().getType()))
    return emitOpError("reaches beyond its operand's shard");
  return verifyLayouts(*this);
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
  return verifyLayouts(*this);
}

LogicalResult GemmOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  if (shardAxis(getA().getType(), 0) != Axis::Y || shardAxis(getA().getType(), 1) != Axis::X ||
      shardAxis(getB().getType(), 0) != Axis::Y || shardAxis(getB().getType(), 1) != Axis::X) // G6
    return emitOpError("G6: A and B must have rows on y and columns on x");
  MeshOp mesh = meshOf(*this, layoutOf(getA().getType()));
  bool interleaved = mesh.getRankToCore() == RankOrder::Interleave;
  if (interleaved != (getAlgo() == GemmAlgo::MeshGemm)) // G7
    return emitOpError("G7: ") << stringifyGemmAlgo(getAlgo()) << " does not go with a mesh of rank order "
                               << stringifyRankOrder(mesh.getRankToCore());
  return success();
}

LogicalResult GemvOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  auto x = localShape(cast<RankedTensorType>(getX().getType()));
  auto w = localShape(cast<RankedTensorType>(getW().getType()));
  if (shardAxis(getX().getType(), 1) != Axis::Y || shardAxis(getW().getType(), 0) != Axis::Y || x[1] != w[0]) // G8
    return emitOpError("G8: x must be divided on y as the rows of W are");
  return success();
}

LogicalResult AllReduceOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  if (layoutOf(getInput().getType()).getPartial() != getAxis() ||
      layoutOf(getResult().getType()).getPartial() != Axis::None) // G9
    return emitOpError("G9: the operand must be partial along ") << stringifyAxis(getAxis()) << " and the result not";
  MeshOp mesh = meshOf(*this, layoutOf(getInput().getType()));
  int64_t cores = getSegment() ? getSegment() : coresOn(mesh, getAxis());
  int64_t levels = getLevels(), groups = getGroups(), reach = getSegment() * getSegments();
  if (levels < 1 || groups < 1 || groups > cores) // G10
    return emitOpError("G10: levels and groups must be at least 1, groups at most the ") << cores << " cores";
  if (reach > coresOn(mesh, getAxis()))
    return emitOpError("G10: segments reach beyond the mesh");
  return success();
}

LogicalResult ShiftOp::verify() { return verifyLayouts(*this); }

LogicalResult ToLayoutOp::verify() {
  if (failed(verifyLayouts(*this)))
    return failure();
  MeshOp mesh = meshOf(*this, layoutOf(getInput().getType()));
  if (getAlgo() == RelayoutAlgo::Diagonal && mesh.getWidth() != mesh.getHeight()) // G11
    return emitOpError("G11: diagonal needs a square mesh, not ") << mesh.getWidth() << "x" << mesh.getHeight();
  return success();
}

} // namespace weft::grid
