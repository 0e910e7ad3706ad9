#include "tools/InspectCommand.h"

#include "runtime/Report.h"
#include "runtime/SramUse.h"
#include "runtime/Table.h"
#include "runtime/package/CoreCode.h"
#include "runtime/package/StoredFormats.h"
#include "tools/Decisions.h"
#include "tools/KernelUnits.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>
#include <set>

namespace weft::tools {
namespace {

using runtime::grouped;
using runtime::Package;
using runtime::Table;
constexpr Table::Align right = Table::Align::Right;

struct ChannelFacts {
  std::set<unsigned> colors;
  uint32_t longest = 0;                      // hops of the longest flow
  pkg::Combine combine = pkg::Combine::None; // what routers do with its words; the same in all flows
};

ChannelFacts factsOf(const pkg::ChannelT &channel) {
  ChannelFacts facts;
  for (const pkg::Flow &flow : channel.flows) {
    facts.colors.insert(flow.color());
    facts.combine = std::max(facts.combine, flow.combine());
    facts.longest = std::max({facts.longest, uint32_t(flow.hi() - flow.source()), uint32_t(flow.source() - flow.lo())});
  }
  return facts;
}

/// "AddF32"; empty where routers only pass words on.
std::string combineName(pkg::Combine combine) {
  return combine == pkg::Combine::None ? "" : pkg::EnumNameCombine(combine);
}

/// Call instructions of the program's tasks by kernel; a call in a loop counts once.
std::vector<uint64_t> callsOf(const Package &package, const pkg::ProgramT &program) {
  std::vector<uint64_t> calls(package.kernels.size(), 0);
  for (const auto &task : program.tasks)
    for (const auto &instr : task->instrs)
      if (instr->kind == pkg::InstrKind::Call)
        ++calls[instr->kernel];
  return calls;
}

/// With scales and zero points.
uint64_t bytesInFiles(const pkg::WeightT &weight) {
  uint64_t bytes = runtime::storedBytes(weight);
  if (weight.apart) {
    const runtime::ApartFormat format = runtime::apartFormatOf(*weight.apart);
    const uint64_t rows = weight.shape.front(), length = weight.shape.back();
    bytes += format.scaleBytes(rows, length) + format.zeroBytes(rows, length);
  }
  return bytes;
}

/// What a weight's numbers are in its file.
std::string storedAs(const pkg::WeightT &weight) {
  if (weight.apart)
    return nameOf(runtime::apartFormatOf(*weight.apart));
  return weight.file_blocks == pkg::BlockFormat::None ? pkg::EnumNameElementType(weight.file_element)
                                                      : pkg::EnumNameBlockFormat(weight.file_blocks);
}

std::string head(const Package &package) {
  const pkg::ModelT &model = *package.model;
  return fmt::format("{} ({}), vocabulary {}, up to {} tokens\non {}, {} x {} cores; written by {}\n", model.name,
                     model.architecture, grouped(model.vocab_size), grouped(model.max_seq), package.hardware_name,
                     package.mesh_width, package.mesh_height, package.producer);
}

std::vector<uint64_t> tasksOf(const Package &package) {
  std::vector<uint64_t> tasks(package.classes.size(), 0);
  for (const auto &program : package.programs)
    for (const auto &task : program->tasks)
      ++tasks[task->class_id];
  return tasks;
}

std::string classTable(const Package &package) {
  Table table({{"class"}, {"cores"}, {"how many", right}, {"tasks", right}});
  const std::vector<uint64_t> tasks = tasksOf(package);
  for (size_t i = 0; i < package.classes.size(); ++i) {
    const auto cores = runtime::CoreSet::of(package, *package.classes[i]);
    table.row({package.classes[i]->name, cores.name(package.mesh_height), grouped(cores.size()), grouped(tasks[i])});
  }
  return "\nClasses: cores that run the same tasks (rows and columns count from 0, at the north-west)\n" + table.text();
}

std::string sramUseTable(const Package &package) {
  std::vector<Table::Column> columns = {{"cores"}, {"how many", right}};
  for (const auto &program : package.programs)
    columns.push_back({program->name, right});
  columns.push_back({"peak", right});
  Table table(std::move(columns));
  for (const runtime::SramClass &cls : runtime::sramUse(package)) {
    std::vector<std::string> cells = {cls.name, grouped(cls.cores.size())};
    for (const runtime::SramBytes &bytes : cls.programs)
      cells.push_back(grouped(bytes.total));
    cells.push_back(grouped(cls.peak.total));
    table.row(std::move(cells));
  }
  return "\nSRAM bytes that a core uses\n" + table.text();
}

std::string channelTable(const pkg::ProgramT &program) {
  Table table({{"channel"}, {"axis"}, {"flows", right}, {"longest", right}, {"colours"}, {"in routers"}});
  for (const auto &channel : program.channels) {
    const ChannelFacts facts = factsOf(*channel);
    table.row({channel->name, pkg::EnumNameAxis(channel->axis), grouped(channel->flows.size()), grouped(facts.longest),
               fmt::format("{}", fmt::join(facts.colors, " ")), combineName(facts.combine)});
  }
  return fmt::format("\n{}: routes (longest in hops)\n{}", program.name, table.text());
}

std::string sramTable(const Package &package, const pkg::ProgramT &program) {
  Table table({{"offset", right}, {"bytes", right}, {"kind"}, {"buffer"}, {"used by"}});
  const std::vector<runtime::CoreSet> users = runtime::bufferUsers(package, program);
  std::vector<uint32_t> order(program.buffers.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const uint32_t first = program.buffers[a]->offset, second = program.buffers[b]->offset;
    return first != second ? first < second : a < b;
  });
  for (uint32_t i : order) {
    const pkg::BufferT &buffer = *program.buffers[i];
    table.row({grouped(buffer.offset), grouped(buffer.bytes), runtime::kindName(buffer.kind), buffer.name,
               users[i].name(package.mesh_height)});
  }
  return fmt::format("\n{}: SRAM map of a core\n{}", program.name, table.text());
}

std::string ioTable(const pkg::ProgramT &program) {
  Table table({{"host i/o"}, {"name"}, {"channel"}, {"what"}});
  for (const auto &input : program.inputs)
    table.row({"in", input->name, program.channels[input->channel]->name, "i32 words, the same on every line"});
  for (const auto &output : program.outputs)
    table.row({"out", output->name, program.channels[output->channel]->name,
               fmt::format("{} of {}", grouped(output->extent), pkg::EnumNameElementType(output->element))});
  return fmt::format("\n{}: host input and output\n{}", program.name, table.text());
}

/// What a core's code of a kernel is.
struct KernelCode {
  uint64_t bytes = 0;
  std::map<std::string, uint64_t> units; // instructions by custom unit, those it uses
};

/// Of each kernel; nothing if the cores run none, or none that can be read.
std::optional<std::vector<KernelCode>> coreCode(const Package &package) {
  const pkg::KernelObjectT *object = runtime::findCoreObject(package.objects);
  if (!object)
    return std::nullopt;
  auto code = runtime::readCoreCode(*object);
  if (!code)
    return std::nullopt;
  std::map<std::string, uint64_t> sizes;
  for (const runtime::KernelSize &size : runtime::kernelSizes(*code))
    sizes[size.name] = size.bytes;
  auto units = unitInstructions(*code);
  std::vector<KernelCode> kernels;
  for (const auto &kernel : package.kernels)
    kernels.push_back({sizes[kernel->name], units[kernel->name]});
  return kernels;
}

std::string kernelTable(const Package &package, const runtime::KernelCosts *costs) {
  const auto code = coreCode(package);
  std::vector<Table::Column> columns = {{"kernel"}};
  for (const auto &program : package.programs)
    columns.push_back({fmt::format("calls in {}", program->name), right});
  if (code)
    columns.insert(columns.end(), {{"code bytes", right}, {"unit instructions"}});
  if (costs)
    columns.insert(columns.end(), {{"rows", right}, {"cycles", right}, {"instructions", right}});
  columns.push_back({"operand bytes"});
  Table table(std::move(columns));
  std::vector<std::vector<uint64_t>> calls;
  calls.reserve(package.programs.size());
  for (const auto &program : package.programs)
    calls.push_back(callsOf(package, *program));
  for (size_t i = 0; i < package.kernels.size(); ++i) {
    std::vector<std::string> cells = {package.kernels[i]->name};
    for (const auto &ofProgram : calls)
      cells.push_back(grouped(ofProgram[i]));
    if (code)
      cells.insert(cells.end(), {grouped((*code)[i].bytes), describeUnits((*code)[i].units)});
    if (costs) {
      const runtime::KernelCosts::Kernel &cost = costs->kernels[i];
      cells.insert(cells.end(), {grouped(uint64_t(cost.rows)), grouped(cost.cycles), grouped(cost.instructions)});
    }
    cells.push_back(fmt::format("{}", fmt::join(package.kernels[i]->operand_bytes, " ")));
    table.row(std::move(cells));
  }
  std::string text = fmt::format("\nKernels (calls in the code of tasks; a loop's body counts once{})\n{}",
                                 costs ? "; cycles of one call with the most rows" : "", table.text());
  for (const auto &object : package.objects)
    text += fmt::format("  object for {} ({}): {} bytes\n", object->triple, object->cpu, grouped(object->image.size()));
  if (const pkg::KernelObjectT *object = runtime::findCoreObject(package.objects))
    if (auto loaded = runtime::readCoreCode(*object))
      text += fmt::format("  code and constants of a core: {} bytes\n", grouped(loaded->bytes.size()));
  return text;
}

std::string weightTable(const Package &package) {
  Table table({{"weight"}, {"stored"}, {"shape"}, {"on a core"}, {"file", right}});
  uint64_t bytes = 0;
  for (const auto &weight : package.weights) {
    bytes += bytesInFiles(*weight);
    table.row(
        {weight->name, storedAs(*weight), fmt::format("{}", fmt::join(weight->shape, " x ")),
         fmt::format("{} {} x {}", pkg::EnumNameElementType(weight->element), weight->rows_local, weight->cols_local),
         std::to_string(weight->file)});
  }
  std::string text =
      fmt::format("\nWeights: {}, {} bytes stored\n{}", grouped(package.weights.size()), grouped(bytes), table.text());
  for (size_t i = 0; i < package.files.size(); ++i)
    text += fmt::format("  file {}: {} ({} bytes)\n", i, package.files[i]->path, grouped(package.files[i]->size));
  uint64_t constantBytes = 0;
  for (const auto &constant : package.constants)
    constantBytes += constant->data.size();
  text += fmt::format("  constants: {}, {} bytes\n", grouped(package.constants.size()), grouped(constantBytes));
  return text;
}

nlohmann::json programJson(const Package &package, const pkg::ProgramT &program) {
  nlohmann::json json{{"name", program.name}, {"ops", program.ops.size()}, {"tasks", program.tasks.size()}};
  json["channels"] = json["buffers"] = json["inputs"] = json["outputs"] = nlohmann::json::array();
  for (const auto &channel : program.channels) {
    const ChannelFacts facts = factsOf(*channel);
    json["channels"].push_back({{"name", channel->name},
                                {"axis", pkg::EnumNameAxis(channel->axis)},
                                {"flows", channel->flows.size()},
                                {"longest_hops", facts.longest},
                                {"colors", facts.colors}});
    if (facts.combine != pkg::Combine::None)
      json["channels"].back()["combine"] = combineName(facts.combine);
  }
  const std::vector<runtime::CoreSet> users = runtime::bufferUsers(package, program);
  for (uint32_t i = 0; i < program.buffers.size(); ++i) {
    const pkg::BufferT &buffer = *program.buffers[i];
    json["buffers"].push_back({{"name", buffer.name},
                               {"kind", runtime::kindName(buffer.kind)},
                               {"offset", buffer.offset},
                               {"bytes", buffer.bytes},
                               {"used_by", users[i].name(package.mesh_height)},
                               {"cores", users[i].size()}});
  }
  for (const auto &input : program.inputs)
    json["inputs"].push_back({{"name", input->name}, {"channel", program.channels[input->channel]->name}});
  for (const auto &output : program.outputs)
    json["outputs"].push_back({{"name", output->name},
                               {"channel", program.channels[output->channel]->name},
                               {"element", pkg::EnumNameElementType(output->element)},
                               {"extent", output->extent}});
  return json;
}

nlohmann::json classesJson(const Package &package) {
  nlohmann::json classes = nlohmann::json::array();
  const std::vector<uint64_t> tasks = tasksOf(package);
  for (size_t i = 0; i < package.classes.size(); ++i) {
    const auto cores = runtime::CoreSet::of(package, *package.classes[i]);
    classes.push_back({{"name", package.classes[i]->name},
                       {"where", cores.name(package.mesh_height)},
                       {"cores", cores.size()},
                       {"tasks", tasks[i]}});
  }
  return classes;
}

nlohmann::json sramJson(const Package &package) {
  nlohmann::json sram = nlohmann::json::array();
  for (const runtime::SramClass &cls : runtime::sramUse(package)) {
    nlohmann::json byProgram = nlohmann::json::object();
    for (size_t i = 0; i < cls.programs.size(); ++i)
      byProgram[package.programs[i]->name] = cls.programs[i].total;
    sram.push_back(
        {{"class", cls.name}, {"cores", cls.cores.size()}, {"peak_bytes", cls.peak.total}, {"by_program", byProgram}});
  }
  return sram;
}

nlohmann::json kernelsJson(const Package &package, const runtime::KernelCosts *costs) {
  const auto code = coreCode(package);
  nlohmann::json kernels = nlohmann::json::array();
  for (size_t i = 0; i < package.kernels.size(); ++i) {
    nlohmann::json calls = nlohmann::json::object();
    for (const auto &program : package.programs)
      calls[program->name] = callsOf(package, *program)[i];
    kernels.push_back(
        {{"name", package.kernels[i]->name}, {"operand_bytes", package.kernels[i]->operand_bytes}, {"calls", calls}});
    if (code) {
      kernels.back()["code_bytes"] = (*code)[i].bytes;
      kernels.back()["units"] = (*code)[i].units;
    }
    if (costs) {
      const runtime::KernelCosts::Kernel &cost = costs->kernels[i];
      kernels.back()["cost"] = {{"rows", cost.rows}, {"cycles", cost.cycles}, {"instructions", cost.instructions}};
    }
  }
  return kernels;
}

struct Arguments {
  std::string path, jsonPath, kernel, costCache, decisions;
  bool disassembles = false, costs = false;
  bool architectures = false;
};

Result<void> showCode(const Package &package, const std::string &kernel, const Tool &tool) {
  const pkg::KernelObjectT *object = runtime::findCoreObject(package.objects);
  if (!object)
    return userError(fmt::format("--disasm: the cores of {} run no RISC-V code", package.hardware_name));
  auto text = tool.disassemble(*object, kernel);
  if (!text)
    return text.takeError();
  std::cout << *text << std::flush;
  return success();
}

Result<void> inspect(const Arguments &arguments, const Tool &tool) {
  Result<std::unique_ptr<Package>> package = runtime::readPackage(arguments.path);
  if (!package)
    return package.takeError();
  std::optional<runtime::KernelCosts> costs;
  if (arguments.costs) {
    auto measured = tool.kernelCosts(**package, arguments.costCache);
    if (!measured)
      return measured.takeError();
    if (!*measured)
      return userError(fmt::format("--costs: the cores of {} run no RISC-V code", (*package)->hardware_name));
    costs = std::move(*measured);
  }
  const runtime::KernelCosts *shownCosts = costs ? &*costs : nullptr;
  std::optional<Decisions> decisions;
  if (!arguments.decisions.empty()) {
    auto read = readDecisions(arguments.decisions, **package);
    if (!read)
      return read.takeError();
    decisions = std::move(*read);
  }
  if (arguments.disassembles) {
    if (auto shown = showCode(**package, arguments.kernel, tool); !shown)
      return shown;
  } else {
    std::cout << inspectText(**package, shownCosts) << (decisions ? decisionTable(*decisions) : "") << std::flush;
  }
  if (arguments.jsonPath.empty())
    return success();
  nlohmann::json json = inspectJson(**package, shownCosts);
  if (decisions)
    json["decisions"] = decisions->json;
  return runtime::writeJson(arguments.jsonPath, json);
}

std::string architecturesText(const std::vector<KnownArchitecture> &known) {
  Table table({{"family"}, {"architectures in config.json"}, {"gives"}, {"for example"}, {"has"}});
  std::string family;
  for (const KnownArchitecture &each : known) {
    const bool isFirst = each.family != family;
    family = each.family;
    table.row({isFirst ? each.family : "", each.name, each.generates ? "text" : "tensors", isFirst ? each.example : "",
               isFirst ? each.notes : ""});
  }
  return "Model directories with a config.json of these architectures compile:\n" + table.text();
}

nlohmann::json architecturesJson(const std::vector<KnownArchitecture> &known) {
  nlohmann::json list = nlohmann::json::array();
  for (const KnownArchitecture &each : known)
    list.push_back({{"name", each.name},
                    {"family", each.family},
                    {"gives", each.generates ? "text" : "tensors"},
                    {"example", each.example},
                    {"has", each.notes}});
  return {{"schema", "weft.architectures/1"}, {"architectures", std::move(list)}};
}

} // namespace

std::string inspectText(const Package &package, const runtime::KernelCosts *costs) {
  std::string text = head(package) + sramUseTable(package) + classTable(package);
  for (const auto &program : package.programs)
    text += channelTable(*program) + sramTable(package, *program) + ioTable(*program);
  return text + kernelTable(package, costs) + weightTable(package);
}

nlohmann::json inspectJson(const Package &package, const runtime::KernelCosts *costs) {
  const pkg::ModelT &model = *package.model;
  nlohmann::json json;
  json["schema"] = "weft.inspect/1";
  json["producer"] = package.producer;
  json["model"] = {{"name", model.name},
                   {"architecture", model.architecture},
                   {"vocab_size", model.vocab_size},
                   {"max_seq", model.max_seq}};
  json["hardware"] = {{"name", package.hardware_name}, {"digest", fmt::format("{:016x}", package.hardware_digest)}};
  json["mesh"] = {package.mesh_width, package.mesh_height};
  json["classes"] = classesJson(package);
  json["sram"] = sramJson(package);
  json["programs"] = json["weights"] = json["files"] = json["objects"] = nlohmann::json::array();
  for (const auto &program : package.programs)
    json["programs"].push_back(programJson(package, *program));
  json["kernels"] = kernelsJson(package, costs);
  for (const auto &object : package.objects)
    json["objects"].push_back({{"triple", object->triple},
                               {"cpu", object->cpu},
                               {"features", object->features},
                               {"bytes", object->image.size()}});
  for (const auto &weight : package.weights)
    json["weights"].push_back({{"name", weight->name},
                               {"file", weight->file},
                               {"stored", storedAs(*weight)},
                               {"shape", weight->shape},
                               {"element", pkg::EnumNameElementType(weight->element)},
                               {"rows_local", weight->rows_local},
                               {"cols_local", weight->cols_local}});
  for (const auto &file : package.files)
    json["files"].push_back({{"path", file->path}, {"bytes", file->size}});
  return json;
}

void addInspectCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  auto options = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("inspect", "Show what is in a package, or which models compile");
  CLI::Option *package = command->add_option("package", options->path, "A .weft file")->type_name("OUT.weft");
  command
      ->add_flag("--architectures", options->architectures,
                 "List the architectures of model directories that compile, instead")
      ->excludes(package);
  command->add_option("--json", options->jsonPath, "Write the same as JSON (docs/json.md)")->type_name("FILE");
  CLI::Option *disassembly =
      command->add_option("--disasm", options->kernel, "Print the cores' machine code instead, of one kernel or of all")
          ->type_name("[KERNEL]")
          ->expected(0, 1);
  command->add_flag("--costs", options->costs, "Also what each kernel takes on a core: cycles of its machine code")
      ->excludes(disassembly);
  command
      ->add_option("--decisions", options->decisions,
                   "Also what the compiler chose, units and routers among it, with predicted cycles: a report of weft "
                   "compile --json")
      ->type_name("FILE")
      ->excludes(disassembly);
  addCostCacheOption(*command, options->costCache);
  command->callback([options, disassembly, package, &tool, &exitCode] {
    if (options->architectures) {
      const std::vector<KnownArchitecture> known = tool.architectures();
      std::cout << architecturesText(known) << std::flush;
      Result<void> written = success();
      if (!options->jsonPath.empty())
        written = runtime::writeJson(options->jsonPath, architecturesJson(known));
      exitCode = written ? 0 : reportError(written.error());
      return;
    }
    if (package->count() == 0)
      throw CLI::RequiredError("package");
    options->disassembles = disassembly->count() > 0;
    Result<void> done = inspect(*options, tool);
    exitCode = done ? 0 : reportError(done.error());
  });
}

} // namespace weft::tools
