#include "explore/run/Run.h"

#include "explore/run/Evolve.h"
#include "explore/run/Front.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace weft::explore {

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Points that a killed run may lose beside those in flight: what one thread computes in this time.
constexpr double flushSeconds = 0.2;
constexpr size_t flushRows = 256, mostQueued = 65536;

std::string jsonOf(const std::map<std::string, double> &metrics) {
  std::string out = "{";
  for (const auto &[name, value] : metrics)
    if (std::isfinite(value))
      out += fmt::format("{}\"{}\":{}", out.size() > 1 ? "," : "", name, value);
  return out + "}";
}

/// Which points a stage has, the n-th of them.
struct Stage {
  std::string_view name;
  Fidelity fidelity;
  uint64_t count = 0;
  std::function<uint64_t(uint64_t)> ordinal;
  bool worksOnly = false;                  // leaves out what is refused without an evaluation
  std::function<void(const Row &)> seen{}; // called for each new row, by one thread at a time
};

/// One stage on several threads. Threads compute, the caller's thread writes.
class Sweep {
public:
  Sweep(const Points &points, const Evaluator &evaluator, Store &store, const SweepOptions &options,
        std::unordered_map<std::string, uint64_t> &known)
      : points(points), evaluator(evaluator), store(store), options(options), known(known) {}

  Result<SweepCounts> run(const Stage &stage) {
    const auto start = Clock::now();
    version = evaluator.version(stage.fidelity);
    std::vector<std::thread> threads;
    const auto jobs = unsigned(std::clamp<uint64_t>(options.jobs, 1, std::max<uint64_t>(stage.count, 1)));
    running = jobs;
    for (unsigned i = 0; i < jobs; ++i)
      threads.emplace_back([this, &stage] { work(stage); });
    Result<void> written = write(stage, start);
    for (std::thread &thread : threads)
      thread.join();
    if (written && failure)
      written = *failure;
    if (written && !aliases.empty())
      written = lowerOrdinals();
    if (!written)
      return written.takeError();
    return SweepCounts{done.load(), computed.load(), since(start), options.stop && options.stop->load()};
  }

private:
  bool mustStop() const {
    return giveUp.load(std::memory_order_relaxed) || (options.stop && options.stop->load(std::memory_order_relaxed));
  }

  /// True for the first to ask for a digest that is not in the store. Others leave their ordinal if it is smaller.
  bool claim(const Candidate &candidate, const Digest &digest) {
    const uint64_t ordinal = candidate.point.ordinal;
    const std::lock_guard guard(mutex);
    auto [found, isNew] = known.try_emplace(digest, ordinal);
    if (!isNew && ordinal < found->second) {
      found->second = ordinal;
      Row alias;
      alias.digest = digest;
      alias.ordinal = ordinal;
      alias.inputs = candidate.inputs;
      aliases.push_back(std::move(alias));
    }
    return isNew;
  }

  void hand(const Stage &stage, std::vector<Row> &rows) {
    if (rows.empty())
      return;
    std::unique_lock lock(mutex);
    if (stage.seen)
      std::for_each(rows.begin(), rows.end(), stage.seen);
    room.wait(lock, [&] { return queue.size() < mostQueued || giveUp; });
    std::move(rows.begin(), rows.end(), std::back_inserter(queue));
    rows.clear();
  }

  void work(const Stage &stage) {
    const uint64_t chunk = stage.fidelity == Fidelity::Analytic ? 64 : 1;
    std::vector<Row> rows;
    auto last = Clock::now();
    while (!mustStop()) {
      const uint64_t first = next.fetch_add(chunk);
      if (first >= stage.count)
        break;
      for (uint64_t i = first; i < std::min(first + chunk, stage.count) && !mustStop(); ++i) {
        if (auto computedOne = compute(stage, stage.ordinal(i), rows); !computedOne) {
          const std::lock_guard guard(mutex);
          if (!failure)
            failure = computedOne.takeError();
          giveUp = true;
          break;
        }
        done.fetch_add(1, std::memory_order_relaxed);
        if (rows.size() >= flushRows || since(last) > flushSeconds) {
          hand(stage, rows);
          last = Clock::now();
        }
      }
    }
    hand(stage, rows);
    const std::lock_guard guard(mutex);
    --running;
    changed.notify_one();
  }

  Result<void> compute(const Stage &stage, uint64_t ordinal, std::vector<Row> &rows) {
    Candidate candidate = points.at(ordinal);
    if (stage.worksOnly && candidate.refusal)
      return success();
    if (!claim(candidate, candidate.digest(stage.fidelity, version)))
      return success();
    auto row = evaluatePoint(points, evaluator, candidate, stage.fidelity);
    if (!row)
      return row.takeError();
    rows.push_back(*std::move(row));
    computed.fetch_add(1, std::memory_order_relaxed);
    return success();
  }

  /// Writes what the threads hand over until they are done.
  Result<void> write(const Stage &stage, Clock::time_point start) {
    Result<void> written = success();
    for (bool isLast = false; !isLast;) {
      std::vector<Row> rows;
      {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return running == 0; });
        isLast = running == 0;
        rows.swap(queue);
      }
      room.notify_all();
      if (written)
        written = store.put(rows);
      if (!written) { // the threads end, what they still hand over is lost
        giveUp = true;
        room.notify_all();
      }
      report(stage, start);
    }
    return written;
  }

  void report(const Stage &stage, Clock::time_point start) {
    if (!options.progress)
      return;
    // Over the last seconds: points differ in cost, and what was in the store cost nothing.
    constexpr double window = 10;
    const double now = since(start);
    samples.emplace_back(now, done.load());
    while (samples.size() > 2 && samples[1].first < now - window)
      samples.erase(samples.begin());
    const double span = now - samples.front().first;
    SweepProgress progress{stage.name, done.load(), stage.count,
                           span > 0 ? double(samples.back().second - samples.front().second) / span : 0, 0};
    if (progress.perSecond > 0)
      progress.secondsLeft = double(progress.total - progress.done) / progress.perSecond;
    options.progress(progress);
  }

  Result<void> lowerOrdinals() {
    for (const Row &alias : aliases)
      if (auto lowered = store.lowerOrdinal(alias.digest, alias.ordinal, alias.inputs); !lowered)
        return lowered;
    return success();
  }

  const Points &points;
  const Evaluator &evaluator;
  Store &store;
  const SweepOptions &options;
  std::string version;
  std::atomic<uint64_t> next = 0, done = 0, computed = 0;
  std::atomic<bool> giveUp = false;
  std::vector<std::pair<double, uint64_t>> samples; // seconds, points done
  std::mutex mutex;                                 // of all below
  std::condition_variable changed, room;
  std::unordered_map<std::string, uint64_t> &known; // digests that are stored or claimed, and their smallest ordinals
  std::vector<Row> queue, aliases;
  std::optional<Error> failure;
  unsigned running = 0;
};

/// The stages of an evolution: a generation each.
class Evolution {
public:
  Evolution(const Space &space, const Evaluator &evaluator, Store &store, const SweepOptions &options, Points &points,
            std::unordered_map<std::string, uint64_t> &known)
      : space(space), evaluator(evaluator), store(store), options(options), points(points), known(known) {}

  Result<SweepCounts> run() {
    const std::string filter(nameOf(space.filter));
    auto read = store.forEach([&](const Row &row) -> Result<void> {
      if (row.fidelity == filter)
        remember(row);
      return success();
    });
    if (!read)
      return read.takeError();
    for (size_t workload = 0; workload < space.workloads.size() && !counts.stopped; ++workload) {
      auto done =
          evolve(space, points, workload, [this](uint64_t first, uint64_t count) { return generation(first, count); });
      if (failure)
        return *std::move(failure);
      if (!done)
        return done.takeError();
    }
    return counts;
  }

private:
  void remember(const Row &row) {
    std::optional<Costs> found;
    if (auto metrics = metricsOf(row); row.status == "ok" && metrics)
      found = costsOf(space, *metrics);
    // As far from every point that works as from the next one that does not.
    costs.insert_or_assign(row.digest, found ? *std::move(found) : Costs(space.objectives.size(), 1e100));
  }

  std::optional<std::vector<Costs>> generation(uint64_t first, uint64_t count) {
    SweepOptions own = options;
    if (options.progress)
      own.progress = [&](SweepProgress progress) {
        progress.done += counts.points;
        progress.total = space.points();
        progress.secondsLeft = progress.perSecond > 0 ? double(progress.total - progress.done) / progress.perSecond : 0;
        options.progress(progress);
      };
    auto swept = Sweep(points, evaluator, store, own, known)
                     .run({.name = "points",
                           .fidelity = space.filter,
                           .count = count,
                           .ordinal = [first](uint64_t i) { return first + i; },
                           .seen = [this](const Row &row) { remember(row); }});
    if (!swept) {
      failure = swept.takeError();
      return std::nullopt;
    }
    counts = {counts.points + swept->points, counts.computed + swept->computed, counts.seconds + swept->seconds,
              swept->stopped};
    if (counts.stopped)
      return std::nullopt;
    std::vector<Costs> out;
    const std::string version = evaluator.version(space.filter);
    for (uint64_t i = 0; i < count; ++i)
      out.push_back(costs.at(points.at(first + i).digest(space.filter, version)));
    return out;
  }

  const Space &space;
  const Evaluator &evaluator;
  Store &store;
  const SweepOptions &options;
  Points &points;
  std::unordered_map<std::string, uint64_t> &known;
  std::unordered_map<Digest, Costs> costs; // of all rows of the first fidelity
  SweepCounts counts;
  std::optional<Error> failure;
};

bool isChecked(const Space &space, uint64_t ordinal) { return shareOf(~space.method.seed, ordinal) < space.check; }

} // namespace

std::optional<Fidelity> finer(const Evaluator &evaluator, Fidelity fidelity) {
  for (Fidelity each : {Fidelity::Engine, Fidelity::Compiled})
    if (each > fidelity && evaluator.offers(each))
      return each;
  return std::nullopt;
}

std::string evaluatorVersions(const Evaluator &evaluator) {
  std::string out;
  for (Fidelity fidelity : {Fidelity::Analytic, Fidelity::Engine, Fidelity::Compiled})
    if (evaluator.offers(fidelity))
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", nameOf(fidelity), evaluator.version(fidelity));
  return out;
}

Result<Row> evaluatePoint(const Points &points, const Evaluator &evaluator, Candidate &candidate, Fidelity fidelity) {
  const auto start = Clock::now();
  Outcome outcome;
  if (candidate.refusal) {
    outcome = *candidate.refusal;
  } else {
    if (fidelity != Fidelity::Analytic && candidate.point.hardware.yaml.empty())
      hw::refresh(candidate.point.hardware);
    auto evaluated = evaluator.evaluate(candidate.point, fidelity);
    if (!evaluated)
      return Error{fmt::format("point {}: {}", candidate.point.ordinal, evaluated.error().message),
                   evaluated.error().fault};
    outcome = *std::move(evaluated);
    points.judge(candidate, outcome);
  }
  Row row;
  row.digest = candidate.digest(fidelity, evaluator.version(fidelity));
  row.ordinal = candidate.point.ordinal;
  row.fidelity = nameOf(fidelity);
  row.inputs = candidate.inputs;
  row.status = outcome.status == Outcome::Status::Ok ? "ok" : "refused";
  row.reasonKind = outcome.reasonKind;
  row.reason = outcome.reason;
  row.results = jsonOf(outcome.metrics);
  row.seconds = since(start);
  return row;
}

Result<SweepCounts> sweep(const Space &space, const Evaluator &evaluator, Store &store, const SweepOptions &options) {
  Points points(space, evaluator);
  auto known = store.ordinals();
  if (!known)
    return known.takeError();
  const bool evolves = space.method.kind == Method::Kind::Evolution;
  if (evolves && options.shards > 1)
    return userError(
        "nsga2 chooses each generation by the one before it, so that no shard can go ahead alone; use more "
        "threads (--jobs), or random or lhs");
  auto ordinalOf = [&](uint64_t i) { return options.shard + i * options.shards; };
  const uint64_t count = points.count() > options.shard ? (points.count() - options.shard - 1) / options.shards + 1 : 0;
  auto counts = evolves
                    ? Evolution(space, evaluator, store, options, points, *known).run()
                    : Sweep(points, evaluator, store, options, *known).run({"points", space.filter, count, ordinalOf});
  const std::optional<Fidelity> next = finer(evaluator, space.filter);
  if (!counts || counts->stopped || space.check == 0 || !next)
    return counts;
  std::vector<uint64_t> checked;
  for (uint64_t i = 0; i < count; ++i)
    if (isChecked(space, ordinalOf(i)))
      checked.push_back(ordinalOf(i));
  auto more = Sweep(points, evaluator, store, options, *known)
                  .run({"check", *next, checked.size(), [&](uint64_t i) { return checked[i]; }, true});
  if (!more)
    return more;
  return SweepCounts{counts->points + more->points, counts->computed + more->computed, counts->seconds + more->seconds,
                     more->stopped};
}

Result<SweepCounts> sweepFront(const Space &space, const Evaluator &evaluator, Store &store,
                               const SweepOptions &options) {
  if (!space.front)
    return SweepCounts{};
  auto ordinals = frontCandidates(space, evaluator, store);
  if (!ordinals)
    return ordinals.takeError();
  auto known = store.ordinals();
  if (!known)
    return known.takeError();
  Points points(space, evaluator);
  if (space.method.kind == Method::Kind::Evolution) // from the store, to know where its points lie
    if (auto again = Evolution(space, evaluator, store, options, points, *known).run(); !again || again->stopped)
      return again;
  return Sweep(points, evaluator, store, options, *known)
      .run({"front", *space.front, ordinals->size(), [&](uint64_t i) { return (*ordinals)[i]; }});
}

} // namespace weft::explore
