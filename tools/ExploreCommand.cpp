#include "tools/ExploreCommand.h"

#include "explore/run/Run.h"
#include "explore/run/Shard.h"
#include "tools/CompiledPoint.h"
#include "tools/ExploreReport.h"
#include "tools/Interrupt.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sched.h>
#include <thread>

namespace weft::tools {

using namespace explore;

namespace {

/// Of a command that was told to end before its work was done, as a shell has it for Ctrl-C.
constexpr int stoppedStatus = 130;
constexpr uint64_t feasibilityPoints = 20'000; // looked at before anything is evaluated: well below a second

struct Arguments {
  std::string space, results, shard, emit, exportFormat;
  std::vector<std::string> merge;
  unsigned jobs = 0;
  uint64_t tasks = 16;
  bool resume = false;
};

unsigned coresOfThisProcess() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? unsigned(std::max(1, CPU_COUNT(&set))) : 1;
}

std::string clockText(double seconds) {
  const auto whole = uint64_t(seconds + 0.5);
  return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                       : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// A bar at a terminal; elsewhere a line now and then, for the log of a job.
class SweepDisplay {
public:
  explicit SweepDisplay(std::string name) : bar(std::move(name)) {}

  void show(const SweepProgress &progress) {
    const std::string note = fmt::format(
        "{} {}/{}, {:.4g}/s, {} left{}", progress.stage, progress.done, progress.total, progress.perSecond,
        progress.perSecond > 0 ? clockText(progress.secondsLeft) : "?", stderrIsTerminal() ? "; q ends" : "");
    if (stderrIsTerminal())
      return bar.update(progress.total ? double(progress.done) / double(progress.total) : 1, note);
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(30))
      return;
    last = now;
    fmt::print(stderr, "weft: {}\n", note);
  }
  void clear() { bar.clear(); }

private:
  ProgressBar bar;
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};

Meta metaOf(const Space &space, const Evaluator &evaluator) {
  return {space.name,
          space.text,
          space.digest(),
          WEFT_VERSION,
          fmt::format("{}", space.method.seed),
          evaluatorVersions(evaluator)};
}

/// The store to go on with, or a new one.
Result<Store> openStore(const std::string &path, const Space &space, const Evaluator &evaluator, bool resume) {
  std::error_code failed;
  const Meta meta = metaOf(space, evaluator);
  if (!resume)
    return Store::create(path, meta);
  if (!std::filesystem::exists(path, failed)) {
    auto made = Store::create(path, meta);
    if (made || !std::filesystem::exists(path, failed))
      return made;
    // Another process that goes on with it, too, was first.
  }
  auto store = Store::open(path);
  if (!store)
    return store;
  if (store->meta().spaceDigest != meta.spaceDigest)
    return userError(
        fmt::format("{} holds results of another space ('{}', or {} before it was changed); name another file with -o",
                    path, store->meta().name, space.origin));
  if (store->meta().evaluators != meta.evaluators)
    return userError(fmt::format("{} was computed by other versions ({}; these are {}); name another file with -o",
                                 path, store->meta().evaluators, meta.evaluators));
  return store;
}

/// So that a report can write a whole machine where the base's file is not.
Result<void> keepBase(Store &store, const Space &space) {
  auto kept = store.note(baseNote);
  if (!kept)
    return kept.takeError();
  return *kept ? success() : store.setNote(baseNote, space.base.yaml);
}

/// What a run of `weft explore` has in hand.
struct Session {
  const Space &space;
  const Evaluator &evaluator;
  SweepOptions options;
  std::string results; // of all shards
  Shard shard;
  bool resume = false;
};

/// Waits for the other ranks' files to be complete and puts them together. The first rank does; a launcher ends them
/// all when one of them fails.
Result<bool> mergeRanks(const Session &session) {
  std::vector<std::string> paths;
  Shard shard = session.shard;
  for (shard.index = 0; shard.index < shard.count; ++shard.index)
    paths.push_back(shard.pathOf(session.results));
  for (size_t ready = 0; ready < paths.size();) {
    if (session.options.stop->load())
      return false;
    std::error_code failed;
    if (std::filesystem::exists(paths[ready], failed)) {
      auto store = Store::openForReading(paths[ready]);
      if (!store)
        return store.takeError();
      auto complete = store->note("complete");
      if (!complete)
        return complete.takeError();
      if (*complete) {
        ++ready;
        continue;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (session.options.progress)
      session.options.progress({"waiting for ranks", ready, paths.size(), 0, 0});
  }
  std::error_code failed;
  if (session.resume && std::filesystem::exists(session.results, failed))
    return true;
  auto merged = mergeStores(paths, session.results);
  if (!merged)
    return merged.takeError();
  return true;
}

/// Points, check and, where all points are at hand, the front. False: it was told to stop.
Result<bool> compute(const Session &session, Store &store, SweepCounts &counts) {
  const auto add = [&](const SweepCounts &more) {
    counts = {counts.points + more.points, counts.computed + more.computed, counts.seconds + more.seconds,
              more.stopped};
  };
  auto swept = sweep(session.space, session.evaluator, store, session.options);
  if (!swept)
    return swept.takeError();
  add(*swept);
  if (counts.stopped)
    return false;
  if (session.shard.count > 1) {
    if (auto noted = store.setNote("complete", "1"); !noted)
      return noted.takeError();
    return true;
  }
  auto front = sweepFront(session.space, session.evaluator, store, session.options);
  if (!front)
    return front.takeError();
  add(*front);
  return !counts.stopped;
}

Result<void> printFindings(const Session &session, Store &store, const SweepCounts &counts) {
  auto findings = findingsOf(session.space, store);
  if (!findings)
    return findings.takeError();
  fmt::print("{}: {} points in {}, {} work, {} are refused; {} computed in {:.3g} s\n", session.space.name,
             findings->ok + findings->refused, store.path(), findings->ok, findings->refused, counts.computed,
             counts.seconds);
  fmt::print("{}", findingsText(session.space, *findings, session.evaluator.errorBound(session.space.filter)));
  return success();
}

/// A shard of mpirun: its own file, and for the first rank then the file of all.
Result<bool> exploreRank(Session session, Store shardStore, SweepCounts counts) {
  auto done = compute(session, shardStore, counts);
  if (!done || !*done || session.shard.index != 0)
    return done;
  auto merged = mergeRanks(session);
  if (!merged || !*merged)
    return merged;
  auto store = Store::open(session.results);
  if (!store)
    return store.takeError();
  session.shard = {};
  session.options.shard = 0;
  session.options.shards = 1;
  done = compute(session, *store, counts);
  if (!done)
    return done;
  if (auto printed = printFindings(session, *store, counts); !printed)
    return printed.takeError();
  return done;
}

/// False: it was told to stop.
Result<bool> exploreSpace(const Arguments &arguments, const Tool &tool) {
  const auto evaluator = makeModelEvaluator(compiledBy(tool));
  auto text = readSmallFile(arguments.space);
  if (!text)
    return text.takeError();
  auto space = parseSpace(*text, arguments.space, vocabularyOf(*evaluator));
  if (!space)
    return space.takeError();
  if (auto feasible = Points(*space, *evaluator).checkFeasible(feasibilityPoints); !feasible)
    return feasible.takeError();
  auto shard = arguments.shard.empty() ? shardOf([](const char *name) { return std::getenv(name); })
                                       : parseShard(arguments.shard);
  if (!shard)
    return shard.takeError();
  Interrupt interrupt;
  SweepDisplay display(space->name);
  Session session{*space, *evaluator,      {}, arguments.results.empty() ? space->name + ".db" : arguments.results,
                  *shard, arguments.resume};
  session.options.jobs = arguments.jobs                        ? arguments.jobs
                         : shard->origin == Shard::Origin::Mpi ? 1
                                                               : coresOfThisProcess();
  session.options.shard = shard->index;
  session.options.shards = shard->count;
  session.options.stop = &interrupt.flag();
  session.options.progress = [&](const SweepProgress &progress) {
    interrupt.readKeys();
    display.show(progress);
  };
  // Tasks of an array and ranks have one command line, so their files are told apart here.
  const bool isNamed =
      shard->origin == Shard::Origin::None || (shard->origin == Shard::Origin::Option && !arguments.results.empty());
  const std::string path = isNamed ? session.results : shard->pathOf(session.results);
  auto store = openStore(path, *space, *evaluator, arguments.resume);
  if (!store)
    return store.takeError();
  if (auto kept = keepBase(*store, *space); !kept)
    return kept.takeError();
  if (shard->count > 1 && shard->origin != Shard::Origin::Option)
    fmt::print(stderr, "weft: shard {} in {}\n", shard->text(), path);
  if (shard->origin == Shard::Origin::Mpi)
    return exploreRank(std::move(session), *std::move(store), {});
  SweepCounts counts;
  auto done = compute(session, *store, counts);
  display.clear();
  if (!done)
    return done;
  if (*done || counts.computed > 0)
    if (auto printed = printFindings(session, *store, counts); !printed)
      return printed.takeError();
  if (!*done)
    fmt::print(stderr, "weft: stopped; go on with --resume -o {}\n", path);
  return done;
}

/// The exit status.
Result<int> explore(const Arguments &arguments, const Tool &tool) {
  if (!arguments.merge.empty()) {
    if (arguments.results.empty() || !arguments.space.empty())
      return Error{"--merge wants the files to merge and -o RESULTS.db, and no space", Fault::Usage};
    auto rows = mergeStores(arguments.merge, arguments.results);
    if (!rows)
      return rows.takeError();
    fmt::print("{}: {} rows\n", arguments.results, *rows);
    return 0;
  }
  if (arguments.space.empty())
    return Error{"a SPACE.yaml is needed, or --merge", Fault::Usage};
  if (!arguments.exportFormat.empty()) {
    auto store = Store::openForReading(arguments.space);
    if (!store)
      return store.takeError();
    auto done = exportRows(*store, arguments.exportFormat, std::cout);
    return done ? Result<int>(0) : done.takeError();
  }
  if (!arguments.emit.empty()) {
    const std::string results =
        arguments.results.empty() ? std::filesystem::path(arguments.space).stem().string() + ".db" : arguments.results;
    fmt::print("{}", slurmScript(arguments.space, results, arguments.tasks));
    return 0;
  }
  auto done = exploreSpace(arguments, tool);
  if (!done)
    return done.takeError();
  return *done ? 0 : stoppedStatus;
}

} // namespace

void addExploreCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command =
      app.add_subcommand("explore", "Search machines, programs and choices for the points that no other beats");
  command->add_option("space", arguments->space, "The space (docs/explore.md); with --export a file of results")
      ->type_name("SPACE.yaml|RESULTS.db");
  command->add_option("-o", arguments->results, "Where results are kept (default: the space's name with .db)")
      ->type_name("RESULTS.db");
  command->add_flag("--resume", arguments->resume, "Go on with the results that are there; without any, begin");
  command->add_option("--jobs", arguments->jobs, "Points at once (default: one a core; under mpirun 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  command
      ->add_option("--shard", arguments->shard,
                   "Only every n-th point, from the i-th on; job arrays and mpirun need no option")
      ->type_name("i/n");
  command->add_option("--emit", arguments->emit, "Print a job script that computes the space in shards, and stop")
      ->type_name("slurm")
      ->check(CLI::IsMember({"slurm"}).description(""));
  command->add_option("--tasks", arguments->tasks, "With --emit: how many shards")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000).description(""))
      ->capture_default_str();
  command->add_option("--merge", arguments->merge, "Put files of results of one space together into the one of -o")
      ->type_name("A.db B.db");
  command->add_option("--export", arguments->exportFormat, "Print all rows of a file of results, and stop")
      ->type_name("csv|jsonl")
      ->check(CLI::IsMember({"csv", "jsonl"}).description(""));
  command->callback([arguments, &tool, &exitCode] {
    Result<int> status = explore(*arguments, tool);
    exitCode = status ? *status : reportError(status.error());
  });
}

} // namespace weft::tools
