// Ops that compute: elementwise ones, reductions, contractions.
#include "tests/e2e/RandomTensorMaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weft::test {

std::string RandomMaker::arithmetic(const RandomValue &a, const RandomValue &b, double &bound, double &error) {
  const std::string &type = a.element;
  error = std::max(a.error, b.error);
  bound = std::max(a.bound, b.bound);
  std::string op;
  if (type == "i1") {
    op = oneOf<std::string>({"andi", "ori", "xori"});
  } else if (!isFloat(type)) {
    op = oneOf<std::string>({"addi", "subi", "muli", "andi", "ori", "xori", "maxsi", "minsi", "maxui", "minui"});
    bound = HUGE_VAL;
  } else {
    op = oneOf<std::string>({"addf", "subf", "mulf", "maximumf", "minimumf", "maxnumf", "minnumf"});
    if (op == "addf" || op == "subf") {
      bound = a.bound + b.bound;
      error = a.error + b.error;
    } else if (op == "mulf") {
      bound = a.bound * b.bound;
      error = a.error * b.bound + b.error * a.bound + a.error * b.error;
    }
    if (error > 0)
      error += unitOf(type) * bound;
  }
  return fmt::format("%y = arith.{} %x0, %x1 : {}", op, type);
}

void RandomMaker::binary() {
  RandomValue a = within(any(), 12);
  Shape shape;
  std::vector<std::string> dims;
  for (size_t d = 0; d < a.shape.size(); ++d)
    if (chance(70)) {
      bool one = chance(20);
      shape.push_back(one ? 1 : a.shape[d]);
      dims.push_back(one ? "0" : "d" + std::to_string(d));
    }
  RandomValue b = within(like(shape, a.element), 12);
  double bound = 0, error = 0;
  std::string block = arithmetic(a, b, bound, error);
  if (!isFloat(a.element) && a.element != "i1" && chance(20)) { // by a constant: what may divide or shift
    bound = HUGE_VAL;
    std::string op = oneOf<std::string>(
        {"divsi", "divui", "remsi", "remui", "ceildivsi", "floordivsi", "ceildivui", "shli", "shrsi", "shrui"});
    std::string by = scalar(a.element, double(1 + pick(6)));
    block = fmt::format("%z = arith.addi %x0, %x1 : {1}\n        %y = arith.{0} %z, {2} : {1}", op, a.element, by);
  } else if (isFloat(a.element) && chance(10)) {
    error = a.error / 3 + b.error;
    bound = a.bound / 3 + b.bound;
    // The interpreter may keep in f32 what one body makes of f16.
    error += error > 0 || a.element == "f16" ? 3 * unitOf(a.element) * bound : 0;
    block = fmt::format("%z = arith.divf %x0, {1} : {0}\n        %y = arith.addf %z, %x1 : {0}", a.element,
                        scalar(a.element, 3));
  }
  RandomValue out = result(a.shape, a.element, bound, error);
  elementwise(out, {a, b}, {identityMap(a.shape.size()), mapOf(a.shape.size(), dims)}, block);
}

void RandomMaker::unary() {
  RandomValue a = any();
  std::string op, type = typeOf(a);
  double bound = a.bound, error = a.error;
  if (a.element == "i1") {
    RandomValue out = result(a.shape, "i1", 1, 0);
    return line(fmt::format("{} = arith.xori {}, {} : {}", out.name, a.name, a.name, type));
  }
  if (!isFloat(a.element)) {
    op = oneOf<std::string>({"absi", "ctpop", "ctlz", "cttz"});
    bound = HUGE_VAL;
  } else if (chance(40)) {
    op = oneOf<std::string>({"absf", "floor", "ceil", "trunc", "roundeven", "round"});
    if (a.error > 0)
      op = "absf";
    bound += op == "absf" ? 0 : 1;
  } else {
    // Each with its greatest value and slope on [-3, 3].
    struct Function {
      std::string name;
      double bound, slope;
    };
    auto f = oneOf<Function>({{"tanh", 1, 1},
                              {"exp", 20.1, 20.1},
                              {"sin", 1, 1},
                              {"cos", 1, 1},
                              {"erf", 1, 1.13},
                              {"exp2", 8, 5.6},
                              {"expm1", 20.1, 20.1},
                              {"atan", 1.3, 1}});
    op = f.name;
    a = within(a, 3);
    error = a.error * f.slope + 8 * unitOf(a.element) * f.bound;
    bound = f.bound;
  }
  if (chance(50)) { // a named form
    RandomValue out = result(a.shape, a.element, bound, error);
    return line(fmt::format("{} = math.{} {} : {}", out.name, op, a.name, type));
  }
  std::string into = empty(a.shape, a.element);
  RandomValue out = result(a.shape, a.element, bound, error);
  line(fmt::format("{0} = linalg.map {{ math.{1} }} ins({2} : {3}) outs({4} : {3})", out.name, op, a.name, type, into));
}

void RandomMaker::compared() {
  auto exact = [](const RandomValue &value) { return value.error == 0 && value.element != "i1"; };
  RandomValue a = some(exact, anyShape(), "f32");
  std::string op = isFloat(a.element) ? "arith.cmpf " + oneOf<std::string>({"olt", "oge", "ueq", "une", "ord"})
                                      : "arith.cmpi " + oneOf<std::string>({"slt", "sge", "ult", "eq", "ne"});
  RandomValue b = some([&](const RandomValue &v) { return exact(v) && v.shape == a.shape && v.element == a.element; },
                       a.shape, a.element);
  RandomValue out = result(a.shape, "i1", 1, 0);
  std::string map = identityMap(a.shape.size());
  elementwise(out, {a, b}, {map, map}, fmt::format("%y = {}, %x0, %x1 : {}", op, a.element));
}

void RandomMaker::selected() {
  RandomValue a = any(), b = like(a.shape, a.element), condition = like(a.shape, "i1");
  RandomValue out = result(a.shape, a.element, std::max(a.bound, b.bound), std::max(a.error, b.error));
  line(fmt::format("{} = arith.select {}, {}, {} : {}, {}", out.name, condition.name, a.name, b.name, typeOf(condition),
                   typeOf(a)));
}

void RandomMaker::converted() {
  RandomValue a = any();
  std::string from = a.element, to = anyElement(), op;
  if (from == to)
    return;
  double bound = a.bound, error = a.error;
  if (isFloat(from) && isFloat(to)) {
    op = bitsOf(from) < bitsOf(to) ? "extf" : "truncf";
    error += op == "truncf" && error > 0 ? unitOf(to) * bound : 0;
  } else if (isFloat(from)) {
    if (a.error > 0 || to == "i1")
      return;
    op = "fptosi";
    a = within(a, 100);
  } else if (isFloat(to)) {
    a = within(a, 1000);
    bound = a.bound;
    op = from == "i1" ? "uitofp" : oneOf<std::string>({"sitofp", from == "i8" ? "sitofp" : "uitofp"});
    if (a.bound > 1000 || (op == "uitofp" && from != "i1"))
      op = "sitofp";
  } else {
    op = bitsOf(from) > bitsOf(to) ? "trunci" : from == "i1" ? "extui" : oneOf<std::string>({"extsi", "extui"});
    bound = from == "i1" ? 1 : HUGE_VAL;
  }
  RandomValue out = result(a.shape, to, bound, error);
  line(fmt::format("{} = arith.{} {} : {} to {}", out.name, op, a.name, typeOf(a), typeOf(out)));
}

void RandomMaker::reduced() {
  RandomValue a = any(1);
  Shape kept;
  std::vector<std::string> keptDims, iterators;
  std::vector<int64_t> gone;
  double count = 1;
  const int64_t sure = pick(static_cast<int64_t>(a.shape.size()));
  for (size_t d = 0; d < a.shape.size(); ++d) {
    bool reduces = int64_t(d) == sure || chance(40);
    iterators.push_back(reduces ? "reduction" : "parallel");
    if (reduces) {
      gone.push_back(static_cast<int64_t>(d));
      count *= double(a.shape[d]);
    } else {
      kept.push_back(a.shape[d]);
      keptDims.push_back("d" + std::to_string(d));
    }
  }
  std::string op =
      isFloat(a.element) ? oneOf<std::string>({"addf", "addf", "maximumf", "minimumf", "maxnumf", "mulf"})
      : a.element == "i1"
          ? oneOf<std::string>({"andi", "ori", "xori"})
          : oneOf<std::string>({"addi", "muli", "maxsi", "minsi", "maxui", "minui", "andi", "ori", "xori"});
  if (op == "mulf" && count > 12)
    op = "addf";
  const double unit = unitOf(a.element);
  double first = op == "mulf" || op == "muli" ? 1 : 0, bound = HUGE_VAL, error = 0;
  a = within(a, op == "addf"         ? 20 / std::max(count, 1.0) + 0.125
                : op == "mulf"       ? 1.25
                : isFloat(a.element) ? 50
                                     : HUGE_VAL);
  if (chance(30))
    first = double(pick(3));
  if (op == "addf") {
    bound = count * a.bound + 2;
    error = count * (a.error + unit * bound);
  } else if (op == "mulf") {
    bound = 2 * std::pow(a.bound, count);
    error = count * bound * (a.error + unit);
  } else if (isFloat(a.element)) {
    bound = std::max(a.bound, 2.0);
    error = a.error;
  }
  bool tensorInit = chance(20);
  RandomValue init = tensorInit ? within(like(kept, a.element), 2) : RandomValue{};
  if (tensorInit)
    error += isFloat(a.element) ? init.error * (op == "mulf" ? bound : 1) : 0;
  std::string into = tensorInit ? init.name : filled(kept, a.element, first);
  RandomValue out = result(kept, a.element, bound, error);
  if (chance(50))
    return line(fmt::format("{} = linalg.reduce {{ arith.{} }} ins({} : {}) outs({} : {}) dimensions = [{}]", out.name,
                            op, a.name, typeOf(a), into, typeOf(out), fmt::join(gone, ", ")));
  std::string operands = chance(50) ? "%x0, %o" : "%o, %x0";
  generic(out, {a}, {identityMap(a.shape.size()), mapOf(a.shape.size(), keptDims)}, iterators, into,
          fmt::format("%y = arith.{} {} : {}", op, operands, a.element));
}

/// The first of the largest along a dimension, and where it is.
void RandomMaker::firstLargest() {
  RandomValue a = some(
      [](const RandomValue &v) {
        return v.error == 0 && v.element != "i1" && !v.shape.empty() && countOf(v.shape) > 0;
      },
      {extent(), extent()}, "f32");
  const auto along = static_cast<size_t>(pick(static_cast<int64_t>(a.shape.size())));
  Shape kept = a.shape;
  kept.erase(kept.begin() + static_cast<ptrdiff_t>(along));
  std::vector<std::string> dims = dimsOf(a.shape.size()), kinds(a.shape.size(), "\"parallel\"");
  dims.erase(dims.begin() + static_cast<ptrdiff_t>(along));
  kinds[along] = "\"reduction\"";
  std::string most = filled(kept, a.element, isFloat(a.element) ? -1000 : -128), at = filled(kept, "i64", 0);
  std::string map = mapOf(a.shape.size(), dims);
  RandomValue best = result(kept, a.element, a.bound, 0), where = result(kept, "i64", double(a.shape[along]), 0);
  line(fmt::format("{}, {} = linalg.generic {{indexing_maps = [{}, {}, {}], iterator_types = [{}]}} ins({} : {}) "
                   "outs({}, {} : {}, {}) {{",
                   best.name, where.name, identityMap(a.shape.size()), map, map, fmt::join(kinds, ", "), a.name,
                   typeOf(a), most, at, typeOf(best), typeOf(where)));
  line(fmt::format("^bb0(%x: {0}, %m: {0}, %w: i64):", a.element));
  line(fmt::format("  %i = linalg.index {} : index", along));
  line("  %j = arith.index_cast %i : index to i64");
  line(fmt::format("  %c = {} %x, %m : {}", isFloat(a.element) ? "arith.cmpf ogt," : "arith.cmpi sgt,", a.element));
  line(fmt::format("  %y = arith.select %c, %x, %m : {}", a.element));
  line("  %z = arith.select %c, %j, %w : i64");
  line(fmt::format("  linalg.yield %y, %z : {}, i64", a.element));
  line(fmt::format("}} -> ({}, {})", typeOf(best), typeOf(where)));
}

void RandomMaker::product() {
  const int64_t m = extent(), n = extent(), k = chance(4) ? 0 : extent(), b = oneOf<int64_t>({1, 2, 3});
  struct Form {
    std::string op;
    Shape a, b, c;
  };
  auto form = oneOf<Form>({{"matmul", {m, k}, {k, n}, {m, n}},
                           {"matmul", {m, k}, {k, n}, {m, n}},
                           {"matmul_transpose_b", {m, k}, {n, k}, {m, n}},
                           {"matmul_transpose_a", {k, m}, {k, n}, {m, n}},
                           {"batch_matmul", {b, m, k}, {b, k, n}, {b, m, n}},
                           {"batch_matmul_transpose_b", {b, m, k}, {b, n, k}, {b, m, n}},
                           {"matvec", {m, k}, {k}, {m}},
                           {"vecmat", {k}, {k, n}, {n}},
                           {"batch_matvec", {b, m, k}, {b, k}, {b, m}},
                           {"dot", {k}, {k}, {}}});
  std::string from = chance(70) ? floatElement() : integerElement(), to = from;
  if (from == "i8" || (from == "f16" && chance(50)))
    to = from == "i8" ? "i32" : "f32";
  RandomValue x = within(like(form.a, from), 3), y = within(like(form.b, from), 3);
  double bound = double(k) * x.bound * y.bound + 2, unit = unitOf(to);
  double error = double(k) * (x.error * y.bound + y.error * x.bound + x.error * y.error + unit * bound);
  bool tensorInit = chance(20);
  RandomValue init = tensorInit ? within(like(form.c, to), 2) : RandomValue{};
  std::string into = tensorInit ? init.name : filled(form.c, to, chance(80) ? 0 : 2);
  RandomValue out = result(form.c, to, isFloat(to) ? bound : HUGE_VAL, isFloat(to) ? error + init.error : 0);
  line(fmt::format("{} = linalg.{} ins({}, {} : {}, {}) outs({} : {}) -> {}", out.name, form.op, x.name, y.name,
                   typeOf(x), typeOf(y), into, typeOf(out), typeOf(out)));
}

void RandomMaker::convolution() {
  const int64_t c = oneOf<int64_t>({1, 2, 3}), f = oneOf<int64_t>({1, 2, 5}), k = oneOf<int64_t>({1, 2, 3}),
                stride = oneOf<int64_t>({1, 1, 2}), dilation = oneOf<int64_t>({1, 1, 2}),
                o = oneOf<int64_t>({1, 3, 4, 7}), n = (o - 1) * stride + (k - 1) * dilation + 1;
  struct Form {
    std::string op;
    int rank;
    Shape a, b, c;
  };
  auto form = oneOf<Form>({{"conv_1d_nwc_wcf", 1, {1, n, c}, {k, c, f}, {1, o, f}},
                           {"conv_1d_ncw_fcw", 1, {2, c, n}, {f, c, k}, {2, f, o}},
                           {"conv_2d_nhwc_hwcf", 2, {1, n, n, c}, {k, k, c, f}, {1, o, o, f}},
                           {"conv_2d_nchw_fchw", 2, {1, c, n, n}, {f, c, k, k}, {1, f, o, o}},
                           {"depthwise_conv_2d_nhwc_hwc", 2, {1, n, n, c}, {k, k, c}, {1, o, o, c}},
                           {"depthwise_conv_1d_nwc_wc", 1, {1, n, c}, {k, c}, {1, o, c}}});
  std::string type = floatElement();
  RandomValue x = within(like(form.a, type), 2), w = within(like(form.b, type), 2);
  double terms = double(form.rank == 2 ? k * k * c : k * c), bound = terms * x.bound * w.bound;
  double error = terms * (x.error * w.bound + w.error * x.bound + x.error * w.error + unitOf(type) * bound);
  std::string into = filled(form.c, type, 0);
  RandomValue out = result(form.c, type, bound, error);
  line(fmt::format(
      "{0} = linalg.{1} {{strides = dense<{2}> : vector<{4}xi64>, dilations = dense<{3}> : vector<{4}xi64>}} "
      "ins({5}, {6} : {7}, {8}) outs({9} : {10}) -> {10}",
      out.name, form.op, stride, dilation, form.rank, x.name, w.name, typeOf(x), typeOf(w), into, typeOf(out)));
}

void RandomMaker::pooled() {
  const int64_t c = oneOf<int64_t>({1, 3, 5}), k = oneOf<int64_t>({1, 2, 3}), stride = oneOf<int64_t>({1, 2}),
                o = oneOf<int64_t>({1, 3, 4}), n = (o - 1) * stride + k;
  std::string type = chance(70) ? floatElement() : integerElement(), op = oneOf<std::string>({"sum", "max", "min"});
  bool channelsLast = chance(50);
  RandomValue x = within(like(channelsLast ? Shape{1, n, n, c} : Shape{1, c, n, n}, type), 3);
  if (op == "min" && !channelsLast)
    op = "max";
  double count = double(k * k), bound = op == "sum" ? count * x.bound : std::max(x.bound, 50.0);
  double error = op == "sum" ? count * (x.error + unitOf(type) * bound) : x.error;
  Shape shape = channelsLast ? Shape{1, o, o, c} : Shape{1, c, o, o};
  std::string window = empty({k, k}, type), into = filled(shape, type, op == "sum" ? 0 : op == "max" ? -50 : 50);
  RandomValue out = result(shape, type, bound, isFloat(type) ? error : 0);
  line(fmt::format("{0} = linalg.pooling_{1}_{2} {{strides = dense<{3}> : vector<2xi64>, dilations = dense<1> : "
                   "vector<2xi64>}} ins({4}, {5} : {6}, {7}) outs({8} : {9}) -> {9}",
                   out.name, channelsLast ? "nhwc" : "nchw", op, stride, x.name, window, typeOf(x),
                   typeOf({k, k}, type), into, typeOf(out)));
}

void RandomMaker::softmax() {
  RandomValue x =
      within(some([](const RandomValue &v) { return isFloat(v.element) && !v.shape.empty() && countOf(v.shape); },
                  {extent(), extent()}, floatElement()),
             4);
  const auto along = static_cast<size_t>(pick(static_cast<int64_t>(x.shape.size())));
  std::string into = empty(x.shape, x.element);
  double error = 2 * x.error + (16 + double(x.shape[along])) * unitOf(x.element);
  RandomValue out = result(x.shape, x.element, 1, error);
  line(fmt::format("{} = linalg.softmax dimension({}) ins({} : {}) outs({} : {}) -> {}", out.name, along, x.name,
                   typeOf(x), into, typeOf(x), typeOf(x)));
}

} // namespace weft::test
