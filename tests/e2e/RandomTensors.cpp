#include "tests/e2e/RandomTensorMaker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::test {

int64_t countOf(const Shape &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies());
}

double unitOf(const std::string &element) {
  return std::ldexp(1.0, element == "f64" ? -52 : element == "f32" ? -23 : -10);
}

std::string typeOf(const Shape &shape, const std::string &element) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

std::vector<std::string> dimsOf(size_t loops) {
  std::vector<std::string> dims;
  for (size_t i = 0; i < loops; ++i)
    dims.push_back("d" + std::to_string(i));
  return dims;
}

std::string mapOf(size_t loops, const std::vector<std::string> &results) {
  return fmt::format("affine_map<({}) -> ({})>", fmt::join(dimsOf(loops), ", "), fmt::join(results, ", "));
}

// ---- choices and values -----------------------------------------------------------------------------------------

std::string RandomMaker::anyElement() {
  return oneOf<std::string>({"f32", "f32", "f32", "f64", "f16", "i1", "i8", "i32", "i32", "i64"});
}

std::string RandomMaker::floatElement() { return oneOf<std::string>({"f32", "f32", "f32", "f64", "f16"}); }

Shape RandomMaker::anyShape(size_t rank) {
  Shape shape;
  for (size_t d = 0; d < rank; ++d)
    shape.push_back(rank > 3 ? oneOf<int64_t>({1, 2, 3, 4, 5}) : extent());
  if (rank > 0 && chance(3))
    shape[pick(static_cast<int64_t>(rank))] = 0;
  return shape;
}

RandomValue RandomMaker::input(const Shape &shape, const std::string &element, double bound) {
  RandomValue value{"%in" + std::to_string(parameters.size()), element, shape, isFloat(element) ? bound : 8, 0};
  std::string dtype = element == "i1" ? "bool" : (isFloat(element) ? "float" : "int") + element.substr(1);
  parameters.push_back(fmt::format("{}: {} {{xf.name = \"{}\", xf.dtype = \"{}\"}}", value.name, typeOf(value),
                                   value.name.substr(1), dtype));
  values.push_back(value);
  values.back().used = true; // need not be a result
  return value;
}

RandomValue RandomMaker::some(const Wanted &wanted, const Shape &shape, const std::string &element) {
  std::vector<size_t> found;
  for (size_t i = 0; i < values.size(); ++i)
    if (wanted(values[i]))
      found.push_back(i);
  if (found.empty() || chance(10))
    return input(shape, element);
  RandomValue &value = values[chance(50) ? found.back() : oneOf(found)];
  value.used = true;
  return value;
}

RandomValue RandomMaker::any(size_t rank) {
  return some([&](const RandomValue &value) { return value.shape.size() >= rank; },
              anyShape(std::max(rank, anyShape().size())), anyElement());
}

RandomValue RandomMaker::like(const Shape &shape, const std::string &element) {
  return some([&](const RandomValue &value) { return value.shape == shape && value.element == element; }, shape,
              element);
}

RandomValue RandomMaker::within(RandomValue value, double most) {
  if (value.bound <= most || value.element == "i1")
    return value;
  RandomValue small{fresh(), value.element, value.shape, most, value.error};
  std::string text;
  if (isFloat(value.element)) {
    std::string low = scalar(value.element, -most), high = scalar(value.element, most);
    text = fmt::format("%a = arith.maximumf %x0, {0} : {2}\n        %y = arith.minimumf %a, {1} : {2}", low, high,
                       value.element);
  } else {
    small.bound = std::exp2(std::floor(std::log2(most + 1))) - 1;
    text = fmt::format("%y = arith.andi %x0, {} : {}", scalar(value.element, small.bound), value.element);
  }
  elementwise(small, {value}, {identityMap(value.shape.size())}, text);
  return small;
}

RandomValue RandomMaker::result(const Shape &shape, const std::string &element, double bound, double error) {
  if (!isFloat(element))
    bound = std::min(bound, element == "i1" ? 1 : std::ldexp(1.0, bitsOf(element) - 1));
  RandomValue value{fresh(), element, shape, bound, error};
  values.push_back(value);
  return value;
}

std::string RandomMaker::scalar(const std::string &element, double value) {
  std::string name = fresh();
  line(element == "i1"    ? fmt::format("{} = arith.constant {}", name, value != 0)
       : isFloat(element) ? fmt::format("{} = arith.constant {:e} : {}", name, value, element)
                          : fmt::format("{} = arith.constant {} : {}", name, int64_t(value), element));
  return name;
}

std::string RandomMaker::index(int64_t value) {
  std::string name = fresh();
  line(fmt::format("{} = arith.constant {} : index", name, value));
  return name;
}

std::string RandomMaker::empty(const Shape &shape, const std::string &element) {
  std::string name = fresh();
  line(fmt::format("{} = tensor.empty() : {}", name, typeOf(shape, element)));
  return name;
}

std::string RandomMaker::filled(const Shape &shape, const std::string &element, double value) {
  std::string into = empty(shape, element), with = scalar(element, value), name = fresh();
  line(fmt::format("{} = linalg.fill ins({} : {}) outs({} : {}) -> {}", name, with, element, into,
                   typeOf(shape, element), typeOf(shape, element)));
  return name;
}

RandomValue RandomMaker::positions(const Shape &shape, int64_t count) {
  RandomValue any = some([&](const RandomValue &v) { return v.shape == shape && v.element == "i64"; }, shape, "i64");
  RandomValue index{fresh(), "i64", shape, double(count - 1), 0};
  elementwise(index, {any}, {identityMap(shape.size())},
              fmt::format("%y = arith.remui %x0, {} : i64", scalar("i64", double(std::max<int64_t>(count, 1)))));
  return index;
}

std::string RandomMaker::position(int64_t count) {
  RandomValue at = positions({}, count);
  std::string number = fresh(), name = fresh();
  line(fmt::format("{} = tensor.extract {}[] : tensor<i64>", number, at.name));
  line(fmt::format("{} = arith.index_cast {} : i64 to index", name, number));
  return name;
}

void RandomMaker::generic(const RandomValue &out, const std::vector<RandomValue> &ins,
                          const std::vector<std::string> &maps, const std::vector<std::string> &iterators,
                          const std::string &init, const std::string &block) {
  std::vector<std::string> names, types, arguments, kinds;
  for (size_t i = 0; i < ins.size(); ++i) {
    names.push_back(ins[i].name);
    types.push_back(typeOf(ins[i]));
    arguments.push_back(fmt::format("%x{}: {}", i, ins[i].element));
  }
  arguments.push_back("%o: " + out.element);
  for (const std::string &iterator : iterators)
    kinds.push_back('"' + iterator + '"');
  std::string given = ins.empty() ? "" : fmt::format("ins({} : {}) ", fmt::join(names, ", "), fmt::join(types, ", "));
  line(fmt::format("{} = linalg.generic {{indexing_maps = [{}], iterator_types = [{}]}} {}outs({} : {}) {{", out.name,
                   fmt::join(maps, ", "), fmt::join(kinds, ", "), given, init, typeOf(out)));
  line(fmt::format("^bb0({}):", fmt::join(arguments, ", ")));
  line("  " + block);
  line(fmt::format("  linalg.yield %y : {}", out.element));
  line(fmt::format("}} -> {}", typeOf(out)));
}

void RandomMaker::elementwise(const RandomValue &out, const std::vector<RandomValue> &ins,
                              const std::vector<std::string> &maps, const std::string &block) {
  std::vector<std::string> all = maps;
  all.push_back(identityMap(out.shape.size()));
  generic(out, ins, all, std::vector<std::string>(out.shape.size(), "parallel"), empty(out.shape, out.element), block);
}

RandomProgram RandomMaker::make(int ops) {
  using Op = void (RandomMaker::*)();
  static constexpr Op all[] = {
      &RandomMaker::binary,         &RandomMaker::binary,       &RandomMaker::unary,
      &RandomMaker::compared,       &RandomMaker::selected,     &RandomMaker::converted,
      &RandomMaker::reduced,        &RandomMaker::reduced,      &RandomMaker::reduced,
      &RandomMaker::firstLargest,   &RandomMaker::product,      &RandomMaker::product,
      &RandomMaker::convolution,    &RandomMaker::pooled,       &RandomMaker::softmax,
      &RandomMaker::transposed,     &RandomMaker::broadcast,    &RandomMaker::reshaped,
      &RandomMaker::reshaped,       &RandomMaker::sliced,       &RandomMaker::sliced,
      &RandomMaker::inserted,       &RandomMaker::padded,       &RandomMaker::concatenated,
      &RandomMaker::gathered,       &RandomMaker::scattered,    &RandomMaker::scatteredElements,
      &RandomMaker::generated,      &RandomMaker::repeated,     &RandomMaker::repeatedWhile,
      &RandomMaker::branched,       &RandomMaker::accumulated,  &RandomMaker::readAbove,
      &RandomMaker::branchedInside, &RandomMaker::writtenOften, &RandomMaker::turned};
  for (int i = 0; i < ops; ++i)
    (this->*all[pick(std::size(all))])();
  RandomProgram program;
  std::vector<std::string> names, types, outs;
  for (const RandomValue &value : values)
    if (!value.used || (value.name.starts_with("%v") && chance(10))) {
      program.results.push_back(value);
      names.push_back(value.name);
      types.push_back(typeOf(value));
      std::string dtype =
          value.element == "i1" ? "bool" : (isFloat(value.element) ? "float" : "int") + value.element.substr(1);
      outs.push_back(fmt::format("{} {{xf.name = \"out{}\", xf.dtype = \"{}\"}}", typeOf(value), outs.size(), dtype));
    }
  program.text =
      fmt::format("func.func @main({})\n    -> ({}) {{\n{}      return {} : {}\n}}\n", fmt::join(parameters, ",\n    "),
                  fmt::join(outs, ", "), body, fmt::join(names, ", "), fmt::join(types, ", "));
  return program;
}

RandomProgram randomTensorProgram(uint32_t seed, int ops) { return RandomMaker(seed).make(ops); }

} // namespace weft::test
