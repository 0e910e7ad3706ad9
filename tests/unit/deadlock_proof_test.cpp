#include "deadlock_programs.h"

#include "compiler/route/DeadlockProof.h"
#include "compiler/route/Tree.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <random>

using namespace weft;
using namespace weft::route;
using namespace weft::test;
using pkg::InstrKind;

namespace {

DeadlockProof prove(const Builder &b, uint32_t queueWords = 2) {
  DeadlockOptions options;
  options.queueWords = queueWords;
  return proveNoDeadlock(b.package, b.program, options, {});
}

/// Patterns of compiled programs on a mesh of any size, a step at a time.
class Patterns {
public:
  Patterns(int width, int height) : b(1, 1), width(width), height(height) {
    b.package.classes.clear(); // the builder's own, one a core
    b.width = static_cast<int>(b.package.mesh_width = width);
    b.height = static_cast<int>(b.package.mesh_height = height);
    all = b.addClass("all", [](int, int) { return true; });
    b.program.rank_x = coreToRank(width, Embedding::Interleave);
    b.program.rank_y = coreToRank(height, Embedding::Interleave);
    for (Axis axis : {Axis::X, Axis::Y}) {
      const int n = axis == Axis::X ? width : height;
      const std::string name = axis == Axis::X ? "x" : "y";
      rings.push_back(b.addChannel(ringShift(name + "ring", axis, n, Embedding::Interleave, -1)));
      trees.push_back(*planTree(name + "tree", axis, n, {}, 1));
      low.push_back(b.addChannel(trees.back().levels[0].low));
      high.push_back(b.addChannel(trees.back().levels[0].high));
      casts.push_back(b.addChannel(trees.back().multicast));
    }
    if (width == height)
      diagonal = b.addChannel(diagonalBroadcast("diagonal", Axis::X, width));
  }

  /// Everyone hands a block on along both axes, `rounds` times.
  void computeShift(int rounds, int words) {
    auto &task = newTask(all);
    push(task, InstrKind::LoopBegin, 0, rounds);
    for (int ring : rings)
      for (InstrKind kind : {InstrKind::Put, InstrKind::Get})
        push(task, kind, ring, words);
    push(task, InstrKind::Wait);
    push(task, InstrKind::LoopEnd);
  }
  /// Rows turn their blocks as often as their rank says.
  void align(int words) {
    auto &task = newTask(all);
    push(task, InstrKind::LoopBegin);
    *task.instrs.back()->count = pkg::Expr(pkg::Source::RankY, 0, 1, 0);
    push(task, InstrKind::Put, rings[0], words);
    push(task, InstrKind::Get, rings[0], words);
    push(task, InstrKind::Wait);
    push(task, InstrKind::LoopEnd);
  }
  /// With `rounds`, that often: each core's part of it is a loop, or where it has two parts, two loops.
  void allReduce(int t, int words, int rounds = 0) {
    const size_t first = b.program.tasks.size();
    reduceAll(t, words);
    for (size_t i = first; rounds && i < b.program.tasks.size(); ++i) {
      auto &instrs = b.program.tasks[i]->instrs;
      instrs.insert(instrs.begin(), Builder::makeInstr(InstrKind::LoopBegin, 0, rounds, 0));
      instrs.push_back(Builder::makeInstr(InstrKind::LoopEnd, 0, 0, 0));
    }
  }
  void reduceAll(int t, int words) {
    auto onAxis = [=](int x, int y) { return t == 0 ? x : y; };
    for (const RoleMask &mask : trees[t].levels[0].roles) {
      uint32_t cls = b.addClass("role", [&](int x, int y) { return bool(mask.positions[onAxis(x, y)]); });
      bool isLow = mask.role == TreeRole::LowEnd || mask.role == TreeRole::LowMiddle;
      int side = isLow ? low[t] : high[t];
      auto &task = newTask(cls);
      if (mask.role == TreeRole::Root) {
        if (mask.receivesFromLow)
          push(task, InstrKind::ReduceInto, low[t], words);
        if (mask.receivesFromHigh)
          push(task, InstrKind::ReduceInto, high[t], words);
      } else if (mask.role == TreeRole::LowEnd || mask.role == TreeRole::HighEnd) {
        push(task, InstrKind::Put, side, words);
        push(task, InstrKind::Wait);
      } else {
        push(task, InstrKind::ReduceForward, side, words, side);
      }
    }
    uint32_t root = b.addClass("root", [&](int x, int y) { return bool(trees[t].isRoot[onAxis(x, y)]); });
    uint32_t leaf = b.addClass("leaf", [&](int x, int y) { return !trees[t].isRoot[onAxis(x, y)]; });
    exchange(root, leaf, casts[t], words);
  }
  /// The diagonal's cores to those of their rows; on a square.
  void turn(int words) {
    uint32_t on = b.addClass("on", [](int, int) { return true; }),
             off = b.addClass("off", [](int, int) { return true; });
    for (uint32_t cls : {on, off})
      for (int y = 0; y < height; ++y)
        b.package.classes[cls]->point_x.push_back(y);
    b.package.classes[off]->point_negated = true;
    exchange(on, off, diagonal, words);
  }

  Builder b;
  int width, height, diagonal = -1;
  uint32_t all;
  std::vector<TreePlan> trees;
  std::vector<int> rings, low, high, casts;

private:
  pkg::TaskT &newTask(uint32_t cls) {
    b.program.tasks.push_back(std::make_unique<pkg::TaskT>());
    b.program.tasks.back()->class_id = cls;
    return *b.program.tasks.back();
  }
  static void push(pkg::TaskT &task, InstrKind kind, int channel = 0, int words = 0, int out = 0) {
    task.instrs.push_back(Builder::makeInstr(kind, channel, words, out));
  }
  void exchange(uint32_t from, uint32_t to, int channel, int words) {
    auto &sender = newTask(from);
    push(sender, InstrKind::Put, channel, words);
    push(sender, InstrKind::Wait);
    auto &receiver = newTask(to);
    push(receiver, InstrKind::Get, channel, words);
    push(receiver, InstrKind::Wait);
  }
};

} // namespace

TEST_CASE("patterns of compiled programs are proven, and the run agrees") {
  auto [width, height] = GENERATE(std::pair(2, 2), std::pair(5, 5), std::pair(7, 3), std::pair(2, 6));
  Patterns p(width, height);
  for (int layer = 0; layer < 3; ++layer) {
    p.align(3);
    p.computeShift(width, 5);
    for (int axis : {0, 1})
      p.allReduce(axis, 4);
    if (p.diagonal >= 0 && width > 1)
      p.turn(6);
  }
  DeadlockProof proof = prove(p.b);
  INFO(proof.obstacle);
  CHECK(proof.proven);
  CHECK(p.b.check());
  CHECK(proof.units >= 3);
}

TEST_CASE("layers that are alike are looked at once") {
  Patterns p(6, 6);
  p.computeShift(6, 5);
  DeadlockProof one = prove(p.b);
  for (int layer = 0; layer < 30; ++layer)
    p.computeShift(6, 5);
  DeadlockProof many = prove(p.b);
  CHECK(many.units == 31 * one.units);
  CHECK(many.distinct == one.distinct);
}

TEST_CASE("what gets stuck is not proven") {
  SECTION("reads before writes, in a circle") {
    Builder b(2, 1);
    int right = b.addChannel(oneFlow("right", 0, 1)), left = b.addChannel(oneFlow("left", 1, 0));
    for (int core : {0, 1}) {
      b.add(core, InstrKind::Get, core ? right : left, 8);
      b.add(core, InstrKind::Wait);
      b.add(core, InstrKind::Put, core ? left : right, 8);
    }
    CHECK_FALSE(prove(b).proven);
  }
  SECTION("rounds that differ along a ring") {
    Patterns p(4, 4);
    p.align(3);
    *p.b.program.tasks[0]->instrs[0]->count = pkg::Expr(pkg::Source::RankX, 0, 1, 0);
    CHECK_FALSE(prove(p.b).proven);
    CHECK_FALSE(p.b.check());
  }
  SECTION("one row of the mesh puts less") {
    Patterns p(4, 4);
    p.computeShift(3, 5);
    *p.b.program.tasks[0]->instrs[1]->bytes = pkg::Expr(pkg::Source::RankX, 0, 4, 0);
    CHECK_FALSE(prove(p.b).proven);
  }
  // Of each core two loops, whose rounds would have to alternate: it puts all its words before it takes any.
  SECTION("reductions in a second loop") {
    Builder b(2, 1);
    const int right = b.addChannel(oneFlow("right", 0, 1)), left = b.addChannel(oneFlow("left", 1, 0));
    auto loop = [&](uint32_t core, std::initializer_list<InstrKind> kinds, int channel) {
      b.add(core, InstrKind::LoopBegin, 0, 20);
      auto &instrs = b.program.tasks.back()->instrs;
      for (InstrKind kind : kinds)
        instrs.push_back(Builder::makeInstr(kind, channel, 1, 0));
      instrs.push_back(Builder::makeInstr(InstrKind::LoopEnd, 0, 0, 0));
    };
    loop(0, {InstrKind::Put, InstrKind::Wait}, right);
    loop(1, {InstrKind::Put, InstrKind::Wait}, left);
    loop(0, {InstrKind::ReduceInto}, left);
    loop(1, {InstrKind::ReduceInto}, right);
    CHECK_FALSE(prove(b).proven);
    CHECK_FALSE(b.check());
  }
  SECTION("reductions in a loop inside, as often as the loop outside has turned") {
    Builder b(2, 1);
    const int right = b.addChannel(oneFlow("right", 0, 1));
    auto nested = [&](uint32_t core, InstrKind kind, bool turns) {
      b.add(core, InstrKind::LoopBegin, 0, 3);
      auto &instrs = b.program.tasks.back()->instrs;
      instrs.push_back(Builder::makeInstr(InstrKind::LoopBegin, 0, 0, 0));
      if (turns)
        *instrs.back()->count = pkg::Expr(pkg::Source::Loop, 0, 1, 0);
      instrs.push_back(Builder::makeInstr(kind, right, 1, 0));
      instrs.push_back(Builder::makeInstr(InstrKind::LoopEnd, 0, 0, 0));
      instrs.push_back(Builder::makeInstr(InstrKind::LoopEnd, 0, 0, 0));
    };
    nested(0, InstrKind::Put, false);
    nested(1, InstrKind::ReduceInto, true); // of words that nobody puts
    CHECK_FALSE(prove(b).proven);
    CHECK_FALSE(b.check());
  }
  SECTION("the host's words are got twice") {
    Builder b(1, 2);
    int in = b.addChannel(hostInput("in", Axis::Y, 2));
    b.program.inputs.push_back(std::make_unique<pkg::HostInputT>());
    b.program.inputs[0]->channel = in;
    b.program.inputs[0]->bytes = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, 400);
    uint32_t all = b.addClass("all", [](int, int) { return true; });
    CHECK_FALSE(prove(b).proven); // nobody takes them
    b.add(all, InstrKind::Get, in, 100);
    CHECK(prove(b).proven);
    b.add(all, InstrKind::Get, in, 100);
    CHECK_FALSE(prove(b).proven);
    CHECK_FALSE(b.check());
  }
}

TEST_CASE("random programs that are proven pass the run") {
  std::mt19937 rng(11);
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  int proven = 0, stuck = 0, missed = 0;
  for (int round = 0; round < 600; ++round) {
    int width = pick(2, 5), height = pick(0, 1) ? width : pick(2, 5);
    Patterns p(width, height);
    for (int steps = pick(1, 5); steps > 0; --steps)
      switch (pick(0, 4)) {
      case 0:
        p.computeShift(pick(0, 3), pick(1, 9));
        break;
      case 1:
        p.align(pick(1, 9));
        break;
      case 2:
        p.allReduce(pick(0, 1), pick(1, 9));
        break;
      case 3:
        p.allReduce(pick(0, 1), pick(1, 9), pick(1, 12));
        break;
      default:
        if (p.diagonal >= 0 && width > 1)
          p.turn(pick(1, 9));
      }
    auto &tasks = p.b.program.tasks;
    for (int mistakes = pick(0, 2); mistakes > 0 && tasks.size() > 1; --mistakes) {
      size_t at = pick(0, int(tasks.size()) - 2);
      pkg::TaskT &task = *tasks[at];
      pkg::InstrT &instr = *task.instrs[pick(0, int(task.instrs.size()) - 1)];
      switch (pick(0, 4)) {
      case 0:
        std::swap(tasks[at], tasks[at + 1]);
        break;
      case 1:
        tasks.erase(tasks.begin() + at);
        break;
      case 2:
        if (instr.bytes)
          *instr.bytes = pkg::Expr(pkg::Source::RankX, 0, 4, 4);
        break;
      case 3:
        if (instr.bytes)
          *instr.bytes = pkg::Expr(pkg::Source::Loop, 0, 4, 8);
        break;
      default:
        if (instr.kind == InstrKind::Put || instr.kind == InstrKind::Get)
          instr.kind = instr.kind == InstrKind::Put ? InstrKind::Get : InstrKind::Put;
      }
    }
    uint32_t queueWords = pick(1, 3);
    DeadlockProof proof = prove(p.b, queueWords);
    auto ran = p.b.check(queueWords, {1});
    INFO("round " << round << ": " << (ran ? proof.obstacle : ran.error().message));
    if (proof.proven)
      REQUIRE(ran);
    proven += proof.proven;
    stuck += !ran;
    missed += ran && !proof.proven;
  }
  WARN(proven << " proven, " << stuck << " get stuck, " << missed << " pass without a proof");
  CHECK(proven > 200);
  CHECK(stuck > 100);
  CHECK(missed < proven / 4);
}

TEST_CASE("a proof takes no longer on a whole wafer") {
  Patterns p(700, 700);
  for (int layer = 0; layer < 32; ++layer) {
    p.align(3);
    p.computeShift(700, 5);
  }
  for (int axis : {0, 1})
    p.allReduce(axis, 4);
  p.turn(6);
  auto begin = std::chrono::steady_clock::now();
  DeadlockProof proof = prove(p.b);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  INFO(proof.obstacle);
  CHECK(proof.proven);
  WARN("490,000 cores: " << seconds << " s");
  CHECK(seconds < 10); // 0.2 on an idle machine
}
