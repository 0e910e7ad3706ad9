#include "tools/RunCommand.h"

#include "runtime/Npy.h"
#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tools/ErrorBar.h"
#include "tools/RunTensors.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>

namespace weft::tools {
namespace {

constexpr uint32_t defaultMaxNew = 64;

Error usageError(std::string message) { return {std::move(message), Fault::Usage}; }

/// What holds whatever runs.
Result<void> checkEngine(const RunOptions &options) {
  if (!options.timingOnly && options.evaluator == "maxplus")
    return usageError("--evaluator maxplus moves no data; it needs --timing-only");
  if (options.timingOnly && options.engine != "native")
    return usageError("--engine says how kernels compute, and --timing-only runs without data; cycles are the same");
  if (!options.cosimUnits.empty() && (options.engine != "iss" || options.timingOnly))
    return usageError("--cosim needs --engine iss, without --timing-only: only there instructions are executed");
  return success();
}

Result<void> checkOptions(const RunOptions &options) {
  if (!options.inputs.empty() || !options.outputPath.empty())
    return usageError(fmt::format("{} generates text: it takes --prompt or --tokens; --input and --output go with "
                                  "tensor programs",
                                  options.input));
  const bool prompted = options.hasPrompt || !options.tokens.empty();
  if (options.hasPrompt == !options.tokens.empty() && (prompted || !options.timingOnly))
    return usageError("give the prompt, either as --prompt TEXT or as --tokens 1,2,3");
  if (options.timingOnly && !options.logitsPath.empty())
    return usageError("--logits needs data, and --timing-only runs without");
  return success();
}

Result<std::unique_ptr<runtime::Package>> obtainPackage(const RunOptions &options, const Tool &tool) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(options.input, ignored);
  if (!directory && !std::filesystem::exists(options.input, ignored))
    return userError(fmt::format("{}: no such file or directory; give a .weft file or a model", options.input));
  if (directory || (!runtime::isPackageFile(options.input) && !options.input.ends_with(".weft"))) {
    Result<CompileOptions> compile = toCompileOptions(options.input, options.compile);
    if (!compile)
      return compile.takeError();
    ProgressBar bar("compiling");
    return tool.compile(*compile, [&](double done) { bar.update(done); });
  }
  if (const std::vector<std::string> given = options.compile.given(); !given.empty())
    return usageError(fmt::format("{} is compiled already: {} {} with a model, when it is compiled", options.input,
                                  fmt::join(given, ", "), given.size() == 1 ? "goes" : "go"));
  return runtime::readPackage(options.input);
}

/// What can be told before a model is compiled: options that cannot be right. Without a prompt it may be a tensor
/// program, whose package will say what inputs it wants.
Result<void> checkBeforeCompiling(const RunOptions &options, const Tool &tool) {
  const bool tensors = !options.inputs.empty() || !options.outputPath.empty();
  std::error_code ignored;
  if (tensors || runtime::isPackageFile(options.input))
    return success();
  Result<void> checked = checkOptions(options);
  if (checked || options.input.ends_with(".weft") || options.hasPrompt || !options.tokens.empty() ||
      !tool.generatesText || !std::filesystem::exists(options.input, ignored))
    return checked;
  Result<CompileOptions> compile = toCompileOptions(options.input, options.compile);
  if (!compile)
    return compile.takeError();
  Result<bool> generates = tool.generatesText(*compile);
  if (!generates)
    return generates.takeError();
  return *generates ? std::move(checked) : success();
}

/// The tokenizer beside the model; null if the model has none.
Result<std::unique_ptr<runtime::Tokenizer>> openTokenizer(const runtime::Package &package, const RunOptions &options) {
  const std::filesystem::path directory = options.modelDirectory.value_or(package.model->directory);
  const std::string &named = package.model->tokenizer;
  const std::string path = (directory / (named.empty() ? "tokenizer.json" : named)).string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    if (options.hasPrompt)
      return userError(fmt::format("{}: the model's tokenizer is not there, so --prompt cannot be read; use --tokens, "
                                   "or give the model's folder with --model-dir if it moved",
                                   path));
    return std::unique_ptr<runtime::Tokenizer>();
  }
  return runtime::readTokenizer(path);
}

/// What is timed where no prompt is given: the longest sequence that the package was compiled for, with its last
/// `fresh` tokens made by decode.
std::vector<int32_t> longestPrompt(const runtime::Package &package, uint32_t fresh) {
  const uint32_t most = package.model->max_seq;
  return std::vector<int32_t>(most - std::min(fresh, most), 0);
}

/// One token a launch of decode if the package has nothing else, and no more than its prompt's next one beside a
/// prefill.
uint32_t freshTokens(const runtime::Package &package, const RunOptions &options) {
  const bool decodes = std::any_of(package.programs.begin(), package.programs.end(),
                                   [](const auto &program) { return program->name == "decode"; });
  const bool prefills = std::any_of(package.programs.begin(), package.programs.end(),
                                    [](const auto &program) { return program->name == "prefill"; });
  return decodes ? options.maxNew.value_or(prefills ? 2 : 1) : 0;
}

/// Turns generated ids into text as they come. The prompt goes through the decoder first, since what a token stands
/// for may depend on those before it.
class TextStream {
public:
  TextStream(const runtime::Tokenizer *tokenizer, std::span<const int32_t> prompt, std::ostream &out) : out(out) {
    if (!tokenizer)
      return;
    decoder.emplace(*tokenizer);
    for (int32_t token : prompt)
      (void)decoder->push(token); // an id that has no text leaves no trace
  }

  void push(int32_t token) {
    if (!decoder)
      return;
    Result<std::string> piece = decoder->push(token);
    write(piece ? *piece : "\xef\xbf\xbd"); // in the vocabulary of the model, not in the tokenizer's
  }

  /// All of the text; absent without a tokenizer.
  std::optional<std::string> finish() {
    if (!decoder)
      return std::nullopt;
    write(decoder->finish());
    out << '\n';
    return text;
  }

  /// So that a message begins on a line of its own.
  void endLine() {
    if (!text.empty())
      out << std::endl;
  }

private:
  void write(const std::string &piece) {
    text += piece;
    out << piece << std::flush;
  }
  std::ostream &out;
  std::optional<runtime::StreamDecoder> decoder;
  std::string text;
};

/// Rows of logits, one a launch.
struct LogitsLog {
  std::vector<float> values;
  uint64_t rows = 0;

  void add(std::span<const float> logits) {
    values.insert(values.end(), logits.begin(), logits.end());
    ++rows;
  }
};

/// Where the last launch of each program puts its work.
Result<std::vector<runtime::LoadMap>> mapsOf(const runtime::Session &session, const Tool &tool, runtime::Device &device,
                                             size_t promptTokens) {
  const std::vector<runtime::LaunchReport> &launches = session.reports();
  std::vector<runtime::LoadMap> maps;
  auto add = [&](const char *program, size_t tokens, const runtime::LaunchReport &report) -> Result<void> {
    auto map = tool.loadMap(device, {program, static_cast<uint32_t>(tokens), {}}, report);
    if (!map)
      return map.takeError();
    maps.push_back(*std::move(map));
    return success();
  };
  const bool prefilled = session.hasProgram("prefill") && !launches.empty();
  if (prefilled)
    if (auto added = add("prefill", promptTokens, launches.front()); !added)
      return added.takeError();
  if (launches.size() > prefilled)
    if (auto added = add("decode", session.tokensInCache(), launches.back()); !added)
      return added.takeError();
  return maps;
}

/// Of the cycles of a package.
std::string errorOf(const runtime::RunReport &report) {
  return modelErrorBar(report.hardware, hw::isPreset(report.hardware, report.hardwareDigest)).text;
}

Result<void> writeFiles(const RunOptions &options, const runtime::RunReport &report, LogitsLog &&logits) {
  if (!options.logitsPath.empty())
    if (Result<void> ok = runtime::writeNpy(options.logitsPath,
                                            runtime::NpyArray::of({logits.rows, report.vocabSize}, logits.values));
        !ok)
      return ok;
  if (!options.jsonPath.empty())
    return runtime::writeJson(options.jsonPath, runtime::toJson(report));
  return success();
}

/// Everything from the tokens of the prompt on.
Result<void> generateAndReport(const RunOptions &options, const Tool &tool, runtime::Device &device,
                               runtime::Session &session, const runtime::Tokenizer *tokenizer,
                               std::vector<int32_t> prompt, const runtime::Sampling &sampling,
                               std::optional<uint32_t> maxNew, std::ostream &out) {
  const uint32_t maxSeq = session.package().model->max_seq;
  const uint32_t room = maxSeq - uint32_t(std::min<size_t>(prompt.size(), maxSeq));
  TextStream text(options.timingOnly ? nullptr : tokenizer, prompt, out);
  LogitsLog logits;
  // Text that scrolls on the same terminal is progress enough, and a bar would tear it.
  ProgressBar bar("running", options.timingOnly || !tokenizer || !stdoutIsTerminal());
  runtime::GenerateOptions generate;
  generate.maxNew = maxNew.value_or(std::min(defaultMaxNew, room));
  generate.sampling = sampling;
  generate.onToken = [&](int32_t token) { text.push(token); };
  generate.onProgress = [&](double done) { bar.update(done); };
  if (!options.logitsPath.empty())
    generate.onLogits = [&](std::span<const float> row) { logits.add(row); };
  bar.update(0);
  Result<runtime::Generation> generation = runtime::generate(session, prompt, generate);
  bar.clear();
  if (!generation) {
    text.endLine();
    return generation.takeError();
  }
  std::optional<std::string> whole = text.finish();
  if (!options.timingOnly && !tokenizer)
    out << fmt::format("tokens {}\n", fmt::join(generation->tokens, ","));
  Result<runtime::RunReport> report =
      runtime::makeReport(session, std::move(prompt), std::move(*generation), std::move(whole));
  if (!report)
    return report.takeError();
  report->error = errorOf(*report);
  if (!options.jsonPath.empty() && tool.loadMap) {
    auto maps = mapsOf(session, tool, device, report->promptTokens.size());
    if (!maps)
      return maps.takeError();
    report->maps = *std::move(maps);
  }
  out << '\n' << runtime::toText(*report) << std::flush;
  return writeFiles(options, *report, std::move(logits));
}

} // namespace

Result<void> runModel(const RunOptions &options, const Tool &tool, std::ostream &out) {
  if (Result<void> ok = checkEngine(options); !ok)
    return ok;
  if (Result<void> ok = checkTensorFiles(options); !ok)
    return ok;
  if (Result<void> ok = checkBeforeCompiling(options, tool); !ok)
    return ok;
  Result<runtime::Sampling> sampling = runtime::parseSampling(options.sample);
  if (!sampling)
    return sampling.takeError();
  Result<std::vector<int32_t>> prompt = std::vector<int32_t>();
  const bool longest = !options.hasPrompt && options.tokens.empty();
  if (!options.hasPrompt && !longest)
    prompt = parseTokens(options.tokens);
  if (!prompt)
    return prompt.takeError();
  Result<std::unique_ptr<runtime::Package>> package = obtainPackage(options, tool);
  if (!package)
    return package.takeError();
  if (runtime::isTensorProgram(**package))
    return runTensors(options, tool, **package, out);
  if (Result<void> ok = checkOptions(options); !ok)
    return ok;
  if ((*package)->shapes_only && !options.timingOnly)
    return userError(fmt::format("{} was compiled with --weights none and has nothing to compute with; run it with "
                                 "--timing-only, or compile the model with its weights",
                                 options.input));
  Result<std::unique_ptr<runtime::Tokenizer>> tokenizer = openTokenizer(**package, options);
  if (!tokenizer)
    return tokenizer.takeError();
  std::optional<uint32_t> maxNew = options.maxNew;
  if (longest) {
    maxNew = freshTokens(**package, options);
    prompt = longestPrompt(**package, *maxNew);
  }
  if (options.hasPrompt)
    prompt = (*tokenizer)->encode(options.prompt, true);
  if (!prompt)
    return prompt.takeError();
  // Better now than after a long run.
  for (const std::string &path : {options.jsonPath, options.logitsPath})
    if (!path.empty())
      if (auto writable = runtime::checkWritable(path); !writable)
        return writable;
  Result<std::unique_ptr<runtime::Device>> device =
      tool.makeDevice(**package, {.timingOnly = options.timingOnly,
                                  .evaluator = options.evaluator,
                                  .simulateKernels = options.engine == "iss",
                                  .cosimUnits = options.cosimUnits,
                                  .costCache = options.costCache,
                                  .explain = options.explain,
                                  .tracePath = options.tracePath,
                                  .modelDirectory = options.modelDirectory});
  if (!device)
    return device.takeError();
  Result<runtime::Session> session = runtime::Session::create(**package, **device, options.timingOnly);
  if (!session)
    return session.takeError();
  if (Result<void> ok = generateAndReport(options, tool, **device, *session, tokenizer->get(), std::move(*prompt),
                                          *sampling, maxNew, out);
      !ok)
    return ok;
  return (*device)->finish();
}

void addRunCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  auto options = std::make_shared<RunOptions>();
  CLI::App *command = app.add_subcommand("run", "Run a package, or a model compiled in memory, and report its cycles");
  command->add_option("input", options->input, "A .weft file, or a model: a directory or a file")
      ->type_name("OUT.weft|MODEL")
      ->required();
  CLI::Option *prompt =
      command->add_option("--prompt", options->prompt, "Text that the model continues")->type_name("TEXT");
  command->add_option("--tokens", options->tokens, "The prompt as token ids")->type_name("1,2,3")->excludes(prompt);
  command
      ->add_option("--input", options->inputs,
                   "An input of a tensor program, or an archive with several; more than once if need be")
      ->type_name("NAME=FILE.npy|FILE.npz")
      ->allow_extra_args(false);
  command->add_option("--output", options->outputPath, "Write the results of a tensor program")
      ->type_name("FILE.npz|FILE.npy");
  command->add_option("--max-new", options->maxNew, "Tokens to generate (default: 64, or as many as fit)")
      ->type_name("N")
      ->check(CLI::Range(0u, 2147483647u).description(""));
  command->add_option("--sample", options->sample, "How tokens are chosen: temp=, top-p=, top-k=, seed=, or greedy")
      ->type_name("greedy|temp=0.8,top-p=0.95,seed=1")
      ->capture_default_str();
  command
      ->add_option("--engine", options->engine,
                   "How kernels compute: native on this machine, or iss, each instruction of the core simulated; "
                   "tokens and cycles are the same")
      ->type_name("native|iss")
      ->check(CLI::IsMember({"native", "iss"}).description(""))
      ->capture_default_str();
  command
      ->add_option("--cosim", options->cosimUnits,
                   "With --engine iss: run each instruction of these units on their RTL, too, and compare")
      ->type_name("UNIT,UNIT")
      ->delimiter(',');
  addCostCacheOption(*command, options->costCache);
  command->add_flag("--timing-only", options->timingOnly, "Cycles without data: no tokens, no text");
  command
      ->add_option(
          "--evaluator", options->evaluator,
          "With --timing-only: message by message, but for single lines whose flows contend (maxplus), word by word "
          "(event), or the first where it can (auto); cycles are the same")
      ->type_name("auto|event|maxplus")
      ->check(CLI::IsMember({"auto", "event", "maxplus"}).description(""))
      ->capture_default_str();
  command->add_flag("--explain", options->explain,
                    "Say why the last launch of each program takes that long: its critical path, the slowest core, the "
                    "most loaded and stalled links");
  command->add_option("--json", options->jsonPath, "Write the report as JSON (docs/json.md)")->type_name("FILE");
  command->add_option("--trace", options->tracePath, "Write a timeline for Perfetto or chrome://tracing")
      ->type_name("FILE");
  command->add_option("--logits", options->logitsPath, "Write the logits of each launch, f32 [launches, vocabulary]")
      ->type_name("FILE.npy");
  command->add_option("--model-dir", options->modelDirectory, "Where the model's files are now, if they moved")
      ->type_name("DIR");
  addCompileArguments(*command, options->compile);
  command->callback([options, prompt, &tool, &exitCode] {
    options->hasPrompt = prompt->count() > 0;
    Result<void> ran = runModel(*options, tool, std::cout);
    exitCode = ran ? 0 : reportError(ran.error());
  });
}

} // namespace weft::tools
