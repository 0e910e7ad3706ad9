#include "sim/mesh/Outputs.h"

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

Result<std::vector<float>> collectOutputs(const ProgramImage &image, uint32_t wordBytes, bool withData,
                                          const FindSink &find) {
  std::vector<float> logits;
  for (const HostOutputCode &output : image.outputs) {
    bool wanted = withData && output.name == "logits";
    if (wanted)
      logits.assign(output.extent, 0);
    size_t perLine = output.index.size() / output.lines;
    uint64_t words = (perLine * bytesOf(output.element) + wordBytes - 1) / wordBytes;
    for (uint32_t line = 0; line < output.lines; ++line) {
      const int32_t *index = output.index.data() + line * perLine;
      const std::optional<Delivered> sink = find(output.channel, line);
      bool padding = std::all_of(index, index + perLine, [](int32_t to) { return to < 0; });
      if (!sink && padding)
        continue;
      uint64_t received = sink ? sink->words : 0;
      if (received != words)
        return userError(
            fmt::format("program '{}', output '{}': line {} of channel '{}' delivered {} words, it declares {}",
                        image.name, output.name, line, image.channels[output.channel], received, words));
      for (size_t i = 0; wanted && i < perLine; ++i)
        if (index[i] >= 0)
          logits[static_cast<size_t>(index[i])] =
              elementAt(output.element, sink->bytes.data() + i * bytesOf(output.element));
    }
  }
  return logits;
}

Result<std::vector<float>> Execution::collectOutputs() const {
  const std::vector<HostSink> &sinks = fabric.sinkStates();
  return sim::collectOutputs(
      image, wordBytes, sram != nullptr, [&](uint32_t channel, uint32_t line) -> std::optional<Delivered> {
        for (const HostSink &sink : sinks)
          if (sink.channel == channel && sink.line == line)
            return Delivered{sink.received, fabric.sinkBytes(static_cast<uint32_t>(&sink - sinks.data()))};
        return std::nullopt;
      });
}

} // namespace weft::sim
