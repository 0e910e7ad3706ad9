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
  int64_t valueDim = 0;
  if (parser.parseDimensionList(sizes, /*allowDynamic=*/false) || parser.parseType(elementType))
    return {};
  const bool hasValueDim = succeeded(parser.parseOptionalComma());
  if ((hasValueDim && (parser.parseKeyword("values") || parser.parseEqual() || parser.parseInteger(valueDim))) ||
      parser.parseGreater())
    return {};
  if (sizes.size() != 3) {
    parser.emitError(location, "a kv_cache has three sizes: kv heads x head dimension x longest sequence");
    return {};
  }
  return parser.getChecked<KvCacheType>(location, parser.getContext(), sizes[0], sizes[1], sizes[2], elementType,
                                        hasValueDim ? valueDim : sizes[1]);
}

void KvCacheType::print(AsmPrinter &printer) const {
  printer << "<" << getKvHeads() << "x" << getHeadDim() << "x" << getMaxSeq() << "x" << getElementType();
  if (getValueDim() != getHeadDim())
    printer << ", values = " << getValueDim();
  printer << ">";
}

LogicalResult KvCacheType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t kvHeads, int64_t headDim,
                                  int64_t maxSeq, Type elementType, int64_t valueDim) {
  if (kvHeads <= 0 || headDim <= 0 || maxSeq <= 0 || valueDim <= 0) // X1
    return emitError() << "the sizes of a kv_cache are positive, but these are " << kvHeads << ", " << headDim << ", "
                       << maxSeq << ", and " << valueDim << " for values";
  if (!elementType.isF32()) // X2
    return emitError() << "a kv_cache holds f32, not " << elementType;
  return success();
}

RankedTensorType KvCacheType::getTensorType() const {
  return RankedTensorType::get({getMaxSeq(), getKvHeads(), getHeadDim()}, getElementType());
}

RankedTensorType KvCacheType::getValueTensorType() const {
  return RankedTensorType::get({getMaxSeq(), getKvHeads(), getValueDim()}, getElementType());
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

LogicalResult HeadLinearOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                             SmallVectorImpl<Type> &results) {
  RankedTensorType x = typeOfRank(adaptor.getX(), 2), w = typeOfRank(adaptor.getW(), 3);
  if (!x || !w)
    return emitOptionalError(location, "head_linear takes a matrix and a stack of matrices");
  results.push_back(rowsType(x, w.getDimSize(0) * w.getDimSize(1)));
  return success();
}

LogicalResult JoinHeadsOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType a = typeOfRank(adaptor.getA(), 2), b = typeOfRank(adaptor.getB(), 2);
  if (!a || !b)
    return emitOptionalError(location, "join_heads takes two matrices");
  results.push_back(rowsType(a, a.getDimSize(1) + b.getDimSize(1)));
  return success();
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                            SmallVectorImpl<Type> &results) {
  RankedTensorType q = typeOfRank(adaptor.getQ(), 2);
  auto cache = dyn_cast<KvCacheType>(adaptor.getCache().getType());
  if (!q || !cache)
    return emitOptionalError(location, "attention takes queries and a cache");
  // Attributes are not there yet when an op is parsed; the operands say it, too.
  results.push_back(rowsType(q, q.getDimSize(1) / cache.getHeadDim() * cache.getValueDim()));
  return success();
}

LogicalResult AttendOp::inferReturnTypes(MLIRContext *, std::optional<Location> location, Adaptor adaptor,
                                         SmallVectorImpl<Type> &results) {
  RankedTensorType q = typeOfRank(adaptor.getQ(), 2), k = typeOfRank(adaptor.getK(), 2);
  RankedTensorType v = typeOfRank(adaptor.getV(), 2);
  if (!q || !k || !v || k.getDimSize(1) <= 0)
    return emitOptionalError(location, "attend takes queries, keys and values");
  results.push_back(rowsType(q, q.getDimSize(1) * v.getDimSize(1) / k.getDimSize(1)));
  return success();
}
