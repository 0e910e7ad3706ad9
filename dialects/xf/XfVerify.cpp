// The rules of ops of `xf`, by label.
#include "dialects/xf/XfDialect.h"

#include <array>
#include <cmath>

using namespace mlir;
using namespace weft::xf;

static int64_t columnsOf(Value rows) { return cast<RankedTensorType>(rows.getType()).getDimSize(1); }
static int64_t entriesOf(Value vector) { return cast<RankedTensorType>(vector.getType()).getDimSize(0); }

// Optional attributes.
static bool isFinite(const std::optional<APFloat> &value) { return !value || value->isFinite(); }
static bool isSoftcap(const std::optional<APFloat> &value) {
  return !value || (value->isFinite() && !value->isNegative() && !value->isZero());
}
static bool isWindow(std::optional<uint64_t> value) { return !value || static_cast<int64_t>(*value) > 0; }

LogicalResult ParamOp::verify() {
  if (getName().empty()) // X3
    return emitOpError("has no name; a weight is known by the model's own name for it");
  return success();
}

LogicalResult LinearOp::verify() {
  if (columnsOf(getX()) != columnsOf(getW())) // X4
    return emitOpError() << "multiplies " << columnsOf(getX()) << " columns by a weight of " << columnsOf(getW())
                         << " columns";
  if (getBias() && entriesOf(getBias()) != getW().getType().getDimSize(0)) // X17
    return emitOpError() << "adds a bias of " << entriesOf(getBias()) << " entries to "
                         << getW().getType().getDimSize(0) << " columns";
  return success();
}

LogicalResult HeadLinearOp::verify() {
  ArrayRef<int64_t> shape = getW().getType().getShape();
  if (columnsOf(getX()) != shape[0] * shape[2]) // X18
    return emitOpError() << "multiplies " << columnsOf(getX()) << " columns by " << shape[0] << " matrices of "
                         << shape[2] << " columns";
  return success();
}

LogicalResult JoinHeadsOp::verify() {
  auto heads = static_cast<int64_t>(getHeads());
  if (heads <= 0 || columnsOf(getA()) % heads != 0 || columnsOf(getB()) % heads != 0) // X19
    return emitOpError() << "needs a number of heads that divides " << columnsOf(getA()) << " and " << columnsOf(getB())
                         << " columns, not " << heads;
  return success();
}

LogicalResult RmsNormOp::verify() {
  int64_t entries = entriesOf(getGamma());
  if (entries == 0 || columnsOf(getX()) % entries != 0) // X5
    return emitOpError() << "scales " << columnsOf(getX()) << " columns by " << entries << " entries of gamma";
  double epsilon = getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0) // X6
    return emitOpError() << "needs a finite epsilon of at least 0, not " << epsilon;
  if (!isFinite(getOffset())) // X6
    return emitOpError("needs a finite offset");
  return success();
}

LogicalResult LayerNormOp::verify() {
  if (getGamma() && (entriesOf(getGamma()) == 0 || columnsOf(getX()) % entriesOf(getGamma()) != 0)) // X20
    return emitOpError() << "scales " << columnsOf(getX()) << " columns by " << entriesOf(getGamma())
                         << " entries of gamma";
  if (getBeta() && (!getGamma() || entriesOf(getBeta()) != entriesOf(getGamma()))) // X20
    return emitOpError("needs a gamma of as many entries as beta");
  double epsilon = getEpsilon().convertToDouble();
  if (!std::isfinite(epsilon) || epsilon < 0) // X21
    return emitOpError() << "needs a finite epsilon of at least 0, not " << epsilon;
  return success();
}

/// Whether `batch` sequences can lie in the rows of `x`.
static bool dividesRows(uint64_t batch, Value x) {
  int64_t rows = cast<RankedTensorType>(x.getType()).getDimSize(0);
  return static_cast<int64_t>(batch) > 0 && (ShapedType::isDynamic(rows) || rows % static_cast<int64_t>(batch) == 0);
}

LogicalResult AddPositionsOp::verify() {
  if (columnsOf(getTable()) != columnsOf(getX())) // X15
    return emitOpError() << "adds rows of " << columnsOf(getTable()) << " columns to " << columnsOf(getX());
  if (static_cast<int64_t>(getOffset()) < 0 || !dividesRows(getBatch(), getX())) // X16
    return emitOpError("needs an offset of at least 0 and a batch that divides the rows");
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t headDim = static_cast<int64_t>(getHeadDim());
  if (headDim <= 0 || columnsOf(getX()) % headDim != 0) // X7
    return emitOpError() << "needs a positive head_dim that divides its " << columnsOf(getX()) << " columns, not "
                         << headDim;
  auto fits = [&](ElementsAttr attribute) {
    auto frequencies = dyn_cast<DenseFPElementsAttr>(attribute);
    return frequencies && frequencies.getElementType().isF64() && frequencies.getType().getRank() == 1 &&
           frequencies.getNumElements() > 0 && frequencies.getNumElements() <= headDim / 2;
  };
  if (!fits(getInverseFrequencies())) // X8
    return emitOpError() << "needs inverse_frequencies of type f64, 1 to " << headDim / 2 << " of them";
  if (getLongFrom().has_value() != getLongInverseFrequencies().has_value()) // X8
    return emitOpError("needs both long_from and long_inverse_frequencies, or none");
  if (getLongFrom() && (static_cast<int64_t>(*getLongFrom()) < 0 ||
                        getLongInverseFrequencies()->getShapedType() != getInverseFrequencies().getShapedType())) // X8
    return emitOpError(
        "needs long_inverse_frequencies of the type of inverse_frequencies and a long_from of at least 0");
  if (!isFinite(getScale()) || !dividesRows(getBatch(), getX())) // X22
    return emitOpError("needs a finite scale and a batch that divides the rows");
  return success();
}

LogicalResult KvAppendOp::verify() {
  KvCacheType cache = getCache().getType();
  if (columnsOf(getK()) != cache.getRowSize() || columnsOf(getV()) != cache.getValueRowSize()) // X9
    return emitOpError() << "appends keys of " << columnsOf(getK()) << " columns and values of " << columnsOf(getV())
                         << " to a cache whose rows have " << cache.getRowSize() << " and " << cache.getValueRowSize();
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
  if (!isWindow(getWindow()) || !isSoftcap(getSoftcap())) // X13
    return emitOpError("needs a positive window and a positive, finite softcap, if any");
  return success();
}

LogicalResult AttendOp::verify() {
  auto heads = static_cast<int64_t>(getHeads()), kvHeads = static_cast<int64_t>(getKvHeads());
  auto batch = static_cast<int64_t>(getBatch());
  if (heads <= 0 || kvHeads <= 0 || heads % kvHeads != 0) // X23
    return emitOpError() << "has " << heads << " heads, not a positive multiple of " << kvHeads << " kv_heads";
  if (columnsOf(getK()) % kvHeads != 0 || columnsOf(getV()) % kvHeads != 0 ||
      columnsOf(getQ()) != heads * (columnsOf(getK()) / kvHeads)) // X24
    return emitOpError() << "has queries of " << columnsOf(getQ()) << " columns, keys of " << columnsOf(getK())
                         << " and values of " << columnsOf(getV()) << " for " << heads << " and " << kvHeads
                         << " heads";
  int64_t rows = getQ().getType().getDimSize(0), tokens = getK().getType().getDimSize(0);
  if (ShapedType::isDynamic(rows) || ShapedType::isDynamic(tokens) || tokens != getV().getType().getDimSize(0) ||
      !dividesRows(getBatch(), getQ()) || !dividesRows(getBatch(), getK()) || (getCausal() && tokens < rows)) // X25
    return emitOpError("needs known numbers of rows that its batch divides, as many values as keys, and a key for "
                       "each causal row");
  if (!std::isfinite(getScale().convertToDouble()) || !isWindow(getWindow()) || (getWindow() && !getCausal()) ||
      !isSoftcap(getSoftcap())) // X26
    return emitOpError("needs a finite scale, a positive window only if causal, and a positive, finite softcap");
  if (!getBias())
    return success();
  ArrayRef<int64_t> bias = getBias().getType().getShape();
  const std::array<int64_t, 3> full = {batch, heads, rows / batch};
  for (size_t i = 0; i < full.size(); ++i)
    if (bias[i] != 1 && bias[i] != full[i]) // X27
      return emitOpError() << "has a bias of type " << getBias().getType() << " for " << batch << " x " << heads
                           << " x " << rows / batch << " rows";
  if (bias[3] != tokens / batch) // X27
    return emitOpError() << "has a bias for " << bias[3] << " tokens, but sequences of " << tokens / batch;
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

LogicalResult MoeOp::verify() {
  ArrayRef<int64_t> router = getRouter().getType().getShape();
  int64_t experts = router[0], columns = columnsOf(getX()), count = static_cast<int64_t>(getGates().size());
  if (count != experts || static_cast<int64_t>(getUps().size()) != experts ||
      static_cast<int64_t>(getDowns().size()) != experts || router[1] != columns) // X28
    return emitOpError() << "has " << count << " experts and a router of type " << getRouter().getType() << " for "
                         << columns << " columns";
  int64_t inner = experts ? cast<RankedTensorType>(getGates().front().getType()).getDimSize(0) : 0;
  for (auto [gate, up, down] : llvm::zip_equal(getGates(), getUps(), getDowns())) {
    auto hasShape = [](Value weight, int64_t out, int64_t in) {
      return cast<RankedTensorType>(weight.getType()).getShape() == ArrayRef<int64_t>({out, in});
    };
    if (!hasShape(gate, inner, columns) || !hasShape(up, inner, columns) || !hasShape(down, columns, inner)) // X29
      return emitOpError() << "needs gates and ups of I x " << columns << " and downs of " << columns
                           << " x I for one I, not " << gate.getType() << ", " << up.getType() << " and "
                           << down.getType();
  }
  auto topK = static_cast<int64_t>(getTopK()), groups = static_cast<int64_t>(getGroups());
  auto topGroups = static_cast<int64_t>(getTopGroups());
  if (topK <= 0 || groups <= 0 || topGroups <= 0 || topGroups > groups || experts % groups != 0 ||
      topK > experts / groups * topGroups ||
      (groups > 1 && getGroupScore() == GroupScore::TopTwo && experts / groups < 2)) // X30
    return emitOpError() << "cannot choose " << topK << " of " << experts << " experts from " << topGroups << " of "
                         << groups << " groups";
  if (getBias() && entriesOf(getBias()) != experts) // X31
    return emitOpError() << "has a bias of " << entriesOf(getBias()) << " entries for " << experts << " experts";
  if (!isFinite(getScale()) || !isFinite(getNormalizeEpsilon())) // X31
    return emitOpError("needs a finite scale and normalize_epsilon");
  return success();
}

LogicalResult ScaleOp::verify() {
  if (!std::isfinite(getFactor().convertToDouble())) // X32
    return emitOpError("needs a finite factor");
  return success();
}
