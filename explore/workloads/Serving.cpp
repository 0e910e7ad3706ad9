#include "explore/workloads/Serving.h"

#include "compiler/algorithms/Algorithm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::explore {

using algorithms::ceilDiv;

namespace {

constexpr int64_t elementSize = 2;    // f16, as the programs of layers
constexpr uint32_t mostTogether = 32; // sequences of a square that take a step together: its buffers are made for them

struct Choices {
  Sharing sharing = Sharing::Split;
  double rate = 1;
  int64_t prefillPercent = 50, prefillSide = 0, decodeSide = 0;
};

Result<Choices> readChoices(const Point &point) {
  const algorithms::Settings settings(point.choices);
  auto sharing = settings.choice("sharing", "split", {"split", "prompts-first", "alternate"});
  auto rate = settings.number("rate", 1, 1, 1'000'000);
  auto percent = settings.number("prefill_percent", 50, 1, 99);
  auto prefillSide = settings.number("prefill_side", 0, 0, 65535);
  auto decodeSide = settings.number("decode_side", 0, 0, 65535);
  if (!sharing)
    return sharing.takeError();
  for (auto *number : {&rate, &percent, &prefillSide, &decodeSide})
    if (!*number)
      return number->takeError();
  return Choices{*sharing == "split"       ? Sharing::Split
                 : *sharing == "alternate" ? Sharing::Alternate
                                           : Sharing::PromptsFirst,
                 double(*rate), *percent, *prefillSide, *decodeSide};
}

/// Squares of a rectangle of the machine, with a model's layers on all of them, as evenly as may be.
struct Region {
  uint32_t width = 0, height = 0;
  int64_t side = 0, squares = 0, layersEach = 0;
  int64_t dim = 0, ffn = 0;

  static Region make(uint32_t width, uint32_t height, int64_t side, const ModelShape &shape) {
    Region region{width, height, side ? side : std::min(width, height)};
    if (region.side == 0 || region.side > std::min(width, height))
      return region;
    region.squares = std::min<int64_t>((width / region.side) * (height / region.side), shape.layers);
    region.layersEach = ceilDiv(shape.layers, region.squares);
    region.dim = ceilDiv(shape.hidden, region.side);
    region.ffn = ceilDiv(shape.intermediate, region.side);
    return region;
  }
  /// Of a core.
  int64_t weightBytes() const { return layersEach * (4 * dim * dim + 3 * dim * ffn) * elementSize; }
  int64_t tokenBytes() const { return layersEach * 2 * dim * elementSize; } // a row of keys and values, each
  int64_t roundBytes() const { return std::max(3 * dim, 2 * ffn) * mostTogether * elementSize; }
  /// Beside weights and cache, while a prompt of `seq` tokens a core is read: its rows before and after each product,
  /// two blocks that go round of each operand, scores.
  int64_t promptBytes(int64_t seq) const {
    return (8 * seq * dim + 5 * seq * ffn + 2 * seq * seq + 2 * std::max(dim * dim, dim * ffn)) * elementSize;
  }
};

/// Times of one kind of work on a region, each computed once.
class Costs {
public:
  Costs(const hw::Hardware &hardware, const hw::CoreModel &core, const Region &region, const ModelShape &shape,
        TreeShape tree)
      : on{hardware, core, true, int(region.side), int(region.side), tree}, region(region), shape(shape),
        hertz(hardware.parallelism.clockGhz * 1e9) {}

  /// Seconds of a layer: a prompt of `tokens`.
  double prefill(int64_t tokens) {
    const int64_t each = ceilDiv(std::max<int64_t>(1, tokens), region.side);
    return timed({0, each}, [&] { return prefillLayer(on, {shape.hidden, shape.intermediate, each * region.side}); });
  }
  /// Seconds of a layer: a token of each of `batch` sequences.
  double decode(int64_t batch, double context) {
    const int64_t each = std::max<int64_t>(1, int64_t(std::ceil(context / double(region.side))));
    return timed({batch, each}, [&] {
      on.batch = batch;
      return decodeLayer(on, {shape.hidden, shape.intermediate, each * region.side});
    });
  }

private:
  template <typename F> double timed(std::pair<int64_t, int64_t> key, F compute) {
    auto [found, isNew] = known.try_emplace(key, 0);
    if (isNew)
      found->second = compute().cycles / hertz;
    return found->second;
  }

  FormContext on;
  const Region &region;
  const ModelShape &shape;
  double hertz;
  std::map<std::pair<int64_t, int64_t>, double> known;
};

/// Longest prompt that leaves `left` bytes of each core unbroken.
uint32_t longestPrompt(const Region &region, int64_t left) {
  int64_t low = 0, high = int64_t{1} << 20; // tokens a core
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (region.promptBytes(middle) <= left)
      low = middle;
    else
      high = middle - 1;
  }
  return uint32_t(std::min<int64_t>(low * region.side, std::numeric_limits<uint32_t>::max()));
}

struct Plan {
  Region prompts, answers;
  uint64_t cacheTokens = 0;
  uint32_t longest = 0;
};

/// Where what lies, or why not.
Result<Plan> place(const hw::Hardware &hardware, const Choices &choices, const ModelShape &shape) {
  const uint32_t width = hardware.parallelism.meshWidth, height = hardware.parallelism.meshHeight;
  const bool split = choices.sharing == Sharing::Split;
  const auto columns = uint32_t(std::lround(width * double(choices.prefillPercent) / 100));
  Plan plan{Region::make(split ? columns : width, height, choices.prefillSide, shape),
            Region::make(split ? width - columns : width, height, choices.decodeSide, shape)};
  if (plan.prompts.width == 0 || plan.answers.width == 0)
    return userError(fmt::format("prefill_percent {} of {} columns of cores leaves no column for {}",
                                 choices.prefillPercent, width, plan.prompts.width == 0 ? "prompts" : "answers"));
  for (const Region *region : {&plan.prompts, &plan.answers})
    if (region->squares == 0)
      return userError(fmt::format("a square of {0}x{0} cores is larger than its region of {1}x{2}", region->side,
                                   region->width, region->height));
  const int64_t usable = hardware.usableBytes();
  // One machine holds its weights once, as they are laid out for what it does at the moment.
  const int64_t weights =
      split ? plan.answers.weightBytes() : std::max(plan.answers.weightBytes(), plan.prompts.weightBytes());
  const int64_t cache = usable - weights - plan.answers.roundBytes();
  if (cache <= 0)
    return userError(
        fmt::format("weights and buffers of answers take {} bytes of each core of {} squares of {}x{}, {} are "
                    "left for buffers",
                    usable - cache, plan.answers.squares, plan.answers.side, plan.answers.side, usable));
  // Half of one machine's cache stays free while it reads a prompt.
  const int64_t forPrompts = split ? usable - plan.prompts.weightBytes() : cache / 2;
  if (forPrompts <= 0)
    return userError(
        fmt::format("weights take {} bytes of each core of {} squares of {}x{} for prompts, {} are left for "
                    "buffers",
                    plan.prompts.weightBytes(), plan.prompts.squares, plan.prompts.side, plan.prompts.side, usable));
  plan.longest = longestPrompt(plan.prompts, forPrompts);
  plan.cacheTokens = uint64_t((split ? cache : cache / 2) / plan.answers.tokenBytes()) * uint64_t(plan.answers.side);
  if (plan.longest == 0 || plan.cacheTokens == 0)
    return userError("beside the weights there is no room for a prompt and its cache");
  return plan;
}

/// Seconds to lay `bytesOfCore` out anew on a square: every word goes half a side along x and along y, and all four
/// links of a core carry.
double relaySeconds(const hw::Hardware &hardware, const Region &region, double bytesOfCore) {
  const double words = bytesOfCore / hardware.routing.linkBytes;
  return (words * double(region.side) / 4 + double(region.side) * hardware.latency.hop) /
         (hardware.parallelism.clockGhz * 1e9);
}

void addTimes(const Served &served, const Plan &plan, std::map<std::string, double> &metrics) {
  metrics["cache_tokens"] = double(plan.cacheTokens);
  metrics["longest_prompt"] = plan.longest;
  metrics["rejected_share"] = double(served.rejected) / double(served.finished + served.rejected);
  if (served.finished == 0)
    return;
  metrics["tokens_per_second"] = served.tokens / served.seconds;
  metrics["requests_per_second"] = double(served.finished) / served.seconds;
  metrics["seconds"] = served.seconds;
  metrics["first_token.p50_s"] = quantile(served.firstToken, 0.5);
  metrics["first_token.p99_s"] = quantile(served.firstToken, 0.99);
  metrics["per_token.p50_s"] = quantile(served.perToken, 0.5);
  metrics["per_token.p99_s"] = quantile(served.perToken, 0.99);
  metrics["prefill_busy"] = served.promptSeconds / served.seconds;
  metrics["decode_busy"] = served.roundSeconds / served.seconds;
  metrics["switching"] = served.switches / served.seconds;
}

} // namespace

std::vector<std::string> servingChoices() {
  return {"decode_side", "prefill_percent", "prefill_side", "rate", "sharing"};
}

std::vector<std::string> servingMetrics() {
  return {"cache_tokens",   "decode_busy",         "first_token.p50_s", "first_token.p99_s",
          "longest_prompt", "per_token.p50_s",     "per_token.p99_s",   "prefill_busy",
          "rejected_share", "requests_per_second", "switching"};
}

Result<Outcome> evaluateServing(const Point &point, const Models &models, const std::vector<Request> &requests) {
  auto shape = models.shapeOf(*point.workload);
  if (!shape)
    return shape.takeError();
  auto choices = readChoices(point);
  if (!choices)
    return Outcome::refused("choice", choices.error().message);
  const hw::Hardware &hardware = point.hardware;
  auto plan = place(hardware, *choices, *shape);
  if (!plan)
    return Outcome::refused("sram", plan.error().message);
  auto core = hw::makeCoreModel(hardware);
  if (!core)
    return core.takeError();
  const Region &prompts = plan->prompts, &answers = plan->answers;
  Costs prefill(hardware, **core, prompts, *shape, {.levels = 1}), decode(hardware, **core, answers, *shape, {});
  const bool split = choices->sharing == Sharing::Split;
  const auto layers = double(shape->layers), tokenBytes = 2.0 * double(shape->hidden * shape->layers) * elementSize;
  Server server;
  server.sharing = choices->sharing;
  server.prompt = [&](uint32_t tokens) {
    const double layer = prefill.prefill(tokens);
    return PromptTime{layers * layer, double(prompts.layersEach) * layer};
  };
  // Squares are stages: while one has some of the sequences, the next one has others.
  server.round = [&](uint32_t sequences, double context) {
    return layers * decode.decode(ceilDiv(sequences, answers.squares), context);
  };
  server.handOver = [&](uint32_t tokens) {
    const double hertz = hardware.parallelism.clockGhz * 1e9;
    if (!split)
      return relaySeconds(hardware, answers, tokenBytes * tokens / double(answers.side * answers.side));
    const double border = double(hardware.parallelism.meshHeight) * hardware.routing.linkBytes; // bytes a cycle
    return (tokenBytes * tokens / border + double(hardware.parallelism.meshWidth) / 2 * hardware.latency.hop) / hertz;
  };
  if (!split && prompts.side != answers.side)
    server.switchSeconds = relaySeconds(hardware, answers, double(answers.weightBytes()));
  server.cacheTokens = plan->cacheTokens;
  server.mostSequences = mostTogether * uint32_t(answers.squares);
  server.longestPrompt = plan->longest;
  std::vector<Request> faster = requests;
  for (Request &request : faster)
    request.arrival /= choices->rate;
  Outcome outcome;
  addTimes(serve(server, faster), *plan, outcome.metrics);
  if (!outcome.metrics.contains("seconds")) {
    outcome.status = Outcome::Status::Refused;
    outcome.reasonKind = "sram";
    outcome.reason =
        fmt::format("no request fits: prompts of up to {} tokens, a cache of {}", plan->longest, plan->cacheTokens);
  }
  return outcome;
}

} // namespace weft::explore
