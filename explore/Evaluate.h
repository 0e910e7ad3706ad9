// What a search and a model of cost say to each other: a point goes in, what it comes to goes out.
#pragma once

#include "hw-models/Hardware.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::explore {

/// What runs on the machine: a phase of a model, or one algorithm of compiler/algorithms.
struct Workload {
  std::string name;      // unique in a space
  std::string modelPath; // of a config.json; empty: an algorithm
  std::string modelText; // what is in that file
  std::string phase;     // of a model: "decode", "prefill" or "serve"
  uint32_t context = 0;  // tokens in the cache (decode) or of the prompt (prefill)
  uint32_t batch = 1;
  std::string tracePath, traceText;       // of phase serve: the requests, and what is in that file
  uint64_t requests = 0;                  // of them the first so many; 0: all
  std::string kernel;                     // of an algorithm: its kind, as `weft kernel` has it; empty: a model
  std::vector<int64_t> shape;             // of an algorithm, as algorithms::Request::shape
  std::string element;                    // "f16" or "f32"
  uint32_t meshWidth = 0, meshHeight = 0; // cores it is to use; 0: all of the machine's
};

struct Point {
  /// Values are in range and fit together. `yaml` and `digest` are those of these values for every fidelity but
  /// Analytic, which has no time for them: there both are empty.
  hw::Hardware hardware;
  const Workload *workload = nullptr;         // lives as long as the search
  std::map<std::string, std::string> choices; // settings of the program: "groups" -> "8"
  uint64_t ordinal = 0;                       // place in the space; no result depends on it
};

struct Outcome {
  enum class Status { Ok, Refused };
  Status status = Status::Ok;
  std::string reasonKind;                // of Refused, a word to count by: "sram", "colours", "mesh", ...
  std::string reason;                    // of Refused, a sentence
  std::map<std::string, double> metrics; // finite; of Refused what is known all the same

  static Outcome refused(std::string kind, std::string reason) {
    return {Status::Refused, std::move(kind), std::move(reason), {}};
  }
};

/// From the quick and rough to the slow and exact.
enum class Fidelity { Analytic, Engine, Compiled };
std::string_view nameOf(Fidelity fidelity);

/// Its functions may be called from several threads at once. A result depends on the point alone.
class Evaluator {
public:
  virtual ~Evaluator() = default;
  virtual bool offers(Fidelity fidelity) const = 0;
  /// Of the code that computes results: one that would compute others has another version.
  virtual std::string version(Fidelity fidelity) const = 0;
  /// Largest relative difference of a metric from the next fidelity, as measured; 0: exact.
  virtual double errorBound(Fidelity fidelity) const = 0;
  /// All names that Outcome::metrics may have, sorted.
  virtual std::vector<std::string> metricNames() const = 0;
  /// All keys that Point::choices may have, sorted.
  virtual std::vector<std::string> choiceNames() const = 0;
  /// Whether the evaluator can do with a workload at all: a model that it cannot read, a kernel that it does not know.
  virtual Result<void> check(const Workload &workload) const = 0;
  /// What is known of a machine alone, for expressions: area.core_mm2, area.total_mm2, ...; empty where its file has no
  /// such figures. Their names are among metricNames().
  virtual std::map<std::string, double> figures(const hw::Hardware &hardware) const = 0;
  /// An error is a fault of ours or of the disk and ends the search. What cannot work is an Outcome.
  virtual Result<Outcome> evaluate(const Point &point, Fidelity fidelity) const = 0;
};

} // namespace weft::explore
