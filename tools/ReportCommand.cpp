#include "tools/ReportCommand.h"

#include "explore/report/Page.h"
#include "explore/report/Report.h"
#include "hw-models/support/RegularFile.h"
#include "runtime/support/WriteFile.h"
#include "tools/Terminal.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <memory>

namespace weft::tools {

namespace {

struct Arguments {
  std::string input, output;
};

/// The first bytes of each SQLite file (its file format, 1.2).
constexpr std::string_view sqliteMark("SQLite format 3\0", 16);

Result<bool> isDatabase(const std::string &path) {
  if (auto regular = checkRegularFile(path); !regular)
    return regular.takeError();
  std::ifstream file(path, std::ios::binary);
  std::string head(sqliteMark.size(), '\0');
  if (!file)
    return userError(path + ": cannot be read");
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (file.gcount() == 0)
    return userError(path +
                     ": the file is empty; weft report takes results of weft explore, or what weft run --json and "
                     "weft kernel --json write");
  return head == sqliteMark;
}

Result<nlohmann::ordered_json> dataOf(const std::string &path) {
  auto database = isDatabase(path);
  if (!database)
    return database.takeError();
  if (!*database)
    return explore::runData(path);
  auto store = explore::Store::openForReading(path);
  if (!store)
    return store.takeError();
  return explore::sweepData(*store);
}

Result<void> report(const Arguments &arguments) {
  const std::filesystem::path input = arguments.input;
  const std::string output = arguments.output.empty() ? input.stem().string() + ".html" : arguments.output;
  std::error_code failed;
  if (std::filesystem::equivalent(input, output, failed))
    return Error{"-o names the file that is to be read", Fault::Usage};
  if (auto writable = runtime::checkWritable(output); !writable)
    return writable;
  auto data = dataOf(arguments.input);
  if (!data)
    return data.takeError();
  (*data)["file"] = input.filename().string();
  (*data)["version"] = WEFT_VERSION;
  const std::string page = explore::makePage(*data);
  if (auto written = runtime::writeFile(output, page); !written)
    return written;
  fmt::print("{}: {:.1f} MB; open it in a browser, it needs no network\n", output,
             static_cast<double>(page.size()) / 1e6);
  return success();
}

} // namespace

void addReportCommand(CLI::App &app, int &exitCode) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand("report", "Draw a search or a run as one HTML page that needs no network");
  command
      ->add_option("input", arguments->input,
                   "Results of weft explore, or a report of weft run --json or weft kernel --json")
      ->type_name("RESULTS.db|RUN.json")
      ->required();
  command->add_option("-o", arguments->output, "The page (default: the input's name with .html, in this folder)")
      ->type_name("REPORT.html");
  command->callback([arguments, &exitCode] {
    Result<void> done = report(*arguments);
    exitCode = done ? 0 : reportError(done.error());
  });
}

} // namespace weft::tools
