#include "tools/CalibrateCommand.h"

#include "compiler/pipeline/Calibrate.h"
#include "compiler/pipeline/Import.h"
#include "runtime/support/WriteFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tools/Terminal.h"
#include "tools/Tool.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace weft::tools {
namespace {

struct Arguments {
  std::string model, promptFile, output;
  std::vector<std::string> prompts, tokens;
  int64_t samples = 2048;
};

Result<std::vector<std::string>> linesOf(const std::string &path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (!line.empty())
      lines.push_back(line);
  if (!file.eof())
    return userError(fmt::format("{}: cannot read it", path));
  if (lines.empty())
    return userError(fmt::format("{}: has no prompts; each line is one", path));
  return lines;
}

/// The tokenizer of a model: the file that the import names, or the one beside the weights.
Result<std::unique_ptr<runtime::Tokenizer>> tokenizerOf(const std::string &model) {
  auto imported = compiler::importModel({model, false, 0, {}});
  if (!imported)
    return imported.takeError();
  const std::string path =
      imported->tokenizer.empty() ? (std::filesystem::path(model) / "tokenizer.json").string() : imported->tokenizer;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return userError(fmt::format("{}: the model's tokenizer is not there, so text cannot be read; use --tokens", path));
  return runtime::readTokenizer(path);
}

Result<std::vector<std::vector<int32_t>>> promptsOf(const Arguments &arguments) {
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string &text : arguments.tokens) {
    auto ids = parseTokens(text);
    if (!ids)
      return ids.takeError();
    prompts.push_back(std::move(*ids));
  }
  std::vector<std::string> texts = arguments.prompts;
  if (!arguments.promptFile.empty()) {
    auto lines = linesOf(arguments.promptFile);
    if (!lines)
      return lines.takeError();
    texts.insert(texts.end(), lines->begin(), lines->end());
  }
  if (texts.empty() && prompts.empty())
    return Error{"give prompts, as --prompt TEXT, --prompts FILE or --tokens 1,2,3", Fault::Usage};
  if (texts.empty())
    return prompts;
  auto tokenizer = tokenizerOf(arguments.model);
  if (!tokenizer)
    return tokenizer.takeError();
  for (const std::string &text : texts) {
    auto ids = (*tokenizer)->encode(text, true);
    if (!ids)
      return ids.takeError();
    prompts.push_back(std::move(*ids));
  }
  return prompts;
}

Result<void> runCalibrate(const Arguments &arguments) {
  if (auto writable = runtime::checkWritable(arguments.output); !writable)
    return writable;
  auto prompts = promptsOf(arguments);
  if (!prompts)
    return prompts.takeError();
  ProgressBar bar("calibrating");
  compiler::CalibrateOptions options{.model = arguments.model,
                                     .prompts = std::move(*prompts),
                                     .samples = arguments.samples,
                                     .progress = [&](double fraction) { bar.update(fraction); }};
  auto loads = compiler::calibrate(options);
  bar.clear();
  if (!loads)
    return loads.takeError();
  if (auto written = runtime::writeFile(arguments.output, place::toJson(*loads)); !written)
    return written;
  fmt::print("{}: experts of {} layers of {}, chosen by {} tokens of {} prompts\n", arguments.output,
             loads->layers.size(), loads->model, loads->tokens, loads->prompts);
  return {};
}

} // namespace

void addCalibrateCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("calibrate", "Count how often a model's experts are chosen");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("MODEL", arguments->model, "A model directory or a file, as for compile")
      ->type_name("")
      ->required();
  command->add_option("--prompt", arguments->prompts, "Text whose tokens are counted; more than once if need be")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_option("--prompts", arguments->promptFile, "A file of prompts, one a line")->type_name("FILE");
  command->add_option("--tokens", arguments->tokens, "A prompt as token ids; more than once if need be")
      ->type_name("1,2,3")
      ->allow_extra_args(false);
  command
      ->add_option("--samples", arguments->samples,
                   "Keep the experts of so many tokens one by one, by which those chosen together are kept apart")
      ->type_name("N")
      ->check(CLI::Range(0, 1'000'000).description(""))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "The file for weft compile --expert-load (docs/experts.md)")
      ->type_name("LOAD.json")
      ->required();
  command->callback([arguments, &exitCode] {
    if (auto done = runCalibrate(*arguments); !done)
      exitCode = reportError(done.error());
  });
}

} // namespace weft::tools
