#include "kernels/Tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weft::kernels {

// ---- knobs ------------------------------------------------------------------------------------------------------

const std::vector<Knob> &knobs() {
  static const std::vector<Knob> all = {
      {"group", "LMUL: registers that one vector of the tile takes", {1, 2, 4, 8}},
      {"rows", "rows of the register tile, which share each loaded vector", {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}},
      {"vectors", "vectors of the tile side by side", {1, 2, 3, 4}},
      {"unroll", "steps of the innermost sum in one pass of the loop", {1, 2, 4, 8}},
      {"prefetch", "1: the vectors of the next step are loaded before this one's products", {0, 1}},
      {"order", "1: each vector is multiplied as soon as it is loaded, not after all loads of the step", {0, 1}},
      {"tail", "1: rows that fill no tile go by halves of it, not one by one", {0, 1}},
      {"kblock", "steps of the sum that all tiles do before any goes on; 0: all", {0, 64, 128, 256, 512}},
  };
  return all;
}

static const Knob *findKnob(std::string_view name) {
  auto found = std::find_if(knobs().begin(), knobs().end(), [&](const Knob &knob) { return knob.name == name; });
  return found == knobs().end() ? nullptr : &*found;
}

std::string toText(const Tuning &tuning) {
  std::string text;
  for (const auto &[name, value] : tuning)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text.empty() ? "as compiled" : text;
}

Result<Tuning> parseTuning(std::string_view text) {
  Tuning tuning;
  if (text == "as compiled")
    return tuning;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty())
      continue;
    const size_t equals = part.find('=');
    int64_t value = 0;
    const char *last = part.data() + part.size();
    const bool isPair = equals != std::string_view::npos && equals + 1 < part.size();
    const auto read = isPair ? std::from_chars(part.data() + equals + 1, last, value) : std::from_chars_result{};
    if (!isPair || read.ec != std::errc() || read.ptr != last || value < 0)
      return userError(fmt::format("'{}' is no knob=value", part));
    if (!findKnob(part.substr(0, equals)))
      return userError(fmt::format("no kernel has a knob '{}'", part.substr(0, equals)));
    tuning[std::string(part.substr(0, equals))] = value;
  }
  return tuning;
}

// ---- symbols ----------------------------------------------------------------------------------------------------

int64_t KernelShape::of(const std::string &name) const {
  auto found = extents.find(name);
  return found == extents.end() ? 0 : found->second;
}

/// "r64" -> r, 64: letters, then a number to the end.
static std::optional<std::pair<std::string, int64_t>> extentOf(std::string_view part) {
  const size_t digits = part.find_first_of("0123456789");
  int64_t value = 0;
  const char *last = part.data() + part.size();
  if (digits == 0 || digits == std::string_view::npos)
    return std::nullopt;
  if (const auto read = std::from_chars(part.data() + digits, last, value); read.ec != std::errc() || read.ptr != last)
    return std::nullopt;
  return std::pair(std::string(part.substr(0, digits)), value);
}

static bool isElement(std::string_view part) {
  return part == "f32" || part == "f16" || part == "bf16" || part == "i8" || part == "q8" || part == "q4";
}

KernelShape parseSymbol(const std::string &symbol) {
  KernelShape shape;
  std::string_view rest = symbol;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('_'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    auto extent = isElement(part) ? std::nullopt : extentOf(part);
    if (extent && !shape.kind.empty() && shape.suffix.empty()) {
      shape.extents.insert(*extent);
      continue;
    }
    std::string &text = shape.extents.empty() ? shape.kind : shape.suffix;
    text += (text.empty() ? "" : "_") + std::string(part);
  }
  return shape;
}

std::string KernelShape::symbol() const {
  std::string text = kind;
  // Builders write rows, depth and columns in this order; other kinds are never put together here.
  for (const char *name : {"r", "k", "n"})
    if (extents.contains(name))
      text += fmt::format("_{}{}", name, of(name));
  return suffix.empty() ? text : text + "_" + suffix;
}

// ---- spaces -----------------------------------------------------------------------------------------------------

namespace {

/// Bytes a lane of a product: of the widest element, of a weight, of a loaded one once it is as wide as the sum.
struct ProductBytes {
  int64_t sum = 4, weight = 4;
  bool converts = false;
};

std::optional<ProductBytes> productOf(const KernelShape &shape) {
  if (shape.kind != "gemm")
    return std::nullopt;
  const std::string &suffix = shape.suffix;
  if (suffix == "f32")
    return ProductBytes{4, 4, false};
  if (suffix == "f16" || suffix == "bf16")
    return ProductBytes{4, 2, true};
  if (suffix == "f16_f16" || suffix == "bf16_bf16")
    return ProductBytes{4, 2, false};
  if (suffix == "i8_i8")
    return ProductBytes{4, 1, true};
  return ProductBytes{4, 4, true};
}

int64_t valueOr(const Tuning &tuning, const char *name, int64_t absent) {
  auto found = tuning.find(name);
  return found == tuning.end() ? absent : found->second;
}

/// Kernels that are no products have a vector's length alone.
bool hasTile(const KernelShape &shape) { return productOf(shape).has_value(); }

} // namespace

TuningSpace tuningSpace(const KernelShape &shape, const TuningCore &core) {
  TuningSpace space{shape, core, {}};
  const int64_t rows = shape.of("r"), depth = shape.of("k");
  for (const Knob &knob : knobs()) {
    if (knob.name != "group" && !hasTile(shape))
      continue;
    Knob mine{knob.name, knob.meaning, {}};
    for (int64_t value : knob.values) {
      const bool fits = knob.name == "group"    ? value <= core.longestGroup
                        : knob.name == "rows"   ? value <= rows
                        : knob.name == "unroll" ? value <= std::max<int64_t>(1, depth)
                        : knob.name == "kblock" ? value == 0 || (value < depth && depth % value == 0)
                        : knob.name == "tail"   ? value == 0 || rows > 2
                                                : true;
      if (fits)
        mine.values.push_back(value);
    }
    if (mine.values.size() > 1)
      space.knobs.push_back(std::move(mine));
  }
  return space;
}

bool TuningSpace::allows(const Tuning &tuning) const {
  if (tuning.empty())
    return true;
  for (const auto &[name, value] : tuning)
    if (std::none_of(knobs.begin(), knobs.end(), [&](const Knob &knob) {
          return knob.name == name && std::find(knob.values.begin(), knob.values.end(), value) != knob.values.end();
        }))
      return false;
  auto product = productOf(shape);
  if (!product)
    return true;
  const int64_t group = valueOr(tuning, "group", 1), rows = valueOr(tuning, "rows", 1),
                vectors = valueOr(tuning, "vectors", 1), unroll = valueOr(tuning, "unroll", 1);
  // Sums, what one step loads, and what the next one has loaded already. A weight that is as narrow as half a sum
  // takes half a group, and a whole one once it is widened.
  const int64_t loaded = std::max<int64_t>(1, group * product->weight / product->sum);
  int64_t needed = rows * vectors * group + vectors * loaded * (1 + valueOr(tuning, "prefetch", 0));
  if (product->converts)
    needed += group;
  if (needed > core.registers)
    return false;
  // More lanes than there are columns are the same code as fewer.
  const int64_t columns = shape.of("n"), lanes = core.registerBytes * group / product->sum;
  if (group > 1 && lanes / 2 >= columns)
    return false;
  if (vectors > 1 && (vectors - 1) * lanes >= columns)
    return false;
  if (vectors == 1 && valueOr(tuning, "order", 0) == 1)
    return false;
  if (rows <= 2 && valueOr(tuning, "tail", 0) == 1)
    return false;
  return rows * vectors * unroll <= 128; // code of a loop's body
}

std::optional<LoopCounts> loopCounts(const TuningSpace &space, const Tuning &tuning) {
  auto product = productOf(space.shape);
  if (!product || tuning.empty())
    return std::nullopt;
  const double group = double(valueOr(tuning, "group", 1)), height = double(valueOr(tuning, "rows", 1)),
               vectors = double(valueOr(tuning, "vectors", 1)), unroll = double(valueOr(tuning, "unroll", 1));
  const auto rows = double(std::max<int64_t>(1, space.shape.of("r"))), depth = double(space.shape.of("k")),
             columns = double(space.shape.of("n"));
  const double lanes = double(space.core.registerBytes) * group / double(product->sum);
  const double strips = std::ceil(columns / lanes), perTile = std::ceil(strips / vectors);
  const double used = columns / (strips * lanes); // columns that divide evenly make shorter vectors
  // Rows that fill no tile: one by one, or in halves.
  double tilesOfRows = std::floor(rows / height), rest = rows - tilesOfRows * height;
  if (valueOr(tuning, "tail", 0) == 1)
    for (double half = std::floor(height / 2); half >= 1 && rest > 0; half = std::floor(half / 2)) {
      const double times = std::floor(rest / half);
      tilesOfRows += times, rest -= times * half;
    }
  tilesOfRows += rest;
  const double blocks = valueOr(tuning, "kblock", 0) > 0 ? depth / double(valueOr(tuning, "kblock", 0)) : 1;
  LoopCounts counts;
  counts.vectorLoads = tilesOfRows * depth * strips * group * used * double(product->weight) / double(product->sum);
  counts.products = rows * depth * strips * group * used;
  counts.scalarLoads = rows * depth * perTile;
  counts.instructions = (tilesOfRows + rows) * depth * strips;
  counts.steps = tilesOfRows * perTile * depth / unroll;
  counts.tiles = tilesOfRows * perTile * blocks;
  counts.accumulatorMoves = 2 * rows * strips * group * used * blocks;
  return counts;
}

} // namespace weft::kernels
