// What makes random tensor programs. Internal to RandomTensors.
#pragma once

#include "tests/e2e/RandomTensors.h"

#include <functional>
#include <random>

namespace weft::test {

using Shape = std::vector<int64_t>;

/// Larger numbers are not computed with any further.
inline constexpr double mostBound = 200;

inline bool isFloat(const std::string &element) { return element[0] == 'f'; }
inline int bitsOf(const std::string &element) { return std::stoi(element.substr(1)); }
/// The distance of neighbouring numbers about 1.
double unitOf(const std::string &element);
int64_t countOf(const Shape &shape);
std::string typeOf(const Shape &shape, const std::string &element);
inline std::string typeOf(const RandomValue &value) { return typeOf(value.shape, value.element); }
std::string mapOf(size_t loops, const std::vector<std::string> &results);
std::vector<std::string> dimsOf(size_t loops);
inline std::string identityMap(size_t loops) { return mapOf(loops, dimsOf(loops)); }

class RandomMaker {
public:
  explicit RandomMaker(uint32_t seed) : random(seed) {}
  RandomProgram make(int ops);

private:
  // -- choices
  int64_t pick(int64_t count) { return static_cast<int64_t>(random() % static_cast<uint64_t>(count)); }
  bool chance(int percent) { return pick(100) < percent; }
  template <typename T> T oneOf(const std::vector<T> &all) { return all[pick(static_cast<int64_t>(all.size()))]; }
  std::string anyElement();
  std::string floatElement();
  std::string integerElement() { return oneOf<std::string>({"i8", "i32", "i32", "i64"}); }
  int64_t extent() { return oneOf<int64_t>({1, 2, 3, 4, 5, 6, 7, 9, 10, 13, 17}); }
  Shape anyShape(size_t rank);
  Shape anyShape() { return anyShape(static_cast<size_t>(oneOf<int64_t>({0, 1, 1, 2, 2, 2, 3, 3, 4}))); }

  // -- values
  using Wanted = std::function<bool(const RandomValue &)>;
  RandomValue input(const Shape &shape, const std::string &element, double bound = 2);
  /// One that there is, or else a new input of `shape` and `element`.
  RandomValue some(const Wanted &wanted, const Shape &shape, const std::string &element);
  /// Of any type and shape, but with `rank` dimensions at least.
  RandomValue any(size_t rank = 0);
  RandomValue like(const Shape &shape, const std::string &element);
  /// Elements within `most`, so that what is made of them is no larger than mostBound.
  RandomValue within(RandomValue value, double most);
  RandomValue result(const Shape &shape, const std::string &element, double bound, double error);
  std::string fresh() { return "%v" + std::to_string(next++); }
  void line(const std::string &text) { body += "      " + text + "\n"; }
  std::string scalar(const std::string &element, double value);
  std::string index(int64_t value);
  std::string empty(const Shape &shape, const std::string &element);
  std::string filled(const Shape &shape, const std::string &element, double value);
  /// An index below `count`, which data decides.
  std::string position(int64_t count);
  /// The same as a tensor of i64.
  RandomValue positions(const Shape &shape, int64_t count);
  /// linalg.generic from `ins` to a new tensor; `maps` of ins and out; `block` computes %y of %x0, %x1, …
  void generic(const RandomValue &out, const std::vector<RandomValue> &ins, const std::vector<std::string> &maps,
               const std::vector<std::string> &iterators, const std::string &init, const std::string &block);
  void elementwise(const RandomValue &out, const std::vector<RandomValue> &ins, const std::vector<std::string> &maps,
                   const std::string &block);
  /// A binary op of arith, with what is known of its result.
  std::string arithmetic(const RandomValue &a, const RandomValue &b, double &bound, double &error);

  // -- ops
  void binary();
  void unary();
  void compared();
  void selected();
  void converted();
  void reduced();
  void firstLargest();
  void product();
  void convolution();
  void pooled();
  void softmax();
  void transposed();
  void broadcast();
  void reshaped();
  void sliced();
  void inserted();
  void padded();
  void concatenated();
  void gathered();
  void scattered();
  void scatteredElements();
  void generated();
  void repeated();
  void repeatedWhile();
  void branched();
  void accumulated();
  // -- control flow that looks at more than one place (RandomTensorLoops.cpp)
  std::string merged(const std::string &a, const std::string &b, const std::string &element, const std::string &type);
  RandomValue filledOne(size_t rank);
  void readAbove();
  void branchedInside();
  void writtenOften();
  void turned();

  std::mt19937 random;
  std::vector<RandomValue> values;
  std::vector<std::string> parameters;
  std::string body;
  int next = 0;
};

} // namespace weft::test
