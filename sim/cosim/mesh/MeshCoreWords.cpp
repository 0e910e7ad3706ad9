// The router's side of MeshCore: words on their way up and down the ramp.
#include "sim/cosim/mesh/MeshCore.h"
#include "sim/cosim/mesh/RouterMap.h"
#include "sim/mesh/Combine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::cosim {

using pkg::InstrKind;

void MeshCore::takeFromRouter(tlm::tlm_generic_payload &access, sc_core::sc_time &) {
  using namespace core_map;
  const uint64_t address = access.get_address();
  access.set_response_status(address < end ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (address < core_map::coming)
    this->sent(static_cast<uint8_t>(address / 4));
  else if (address < word)
    this->coming(static_cast<uint8_t>((address - core_map::coming) / 4));
  else if (address < end)
    arrived(static_cast<uint8_t>((address - word) / 8), tlmValue(access));
}

// ---- up -----------------------------------------------------------------------------------------------------------

/// Shows the router the next word of each transfer that has one.
void MeshCore::offerWords() {
  for (auto &[color, transfers] : sending) {
    if (transfers.empty() || (offered >> color & 1))
      continue;
    const Transfer &transfer = *transfers.front();
    if (transfer.streamsOut && (stream.empty() || stream.front().readyAt > launch.now))
      continue;
    offered |= 1u << color;
    tlmWrite(*toRouter.operator->(), router_map::offer + 8 * uint64_t{color},
             launch.sram ? nextWord(transfer) : wordTag(index, sentWords[color]), 8);
  }
}

uint64_t MeshCore::nextWord(const Transfer &transfer) {
  if (transfer.streamsOut)
    return stream.front().value;
  uint64_t value = 0;
  std::memcpy(&value, transfer.contents.data() + size_t{transfer.done} * launch.wordBytes(), launch.wordBytes());
  return value;
}

void MeshCore::sent(uint8_t color) {
  std::deque<TransferPtr> &transfers = sending[color];
  if (transfers.empty() || !(offered >> color & 1))
    return launch.fail(fmt::format("{}: its router took a word of colour {} that was not offered", called(), color));
  offered &= ~(1u << color);
  ++sentWords[color];
  Transfer &transfer = *transfers.front();
  if (transfer.streamsOut)
    stream.pop_front();
  if (++transfer.done < transfer.words)
    return;
  transfer.endsAt = launch.now + 1;
  launch.lastEnd = std::max(launch.lastEnd, transfer.endsAt);
  --openTransfers;
  transfers.pop_front();
}

// ---- down ---------------------------------------------------------------------------------------------------------

/// Tells the router which colours the core takes.
void MeshCore::chooseWords() {
  const hw::Hardware &hw = *launch.hardware;
  uint32_t takes = 0;
  for (const auto &[color, transfers] : receiving)
    if (!transfers.empty() && (transfers.front()->kind != InstrKind::ReduceForward ||
                               stream.size() < hw.routing.queueWords + hw.latency.ramp + hw.latency.streamStage))
      takes |= 1u << color;
  if (takes != taking)
    tlmWrite(*toRouter.operator->(), router_map::take, takes, 4);
  taking = takes;
}

/// A word has set out down the ramp.
void MeshCore::coming(uint8_t color) {
  std::deque<TransferPtr> &transfers = receiving[color];
  if (transfers.empty() || !(taking >> color & 1))
    return launch.fail(fmt::format("{}: its router delivers a word of colour {} that nobody takes", called(), color));
  const TransferPtr transfer = transfers.front();
  const hw::Latency &latency = launch.hardware->latency;
  onTheRamp.push_back({transfer, transfer->done, color});
  if (transfer->kind == InstrKind::ReduceForward)
    stream.push_back({launch.now + latency.ramp + latency.streamStage, 0, false});
  if (++transfer->done < transfer->words)
    return;
  transfers.pop_front();
  if (transfer->kind == InstrKind::ReduceForward) {
    --openTransfers;
    return; // its other half says when it ends
  }
  transfer->endsAt = launch.now + latency.ramp + (transfer->kind == InstrKind::ReduceInto ? latency.streamStage : 0);
  launch.lastEnd = std::max(launch.lastEnd, transfer->endsAt);
  --openTransfers;
}

void MeshCore::arrived(uint8_t color, uint64_t value) {
  if (onTheRamp.empty() || onTheRamp.front().color != color)
    return launch.fail(fmt::format("{}: a word of colour {} arrives that was not announced", called(), color));
  const Coming word = onTheRamp.front();
  onTheRamp.pop_front();
  const uint32_t channel = word.transfer->channel;
  if (!launch.sram)
    checkTag(*word.transfer, value);
  if (launch.options->trace)
    launch.options->trace->wordArrived(index, channel, receivedWords[channel], launch.now);
  ++receivedWords[channel];
  ++launch.words;
  store(*word.transfer, word.index, value);
}

void MeshCore::checkTag(const Transfer &transfer, uint64_t value) {
  const ChannelEnd &end = launch.plan.ends[index][transfer.channel];
  const uint64_t expected = wordTag(end.source, receivedWords[transfer.channel]);
  if (!end.combined && value != expected)
    launch.fail(fmt::format("{}: the word of channel '{}' is {:#x} where {:#x} comes next: a word was lost, came twice "
                            "or out of order",
                            called(), launch.image->channels[transfer.channel], value, expected));
}

/// The word, combined with what is there if the transfer reduces, into SRAM or the stream.
void MeshCore::store(const Transfer &transfer, uint32_t at, uint64_t value) {
  const bool forward = transfer.kind == InstrKind::ReduceForward;
  uint64_t result = 0;
  if (launch.sram) {
    const uint32_t offset = at * launch.wordBytes(), bytes = std::min(launch.wordBytes(), transfer.bytes - offset);
    std::byte *local = launch.sram->core(index).data() + transfer.address + offset;
    for (uint32_t lane = 0; transfer.kind != InstrKind::Get && lane < bytes; lane += 4) {
      uint32_t own = 0;
      std::memcpy(&own, local + lane, 4);
      const auto word = static_cast<uint32_t>(value >> (8 * lane));
      result |=
          uint64_t{forward ? sim::reduceBits(transfer.reduce, word, own) : sim::reduceBits(transfer.reduce, own, word)}
          << (8 * lane);
    }
    if (transfer.kind == InstrKind::Get)
      result = value;
    if (!forward)
      std::memcpy(local, &result, bytes);
  }
  if (!forward)
    return;
  auto place = std::find_if(stream.begin(), stream.end(), [](const StreamWord &word) { return !word.arrived; });
  place->arrived = true;
  place->value = result;
}

} // namespace weft::cosim
