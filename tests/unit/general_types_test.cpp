// Integers, booleans and conversions in kernels from tensors.
#include "general_support.h"

#include <fmt/format.h>

#include <functional>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

template <typename T> constexpr const char *nameOf() {
  if constexpr (std::is_same_v<T, bool>)
    return "i1";
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : "i64";
  else
    return Format<T>::name;
}

template <typename T> void fillBits(Buffer<T> &buffer, std::mt19937 &random) {
  for (size_t i = 0; i < buffer.size(); ++i) {
    uint64_t bits = random() | uint64_t(random()) << 32;
    if (i % 3 == 0)
      bits = random() % 5 - 2;
    if (i % 7 == 0)
      bits = uint64_t(std::numeric_limits<T>::min());
    if (i % 7 == 1)
      bits = uint64_t(std::numeric_limits<T>::max());
    buffer[i] = static_cast<T>(bits);
  }
}

/// What kernels/README.md says of each.
template <typename T> T integer(const std::string &op, T x, T y) {
  using U = std::make_unsigned_t<T>;
  const U ux = static_cast<U>(x), uy = static_cast<U>(y);
  constexpr unsigned bits = sizeof(T) * 8;
  if (op == "addi")
    return static_cast<T>(ux + uy);
  if (op == "subi")
    return static_cast<T>(ux - uy);
  if (op == "muli")
    return static_cast<T>(uint64_t(ux) * uy);
  if (op == "divsi")
    return y == 0 ? 0 : y == -1 ? static_cast<T>(0 - ux) : static_cast<T>(x / y);
  if (op == "remsi")
    return y == 0 || y == -1 ? 0 : static_cast<T>(x % y);
  if (op == "divui")
    return y == 0 ? 0 : static_cast<T>(ux / uy);
  if (op == "remui")
    return y == 0 ? 0 : static_cast<T>(ux % uy);
  if (op == "floordivsi" && y != 0 && y != -1)
    return static_cast<T>(x / y - (x % y != 0 && (x < 0) != (y < 0)));
  if (op == "ceildivsi" && y != 0 && y != -1)
    return static_cast<T>(x / y + (x % y != 0 && (x < 0) == (y < 0)));
  if (op == "andi")
    return x & y;
  if (op == "ori")
    return x | y;
  if (op == "xori")
    return x ^ y;
  if (op == "shli")
    return uy >= bits ? 0 : static_cast<T>(ux << uy);
  if (op == "shrui")
    return uy >= bits ? 0 : static_cast<T>(ux >> uy);
  if (op == "shrsi")
    return static_cast<T>(x >> std::min<U>(uy, bits - 1));
  if (op == "minsi")
    return std::min(x, y);
  if (op == "maxsi")
    return std::max(x, y);
  if (op == "minui")
    return static_cast<T>(std::min(ux, uy));
  if (op == "maxui")
    return static_cast<T>(std::max(ux, uy));
  FAIL(op);
  return 0;
}

template <typename T> void testIntegers() {
  constexpr size_t count = 117;
  const std::vector<std::string> ops = {"addi",  "subi",  "muli",  "divsi",      "remsi",    "divui", "remui",
                                        "andi",  "ori",   "xori",  "shli",       "shrui",    "shrsi", "minsi",
                                        "maxsi", "minui", "maxui", "floordivsi", "ceildivsi"};
  Suite suite;
  std::vector<GeneralKernel> kernels;
  for (const std::string &op : ops)
    kernels.push_back(buildGeneral(suite, fmt::format(R"(func.func @f(%a: {0}, %b: {0}) -> {0} {{
      %0 = arith.{1} %a, %b : {0}
      return %0 : {0}
    }})",
                                                      fmt::format("tensor<{}x{}>", count, nameOf<T>()), op)));
  suite.compile();
  std::mt19937 random(3);
  for (auto [i, op] : llvm::enumerate(ops)) {
    Buffer<T> a(count), b(count), c(count);
    fillBits(a, random);
    fillBits(b, random);
    const bool isRounded = op == "floordivsi" || op == "ceildivsi"; // upstream's forms overflow at the ends
    for (size_t k = 0; k < count && isRounded; ++k) {
      a[k] = static_cast<T>(a[k] / 4);
      b[k] = static_cast<T>(b[k] / 4 == 0 || b[k] / 4 == -1 ? 7 : b[k] / 4);
    }
    suite.call(kernels[i], {}, a, b, c);
    for (size_t k = 0; k < count; ++k) {
      INFO(op << " " << int64_t(a[k]) << " " << int64_t(b[k]));
      REQUIRE(int64_t(c[k]) == int64_t(integer<T>(op, a[k], b[k])));
    }
  }
}

/// One conversion, of numbers that are near the bounds of the result too.
template <typename From, typename To>
void testConversion(const std::string &op, const std::function<To(From)> &exact, const std::vector<From> &values) {
  Suite suite;
  const std::string from = fmt::format("tensor<{}x{}>", values.size(), nameOf<From>()),
                    to = fmt::format("tensor<{}x{}>", values.size(), nameOf<To>());
  GeneralKernel kernel = buildGeneral(suite, fmt::format(R"(func.func @f(%a: {0}) -> {1} {{
    %0 = arith.{2} %a : {0} to {1}
    return %0 : {1}
  }})",
                                                         from, to, op));
  suite.compile();
  Buffer<From> a(values.size());
  std::copy(values.begin(), values.end(), a.begin());
  Buffer<To> b(values.size());
  suite.call(kernel, {}, a, b);
  for (size_t i = 0; i < values.size(); ++i) {
    const To expected = exact(a[i]);
    INFO(op << " " << nameOf<From>() << " " << nameOf<To>() << " " << i);
    REQUIRE(std::memcmp(&b[i], &expected, sizeof(To)) == 0);
  }
}

template <typename To> To saturated(double x) {
  if (std::isnan(x))
    return 0;
  if (x >= std::ldexp(1.0, std::numeric_limits<To>::digits))
    return std::numeric_limits<To>::max();
  if (x <= static_cast<double>(std::numeric_limits<To>::min()))
    return std::numeric_limits<To>::min();
  return static_cast<To>(x);
}

template <typename From> std::vector<From> reals() {
  std::vector<From> values;
  for (double x : {0.0,          0.5,          1.0,     1.5,     126.9,   127.5,   128.0,
                   255.5,        256.0,        32767.9, 32768.0, 65503.0, 65535.5, 2147483520.0,
                   2147483648.0, 4294967296.0, 9.2e18,  9.3e18,  1.9e19,  1e30,    double(INFINITY),
                   double(NAN)})
    for (double sign : {1.0, -1.0})
      values.push_back(Format<From>::nearest(sign * x));
  return values;
}

template <typename From, typename To> void testToInteger() {
  testConversion<From, To>("fptosi", [](From x) { return saturated<To>(Format<From>::value(x)); }, reals<From>());
  using U = std::make_unsigned_t<To>;
  testConversion<From, To>(
      "fptoui", [](From x) { return static_cast<To>(saturated<U>(Format<From>::value(x))); }, reals<From>());
}

template <typename From> std::vector<From> integers() {
  std::vector<From> values;
  std::mt19937 random(9);
  for (unsigned bits = 0; bits < 8 * sizeof(From); ++bits)
    for (int64_t near : {-1, 0, 1})
      values.push_back(static_cast<From>((uint64_t(1) << bits) + near));
  for (int i = 0; i < 100; ++i)
    values.push_back(static_cast<From>((random() | uint64_t(random()) << 32) >> (random() % 64)));
  // Half-way cases of f16 and bf16, with a bit far below.
  if (sizeof(From) == 8)
    for (uint64_t x : {0x4040000000000000, 0x4040000000000001, 0x40c0000000000000, 0x403fffffffffffff})
      values.push_back(static_cast<From>(x));
  return values;
}

/// An integer of up to 64 bits, rounded once: long double has them all.
template <typename To> To nearestTo(long double x) {
  if constexpr (std::is_floating_point_v<To>)
    return static_cast<To>(x);
  else {
    // bitsOfNearest() takes an f64: what is left out counts as a bit below those that To looks at.
    double narrow = static_cast<double>(x);
    if (narrow != x && std::abs(narrow) > std::abs(x))
      narrow = std::nextafter(narrow, 0.0);
    uint64_t bits;
    std::memcpy(&bits, &narrow, 8);
    bits |= narrow != x;
    std::memcpy(&narrow, &bits, 8);
    return Format<To>::nearest(narrow);
  }
}

template <typename From, typename To> void testFromInteger() {
  testConversion<From, To>("sitofp", [](From x) { return nearestTo<To>(x); }, integers<From>());
  testConversion<From, To>(
      "uitofp", [](From x) { return nearestTo<To>(static_cast<std::make_unsigned_t<From>>(x)); }, integers<From>());
}

std::vector<double> manyReals() {
  std::vector<double> values;
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    const double x = std::ldexp(1.0 + (random() >> 20) * 0x1p-12, int(random() % 340) - 170);
    values.push_back(x);
    // Half-way between short numbers, and a little beside that.
    const double half = std::ldexp(std::floor(std::ldexp(x, 12 - std::ilogb(x))) + 0.5, std::ilogb(x) - 12);
    for (double y : {half, std::nextafter(half, 0.0), std::nextafter(half, INFINITY), half * (1 + 0x1p-30)})
      values.push_back(i % 2 ? y : -y);
  }
  for (double x : {0.0, 65519.99999, 65520.0, 0x1p-25, 0x1.0000000001p-25, 0x1p-14, 0x1.ffcp-15, 1e300, 1e-300})
    values.push_back(x), values.push_back(-x);
  return values;
}

template <typename From> std::vector<From> manyOf() {
  std::vector<From> values;
  for (double x : manyReals())
    values.push_back(Format<From>::nearest(x));
  return values;
}

} // namespace

TEST_CASE("integers of every width wrap, divide and shift as defined", "[kernels]") {
  testIntegers<int8_t>();
  testIntegers<int16_t>();
  testIntegers<int32_t>();
  testIntegers<int64_t>();
}

TEST_CASE("reals become the nearest integer towards zero that there is", "[kernels]") {
  testToInteger<float, int8_t>();
  testToInteger<float, int32_t>();
  testToInteger<float, int64_t>();
  testToInteger<double, int16_t>();
  testToInteger<double, int32_t>();
  testToInteger<double, int64_t>();
  testToInteger<Half, int8_t>();
  testToInteger<Half, int64_t>();
  testToInteger<Brain, int32_t>();
}

TEST_CASE("integers become the nearest real", "[kernels]") {
  testFromInteger<int8_t, float>();
  testFromInteger<int32_t, float>();
  testFromInteger<int64_t, float>();
  testFromInteger<int64_t, double>();
  testFromInteger<int16_t, Half>();
  testFromInteger<int32_t, Half>();
  testFromInteger<int64_t, Half>();
  testFromInteger<int8_t, Brain>();
  testFromInteger<int32_t, Brain>();
  testFromInteger<int64_t, Brain>();
}

TEST_CASE("reals are rounded once", "[kernels]") {
  testConversion<float, Half>("truncf", [](float x) { return Format<Half>::nearest(x); }, manyOf<float>());
  testConversion<float, Brain>("truncf", [](float x) { return Format<Brain>::nearest(x); }, manyOf<float>());
  testConversion<double, Half>("truncf", [](double x) { return Format<Half>::nearest(x); }, manyOf<double>());
  testConversion<double, Brain>("truncf", [](double x) { return Format<Brain>::nearest(x); }, manyOf<double>());
  testConversion<double, float>("truncf", [](double x) { return float(x); }, manyOf<double>());
  testConversion<Half, float>("extf", [](Half x) { return float(Format<Half>::value(x)); }, manyOf<Half>());
  testConversion<Half, double>("extf", [](Half x) { return Format<Half>::value(x); }, manyOf<Half>());
  testConversion<Brain, double>("extf", [](Brain x) { return Format<Brain>::value(x); }, manyOf<Brain>());
  testConversion<float, double>("extf", [](float x) { return double(x); }, manyOf<float>());
}

TEST_CASE("booleans are bytes of 0 and 1", "[kernels]") {
  Suite suite;
  GeneralKernel less =
      buildGeneral(suite, R"(func.func @f(%a: tensor<3x11xf32>, %b: tensor<3x11xf32>) -> tensor<3x11xi1> {
    %0 = arith.cmpf olt, %a, %b : tensor<3x11xf32>
    return %0 : tensor<3x11xi1>
  })");
  GeneralKernel choose = buildGeneral(suite, R"(
  func.func @f(%c: tensor<3x11xi1>, %a: tensor<3x11xf32>, %b: tensor<3x11xf32>) -> (tensor<3x11xf32>, tensor<3x11xi1>) {
    %0 = arith.select %c, %a, %b : tensor<3x11xi1>, tensor<3x11xf32>
    %true = arith.constant dense<true> : tensor<3x11xi1>
    %1 = arith.xori %c, %true : tensor<3x11xi1>
    return %0, %1 : tensor<3x11xf32>, tensor<3x11xi1>
  })");
  GeneralKernel all = buildGeneral(suite, R"(func.func @f(%a: tensor<3x11xi1>) -> (tensor<3xi1>, tensor<3xi64>) {
    %true = arith.constant true
    %e = tensor.empty() : tensor<3xi1>
    %0 = linalg.fill ins(%true : i1) outs(%e : tensor<3xi1>) -> tensor<3xi1>
    %1 = linalg.reduce { arith.andi } ins(%a : tensor<3x11xi1>) outs(%0 : tensor<3xi1>) dimensions = [1]
    %2 = arith.extui %1 : tensor<3xi1> to tensor<3xi64>
    return %1, %2 : tensor<3xi1>, tensor<3xi64>
  })");
  GeneralKernel pattern = buildGeneral(suite, R"(func.func @f() -> tensor<5xi1> {
    %0 = arith.constant dense<[true, false, false, true, true]> : tensor<5xi1>
    return %0 : tensor<5xi1>
  })");
  suite.compile();
  std::mt19937 random(11);
  Buffer<float> a(33, random), b(33, random), chosen(33);
  for (size_t i = 22; i < 33; ++i)
    b[i] = 2;
  Buffer<uint8_t> c(33, 7), inverse(33, 7), every(3, 7);
  Buffer<int64_t> number(3), scratch(size_t(all.scratchBytes + 7) / 8);
  suite.call(less, {}, a, b, c);
  suite.call(choose, {}, c, a, b, chosen, inverse);
  suite.call(all, {}, c, every, number, scratch);
  for (size_t i = 0; i < 33; ++i) {
    REQUIRE(c[i] == (a[i] < b[i]));
    REQUIRE(inverse[i] == 1 - c[i]);
    REQUIRE(chosen[i] == (c[i] ? a[i] : b[i]));
  }
  for (size_t i = 0; i < 3; ++i) {
    REQUIRE(every[i] == std::all_of(c.begin() + 11 * i, c.begin() + 11 * (i + 1), [](uint8_t x) { return x == 1; }));
    REQUIRE(number[i] == every[i]);
  }
  REQUIRE(every[2] == 1);
  Buffer<uint8_t> constant(5);
  suite.call(pattern, {}, constant);
  REQUIRE(constant.values() == std::vector<uint8_t>{1, 0, 0, 1, 1});
}
