#include "explore/tune/Trials.h"

#include "explore/tune/Record.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#define XXH_INLINE_ALL // the header alone: no library to link
#include <xxhash.h>

#include <algorithm>
#include <mutex>
#include <thread>

namespace weft::explore {

Trials::Trials(const Subject &subject, Store &store, const TuneOptions &options, TuneResult &result)
    : subject(subject), store(store), options(options), result(result), identity(subject.identity()) {}

std::string Trials::fidelityOf(unsigned rung) const {
  return rung + 1 == subject.rungs() ? "full" : fmt::format("short-{}", rung);
}

Row Trials::rowOf(const Choices &choices, const std::string &fidelity) const {
  const std::string text = identity + nlohmann::json(choices).dump() + fidelity;
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  Row row;
  row.digest = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  row.fidelity = fidelity;
  const nlohmann::json inputs = {
      {"subject", nlohmann::json::parse(identity)}, {"choices", choices}, {"machine", options.machine}};
  row.inputs = inputs.dump();
  row.results = "{}";
  return row;
}

std::optional<double> cyclesIn(const std::string &results) {
  const auto json = nlohmann::json::parse(results, nullptr, false);
  if (!json.is_object())
    return std::nullopt;
  const auto found = json.find("cycles");
  if (found == json.end())
    return 0;
  const bool isNumber = found->is_number() && found->get<double>() >= 0 && found->get<double>() <= mostCycles;
  return isNumber ? std::optional(found->get<double>()) : std::nullopt;
}

Result<void> Trials::readStore() {
  return store.forEach([&](const Row &row) -> Result<void> {
    Trial trial;
    trial.reasonKind = row.reasonKind, trial.reason = row.reason;
    const std::optional<double> cycles = cyclesIn(row.results);
    const bool isOk = row.status == "ok";
    if (!cycles || (isOk && *cycles == 0))
      return userError(fmt::format("{}: row {} is damaged; name another file", store.path(), row.digest));
    trial.taken = *cycles;
    trial.cycles = isOk ? trial.taken : 0;
    known.emplace(row.digest, std::move(trial));
    return success();
  });
}

bool Trials::isOver() const {
  if (options.stop && options.stop->load())
    return true;
  if (options.seconds > 0 &&
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() >= options.seconds)
    return true;
  return options.trials > 0 && result.trials >= options.trials;
}

uint64_t Trials::left() const {
  return options.trials == 0 ? UINT64_MAX : options.trials - std::min(options.trials, result.trials);
}

void Trials::report(std::string_view stage, uint64_t done, uint64_t total) const {
  if (options.progress)
    options.progress({stage, done, total, result.cycles, result.defaultCycles});
}

Result<void> Trials::flush(std::vector<Row> rows) {
  if (rows.empty())
    return success();
  return store.put(rows);
}

Result<std::vector<Trial>> Trials::run(const std::vector<Choices> &all, unsigned rung, std::string_view stage) {
  const uint64_t count = std::min<uint64_t>(all.size(), left());
  std::vector<Trial> trials(count);
  std::vector<bool> isDone(count);
  std::atomic<uint64_t> next{0}, finished{0};
  std::mutex mutex; // of what follows
  std::vector<Row> fresh;
  std::optional<Error> failure;
  const std::string fidelity = fidelityOf(rung);
  const auto work = [&] {
    for (uint64_t i = next++; i < count && !isOver(); i = next++) {
      Row row = rowOf(all[i], fidelity);
      Trial trial{all[i]};
      if (auto found = known.find(row.digest); found != known.end()) {
        trial = found->second;
        trial.choices = all[i];
      } else {
        const auto begin = std::chrono::steady_clock::now();
        auto outcome = subject.evaluate(all[i], rung);
        std::lock_guard lock(mutex);
        if (!outcome) {
          failure = failure ? failure : outcome.takeError();
          next = count; // the other threads begin no more
          return;
        }
        const bool fine = outcome->status == Outcome::Status::Ok;
        row.status = fine ? "ok" : "refused";
        row.reasonKind = trial.reasonKind = outcome->reasonKind;
        row.reason = trial.reason = outcome->reason;
        if (auto taken = outcome->metrics.find("cycles"); taken != outcome->metrics.end()) {
          trial.taken = taken->second;
          trial.cycles = fine ? taken->second : 0;
          row.results = nlohmann::json{{"cycles", taken->second}}.dump();
        }
        row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        fresh.push_back(std::move(row));
      }
      std::lock_guard lock(mutex);
      trials[i] = std::move(trial);
      isDone[i] = true;
      ++finished;
    }
  };
  std::vector<std::jthread> threads;
  std::atomic<unsigned> running{0};
  const unsigned jobs = std::max(1u, std::min<unsigned>(options.jobs, unsigned(count)));
  for (unsigned i = 0; i < jobs; ++i) {
    ++running;
    threads.emplace_back([&] {
      work();
      --running;
    });
  }
  // What has come in goes to the disk every now and then: a killed search loses that much.
  Result<void> kept = success();
  for (auto last = std::chrono::steady_clock::now(); kept;) {
    const bool isLast = running == 0;
    std::vector<Row> rows;
    const auto now = std::chrono::steady_clock::now();
    if (isLast || now - last > std::chrono::milliseconds(200)) {
      std::lock_guard lock(mutex);
      rows.swap(fresh);
      last = now;
    }
    result.computed += rows.size();
    report(stage, finished, count);
    kept = flush(std::move(rows));
    if (isLast)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  next = count; // if the disk failed, the threads begin no other
  threads.clear();
  if (failure)
    return *failure;
  if (!kept)
    return kept.takeError();
  std::vector<Trial> done;
  for (uint64_t i = 0; i < count; ++i)
    if (isDone[i]) {
      result.refused += trials[i].cycles == 0 ? 1 : 0;
      known.emplace(rowOf(trials[i].choices, fidelity).digest, trials[i]);
      done.push_back(std::move(trials[i]));
    }
  result.trials += done.size();
  return done;
}

Result<bool> Trials::verify(const Trial &trial) {
  Row row = rowOf(trial.choices, "verified");
  report("verify", 0, 1);
  if (auto found = known.find(row.digest); found != known.end()) {
    if (found->second.cycles > 0) {
      if (result.verifiedAgainst.empty())
        result.verifiedAgainst = "the reference in an earlier run";
      return true;
    }
    ++result.rejected;
    if (result.firstWrong.empty())
      result.firstWrong = found->second.reason;
    return false;
  }
  const auto begin = std::chrono::steady_clock::now();
  auto verdict = subject.verify(trial.choices);
  if (!verdict)
    return verdict.takeError();
  row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  row.status = verdict->isRight ? "ok" : "refused";
  if (verdict->isRight) {
    row.results = nlohmann::json{{"cycles", trial.cycles}}.dump();
    result.verifiedAgainst = verdict->why;
  } else {
    row.reasonKind = "wrong";
    row.reason = verdict->why;
    ++result.rejected;
    if (result.firstWrong.empty())
      result.firstWrong = verdict->why;
  }
  known.emplace(row.digest,
                Trial{trial.choices, verdict->isRight ? trial.cycles : 0, trial.cycles, row.reasonKind, row.reason});
  if (auto kept = flush({row}); !kept)
    return kept.takeError();
  return verdict->isRight;
}

} // namespace weft::explore
