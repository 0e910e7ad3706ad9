// What the host got, put in the order of the whole output.
#include "sim/mesh/Execution.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft::sim {

static uint32_t bytesOf(pkg::ElementType element) {
  return element == pkg::ElementType::F16 || element == pkg::ElementType::BF16 ? 2 : 4;
}

static float halfToFloat(uint16_t half) {
  int exponent = half >> 10 & 31, mantissa = half & 1023;
  float magnitude = exponent == 31 ? (mantissa ? NAN : INFINITY)
                    : exponent     ? std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25)
                                   : std::ldexp(static_cast<float>(mantissa), -24);
  return half & 0x8000 ? -magnitude : magnitude;
}

static float elementAt(pkg::ElementType element, const std::byte *from) {
  uint32_t bits = 0;
  std::memcpy(&bits, from, bytesOf(element));
  switch (element) {
  case pkg::ElementType::F16:
    return halfToFloat(static_cast<uint16_t>(bits));
  case pkg::ElementType::BF16:
    return std::bit_cast<float>(bits << 16);
  case pkg::ElementType::I32:
    return static_cast<float>(std::bit_cast<int32_t>(bits));
  case pkg::ElementType::F32:
  case pkg::ElementType::I8: // of no output; checkPackage
    break;
  }
  return std::bit_cast<float>(bits);
}

/// Checks that every line delivered what the program declares; `logits` in data mode.
Result<std::vector<float>> Execution::collectOutputs() const {
  std::vector<float> logits;
  for (const HostOutputCode &output : image.outputs) {
    bool wanted = sram && output.name == "logits";
    if (wanted)
      logits.assign(output.extent, 0);
    size_t perLine = output.index.size() / output.lines;
    uint64_t words = (perLine * bytesOf(output.element) + wordBytes - 1) / wordBytes;
    for (uint32_t line = 0; line < output.lines; ++line) {
      const int32_t *index = output.index.data() + line * perLine;
      const std::vector<HostSink> &sinks = fabric.sinkStates();
      auto sink = std::find_if(sinks.begin(), sinks.end(), [&](const HostSink &each) {
        return each.channel == output.channel && each.line == line;
      });
      bool padding = std::all_of(index, index + perLine, [](int32_t to) { return to < 0; });
      if (sink == sinks.end() && padding)
        continue;
      uint64_t received = sink == sinks.end() ? 0 : sink->received;
      if (received != words)
        return userError(
            fmt::format("program '{}', output '{}': line {} of channel '{}' delivered {} words, it declares {}",
                        image.name, output.name, line, image.channels[output.channel], received, words));
      if (!wanted)
        continue;
      const std::byte *data = fabric.sinkBytes(static_cast<uint32_t>(sink - sinks.begin())).data();
      for (size_t i = 0; i < perLine; ++i)
        if (index[i] >= 0)
          logits[static_cast<size_t>(index[i])] = elementAt(output.element, data + i * bytesOf(output.element));
    }
  }
  return logits;
}

} // namespace weft::sim
