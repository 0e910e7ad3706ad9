// The forms follow docs/program-model.md and the code of compiler/algorithms: no number here is fitted. What is left
// out makes their error: where the cores of a line begin apart, they are taken to be so as the last multicast left
// them.
#include "explore/analytic/Forms.h"

#include "compiler/algorithms/Algorithm.h"

#include <algorithm>

namespace weft::explore {

using algorithms::ceilDiv;
using algorithms::Cost;
using algorithms::LayerExtents;
using algorithms::LayerStep;

namespace {

class Form {
public:
  explicit Form(const FormContext &on)
      : on(on), l(on.hardware.latency), size(on.narrow ? 2 : 4), word(on.hardware.routing.linkBytes),
        cores(double(on.width) * on.height) {}

  void local(const Cost &cost) { total.cycles += call(cost); }
  void sum(char axis, int64_t elements, const TreeShape &tree);
  void ringGemm(int64_t m, int64_t k, int64_t n);
  void transposedGemm(int64_t m, int64_t k, int64_t n);
  ProgramEstimate total;

private:
  double call(const Cost &cost, double times = 1);
  int64_t wordsOf(int64_t elements) const { return ceilDiv(elements * size, word); }
  LineOfCores line(char axis) const {
    const hw::DieCrossing &dies = l.dieCrossing;
    return axis == 'x' ? LineOfCores{on.width, l, dies.columns} : LineOfCores{on.height, l, dies.rows};
  }
  double ringHop(char axis) const;
  double exchange(double opened, double taken, char axis, int64_t words) const;
  void traffic(double words, double hops);

  const FormContext &on;
  const hw::Latency &l;
  int64_t size, word;
  double cores;
};

/// Cycles of a call. Arithmetic on a vector engine streams operands from SRAM and results back: two reads and a write;
/// a vector core keeps sums in registers and reads one operand.
double Form::call(const Cost &cost, double times) {
  const bool streams = on.hardware.parallelism.core.kind == "dsd";
  total.macs += times * cores * double(cost.macs);
  total.sramBytes += times * cores * double(size) * ((streams ? 3 : 1) * double(cost.macs) + 3 * double(cost.alu));
  const auto amount = [](int64_t value) { return static_cast<uint64_t>(value); };
  return static_cast<double>(on.core.kernelCycles({.kernel = {},
                                                   .macs = amount(cost.macs),
                                                   .narrowOperand = on.narrow,
                                                   .alu = amount(cost.alu),
                                                   .special = amount(cost.special),
                                                   .loadBytes = amount(cost.loadBytes),
                                                   .storeBytes = amount(cost.storeBytes),
                                                   .vectors = amount(cost.vectors),
                                                   .descriptors = amount(cost.descriptors),
                                                   .activations = amount(cost.activations)}));
}

/// Each core sends `words` and receives as many.
void Form::traffic(double words, double hops) {
  total.wordHops += hops;
  total.sramBytes += 2 * cores * words * double(word);
}

void Form::sum(char axis, int64_t elements, const TreeShape &tree) {
  const int64_t words = wordsOf(elements);
  const SumEstimate estimate = sumAlong(line(axis), words, tree);
  total.cycles += static_cast<double>(estimate.cycles);
  traffic(double(words), double(estimate.wordHops) * (axis == 'x' ? on.height : on.width));
}

/// Two hops of a folded ring. All cores of a ring go at its mean pace, so that a boundary of dies, which the ring
/// crosses twice, counts as what it adds to the way round.
double Form::ringHop(char axis) const {
  const LineOfCores at = line(axis);
  const double round = 2.0 * static_cast<double>(at.links(0, at.n - 1));
  return at.n > 1 ? round / at.n : 0;
}

/// From the beginning of a step until its block is there: the sender opens at `opened`, the receiver at `taken`.
double Form::exchange(double opened, double taken, char axis, int64_t words) const {
  if (words == 0)
    return taken;
  return std::max(opened + l.ramp + ringHop(axis), taken) + double(words) - 1 + l.ramp;
}

void Form::ringGemm(int64_t m, int64_t k, int64_t n) {
  const int64_t side = on.width; // a square: one block a core
  const int64_t rows = ceilDiv(m, side), inner = ceilDiv(k, side), cols = ceilDiv(n, side);
  const auto moved = [&](int64_t elements) {
    return on.narrow ? elements * size / word : ceilDiv(elements * size, word); // an odd last f16 stays
  };
  const int64_t wordsA = moved(rows * inner), wordsB = moved(inner * cols);
  const double issue = l.transferIssue, ramp = l.ramp;
  const double steps = double(side), turns = side > 1 ? double(side / 2) : 0;
  const double turn = std::max(2 * issue, exchange(issue, 2 * issue, 'x', wordsA));
  if (turns > 0)
    total.cycles += turns * (turn + call({.activations = 1}, turns));
  total.cycles += call({.alu = rows * cols, .vectors = 1, .descriptors = 1});
  const double product = call({.macs = rows * inner * cols,
                               .loadBytes = (rows * inner + inner * cols + rows * cols) * size,
                               .storeBytes = rows * cols * size,
                               .vectors = inner * cols,
                               .descriptors = inner},
                              steps);
  if (side == 1) {
    total.cycles += product + call({.activations = 2});
    return;
  }
  double step = std::max(
      {4 * issue + product, exchange(issue, 2 * issue, 'x', wordsA), exchange(3 * issue, 4 * issue, 'y', wordsB)});
  if (on.hardware.routing.rampWords == 1) // both blocks share the ramps
    step = std::max(step, issue + 2 * ramp + ringHop('x') + double(wordsA + wordsB) - 1);
  total.cycles += steps * (step + call({.activations = 4}, steps));
  traffic((steps + turns) * double(wordsA) + steps * double(wordsB),
          2.0 * double(side - 1) * double(side) * ((steps + turns) * double(wordsA) + steps * double(wordsB)));
}

/// In each step columns chain towards the one whose turn it is. The turn moves by one column a step, and the core that
/// had it sends the last sum to the next one: what that takes is the pace of all.
void Form::transposedGemm(int64_t m, int64_t k, int64_t n) {
  const int64_t side = on.width;
  const int64_t rows = ceilDiv(m, side), inner = ceilDiv(k, side), cols = ceilDiv(n, side);
  const int64_t wordsB = ceilDiv(cols * inner * size, word), wordsC = ceilDiv(rows * cols * size, word);
  const double steps = double(side), issue = l.transferIssue, ramp = l.ramp, stage = l.streamStage;
  const double product = call({.macs = rows * inner * cols,
                               .alu = rows * cols,
                               .loadBytes = (rows + cols) * inner * size,
                               .storeBytes = rows * cols * size,
                               .vectors = inner * cols + 1,
                               .descriptors = inner + 1},
                              steps);
  const double next = call({.activations = side > 1 ? 3 : 1}, steps);
  if (side == 1) {
    total.cycles += product + next;
    return;
  }
  const LineOfCores row = line('x');
  const double link = double(row.links(0, row.n - 1)) / (row.n - 1);
  // Its predecessor's sum passes on its first word a startup after its product; the root takes both sides.
  const double sums =
      2 * double(l.streamStartup) + 2 * (ramp + stage) + ramp + link + ramp + stage + 2 * double(wordsC) - 2;
  const double ring = exchange(issue, 2 * issue, 'y', wordsB);
  const double pace = std::max(2 * issue + product + sums, ring) + next;
  const double fill = (row.n - 1) * (2 * ramp + stage + link);
  total.cycles += steps * pace + fill;
  traffic(steps * double(wordsB + wordsC),
          double(side) * steps * double(side - 1) * (2 * double(wordsB) + double(wordsC)));
}

ProgramEstimate layer(const FormContext &on, const std::vector<LayerStep> &steps, const TreeShape &tree) {
  Form form(on);
  for (const LayerStep &step : steps)
    switch (step.kind) {
    case LayerStep::Kind::Local:
      form.local(step.cost);
      break;
    case LayerStep::Kind::Sum:
      form.sum(step.axis, step.elements, tree);
      break;
    case LayerStep::Kind::Gemm:
      form.ringGemm(step.m, step.k, step.n);
      break;
    case LayerStep::Kind::GemmTransposed:
      form.transposedGemm(step.m, step.k, step.n);
      break;
    }
  return form.total;
}

} // namespace

ProgramEstimate decodeLayer(const FormContext &on, const std::vector<int64_t> &shape) {
  return layer(on, algorithms::decodeSteps(algorithms::layerExtents(shape, static_cast<uint32_t>(on.width), on.batch)), on.tree);
}

ProgramEstimate prefillLayer(const FormContext &on, const std::vector<int64_t> &shape) {
  const LayerExtents extents = algorithms::layerExtents(shape, static_cast<uint32_t>(on.width));
  return layer(on, algorithms::prefillSteps(extents), {.levels = 1});
}

std::optional<ProgramEstimate> kernelForm(const FormContext &on, const algorithms::Request &request) {
  using algorithms::Kind;
  const std::vector<int64_t> &shape = request.shape;
  const bool square = on.width == on.height;
  Form form(on);
  if (request.kind == Kind::Gemm && request.algorithm == "meshgemm" && square && request.settings.all().empty()) {
    form.ringGemm(shape[0], shape[1], shape[2]);
  } else if (request.kind == Kind::Gemv && request.algorithm == "ktree") {
    const int64_t rows = ceilDiv(shape[0], on.height), cols = ceilDiv(shape[1], on.width), size = on.narrow ? 2 : 4;
    form.local({.macs = rows * cols,
                .alu = cols,
                .loadBytes = (rows + rows * cols) * size,
                .storeBytes = cols * size,
                .vectors = rows + 1,
                .descriptors = 3});
    form.sum('y', cols, on.tree);
  } else if (request.kind == Kind::AllReduce && request.algorithm == "ktree" && !request.settings.has("axis")) {
    form.sum(on.height > 1 ? 'y' : 'x', shape[0] * shape[1], on.tree);
  } else {
    return std::nullopt;
  }
  return form.total;
}

uint32_t layerColors(bool decode, const TreeShape &tree) {
  // Of each axis: two of each level's chains and one of the multicast.
  return decode ? 2 * (2 * static_cast<uint32_t>(tree.levels) + 1) : 10;
}

} // namespace weft::explore
