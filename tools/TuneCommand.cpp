#include "tools/TuneCommand.h"

#include "compiler/pipeline/Compile.h"
#include "explore/space/Space.h"
#include "explore/tune/CoreSubject.h"
#include "explore/tune/MeshSubject.h"
#include "explore/tune/Record.h"
#include "explore/tune/Tune.h"
#include "explore/workloads/Job.h"
#include "explore/workloads/Models.h"
#include "runtime/support/WriteFile.h"
#include "tools/CompileCommand.h"
#include "tools/Interrupt.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <thread>

namespace weft::tools {

using namespace explore;

namespace {

constexpr int stoppedStatus = 130; // as a shell has it for Ctrl-C

struct Arguments {
  std::vector<std::string> what, shapes;
  std::string database, budget, strategy = "auto", jsonPath, exportPath;
  std::optional<int64_t> trials;
  uint64_t seed = 1;
  bool keepOrder = false;
  unsigned jobs = 0;
  CompileArguments compile;
};

/// "90s", "10m", "2h", or seconds.
Result<double> parseBudget(const std::string &text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  const double scale = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (failure != std::errc() || scale == 0 || !(value > 0) || value * scale > 1e8)
    return Error{fmt::format("--budget '{}': a time above 0, such as 90s, 10m or 2h", text), Fault::Usage};
  return value * scale;
}

/// What is tuned in one run of the command.
struct Session {
  hw::Hardware hardware;
  std::vector<std::unique_ptr<Subject>> subjects;
  std::vector<std::string> problems; // of what cannot be tuned, while the rest can
};

/// A part of a model that cannot be tuned keeps nothing from the others.
Result<void> goOn(Session &session, Result<void> added) {
  if (added || added.error().fault == Fault::Internal)
    return added;
  session.problems.push_back(added.error().message);
  return success();
}

KernelCompiler compilerFor(const hw::Hardware &hardware) {
  const codegen::CoreTarget target{hw::isaOf(hardware.parallelism.core)};
  return {[target](const codegen::TrialKernel &kernel, const kernels::Tuning &tuning) {
            return codegen::compileTrial(kernel, tuning, target);
          },
          codegen::makeKernel};
}

Result<void> addKernel(Session &session, codegen::TrialKernel kernel) {
  auto subject = makeCoreSubject(std::move(kernel), session.hardware, compilerFor(session.hardware));
  if (!subject)
    return subject.takeError();
  session.subjects.push_back(std::move(*subject));
  return success();
}

/// "4096x14336".
Result<std::vector<int64_t>> parseShape(const std::string &text) {
  std::vector<int64_t> shape;
  for (const char *at = text.data(), *last = at + text.size();; ++at) {
    int64_t extent = 0;
    const auto [end, failure] = std::from_chars(at, last, extent);
    if (failure != std::errc() || extent < 1 || (end != last && *end != 'x'))
      return Error{fmt::format("--shape: '{}' is not numbers of at least 1 with x between, such as 4096x14336", text),
                   Fault::Usage};
    shape.push_back(extent);
    if ((at = end) == last)
      return shape;
  }
}

Result<void> addAlgorithm(Session &session, algorithms::Kind kind, std::vector<int64_t> shape,
                          const Arguments &arguments) {
  algorithms::Request request;
  request.kind = kind;
  request.shape = std::move(shape);
  request.width = session.hardware.parallelism.meshWidth;
  request.height = session.hardware.parallelism.meshHeight;
  if (!arguments.compile.mesh.empty()) {
    auto mesh = parseMesh(arguments.compile.mesh);
    if (!mesh)
      return mesh.takeError();
    request.width = mesh->width;
    request.height = mesh->height;
  } else if (algorithms::isLayer(kind)) { // it needs a square
    request.width = request.height = std::min(request.width, request.height);
  }
  const std::string &dtype = arguments.compile.dtype;
  if (!dtype.empty() && dtype != "f16" && dtype != "f32")
    return Error{fmt::format("--dtype {}: algorithms on a mesh have f16 and f32", dtype), Fault::Usage};
  request.element = dtype == "f32" ? algorithms::Element::F32 : algorithms::Element::F16;
  auto subject = makeMeshSubject(std::move(request), session.hardware);
  if (!subject)
    return subject.takeError();
  session.subjects.push_back(std::move(*subject));
  return success();
}

/// A layer of the model and its products, on cores that run no machine code.
Result<void> addLayers(Session &session, const std::string &model, const Arguments &arguments) {
  const std::filesystem::path path(model);
  auto text = readSmallFile(std::filesystem::is_directory(path) ? (path / "config.json").string() : model);
  if (!text)
    return text.takeError();
  Workload workload;
  workload.modelPath = model;
  workload.modelText = std::move(*text);
  auto shape = Models().shapeOf(workload);
  if (!shape)
    return shape.takeError();
  const int64_t hidden = shape->hidden, wide = shape->intermediate, tokens = arguments.compile.maxSeq.value_or(512);
  using algorithms::Kind;
  std::vector<std::pair<Kind, std::vector<int64_t>>> all;
  if (arguments.compile.phase != "prefill")
    all = {{Kind::DecodeLayer, {hidden, wide, tokens}},
           {Kind::Gemv, {hidden, hidden}},
           {Kind::Gemv, {hidden, wide}},
           {Kind::Gemv, {wide, hidden}}};
  if (arguments.compile.phase != "decode")
    for (auto [inner, columns] : {std::pair(hidden, hidden), {hidden, wide}, {wide, hidden}})
      all.push_back({Kind::Gemm, {tokens, inner, columns}});
  for (auto &[kind, extents] : all)
    if (auto added = goOn(session, addAlgorithm(session, kind, std::move(extents), arguments)); !added)
      return added;
  return success();
}

/// All kernels that a model's programs have on the cores.
Result<void> addModel(Session &session, const std::string &model, const Arguments &arguments) {
  if (session.hardware.parallelism.core.kind != "rvv")
    return addLayers(session, model, arguments);
  auto parsed = toCompileOptions(model, arguments.compile);
  if (!parsed)
    return parsed.takeError();
  parsed->tuneDb = "none";
  auto options = toCompilerOptions(*parsed);
  if (!options)
    return options.takeError();
  options->until = compiler::Phase::Kernels;
  options->keepKernels = true;
  auto compilation = compiler::compile(*options);
  if (!compilation)
    return compilation.takeError();
  auto kernels = codegen::readKernels(compilation->kernels);
  if (!kernels)
    return kernels.takeError();
  for (codegen::TrialKernel &kernel : *kernels)
    if (auto added = goOn(session, addKernel(session, std::move(kernel))); !added)
      return added;
  return success();
}

Result<Session> openSession(const Arguments &arguments) {
  auto options = toCompileOptions("", arguments.compile);
  if (!options)
    return options.takeError();
  auto hardware = hw::load(options->hardware, options->overrides);
  if (!hardware)
    return hardware.takeError();
  Session session{std::move(*hardware), {}, {}};
  for (const std::string &what : arguments.what) {
    std::error_code failed;
    Result<void> added = success();
    if (const std::optional<algorithms::Kind> kind = kindNamed(what)) {
      if (arguments.shapes.empty())
        return Error{fmt::format("{} wants --shape, such as 4096x4096", what), Fault::Usage};
      for (const std::string &text : arguments.shapes) {
        auto shape = parseShape(text);
        if (!shape)
          return shape.takeError();
        if (added = addAlgorithm(session, *kind, std::move(*shape), arguments); !added)
          return added.takeError();
      }
    } else if (std::filesystem::exists(what, failed)) {
      added = addModel(session, what, arguments);
    } else {
      auto kernel = codegen::makeKernel(what);
      added = kernel ? addKernel(session, std::move(*kernel)) : kernel.takeError();
    }
    if (!added)
      return added.takeError();
  }
  return session;
}

class Display {
public:
  void show(const std::string &title, size_t number, size_t count, const TuneProgress &progress) {
    const double gain = progress.best > 0 && progress.baseline > 0 ? progress.baseline / progress.best : 1;
    bar.update(count ? double(number) / double(count) : 1,
               fmt::format("{}/{} {}: {} {}/{}, {:.3f} times as fast{}", number + 1, count, title, progress.stage,
                           progress.done, progress.total, gain, stderrIsTerminal() ? "; q ends" : ""));
  }
  void clear() { bar.clear(); }

private:
  ProgressBar bar{"tuning"};
};

std::string resultText(const Subject &subject, const TuneResult &result) {
  std::string text = fmt::format("{}: {:.0f} cycles, ", subject.title(), result.cycles);
  text += result.defaultCycles > 0 ? fmt::format("{:.0f} by default, {:.3f} times as fast", result.defaultCycles,
                                                 result.defaultCycles / result.cycles)
                                   : fmt::format("those of the default are not known: {}", result.defaultProblem);
  text += fmt::format("\n  {}\n", choicesText(result.best));
  text += fmt::format("  {} trials, {} computed, {} refused, {} fast and wrong; {:.0f} choices in all{}\n",
                      result.trials, result.computed, result.refused, result.rejected, result.space,
                      result.isExhaustive ? ", all tried" : "");
  if (!result.verifiedAgainst.empty())
    text += fmt::format("  verified against {}\n", result.verifiedAgainst);
  if (result.rejected)
    text += fmt::format("  wrong: {}\n", result.firstWrong);
  return text;
}

nlohmann::json resultJson(const Subject &subject, const TuneResult &result) {
  return {{"subject", nlohmann::json::parse(subject.identity())},
          {"title", subject.title()},
          {"cycles", result.cycles},
          {"default_cycles", result.defaultCycles},
          {"choices", result.best},
          {"trials", result.trials},
          {"computed", result.computed},
          {"refused", result.refused},
          {"rejected", result.rejected},
          {"space", result.space},
          {"exhaustive", result.isExhaustive},
          {"stopped", result.stopped},
          {"verified_against", result.verifiedAgainst},
          {"history", result.history}};
}

Result<TuneOptions> tuneOptions(const Arguments &arguments) {
  TuneOptions options;
  if (!arguments.budget.empty()) {
    auto seconds = parseBudget(arguments.budget);
    if (!seconds)
      return seconds.takeError();
    options.seconds = *seconds;
  }
  if (arguments.trials && *arguments.trials <= 0)
    return Error{fmt::format("--trials {}: at least 1 is needed", *arguments.trials), Fault::Usage};
  options.trials = uint64_t(arguments.trials.value_or(0));
  options.strategy = arguments.strategy == "exhaustive"  ? Strategy::Exhaustive
                     : arguments.strategy == "evolution" ? Strategy::Evolution
                                                         : Strategy::Auto;
  options.seed = arguments.seed;
  options.reorder = !arguments.keepOrder;
  options.jobs = arguments.jobs ? arguments.jobs : std::max(1u, std::thread::hardware_concurrency());
  return options;
}

/// Whether each value is one that the subject has for that choice.
bool isDeclared(const Subject &subject, const Choices &choices) {
  return std::ranges::all_of(choices, [&](const auto &each) {
    return std::ranges::any_of(subject.choices(), [&](const Choice &axis) {
      return axis.name == each.first && std::ranges::find(axis.values, each.second) != axis.values.end();
    });
  });
}

/// What was best for other kernels of the same core is where a search begins: tiles are often alike. Orders of
/// instructions are not.
Result<std::vector<Choices>> startsFor(const Subject &subject, Store &store) {
  constexpr size_t most = 8;
  auto records = recordsOf(store);
  if (!records)
    return records.takeError();
  const auto identity = nlohmann::json::parse(subject.identity());
  const auto of = [&](const char *member) { return identity.value(member, std::string()); };
  std::vector<Choices> starts;
  for (TuneRecord &record : *records) {
    record.choices.erase("schedule");
    const bool isOther = record.core == of("core") && record.tool == of("tool") &&
                         (record.kernel != of("kernel") || record.shape != of("shape"));
    if (isOther && !record.choices.empty() && isDeclared(subject, record.choices) && subject.allows(record.choices) &&
        starts.size() < most && std::find(starts.begin(), starts.end(), record.choices) == starts.end())
      starts.push_back(std::move(record.choices));
  }
  return starts;
}

/// The exit status.
Result<int> tuneAll(const Arguments &arguments) {
  auto options = tuneOptions(arguments);
  if (!options)
    return options.takeError();
  const std::string path = arguments.database.empty() ? "tune.db" : arguments.database;
  if (!arguments.exportPath.empty()) {
    if (!arguments.what.empty())
      return Error{fmt::format("--export writes all records of {}; name nothing to tune beside it", path),
                   Fault::Usage};
    auto records = readRecords(path);
    if (!records)
      return records.takeError();
    auto written = runtime::writeFile(arguments.exportPath, toText(*records));
    return written ? Result<int>(0) : written.takeError();
  }
  if (arguments.what.empty())
    return Error{"a MODEL or the name of a kernel is needed, such as gemm_r8_k64_n96_f32, or --export", Fault::Usage};
  auto session = openSession(arguments);
  if (!session)
    return session.takeError();
  auto store = openTrials(path);
  if (!store)
    return store.takeError();
  Interrupt interrupt;
  Display display;
  options->stop = &interrupt.flag();
  options->machine = session->hardware.name;
  nlohmann::json all = nlohmann::json::array();
  const double seconds = options->seconds;
  double used = 0;
  for (size_t i = 0; i < session->subjects.size() && !interrupt.flag(); ++i) {
    const Subject &subject = *session->subjects[i];
    const auto start = std::chrono::steady_clock::now();
    if (seconds > 0) // what earlier ones left goes to later ones
      options->seconds = std::max(0.001, (seconds - used) / double(session->subjects.size() - i));
    options->progress = [&](const TuneProgress &progress) {
      interrupt.readKeys();
      display.show(subject.title(), i, session->subjects.size(), progress);
    };
    auto starts = startsFor(subject, *store);
    if (!starts)
      return starts.takeError();
    options->starts = std::move(*starts);
    auto result = tune(subject, *store, *options);
    display.clear();
    used += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const bool isAgain = !result && !session->problems.empty() && session->problems.back() == result.error().message;
    if (!result && (result.error().fault == Fault::Internal || isAgain)) // a full disk is one for all
      return result.takeError();
    if (!result) {
      session->problems.push_back(result.error().message);
      continue;
    }
    if (result->cycles > 0)
      fmt::print("{}", resultText(subject, *result));
    else if (!interrupt.flag())
      session->problems.push_back(fmt::format("{}: the budget ended before anything was tried", subject.title()));
    all.push_back(resultJson(subject, *result));
  }
  for (const std::string &problem : session->problems)
    reportError({problem, Fault::User});
  if (!arguments.jsonPath.empty()) {
    const nlohmann::json report = {{"schema", "weft.tuning/1"},
                                   {"machine", session->hardware.name},
                                   {"database", path},
                                   {"results", std::move(all)},
                                   {"problems", session->problems}};
    if (auto written = runtime::writeFile(arguments.jsonPath, report.dump(2) + "\n"); !written)
      return written.takeError();
  }
  if (!interrupt.flag())
    return session->problems.empty() ? 0 : 1;
  fmt::print(stderr, "weft: stopped; the same command goes on with what is in {}\n", path);
  return stoppedStatus;
}

} // namespace

void addTuneCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("tune", "Search how kernels are best written for a core and a mesh");
  command
      ->add_option("what", arguments->what,
                   "A model, kernels of a core by name (gemm_r8_k64_n96_f32), or an algorithm on a mesh (gemm, gemv, "
                   "allreduce, reduce, decode-layer)")
      ->type_name("MODEL|KERNEL");
  command->add_option("--shape", arguments->shapes, "Of an algorithm, as weft kernel has it; one or more")
      ->type_name("MxN");
  addCompileArguments(*command, arguments->compile);
  command->add_option("--db", arguments->database, "Trials and what they found; is gone on with (default: tune.db)")
      ->type_name("TUNE.db");
  command->add_option("--budget", arguments->budget, "Time for all, e.g. 90s, 10m")->type_name("TIME");
  command->add_option("--trials", arguments->trials, "Trials for each, at most")->type_name("N");
  command->add_option("--strategy", arguments->strategy, "How to search (default: by the number of choices)")
      ->type_name("auto|exhaustive|evolution")
      ->check(CLI::IsMember({"auto", "exhaustive", "evolution"}).description(""));
  command->add_flag("--no-reorder", arguments->keepOrder, "Leave out the last stage, other orders of instructions");
  command->add_option("--seed", arguments->seed, "Of the search")->type_name("N")->capture_default_str();
  command->add_option("--jobs", arguments->jobs, "Trials at once (default: one a core)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  command->add_option("--json", arguments->jsonPath, "Write what was found as JSON (docs/json.md)")->type_name("FILE");
  command->add_option("--export", arguments->exportPath, "Write the records of --db as JSON lines, and stop")
      ->type_name("FILE");
  command->callback([arguments, &exitCode] {
    Result<int> status = tuneAll(*arguments);
    exitCode = status ? *status : reportError(status.error());
  });
}

} // namespace weft::tools
