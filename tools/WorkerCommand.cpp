#include "tools/WorkerCommand.h"

#include "explore/run/Run.h"
#include "tools/CompiledPoint.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <iostream>
#include <limits>

namespace weft::tools {

using namespace explore;
using nlohmann::json;

namespace {

constexpr std::streamsize maxLineBytes = 64 * 1024;

/// The point of a line, written as a space that has no other: whatever a SPACE.yaml may say is understood and checked
/// in one place.
Result<json> spaceOf(const json &request, const Evaluator &evaluator) {
  if (!request.is_object())
    return userError("a line is a JSON object with workload, base, set, choices, fidelity and id");
  for (const auto &[key, value] : request.items())
    if (key != "workload" && key != "base" && key != "set" && key != "choices" && key != "fidelity" && key != "id")
      return userError(
          fmt::format("unknown key {}; a line has: workload, base, set, choices, fidelity, id", hw::inQuotes(key)));
  for (const char *key : {"workload", "base"})
    if (!request.contains(key))
      return userError(fmt::format("the key {} is missing", key));
  json space = {{"name", "worker"}, {"base", request["base"]}, {"method", {{"kind", "grid"}}}};
  json workload = request["workload"];
  if (workload.is_object() && !workload.contains("name"))
    workload["name"] = "worker";
  space["workloads"] = json::array({std::move(workload)});
  // A space has an objective, of which nothing is asked here; not every machine has figures of area.
  const std::vector<std::string> metrics = evaluator.metricNames();
  const auto objective = std::ranges::find_if(metrics, [](const auto &name) { return !name.starts_with("area."); });
  space["objectives"] = {{*objective, "min"}};
  for (const auto &[section, prefix] : {std::pair<const char *, const char *>{"set", ""}, {"choices", "choice."}}) {
    if (!request.contains(section))
      continue;
    if (!request[section].is_object())
      return userError(fmt::format("{} must be an object of keys and values", section));
    for (const auto &[key, value] : request[section].items())
      space["axes"][prefix + key] = json::array({value});
  }
  if (request.contains("fidelity"))
    space["fidelity"] = {{"filter", request["fidelity"]}};
  return space;
}

Result<json> answer(const json &request, const Evaluator &evaluator) {
  auto description = spaceOf(request, evaluator);
  if (!description)
    return description.takeError();
  auto space =
      parseSpace(description->dump(-1, ' ', false, json::error_handler_t::replace), "point", vocabularyOf(evaluator));
  if (!space)
    return space.takeError();
  const auto start = std::chrono::steady_clock::now();
  const Points points(*space, evaluator);
  Candidate candidate = points.at(0);
  Outcome outcome;
  if (candidate.refusal) {
    outcome = *candidate.refusal;
  } else {
    if (space->filter != Fidelity::Analytic)
      hw::refresh(candidate.point.hardware);
    auto evaluated = evaluator.evaluate(candidate.point, space->filter);
    if (!evaluated)
      return evaluated.takeError();
    outcome = *std::move(evaluated);
  }
  json out = {{"status", outcome.status == Outcome::Status::Ok ? "ok" : "refused"},
              {"digest", candidate.digest(space->filter, evaluator.version(space->filter))},
              {"fidelity", nameOf(space->filter)},
              {"metrics", outcome.metrics},
              {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()}};
  if (outcome.status == Outcome::Status::Refused) {
    out["reason_kind"] = outcome.reasonKind;
    out["reason"] = outcome.reason;
  }
  return out;
}

json answerLine(const std::string &line, const Evaluator &evaluator) {
  const json request = json::parse(line, nullptr, false);
  json out;
  if (request.is_discarded()) {
    out = {{"status", "error"}, {"reason", "the line is no JSON"}};
  } else if (auto found = answer(request, evaluator)) {
    out = *std::move(found);
  } else {
    out = {{"status", "error"}, {"reason", found.error().message}};
  }
  out["schema"] = "weft.worker/1";
  if (request.is_object() && request.contains("id"))
    out["id"] = request["id"];
  return out;
}

} // namespace

Result<void> serveWorker(std::istream &in, std::ostream &out, const Evaluator &evaluator) {
  std::string buffer(size_t(maxLineBytes), '\0');
  while (in.good()) {
    in.getline(buffer.data(), maxLineBytes);
    const bool isTooLong = in.fail() && !in.eof() && in.gcount() == maxLineBytes - 1;
    if (in.fail() && !isTooLong)
      break; // the end, without a line
    const std::string line = buffer.c_str();
    if (isTooLong) {
      in.clear();
      in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    } else if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    const json reply = isTooLong ? json{{"schema", "weft.worker/1"},
                                        {"status", "error"},
                                        {"reason", fmt::format("the line has more than {} bytes", maxLineBytes)}}
                                 : answerLine(line, evaluator);
    out << reply.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl; // whoever asks waits for it
    if (!out)
      return userError("the answer cannot be written");
  }
  return success();
}

void addWorkerCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  CLI::App *command =
      app.add_subcommand("worker", "Evaluate points for a search elsewhere: a JSON line in, a JSON line out");
  command->callback([&tool, &exitCode] {
    const auto evaluator = makeModelEvaluator(compiledBy(tool));
    Result<void> done = serveWorker(std::cin, std::cout, *evaluator);
    exitCode = done ? 0 : reportError(done.error());
  });
}

} // namespace weft::tools
