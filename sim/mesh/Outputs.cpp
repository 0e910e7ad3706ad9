#include "sim/mesh/Outputs.h"

#include "runtime/package/Elements.h"
#include "sim/mesh/Execution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace weft::sim {

Result<std::vector<runtime::LaunchOutput>> collectOutputs(const ProgramImage &image, uint32_t wordBytes, bool withData,
                                                          const FindSink &find) {
  // Outputs on one channel follow each other on each line.
  auto wordsOf = [&](const HostOutputCode &output) {
    return (output.index.size() / output.lines * runtime::elementBytes(output.element) + wordBytes - 1) / wordBytes;
  };
  std::map<uint32_t, uint64_t> total, taken; // words of a line, by channel
  for (const HostOutputCode &output : image.outputs)
    total[output.channel] += wordsOf(output);
  std::vector<runtime::LaunchOutput> outputs;
  for (const HostOutputCode &output : image.outputs) {
    const size_t size = runtime::elementBytes(output.element), perLine = output.index.size() / output.lines;
    if (withData)
      outputs.push_back({output.name, output.element, std::vector<std::byte>(output.extent * size)});
    const uint64_t words = total[output.channel], first = taken[output.channel] * wordBytes;
    taken[output.channel] += wordsOf(output);
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
      for (size_t i = 0; withData && i < perLine; ++i)
        if (index[i] >= 0)
          std::memcpy(outputs.back().bytes.data() + static_cast<size_t>(index[i]) * size,
                      sink->bytes.data() + first + i * size, size);
    }
  }
  return outputs;
}

Result<std::vector<runtime::LaunchOutput>> Execution::collectOutputs() const {
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
