// A unit of the proof of DeadlockProof.h: some tasks in a row, and which cores do the same in them. Private to
// compiler/route.
#pragma once

#include "compiler/route/Deadlock.h"

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace weft::route::detail {

/// What is the same for all units of a program.
struct UnitContext {
  const pkg::PackageT &package;
  const pkg::ProgramT &program;
  const DeadlockOptions &options;
  const std::vector<int64_t> &params;
  int width, height;

  int length(pkg::Axis axis) const { return axis == pkg::Axis::X ? width : height; }
  /// An expression at a core; a loop's counter counts as 0.
  int64_t evaluate(const pkg::Expr &expr, int x, int y) const;
};

/// Positions of an axis that cannot be told apart.
struct PositionGroups {
  std::vector<int> groupOf;        // [position]
  std::vector<int> representative; // [group]: its first position
};

class Unit {
public:
  Unit(const UnitContext &context, std::span<const std::unique_ptr<pkg::TaskT>> tasks);

  /// The empty string if the unit is proven, else what stood in the way.
  std::string prove();
  /// Channels that join cores to the host.
  std::vector<int> hostChannels() const;

private:
  /// Words of a channel in a block: a number, or a function of a loop's counter.
  struct Amount {
    int64_t words = 0;
    int loop = -1; // index of Source::Loop; -1: `words` is all
    int64_t scale = 0, add = 0;
    bool operator==(const Amount &) const = default;
  };
  /// What all cores of a kind do. `skeleton` spells blocks and loops with their rounds.
  struct Kind {
    std::string skeleton;
    std::vector<std::map<int, Amount>> puts, gets; // [block]: by channel
    std::string problem;                           // why it has no such form
  };

  void collect();
  void groupPositions(pkg::Axis axis);
  Kind makeKind(int x, int y) const;
  bool addInstr(Kind &kind, const pkg::InstrT &instr, int x, int y, bool &inBlock) const;
  bool isMember(int cls, int x, int y) const;
  void fillKinds();
  int kindAt(int x, int y) const;
  std::string proveLockstep();
  std::string proveChannel(int channel);
  std::string provePair(int channel, int source, int receiver);
  std::string proveEnds(int channel);
  int64_t hostWords(int channel, bool output) const;
  std::string proveHost(int channel, int core, bool output) const;
  std::string proveLines();
  bool dropRing(int channel, std::set<const pkg::InstrT *> &dropped) const;
  bool isOneTaskEach() const;
  bool isOneLoop() const;
  Result<void> runLine(pkg::Axis axis, int line, const std::set<const pkg::InstrT *> &dropped) const;

  const UnitContext &context;
  std::span<const std::unique_ptr<pkg::TaskT>> tasks;
  std::vector<int> classes, channels;   // that the unit names
  std::vector<const pkg::Expr *> exprs; // sizes and rounds
  bool reduces = false;                 // some instruction does
  pkg::Axis reductionAxis = pkg::Axis::X;
  bool pointwise = false; // classes or flows tie x to y
  PositionGroups xs, ys;
  std::vector<Kind> kinds;
  std::vector<int> kindOf;                   // [y group * x groups + x group], or [y * width + x] of a pointwise unit
  std::map<std::pair<int, int>, bool> sound; // of the channel at hand: pairs of kinds that fit each other
};

} // namespace weft::route::detail
