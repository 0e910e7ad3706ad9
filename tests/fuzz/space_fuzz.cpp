// Any bytes as a SPACE.yaml: an Error or a space whose points can be made, never a crash. Files that a space names are
// not read.
#include "explore/space/Points.h"

#include <cmath>
#include <cstdlib>

using namespace weft;
using namespace weft::explore;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

class Nothing : public Evaluator {
public:
  bool offers(Fidelity fidelity) const override { return fidelity != Fidelity::Compiled; }
  std::string version(Fidelity) const override { return "1"; }
  double errorBound(Fidelity) const override { return 0; }
  std::vector<std::string> metricNames() const override { return {"area.core_mm2", "cycles", "joules"}; }
  std::vector<std::string> choiceNames() const override { return {"algorithm", "groups"}; }
  Result<void> check(const Workload &workload) const override {
    return workload.shape.size() > 3 ? Result<void>(userError("too many extents")) : success();
  }
  std::map<std::string, double> figures(const hw::Hardware &hardware) const override {
    return {{"area.core_mm2", hardware.memory.sramBytes * 1e-6}};
  }
  Result<Outcome> evaluate(const Point &, Fidelity) const override { return Outcome{}; }
};

void checkPoint(const Points &points, uint64_t ordinal) {
  const Candidate candidate = points.at(ordinal), again = points.at(ordinal);
  require(candidate.inputs == again.inputs &&
          candidate.digest(Fidelity::Engine, "1") == again.digest(Fidelity::Engine, "1"));
  require(candidate.refusal || !hw::findMisfit(candidate.point.hardware));
  Outcome outcome;
  outcome.metrics = {{"cycles", 1}, {"joules", 2}};
  points.judge(candidate, outcome);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Nothing evaluator;
  static const Vocabulary vocabulary = vocabularyOf(evaluator);
  const std::string text(reinterpret_cast<const char *>(data), size);
  auto space = parseSpace(text, "input", vocabulary,
                          [](const std::string &, size_t) -> Result<std::string> { return std::string("{}"); });
  if (!space) {
    require(!space.error().message.empty() && space.error().message.size() < 8192 &&
            space.error().fault == Fault::User);
    return 0;
  }
  if (space->method.points > 100'000)
    return 0; // a Latin hypercube of many points takes long, as asked
  const Points points(*space, evaluator);
  for (uint64_t ordinal : {uint64_t(0), points.count() / 2, points.count() - 1})
    checkPoint(points, ordinal);
  return 0;
}
