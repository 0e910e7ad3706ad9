#include "sim/mesh/Fabric.h"

#include "sim/mesh/Combine.h"
#include "sim/mesh/Recorder.h"

#include <cstring>

namespace weft::sim {

// Grant keys order senders and colours by the time of their last grant, and those of one cycle by the order in which
// they were granted. Keys below 64 are colours never granted.
static uint64_t keyOf(uint64_t now, uint32_t place) { return (now + 1) << 6 | place; }
static bool wasGranted(uint64_t key) { return key >= 64; }

Fabric::Fabric(const RouteTables &routes, uint32_t cores, const FabricTiming &timing, Calendar &calendar,
               std::vector<Transfer> &transfers, TraceSink *trace)
    : routes(routes), cores(cores), timing(timing), calendar(calendar), transfers(transfers), trace(trace),
      queues(routes.queues), occupied(cores, 0), combiners(routes.combiners), ports(routes.ports),
      sending(routes.senderPorts.size() - 1, 0), endpoints(routes.endpoints), sinks(routes.sinks), streams(cores),
      pending(cores + sending.size(), never), flowData(timing.withData ? routes.flows.size() : 0), turns(routes.turns),
      turnMessages(routes.turnLines.size()), turnWords(turns.empty() ? 0 : ports.size()), sinkData(sinks.size()) {
  for (Fifo &stream : streams) {
    stream.latency = static_cast<uint8_t>(timing.ramp + timing.streamStage);
    stream.capacity = timing.queueWords + stream.latency;
  }
  for (size_t flow = 0; flow < flowData.size(); ++flow) {
    uint64_t words = std::bit_ceil(uint64_t{routes.flows[flow].roomInWords} + 1);
    flowData[flow].ring.resize(words * timing.wordBytes);
    flowData[flow].mask = words - 1;
  }
}

void Fabric::openSend(uint32_t portIndex, uint32_t transfer, uint64_t cycle) {
  SendPort &port = ports[portIndex];
  uint32_t sender = transfers[transfer].owner;
  if (port.head != none) {
    transfers[port.tail].next = transfer;
    port.tail = transfer;
    return;
  }
  port.head = port.tail = transfer;
  sending[sender] |= uint64_t{1} << (portIndex - routes.senderPorts[sender]);
  schedule(cores + sender, cycle);
}

void Fabric::openReceive(uint32_t index, uint32_t transfer) {
  Endpoint &endpoint = endpoints[index];
  if (endpoint.head != none)
    transfers[endpoint.tail].next = transfer;
  else
    endpoint.head = transfer;
  endpoint.tail = transfer;
  if (endpoint.awaited) {
    endpoint.awaited = false;
    schedule(endpoint.core, calendar.now());
  }
}

// ---- turns --------------------------------------------------------------------------------------------------------

bool Fabric::takesTurn(uint32_t index, uint32_t words) {
  SendPort &port = ports[index];
  if (port.turnLine == none)
    return true;
  const uint32_t number = port.messages++;
  if (routes.turnLines[port.turnLine].senderOf(number) != port.position)
    return false;
  std::vector<Message> &messages = turnMessages[port.turnLine];
  if (messages.size() <= number)
    messages.resize(number + 1);
  messages[number] = {words, turnWords[index]};
  turnWords[index] += words;
  return true;
}

/// Whether the next word of the router's turn comes by this queue.
inline bool Fabric::hasTurn(uint32_t index) const {
  const Turns &turn = turns[queues[index].turns];
  const uint32_t sender = routes.turnLines[turn.line].senderOf(turn.message),
                 own = turn.firstQueue + (turn.position > 0);
  return index == (sender < turn.position ? own - 1 : sender == turn.position ? own : own + 1);
}

/// A word of the turn has passed the router.
void Fabric::passTurn(Queue &queue) {
  Turns &turn = turns[queue.turns];
  if (turn.left == none)
    turn.left = turnMessages[turn.line][turn.message].words;
  for (uint32_t i = turn.firstQueue; i < queues.size() && queues[i].turns == queue.turns; ++i)
    queues[i].grantKey = queue.grantKey; // they are of one colour
  if (--turn.left)
    return;
  ++turn.message;
  turn.left = none;
}

/// The next word of the router's turn.
const std::byte *Fabric::wordInTurn(const Turns &turn) const {
  const TurnLine &line = routes.turnLines[turn.line];
  const Message &message = turnMessages[turn.line][turn.message];
  const uint32_t passed = turn.left == none ? 0 : message.words - turn.left;
  return wordOf(line.flow + line.senderOf(turn.message), message.first + passed);
}

void Fabric::step(uint32_t unit) {
  now = calendar.now();
  pending[unit] = never;
  ++decided;
  if (combiners.empty())
    unit < cores ? stepRouter<false>(unit) : stepSender<false>(unit - cores);
  else
    unit < cores ? stepRouter<true>(unit) : stepSender<true>(unit - cores);
}

// ---- routers ----------------------------------------------------------------------------------------------------

/// Room for one more word in this cycle? If not, either a later cycle is known (`again`), or who pops wakes us.
inline bool Fabric::roomIn(Fifo &fifo, uint64_t &again) const {
  if (fifo.hasRoom(now))
    return true;
  if (fifo.total < fifo.capacity)
    again = now + 1; // the place is free, and counts from the next cycle on
  else
    fifo.awaited = true;
  return false;
}

inline bool Fabric::receiverReady(uint32_t index, uint64_t &again) {
  Endpoint &endpoint = endpoints[index];
  if (endpoint.head == none) {
    endpoint.awaited = true;
    return false;
  }
  return transfers[endpoint.head].kind != TransferKind::StreamIn || roomIn(streams[endpoint.core], again);
}

template <bool combines> inline bool Fabric::roomAhead(const Queue &queue, uint64_t &again) {
  bool room = true;
  for (uint32_t next : queue.next)
    if (next < (combines ? hostBit : inputBit) && !roomIn(fifoAt<combines>(next), again))
      room = false;
  if (queue.endpoint != none && !receiverReady(queue.endpoint, again))
    room = false;
  return room;
}

template <bool combines> void Fabric::stepRouter(uint32_t router) {
  uint32_t first = routes.routerQueues[router];
  uint32_t ready[64];
  uint32_t count = 0;
  uint64_t again = never;
  for (uint64_t bits = occupied[router]; bits; bits &= bits - 1) {
    uint32_t index = first + static_cast<uint32_t>(std::countr_zero(bits));
    Queue &queue = queues[index];
    queue.fifo.refresh(now);
    if (!queue.fifo.able) {
      again = std::min(again, queue.fifo.nextArrival());
      continue;
    }
    if (queue.turns != none && !hasTurn(index))
      continue; // the word that ends the turn before has us look again
    if (!roomAhead<combines>(queue, again))
      continue;
    // Kept in the order of their last grants; there is rarely more than one.
    uint32_t place = count++;
    for (; place && queues[ready[place - 1]].grantKey > queue.grantKey; --place)
      ready[place] = ready[place - 1];
    ready[place] = index;
  }
  uint8_t taken = 0;
  uint32_t delivered = 0; // down the ramp in this cycle
  for (uint32_t i = 0; i < count; ++i) {
    Queue &queue = queues[ready[i]];
    if (queue.ports & taken) {
      again = now + 1;
      decidedByNumber = decidedByNumber || !wasGranted(queue.grantKey); // nor was the one that took its port, then
      if (recorder) [[unlikely]]
        lose(ready, i, ready[i], taken);
      continue;
    }
    taken |= queue.ports & ~Core;
    if (queue.ports & Core && ++delivered == timing.rampWords)
      taken |= Core;
    grant<combines>(queue, i);
    if (queue.fifo.able || queue.turns != none)
      again = now + 1;
    else if (queue.fifo.arriving)
      again = std::min(again, queue.fifo.nextArrival());
    if (!queue.fifo.total)
      occupied[router] &= ~(uint64_t{1} << (ready[i] - first));
  }
  if constexpr (combines)
    again = std::min(again, stepUnit(router));
  if (again != never)
    schedule(router, again);
}

/// One of the queues before the loser, in the order of their grants, took its port.
void Fabric::lose(const uint32_t *ready, uint32_t count, uint32_t loser, uint8_t taken) {
  uint32_t winner = loser;
  for (uint32_t i = 0; i < count; ++i)
    if (queues[ready[i]].ports & queues[loser].ports & taken && queues[ready[i]].grantKey == keyOf(now, i))
      winner = ready[i];
  recorder->loses(loser, winner, taken, now);
}

/// The first word of the queue leaves by all its ports.
template <bool combines> inline void Fabric::grant(Queue &queue, uint32_t place) {
  if (recorder) [[unlikely]]
    recorder->granted(static_cast<uint32_t>(&queue - queues.data()), now);
  queue.fifo.pop(now);
  queue.grantKey = keyOf(now, place);
  if (queue.fifo.awaited) {
    queue.fifo.awaited = false;
    schedule(queue.filledBy, now + 1);
  }
  for (uint32_t next : queue.next) {
    if (next < (combines ? hostBit : inputBit))
      fill<combines>(next);
    else if (next != none)
      deliverToHost(next & ~hostBit);
  }
  if (queue.endpoint != none)
    deliver(queue);
  if (queue.turns != none) [[unlikely]]
    passTurn(queue);
}

/// A word sets out for a queue or for an input of a combiner.
template <bool combines> inline void Fabric::fill(uint32_t index) {
  if (combines && index >= inputBit)
    return fillInput(index);
  Queue &queue = queues[index];
  bool wasEmpty = !queue.fifo.total;
  queue.fifo.push(now);
  if (wasEmpty) {
    occupied[queue.router] |= uint64_t{1} << (index - routes.routerQueues[queue.router]);
    schedule(queue.router, now + queue.fifo.latency);
  }
}

// ---- words that are combined --------------------------------------------------------------------------------------

void Fabric::fillInput(uint32_t target) {
  Fifo &fifo = fifoAt<true>(target);
  bool wasEmpty = !fifo.total;
  fifo.push(now);
  if (wasEmpty)
    schedule(combinerAt(target).router, now + fifo.latency);
}

/// Whether each input has a word that is able to leave.
bool Fabric::wordsReady(Combiner &combiner, uint64_t &again) const {
  bool ready = true;
  for (uint32_t side = 0; side < sideCount; ++side) {
    if (combiner.words[side] == none)
      continue;
    Fifo &fifo = combiner.inputs[side];
    fifo.refresh(now);
    if (fifo.able)
      continue;
    ready = false; // an empty input's first word wakes us
    if (fifo.total)
      again = std::min(again, fifo.nextArrival());
  }
  return ready;
}

/// The router's unit takes words of one flow; returns the cycle from which there may be more.
uint64_t Fabric::stepUnit(uint32_t router) {
  uint64_t again = never;
  Combiner *best = nullptr;
  for (uint32_t i = routes.routerCombiners[router]; i < routes.routerCombiners[router + 1]; ++i) {
    Combiner &combiner = combiners[i];
    if (wordsReady(combiner, again) && roomIn(queues[combiner.queue].fifo, again) &&
        (!best || combiner.grantKey < best->grantKey))
      best = &combiner;
  }
  if (!best)
    return again;
  if (recorder) [[unlikely]]
    loseUnits(router, *best);
  combine(*best);
  return now + 1; // the next words, or another flow's
}

void Fabric::loseUnits(uint32_t router, const Combiner &winner) {
  uint64_t ignored = never;
  const auto index = [&](const Combiner &each) { return static_cast<uint32_t>(&each - combiners.data()); };
  for (uint32_t i = routes.routerCombiners[router]; i < routes.routerCombiners[router + 1]; ++i)
    if (i != index(winner) && wordsReady(combiners[i], ignored) && roomIn(queues[combiners[i].queue].fifo, ignored))
      recorder->losesUnit(i, index(winner), now);
  recorder->combined(index(winner), now);
}

/// One word of each input becomes one in the flow's queue, in ascending order of position.
void Fabric::combine(Combiner &combiner) {
  std::byte *to = nullptr;
  if (timing.withData) {
    FlowData &data = flowData[combiner.results];
    to = data.ring.data() + (data.written++ & data.mask) * timing.wordBytes;
  }
  bool first = true;
  for (uint32_t side = 0; side < sideCount; ++side) {
    if (combiner.words[side] == none)
      continue;
    Fifo &fifo = combiner.inputs[side];
    fifo.pop(now);
    if (fifo.awaited) {
      fifo.awaited = false;
      schedule(combiner.filledBy[side], now + 1);
    }
    if (!to)
      continue;
    const std::byte *word = wordOf(combiner.words[side], combiner.taken);
    if (first)
      std::memcpy(to, word, timing.wordBytes);
    else
      combineWords(combiner.combine, to, word, to, timing.wordBytes);
    first = false;
  }
  ++combiner.taken;
  combiner.grantKey = keyOf(now, 0);
  fill<true>(combiner.queue);
}

// ---- into cores and the host --------------------------------------------------------------------------------------

/// to[i] = first[i] op second[i] over the f32 values of a word.
static void reduceWord(pkg::ReduceKind kind, const std::byte *first, const std::byte *second, std::byte *to,
                       uint32_t bytes) {
  for (uint32_t at = 0; at < bytes; at += sizeof(uint32_t)) {
    uint32_t a = 0, b = 0;
    std::memcpy(&a, first + at, sizeof a);
    std::memcpy(&b, second + at, sizeof b);
    const uint32_t result = reduceBits(kind, a, b);
    std::memcpy(to + at, &result, sizeof result);
  }
}

/// The data of the transfer's next word.
void Fabric::takeWord(Transfer &transfer, const std::byte *word) {
  size_t offset = size_t{transfer.done} * timing.wordBytes;
  std::byte *local = transfer.data + offset;
  auto bytes = static_cast<uint32_t>(std::min<size_t>(timing.wordBytes, transfer.bytes - offset));
  if (transfer.kind == TransferKind::Get)
    std::memcpy(local, word, bytes);
  else if (transfer.kind == TransferKind::ReduceInto)
    reduceWord(transfer.reduce, local, word, local, bytes);
  else
    reduceWord(transfer.reduce, word, local, transfer.stream + offset, bytes);
}

void Fabric::deliver(const Queue &queue) {
  Endpoint &endpoint = endpoints[queue.endpoint];
  uint32_t id = endpoint.head;
  Transfer &transfer = transfers[id];
  if (timing.withData)
    takeWord(transfer, queue.turns == none ? wordOf(endpoint.flow, endpoint.received) : wordInTurn(turns[queue.turns]));
  if (trace) [[unlikely]]
    trace->wordArrived(endpoint.core, endpoint.channel, endpoint.received, now + timing.ramp);
  ++endpoint.received;
  if (!transfer.done++)
    transfer.firstWord = now + timing.ramp;
  bool last = transfer.done == transfer.words;
  if (last)
    endpoint.head = transfer.next;
  if (transfer.kind == TransferKind::StreamIn) {
    Fifo &stream = streams[endpoint.core];
    bool wasEmpty = !stream.total;
    stream.push(now);
    if (wasEmpty)
      schedule(cores + endpoint.core, now + stream.latency);
  } else if (last) {
    calendar.addFinished(now + timing.ramp + (transfer.kind == TransferKind::ReduceInto ? timing.streamStage : 0), id);
  }
}

void Fabric::deliverToHost(uint32_t index) {
  HostSink &sink = sinks[index];
  if (timing.withData) {
    const std::byte *word = wordOf(sink.flow, sink.received);
    sinkData[index].insert(sinkData[index].end(), word, word + timing.wordBytes);
  }
  if (trace) [[unlikely]]
    trace->wordAtHost(sink.line, sink.channel, sink.received, now + timing.hop);
  ++sink.received;
  hostEnd = std::max(hostEnd, now + timing.hop);
}

// ---- up the ramp ---------------------------------------------------------------------------------------------------

template <bool combines> void Fabric::stepSender(uint32_t sender) {
  uint32_t first = routes.senderPorts[sender];
  uint64_t again = never;
  uint32_t ready[64];
  uint32_t count = 0;
  for (uint64_t bits = sending[sender]; bits; bits &= bits - 1) {
    uint32_t index = first + static_cast<uint32_t>(std::countr_zero(bits));
    SendPort &port = ports[index];
    if (transfers[port.head].kind == TransferKind::StreamOut) {
      Fifo &stream = streams[sender];
      if (!stream.total)
        continue; // its first word wakes us
      stream.refresh(now);
      if (!stream.able) {
        again = std::min(again, stream.nextArrival());
        continue;
      }
    }
    if (!roomIn(fifoAt<combines>(port.queue), again))
      continue;
    uint32_t place = count++; // in the order of their last grants
    for (; place && ports[ready[place - 1]].grantKey > port.grantKey; --place)
      ready[place] = ready[place - 1];
    ready[place] = index;
  }
  if (count)
    again = now + 1;                                            // for the next words, or another port's
  const uint32_t width = sender < cores ? timing.rampWords : 1; // a host port is no ramp
  for (uint32_t i = width; i < count; ++i)
    decidedByNumber = decidedByNumber || !wasGranted(ports[ready[i]].grantKey);
  for (uint32_t i = width; recorder && i < count; ++i)
    recorder->losesRamp(ready[i], ready[0], now);
  for (uint32_t i = 0; i < std::min(count, width); ++i)
    sendWord<combines>(ready[i], i);
  if (again != never && sending[sender])
    schedule(cores + sender, again);
}

template <bool combines> void Fabric::sendWord(uint32_t index, uint32_t place) {
  SendPort &port = ports[index];
  uint32_t id = port.head;
  Transfer &transfer = transfers[id];
  if (recorder) [[unlikely]]
    recorder->sent(index, now);
  port.grantKey = keyOf(now, place);
  if (timing.withData) {
    FlowData &flow = flowData[port.flow];
    std::memcpy(flow.ring.data() + (flow.written++ & flow.mask) * timing.wordBytes,
                transfer.data + size_t{transfer.done} * timing.wordBytes, timing.wordBytes);
  }
  if (transfer.kind == TransferKind::StreamOut) {
    Fifo &stream = streams[transfer.owner];
    stream.pop(now);
    if (stream.awaited) {
      stream.awaited = false;
      schedule(transfer.owner, now + 1); // the core's own router
    }
  }
  fill<combines>(port.queue);
  if (++transfer.done < transfer.words)
    return;
  port.head = transfer.next;
  if (port.head == none)
    sending[transfer.owner] &= ~(uint64_t{1} << (index - routes.senderPorts[transfer.owner]));
  calendar.addFinished(now + 1, id);
}

} // namespace weft::sim
