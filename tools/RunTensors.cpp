#include "tools/RunTensors.h"

#include "runtime/Report.h"
#include "runtime/TensorProgram.h"
#include "runtime/support/WriteFile.h"
#include "tools/ErrorBar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <iostream>

namespace weft::tools {
namespace {

Error usageError(std::string message) { return {std::move(message), Fault::Usage}; }

Result<void> checkOptions(const RunOptions &options) {
  if (options.hasPrompt || !options.tokens.empty() || options.maxNew || !options.logitsPath.empty())
    return usageError(fmt::format("{} is a tensor program and generates no text: it takes --input NAME=FILE.npy and "
                                  "gives --output FILE.npz, or FILE.npy where it has one result",
                                  options.input));
  if (options.timingOnly && (!options.inputs.empty() || !options.outputPath.empty()))
    return usageError("--input and --output need data, and --timing-only runs without");
  return success();
}

/// NAME=FILE.npy, or FILE.npz with arrays of the inputs' names.
Result<runtime::NamedArrays> readInputs(const std::vector<std::string> &texts) {
  runtime::NamedArrays arrays;
  for (const std::string &text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      auto archive = runtime::readNpz(text);
      if (!archive)
        return archive.takeError();
      arrays.insert(arrays.end(), archive->begin(), archive->end());
      continue;
    }
    auto array = runtime::readNpy(text.substr(equals + 1));
    if (!array)
      return array.takeError();
    arrays.emplace_back(text.substr(0, equals), std::move(*array));
  }
  return arrays;
}

bool isNpy(const std::string &path) { return path.ends_with(".npy"); }

/// A .npy file has one array.
Result<void> checkOutput(const std::string &path, const pkg::ProgramT &program) {
  if (!isNpy(path) || program.outputs.size() == 1)
    return success();
  std::vector<std::string> names;
  for (const auto &output : program.outputs)
    names.push_back(output->name);
  return userError(fmt::format("--output {}: a .npy file has one array, and the program has {} results ({}); name a "
                               ".npz file",
                               path, names.size(), fmt::join(names, ", ")));
}

Result<void> writeOutputs(const std::string &path, const runtime::NamedArrays &outputs) {
  return isNpy(path) ? runtime::writeNpy(path, outputs.front().second) : runtime::writeNpz(path, outputs);
}

void print(const runtime::NamedArrays &outputs, std::ostream &out) {
  for (const auto &[name, array] : outputs)
    out << fmt::format("{} {} [{}]\n", name, array.dtype, fmt::join(array.shape, ", "));
}

} // namespace

Result<void> checkTensorFiles(const RunOptions &options) {
  for (const std::string &text : options.inputs) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos ? !text.ends_with(".npz") : equals == 0 || equals + 1 == text.size())
      return usageError(fmt::format("--input '{}' is neither NAME=FILE.npy nor FILE.npz{}", text,
                                    equals == std::string::npos ? ""
                                    : equals == 0               ? ": no name of an input is before the '='"
                                                                : ": no file is named after the '='"));
  }
  const std::string &output = options.outputPath;
  if (!output.empty() && !isNpy(output) && !output.ends_with(".npz"))
    return usageError(
        fmt::format("--output '{}' is neither FILE.npz, for any number of results, nor FILE.npy, for one", output));
  return success();
}

Result<void> runTensors(const RunOptions &options, const Tool &tool, const runtime::Package &package,
                        std::ostream &out) {
  if (auto checked = checkOptions(options); !checked)
    return checked;
  const pkg::ProgramT &program = *package.programs.front();
  if (auto checked = checkOutput(options.outputPath, program); !checked)
    return checked;
  runtime::Launch launch{program.name, 1, {}};
  if (!options.timingOnly) {
    auto arrays = readInputs(options.inputs);
    if (!arrays)
      return arrays.takeError();
    auto inputs = runtime::tensorInputs(program, *arrays);
    if (!inputs)
      return inputs.takeError();
    launch.inputs = std::move(*inputs);
  }
  for (const std::string &path : {options.jsonPath, options.outputPath})
    if (!path.empty())
      if (auto writable = runtime::checkWritable(path); !writable)
        return writable;
  auto device = tool.makeDevice(package, {.timingOnly = options.timingOnly,
                                          .evaluator = options.evaluator,
                                          .simulateKernels = options.engine == "iss",
                                          .cosimUnits = options.cosimUnits,
                                          .costCache = options.costCache,
                                          .explain = options.explain,
                                          .tracePath = options.tracePath,
                                          .modelDirectory = options.modelDirectory});
  if (!device)
    return device.takeError();
  auto result = (*device)->run(launch);
  if (!result)
    return result.takeError();
  if (!options.timingOnly) {
    auto outputs = runtime::tensorOutputs(program, *result);
    if (!outputs)
      return outputs.takeError();
    print(*outputs, out);
    if (!options.outputPath.empty())
      if (auto written = writeOutputs(options.outputPath, *outputs); !written)
        return written;
  }
  auto report = runtime::makeTensorReport(package, **device, options.timingOnly, result->report);
  if (!report)
    return report.takeError();
  report->error = modelErrorBar(report->hardware, hw::isPreset(report->hardware, report->hardwareDigest)).text;
  if (!options.jsonPath.empty() && tool.loadMap) {
    auto map = tool.loadMap(**device, launch, result->report);
    if (!map)
      return map.takeError();
    report->maps.push_back(*std::move(map));
  }
  out << '\n' << runtime::toText(*report) << std::flush;
  if (!options.jsonPath.empty())
    if (auto written = runtime::writeJson(options.jsonPath, runtime::toJson(*report)); !written)
      return written;
  return (*device)->finish();
}

} // namespace weft::tools
