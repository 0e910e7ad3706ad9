// Blocks of numbers: the nearest codes of scales that the largest number decides. Better scales exist; tests need none.
#include "tests/unit/gguf_convert.h"

#include "runtime/weights/HalfFloat.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace weft::test {

using runtime::BlockFormat;
using runtime::narrowF16;
using runtime::widenF16;

uint32_t ggufType(BlockFormat format) {
  constexpr uint32_t types[] = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23};
  return types[size_t(format)];
}

namespace {

using Numbers = std::span<const float>;

float largestOf(Numbers numbers) {
  float largest = 0;
  for (float value : numbers)
    largest = std::max(largest, std::abs(value));
  return largest;
}

/// value / step, to the nearest code between the two.
int codeOf(float value, float step, int least, int most) {
  return step == 0 ? 0 : std::clamp(int(std::lround(value / step)), least, most);
}

/// A scale as it is stored.
float rounded(float scale) { return widenF16(narrowF16(scale)); }

/// 32 numbers, `bits` of a code each, with a minimum or around zero.
std::string simpleBlock(Numbers numbers, int bits, bool minimum) {
  const int codes = 1 << bits;
  float low = 0, step = 0;
  if (minimum) {
    const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
    low = rounded(*least);
    step = rounded((*most - *least) / float(codes - 1));
  } else {
    step = rounded(largestOf(numbers) / float(codes / 2));
  }
  std::string bytes = raw(narrowF16(step)) + (minimum ? raw(narrowF16(low)) : "");
  uint32_t highBits = 0;
  std::string nibbles(16, '\0');
  for (int i = 0; i < 32; ++i) {
    const int code = minimum ? codeOf(numbers[i] - low, step, 0, codes - 1)
                             : codeOf(numbers[i], step, -codes / 2, codes / 2 - 1) + codes / 2;
    nibbles[i % 16] = char(uint8_t(nibbles[i % 16]) | (code & 15) << (i / 16 * 4));
    highBits |= uint32_t(code >> 4) << i;
  }
  return bytes + (bits == 5 ? raw(highBits) : "") + nibbles;
}

std::string blockQ8(Numbers numbers) {
  const float step = rounded(largestOf(numbers) / 127);
  std::string bytes = raw(narrowF16(step));
  for (float value : numbers)
    bytes += char(codeOf(value, step, -127, 127));
  return bytes;
}

std::string blockIq4(Numbers numbers) {
  const float step = rounded(largestOf(numbers) / 127);
  std::string bytes = raw(narrowF16(step)), nibbles(16, '\0');
  for (int i = 0; i < 32; ++i) {
    int best = 0;
    for (int code = 1; code < 16; ++code)
      if (std::abs(float(runtime::codebookIq4[code]) * step - numbers[i]) <
          std::abs(float(runtime::codebookIq4[best]) * step - numbers[i]))
        best = code;
    nibbles[i % 16] = char(uint8_t(nibbles[i % 16]) | best << (i / 16 * 4));
  }
  return bytes + nibbles;
}

/// 256 numbers in eight groups, each with 6 bits of a scale and of a minimum.
std::string blockQ4K(Numbers numbers) {
  float steps[8], lows[8];
  for (int g = 0; g < 8; ++g) {
    const auto [least, most] = std::minmax_element(numbers.begin() + 32 * g, numbers.begin() + 32 * (g + 1));
    lows[g] = std::max(0.0f, -*least); // what is subtracted is not negative
    steps[g] = (*most + lows[g]) / 15;
  }
  const float d = rounded(*std::max_element(steps, steps + 8) / 63),
              dmin = rounded(*std::max_element(lows, lows + 8) / 63);
  std::string bytes = raw(narrowF16(d)) + raw(narrowF16(dmin)), packed(12, '\0'), nibbles(128, '\0');
  auto orInto = [](char &byte, int bits) { byte = char(uint8_t(byte) | bits); };
  for (int g = 0; g < 8; ++g) {
    const int scale = codeOf(steps[g], d, 0, 63), minimum = codeOf(lows[g], dmin, 0, 63);
    if (g < 4) {
      orInto(packed[g], scale);
      orInto(packed[g + 4], minimum);
    } else { // lower halves in bytes of their own, upper bits above those of the first four groups
      orInto(packed[g + 4], (scale & 15) | (minimum & 15) << 4);
      orInto(packed[g - 4], scale >> 4 << 6);
      orInto(packed[g], minimum >> 4 << 6);
    }
    for (int i = 0; i < 32; ++i) {
      const int code = codeOf(numbers[32 * g + i] + dmin * float(minimum), d * float(scale), 0, 15);
      orInto(nibbles[g / 2 * 32 + i], code << (g % 2 * 4));
    }
  }
  return bytes + packed + nibbles;
}

/// 256 numbers in sixteen groups, each with 8 bits of a scale; four bits of a code here, two there.
std::string blockQ6K(Numbers numbers) {
  float steps[16];
  for (int g = 0; g < 16; ++g)
    steps[g] = largestOf(numbers.subspan(16 * g, 16)) / 32;
  const float d = rounded(*std::max_element(steps, steps + 16) / 127);
  std::string low(128, '\0'), high(64, '\0'), scales;
  for (int g = 0; g < 16; ++g) {
    const int scale = codeOf(steps[g], d, 0, 127);
    scales += char(scale);
    for (int i = 16 * g; i < 16 * (g + 1); ++i) {
      const int code = codeOf(numbers[i], d * float(scale), -32, 31) + 32, half = i / 128, place = i % 128;
      char &lower = low[64 * half + place % 64], &upper = high[32 * half + place % 32];
      lower = char(uint8_t(lower) | (code & 15) << (place / 64 * 4));
      upper = char(uint8_t(upper) | code >> 4 << (place / 32 * 2));
    }
  }
  return low + high + scales + raw(narrowF16(d));
}

std::string blockOf(BlockFormat format, Numbers numbers) {
  switch (format) {
  case BlockFormat::Q4_0:
    return simpleBlock(numbers, 4, false);
  case BlockFormat::Q4_1:
    return simpleBlock(numbers, 4, true);
  case BlockFormat::Q5_0:
    return simpleBlock(numbers, 5, false);
  case BlockFormat::Q5_1:
    return simpleBlock(numbers, 5, true);
  case BlockFormat::Q8_0:
    return blockQ8(numbers);
  case BlockFormat::IQ4_NL:
    return blockIq4(numbers);
  case BlockFormat::Q4_K:
    return blockQ4K(numbers);
  case BlockFormat::Q6_K:
    return blockQ6K(numbers);
  default:
    throw std::logic_error("no quantiser for this format");
  }
}

} // namespace

std::string quantiseBlocks(BlockFormat format, const std::vector<float> &numbers) {
  const size_t length = factsOf(format).weights;
  std::string bytes;
  for (size_t at = 0; at < numbers.size(); at += length)
    bytes += blockOf(format, Numbers(numbers).subspan(at, length));
  return bytes;
}

} // namespace weft::test
