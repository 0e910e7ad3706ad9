// Control flow whose parts look at more than one place: what stands above it, loops around it, several writes.
#include "tests/e2e/RandomTensorMaker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace weft::test {

/// Of two tensors or scalars of `type`, one that is no larger than they are.
std::string RandomMaker::merged(const std::string &a, const std::string &b, const std::string &element,
                                const std::string &type) {
  const std::string op = isFloat(element) ? "maximumf" : element == "i1" ? "ori" : "maxsi";
  return fmt::format("arith.{} {}, {} : {}", op, a, b, type);
}

/// A tensor with elements.
RandomValue RandomMaker::filledOne(size_t rank) {
  return some([&](const RandomValue &v) { return v.shape.size() >= rank && countOf(v.shape) > 0; },
              Shape(std::max<size_t>(rank, 2), extent()), anyElement());
}

/// An element that is read above a loop or a branch, of a tensor that this carries or reads.
void RandomMaker::readAbove() {
  RandomValue a = filledOne(1);
  std::vector<std::string> at;
  for (int64_t extent : a.shape)
    at.push_back(position(extent));
  std::string number = fresh(), type = typeOf(a);
  line(fmt::format("{} = tensor.extract {}[{}] : {}", number, a.name, fmt::join(at, ", "), type));
  const bool branches = !isFloat(a.element) && chance(50);
  std::string condition = number;
  if (branches && a.element != "i1") {
    std::string least = scalar(a.element, 2);
    condition = fresh();
    line(fmt::format("{} = arith.cmpi sgt, {}, {} : {}", condition, number, least, a.element));
  }
  std::string low = index(0), high = position(5), step = index(1);
  RandomValue init = chance(50) ? a : like(a.shape, a.element);
  RandomValue out = result(a.shape, a.element, std::max(a.bound, init.bound), std::max(a.error, init.error));
  if (branches)
    line(fmt::format("{} = scf.if {} -> {} {{", out.name, condition, type));
  else
    line(fmt::format("{} = scf.for %i = {} to {} step {} iter_args(%t = {}) -> {} {{", out.name, low, high, step,
                     init.name, type));
  line(fmt::format("  %all = tensor.splat {} : {}", number, type));
  line("  %m = " + merged(branches ? init.name : "%t", "%all", a.element, type));
  line("  %r = " + merged("%m", a.name, a.element, type));
  line(fmt::format("  scf.yield %r : {}", type));
  line(branches ? fmt::format("}} else {{\n        scf.yield {} : {} }}", init.name, type) : "}");
}

/// A branch in an inner loop sees what the outer one made of the tensor that both carry.
void RandomMaker::branchedInside() {
  RandomValue a = any(1), b = like(a.shape, a.element);
  const int64_t times = 1 + pick(4);
  RandomValue choices = like({times}, "i1");
  std::string low = index(0), outer = index(2), inner = index(times), step = index(1), type = typeOf(a);
  RandomValue out = result(a.shape, a.element, std::max(a.bound, b.bound), std::max(a.error, b.error));
  line(fmt::format("{} = scf.for %o = {} to {} step {} iter_args(%u = {}) -> {} {{", out.name, low, outer, step, a.name,
                   type));
  line("  %z = " + merged("%u", b.name, a.element, type));
  line(fmt::format("  %r = scf.for %i = {} to {} step {} iter_args(%t = %u) -> {} {{", low, inner, step, type));
  line(fmt::format("    %c = tensor.extract {}[%i] : {}", choices.name, typeOf(choices)));
  line(fmt::format("    %q = scf.if %c -> {} {{", type));
  line("      %m = " + merged("%t", "%z", a.element, type));
  line(fmt::format("      scf.yield %m : {}", type));
  line(fmt::format("    }} else {{\n          scf.yield %t : {} }}", type));
  line(fmt::format("    scf.yield %q : {} }}", type));
  line(fmt::format("  scf.yield %r : {} }}", type));
}

/// One iteration writes several elements or rows where data says; a later one may see an earlier one's.
void RandomMaker::writtenOften() {
  RandomValue into = filledOne(2);
  const size_t rank = into.shape.size();
  const int64_t count = 1 + pick(5), writes = 2 + pick(3);
  Shape row = into.shape;
  row[0] = 1;
  Shape updateShape = row;
  updateShape[0] = count;
  RandomValue updates = like(updateShape, into.element);
  std::string low = index(0), high = index(count), step = index(1), type = typeOf(into);
  std::vector<RandomValue> places;
  for (int64_t i = 0; i < writes; ++i)
    places.push_back(positions({count}, into.shape[0]));
  RandomValue out =
      result(into.shape, into.element, std::max(into.bound, updates.bound), std::max(into.error, updates.error));
  auto at = [&](const std::string &first, bool isRow) {
    std::vector<std::string> others(rank - 1, isRow ? "0" : low), ones(rank, "1");
    return isRow ? fmt::format("[{}, {}] [{}] [{}]", first, fmt::join(others, ", "), fmt::join(row, ", "),
                               fmt::join(ones, ", "))
                 : fmt::format("[{}, {}]", first, fmt::join(others, ", "));
  };
  line(fmt::format("{} = scf.for %i = {} to {} step {} iter_args(%t0 = {}) -> {} {{", out.name, low, high, step,
                   into.name, type));
  for (int64_t i = 0; i < writes; ++i) {
    const bool isRow = chance(50);
    const std::string part = isRow ? typeOf(row, into.element) : into.element;
    auto read = [&](const std::string &name, const RandomValue &of, const std::string &tensor,
                    const std::string &first) {
      line(fmt::format("  %{}{} = tensor.{} {}{} : {}{}", name, i, isRow ? "extract_slice" : "extract", tensor,
                       at(first, isRow), typeOf(of), isRow ? " to " + part : ""));
    };
    line(fmt::format("  %n{} = tensor.extract {}[%i] : {}", i, places[i].name, typeOf(places[i])));
    line(fmt::format("  %at{0} = arith.index_cast %n{0} : i64 to index", i));
    const std::string first = fmt::format("%at{}", i), state = fmt::format("%t{}", i);
    read("u", updates, updates.name, "%i");
    std::string written = fmt::format("%u{}", i);
    if (chance(50)) {
      read("old", into, state, first);
      line(fmt::format("  %w{} = ", i) + merged(fmt::format("%old{}", i), written, into.element, part));
      written = fmt::format("%w{}", i);
    }
    line(fmt::format("  %t{} = tensor.{} {} into {}{} : {}{}", i + 1, isRow ? "insert_slice" : "insert", written, state,
                     at(first, isRow), isRow ? part + " into " : "", type));
  }
  line(fmt::format("  scf.yield %t{} : {} }}", writes, type));
}

/// The columns go round, by way of a tensor that is reshaped before anything is written to it.
void RandomMaker::turned() {
  RandomValue a = some([](const RandomValue &v) { return v.shape.size() == 2 && v.shape[1] > 1 && v.shape[0] > 0; },
                       {extent(), 1 + extent()}, anyElement());
  const int64_t rows = a.shape[0], columns = a.shape[1], by = 1 + pick(columns - 1), rest = columns - by;
  std::string low = index(0), high = position(5), step = index(1), type = typeOf(a);
  std::string into = empty({rows, 1, columns}, a.element);
  const Shape left = {rows, rest}, right = {rows, by};
  RandomValue out = result(a.shape, a.element, a.bound, a.error);
  line(fmt::format("{} = scf.for %i = {} to {} step {} iter_args(%t = {}) -> {} {{", out.name, low, high, step, a.name,
                   type));
  line(fmt::format("  %e = tensor.collapse_shape {} [[0, 1], [2]] : {} into {}", into,
                   typeOf(Shape{rows, 1, columns}, a.element), type));
  auto move = [&](const std::string &name, const Shape &part, int64_t from, int64_t to, const std::string &state) {
    line(fmt::format("  %{}.part = tensor.extract_slice %t[0, {}] [{}] [1, 1] : {} to {}", name, from,
                     fmt::join(part, ", "), type, typeOf(part, a.element)));
    line(fmt::format("  %{0} = tensor.insert_slice %{0}.part into {1}[0, {2}] [{3}] [1, 1] : {4} into {5}", name, state,
                     to, fmt::join(part, ", "), typeOf(part, a.element), type));
  };
  move("l", left, by, 0, "%e");
  move("r", right, 0, rest, "%l");
  line(fmt::format("  scf.yield %r : {} }}", type));
}

} // namespace weft::test
