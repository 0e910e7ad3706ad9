#include "tools/HwCommand.h"

#include "hw-models/Hardware.h"
#include "hw-models/Schema.h"
#include "tools/HwValidate.h"
#include "tools/HwWafer.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

using namespace weft;

namespace {

struct Options {
  std::string machine;
  std::vector<std::string> overrides;
};

int report(const Error &error) {
  fmt::print(stderr, "weft: error: {}\n", error.message);
  return static_cast<int>(error.fault);
}

Result<hw::Hardware> loadMachine(const Options &options) {
  Result<std::vector<hw::Override>> overrides = hw::parseOverrides(options.overrides);
  if (!overrides)
    return overrides.takeError();
  return hw::load(options.machine, *overrides);
}

int list() {
  fmt::print("{:<14} {:>9}  {:>5}  {:>8}  {}\n", "name", "mesh", "GHz", "KiB/core", "description");
  for (const std::string &name : hw::presetNames()) {
    Result<hw::Hardware> machine = hw::load(name);
    if (!machine)
      return report(machine.error());
    const hw::Parallelism &parallelism = machine->parallelism;
    std::string mesh = fmt::format("{}x{}", parallelism.meshWidth, parallelism.meshHeight);
    fmt::print("{:<14} {:>9}  {:>5}  {:>8}  {}\n", name, mesh, parallelism.clockGhz, machine->memory.sramBytes / 1024,
               machine->description);
  }
  return 0;
}

int show(const Options &options) {
  Result<hw::Hardware> machine = loadMachine(options);
  if (!machine)
    return report(machine.error());
  size_t pathWidth = 0;
  for (const hw::Key &key : hw::schema())
    pathWidth = std::max(pathWidth, key.path.size());
  for (const hw::Key &key : hw::schema()) {
    std::string value = hw::valueText(key, *machine);
    fmt::print("{:<{}}  {:>10} {:<11}  {}\n", key.path, pathWidth, value.empty() ? "-" : value, key.unit, key.doc);
  }
  fmt::print("digest {:016x}\n", machine->digest);
  return 0;
}

int check(const Options &options) {
  Result<hw::Hardware> machine = loadMachine(options);
  if (!machine)
    return report(machine.error());
  fmt::print("{}: OK: {}, {}x{} cores, {} KiB each\n", options.machine, machine->name, machine->parallelism.meshWidth,
             machine->parallelism.meshHeight, machine->memory.sramBytes / 1024);
  return 0;
}

} // namespace

void weft::tools::addHwCommand(CLI::App &app, const Tool &tool, int &exitCode) {
  CLI::App *group = app.add_subcommand("hw", "List, show and check hardware descriptions");
  group->require_subcommand(1);
  auto options = std::make_shared<Options>(); // lives as long as the callbacks
  auto addMachine = [&](CLI::App *command) {
    command->add_option("machine", options->machine, "A preset's name or a YAML file")
        ->type_name("PRESET|FILE")
        ->required();
    command->add_option("--set", options->overrides, "Replace a value: KEY=VALUE, KEY as in `weft hw schema`")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
  };
  CLI::App *listCommand = group->add_subcommand("list", "List the presets that come with Weft");
  CLI::App *showCommand = group->add_subcommand("show", "Print every value with its unit and meaning");
  CLI::App *checkCommand = group->add_subcommand("check", "Say OK, or what is wrong and where (exit status 1)");
  CLI::App *schemaCommand = group->add_subcommand("schema", "Print the reference of all keys as Markdown");
  CLI::App *validate = addHwValidateCommand(*group, exitCode);
  addHwValidateWaferCommand(*validate, tool, exitCode);
  addHwCalibrateCommand(*group, tool, exitCode);
  addMachine(showCommand);
  addMachine(checkCommand);
  listCommand->callback([&exitCode] { exitCode = list(); });
  showCommand->callback([&exitCode, options] { exitCode = show(*options); });
  checkCommand->callback([&exitCode, options] { exitCode = check(*options); });
  schemaCommand->callback([&exitCode] {
    fmt::print("{}", hw::schemaMarkdown());
    exitCode = 0;
  });
}
