// Ops that move data, and control flow.
#include "tests/e2e/RandomTensorMaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::test {

void RandomMaker::transposed() {
  RandomValue a = any(1);
  std::vector<int64_t> order(a.shape.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  Shape shape;
  for (int64_t d : order)
    shape.push_back(a.shape[d]);
  std::string into = empty(shape, a.element);
  RandomValue out = result(shape, a.element, a.bound, a.error);
  line(fmt::format("{} = linalg.transpose ins({} : {}) outs({} : {}) permutation = [{}]", out.name, a.name, typeOf(a),
                   into, typeOf(out), fmt::join(order, ", ")));
}

void RandomMaker::broadcast() {
  RandomValue a =
      some([](const RandomValue &v) { return v.shape.size() < 3 && countOf(v.shape) < 200; }, {extent()}, anyElement());
  const int64_t at = pick(static_cast<int64_t>(a.shape.size()) + 1);
  Shape shape = a.shape;
  shape.insert(shape.begin() + at, extent());
  std::string into = empty(shape, a.element);
  RandomValue out = result(shape, a.element, a.bound, a.error);
  line(fmt::format("{} = linalg.broadcast ins({} : {}) outs({} : {}) dimensions = [{}]", out.name, a.name, typeOf(a),
                   into, typeOf(out), at));
}

void RandomMaker::reshaped() {
  RandomValue a = any(1);
  const auto rank = static_cast<int64_t>(a.shape.size());
  const int64_t at = pick(rank);
  std::vector<std::string> groups;
  int64_t dim = 0;
  if (rank > 1 && chance(50)) {
    const int64_t from = std::min(at, rank - 2);
    Shape shape = a.shape;
    shape[from] *= shape[from + 1];
    shape.erase(shape.begin() + from + 1);
    for (int64_t i = 0; i < rank - 1; ++i, ++dim)
      groups.push_back(i == from ? fmt::format("[{}, {}]", dim, dim + 1) : fmt::format("[{}]", dim)), dim += i == from;
    RandomValue out = result(shape, a.element, a.bound, a.error);
    return line(fmt::format("{} = tensor.collapse_shape {} [{}] : {} into {}", out.name, a.name,
                            fmt::join(groups, ", "), typeOf(a), typeOf(out)));
  }
  if (rank > 4)
    return;
  std::vector<int64_t> factors;
  for (int64_t f = 1; f <= a.shape[at]; ++f)
    if (a.shape[at] % f == 0)
      factors.push_back(f);
  const int64_t outer = a.shape[at] == 0 ? 1 : oneOf(factors);
  Shape shape = a.shape;
  shape[at] = outer;
  shape.insert(shape.begin() + at + 1, a.shape[at] / outer);
  for (int64_t i = 0; i < rank; ++i, ++dim)
    groups.push_back(i == at ? fmt::format("[{}, {}]", dim, dim + 1) : fmt::format("[{}]", dim)), dim += i == at;
  RandomValue out = result(shape, a.element, a.bound, a.error);
  line(fmt::format("{} = tensor.expand_shape {} [{}] output_shape [{}] : {} into {}", out.name, a.name,
                   fmt::join(groups, ", "), fmt::join(shape, ", "), typeOf(a), typeOf(out)));
}

void RandomMaker::sliced() {
  RandomValue a = any(1);
  Shape sizes, shape, ones(a.shape.size(), 1);
  std::vector<std::string> offsets, strides;
  const bool reduces = chance(30), dynamic = chance(50);
  for (int64_t extent : a.shape) {
    int64_t stride = chance(80) ? 1 : 2, size = extent == 0 ? 0 : chance(40) ? extent : 1 + pick(extent);
    stride = size > 0 && (size - 1) * stride < extent ? stride : 1;
    if (extent > 0 && chance(2))
      size = 0;
    const int64_t places = extent - std::max<int64_t>((size - 1) * stride, 0);
    offsets.push_back(extent == 0 || places < 1                ? "0"
                      : dynamic && size < extent && chance(60) ? position(places)
                                                               : std::to_string(pick(places)));
    sizes.push_back(size);
    strides.push_back(std::to_string(stride));
    if (!(reduces && size == 1))
      shape.push_back(size);
  }
  RandomValue out = result(shape, a.element, a.bound, a.error);
  line(fmt::format("{} = tensor.extract_slice {}[{}] [{}] [{}] : {} to {}", out.name, a.name, fmt::join(offsets, ", "),
                   fmt::join(sizes, ", "), fmt::join(strides, ", "), typeOf(a), typeOf(out)));
}

void RandomMaker::inserted() {
  RandomValue a = any(1);
  Shape sizes;
  std::vector<std::string> offsets;
  for (int64_t extent : a.shape) {
    const int64_t size = extent == 0 ? 0 : chance(50) ? extent : 1 + pick(extent);
    offsets.push_back(extent == 0  ? "0"
                      : chance(50) ? position(extent - size + 1)
                                   : std::to_string(pick(extent - size + 1)));
    sizes.push_back(size);
  }
  RandomValue part = like(sizes, a.element);
  std::vector<std::string> strides(sizes.size(), "1");
  RandomValue out = result(a.shape, a.element, std::max(a.bound, part.bound), std::max(a.error, part.error));
  line(fmt::format("{} = tensor.insert_slice {} into {}[{}] [{}] [{}] : {} into {}", out.name, part.name, a.name,
                   fmt::join(offsets, ", "), fmt::join(sizes, ", "), fmt::join(strides, ", "), typeOf(part),
                   typeOf(a)));
}

void RandomMaker::padded() {
  RandomValue a = any(1);
  Shape shape;
  std::vector<int64_t> low, high;
  std::vector<std::string> indices;
  for (size_t d = 0; d < a.shape.size(); ++d) {
    low.push_back(chance(50) ? 0 : pick(4));
    high.push_back(chance(50) ? 0 : pick(4));
    shape.push_back(a.shape[d] + low.back() + high.back());
    indices.push_back(fmt::format("%i{}: index", d));
  }
  std::string value = scalar(a.element, 1);
  const bool byIndex = a.element == "i64" && chance(50);
  RandomValue out = result(shape, a.element, std::max(a.bound, byIndex ? 30.0 : 1.0), a.error);
  line(fmt::format("{} = tensor.pad {} low[{}] high[{}] {{", out.name, a.name, fmt::join(low, ", "),
                   fmt::join(high, ", ")));
  line(fmt::format("^bb0({}):", fmt::join(indices, ", ")));
  if (byIndex)
    line("  %y = arith.index_cast %i0 : index to i64");
  line(fmt::format("  tensor.yield {} : {}", byIndex ? "%y" : value, a.element));
  line(fmt::format("}} : {} to {}", typeOf(a), typeOf(out)));
}

void RandomMaker::concatenated() {
  RandomValue a = any(1);
  const int64_t along = pick(static_cast<int64_t>(a.shape.size()));
  Shape shape = a.shape;
  std::vector<RandomValue> parts = {a};
  for (int64_t i = 0, count = 1 + pick(2); i < count; ++i) {
    Shape next = a.shape;
    next[along] = chance(40) ? a.shape[along] : extent();
    parts.push_back(like(next, a.element));
    shape[along] += next[along];
  }
  std::vector<std::string> names, types;
  double bound = 0, error = 0;
  for (const RandomValue &part : parts) {
    names.push_back(part.name);
    types.push_back(typeOf(part));
    bound = std::max(bound, part.bound);
    error = std::max(error, part.error);
  }
  RandomValue out = result(shape, a.element, bound, error);
  line(fmt::format("{} = tensor.concat dim({}) {} : ({}) -> {}", out.name, along, fmt::join(names, ", "),
                   fmt::join(types, ", "), typeOf(out)));
}

/// table[…, ids[…], …]
void RandomMaker::gathered() {
  RandomValue table = some([](const RandomValue &v) { return !v.shape.empty() && countOf(v.shape) > 0; },
                           {extent(), extent()}, anyElement());
  const auto along = static_cast<size_t>(pick(static_cast<int64_t>(table.shape.size())));
  const Shape idShape = chance(50) ? Shape{extent()} : Shape{2, extent()};
  RandomValue ids = positions(idShape, table.shape[along]);
  Shape shape(table.shape.begin(), table.shape.begin() + static_cast<ptrdiff_t>(along));
  const size_t first = shape.size();
  shape.insert(shape.end(), idShape.begin(), idShape.end());
  shape.insert(shape.end(), table.shape.begin() + static_cast<ptrdiff_t>(along) + 1, table.shape.end());
  if (shape.size() > 4)
    return;
  std::vector<std::string> idDims, indices;
  for (size_t i = 0; i < idShape.size(); ++i)
    idDims.push_back("d" + std::to_string(first + i));
  std::string block = "%at = arith.index_cast %x0 : i64 to index\n";
  for (size_t d = 0; d < table.shape.size(); ++d) {
    indices.push_back(d == along ? "%at" : "%i" + std::to_string(d));
    if (d != along)
      block += fmt::format("        %i{} = linalg.index {} : index\n", d, d < along ? d : d + idShape.size() - 1);
  }
  block += fmt::format("        %y = tensor.extract {}[{}] : {}", table.name, fmt::join(indices, ", "), typeOf(table));
  RandomValue out = result(shape, table.element, table.bound, table.error);
  elementwise(out, {ids}, {mapOf(shape.size(), idDims)}, block);
}

/// Rows of updates to where data says: the last one there wins, or the larger numbers of all.
void RandomMaker::scattered() {
  RandomValue into = some([](const RandomValue &v) { return !v.shape.empty() && countOf(v.shape) > 0; },
                          {extent(), extent()}, anyElement());
  const int64_t count = extent();
  Shape updateShape = into.shape, row = into.shape;
  updateShape[0] = count;
  row[0] = 1;
  RandomValue updates = like(updateShape, into.element), ids = positions({count}, into.shape[0]);
  std::vector<std::string> zeros(into.shape.size() - 1, "0"), ones(into.shape.size(), "1");
  auto at = [&](const std::string &first) {
    std::string text = "[" + first;
    for (const std::string &zero : zeros)
      text += ", " + zero;
    return text + fmt::format("] [{}] [{}]", fmt::join(row, ", "), fmt::join(ones, ", "));
  };
  std::string low = index(0), high = index(count), step = index(1);
  RandomValue out =
      result(into.shape, into.element, std::max(into.bound, updates.bound), std::max(into.error, updates.error));
  line(fmt::format("{} = scf.for %i = {} to {} step {} iter_args(%t = {}) -> {} {{", out.name, low, high, step,
                   into.name, typeOf(into)));
  line(fmt::format("  %u = tensor.extract_slice {}{} : {} to {}", updates.name, at("%i"), typeOf(updates),
                   typeOf(row, into.element)));
  line(fmt::format("  %n = tensor.extract {}[%i] : {}", ids.name, typeOf(ids)));
  line("  %at = arith.index_cast %n : i64 to index");
  const bool combines = chance(50);
  const std::string op = isFloat(into.element) ? "maximumf" : into.element == "i1" ? "ori" : "maxsi";
  if (combines) {
    line(fmt::format("  %old = tensor.extract_slice %t{} : {} to {}", at("%at"), typeOf(into),
                     typeOf(row, into.element)));
    line(fmt::format("  %c = arith.{} %old, %u : {}", op, typeOf(row, into.element)));
  }
  line(fmt::format("  %w = tensor.insert_slice {} into %t{} : {} into {}", combines ? "%c" : "%u", at("%at"),
                   typeOf(row, into.element), typeOf(into)));
  line(fmt::format("  scf.yield %w : {}", typeOf(into)));
  line("}");
}

/// Elements to where data says along one axis, a loop a dimension; what is there is replaced or combined with.
void RandomMaker::scatteredElements() {
  RandomValue into = some([](const RandomValue &v) { return !v.shape.empty() && countOf(v.shape) > 0; },
                          {extent(), extent()}, anyElement());
  const auto axis = static_cast<size_t>(pick(static_cast<int64_t>(into.shape.size())));
  Shape shape = into.shape;
  for (size_t d = 0; d < shape.size(); ++d)
    shape[d] = d == axis ? extent() : chance(20) ? 1 + pick(shape[d]) : shape[d];
  RandomValue updates = like(shape, into.element), ids = positions(shape, into.shape[axis]);
  const bool combines = chance(60);
  const std::string op = isFloat(into.element) ? "maximumf" : into.element == "i1" ? "ori" : "muli";
  const bool grows = combines && op == "muli";
  RandomValue out = result(into.shape, into.element, grows ? HUGE_VAL : std::max(into.bound, updates.bound),
                           std::max(into.error, updates.error));
  std::string low = index(0), step = index(1), type = typeOf(into), state = into.name;
  std::vector<std::string> counters, places, ends;
  for (int64_t count : shape)
    ends.push_back(index(count));
  for (size_t d = 0; d < shape.size(); ++d) {
    counters.push_back(fmt::format("%i{}", d));
    places.push_back(d == axis ? "%at" : counters[d]);
    line(fmt::format("{} = scf.for {} = {} to {} step {} iter_args(%t{} = {}) -> {} {{",
                     d == 0 ? out.name : fmt::format("%r{}", d), counters[d], low, ends[d], step, d, state, type));
    state = fmt::format("%t{}", d);
  }
  const std::string at = fmt::format("[{}]", fmt::join(places, ", ")),
                    from = fmt::format("[{}]", fmt::join(counters, ", "));
  line(fmt::format("  %n = tensor.extract {}{} : {}", ids.name, from, typeOf(ids)));
  line("  %at = arith.index_cast %n : i64 to index");
  line(fmt::format("  %u = tensor.extract {}{} : {}", updates.name, from, typeOf(updates)));
  if (combines) {
    line(fmt::format("  %old = tensor.extract {}{} : {}", state, at, type));
    line(fmt::format("  %w = arith.{} %old, %u : {}", op, into.element));
  }
  line(fmt::format("  %r{} = tensor.insert {} into {}{} : {}", shape.size(), combines ? "%w" : "%u", state, at, type));
  for (size_t d = shape.size(); d > 0; --d)
    line(fmt::format("  scf.yield %r{} : {} }}", d, type));
}

void RandomMaker::generated() {
  Shape shape = anyShape(static_cast<size_t>(1 + pick(3)));
  std::string element = oneOf<std::string>({"i64", "i32", "f32"});
  double most = 0;
  for (int64_t extent : shape)
    most += 2 * double(extent);
  bool generate = chance(50);
  std::string two = index(2), into = generate ? "" : empty(shape, element);
  RandomValue out = result(shape, element, most, 0);
  std::vector<std::string> names, block;
  for (size_t d = 0; d < shape.size(); ++d)
    names.push_back("%i" + std::to_string(d));
  if (generate) {
    line(fmt::format("{} = tensor.generate {{", out.name));
    line(fmt::format("^bb0({}: index):", fmt::join(names, ": index, ")));
  } else {
    line(fmt::format("{} = linalg.generic {{indexing_maps = [{}], iterator_types = [{}]}} outs({} : {}) {{", out.name,
                     identityMap(shape.size()), fmt::join(std::vector<std::string>(shape.size(), "\"parallel\""), ", "),
                     into, typeOf(out)));
    line(fmt::format("^bb0(%o: {}):", element));
    for (size_t d = 0; d < shape.size(); ++d)
      line(fmt::format("  %i{} = linalg.index {} : index", d, d));
  }
  line("  %s0 = arith.muli %i0, " + two + " : index");
  for (size_t d = 1; d < shape.size(); ++d)
    line(fmt::format("  %s{} = arith.addi %s{}, %i{} : index", d, d - 1, d));
  std::string sum = "%s" + std::to_string(shape.size() - 1);
  line(fmt::format("  %n = arith.index_cast {} : index to {}", sum, isFloat(element) ? "i32" : element));
  if (isFloat(element))
    line(fmt::format("  %y = arith.sitofp %n : i32 to {}", element));
  line(fmt::format("  {}.yield {} : {}", generate ? "tensor" : "linalg", isFloat(element) ? "%y" : "%n", element));
  line(fmt::format("}} {} {}", generate ? ":" : "->", typeOf(out)));
}

/// Loops as often as data says; what it carries stays within the larger bound.
void RandomMaker::repeated() {
  RandomValue a = any(), b = like(a.shape, a.element);
  std::string low = index(0), high = position(6), step = index(1);
  std::string half = isFloat(a.element) ? scalar(a.element, 0.5) : "";
  const double bound = std::max(a.bound, b.bound), worst = std::max(a.error, b.error);
  double error = worst > 0 ? worst + 12 * unitOf(a.element) * bound : 0;
  std::string type = typeOf(a);
  RandomValue out = result(a.shape, a.element, isFloat(a.element) ? bound : HUGE_VAL, error);
  const bool two = chance(50);
  RandomValue other = two ? result(a.shape, a.element, isFloat(a.element) ? bound : HUGE_VAL, error) : out;
  std::string op = isFloat(a.element) ? "arith.addf" : a.element == "i1" ? "arith.xori" : "arith.addi";
  if (two)
    line(fmt::format("{}, {} = scf.for %i = {} to {} step {} iter_args(%t = {}, %u = {}) -> ({}, {}) {{", out.name,
                     other.name, low, high, step, a.name, b.name, type, type));
  else
    line(fmt::format("{} = scf.for %i = {} to {} step {} iter_args(%t = {}) -> {} {{", out.name, low, high, step,
                     a.name, type));
  line(fmt::format("  %s = {} %t, {} : {}", op, two ? "%u" : b.name, type));
  std::string sum = "%s";
  if (isFloat(a.element)) {
    line(fmt::format("  %h = tensor.splat {} : {}", half, type));
    line(fmt::format("  %m = arith.mulf %s, %h : {}", type));
    sum = "%m";
  }
  line(two ? fmt::format("  scf.yield %u, {} : {}, {}", sum, type, type)
           : fmt::format("  scf.yield {} : {}", sum, type));
  line("}");
}

void RandomMaker::repeatedWhile() {
  RandomValue a = any(), b = like(a.shape, a.element);
  std::string last = position(5), zero = index(0), one = index(1), type = typeOf(a);
  RandomValue out = result(a.shape, a.element, std::max(a.bound, b.bound), std::max(a.error, b.error));
  std::string times = fresh();
  line(fmt::format("{}, {} = scf.while (%n = {}, %t = {}) : (index, {}) -> (index, {}) {{", times, out.name, zero,
                   a.name, type, type));
  line(fmt::format("  %c = arith.cmpi ult, %n, {} : index", last));
  line(fmt::format("  scf.condition(%c) %n, %t : index, {}", type));
  line("} do {");
  line(fmt::format("^bb0(%n: index, %t: {}):", type));
  line(fmt::format("  %m = arith.addi %n, {} : index", one));
  line(fmt::format("  %r = arith.remui %n, {} : index", index(2)));
  line(fmt::format("  %d = arith.cmpi eq, %r, {} : index", zero));
  line(fmt::format("  %s = arith.select %d, {}, %t : {}", b.name, type));
  line(fmt::format("  scf.yield %m, %s : index, {}", type));
  line("}");
}

void RandomMaker::branched() {
  RandomValue a = any(), b = like(a.shape, a.element), c = like({}, "i1");
  std::string condition = fresh(), type = typeOf(a);
  line(fmt::format("{} = tensor.extract {}[] : tensor<i1>", condition, c.name));
  RandomValue out = result(a.shape, a.element, std::max(a.bound, b.bound), std::max(a.error, b.error));
  line(fmt::format("{} = scf.if {} -> {} {{", out.name, condition, type));
  if (isFloat(a.element))
    line(fmt::format("  %s = arith.maximumf {}, {} : {}", a.name, b.name, type));
  else
    line(fmt::format("  %s = arith.andi {}, {} : {}", a.name, a.name, type));
  line(fmt::format("  scf.yield %s : {}", type));
  line("} else {");
  line(fmt::format("  scf.yield {} : {}", b.name, type));
  line("}");
}

/// Each row is the sum of all before it, or each column, perhaps backwards.
void RandomMaker::accumulated() {
  RandomValue a =
      some([](const RandomValue &v) { return v.shape.size() == 2 && v.element != "i1" && countOf(v.shape) > 0; },
           {extent(), extent()}, oneOf<std::string>({"f32", "i64", "f64"}));
  const size_t axis = chance(50) ? 0 : 1;
  const int64_t steps = a.shape[axis];
  Shape rowShape = a.shape;
  rowShape[axis] = 1;
  a = within(a, 20.0 / double(steps));
  const double bound = double(steps) * std::max(a.bound, 1e-3), unit = unitOf(a.element);
  const double error = a.error > 0 ? double(steps) * (a.error + unit * bound) : 0;
  std::string type = typeOf(a), row = typeOf(rowShape, a.element);
  std::string low = index(0), high = index(steps), step = index(1), last = index(steps - 1),
              sums = filled(rowShape, a.element, 0), into = empty(a.shape, a.element);
  RandomValue out = result(a.shape, a.element, isFloat(a.element) ? bound : HUGE_VAL, isFloat(a.element) ? error : 0);
  line(fmt::format("{}, {} = scf.for %i = {} to {} step {} iter_args(%t = {}, %s = {}) -> ({}, {}) {{", out.name,
                   fresh(), low, high, step, into, sums, type, row));
  const std::string place = chance(50) ? "%p" : "%i";
  line(fmt::format("  %p = arith.subi {}, %i : index", last));
  std::string at =
      fmt::format("[{}, {}] [{}] [1, 1]", axis == 0 ? place : "0", axis == 1 ? place : "0", fmt::join(rowShape, ", "));
  line(fmt::format("  %x = tensor.extract_slice {}{} : {} to {}", a.name, at, type, row));
  line(fmt::format("  %y = {} %s, %x : {}", isFloat(a.element) ? "arith.addf" : "arith.addi", row));
  line(fmt::format("  %w = tensor.insert_slice %y into %t{} : {} into {}", at, row, type));
  line(fmt::format("  scf.yield %w, %y : {}, {}", type, row));
  line("}");
}

} // namespace weft::test
