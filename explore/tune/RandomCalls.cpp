#include "explore/tune/RandomCalls.h"

#include "runtime/package/ProbeWords.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

namespace weft::explore {

KernelCall::KernelCall(const codegen::TrialKernel &of, const hw::Hardware &hardware, std::vector<int64_t> scalars)
    : kernel(&of), arguments(std::move(scalars)), bytes(hardware.memory.sramBytes) {
  // As MeasuredCosts places them, so that a trial takes the cycles that a compilation will measure.
  const uint64_t align = std::max(hardware.memory.alignBytes, 16u);
  for (uint32_t size : of.described->operand_bytes) {
    places.push_back(uint32_t(needed));
    needed = (needed + size + align - 1) / align * align;
  }
}

void KernelCall::fillLaunch() {
  const pkg::ProbeT &probe = *kernel->described->probe;
  if (probe.launch < 0)
    return;
  const auto place = size_t(probe.launch);
  const int64_t rows = probe.rows_scalar >= 0 ? arguments[size_t(probe.rows_scalar)] : 1;
  const std::vector<int32_t> words = runtime::probeWords(probe, rows, kernel->described->operand_bytes[place]);
  std::memcpy(bytes.data() + places[place], words.data(), words.size() * sizeof(int32_t));
}

void KernelCall::fillProbe() {
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  fillLaunch();
}

void KernelCall::fillRandom(uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool isProduct = kernels::parseSymbol(kernel->name).kind == "gemm";
  for (std::byte &each : bytes)
    each = std::byte(random() >> 56);
  for (size_t i = 0; i < places.size(); ++i) {
    std::byte *at = bytes.data() + places[i];
    const std::string &element = kernel->elements[i];
    const uint32_t size = kernel->described->operand_bytes[i];
    // Sign, an exponent around 1, any mantissa: sums neither overflow nor vanish.
    auto fill = [&](auto word, unsigned mantissa, unsigned bias) {
      using Word = decltype(word);
      for (uint32_t byte = 0; byte + sizeof(Word) <= size; byte += sizeof(Word)) {
        const uint64_t bits = random();
        const auto value = Word((bits >> 63) << (8 * sizeof(Word) - 1) | uint64_t(bias - 3 + (bits & 3)) << mantissa |
                                ((bits >> 8) & ((uint64_t{1} << mantissa) - 1)));
        std::memcpy(at + byte, &value, sizeof value);
      }
    };
    if (element == "f32")
      fill(uint32_t{}, 23, 127);
    else if (element == "f16")
      fill(uint16_t{}, 10, 15);
    else if (element == "bf16")
      fill(uint16_t{}, 7, 127);
    else if (element == "i32" && !isProduct) // launch words and what else says where to look
      std::fill(at, at + size, std::byte{0});
  }
  fillLaunch();
  before = bytes;
}

std::optional<std::string> KernelCall::differenceFrom(const KernelCall &other) const {
  const auto [mine, theirs] = std::mismatch(bytes.begin(), bytes.end(), other.bytes.begin());
  if (mine == bytes.end())
    return std::nullopt;
  const auto byte = uint64_t(mine - bytes.begin());
  size_t operand = 0;
  while (operand + 1 < places.size() && places[operand + 1] <= byte)
    ++operand;
  return fmt::format("byte {} of operand {} is {:#04x}, the untuned kernel's {:#04x}", byte - places[operand], operand,
                     unsigned(*mine), unsigned(*theirs));
}

static double halfToDouble(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double mantissa = (bits & 1023) / 1024.0;
  const double magnitude = exponent ? std::ldexp(1 + mantissa, exponent - 15) : std::ldexp(mantissa, -14);
  return bits >> 15 ? -magnitude : magnitude;
}

static double elementAt(const std::byte *at, const std::string &element, int64_t index) {
  if (element == "f32") {
    float value = 0;
    std::memcpy(&value, at + 4 * index, 4);
    return double(value);
  }
  uint16_t bits = 0;
  std::memcpy(&bits, at + 2 * index, 2);
  return element == "f16" ? halfToDouble(bits) : double(std::bit_cast<float>(uint32_t{bits} << 16));
}

std::optional<Verdict> KernelCall::checkProduct(int64_t rows) const {
  const kernels::KernelShape shape = kernels::parseSymbol(kernel->name);
  static const std::set<std::string> real = {"f32", "f16", "bf16", "f16_f16", "bf16_bf16"};
  if (shape.kind != "gemm" || !real.contains(shape.suffix))
    return std::nullopt;
  const int64_t depth = shape.of("k"), columns = shape.of("n");
  const std::byte *a = before.data() + places[0], *b = before.data() + places[1], *c = before.data() + places[2];
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      double sum = elementAt(c, "f32", row * columns + column), size = std::abs(sum);
      for (int64_t k = 0; k < depth; ++k) {
        const double product = elementAt(a, kernel->elements[0], row * depth + k) *
                               elementAt(b, kernel->elements[1], k * columns + column);
        sum += product;
        size += std::abs(product);
      }
      // Two roundings a step (f16 on hosts and cores that widen), 2^-24 of at most the sum of magnitudes each.
      const double bound = double(2 * depth + 1) * std::ldexp(size, -24);
      const double got = elementAt(bytes.data() + places[2], "f32", row * columns + column);
      if (!(std::abs(got - sum) <= bound))
        return Verdict{false, fmt::format("C[{}][{}] is {:.9g}, in double precision {:.9g}", row, column, got, sum)};
    }
  return Verdict{true, ""};
}

std::vector<int64_t> rowsToVerify(int64_t most) {
  std::set<int64_t> rows;
  for (int64_t each : {int64_t{1}, int64_t{2}, int64_t{3}, most / 2 + 1, most - 1, most})
    if (each >= 1 && each <= std::max<int64_t>(1, most))
      rows.insert(each);
  return {rows.begin(), rows.end()};
}

} // namespace weft::explore
