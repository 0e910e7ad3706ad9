// Types, verifiers and type inference of `xf`. A label X… stands beside each constraint of the .td files.
#include "dialects/xf/XfDialect.h"

#include "llvm/ADT/TypeSwitch.h" // the generated parser of attributes and types

#include <cmath>

using namespace mlir;
using namespace weft::xf;

#include "dialects/xf/XfDialect.cpp.inc"
#include "dialects/xf/XfEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/xf/XfAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/xf/XfTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/xf/XfOps.cpp.inc"

void XfDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/xf/XfAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/xf/XfTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/xf/XfOps.cpp.inc"
      >();
}

void weft::xf::registerXfDialect(DialectRegistry &registry) { registry.insert<XfDialect>(); }

//===----------------------------------------------------------------------===//
// !xf.kv_cache<KVHEADS x HEADDIM x MAXSEQ x f32>
//===----------------------------------------------------------------------===//

Type KvCacheType::parse(AsmParser &parser) {
  SmallVector<int64_t> sizes;
  Type elementType;
  if (parser.parseLess())
    return {};
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseDimensionList(sizes, /*allowDynamic=*/false) || parser.parseType(elementType) ||
      parser.parseGreater())
    return {};
  if (sizes.size() != 3) {
    parser.emitError(location, "a kv_cache has three sizes: kv heads x head dimension x longest sequence");
    return {};
  }
  return parser.getChecked<KvCacheType>(location, parser.getContext(), sizes[0], sizes[1], sizes[2], elementType);
}

void KvCacheType::print(AsmPrinter &printer) const {
  printer << "<" << getKvHeads() << "x" << getHeadDim() << "x" << getMaxSeq() << "x" << getElementType() << ">";
}

LogicalResult KvCacheType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t kvHeads, int64_t headDim,
                                  int64_t maxSeq, Type elementType) {
  if (kvHeads <= 0 || headDim <= 0 || maxSeq <= 0) // X1
    return emitError() << "the sizes of a kv_cache are positive, but these are " << kvHeads << ", " << headDim << ", "
                       << maxSeq;
  if (!elementType.isF32()) // X2
    return emitError() << "a kv_cache holds f32, not " << elementType;
  return success();
}

RankedTensorType KvCacheType::getTensorType() const {
  return RankedTensorType::get({getMaxSeq(), getKvHeads(), getHeadDim()}, getElementType());
}

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

/// Rows as many as `rows` has (dimension 0), `columns` columns, f32.
static RankedTensorType rowsType(RankedTensorType rows, int64_t columns) {
  return RankedTensorType::get({rows.getDimSize(0), columns}, Float32Type::get(rows.getContext()));
}

/// The operand's type, or null: inference also runs on malformed generic ops, before the operands are verified.
static RankedTensorType typeOfRank(Value value, int64_t rank) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == rank ? type : RankedTensorType();
}

LogicalResult EmbeddingOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType ids = typeOfRank(adaptor.getIds(), 1), table = typeOfRank(adaptor.getTable(), 2);
  if (!ids || !table)
    return emitOptionalError(location, "embedding takes a list of ids and a table");
  results.push_back(rowsType(ids, table.getDimSize(1)));
  return success();
}

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  RankedTensorType x = typeOfRank(adaptor.getX(), 2), w = typeOfRank(adaptor.getW(), 2);
  if (!x || !w)
    return emitOptionalError(location, "linear takes two matrices");
  results.push_back(rowsType(x, w.getDimSize(0)));
  return success();
}

LogicalResult LastRowOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                          SmallVectorImpl<Type> &results) {
  RankedTensorType x = typeOfRank(adaptor.getX(), 2);
  if (!x)
    return emitOptionalError(location, "last_row takes a matrix");
  results.push_back(RankedTensorType::get({1, x.getDimSize(1)}, Float32Type::get(context)));
  return success();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

static int64_t columnsOf(Value rows) { return cast<RankedTensorType>(rows.getType()).getDimSize(1); }

LogicalResult ParamOp::verify() {
  if (getName().empty()) // X3
    return emitOpError("has no name; a weight is known by the model's own name for it");
  return success();
}

LogicalResult LinearOp::verify() {
  if (columnsOf(getX()) != columnsOf(getW())) // X4
    return emitOpError() << "multiplies " << columnsOf(getX()) << " columns by a weight of " << columnsOf(getW())
                         << " columns";
  return success();
}

LogicalResult RmsNormOp::verify() {
  int64_t entries = cast<RankedTensorType>(getGamma().getType()).getDimSize(0);
  if (entries != columnsOf(getX())) // X5
    return emitOpError() << "scales " << columnsOf(getX()) << " columns by " << entries << " entries of gamma";
  double epsilon = getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0) // X6
    return emitOpError() << "needs a finite epsilon of at least 0, not " << epsilon;
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t headDim = static_cast<int64_t>(getHeadDim());
  if (headDim <= 0 || headDim % 2 != 0 || columnsOf(getX()) % headDim != 0) // X7
    return emitOpError() << "needs an even head_dim that divides its " << columnsOf(getX()) << " columns, not "
                         << headDim;
  auto frequencies = dyn_cast<DenseFPElementsAttr>(getInverseFrequencies());
  if (!frequencies || !frequencies.getElementType().isF64() || frequencies.getType().getRank() != 1 ||
      frequencies.getNumElements() != headDim / 2) // X8
    return emitOpError() << "needs inverse_frequencies of type tensor<" << headDim / 2 << "xf64>";
  return success();
}

LogicalResult KvAppendOp::verify() {
  KvCacheType cache = getCache().getType();
  if (columnsOf(getK()) != cache.getRowSize() || columnsOf(getV()) != cache.getRowSize()) // X9
    return emitOpError() << "appends keys of " << columnsOf(getK()) << " columns and values of " << columnsOf(getV())
                         << " to a cache whose rows have " << cache.getRowSize();
  for (Value rows : {getK(), getV()}) {
    int64_t count = cast<RankedTensorType>(rows.getType()).getDimSize(0);
    if (!ShapedType::isDynamic(count) && count > cache.getMaxSeq()) // X10
      return emitOpError() << "appends " << count << " tokens to a cache with room for " << cache.getMaxSeq();
  }
  return success();
}

LogicalResult AttentionOp::verify() {
  KvCacheType cache = getCache().getType();
  int64_t heads = static_cast<int64_t>(getHeads());
  if (heads <= 0 || heads % cache.getKvHeads() != 0) // X11
    return emitOpError() << "has " << heads << " heads, not a positive multiple of the cache's " << cache.getKvHeads();
  if (columnsOf(getQ()) != heads * cache.getHeadDim()) // X12
    return emitOpError() << "has queries of " << columnsOf(getQ()) << " columns; " << heads << " heads of "
                         << cache.getHeadDim() << " have " << heads * cache.getHeadDim();
  if (!std::isfinite(getScale().convertToDouble())) // X13
    return emitOpError("needs a finite scale");
  return success();
}

LogicalResult GatedMlpOp::verify() {
  RankedTensorType down = getDown().getType();
  SmallVector<int64_t> expected = {down.getDimSize(1), columnsOf(getX())};
  if (down.getDimSize(0) != columnsOf(getX()) || getGate().getType().getShape() != ArrayRef<int64_t>(expected) ||
      getUp().getType().getShape() != ArrayRef<int64_t>(expected)) // X14
    return emitOpError() << "needs gate and up of I x " << columnsOf(getX()) << " and down of " << columnsOf(getX())
                         << " x I for one I, not " << getGate().getType() << ", " << getUp().getType() << " and "
                         << down;
  return success();
}
