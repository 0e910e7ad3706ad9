#include "dialects/grid/GridDialect.h"

#include "dialects/grid/GridLimits.h"

#include "mlir/IR/DialectImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/grid/GridDialect.cpp.inc"
#include "dialects/grid/GridEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/grid/GridAttributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/grid/GridTypes.cpp.inc"

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
} // namespace

void GridDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/grid/GridAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/grid/GridTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/grid/Grid.cpp.inc"
      >();
  addInterfaces<LayoutAliases>();
}

std::optional<PartView> viewOf(std::optional<ArrayAttr> views, size_t part) {
  auto view = views ? cast<ArrayAttr>((*views)[part]) : ArrayAttr();
  if (!view || view.empty())
    return std::nullopt;
  auto numbers = [&](size_t i) { return cast<DenseI64ArrayAttr>(view[i]).asArrayRef(); };
  return PartView{numbers(0)[0], numbers(1), view.size() > 2 ? numbers(2) : ArrayRef<int64_t>()};
}

StringRef pieceOf(std::optional<ArrayAttr> pieces, size_t part) {
  return pieces ? cast<StringAttr>((*pieces)[part]).getValue() : StringRef();
}

bool areViews(ArrayAttr views, size_t parts, int64_t rank) {
  auto areDigits = [](ArrayRef<int64_t> digits) {
    for (size_t i = 0; i + 1 < digits.size(); i += 2)
      if (digits[i] < 1 || digits[i] >= maxElements || digits[i + 1] < 0)
        return false;
    return !digits.empty() && digits.size() % 2 == 0;
  };
  return views.size() == parts && llvm::all_of(views, [&](Attribute attribute) {
           auto view = dyn_cast<ArrayAttr>(attribute);
           if (!view || !llvm::all_of(view, [](Attribute each) { return isa<DenseI64ArrayAttr>(each); }))
             return false;
           auto numbers = llvm::to_vector(view.getAsRange<DenseI64ArrayAttr>());
           return numbers.empty() ||
                  (static_cast<int64_t>(numbers.size()) == 1 + rank && numbers[0].size() == 1 && numbers[0][0] >= 0 &&
                   llvm::all_of(llvm::drop_begin(numbers),
                                [&](DenseI64ArrayAttr digits) { return areDigits(digits.asArrayRef()); }));
         });
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

runtime::BlockShape blockShape(BlocksType type, int64_t rows, int64_t columns) {
  return {rows,
          columns,
          type.getBits(),
          type.getLeast(),
          type.getGroup(),
          type.getSuperGroup(),
          type.getScales() != 0,
          type.getMinimums() != 0,
          type.getCodebook() != 0,
          type.getWide() != 0,
          type.getZeros() != 0};
}

BlocksType blocksType(MLIRContext *context, const runtime::BlockShape &shape) {
  return BlocksType::get(context, shape.bits, shape.least, shape.group, shape.super, shape.scales, shape.minimums,
                         shape.codebook, shape.wide, shape.zeros);
}

LogicalResult BlocksType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t bits, int64_t least,
                                 int64_t group, int64_t superGroup, int64_t scales, int64_t minimums, int64_t codebook,
                                 int64_t wide, int64_t zeros) {
  if (bits < 2 || bits == 7 || bits > 8 || least > 0 || least < -128)
    return emitError() << "blocks have codes of 2 to 6 or of 8 bits that begin at -128 to 0";
  auto isPower = [](int64_t n) { return n > 0 && n <= 256 && (n & (n - 1)) == 0; };
  if (!isPower(group) || !isPower(superGroup) || group > superGroup)
    return emitError() << "blocks have groups of a power of two, up to 256, in groups at least as large";
  if ((scales | minimums | codebook | wide | zeros) >> 1)
    return emitError() << "the flags of blocks are 0 or 1";
  if (minimums && zeros)
    return emitError() << "blocks have minimums or zero points, not both";
  return success();
}

bool isElement(Type type) {
  return type.isF32() || type.isF64() || type.isF16() || type.isBF16() || type.isInteger(1) || type.isInteger(8) ||
         type.isInteger(16) || type.isInteger(32) || type.isInteger(64);
}

bool isWhole(Type type) {
  return llvm::all_of(layoutOf(type).getDims(), [](ShardAttr dim) { return dim.getAxis() == Axis::None; });
}

int64_t localBytes(RankedTensorType type) {
  if (auto blocks = dyn_cast<BlocksType>(type.getElementType())) {
    const SmallVector<int64_t> shape = localShape(type);
    assert(shape.size() == 3 && "how many blocks the rows of a matrix make depends on the mesh");
    return shape[0] * blockShape(blocks, shape[1], shape[2]).bytes();
  }
  int64_t bytes = elementBytes(type.getElementType());
  for (int64_t extent : localShape(type))
    bytes *= extent;
  return bytes;
}

LogicalResult LayoutAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, FlatSymbolRefAttr mesh,
                                 ArrayRef<ShardAttr> dims, ArrayRef<int64_t> pad, Axis partial) {
  if (pad.size() != dims.size())
    return emitError() << "layout has " << dims.size() << " dimensions but " << pad.size() << " paddings";
  SmallVector<Axis> used;
  for (auto [shard, padding] : llvm::zip(dims, pad)) {
    int64_t least = shard.getAxis() == Axis::None ? 0 : 1; // a tensor may have no elements
    if (shard.getLocal() < least || shard.getLocal() > maxElements || padding < 0)
      return emitError() << "a shard's local extent must be 1 to 2^31 and its padding not negative";
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

} // namespace weft::grid
