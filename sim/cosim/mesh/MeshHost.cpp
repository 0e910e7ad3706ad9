#include "sim/cosim/mesh/MeshHost.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace weft::cosim {

MeshHost::MeshHost(sc_core::sc_module_name name, MeshLaunch &launch, bool alongX, uint32_t line)
    : sc_module(name), launch(launch), alongX(alongX), line(line) {
  SC_HAS_PROCESS(MeshHost);
  SC_METHOD(step);
  sensitive << clock.neg();
  dont_initialize();
}

void MeshHost::begin() {
  ports.clear();
  sinks.clear();
  unsent = 0;
}

void MeshHost::send(uint32_t channel, uint8_t color, std::vector<std::byte> words) {
  Port &port = ports[color];
  port.channel = channel;
  port.lastGrant = color;
  port.credits = launch.hardware->routing.queueWords + launch.hardware->latency.hop;
  const auto count = static_cast<uint32_t>(words.size() / launch.wordBytes());
  port.words += count; // behind those of an input before it
  port.data.insert(port.data.end(), words.begin(), words.end());
  unsent += count;
}

void MeshHost::step() {
  moved = false;
  take();
  if (launch.running)
    give();
  else
    linkOut.write(LinkWord());
}

/// What the router sent in the cycle before; the host has room for all of it.
void MeshHost::take() {
  const LinkWord word = linkIn.read();
  creditOut.write(word.valid ? 1u << word.color : 0);
  if (!word.valid)
    return;
  moved = true;
  for (const HostEnd &end : launch.plan.sinks)
    if (end.alongX == alongX && end.line == line && end.color == word.color) {
      std::vector<uint64_t> &sink = sinks[end.channel];
      if (!launch.sram && word.data != wordTag(end.source, sink.size()))
        launch.fail(fmt::format("host: word {} of channel '{}' is {:#x}", sink.size(),
                                launch.image->channels[end.channel], word.data));
      const uint64_t cycle = launch.now - 1 + launch.hardware->latency.hop;
      if (launch.options->trace)
        launch.options->trace->wordAtHost(line, end.channel, sink.size(), cycle);
      sink.push_back(word.data);
      ++launch.words;
      launch.lastEnd = std::max(launch.lastEnd, cycle);
      return;
    }
  launch.fail(fmt::format("host: a word of colour {} on a line that has no such sink", word.color));
}

void MeshHost::give() {
  for (uint32_t bits = creditIn.read(); bits; bits &= bits - 1) {
    ++ports[static_cast<uint8_t>(std::countr_zero(bits))].credits;
    moved = true;
  }
  Port *best = nullptr;
  uint8_t color = 0;
  if (launch.now >= launch.hardware->latency.hostStartup)
    for (auto &[each, port] : ports)
      if (port.sent < port.words && port.credits && (!best || port.lastGrant < best->lastGrant)) {
        best = &port;
        color = each;
      }
  LinkWord word;
  if (best) {
    word = {true, color, 0};
    if (launch.sram)
      std::memcpy(&word.data, best->data.data() + size_t{best->sent} * launch.wordBytes(), launch.wordBytes());
    else
      word.data = wordTag(fromHost, best->sent);
    best->lastGrant = launch.now + maxColors;
    ++best->sent;
    --best->credits;
    --unsent;
    moved = true;
    launch.lastEnd = std::max(launch.lastEnd, launch.now + 1);
  }
  linkOut.write(word);
}

} // namespace weft::cosim
