#include "tools/CsvTable.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace weft::tools {

static std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> cells;
  for (size_t from = 0;;) {
    const size_t comma = line.find(',', from);
    cells.emplace_back(line.substr(from, comma == std::string_view::npos ? comma : comma - from));
    if (comma == std::string_view::npos)
      return cells;
    from = comma + 1;
  }
}

std::string_view CsvTable::cell(size_t row, std::string_view column) const {
  auto found = std::ranges::find(columns, column);
  return found == columns.end() ? std::string_view() : cells[row][static_cast<size_t>(found - columns.begin())];
}

Result<CsvTable> parseCsv(std::string_view text, const std::string &path) {
  CsvTable table;
  table.path = path;
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
    return userError(fmt::format("{}: no row", path));
  return table;
}

Result<CsvTable> readCsv(const std::string &path) {
  std::ifstream file(path);
  if (!file)
    return userError(fmt::format("{}: cannot be read", path));
  std::ostringstream text;
  text << file.rdbuf();
  return parseCsv(text.str(), path);
}

} // namespace weft::tools
