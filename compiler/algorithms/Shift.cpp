// A tile moves `hops` cores along x: routed there in hardware, or stored and sent on by each core between.
#include "compiler/algorithms/Algorithm.h"

#include <fmt/format.h>

namespace weft::algorithms {
namespace {

using route::Axis;

struct Shift {
  Emission &out;
  ProgramBuilder &builder;
  int hops = 1;
  int64_t bytes = 0;
  uint32_t buffer = 0, op = 0;

  Result<void> emit();
  uint32_t channel(int distance) const;
  void relay();
  void direct();
  void announce();
};

/// Core i to core i + distance, where there is one.
uint32_t Shift::channel(int distance) const {
  route::ChannelSpec spec{"shift", Axis::X, {}, 0, {}};
  for (int i = 0; i + distance < out.width(); ++i)
    spec.flows.push_back({-1, i, i, i + distance, false, 0});
  return builder.channel(std::move(spec));
}

/// Stored and forwarded: a core sends what lies in the first place and receives into the second one; then it copies
/// that to the first, whether anything came or not: all cores run one program. As a step of MeshGEMM it has a task for
/// each end of the move, one that joins them, one for the next step; the sending end's runs while the tile still
/// arrives.
void Shift::relay() {
  const uint32_t ring = channel(1), w = builder.width;
  const uint32_t moved = builder.kernel("next_step");
  const uint32_t copy = builder.kernel("copy", {static_cast<uint64_t>(bytes), static_cast<uint64_t>(bytes)});
  const int64_t stored = out.request.shape[0] * out.request.shape[1] * out.elementSize();
  const Place first{buffer, 0, {}}, second{buffer, static_cast<uint32_t>(bytes), {}};
  for (int part = 0; part < 3; ++part) { // first, between, last
    Code code;
    code.begin(constant(hops));
    if (part > 0)
      code.get(ring, constant(bytes), second);
    if (part < 2)
      code.put(ring, constant(bytes), first);
    code.call(moved, out.narrow(), {.activations = 1}).wait();
    code.call(copy, out.narrow(), {.loadBytes = stored, .storeBytes = stored, .vectors = 1, .activations = 3},
              {first, second}, {constant(bytes)});
    code.end();
    const Mask along = part == 0 ? positions(w, 0, 1) : part == 1 ? positions(w, 1, w - 1) : positions(w, w - 1, w);
    builder.task(op, along, everywhere(builder.height), std::move(code));
  }
  out.facts.steps = static_cast<uint64_t>(hops);
}

void Shift::direct() {
  const uint32_t route = channel(hops), w = builder.width, distance = static_cast<uint32_t>(hops);
  const auto second = static_cast<uint32_t>(bytes); // where it arrives
  for (bool sends : {false, true})
    for (bool receives : {false, true}) {
      Mask mask(w, false);
      for (uint32_t x = 0; x < w; ++x)
        mask[x] = (x + distance < w) == sends && (x >= distance) == receives;
      Code code;
      if (sends)
        code.put(route, constant(bytes), {buffer, 0, {}});
      if (receives)
        code.get(route, constant(bytes), {buffer, second, {}});
      if (sends || receives)
        code.wait();
      builder.task(op, mask, everywhere(builder.height), std::move(code));
    }
  out.facts.steps = 1;
}

/// One word from the first core of each line to the others, as the measured program sends it after the last step.
void Shift::announce() {
  const uint32_t w = builder.width;
  uint32_t word = builder.buffer("announcement", builder.hardware.routing.linkBytes);
  uint32_t all = builder.channel(route::broadcast("announce", Axis::X, out.width(), 0));
  const pkg::Expr bytes = constant(builder.hardware.routing.linkBytes);
  Code send, receive;
  // The task that it activates, and the one that begins the next repetition.
  const uint32_t next = builder.kernel("next_step");
  send.put(all, bytes, {word, 0, {}}).wait().call(next, out.narrow(), {.activations = 2});
  receive.get(all, bytes, {word, 0, {}}).wait().call(next, out.narrow(), {.activations = 2});
  builder.task(op, positions(w, 0, 1), everywhere(builder.height), std::move(send));
  builder.task(op, positions(w, 1, w), everywhere(builder.height), std::move(receive));
}

Result<void> Shift::emit() {
  auto wanted = out.request.settings.number("hops", 1, 1, out.width() - 1);
  if (!wanted)
    return userError(
        fmt::format("{}: a line of {} cores has up to {} hops", wanted.error().message, out.width(), out.width() - 1));
  auto announced = out.request.settings.flag("announce", true);
  if (!announced)
    return announced.takeError();
  auto pack = out.request.settings.choice("pack", "1", {"1", "2"});
  if (!pack)
    return pack.takeError();
  hops = static_cast<int>(*wanted);
  const int64_t word = builder.hardware.routing.linkBytes;
  const int64_t elements = out.request.shape[0] * out.request.shape[1];
  const bool wide = out.narrow() && *pack == "1"; // an f16 in each word, as the measured program sends them
  bytes = wide ? elements * word : ceilDiv(elements * out.elementSize(), word) * word;
  buffer = builder.buffer("tile", static_cast<uint64_t>(2 * bytes), pkg::BufferKind::Communication);
  op = builder.op("shift", "shift");
  auto cores = [w = builder.width](uint32_t x, uint32_t y) {
    return std::vector<std::pair<int64_t, int64_t>>{{int64_t{y} * w + x, 0}};
  };
  const int64_t all = int64_t{builder.width} * builder.height;
  const bool relayed = out.request.algorithm == "relay";
  const auto arrives = builder.offsetOf(buffer) + static_cast<uint32_t>(relayed ? 0 : bytes);
  out.inputs["v"] = {builder.offsetOf(buffer), 0, 1, elements, all, elements, cores};
  out.outputs["v"] = {arrives, 0, 1, elements, all, elements, cores};
  out.facts.tile = out.facts.padded = out.request.shape;
  relayed ? relay() : direct();
  if (*announced && out.width() > 1)
    announce();
  return success();
}

} // namespace

Result<void> emitShift(Emission &out) {
  if (out.width() < 2)
    return userError("a shift along x needs at least two columns of cores");
  return Shift{.out = out, .builder = out.builder}.emit();
}

} // namespace weft::algorithms
