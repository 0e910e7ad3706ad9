// The strategies: all choices where there are few, evolution with a learned filter and short runs first where there are
// many, and at the end other orders of the winner's instructions.
#include "explore/tune/Tune.h"

#include "explore/tune/CostModel.h"
#include "explore/tune/Trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

namespace weft::explore {
namespace {

constexpr size_t generation = 16;       // trials of a generation of evolution
constexpr size_t offspringPerTrial = 8; // of which the model picks one
constexpr unsigned patience = 4;        // generations without a better one
constexpr unsigned mostReorderings = 40;

/// Of two that are equally fast, the one with fewer choices: the default before all others.
bool isBefore(const Trial &a, const Trial &b) {
  return std::tuple(a.cycles, a.choices.size(), a.choices) < std::tuple(b.cycles, b.choices.size(), b.choices);
}

class Search {
public:
  Search(const Subject &subject, Store &store, const TuneOptions &options, TuneResult &result)
      : subject(subject), options(options), result(result), trials(subject, store, options, result),
        random(options.seed) {}

  Result<void> run() {
    if (auto read = trials.readStore(); !read)
      return read;
    if (auto based = baseline(); !based)
      return based;
    const std::vector<Choices> all = list();
    result.space = double(all.size());
    const bool fits = all.size() <= exhaustiveLimit && (options.trials == 0 || all.size() <= options.trials);
    const bool each = options.strategy == Strategy::Exhaustive || (options.strategy == Strategy::Auto && fits);
    auto searched = each ? tryAll(all, "exhaustive", &result.isExhaustive) : evolve(all);
    if (!searched)
      return searched;
    if (auto settled = settle(); !settled || !options.reorder || found.empty())
      return settled;
    if (auto reordered = reorder(); !reordered)
      return reordered;
    return settle();
  }

private:
  Result<void> baseline() {
    auto done = trials.run({{}}, lastRung(), "default");
    if (!done)
      return done.takeError();
    if (done->empty())
      return success(); // stopped before it began
    if (done->front().cycles == 0 && done->front().reasonKind == notEvaluated) {
      result.defaultProblem = done->front().reason; // others may be
      return tryAll(options.starts, "starts");
    }
    if (done->front().cycles == 0)
      return userError(fmt::format("{}: {}", subject.title(), done->front().reason));
    result.defaultCycles = result.cycles = done->front().cycles;
    note(done->front());
    return tryAll(options.starts, "starts");
  }

  unsigned lastRung() const { return subject.rungs() - 1; }

  /// Every combination that is allowed, up to a limit.
  std::vector<Choices> list() const {
    constexpr size_t most = 200'000;
    std::vector<Choices> found;
    const std::vector<Choice> &axes = subject.choices();
    std::vector<size_t> at(axes.size());
    for (bool more = !axes.empty(); more && found.size() < most;) {
      Choices choices;
      for (size_t i = 0; i < axes.size(); ++i)
        if (const std::string &value = axes[i].values[at[i]]; !value.empty())
          choices[axes[i].name] = value;
      if (subject.allows(choices))
        found.push_back(std::move(choices));
      more = false;
      for (size_t i = axes.size(); i-- > 0 && !more;) {
        more = ++at[i] < axes[i].values.size();
        if (!more)
          at[i] = 0;
      }
    }
    return found;
  }

  void note(const Trial &trial) {
    if (trial.taken > 0)
      model.learn(subject.features(trial.choices), trial.taken);
    if (trial.cycles > 0) {
      found.push_back(trial);
      result.cycles = result.cycles > 0 ? std::min(result.cycles, trial.cycles) : trial.cycles;
    }
    result.history.push_back(result.cycles);
  }

  /// `wereAll`: whether time and trials sufficed for each of them.
  Result<void> tryAll(const std::vector<Choices> &all, std::string_view stage, bool *wereAll = nullptr) {
    auto done = trials.run(all, lastRung(), stage);
    if (!done)
      return done.takeError();
    if (wereAll)
      *wereAll = done->size() == all.size();
    for (const Trial &trial : *done)
      note(trial);
    return success();
  }

  // ---- evolution --------------------------------------------------------------------------------------------------

  size_t below(size_t n) { return size_t(random() % std::max<size_t>(1, n)); }

  /// The value beside this one, since most choices are numbers in order, or any.
  std::string mutated(const Choice &axis, const std::string &value) {
    const auto at = std::find(axis.values.begin(), axis.values.end(), value);
    if (at == axis.values.end() || below(2) == 0)
      return axis.values[below(axis.values.size())];
    const bool up = at == axis.values.begin() || (at + 1 != axis.values.end() && below(2) == 0);
    return axis.values.size() < 2 ? value : up ? *(at + 1) : *(at - 1);
  }

  /// One of the best so far with some choices of another one and some changed, if that is allowed.
  Choices offspring(const std::vector<Choices> &all) {
    std::vector<const Trial *> parents;
    for (const Trial &trial : found)
      if (!trial.choices.empty())
        parents.push_back(&trial);
    std::sort(parents.begin(), parents.end(), [](auto *a, auto *b) { return isBefore(*a, *b); });
    parents.resize(std::min<size_t>(parents.size(), generation / 2));
    for (int attempt = 0; attempt < 32 && !parents.empty(); ++attempt) {
      Choices child = parents[below(parents.size())]->choices;
      const Choices &other = parents[below(parents.size())]->choices;
      for (const Choice &axis : subject.choices()) {
        std::string value = child[axis.name];
        if (below(4) == 0)
          value = other.contains(axis.name) ? other.at(axis.name) : "";
        if (below(3) == 0)
          value = mutated(axis, value);
        if (value.empty())
          child.erase(axis.name);
        else
          child[axis.name] = value;
      }
      if (subject.allows(child))
        return child;
    }
    return all[below(all.size())];
  }

  /// As many as a generation has that were not tried before: the model's favourites, and some at random.
  std::vector<Choices> nextGeneration(const std::vector<Choices> &all, bool isFirst) {
    std::vector<std::tuple<double, size_t, Choices>> pool; // cost, and then in the order in which they were made
    std::set<Choices> pooled;
    for (size_t i = 0; i < generation * offspringPerTrial; ++i) {
      Choices child = isFirst || i % 4 == 0 ? all[below(all.size())] : offspring(all);
      if (tried.contains(child) || !pooled.insert(child).second)
        continue;
      const double cost = model.predict(subject.features(child)).value_or(0);
      pool.emplace_back(cost, pool.size(), std::move(child));
    }
    std::sort(pool.begin(), pool.end());
    std::vector<Choices> chosen;
    for (size_t i = 0; i < pool.size() && chosen.size() < generation; ++i) {
      if (i >= generation * 3 / 4)
        std::swap(pool[i], pool[i + below(pool.size() - i)]); // so that none is chosen twice
      chosen.push_back(std::get<Choices>(pool[i]));
    }
    tried.insert(chosen.begin(), chosen.end());
    return chosen;
  }

  /// Successive halving: short runs of all, longer ones of the better half.
  Result<std::vector<Choices>> halve(std::vector<Choices> candidates) {
    for (unsigned rung = 0; rung < lastRung() && candidates.size() > 1; ++rung) {
      auto done = trials.run(candidates, rung, "short runs");
      if (!done)
        return done.takeError();
      std::erase_if(*done, [](const Trial &trial) { return trial.cycles == 0; });
      std::sort(done->begin(), done->end(), isBefore);
      candidates.clear();
      for (size_t i = 0; i < (done->size() + 1) / 2; ++i)
        candidates.push_back((*done)[i].choices);
    }
    return candidates;
  }

  /// The default with one choice made otherwise, in the order of the choices; none where these would be more than a
  /// generation and a half.
  std::vector<Choices> singles() const {
    std::vector<Choices> found;
    for (const Choice &axis : subject.choices())
      for (const std::string &value : axis.values)
        if (Choices choices{{axis.name, value}}; !value.empty() && subject.allows(choices))
          found.push_back(std::move(choices));
    if (found.size() > generation * 3 / 2)
      found.clear();
    return found;
  }

  Result<void> evolve(const std::vector<Choices> &all) {
    unsigned idle = 0;
    std::vector<Choices> first = singles();
    tried.insert(first.begin(), first.end());
    if (auto done = tryAll(first, "evolution"); !done)
      return done;
    for (bool isFirst = true; !all.empty() && idle < patience && !trials.isOver(); isFirst = false) {
      std::vector<Choices> candidates = nextGeneration(all, isFirst);
      if (candidates.empty())
        break;
      auto chosen = halve(std::move(candidates));
      if (!chosen)
        return chosen.takeError();
      const double before = result.cycles;
      if (auto done = tryAll(*chosen, "evolution"); !done)
        return done;
      idle = result.cycles < before || before == 0 ? 0 : idle + 1;
    }
    return success();
  }

  // ---- the order of instructions ----------------------------------------------------------------------------------

  /// Climbs from swap to swap as long as one is faster; of equal ones none is taken, so that it ends.
  Result<void> reorder() {
    for (unsigned i = 0; i < mostReorderings && !trials.isOver(); ++i) {
      auto neighbours = subject.reordered(result.best);
      if (!neighbours)
        return neighbours.takeError();
      std::erase_if(*neighbours, [&](const Choices &each) { return !tried.insert(each).second; });
      const double before = result.cycles;
      if (auto done = tryAll(*neighbours, "order"); !done)
        return done;
      if (result.cycles >= before)
        break;
      if (auto settled = settle(); !settled)
        return settled;
      if (result.cycles >= before)
        break;
    }
    return success();
  }

  /// The fastest that is right.
  Result<void> settle() {
    std::sort(found.begin(), found.end(), isBefore);
    while (!found.empty()) {
      auto right = trials.verify(found.front());
      if (!right)
        return right.takeError();
      if (*right)
        break;
      found.erase(found.begin());
    }
    if (found.empty() && trials.isOver())
      return success(); // ended before there was anything
    if (found.empty() && result.rejected == 0)
      return userError(fmt::format("{}: no choice can be evaluated: {}", subject.title(), result.defaultProblem));
    if (found.empty())
      return userError(fmt::format("{}: not even the default computes what the reference does: {}", subject.title(),
                                   result.firstWrong));
    result.best = found.front().choices;
    result.cycles = found.front().cycles;
    return success();
  }

  const Subject &subject;
  const TuneOptions &options;
  TuneResult &result;
  Trials trials;
  std::mt19937_64 random;
  CostModel model;
  std::vector<Trial> found; // at full length, that work
  std::set<Choices> tried;
};

} // namespace

Result<TuneResult> tune(const Subject &subject, Store &store, const TuneOptions &options) {
  TuneResult result;
  Search search(subject, store, options, result);
  if (auto done = search.run(); !done)
    return done.takeError();
  result.stopped = options.stop && options.stop->load();
  return result;
}

} // namespace weft::explore
