#include "runtime/Device.h"

#include "runtime/package/Elements.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace weft::runtime {

static float widen(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 1023;
  const float magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                          : exponent     ? std::ldexp(float(mantissa + 1024), exponent - 25)
                                         : std::ldexp(float(mantissa), -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

std::vector<float> LaunchOutput::floats() const {
  const uint32_t size = elementBytes(element);
  std::vector<float> values(bytes.size() / size);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * size, std::min<size_t>(size, sizeof bits));
    switch (element) {
    case pkg::ElementType::F32:
      values[i] = std::bit_cast<float>(bits);
      break;
    case pkg::ElementType::F16:
      values[i] = widen(uint16_t(bits));
      break;
    case pkg::ElementType::BF16:
      values[i] = std::bit_cast<float>(bits << 16);
      break;
    case pkg::ElementType::I32:
      values[i] = float(std::bit_cast<int32_t>(bits));
      break;
    default:
      return {};
    }
  }
  return values;
}

std::vector<float> LaunchResult::logits() const {
  for (const LaunchOutput &output : outputs)
    if (output.name == "logits")
      return output.floats();
  return {};
}

} // namespace weft::runtime
