// Weights as the placer uses them: whole stored tensors, or rows and columns of one.
#include "compiler/place/CutBlocks.h"
#include "compiler/place/GeneralWeights.h"
#include "compiler/place/Placer.h"

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

Type Placer::productElement(ArrayRef<Value> parts, ShardAttr rows, int64_t columns, const HeadLayout *heads) const {
  std::optional<runtime::BlockShape> shape = options.weightType ? std::nullopt : commonBlocks(parts);
  if (!shape)
    return matrixElement(parts);
  int64_t extent = cast<RankedTensorType>(parts[0].getType()).getDimSize(1), local = rows.getLocal();
  auto indexOf = [&](int64_t rank, int64_t i) {
    return rows.getKind() == ShardKind::Packed ? packedIndex(mesh, *heads, local / mesh.blocksY, rank, i)
                                               : blockIndex(extent, local, rank, i);
  };
  shape = cutBlocks(*shape, {mesh.height, local, local / mesh.blocksY, indexOf}, columns);
  return shape ? Type(blocksType(builder.getContext(), *shape)) : matrixElement(parts);
}

FailureOr<Value> Placer::vectorOnX(Value value, ShardAttr columns, Type element, Operation *user) {
  auto vector = part(value, user);
  if (failed(vector))
    return failure();
  int64_t extent = cast<RankedTensorType>(value.getType()).getDimSize(0);
  return weight({*vector}, WeightOrder::Single, tensor({extent}, weightElement(element), {columns}), false);
}

} // namespace weft::place
