#include "sim/maxplus/Messages.h"

#include <algorithm>

namespace weft::sim::maxplus {

void Slot::Words::set(uint32_t core, uint32_t words, size_t cores) {
  if (!any) {
    any = true;
    all = words;
  }
  if (of.empty() && words == all)
    return;
  if (of.empty())
    of.assign(cores, all);
  of[core] = words;
}

Messages::Messages(const std::vector<ChannelShape> &shapes, const std::vector<std::string> &names,
                   const FabricCycles &cycles, uint32_t width, uint32_t height)
    : shapes(shapes), names(names), cycles(cycles), width(width), height(height), channels(shapes.size()) {}

// ---- slots ------------------------------------------------------------------------------------------------------

Slot *Messages::find(uint32_t channel, uint32_t number) {
  for (const auto &slot : channels[channel].slots)
    if (slot->number == number)
      return slot.get();
  return nullptr;
}

Slot &Messages::slot(uint32_t channel, uint32_t number) {
  if (Slot *found = find(channel, number))
    return *found;
  Channel &of = channels[channel];
  const size_t cores = size_t{width} * height;
  auto place = std::find_if(of.slots.begin(), of.slots.end(), [&](const auto &slot) { return slot->number > number; });
  if (spare.empty()) {
    Slot &fresh = *spare.emplace_back(std::make_unique<Slot>());
    fresh.sent.assign(cores + 1, unknown);
    for (std::vector<uint32_t> *times : {&fresh.asked, &fresh.head, &fresh.tail})
      times->assign(cores, unknown);
  }
  Slot &made = **of.slots.insert(place, std::move(spare.back()));
  spare.pop_back();
  made.number = number;
  made.sentAt.assign(shapes[channel].alongX ? width : height, 0);
  of.begin(cores);
  if (of.slots.size() > 4096)
    refuse("more than 4096 messages of one flow are under way");
  return made;
}

void Messages::close(uint32_t channel, uint32_t number, uint64_t ends) {
  Slot *slot = find(channel, number);
  if (!slot)
    return;
  slot->closed += ends;
  if (slot->closed < slot->opened || slot->met != slot->expected)
    return;
  const auto forwards = std::move(slot->forwards);
  auto &slots = channels[channel].slots;
  auto place = std::find_if(slots.begin(), slots.end(), [&](const auto &each) { return each.get() == slot; });
  spare.push_back(std::move(*place));
  slots.erase(place);
  clear(*slot);
  for (auto [out, outNumber] : forwards)
    if (out != channel || outNumber != number)
      close(out, outNumber, 1);
}

/// So that the slot is as good as new.
void Messages::clear(Slot &slot) {
  slot.sent.back() = unknown;
  for (const CoreSet &cores : slot.touched)
    for (const Stretch &stretch : cores.stretches) {
      const size_t from = size_t{stretch.y} * width + stretch.begin, count = stretch.end - stretch.begin;
      for (std::vector<uint32_t> *times : {&slot.sent, &slot.asked, &slot.head, &slot.tail, &slot.left})
        if (!times->empty())
          std::fill_n(times->begin() + static_cast<std::ptrdiff_t>(from), count, unknown);
      if (!slot.onward.empty())
        std::fill_n(slot.onward.begin() + static_cast<std::ptrdiff_t>(from), count, 0u);
    }
  slot.touched.clear();
  slot.forwards.clear();
  slot.sentWords = slot.askedWords = {};
  slot.opened = slot.closed = slot.expected = slot.met = 0;
}

bool Messages::finishAll() {
  return std::all_of(channels.begin(), channels.end(), [](const Channel &channel) {
    return std::all_of(channel.slots.begin(), channel.slots.end(),
                       [](const auto &slot) { return slot->met == slot->expected && slot->closed == slot->opened; });
  });
}

bool Messages::allClosed() const {
  return std::all_of(channels.begin(), channels.end(), [&](const Channel &channel) {
    return std::all_of(channel.slots.begin(), channel.slots.end(),
                       [&](const auto &slot) { return slot->sent.back() != unknown && !slot->met && !slot->opened; });
  });
}

size_t Messages::bytes() const {
  size_t words = 0;
  for (const Channel &channel : channels) {
    words += 2 * channel.lastTail.size();
    for (const auto &slot : channel.slots)
      words += slot->sent.size() + slot->asked.size() + slot->head.size() + slot->tail.size() + slot->left.size() +
               slot->onward.size() + slot->sentWords.of.size() + slot->askedWords.of.size();
  }
  return words * sizeof(uint32_t);
}

// ---- ends open ----------------------------------------------------------------------------------------------------

void Messages::sentKnown(uint32_t channel, Slot &slot, uint32_t x, uint32_t y) {
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const uint32_t core = y * width + x, position = shape.positionOf(x, y);
  const FlowShape &flow = line.flows[line.stops[position].sends];
  ++slot.sentAt[position];
  if (flow.lo != host || flow.receivers)
    return;
  // To the host alone, which always takes it.
  uint32_t at = slot.sent[core] + cycles.ramp;
  const uint32_t words = slot.sentWords.at(core);
  for (int32_t p = flow.source;; --p) {
    if (flow.sharesLinks)
      occupy(shape, channel, line.stops[position].sends, x, y, p, false, {at, at + words - 1});
    if (p == 0)
      break;
    at += link(shape, p - 1);
  }
  lastAtHost = std::max(lastAtHost, at + words - 1 + cycles.hop);
}

void Messages::openSends(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t words,
                         const std::vector<uint32_t> &at) {
  const ChannelShape &shape = shapes[channel];
  Slot &slot = this->slot(channel, number);
  slot.touched.push_back(cores);
  forEachCore(cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    const Line &line = shape.lineAt(x, y);
    const uint32_t sends = line.stops[shape.positionOf(x, y)].sends;
    if (sends == noFlow)
      return refuse("a core sends into a channel that it is no source of");
    slot.sent[core] = at[core];
    slot.sentWords.set(core, words, size_t{width} * height + 1);
    slot.expected += line.flows[sends].receivers;
    sentKnown(channel, slot, x, y);
  });
  slot.opened += cores.size;
}

void Messages::streamOut(uint32_t channel, uint32_t number, uint32_t x, uint32_t y, uint32_t at) {
  Slot &slot = *find(channel, number);
  slot.sent[y * width + x] = at;
  sentKnown(channel, slot, x, y);
}

void Messages::openReceives(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t words,
                            const std::vector<uint32_t> &at) {
  const ChannelShape &shape = shapes[channel];
  Slot &slot = this->slot(channel, number);
  slot.touched.push_back(cores);
  forEachCore(cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    if (shape.lineAt(x, y).stops[shape.positionOf(x, y)].flow == noFlow)
      return refuse("a core receives from a channel that is not delivered to it");
    slot.asked[core] = at[core];
    slot.askedWords.set(core, words, size_t{width} * height);
  });
  slot.met += cores.size;
  slot.opened += cores.size;
}

void Messages::hostSends(uint32_t channel, uint32_t words, uint32_t at) {
  const ChannelShape &shape = shapes[channel];
  if (channels[channel].hostMessages++)
    return refuse("the host sends more than one message into a channel");
  Slot &slot = this->slot(channel, 0);
  const uint32_t core = width * height;
  slot.sent[core] = at;
  slot.sentWords.set(core, words, size_t{core} + 1);
  for (uint32_t line = 0; line < (shape.alongX ? height : width); ++line) {
    const Line &of = shape.alongX ? shape.lineAt(0, line) : shape.lineAt(line, 0);
    if (of.hostFlow != noFlow)
      slot.expected += of.flows[of.hostFlow].receivers;
  }
}

void Messages::forwardTo(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t out, uint32_t outNumber,
                         uint32_t words) {
  Slot &onto = this->slot(out, outNumber);
  const ChannelShape &shape = shapes[out];
  forEachCore(cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    const Line &line = shape.lineAt(x, y);
    const uint32_t sends = line.stops[shape.positionOf(x, y)].sends;
    if (sends == noFlow)
      return refuse("a core sends into a channel that it is no source of");
    onto.sentWords.set(core, words, size_t{width} * height + 1);
    onto.expected += line.flows[sends].receivers;
  });
  onto.touched.push_back(cores);
  onto.opened += cores.size;
  Slot &slot = *find(channel, number);
  if (&onto != &slot)
    ++onto.opened; // until `channel`'s message is closed
  if (slot.onward.empty())
    slot.onward.assign(size_t{width} * height, 0);
  slot.forwards.emplace_back(out, outNumber);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    slot.onward[core] = static_cast<uint32_t>(slot.forwards.size());
  });
}

bool Messages::sends(uint32_t channel, uint32_t number, uint32_t x, uint32_t y) const {
  const Line &line = shapes[channel].lineAt(x, y);
  const uint32_t position = shapes[channel].positionOf(x, y), flow = line.stops[position].sends;
  return flow != noFlow && line.flows[flow].sourceOf(number) == static_cast<int32_t>(position);
}

CoreSet Messages::sendersOf(uint32_t channel, uint32_t number, const CoreSet &cores) const {
  const ChannelShape &shape = shapes[channel];
  if (!shape.turn)
    return cores;
  CoreSet senders;
  forEachCore(cores, width, [&](uint32_t, uint32_t x, uint32_t y) {
    if (sends(channel, number, x, y))
      senders.add(x, y);
  });
  return senders;
}

bool Messages::mayArrive(uint32_t channel, const Slot &slot, uint32_t x, uint32_t y) const {
  const ChannelShape &shape = shapes[channel];
  const Stop &stop = shape.lineAt(x, y).stops[shape.positionOf(x, y)];
  return stop.source < 0 || slot.sentAt[static_cast<size_t>(stop.source)] > 0;
}

// ---- arrivals -------------------------------------------------------------------------------------------------------

void Messages::Channel::begin(size_t cores) {
  if (!lastTail.empty())
    return;
  lastHead.assign(cores, 0);
  lastTail.assign(cores, 0);
  forwards.assign(cores, false);
}

void Messages::Channel::keep(uint32_t core, uint32_t head, uint32_t tail, bool isForward) {
  // Of a stream that goes on it is not known when each word went down.
  const Past last = forwards[core] ? Past{0, unknown} : Past{lastHead[core], lastTail[core]};
  if (earlier.empty()) { // what there was of a core before its last one is unknown, unless that is none, too
    earlier.resize(lastTail.size());
    for (size_t at = 0; at < earlier.size(); ++at)
      earlier[at].fill({0, lastTail[at] ? unknown : 0});
  }
  earlier[core] = {last, earlier[core][0]};
  lastHead[core] = head;
  lastTail[core] = tail;
  maxTail = std::max(maxTail, tail);
  forwards[core] = isForward;
}

void Messages::setLeft(Slot &slot, uint32_t core, uint32_t at) {
  if (slot.left.empty())
    slot.left.assign(slot.sent.size(), unknown);
  slot.left[core] = at;
}

/// The last word of the message to `core` went down its ramp at `tail`.
void Messages::settle(uint32_t channel, Slot &slot, uint32_t core, uint32_t tail) {
  Channel &of = channels[channel];
  slot.tail[core] = tail;
  of.keep(core, slot.head[core], tail, !slot.onward.empty() && slot.onward[core]);
  if (tail > latest)
    refuse("the launch takes more than 2^31 cycles");
}

bool Messages::mayHold(uint32_t channel, uint32_t x, uint32_t y, uint32_t sent, uint32_t words) const {
  const Channel &of = channels[channel];
  const Stop &stop = shapes[channel].lineAt(x, y).stops[shapes[channel].positionOf(x, y)];
  const uint32_t tail = of.lastTail.empty() ? 0 : of.lastTail[y * width + x];
  return words <= stop.room && tail && int64_t{tail} + 1 + stop.steps - stop.room > int64_t{sent};
}

void Messages::record(uint32_t channel, uint32_t x, uint32_t y, uint32_t sent, uint32_t lastSent, uint32_t head,
                      uint32_t words) {
  const uint32_t tail = head + words - 1;
  Channel &of = channels[channel];
  of.begin(size_t{width} * height);
  const uint32_t core = y * width + x;
  of.lastHead[core] = head;
  of.lastTail[core] = tail;
  of.maxTail = std::max(of.maxTail, tail);
  of.forwards[core] = false;
  if (!of.earlier.empty())
    of.earlier[core].fill({0, unknown});
  const Line &line = shapes[channel].lineAt(x, y);
  const uint32_t flow = line.stops[shapes[channel].positionOf(x, y)].flow;
  if (line.flows[flow].sharesLinks)
    occupySingle(channel, x, y, {sent, head, tail, words, 0, lastSent});
  if (tail > latest)
    refuse("the launch takes more than 2^31 cycles");
}

/// The first cycle after the last word of earlier messages to the core; not `ready` while some of them are not settled.
uint32_t Messages::afterEarlier(uint32_t channel, const Slot &slot, uint32_t source, uint32_t x, uint32_t y,
                                bool &ready) {
  Channel &of = channels[channel];
  const uint32_t core = y * width + x;
  for (const auto &each : of.slots) {
    Slot &before = *each;
    if (before.number >= slot.number)
      break;
    if (before.sent[source] == unknown || before.tail[core] != unknown)
      continue;
    head(channel, before, x, y);
    if (before.tail[core] == unknown)
      ready = false;
  }
  return of.lastTail[core] ? of.lastTail[core] + 1 : 0;
}

uint32_t Messages::head(uint32_t channel, Slot &slot, uint32_t x, uint32_t y) {
  const uint32_t core = y * width + x;
  if (slot.head[core] != unknown)
    return slot.head[core];
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const Stop &stop = line.stops[shape.positionOf(x, y)];
  const FlowShape &flow = line.flows[stop.flow];
  if (flow.single == nobody) {
    settleFlow(channel, slot, line, flow, x, y);
    return slot.head[core];
  }
  return headOfOne(channel, slot, line, stop, x, y);
}

uint32_t Messages::headOfOne(uint32_t channel, Slot &slot, const Line &line, const Stop &stop, uint32_t x, uint32_t y) {
  const uint32_t core = y * width + x, source = coreAt(shapes[channel], x, y, stop.source);
  const uint32_t sent = slot.sent[source], asked = slot.asked[core];
  if (sent == unknown || asked == unknown)
    return unknown;
  bool ready = true;
  const uint32_t after = afterEarlier(channel, slot, source, x, y, ready);
  if (!ready)
    return unknown;
  const uint32_t words = slot.sentWords.at(source);
  if (slot.askedWords.at(core) != words) {
    refuse("a message is received in other pieces than it is sent in");
    return unknown;
  }
  if (words <= stop.room) {
    const uint32_t last = sent + words - 1;
    const uint32_t left = behindHistory(channels[channel], stop, core, stop.room - words, last);
    if (left != last)
      setLeft(slot, source, left);
  }
  const uint32_t head = slot.head[core] = std::max({sent + stop.path, asked, after});
  if (slot.onward.empty() || !slot.onward[core]) {
    settle(channel, slot, core, head + words - 1);
    if (line.flows[stop.flow].sharesLinks)
      occupySingle(channel, x, y, {sent, head, slot.tail[core], words, after ? after - 1 : 0});
  }
  return head;
}

void Messages::setTail(uint32_t channel, uint32_t number, uint32_t x, uint32_t y, uint32_t at) {
  Slot &slot = *find(channel, number);
  const ChannelShape &shape = shapes[channel];
  const Line &line = shape.lineAt(x, y);
  const Stop &stop = line.stops[shape.positionOf(x, y)];
  const FlowShape &flow = line.flows[stop.flow];
  const uint32_t core = y * width + x;
  if (flow.single == nobody)
    return; // settleFlow has it
  const uint32_t before = channels[channel].lastTail[core], source = coreAt(shape, x, y, stop.source);
  settle(channel, slot, core, at);
  if (flow.sharesLinks)
    occupySingle(channel, x, y, {slot.sent[source], slot.head[core], at, slot.sentWords.at(source), before});
}

} // namespace weft::sim::maxplus
