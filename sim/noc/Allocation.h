// Separable allocation with round-robin arbiters, one iteration (iSLIP: N. McKeown, "The iSLIP Scheduling Algorithm for
// Input-Queued Switches", IEEE/ACM Transactions on Networking 7(2), 1999): each output grants one request, each input
// accepts one grant, and both move their pointers only if the grant is accepted.
#pragma once

#include "sim/noc/Router.h"

namespace weft::noc {

/// Which queue each output port takes a flit from, and whether it does so in the hope of a virtual channel.
template <uint32_t channels> struct SwitchMatch {
  uint8_t queue[ports];
  uint32_t matched = 0, speculative = 0; // sets of output ports
};

/// Queues that ask for `output` speculatively: heads, while a virtual channel is free that has a credit.
template <uint32_t channels> inline auto speculators(const Router<channels> &router, uint32_t output) {
  using Mask = typename Router<channels>::Mask;
  if (!router.waiting[output])
    return Mask{0};
  uint32_t usable = 0;
  for (uint32_t channel = 0; channel < channels; ++channel)
    usable |= (router.credits[output * channels + channel] ? 1u : 0u) << channel;
  return usable & router.free[output] ? router.waiting[output] : Mask{0};
}

/// Matches input ports with output ports; decides on the state at the start of the cycle and moves only pointers.
template <uint32_t channels> inline SwitchMatch<channels> allocateSwitch(Router<channels> &router, bool speculative) {
  using Mask = typename Router<channels>::Mask;
  SwitchMatch<channels> match;
  if constexpr (channels == 1) { // an input port asks for one output port, so it accepts whatever it is granted
    for (uint32_t output = 0; output < ports; ++output) {
      Mask hopeful = speculative ? speculators(router, output) : 0;
      Mask requests = router.bidding[output] | hopeful;
      if (!requests)
        continue;
      uint32_t queue = roundRobin(requests, router.switchGrant[output]);
      router.switchGrant[output] = following(queue, ports);
      match.queue[output] = static_cast<uint8_t>(queue);
      match.matched |= 1u << output;
      match.speculative |= (hopeful ? 1u : 0u) << output;
    }
    return match;
  }
  Mask requests[ports];
  uint32_t granted[ports] = {}; // by input port: output ports
  for (uint32_t output = 0; output < ports; ++output) {
    requests[output] = router.bidding[output] | (speculative ? speculators(router, output) : 0);
    uint32_t inputs = 0;
    for (uint32_t input = 0; requests[output] >> (input * channels); ++input)
      inputs |= (requests[output] >> (input * channels) & ((Mask{1} << channels) - 1) ? 1u : 0u) << input;
    if (inputs)
      granted[roundRobin(inputs, router.switchGrant[output])] |= 1u << output;
  }
  for (uint32_t input = 0; input < ports; ++input) {
    if (!granted[input])
      continue;
    uint32_t output = roundRobin(granted[input], router.switchAccept[input]);
    router.switchGrant[output] = following(input, ports);
    router.switchAccept[input] = following(output, ports);
    auto own = [&](Mask queues) {
      return static_cast<uint32_t>(queues >> (input * channels)) & ((1u << channels) - 1);
    };
    uint32_t sure = own(router.bidding[output]), all = own(requests[output]);
    uint32_t channel = roundRobin(sure ? sure : all, router.nextQueue[input]);
    router.nextQueue[input] = following(channel, channels);
    match.queue[output] = static_cast<uint8_t>(input * channels + channel);
    match.matched |= 1u << output;
    match.speculative |= (sure ? 0u : 1u) << output;
  }
  return match;
}

/// `queue` holds the virtual channel `output` from now on.
template <uint32_t channels> inline void hold(Router<channels> &router, uint32_t queue, uint32_t output) {
  uint32_t port = output / channels;
  router.waiting[port] &= ~router.bit(queue);
  router.free[port] &= static_cast<uint8_t>(~(1u << output % channels));
  router.holder[output] = static_cast<uint8_t>(queue);
  router.queues[queue].output = static_cast<uint8_t>(output);
  if (router.credits[output])
    router.bidding[port] |= router.bit(queue);
}

/// Gives free virtual channels of output ports to waiting heads.
template <uint32_t channels> inline void allocateChannels(Router<channels> &router) {
  for (uint32_t port = 0; port < ports; ++port) {
    const auto waiting = router.waiting[port];
    if (!waiting || !router.free[port])
      continue;
    if constexpr (channels == 1) {
      uint32_t queue = roundRobin(waiting, router.channelGrant[port]);
      router.channelGrant[port] = following(queue, ports);
      hold(router, queue, port);
      continue;
    }
    constexpr uint32_t count = Router<channels>::queueCount;
    uint8_t grants[count] = {}; // by queue: virtual channels
    typename Router<channels>::Mask granted = 0;
    for (uint32_t set = router.free[port]; set; set &= set - 1) {
      uint32_t channel = static_cast<uint32_t>(std::countr_zero(set));
      uint32_t queue = roundRobin(waiting, router.channelGrant[port * channels + channel]);
      grants[queue] |= static_cast<uint8_t>(1u << channel);
      granted |= router.bit(queue);
    }
    for (uint32_t queue = 0; granted >> queue; ++queue) {
      if (!grants[queue])
        continue;
      uint32_t output = roundRobin(uint64_t{grants[queue]} << (port * channels), router.channelAccept[queue]);
      router.channelGrant[output] = following(queue, count);
      router.channelAccept[queue] = following(output, count);
      hold(router, queue, output);
    }
  }
}

} // namespace weft::noc
