#include "compiler/place/GridMachine.h"

#include "compiler/route/Tree.h"
#include "kernels/units/Router.h"

#include <bit>
#include <cmath>
#include <cstring>

using namespace mlir;

namespace weft::place {

int64_t Shards::elements() const {
  int64_t count = 1;
  for (int64_t extent : grid::localShape(type))
    count *= extent;
  return count;
}

Shards GridMachine::allocate(RankedTensorType type, std::byte fill) const {
  Shards shards{std::make_shared<Shards::Storage>(), type, 0};
  // 16-byte steps, so that any element is aligned on every core.
  shards.storage->bytesPerCore = roundUp(shards.elements() * shards.elementBytes(), 16);
  shards.storage->data.assign(shards.storage->bytesPerCore * cores(), fill);
  return shards;
}

int64_t GridMachine::rankOf(grid::Axis axis, int64_t x, int64_t y) const {
  return axis == grid::Axis::X ? mesh.rankOfCoreX[x] : axis == grid::Axis::Y ? mesh.rankOfCoreY[y] : 0;
}

// ---- products -------------------------------------------------------------------------------------------------

/// The value of element `i` of a buffer of any float type; widening is exact.
static float widened(const std::byte *data, Type type, int64_t i) {
  if (type.isF32()) {
    float value;
    std::memcpy(&value, data + 4 * i, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, data + 2 * i, 2);
  llvm::APFloat value(cast<FloatType>(type).getFloatSemantics(), llvm::APInt(16, bits));
  return value.convertToFloat();
}

Shards GridMachine::gemm(grid::GemmOp op, const Shards &a, const Shards &b, int64_t rows) const {
  Shards c = allocate(cast<RankedTensorType>(op.getC().getType()));
  Type element = b.type.getElementType();
  int64_t columnsA = grid::localShape(a.type)[1], outputs = grid::localShape(b.type)[1];
  int64_t width = grid::localShape(b.type)[0] / mesh.blocksY;
  for (int64_t y = 0; y < mesh.height; ++y)
    for (int64_t x = 0; x < mesh.width; ++x) {
      float *sums = c.floats(core(x, y));
      std::fill(sums, sums + rows * outputs, 0.0f);
      for (int64_t step = 0; step < mesh.blocks; ++step) {
        int64_t block = (mesh.blocksX * mesh.rankOfCoreX[x] + mesh.blocksY * mesh.rankOfCoreY[y] + step) % mesh.blocks;
        const float *left = a.floats(core(mesh.coreOfRankX[block / mesh.blocksX], y));
        const std::byte *right = b.at(core(x, mesh.coreOfRankY[block / mesh.blocksY]));
        int64_t column = block % mesh.blocksX * width, row = block % mesh.blocksY * width;
        for (int64_t k = 0; k < width; ++k)
          for (int64_t j = 0; j < outputs; ++j) {
            float weight = widened(right, element, (row + k) * outputs + j);
            for (int64_t i = 0; i < rows; ++i) { // A's columns may end within a block
              float value = column + k < columnsA ? left[i * columnsA + column + k] : 0.0f;
              sums[i * outputs + j] = std::fma(value, weight, sums[i * outputs + j]);
            }
          }
      }
    }
  return c;
}

Result<Shards> GridMachine::gemv(grid::GemvOp op, const Shards &x, const Shards &w) const {
  Shards y = allocate(cast<RankedTensorType>(op.getY().getType()), std::byte{0});
  auto local = grid::localShape(w.type);
  for (int64_t at = 0; at < cores(); ++at)
    for (int64_t k = 0; k < local[0]; ++k)
      for (int64_t j = 0; j < local[1]; ++j)
        y.floats(at)[j] =
            std::fma(x.floats(at)[k], widened(w.at(at), w.type.getElementType(), k * local[1] + j), y.floats(at)[j]);
  Tree tree{static_cast<int64_t>(op.getLevels()), static_cast<int64_t>(op.getGroups()), 0, 0, op.getInRouter()};
  if (auto done = reduceLines(y, grid::Axis::Y, grid::ReduceKind::Add, tree); !done)
    return done.takeError();
  return y;
}

// ---- reductions -----------------------------------------------------------------------------------------------

namespace {

/// The shards of the cores that are combined, by their position.
struct Line {
  std::vector<std::vector<float>> values;
  grid::ReduceKind kind;

  /// a = a op b
  void combine(std::vector<float> &a, const std::vector<float> &b) const {
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = kind == grid::ReduceKind::Add ? a[i] + b[i] : a[i] > b[i] ? a[i] : b[i];
  }
  /// Chains from both ends of `members` to the one in the middle, which takes the low side first. Returns it.
  int chain(std::span<const int> members) {
    size_t middle = members.size() / 2;
    std::vector<float> &root = values[members[middle]];
    if (middle > 0) {
      std::vector<float> low = values[members[0]];
      for (size_t i = 1; i < middle; ++i)
        combine(low, values[members[i]]);
      combine(root, low);
    }
    if (middle + 1 < members.size()) {
      std::vector<float> high = values[members.back()];
      for (size_t i = members.size() - 2; i > middle; --i)
        combine(high, values[members[i]]);
      combine(root, high);
    }
    return members[middle];
  }
  /// a op b as a router's unit does it, `a` being of the lower position.
  std::vector<float> routed(std::vector<float> a, const std::vector<float> &b) const {
    const units::Combine op = kind == grid::ReduceKind::Add ? units::Combine::AddF32 : units::Combine::MaxF32;
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = std::bit_cast<float>(units::combine(op, std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i])));
    return a;
  }
  /// Of the cores [lo, hi), in the order of the routers between them. Leaves it with the middle one, which is returned.
  int combined(int lo, int hi) {
    int root = lo + (hi - lo) / 2;
    std::vector<float> sum = values[root];
    if (root > lo) {
      std::vector<float> low = values[lo];
      for (int position = lo + 1; position < root; ++position)
        low = routed(low, values[position]);
      sum = routed(low, sum);
    }
    if (root + 1 < hi) {
      std::vector<float> high = values[hi - 1];
      for (int position = hi - 2; position > root; --position)
        high = routed(values[position], high);
      sum = routed(sum, high);
    }
    values[root] = sum;
    return root;
  }
  /// One level: `groups` groups of neighbours, the longer ones last. Returns their roots.
  std::vector<int> level(std::span<const int> members, size_t groups) {
    std::vector<int> roots;
    for (size_t group = 0, from = 0; group < groups; ++group) {
      size_t count = members.size() / groups + (group >= groups - members.size() % groups ? 1 : 0);
      roots.push_back(chain(members.subspan(from, count)));
      from += count;
    }
    return roots;
  }
};

} // namespace

Result<void> GridMachine::reduceLines(Shards &values, grid::Axis axis, grid::ReduceKind kind, const Tree &tree) const {
  bool alongX = axis == grid::Axis::X;
  int64_t length = alongX ? mesh.width : mesh.height, lines = alongX ? mesh.height : mesh.width;
  std::vector<route::Segment> segments;
  for (int64_t i = 0; i < tree.segments; ++i)
    segments.push_back({static_cast<int>(i * tree.segment), static_cast<int>((i + 1) * tree.segment)});
  // Only how many groups each level has comes from there.
  auto plan = route::planTree("reference", static_cast<pkg::Axis>(axis), static_cast<int>(length), segments,
                              static_cast<int>(tree.levels), {static_cast<int>(tree.groups)});
  if (!plan)
    return plan.takeError();
  auto at = [&](int64_t line, int64_t position) { return alongX ? core(position, line) : core(line, position); };
  int64_t count = values.elements();
  for (int64_t line = 0; line < lines; ++line) {
    Line work{{}, kind};
    for (int64_t position = 0; position < length; ++position)
      work.values.emplace_back(values.floats(at(line, position)), values.floats(at(line, position)) + count);
    for (auto [index, segment] : llvm::enumerate(plan->segments)) {
      std::vector<int> members;
      for (int position = segment.lo; position < segment.hi; ++position)
        members.push_back(position);
      if (tree.inRouter)
        members = {work.combined(segment.lo, segment.hi)};
      for (const std::vector<int> &groups : plan->groupCounts)
        members = work.level(members, groups[index]);
      for (int position = segment.lo; position < segment.hi; ++position)
        std::copy_n(work.values[members.front()].data(), count, values.floats(at(line, position)));
    }
  }
  return {};
}

static Shards copyOf(const GridMachine &machine, const Shards &input, RankedTensorType type) {
  Shards result = machine.allocate(type);
  for (int64_t at = 0; at < machine.cores(); ++at)
    std::memcpy(result.at(at), input.at(at), input.elements() * input.elementBytes());
  return result;
}

Result<Shards> GridMachine::allReduce(grid::AllReduceOp op, const Shards &input) const {
  Shards result = copyOf(*this, input, cast<RankedTensorType>(op.getResult().getType()));
  Tree tree{static_cast<int64_t>(op.getLevels()), static_cast<int64_t>(op.getGroups()),
            static_cast<int64_t>(op.getSegment()), static_cast<int64_t>(op.getSegments()), op.getInRouter()};
  if (auto done = reduceLines(result, op.getAxis(), op.getKind(), tree); !done)
    return done.takeError();
  return result;
}

// ---- moves ----------------------------------------------------------------------------------------------------

Shards GridMachine::shift(grid::ShiftOp op, const Shards &input) const {
  Shards result = allocate(input.type);
  bool alongX = op.getAxis() == grid::Axis::X;
  int64_t ranks = alongX ? mesh.width : mesh.height;
  for (int64_t y = 0; y < mesh.height; ++y)
    for (int64_t x = 0; x < mesh.width; ++x) {
      int64_t from = rankOf(op.getAxis(), x, y) + 1;
      if (from == ranks && !op.getWrap())
        continue;
      int64_t position = (alongX ? mesh.coreOfRankX : mesh.coreOfRankY)[from % ranks];
      std::memcpy(result.at(core(x, y)), input.at(alongX ? core(position, y) : core(x, position)),
                  input.elements() * input.elementBytes());
    }
  return result;
}

Shards GridMachine::toLayout(grid::ToLayoutOp op, const Shards &input) const {
  Shards result = allocate(cast<RankedTensorType>(op.getResult().getType()));
  int64_t localX = grid::localShape(input.type)[1], localY = grid::localShape(result.type)[1];
  int64_t width = localY / mesh.blocksY;
  for (int64_t y = 0; y < mesh.height; ++y)
    for (int64_t x = 0; x < mesh.width; ++x)
      for (int64_t i = 0; i < localY; ++i) {
        // Ranks of x give blocksX blocks each, padded with zeros; ranks of y take blocksY each.
        int64_t block = mesh.rankOfCoreY[y] * mesh.blocksY + i / width;
        int64_t column = block % mesh.blocksX * width + i % width;
        const float *from = input.floats(core(mesh.coreOfRankX[block / mesh.blocksX], y));
        result.floats(core(x, y))[i] = column < localX ? from[column] : 0.0f;
      }
  return result;
}

// ---- the host's side ------------------------------------------------------------------------------------------

Shards GridMachine::launch(grid::LaunchOp op, std::span<const int32_t> words) const {
  Shards result = allocate(cast<RankedTensorType>(op.getWords().getType()));
  for (int64_t at = 0; at < cores(); ++at)
    std::memcpy(result.at(at), words.data(), words.size_bytes());
  return result;
}

std::vector<float> GridMachine::output(grid::OutputOp op, const Shards &input) const {
  grid::ShardAttr shard = grid::layoutOf(input.type).getDims().back();
  int64_t extent = input.type.getShape().back();
  std::vector<float> whole(extent);
  for (int64_t x = 0; x < mesh.width; ++x)
    for (int64_t i = 0; i < shard.getLocal(); ++i)
      if (int64_t index = indexOf(shard, extent, {}, x, 0, i); index >= 0)
        whole[index] = input.floats(core(x, 0))[i];
  return whole;
}

HeadLayout GridMachine::headLayout(std::optional<ArrayRef<int64_t>> heads) const {
  return heads ? HeadLayout::make(mesh.width, HeadShape::of(*heads)) : HeadLayout();
}

int64_t GridMachine::indexOf(grid::ShardAttr shard, int64_t extent, const HeadLayout &heads, int64_t x, int64_t y,
                             int64_t i) const {
  int64_t rank = rankOf(shard.getAxis(), x, y);
  if (shard.getKind() == grid::ShardKind::Packed)
    return packedIndex(mesh, heads, shard.getLocal() / mesh.blocksY, rank, i);
  return blockIndex(extent, shard.getLocal(), rank, i);
}

static FloatType floatType(MLIRContext *context, frontend::WeightType type) {
  Builder builder(context);
  return type == frontend::WeightType::F32   ? builder.getF32Type()
         : type == frontend::WeightType::F16 ? builder.getF16Type()
                                             : builder.getBF16Type();
}

/// Element `from` of `stored` to element `to` of `shard`, rounded to nearest even where the type is narrower.
static void convertElement(const std::byte *stored, Type storedType, int64_t from, std::byte *shard, Type type,
                           int64_t to) {
  int64_t bytes = type.getIntOrFloatBitWidth() / 8;
  if (type == storedType) {
    std::memcpy(shard + to * bytes, stored + from * bytes, bytes);
    return;
  }
  llvm::APFloat value(widened(stored, storedType, from));
  bool inexact;
  value.convert(cast<FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  uint64_t bits = value.bitcastToAPInt().getZExtValue();
  std::memcpy(shard + to * bytes, &bits, bytes);
}

Result<Shards> GridMachine::weight(grid::WeightOp op, const WeightProvider &weights) const {
  if (!isa<FloatType>(cast<RankedTensorType>(op.getResult().getType()).getElementType()))
    return internalError("grid interpreter: products are f32 here; quantised ones are run by the mesh engine");
  Shards result = allocate(cast<RankedTensorType>(op.getResult().getType()), std::byte{0});
  RankedTensorType type = result.type;
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(type).getDims();
  HeadLayout heads = headLayout(op.getHeads());
  bool matrix = type.getRank() == 2, qkv = op.getOrder() == grid::WeightOrder::Qkv;
  grid::ShardAttr columnShard = dims.back();
  int64_t parts = static_cast<int64_t>(op.getParts().size()), localRows = matrix ? dims[0].getLocal() : 1;
  int64_t keyColumns = heads.headsPerCore * heads.width, first = 0; // of the part among the core's columns
  for (int64_t part = 0; part < parts; ++part) {
    std::string name = cast<StringAttr>(op.getParts()[part]).getValue().str();
    const HeadPiece piece = headPieceNamed(grid::pieceOf(op.getPieces(), part));
    int64_t columns = op.getPieces() ? heads.pieceColumns(piece)
                      : !qkv         ? columnShard.getLocal() / parts
                      : part == 0    ? keyColumns * heads.group
                                     : keyColumns;
    first += columns;
    if (name.empty())
      continue; // zeros
    const frontend::WeightInfo *info = weights.find(name);
    if (!info)
      return internalError("grid interpreter: there is no weight '" + name + "'");
    std::span<const std::byte> bytes = weights.bytes(name);
    FloatType storedType = floatType(op.getContext(), info->type);
    int64_t storedColumns = static_cast<int64_t>(info->shape.back());
    std::optional<grid::PartView> view = grid::viewOf(op.getViews(), part);
    auto partShard = grid::ShardAttr::get(op.getContext(), columnShard.getAxis(), columnShard.getKind(), columns);
    auto columnOf = [&](int64_t x, int64_t y, int64_t part, int64_t c) {
      switch (op.getOrder()) {
      case grid::WeightOrder::Single:
      case grid::WeightOrder::SideBySide:
        return indexOf(partShard, type.getShape().back() / parts, heads, x, y, c);
      case grid::WeightOrder::Qkv:
        return part == 0 ? heads.queryIndex(x, c) : part == 1 ? heads.keyIndex(x, c) : heads.valueIndex(x, c);
      case grid::WeightOrder::Query:
        return heads.queryIndex(x, c);
      case grid::WeightOrder::Key:
        return heads.keyIndex(x, c);
      case grid::WeightOrder::HeadDim:
        return heads.dimension(x, c);
      case grid::WeightOrder::Pieces:
        return heads.pieceIndex(piece, x, c);
      }
      llvm_unreachable("all orders are handled");
    };
    for (int64_t y = 0; y < mesh.height; ++y)
      for (int64_t x = 0; x < mesh.width; ++x)
        for (int64_t i = 0; i < localRows; ++i)
          for (int64_t c = 0; c < columns; ++c) {
            int64_t row = matrix ? indexOf(dims[0], type.getDimSize(0), heads, x, y, i) : 0;
            int64_t column = columnOf(x, y, part, c);
            if (row < 0 || column < 0)
              continue;
            if (op.getTransposed())
              std::swap(row, column);
            int64_t from = !view    ? row * storedColumns + column
                           : matrix ? view->base + digitOffset(view->rows, row) + digitOffset(view->columns, column)
                                    : view->base + digitOffset(view->rows, column);
            if ((from + 1) * storedType.getIntOrFloatBitWidth() / 8 > static_cast<int64_t>(bytes.size()))
              return internalError("grid interpreter: weight '" + name + "' is smaller than its layout");
            convertElement(bytes.data(), storedType, from, result.at(core(x, y)), type.getElementType(),
                           i * columnShard.getLocal() + first - columns + c);
          }
  }
  return result;
}

Result<Shards> GridMachine::experts(grid::ExpertsOp op, const WeightProvider &weights) const {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Shards result = allocate(type, std::byte{0});
  SmallVector<int64_t> local = grid::localShape(type);
  const bool innerRows = grid::layoutOf(type).getDims()[1].getAxis() == grid::Axis::Y;
  const int64_t slots = local[0], parts = grid::expertParts(op), columns = local[2] / parts,
                rows = static_cast<int64_t>(op.getRowsPerRegion()), inner = static_cast<int64_t>(op.getInner());
  for (auto [at, expert] : llvm::enumerate(op.getExpert())) {
    if (expert < 0)
      continue;
    const int64_t region = static_cast<int64_t>(at) / slots, slot = static_cast<int64_t>(at) % slots;
    for (int64_t part = 0; part < parts; ++part) {
      const size_t number = expert * parts + part;
      std::string name = cast<StringAttr>(op.getParts()[number]).getValue().str();
      const frontend::WeightInfo *info = weights.find(name);
      if (!info)
        return internalError("grid interpreter: there is no weight '" + name + "'");
      const FloatType storedType = floatType(op.getContext(), info->type);
      const std::optional<grid::PartView> view = grid::viewOf(op.getViews(), number);
      for (int64_t within = 0; within < rows; ++within)
        for (int64_t x = 0; x < mesh.width; ++x)
          for (int64_t i = 0; i < local[1]; ++i)
            for (int64_t c = 0; c < columns; ++c) {
              const int64_t rank = mesh.rankOfCoreX[x];
              const int64_t in = innerRows ? blockIndex(inner, local[1], within, i)
                                           : blockIndex(type.getDimSize(1), local[1], rank, i);
              const int64_t out =
                  innerRows ? blockIndex(type.getDimSize(2), columns, rank, c) : blockIndex(inner, columns, within, c);
              if (in < 0 || out < 0)
                continue;
              const int64_t from = view ? view->base + digitOffset(view->rows, out) + digitOffset(view->columns, in)
                                        : out * static_cast<int64_t>(info->shape.back()) + in;
              convertElement(weights.bytes(name).data(), storedType, from,
                             result.at(core(x, mesh.coreOfRankY[region * rows + within])), type.getElementType(),
                             (slot * local[1] + i) * local[2] + part * columns + c);
            }
    }
  }
  return result;
}

Shards GridMachine::constant(grid::ConstantOp op) const {
  Shards result = allocate(cast<RankedTensorType>(op.getResult().getType()));
  auto values = cast<DenseElementsAttr>(op.getValue());
  const int64_t bytes = result.elementBytes();
  for (int64_t at = 0; at < cores(); ++at)
    for (int64_t i = 0; i < values.getNumElements(); ++i)
      std::memcpy(result.at(at) + i * bytes, values.getRawData().data() + (values.isSplat() ? 0 : i * bytes), bytes);
  return result;
}

Shards GridMachine::ropeTable(grid::RopeTableOp op) const {
  Shards result = allocate(cast<RankedTensorType>(op.getResult().getType()), std::byte{0});
  HeadLayout heads = headLayout(op.getHeads());
  for (int64_t set = 0; set < (op.getLongInverseFrequencies() ? 2 : 1); ++set) {
    auto attribute = set == 0 ? op.getInverseFrequencies() : *op.getLongInverseFrequencies();
    auto frequencies = llvm::to_vector(attribute.getValues<double>());
    for (int64_t y = 0; y < mesh.height; ++y)
      for (int64_t x = 0; x < mesh.width; ++x)
        for (int64_t row = 0; row < static_cast<int64_t>(op.getRows()); ++row)
          for (int64_t c = 0; c < heads.width; c += 2) {
            // Columns c and c + 1 are a pair that turns by its frequency, or not at all, as padding does.
            int64_t pair = heads.pair(x, c / 2);
            bool turns = pair >= 0 && pair < heads.turningPairs();
            double angle = turns ? double(row * int64_t(op.getStride())) * frequencies[pair] : 0.0;
            double scale = turns && op.getScale() ? op.getScale()->convertToDouble() : 1.0;
            float *entry =
                result.floats(core(x, y)) + (set * static_cast<int64_t>(op.getRows()) + row) * heads.width + c;
            entry[0] = static_cast<float>(scale * std::cos(angle));
            entry[1] = static_cast<float>(scale * std::sin(angle));
          }
  }
  return result;
}

} // namespace weft::place
