#include "tools/KernelCommand.h"

#include "runtime/Report.h"
#include "runtime/support/WriteFile.h"
#include "tools/KernelRun.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <iostream>
#include <memory>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

namespace {

struct Arguments {
  std::string kind, hardware = defaultHardware, mesh, shape, algorithm = "auto", element, evaluator = "auto";
  std::vector<std::string> settings;
  std::string jsonPath, csvPath, outputPath = "-";
  bool list = false, explain = false;
};

constexpr Kind kinds[] = {Kind::Gemm,      Kind::Gemv,  Kind::AllReduce,   Kind::Reduce,
                          Kind::Broadcast, Kind::Shift, Kind::DecodeLayer, Kind::PrefillLayer};

Kind kindOf(const std::string &name) {
  for (Kind kind : kinds)
    if (nameOf(kind) == name)
      return kind;
  return Kind::Gemm; // the parser lets no other name through
}

/// "5760x5760x5760"; a single number is one row of so many elements.
Result<std::vector<int64_t>> parseShape(const std::string &text, Kind kind) {
  std::vector<int64_t> shape;
  const char *at = text.data(), *end = at + text.size();
  for (;;) {
    int64_t extent = 0;
    auto [next, failure] = std::from_chars(at, end, extent);
    if (failure != std::errc() || extent < 1 || (next != end && *next != 'x'))
      return Error{fmt::format("--shape {}: a {} has the shape {}, numbers of at least 1 with x between", text,
                               nameOf(kind), algorithms::shapeForm(kind)),
                   Fault::Usage};
    shape.push_back(extent);
    if (next == end)
      break;
    at = next + 1;
  }
  if (shape.size() == 1 && algorithms::extentsOf(kind) == 2 && kind != Kind::Gemv)
    shape.insert(shape.begin(), 1);
  return shape;
}

/// Keys with a point in them are the hardware's, others the algorithm's.
Result<void> divideSettings(const std::vector<std::string> &texts, std::vector<hw::Override> &hardware,
                            std::map<std::string, std::string> &algorithm) {
  for (const std::string &text : texts) {
    auto setting = hw::parseOverride(text);
    if (!setting)
      return setting.takeError();
    if (setting->key.find('.') != std::string::npos)
      hardware.push_back(std::move(*setting));
    else
      algorithm[setting->key] = setting->value;
  }
  return success();
}

/// The type that kernels of this kind were measured with on the machine, if it is one; else f16.
Result<algorithms::Element> usualElement(const std::string &kind, const std::string &hardware) {
  auto known = knownErrors();
  if (!known)
    return known.takeError();
  bool f16 = false, f32 = false;
  for (const WaferErrors &each : *known)
    if (each.hardware == hardware && each.kind == kind)
      (each.element == "f32" ? f32 : f16) = true;
  return f32 && !f16 ? algorithms::Element::F32 : algorithms::Element::F16;
}

Result<Request> toRequest(const Arguments &arguments, const hw::Hardware &hardware,
                          std::map<std::string, std::string> settings) {
  Request request;
  request.kind = kindOf(arguments.kind);
  request.algorithm = arguments.algorithm;
  auto usual = usualElement(arguments.kind, hardware.name);
  if (!usual)
    return usual.takeError();
  request.element = arguments.element.empty()    ? *usual
                    : arguments.element == "f32" ? algorithms::Element::F32
                                                 : algorithms::Element::F16;
  request.settings = algorithms::Settings(std::move(settings));
  request.width = hardware.parallelism.meshWidth;
  request.height = hardware.parallelism.meshHeight;
  // Sides without common factors divide a product's K into as many blocks as there are cores, and layers need squares.
  if (request.kind == Kind::Gemm || algorithms::isLayer(request.kind))
    request.width = request.height = std::min(request.width, request.height);
  if (!arguments.mesh.empty()) {
    auto mesh = parseMesh(arguments.mesh);
    if (!mesh)
      return mesh.takeError();
    request.width = mesh->width;
    request.height = mesh->height;
  }
  if (!arguments.csvPath.empty())
    return request;
  if (arguments.shape.empty())
    return Error{"--shape or --csv is needed", Fault::Usage};
  auto shape = parseShape(arguments.shape, request.kind);
  if (!shape)
    return shape.takeError();
  request.shape = std::move(*shape);
  return request;
}

Result<void> kernel(const Arguments &arguments, const Tool &tool) {
  if (arguments.list) {
    fmt::print("{}", algorithms::describeAlgorithms(kindOf(arguments.kind)));
    return success();
  }
  std::vector<hw::Override> overrides;
  std::map<std::string, std::string> settings;
  if (auto divided = divideSettings(arguments.settings, overrides, settings); !divided)
    return divided;
  auto hardware = hw::load(arguments.hardware, overrides);
  if (!hardware)
    return hardware.takeError();
  auto request = toRequest(arguments, *hardware, std::move(settings));
  if (!request)
    return request.takeError();
  if (!arguments.csvPath.empty())
    return predictRows(arguments.csvPath, arguments.outputPath, *request, *hardware, tool);
  const bool toFile = !arguments.jsonPath.empty() && arguments.jsonPath != "-";
  if (toFile)
    if (auto writable = runtime::checkWritable(arguments.jsonPath); !writable)
      return writable;
  auto outcome =
      runKernel(*request, *hardware, tool,
                {.evaluator = arguments.evaluator, .explain = arguments.explain, .map = !arguments.jsonPath.empty()});
  if (!outcome)
    return outcome.takeError();
  if (arguments.jsonPath == "-") {
    std::cout << toJson(*outcome, *hardware).dump(2) << '\n';
    return success();
  }
  fmt::print("{}", toText(*outcome, *hardware));
  return toFile ? runtime::writeJson(arguments.jsonPath, toJson(*outcome, *hardware)) : success();
}

/// What is asked for.
void addRequestOptions(CLI::App &command, Arguments &arguments) {
  std::vector<std::string> names;
  for (Kind kind : kinds)
    names.emplace_back(nameOf(kind));
  command.add_option("kind", arguments.kind, "What is computed")
      ->type_name("gemm|gemv|allreduce|reduce|broadcast|shift|decode-layer|prefill-layer")
      ->check(CLI::IsMember(names).description(""))
      ->required();
  command.add_option("--hw", arguments.hardware, "Hardware: a preset's name or a YAML file")
      ->type_name("PRESET|FILE")
      ->capture_default_str();
  command
      .add_option("--mesh", arguments.mesh,
                  "Cores to use, e.g. 16x16 (default: all of the hardware's; of a GEMM or a layer the largest square)")
      ->type_name("WxH");
  command
      .add_option("--shape", arguments.shape,
                  "Extents: gemm MxKxN and gemv MxN of the whole; layers FEATURESxFFNxTOKENS; others RxC of one "
                  "core's")
      ->type_name("MxKxN");
  command.add_option("--algo", arguments.algorithm, "Algorithm; auto takes the one with fewest predicted cycles")
      ->type_name("auto|NAME")
      ->capture_default_str();
  command.add_flag("--list", arguments.list, "Print the algorithms of the kind and their settings, and stop");
  command
      .add_option("--dtype", arguments.element,
                  "Type of the operands; two f16 share a word (default: as measured on the machine, else f16)")
      ->type_name("f16|f32")
      ->check(CLI::IsMember({"f16", "f32"}).description(""));
  command
      .add_option("--set", arguments.settings,
                  "A setting of the algorithm (see --list), repeats=N, or a value of the hardware, e.g. latency.hop=1. "
                  "With repeats=N the program runs N times without a barrier, and the cycles are what each further "
                  "repetition adds, as the reference measurements have it (default: gemm 1, others 3)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

/// How one request is run and told.
void addReportOptions(CLI::App &command, Arguments &arguments) {
  command
      .add_option("--evaluator", arguments.evaluator,
                  "Word by word (event), message by message (maxplus), or maxplus where it applies (auto); the cycles "
                  "are the same")
      ->type_name("auto|event|maxplus")
      ->check(CLI::IsMember({"auto", "event", "maxplus"}).description(""))
      ->capture_default_str();
  command.add_flag("--explain", arguments.explain,
                   "Say why: the critical path from the end back to the launch, the slowest core, the most loaded and "
                   "stalled links");
  command
      .add_option("--json", arguments.jsonPath, "Write the prediction as JSON (docs/json.md); -: only that, to stdout")
      ->type_name("FILE|-");
}

/// Many requests at once: nothing of what tells of a single one goes with it.
void addRowOptions(CLI::App &command, Arguments &arguments) {
  CLI::Option *rows =
      command
          .add_option("--csv", arguments.csvPath,
                      "A request a row: columns P (cores of both axes), M, K, N or Mt, Kt, Nt, group_num, L_hops, size")
          ->type_name("ROWS.csv");
  for (const char *single : {"--shape", "--explain", "--mesh", "--evaluator", "--json"})
    rows->excludes(command.get_option(single));
  command.add_option("-o", arguments.outputPath, "With --csv: where the rows go, cycles added (default: stdout)")
      ->type_name("PREDICTED.csv")
      ->needs(rows);
}

} // namespace

void addKernelCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("kernel", "Cycles of a GEMM, a GEMV or a collective on a rectangle of cores");
  addRequestOptions(*command, *arguments);
  addReportOptions(*command, *arguments);
  addRowOptions(*command, *arguments);
  command->callback([arguments, &tool, &exitCode] {
    Result<void> done = kernel(*arguments, tool);
    exitCode = done ? 0 : reportError(done.error());
  });
}

} // namespace weft::tools
