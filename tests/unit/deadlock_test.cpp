#include "deadlock_programs.h"

#include "compiler/route/Tree.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <random>

using namespace weft;
using namespace weft::route;
using namespace weft::test;
using pkg::InstrKind;

TEST_CASE("two cores that exchange asynchronously pass, blocking reads first get stuck") {
  Builder b(2, 1);
  int right = b.addChannel(oneFlow("right", 0, 1)), left = b.addChannel(oneFlow("left", 1, 0));
  SECTION("put, get, wait") {
    for (int core : {0, 1}) {
      b.add(core, InstrKind::Put, core ? left : right, 100);
      b.add(core, InstrKind::Get, core ? right : left, 100);
      b.add(core, InstrKind::Wait);
    }
    CHECK(b.check());
    CHECK(b.check(0));
  }
  SECTION("get, wait, put on both sides: a circle") {
    for (int core : {0, 1}) {
      b.add(core, InstrKind::Get, core ? right : left, 8);
      b.add(core, InstrKind::Wait);
      b.add(core, InstrKind::Put, core ? left : right, 8);
    }
    std::string message = b.failure();
    CHECK_THAT(message, Catch::Contains("wait for each other") && Catch::Contains("class 'c0' task 1") &&
                            Catch::Contains("class 'c1' task 4") && Catch::Contains("channel 'left'") &&
                            Catch::Contains("op 'layers.0.q_proj'") && Catch::Contains("Wait"));
  }
  SECTION("put, wait, get: depends on the queues") {
    for (int core : {0, 1}) {
      b.add(core, InstrKind::Put, core ? left : right, 8);
      b.add(core, InstrKind::Wait);
      b.add(core, InstrKind::Get, core ? right : left, 8);
    }
    CHECK(b.check(4)); // two routers of four words
    CHECK_THAT(b.failure(3), Catch::Contains("6 of 8 words have left"));
  }
  SECTION("counts must match") {
    b.add(0, InstrKind::Put, right, 3);
    b.add(1, InstrKind::Get, right, 2);
    CHECK_THAT(b.failure(), Catch::Contains("channel 'right'") && Catch::Contains("puts 3 words"));
  }
  SECTION("a reader without a writer") {
    b.add(1, InstrKind::ReduceInto, right, 2);
    CHECK_THAT(b.failure(), Catch::Contains("words are missing") && Catch::Contains("core (0, 0) has ended"));
  }
  SECTION("a channel that does not start here") {
    b.add(1, InstrKind::Put, right, 2);
    CHECK_THAT(b.failure(), Catch::Contains("Put channel 'right', but no flow of it starts at this core"));
  }
  SECTION("loops, and loop-dependent sizes") {
    for (int core : {0, 1}) {
      b.add(core, InstrKind::LoopBegin, 0, 5);
      auto &instrs = b.program.tasks.back()->instrs;
      instrs.push_back(Builder::makeInstr(core ? InstrKind::Get : InstrKind::Put, right, 0, 0));
      *instrs.back()->bytes = pkg::Expr(pkg::Source::Loop, 0, 40, 4);
      instrs.push_back(Builder::makeInstr(InstrKind::Wait, 0, 0, 0));
      instrs.push_back(Builder::makeInstr(InstrKind::LoopEnd, 0, 0, 0));
    }
    CHECK(b.check());
    b.program.tasks.back()->instrs[0]->count = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, 4);
    CHECK_FALSE(b.check());
    b.program.tasks.back()->instrs.pop_back();
    CHECK_THAT(b.failure(), Catch::Contains("loop without begin or end"));
  }
  SECTION("launch parameters: only some lengths get stuck") {
    auto param = std::make_unique<pkg::ParamT>();
    param->divisors = {4};
    b.program.params.push_back(std::move(param));
    for (int core : {0, 1}) {
      *b.add(core, InstrKind::Put, core ? left : right).bytes = pkg::Expr(pkg::Source::Param, 0, 4, 0);
      b.add(core, InstrKind::Wait);
      *b.add(core, InstrKind::Get, core ? right : left).bytes = pkg::Expr(pkg::Source::Param, 0, 4, 0);
    }
    DeadlockStatistics stats;
    CHECK(b.check(2, {1, 2, 4, 16}, &stats));
    CHECK(stats.runs == 2);   // 1, 2 and 4 tokens give the same parameter
    auto result = b.check(2); // up to max_seq = 64: 16 words into 4
    REQUIRE(!result);
    CHECK_THAT(result.error().message, Catch::Contains("(with 64 tokens in the cache)"));
  }
}

TEST_CASE("a circle of ReduceForwards is refused") {
  Builder b(2, 1);
  int right = b.addChannel(oneFlow("right", 0, 1)), left = b.addChannel(oneFlow("left", 1, 0));
  b.add(0, InstrKind::Put, right, 1);
  b.add(0, InstrKind::ReduceForward, left, 4, right);
  b.add(1, InstrKind::ReduceForward, right, 4, left);
  CHECK_THAT(b.failure(), Catch::Contains("come back to it"));
}

TEST_CASE("host input and output are part of the count") {
  Builder b(1, 2);
  int in = b.addChannel(hostInput("in", Axis::Y, 2)), out = b.addChannel(hostOutput("out", Axis::Y));
  b.program.inputs.push_back(std::make_unique<pkg::HostInputT>());
  b.program.inputs[0]->channel = in;
  b.program.inputs[0]->bytes = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, 400);
  b.program.outputs.push_back(std::make_unique<pkg::HostOutputT>());
  b.program.outputs[0]->channel = out;
  b.program.outputs[0]->index.assign(50, 0);
  for (int core : {0, 1})
    b.add(core, InstrKind::Get, in, 100);
  auto &put = b.add(0, InstrKind::Put, out, 50);
  CHECK(b.check());
  *put.bytes = pkg::Expr(pkg::Source::Constant, 0, 0, 4 * 49);
  CHECK_THAT(b.failure(), Catch::Contains("channel 'out'") && Catch::Contains("asks for 50"));
  *put.bytes = pkg::Expr(pkg::Source::Constant, 0, 0, 4 * 50);
  b.add(1, InstrKind::Get, in, 1);
  b.add(1, InstrKind::Wait);
  CHECK_THAT(b.failure(), Catch::Contains("the host has given all it has"));
}

// ---- against a machine that moves single words in random order
// --------------------------------------------------------

namespace {
/// The program model word by word, on one row; the scheduler picks any move that is possible.
struct WordMachine {
  struct Wire {
    int channel, source, lo, hi;
    bool all;
    std::map<int, int> queue; // words in each router
    long issued = 0, sent = 0;
    std::map<int, long> open, taken;
    bool delivers(int p) const { return p != source && (all || p == lo || p == hi); }
  };
  struct Core {
    std::vector<const pkg::InstrT *> code;
    size_t pc = 0;
    bool busy = false;
    long left = 0, held = 0; // of a reduction: words to take, words taken and not yet sent
    int in = -1, out = -1;
  };
  std::vector<Wire> wires;
  std::vector<Core> cores;
  int depth, buffer;

  WordMachine(const Builder &b, int depth, int buffer) : cores(b.width), depth(depth), buffer(buffer) {
    for (size_t c = 0; c < b.program.channels.size(); ++c)
      for (const auto &f : b.program.channels[c]->flows)
        wires.push_back({int(c), f.source(), f.lo(), f.hi(), f.deliver_all(), {}, 0, 0, {}, {}});
    for (const auto &task : b.program.tasks)
      for (const auto &instr : task->instrs)
        cores[task->class_id].code.push_back(instr.get());
  }
  int sender(int channel, int core) {
    for (size_t w = 0; w < wires.size(); ++w)
      if (wires[w].channel == channel && wires[w].source == core)
        return int(w);
    return -1;
  }
  int reader(int channel, int core) {
    for (size_t w = 0; w < wires.size(); ++w)
      if (wires[w].channel == channel && core >= wires[w].lo && core <= wires[w].hi && wires[w].delivers(core))
        return int(w);
    return -1;
  }
  bool stepCore(int c) {
    Core &core = cores[c];
    if (core.pc >= core.code.size())
      return false;
    const pkg::InstrT &instr = *core.code[core.pc];
    long words = instr.bytes->add() / 4;
    switch (instr.kind) {
    case InstrKind::Put:
      wires[sender(instr.channel, c)].issued += words;
      break;
    case InstrKind::Get:
      wires[reader(instr.channel, c)].open[c] += words;
      break;
    case InstrKind::Wait:
      for (Wire &w : wires)
        if (w.open[c] > w.taken[c] || (w.source == c && w.sent < w.issued))
          return false;
      break;
    default: { // the reductions
      bool forwards = instr.kind == InstrKind::ReduceForward;
      Wire &in = wires[reader(instr.channel, c)];
      if (!core.busy) { // earlier transfers of the channels come first
        Wire *out = forwards ? &wires[sender(instr.channel_out, c)] : nullptr;
        if (in.open[c] > in.taken[c] || (out && out->sent < out->issued))
          return false;
        core.busy = true;
        core.left = words;
        core.held = 0;
        core.in = reader(instr.channel, c);
        core.out = forwards ? sender(instr.channel_out, c) : -1;
        return true;
      }
      if (core.left > 0 || core.held > 0)
        return false;
      core.busy = false;
      core.in = core.out = -1;
    }
    }
    ++core.pc;
    return true;
  }
  bool canTake(int wire, int p) {
    Core &core = cores[p];
    if (core.busy && core.in == wire) {
      if (core.left == 0)
        return false;
      if (core.out < 0)
        return true;
      return core.held < buffer || (buffer == 0 && wires[core.out].queue[p] < depth);
    }
    return wires[wire].open[p] > wires[wire].taken[p];
  }
  void take(int wire, int p) {
    Core &core = cores[p];
    if (core.busy && core.in == wire) {
      --core.left;
      if (core.out >= 0 && buffer == 0)
        inject(core.out);
      else if (core.out >= 0)
        ++core.held;
      return;
    }
    ++wires[wire].taken[p];
  }
  void inject(int wire) { ++wires[wire].queue[wires[wire].source]; }
  bool stepRouter(int index, int p) {
    Wire &w = wires[index];
    if (w.queue[p] == 0)
      return false;
    std::vector<int> next;
    if (p >= w.source && p < w.hi)
      next.push_back(p + 1);
    if (p <= w.source && p > w.lo)
      next.push_back(p - 1);
    for (int n : next)
      if (w.queue[n] >= depth)
        return false;
    if (w.delivers(p) && !canTake(index, p))
      return false;
    --w.queue[p];
    for (int n : next)
      ++w.queue[n];
    if (w.delivers(p))
      take(index, p);
    return true;
  }
  bool stepInject(int index) {
    Wire &w = wires[index];
    Core &core = cores[w.source];
    if (w.queue[w.source] >= depth)
      return false;
    if (w.sent < w.issued) {
      ++w.sent;
      inject(index);
      return true;
    }
    if (core.busy && core.out == index && core.held > 0) {
      --core.held;
      inject(index);
      return true;
    }
    return false;
  }
  /// True if every core ends and nothing is left.
  bool run(std::mt19937 &rng) {
    std::vector<std::function<bool()>> moves;
    for (size_t c = 0; c < cores.size(); ++c)
      moves.push_back([this, c] { return stepCore(int(c)); });
    for (size_t w = 0; w < wires.size(); ++w) {
      moves.push_back([this, w] { return stepInject(int(w)); });
      for (int p = wires[w].lo; p <= wires[w].hi; ++p)
        moves.push_back([this, w, p] { return stepRouter(int(w), p); });
    }
    for (bool moved = true; moved;) {
      moved = false;
      std::shuffle(moves.begin(), moves.end(), rng);
      for (auto &move : moves)
        while (move()) {
          moved = true;
          if (rng() % 3 == 0)
            break;
        }
    }
    for (const Core &core : cores)
      if (core.pc < core.code.size())
        return false;
    for (Wire &w : wires) {
      if (w.sent != w.issued)
        return false;
      for (int p = w.lo; p <= w.hi; ++p)
        if (w.queue[p] > 0 || w.open[p] != w.taken[p])
          return false;
    }
    return true;
  }
};

/// Transfers and chain reductions in a global order that could work, then a few mistakes.
Builder randomProgram(std::mt19937 &rng) {
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  int n = pick(2, 6);
  Builder b(n, 1);
  std::vector<int> plain = {b.addChannel(ringShift("ring", Axis::X, n, Embedding::Interleave, 1)),
                            b.addChannel(ringShift("back", Axis::X, n, Embedding::Identity, -1)),
                            b.addChannel(broadcast("cast", Axis::X, n, pick(0, n - 1)))};
  auto tree = planTree("tree", Axis::X, n, {}, 1);
  int low = b.addChannel(tree->levels[0].low), high = b.addChannel(tree->levels[0].high);
  std::vector<std::vector<std::unique_ptr<pkg::InstrT>>> code(n);
  auto emit = [&](int core, InstrKind kind, int channel, int words, int out = 0) {
    code[core].push_back(Builder::makeInstr(kind, channel, words, out));
  };
  for (int event = pick(1, 12); event > 0; --event) {
    int words = pick(0, 2) ? pick(1, 12) : 1;
    if (pick(0, 3) == 0) {
      for (const RoleMask &mask : tree->levels[0].roles)
        for (int p = 0; p < n; ++p) {
          if (!mask.positions[p])
            continue;
          bool isLow = mask.role == TreeRole::LowEnd || mask.role == TreeRole::LowMiddle;
          int side = isLow ? low : high;
          if (mask.role == TreeRole::Root) {
            if (mask.receivesFromLow)
              emit(p, InstrKind::ReduceInto, low, words);
            if (mask.receivesFromHigh)
              emit(p, InstrKind::ReduceInto, high, words);
          } else if (mask.role == TreeRole::LowEnd || mask.role == TreeRole::HighEnd) {
            emit(p, InstrKind::Put, side, words);
          } else {
            emit(p, InstrKind::ReduceForward, side, words, side);
          }
        }
      continue;
    }
    int channel = plain[pick(0, 2)];
    const auto &flows = b.program.channels[channel]->flows;
    const pkg::Flow &flow = flows[pick(0, int(flows.size()) - 1)];
    emit(flow.source(), InstrKind::Put, channel, words);
    for (int p = flow.lo(); p <= flow.hi(); ++p)
      if (p != flow.source() && (flow.deliver_all() || p == flow.lo() || p == flow.hi()))
        emit(p, pick(0, 3) ? InstrKind::Get : InstrKind::ReduceInto, channel, words);
    if (pick(0, 1))
      emit(pick(0, n - 1), InstrKind::Wait, 0, 0);
  }
  for (int mistakes = pick(0, 6); mistakes > 0; --mistakes) {
    auto &list = code[pick(0, n - 1)];
    if (list.size() > 1) {
      size_t i = pick(0, int(list.size()) - 2);
      if (pick(0, 7) == 0)
        list.erase(list.begin() + i);
      else
        std::swap(list[i], list[i + 1]);
    }
  }
  for (int core = 0; core < n; ++core)
    for (auto &instr : code[core]) {
      b.program.tasks.push_back(std::make_unique<pkg::TaskT>());
      b.program.tasks.back()->class_id = core;
      b.program.tasks.back()->instrs.push_back(std::move(instr));
    }
  return b;
}
} // namespace

TEST_CASE("the check agrees with a word-by-word machine on random programs") {
  std::mt19937 rng(7);
  int passes = 0, stuck = 0;
  for (int round = 0; round < 1500; ++round) {
    Builder b = randomProgram(rng);
    int depth = 1 + round % 3;
    auto result = b.check(depth, {1});
    INFO("round " << round << " depth " << depth << " " << (result ? "" : result.error().message));
    for (int schedule = 0; schedule < 2; ++schedule) {
      // Exactly the machine without room inside a reduction; and at least as careful as one with a word of it.
      REQUIRE(WordMachine(b, depth, 0).run(rng) == bool(result));
      if (result)
        REQUIRE(WordMachine(b, depth, 1).run(rng));
    }
    ++(result ? passes : stuck);
  }
  WARN(passes << " random programs pass, " << stuck << " get stuck");
  CHECK(passes > 300);
  CHECK(stuck > 300);
}

TEST_CASE("2,000 tasks on 32 x 32 cores") {
  int n = 32;
  Builder b(n, n);
  int ring = b.addChannel(ringShift("ring", Axis::X, n, Embedding::Interleave, 1));
  int ringY = b.addChannel(ringShift("ringY", Axis::Y, n, Embedding::Interleave, 1));
  uint32_t everyone = b.addClass("all", [](int, int) { return true; });
  std::vector<TreePlan> trees;
  std::vector<std::vector<std::pair<int, int>>> sides(2);
  std::vector<int> casts;
  for (Axis axis : {Axis::X, Axis::Y}) {
    trees.push_back(*planTree(axis == Axis::X ? "tx" : "ty", axis, n, {}, 2));
    for (auto &level : trees.back().levels)
      sides[trees.size() - 1].push_back({b.addChannel(level.low), b.addChannel(level.high)});
    casts.push_back(b.addChannel(trees.back().multicast));
  }
  std::map<std::tuple<int, size_t, int, bool, bool>, uint32_t> known; // classes of roles
  std::vector<uint32_t> roots, leaves;
  for (int t : {0, 1}) {
    roots.push_back(b.addClass("root", [&](int x, int y) { return bool(trees[t].isRoot[t == 0 ? x : y]); }));
    leaves.push_back(b.addClass("leaf", [&](int x, int y) { return !trees[t].isRoot[t == 0 ? x : y]; }));
  }
  auto addReduce = [&](int t, int words) {
    for (size_t l = 0; l < trees[t].levels.size(); ++l)
      for (const RoleMask &mask : trees[t].levels[l].roles) {
        auto [slot, isNew] = known.try_emplace({t, l, int(mask.role), mask.receivesFromLow, mask.receivesFromHigh}, 0);
        if (isNew)
          slot->second = b.addClass("role", [&](int x, int y) { return bool(mask.positions[t == 0 ? x : y]); });
        auto [low, high] = sides[t][l];
        int side = mask.role == TreeRole::LowEnd || mask.role == TreeRole::LowMiddle ? low : high;
        if (mask.role == TreeRole::Root) {
          b.add(slot->second, InstrKind::ReduceInto, low, words);
          b.add(slot->second, InstrKind::ReduceInto, high, words);
        } else if (mask.role == TreeRole::LowEnd || mask.role == TreeRole::HighEnd) {
          b.add(slot->second, InstrKind::Put, side, words);
        } else {
          b.add(slot->second, InstrKind::ReduceForward, side, words, side);
        }
      }
    b.add(roots[t], InstrKind::Put, casts[t], words);
    b.add(leaves[t], InstrKind::Get, casts[t], words);
    b.add(everyone, InstrKind::Wait);
  };
  while (b.program.tasks.size() < 2000) {
    for (int t : {0, 1, 0, 1})
      addReduce(t, 64);
    for (int channel : {ring, ringY}) {
      b.add(everyone, InstrKind::LoopBegin, 0, 4);
      auto &instrs = b.program.tasks.back()->instrs;
      for (InstrKind kind : {InstrKind::Put, InstrKind::Get, InstrKind::Wait, InstrKind::LoopEnd})
        instrs.push_back(Builder::makeInstr(kind, channel, 96, 0));
    }
  }
  DeadlockStatistics stats;
  auto begin = std::chrono::steady_clock::now();
  auto result = b.check(4, {}, &stats);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  WARN(b.program.tasks.size() << " tasks, " << stats.instructions << " steps: " << seconds << " s");
  CHECK(seconds < 10); // 0.3 on an idle machine; loaded and instrumented ones run this too
}
