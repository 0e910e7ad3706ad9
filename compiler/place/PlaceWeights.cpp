// Weights as the placer uses them: whole stored tensors, or rows and columns of one.
#include "compiler/place/GeneralWeights.h"
#include "compiler/place/Placer.h"
#include "runtime/weights/BlockShapes.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

Value Placer::weight(ArrayRef<WeightPart> parts, WeightOrder order, RankedTensorType type, bool transposed,
                     const HeadLayout *heads, ArrayRef<HeadPiece> pieces) {
  SmallVector<StringRef> names, pieceNames;
  for (HeadPiece piece : pieces)
    pieceNames.push_back(nameOf(piece));
  SmallVector<Attribute> views;
  for (const WeightPart &part : parts) {
    names.push_back(part.name);
    views.push_back(builder.getArrayAttr(part.view));
  }
  bool whole = llvm::all_of(parts, [](const WeightPart &part) { return part.view.empty(); });
  return builder.create<WeightOp>(type, builder.getStrArrayAttr(names), order, transposed,
                                  heads ? headsAttr(*heads) : DenseI64ArrayAttr(),
                                  whole ? ArrayAttr() : builder.getArrayAttr(views),
                                  pieces.empty() ? ArrayAttr() : builder.getStrArrayAttr(pieceNames));
}

/// Whether each dimension of the view walks along a row of its stored tensor or from row to row, not both, and not all
/// of them the same way: what the loader quantises.
static bool isByRowsAndColumns(const StoredView &view, int64_t columns) {
  SmallVector<bool, 2> along, across;
  for (ArrayRef<int64_t> digits : view.digits) {
    int64_t last = 0;
    bool rows = true;
    for (size_t i = 0; i < digits.size(); i += 2) {
      last += (digits[i] - 1) * digits[i + 1];
      rows &= digits[i] == 1 || digits[i + 1] % columns == 0;
    }
    along.push_back(view.base % columns + last < columns);
    across.push_back(rows);
  }
  if (along.size() == 1)
    return along[0] || across[0];
  return along.size() == 2 && ((across[0] && along[1]) || (along[0] && across[1]));
}

FailureOr<WeightPart> Placer::part(Value value, Operation *user) {
  auto type = cast<RankedTensorType>(value.getType());
  if (auto param = value.getDefiningOp<xf::ParamOp>(); param && type.getRank() <= 2)
    return WeightPart{param.getName(), {}};
  std::optional<StoredView> view = storedView(value);
  if (!view)
    return user->emitOpError("needs its weight to be a parameter of the model");
  xf::ParamOp param = storedParam(value);
  int64_t columns = cast<RankedTensorType>(param.getType()).getShape().back();
  if (isQuantised() && !isByRowsAndColumns(*view, columns))
    return user->emitOpError("needs its weight to be rows and columns of '") << view->name << "'";
  WeightPart part{param.getName(), {builder.getDenseI64ArrayAttr({view->base})}};
  for (ArrayRef<int64_t> digits : view->digits)
    part.view.push_back(builder.getDenseI64ArrayAttr(digits));
  return part;
}

FailureOr<SmallVector<WeightPart>> Placer::parts(ArrayRef<Value> values, Operation *user) {
  SmallVector<WeightPart> result;
  for (Value value : values) {
    auto each = value ? part(value, user) : FailureOr<WeightPart>(WeightPart());
    if (failed(each))
      return failure();
    result.push_back(*each);
  }
  return result;
}

Type Placer::commonElement(ArrayRef<Value> parts) {
  Type common;
  for (Value part : parts) {
    if (!part)
      continue;
    Type element = cast<RankedTensorType>(part.getType()).getElementType();
    common = !common || common == element ? element : Float32Type::get(element.getContext());
  }
  return common;
}

/// Whether the value is whole rows of a stored tensor, in whatever order: blocks lie along these.
static bool isWholeRows(Value value, xf::ParamOp param) {
  if (value == param.getResult())
    return true;
  std::optional<StoredView> view = storedView(value);
  int64_t length = cast<RankedTensorType>(param.getType()).getShape().back();
  if (!view || view->digits.size() != 2 || view->base % length != 0 ||
      view->digits[1] != SmallVector<int64_t, 2>{length, 1})
    return false;
  for (size_t i = 1; i < view->digits[0].size(); i += 2)
    if (view->digits[0][i] % length != 0)
      return false;
  return true;
}

Type Placer::productElement(ArrayRef<Value> parts, ShardAttr rows, int64_t columns, const HeadLayout *heads) const {
  std::optional<runtime::BlockShape> shape;
  for (Value part : parts) {
    xf::ParamOp param = storedParam(part);
    auto format = param && param.getStored() && !options.weightType && isWholeRows(part, param)
                      ? runtime::blockFormatNamed(param.getStored()->str())
                      : std::nullopt;
    if (!format)
      return matrixElement(parts);
    shape = shape ? common(*shape, runtime::shapeFor(*format)) : runtime::shapeFor(*format);
  }
  int64_t extent = cast<RankedTensorType>(parts[0].getType()).getDimSize(1), local = rows.getLocal();
  auto indexOf = [&](int64_t rank, int64_t i) {
    return rows.getKind() == ShardKind::Packed ? packedIndex(mesh, *heads, local / mesh.blocksY, rank, i)
                                               : blockIndex(extent, local, rank, i);
  };
  shape->rows = local / mesh.blocksY;
  shape->columns = columns;
  // A code of 0 is a weight of 0 where nothing is subtracted and there is no codebook.
  const bool paddingJoins = !shape->minimums && !shape->codebook;
  shape->group = sharedRun(mesh.height, local, shape->rows, shape->group, paddingJoins, indexOf);
  shape->super = sharedRun(mesh.height, local, shape->rows, shape->super, paddingJoins, indexOf);
  // Groups of fewer rows need more code than a kernel has room for, and save little.
  const bool pays = shape->group >= 8 && shape->bytes() < 4 * shape->rows * columns;
  return pays ? Type(blocksType(builder.getContext(), *shape)) : matrixElement(parts);
}

FailureOr<Value> Placer::vectorOnX(Value value, ShardAttr columns, Type element, Operation *user) {
  auto vector = part(value, user);
  if (failed(vector))
    return failure();
  int64_t extent = cast<RankedTensorType>(value.getType()).getDimSize(0);
  return weight({*vector}, WeightOrder::Single, tensor({extent}, weightElement(element), {columns}), false);
}

} // namespace weft::place
