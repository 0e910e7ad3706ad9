#include "runtime/support/CsvTable.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace weft::runtime {

static std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      cells.back() += line[++i];
    else if (line[i] == '"')
      quoted = !quoted;
    else if (line[i] == ',' && !quoted)
      cells.emplace_back();
    else
      cells.back() += line[i];
  }
  return cells;
}

std::optional<size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::ranges::find(columns, name);
  return found == columns.end() ? std::nullopt : std::optional(static_cast<size_t>(found - columns.begin()));
}

std::string_view CsvTable::cell(size_t row, std::string_view name) const {
  const auto at = column(name);
  return at ? std::string_view(cells[row][*at]) : std::string_view();
}

CsvTable CsvTable::chosen(const std::vector<size_t> &rows) const {
  CsvTable some{path, columns, {}, {}, {}};
  for (size_t row : rows) {
    some.lines.push_back(lines[row]);
    some.cells.push_back(cells[row]);
    some.lineNumbers.push_back(lineNumbers[row]);
  }
  return some;
}

static Result<void> checkHeader(const CsvTable &table, size_t line) {
  std::vector<std::string> names = table.columns;
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end())
    return success();
  return userError(fmt::format("{}:{}: there are two columns '{}'; rename one", table.path, line, *twice));
}

Result<CsvTable> parseCsv(std::string_view text, const std::string &path) {
  CsvTable table;
  table.path = path;
  if (constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF"; text.starts_with(byteOrderMark))
    text.remove_prefix(byteOrderMark.size());
  for (size_t number = 1, from = 0; from < text.size(); ++number) {
    const size_t end = std::min(text.find('\n', from), text.size());
    std::string_view line = text.substr(from, end - from);
    from = end + 1;
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (line.empty())
      continue;
    if (table.columns.empty()) {
      table.columns = split(line);
      if (auto good = checkHeader(table, number); !good)
        return good.takeError();
      continue;
    }
    table.cells.push_back(split(line));
    if (table.cells.back().size() != table.columns.size())
      return userError(fmt::format("{}:{}: {} cells under {} columns", path, number, table.cells.back().size(),
                                   table.columns.size()));
    table.lines.emplace_back(line);
    table.lineNumbers.push_back(number);
  }
  if (table.lines.empty())
    return userError(fmt::format("{}: no row under the line of column names", path));
  return table;
}

Result<CsvTable> readCsv(const std::string &path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown))
    return userError(fmt::format("{}: a folder, where a CSV file is wanted", path));
  std::ifstream file(path);
  if (!file)
    return userError(fmt::format("{}: cannot be read", path));
  std::ostringstream text;
  text << file.rdbuf();
  return parseCsv(text.str(), path);
}

} // namespace weft::runtime
