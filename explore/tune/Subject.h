// What a tuner asks of the thing it tunes: which choices there are, what one comes to, whether its results are right.
#pragma once

#include "explore/Evaluate.h"

#include <map>
#include <string>
#include <vector>

namespace weft::explore {

/// Values by name; an empty one is what Weft does without tuning. Choices of the order of instructions are called
/// `schedule`.
using Choices = std::map<std::string, std::string>;
/// "group=4 rows=8"; "default" if there are none.
std::string choicesText(const Choices &choices);

struct Choice {
  std::string name, meaning;
  std::vector<std::string> values;
};

/// What verification found.
struct Verdict {
  bool isRight = false;
  std::string why; // not; or what it was compared with
};

/// Its functions may be called from several threads at once, and their results depend on the arguments alone.
class Subject {
public:
  virtual ~Subject() = default;
  /// For people: "gemm_r8_k64_n96_f32 on rvv-lab".
  virtual std::string title() const = 0;
  /// What a record of it is found by: members kernel, shape, core, source and tool of a JSON object, as text.
  virtual std::string identity() const = 0;
  virtual const std::vector<Choice> &choices() const = 0;
  virtual bool allows(const Choices &choices) const = 0;
  /// Fidelities: 0 is the shortest run, the last one the whole.
  virtual unsigned rungs() const { return 1; }
  /// Numbers that cycles are about linear in, for a model that learns; empty: none are known of these choices.
  virtual std::vector<double> features(const Choices &) const { return {}; }
  /// Metric `cycles`. Refused: these choices cannot work. An error ends the search.
  virtual Result<Outcome> evaluate(const Choices &choices, unsigned rung) const = 0;
  /// Runs what the choices make on random inputs, in the simulator, against a reference.
  virtual Result<Verdict> verify(const Choices &choices) const = 0;
  /// Choices that differ from these by two neighbouring instructions of the hot loop.
  virtual Result<std::vector<Choices>> reordered(const Choices &) const { return std::vector<Choices>(); }
};

} // namespace weft::explore
