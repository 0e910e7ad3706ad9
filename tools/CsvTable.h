// CSV files as the commands read them: a line of column names, then rows.
#pragma once

#include "hw-models/support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace weft::tools {

/// A CSV file: a line of column names, then rows with a cell for each of them. Quotes mean nothing.
struct CsvTable {
  std::string path;
  std::vector<std::string> columns;
  std::vector<std::string> lines;              // as they stand in the file
  std::vector<std::vector<std::string>> cells; // of each line
  std::vector<size_t> lineNumbers;

  /// The cell of a row; empty if there is no such column.
  std::string_view cell(size_t row, std::string_view column) const;
};

/// Errors name file and line; a file without a row is one.
Result<CsvTable> readCsv(const std::string &path);
/// The same of a text; `path` is its name in errors.
Result<CsvTable> parseCsv(std::string_view text, const std::string &path);

} // namespace weft::tools
