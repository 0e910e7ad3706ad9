#include "tools/HwWafer.h"

#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"
#include "tools/Terminal.h"
#include "tools/WaferCalibrate.h"
#include "tools/WaferErrors.h"
#include "tools/WaferLayers.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

namespace weft::tools {

namespace {

struct ValidateArguments {
  std::string reference = WEFT_SHARED_REFERENCE "/wafer", json, errors;
  std::vector<std::string> files, overrides, models;
  size_t worst = 3;
};

std::vector<const WaferRow *> worstRows(const WaferFile &file, size_t count) {
  std::vector<const WaferRow *> rows;
  rows.reserve(file.rows.size());
  for (const WaferRow &row : file.rows)
    rows.push_back(&row);
  std::ranges::sort(rows, [](const WaferRow *a, const WaferRow *b) {
    return std::pair(-std::abs(a->error()), a->line) < std::pair(-std::abs(b->error()), b->line);
  });
  rows.resize(std::min(count, rows.size()));
  return rows;
}

void print(const WaferFile &file, size_t worst) {
  if (file.rows.empty())
    fmt::print("{:<26} {:<6} {:<10} {:>5} {:>10} {:>10} {:>10} {:>5.0f} %  nothing compared\n", file.file,
               file.hardware, file.algorithm, 0, "-", "-", "-", 100 * file.goal);
  else
    fmt::print("{:<26} {:<6} {:<10} {:>5} {:>8.2f} % {:>+8.2f} % {:>+8.2f} % {:>5.0f} %{}\n", file.file, file.hardware,
               file.algorithm, file.rows.size(), 100 * file.meanAbsoluteError(), 100 * file.meanError(),
               100 * file.worstError(), 100 * file.goal, file.misses() ? "  missed" : "");
  for (const WaferRow *row : worstRows(file, worst))
    fmt::print("    line {:<4} {:<34} measured {:>12.2f} predicted {:>12.2f} {} {:>+7.2f} %\n", row->line, row->label,
               row->measured, row->predicted, file.unit, 100 * row->error());
  for (const std::string &why : file.skipped)
    fmt::print("    not compared: {}\n", why);
}

void print(const std::vector<WaferFile> &files, size_t worst) {
  fmt::print("{:<26} {:<6} {:<10} {:>5} {:>10} {:>10} {:>10} {:>7}\n", "file", "preset", "algorithm", "rows", "MAE",
             "bias", "worst", "goal");
  for (const WaferFile &file : files)
    print(file, worst);
}

nlohmann::ordered_json toJson(const WaferFile &file) {
  auto ofRows = [&](double error) {
    return file.rows.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(error);
  };
  nlohmann::ordered_json json = {{"file", file.file},
                                 {"hardware", file.hardware},
                                 {"kind", file.kind},
                                 {"algorithm", file.algorithm},
                                 {"element", file.element},
                                 {"unit", file.unit},
                                 {"mean_absolute_error", ofRows(file.meanAbsoluteError())},
                                 {"mean_error", ofRows(file.meanError())},
                                 {"worst_error", ofRows(file.worstError())},
                                 {"goal", file.goal},
                                 {"not_compared", file.skipped}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const WaferRow &row : file.rows)
    json["rows"].push_back({{"line", row.line},
                            {"what", row.label},
                            {"measured", row.measured},
                            {"predicted", row.predicted},
                            {"error", row.error()}});
  return json;
}

Result<void> writeOut(const std::string &path, const nlohmann::ordered_json &json) {
  const std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (path != "-")
    return runtime::writeFile(path, text);
  fmt::print("{}", text);
  return success();
}

/// One file of the folder; nothing if it is not there.
Result<std::optional<WaferFile>> validateFile(const std::string &path, const std::vector<ModelShape> &models,
                                              const ValidateArguments &arguments, const Tool &tool) {
  ProgressBar bar(std::filesystem::path(path).filename().string());
  const Progress progress = [&bar](size_t done, size_t all) {
    bar.update(static_cast<double>(done) / static_cast<double>(all), fmt::format("row {} of {}", done, all));
  };
  if (!std::filesystem::exists(path))
    return std::optional<WaferFile>();
  auto overrides = hw::parseOverrides(arguments.overrides);
  if (!overrides)
    return overrides.takeError();
  const std::string name = std::filesystem::path(path).filename().string();
  const WaferKernels *kernels = findWaferKernels(path);
  const auto tokens = std::ranges::find(waferTokens(), std::string_view(name), &WaferTokens::file);
  auto hardware = hw::load(std::string(kernels ? kernels->hardware : tokens->hardware), *overrides);
  if (!hardware)
    return hardware.takeError();
  auto compared = [&]() -> Result<WaferFile> {
    if (!kernels)
      return validateTokens(path, *tokens, models, *hardware, tool, progress);
    auto table = runtime::readCsv(path);
    if (!table)
      return table.takeError();
    return validateKernels(*table, *kernels, *hardware, tool, progress);
  }();
  if (!compared)
    return compared.takeError();
  return std::optional(std::move(*compared));
}

/// The files that are wanted, of those that a program is known for. Errors name what is asked for and not known.
Result<std::vector<std::string>> wantedFiles(const ValidateArguments &arguments) {
  std::vector<std::string> names;
  for (const WaferKernels &each : waferKernels())
    names.emplace_back(each.file);
  for (const WaferTokens &each : waferTokens())
    names.emplace_back(each.file);
  for (const std::string &file : arguments.files)
    if (std::ranges::find(names, file) == names.end())
      return userError(fmt::format("--file {}: no program is known for a file of this name; known: {}", file,
                                   fmt::join(names, ", ")));
  if (!arguments.files.empty())
    std::erase_if(names, [&](const std::string &name) {
      return std::ranges::find(arguments.files, name) == arguments.files.end();
    });
  return names;
}

/// What can be wrong before anything runs.
Result<std::vector<ModelShape>> prepareValidation(const ValidateArguments &arguments) {
  if (!std::filesystem::is_directory(arguments.reference))
    return userError(
        fmt::format("{}: no such folder; --reference DIR names the one with the measurements", arguments.reference));
  for (const std::string *out : {&arguments.json, &arguments.errors})
    if (!out->empty() && *out != "-")
      if (auto writable = runtime::checkWritable(*out); !writable)
        return writable.takeError();
  std::vector<ModelShape> models;
  for (const std::string &given : arguments.models) {
    auto model = parseModelShape(given);
    if (!model)
      return model.takeError();
    models.push_back(std::move(*model));
  }
  return models;
}

Result<void> writeValidation(const std::vector<WaferFile> &files, const ValidateArguments &arguments) {
  if (!arguments.errors.empty())
    if (auto done = runtime::writeFile(arguments.errors, errorsCsv(errorsOf(files))); !done)
      return done;
  if (arguments.json.empty())
    return success();
  nlohmann::ordered_json json = {{"schema", "weft.hw-validate-wafer/1"}, {"files", nlohmann::ordered_json::array()}};
  for (const WaferFile &file : files)
    json["files"].push_back(toJson(file));
  return writeOut(arguments.json, json);
}

Result<void> validate(const ValidateArguments &arguments, const Tool &tool) {
  auto names = wantedFiles(arguments);
  if (!names)
    return names.takeError();
  auto models = prepareValidation(arguments);
  if (!models)
    return models.takeError();
  std::vector<WaferFile> files;
  std::string missing;
  for (const std::string &name : *names) {
    auto file = validateFile(fmt::format("{}/{}", arguments.reference, name), *models, arguments, tool);
    if (!file)
      return file.takeError();
    if (*file)
      files.push_back(std::move(**file));
    else
      missing += fmt::format("{}{}", missing.empty() ? "" : ", ", name);
  }
  if (files.empty())
    return userError(fmt::format("{}: none of the files with measurements is there: {}", arguments.reference, missing));
  const bool isNothing = std::ranges::all_of(files, [](const WaferFile &file) { return file.rows.empty(); });
  if (arguments.json != "-" || isNothing) {
    print(files, arguments.worst);
    if (!missing.empty())
      fmt::print("not there: {}\n", missing);
  }
  return isNothing ? userError("no row could be compared") : writeValidation(files, arguments);
}

struct CalibrateArguments {
  CalibrationRequest request;
  std::string output;
};

/// The machine with its constants, and as comments how well they fit.
std::string calibratedYaml(const Calibration &calibration) {
  std::string text = fmt::format("# Written by weft hw calibrate, from {} runs. Least squares of relative errors:\n",
                                 calibration.runs);
  for (auto [files, what] : {std::pair(&calibration.files, "rows"), std::pair(&calibration.heldOut, "rows held out")})
    for (const WaferFile &file : *files)
      text += fmt::format("#   {}: {} {}, mean absolute error {:.2f} %, bias {:+.2f} %, worst {:+.2f} %\n", file.file,
                          file.rows.size(), what, 100 * file.meanAbsoluteError(), 100 * file.meanError(),
                          100 * file.worstError());
  for (const CalibratedConstant &each : calibration.constants)
    text += fmt::format("#   {}: {} -> {}\n", each.key, each.before, each.after);
  return text + calibration.hardware.yaml;
}

Result<void> calibrateAndWrite(const CalibrateArguments &arguments, const Tool &tool) {
  if (!arguments.output.empty())
    if (auto writable = runtime::checkWritable(arguments.output); !writable)
      return writable;
  auto calibration = calibrate(arguments.request, tool);
  if (!calibration)
    return calibration.takeError();
  fmt::print("{:<40} {:>10} {:>10}\n", "constant", "before", "after");
  for (const CalibratedConstant &each : calibration->constants)
    fmt::print("{:<40} {:>10} {:>10}\n", each.key, each.before, each.after);
  fmt::print("\n");
  print(calibration->files, 0);
  if (!calibration->heldOut.empty()) {
    fmt::print("rows that did not steer the fit\n");
    print(calibration->heldOut, 0);
  }
  fmt::print("{} runs of the engine\n", calibration->runs);
  return arguments.output.empty() ? success() : runtime::writeFile(arguments.output, calibratedYaml(*calibration));
}

int exitCodeOf(const Result<void> &done) { return done ? 0 : reportError(done.error()); }

} // namespace

void addHwValidateWaferCommand(CLI::App &validateGroup, const Tool &tool, int &exitCode) {
  CLI::App *command =
      validateGroup.add_subcommand("wafer", "Cycles and tokens/s on wafers, predicted against measured");
  auto arguments = std::make_shared<ValidateArguments>(); // lives as long as the callback
  command->add_option("--reference", arguments->reference, "Folder with the measurements")->type_name("DIR");
  command->add_option("--file", arguments->files, "Only this file of the folder; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--model", arguments->models,
                   "Shapes of a model that tables of tokens/s name and Weft does not know; may be repeated")
      ->type_name("NAME=CONFIG.json")
      ->allow_extra_args(false);
  command->add_option("--set", arguments->overrides, "Replace a value of the presets: KEY=VALUE")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--worst", arguments->worst, "List this many rows of each file with the largest error (default: 3)")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000).description(""));
  command->add_option("--errors", arguments->errors, "Write the errors by mesh size, as `weft kernel` reads them")
      ->type_name("FILE");
  command->add_option("--json", arguments->json, "Write every row; - for standard output")->type_name("FILE");
  command->callback([&exitCode, &tool, arguments] { exitCode = exitCodeOf(validate(*arguments, tool)); });
}

void addHwCalibrateCommand(CLI::App &group, const Tool &tool, int &exitCode) {
  CLI::App *command = group.add_subcommand("calibrate", "Fit a machine's constants to measurements, over engine runs");
  auto arguments = std::make_shared<CalibrateArguments>(); // lives as long as the callback
  command->add_option("--hw", arguments->request.hardware, "The machine to start from: a preset's name or a YAML file")
      ->type_name("PRESET|FILE")
      ->required();
  command->add_option("--csv", arguments->request.files, "Measurements, named as in the reference folder")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--constant", arguments->request.constants,
                   "Fit this key; may be repeated (default: what a vector engine and its transfers cost)")
      ->type_name("KEY")
      ->allow_extra_args(false);
  command
      ->add_option("--share", arguments->request.share,
                   "Share of each file's rows, chosen at random, that steers the fit; the others test it (default: 1)")
      ->type_name("S")
      ->check(CLI::Range(0.01, 1.0).description(""));
  command->add_option("--seed", arguments->request.seed, "Of the choice (default: 1)")->type_name("N");
  command->add_flag("--other-machine", arguments->request.otherMachine,
                    "Also take files that were measured on another machine than --hw");
  command->add_option("-o,--output", arguments->output, "Write the machine with its new constants")->type_name("FILE");
  command->callback([&exitCode, &tool, arguments] { exitCode = exitCodeOf(calibrateAndWrite(*arguments, tool)); });
}

} // namespace weft::tools
