// A SPACE.yaml: which machines, programs and choices a search may try, and what it looks for. docs/explore.md describes
// the file.
#pragma once

#include "explore/Evaluate.h"
#include "explore/space/Expression.h"
#include "hw-models/Schema.h"

#include <functional>
#include <memory>

namespace weft::explore {

/// What the evaluator knows, for the check of names.
struct Vocabulary {
  std::vector<std::string> metrics, choices;
  std::vector<Fidelity> fidelities; // that are offered
  std::function<std::map<std::string, double>(const hw::Hardware &)> figures;
  std::function<Result<void>(const Workload &)> checkWorkload;
};
Vocabulary vocabularyOf(const Evaluator &evaluator);

struct Axis {
  enum class Kind { Hardware, Choice, Variable };
  Kind kind = Kind::Hardware;
  std::string name; // "memory.sram_kib", "choice.groups", "var.side"
  int line = 0;
  const hw::Key *key = nullptr; // of Hardware
  /// Its values in order, and as JSON; none: any number from `low` to `high`.
  std::vector<hw::YamlNode> values;
  std::vector<std::string> texts;
  double low = 0, high = 0;
  bool isLog = false, isWhole = false; // of a continuous axis

  bool isContinuous() const { return values.empty(); }
};

struct Derived {
  std::string name;              // of `let`, or a key's path
  const hw::Key *key = nullptr;  // of `derive`
  std::vector<Expression> parts; // one; of an extent two
  int line = 0;
};

struct Constraint {
  Expression expression;
  int line = 0;
  bool needsMetrics = false; // known only after the evaluation
};

struct Objective {
  std::string metric;
  bool isMaximised = false;
};

struct Method {
  enum class Kind { Grid, Random, LatinHypercube, Evolution };
  Kind kind = Kind::Grid;
  uint64_t points = 0; // configurations; of a grid, all there are
  uint64_t seed = 1;
  uint64_t population = 0; // of an evolution: points of a generation
};

struct Space {
  std::string name, origin, text; // origin: the file, for messages
  std::string baseName;           // preset or path
  hw::Hardware base;
  std::vector<Workload> workloads;
  std::vector<Axis> axes;
  std::vector<Derived> lets, derives;
  std::vector<Constraint> constraints;
  std::vector<Objective> objectives;
  Method method;
  Fidelity filter = Fidelity::Analytic;
  std::optional<Fidelity> front; // absent: none but `filter`
  double check = 0;              // share of the points that is run once more at the next fidelity

  /// Of all that results and ordinals depend on, but for the versions of evaluators: text, machine, models.
  std::string digest() const;
  uint64_t points() const { return method.points * workloads.size(); }
};

/// Bytes that are read of a space or a model's configuration, and of a trace of requests.
inline constexpr size_t maxFileBytes = 64 * 1024, maxTraceBytes = 256 * 1024 * 1024;

using ReadFile = std::function<Result<std::string>(const std::string &path, size_t mostBytes)>;
Result<std::string> readSmallFile(const std::string &path, size_t mostBytes = maxFileBytes);

/// Errors name origin, line, key and what is allowed. Paths in `text` are relative to the folder of `origin`.
Result<Space> parseSpace(const std::string &text, const std::string &origin, const Vocabulary &vocabulary,
                         const ReadFile &readFile = readSmallFile);

/// True for what an expression may call a number in the hardware: keys with numbers, mesh.width, mesh.height,
/// mesh.cores.
bool isHardwareNumber(std::string_view name);

} // namespace weft::explore
