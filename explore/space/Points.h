// The points of a space: which values the n-th one has, and what is known of it before anything is evaluated.
#pragma once

#include "explore/space/Space.h"

#include <unordered_map>

namespace weft::explore {

/// What tells a point at a fidelity from all others, whatever space it is in: 32 hexadecimal digits.
using Digest = std::string;

struct Candidate {
  Point point;
  std::string inputs;              // JSON object: workload, axes, derived keys
  std::string identity;            // canonical text of machine, workload and choices
  std::vector<double> axisNumbers; // of choices and variables, for expressions; 0 for others
  std::optional<Outcome> refusal;  // it cannot work, which is known already

  Digest digest(Fidelity fidelity, std::string_view version) const;
};

/// One number an axis: the index of its value, or where it has none a number from 0 to 1.
using Coordinates = std::vector<double>;

/// Made once for a space, used by many threads.
class Points {
public:
  /// Space and evaluator outlive it.
  Points(const Space &space, const Evaluator &evaluator);

  uint64_t count() const { return space.points(); }
  /// The point with this ordinal.
  Candidate at(uint64_t ordinal) const;
  /// Of an evolution: where the point with this ordinal lies. Ordinals of a workload follow each other.
  void place(uint64_t ordinal, Coordinates coordinates);
  Candidate make(uint64_t ordinal, const Coordinates &coordinates, size_t workload) const;
  /// Refuses an outcome that breaks a constraint or has not all objectives.
  void judge(const Candidate &candidate, Outcome &outcome) const;
  /// An error if the space has at most `most` points and none of them is worth an evaluation.
  Result<void> checkFeasible(uint64_t most) const;

private:
  /// What a name of an expression stands for.
  struct Source {
    enum class Kind { Number, Width, Height, Cores, Context, Batch, Let, Axis, Figure } kind;
    const hw::Key *key = nullptr; // of Number
    size_t index = 0;             // of Let and Axis
    std::string name{};           // of Figure, which may be a metric
  };
  using Sources = std::vector<Source>; // of an expression's names()
  struct Known;

  Source sourceOf(const std::string &name) const;
  Sources sourcesOf(const Expression &expression) const;
  double value(const Expression &expression, const Sources &sources, Known &known) const;
  void computeLets(Known &known) const;
  Coordinates coordinates(uint64_t configuration) const;
  void setAxis(size_t axis, double coordinate, Candidate &candidate) const;
  std::optional<Outcome> derive(Known &known, hw::Hardware &hardware) const;
  std::optional<Outcome> firstBroken(Known &known, bool ofMetrics) const;
  void describe(Candidate &candidate, size_t workload, const Coordinates &coordinates) const;

  const Space &space;
  const Evaluator &evaluator;
  hw::Hardware base;                  // without long texts, so that a copy is cheap
  std::vector<const hw::Key *> keys;  // that axes and `derive` set, sorted by path
  std::vector<std::string> baseTexts; // their values in the base
  std::vector<std::string> workloadTexts;
  std::vector<Sources> letSources, constraintSources;
  std::vector<std::vector<Sources>> deriveSources;
  std::unordered_map<uint64_t, Coordinates> placed; // of an evolution
  std::vector<std::vector<uint32_t>> strata;        // of a Latin hypercube: a permutation an axis
};

} // namespace weft::explore
