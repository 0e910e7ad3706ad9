#include "tools/CompileCommand.h"

#include "runtime/support/WriteFile.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "tools/Terminal.h"
#include "tools/TuneRecords.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

namespace weft::tools {

namespace {

struct Arguments {
  std::string model, output, until, emit, dumpDirectory, jsonPath, costCache;
  CompileArguments compile;
};

Result<compiler::Phase> phaseOf(const std::string &name) {
  if (name.empty())
    return compiler::Phase::Package;
  if (auto phase = compiler::findPhase(name))
    return *phase;
  return Error{fmt::format("--compile-to '{}' is no phase; phases are {}, levels xf, grid, fabric, rv", name,
                           compiler::phaseNames()),
               Fault::Usage};
}

/// Where the layers of a model without weights lie.
void printStages(const compiler::Stages &stages, const runtime::Package &package) {
  if (stages.needed == 1) {
    fmt::print("the model fits in one mesh\n");
    return;
  }
  fmt::print("the layers lie on {} meshes of {}x{} cores, one after the other; {} has room for {}{}\n", stages.needed,
             package.mesh_width, package.mesh_height, package.hardware_name, stages.onMachine,
             stages.needed > stages.onMachine
                 ? ", so that weights would have to be brought in on the way; no cycles count that"
                 : "");
}

/// One line for each way that layers with experts are placed.
void printExperts(const std::vector<place::ExpertChoice> &experts) {
  std::map<std::string, size_t> ways;
  for (const place::ExpertChoice &choice : experts) {
    const place::ExpertPlan &plan = choice.plan;
    const int64_t copies = std::count_if(plan.expert.begin(), plan.expert.end(), [](int e) { return e >= 0; });
    std::string way =
        fmt::format("{} experts on all cores, each for every token ({})", choice.shape.experts, choice.reason);
    if (choice.routed)
      way = fmt::format("{} experts{} in {} region{} of {} rows of cores ({}); the busiest region has {:.2f} pairs a "
                        "token in decode, {:.2f} in prefill, the mean is {:.2f}",
                        choice.shape.experts,
                        copies > choice.shape.experts ? fmt::format(" and {} replicas", copies - choice.shape.experts)
                                                      : "",
                        plan.regions, plan.regions == 1 ? "" : "s", plan.rowsPerRegion, choice.reason,
                        plan.expectedPairs, plan.blockPairs, plan.meanPairs);
    ++ways[way];
  }
  for (const auto &[way, layers] : ways)
    fmt::print("{} layer{} with {}\n", layers, layers == 1 ? "" : "s", way);
}

void printSummary(const compiler::Compilation &compilation, const std::string &path) {
  const runtime::Package &package = *compilation.package;
  double seconds = 0;
  for (const compiler::PhaseTime &time : compilation.times)
    seconds += time.seconds;
  std::error_code failure;
  const std::string tokens =
      runtime::isTensorProgram(package) ? "" : fmt::format(", up to {} tokens", package.model->max_seq);
  fmt::print("{}: {} on {}x{} cores of {}{}, {} kernels, {:.1f} KiB, compiled in {:.2f} s\n", path, package.model->name,
             package.mesh_width, package.mesh_height, package.hardware_name, tokens, package.kernels.size(),
             static_cast<double>(std::filesystem::file_size(path, failure)) / 1024.0, seconds);
  if (const auto &ops = compilation.ops; ops && !ops->raised.empty()) {
    std::string raised;
    for (const auto &[name, count] : ops->raised)
      raised += fmt::format("{}{} {}", raised.empty() ? "" : ", ", count, name);
    fmt::print("ops of transformers found in the graph: {}; {} others stay as they are\n", raised, ops->generic.size());
    if (ops->unrounded > 0)
      fmt::print("{} products whose inputs the graph rounds to 8 bits, or may round, take them as they are\n",
                 ops->unrounded);
  }
  if (const auto &ops = compilation.placements; !ops.empty()) {
    const auto whole = std::count_if(ops.begin(), ops.end(), [](const auto &op) { return !op.distributed; });
    fmt::print("{} of {} ops are divided among the cores, {} run on every core; --json names them\n",
               ops.size() - static_cast<size_t>(whole), ops.size(), whole);
  }
  printExperts(compilation.experts);
  if (const auto &stages = compilation.stages)
    printStages(*stages, package);
  if (const auto &capacity = compilation.capacity)
    fmt::print("the cache holds {} tokens at most, {} on each row of cores; {} if new ones stayed on the last row\n",
               capacity->shifted, capacity->rows, capacity->appended);
  if (!compilation.costsProblem.empty())
    std::cerr << fmt::format("weft: warning: the costs of kernels are not known: {}\n", compilation.costsProblem);
  if (const compiler::TuningUse &tuning = compilation.tuning; tuning.hits + tuning.stale)
    fmt::print("tuned kernels: {} of {}{}{}\n", tuning.hits, tuning.kernels,
               tuning.stale ? fmt::format("; {} records of other versions ignored", tuning.stale) : "",
               tuning.notReordered ? fmt::format("; {} loops left in their order", tuning.notReordered) : "");
  if (const auto &costs = compilation.kernelCosts)
    fmt::print("kernel costs from the core's machine code: {} measured, {} from the cache\n", costs->measured,
               costs->fromCache);
}

Result<compiler::Product> productOf(const std::string &name) {
  if (name.empty() || name == "package")
    return compiler::Product::Package;
  if (name == "asm")
    return compiler::Product::Assembly;
  if (name == "elf")
    return compiler::Product::Elf;
  return Error{fmt::format("--emit '{}' is none of asm, elf, package", name), Fault::Usage};
}

/// The package, the cores' code, or the IR where the pipeline stopped.
Result<void> writeResult(const Arguments &arguments, const compiler::Compilation &compilation) {
  if (arguments.emit == "elf") {
    // A directory's name may end with a slash.
    std::string name = std::filesystem::weakly_canonical(arguments.model).filename();
    return runtime::writeFile(arguments.output.empty() ? name + ".elf" : arguments.output, compilation.code);
  }
  if (arguments.emit == "asm") {
    if (!arguments.output.empty())
      return runtime::writeFile(arguments.output, compilation.code);
    std::cout << compilation.code;
    return {};
  }
  if (!compilation.package) {
    if (!arguments.output.empty())
      return runtime::writeFile(arguments.output, compilation.ir);
    std::cout << compilation.ir;
    return {};
  }
  std::string path = arguments.output.empty() ? compilation.package->model->name + ".weft" : arguments.output;
  if (auto written = runtime::writePackage(*compilation.package, path); !written)
    return written;
  printSummary(compilation, path);
  return {};
}

Result<void> runCompile(const Arguments &arguments, const Tool &tool) {
  auto until = phaseOf(arguments.until);
  if (!until)
    return until.takeError();
  auto product = productOf(arguments.emit);
  if (!product)
    return product.takeError();
  auto parsed = toCompileOptions(arguments.model, arguments.compile);
  if (!parsed)
    return parsed.takeError();
  auto options = toCompilerOptions(*parsed);
  if (!options)
    return options.takeError();
  options->until = *until;
  options->product = *product;
  options->dumpDirectory = arguments.dumpDirectory;
  options->measureKernels = [&](const runtime::Package &package) {
    return tool.kernelCosts(package, arguments.costCache);
  };
  ProgressBar bar("compiling");
  options->progress = [&](double fraction) { bar.update(fraction); };
  auto compilation = compiler::compile(*options);
  bar.clear();
  if (!compilation)
    return compilation.takeError();
  printWarnings(*compilation);
  if (auto written = writeResult(arguments, *compilation); !written || arguments.jsonPath.empty())
    return written;
  return runtime::writeFile(arguments.jsonPath, compiler::toJson(*options, *compilation));
}

} // namespace

Result<compiler::CompileOptions> toCompilerOptions(const CompileOptions &options) {
  compiler::CompileOptions result;
  result.model = options.model;
  result.shapesOnly = options.shapesOnly;
  result.program = options.phase;
  result.layers = options.layers.value_or(0);
  result.dims = options.dims;
  // The tokenizer is needed only when the package runs, but whoever compiles should hear that it is broken.
  std::error_code failure;
  if (std::string path = options.model + "/tokenizer.json"; std::filesystem::exists(path, failure))
    if (auto tokenizer = runtime::readTokenizer(path); !tokenizer)
      return tokenizer.takeError();
  auto hardware =
      options.machine ? Result<hw::Hardware>(*options.machine) : hw::load(options.hardware, options.overrides);
  if (!hardware)
    return hardware.takeError();
  result.hardware = std::move(*hardware);
  if (options.mesh) {
    result.meshWidth = options.mesh->width;
    result.meshHeight = options.mesh->height;
  }
  result.maxSeq = options.maxSeq.value_or(0);
  result.dtype = options.dtype;
  result.place = options.place == "whole"     ? compiler::PlaceChoice::Whole
                 : options.place == "general" ? compiler::PlaceChoice::General
                                              : compiler::PlaceChoice::Auto;
  result.as = options.as == "text"      ? compiler::ImportAs::Text
              : options.as == "tensors" ? compiler::ImportAs::Tensors
                                        : compiler::ImportAs::Auto;
  result.gemm = options.gemm == "cannon"     ? compiler::GemmChoice::Cannon
                : options.gemm == "meshgemm" ? compiler::GemmChoice::MeshGemm
                                             : compiler::GemmChoice::Auto;
  result.reduce = options.reduce == "core"     ? compiler::ReduceChoice::Core
                  : options.reduce == "router" ? compiler::ReduceChoice::Router
                                               : compiler::ReduceChoice::Auto;
  result.experts = options.experts == "dense"    ? place::ExpertsMode::Dense
                   : options.experts == "routed" ? place::ExpertsMode::Routed
                                                 : place::ExpertsMode::Auto;
  if (!options.expertLoad.empty()) {
    auto loads = place::readExpertLoads(options.expertLoad);
    if (!loads)
      return loads.takeError();
    result.expertLoads = std::move(*loads);
  }
  useTuneRecords(options.tuneDb, result);
  return result;
}

void printWarnings(const compiler::Compilation &compilation) {
  for (const std::string &warning : compilation.warnings)
    std::cerr << fmt::format("weft: warning: {}\n", warning);
}

void addCompileCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  CLI::App *command = app.add_subcommand("compile", "Compile a model for a mesh of cores");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option(
          "MODEL", arguments->model,
          "A Hugging Face model directory (with --weights none its config.json alone will do), or a file: ONNX, GGUF "
          "or MLIR of linalg on tensors")
      ->type_name("")
      ->required();
  addCompileArguments(*command, arguments->compile);
  command->add_option("-o,--output", arguments->output, "The file to write; without it NAME.weft here")
      ->type_name("OUT.weft");
  CLI::Option *until = command
                           ->add_option("--compile-to", arguments->until,
                                        "Stop after this phase and print its IR: " + compiler::phaseNames())
                           ->type_name("PHASE");
  command
      ->add_option("--emit", arguments->emit,
                   "Write the code of the mesh's cores instead: asm prints assembler text, elf writes NAME.elf")
      ->type_name("asm|elf|package")
      ->excludes(until);
  command->add_option("--dump", arguments->dumpDirectory, "Write the IR after each phase there")->type_name("DIR");
  command->add_option("--json", arguments->jsonPath, "Write a report of the compilation as JSON (docs/json.md)")
      ->type_name("FILE");
  addCostCacheOption(*command, arguments->costCache);
  command->callback([arguments, &tool, &exitCode] {
    if (auto done = runCompile(*arguments, tool); !done)
      exitCode = reportError(done.error());
  });
}

} // namespace weft::tools
