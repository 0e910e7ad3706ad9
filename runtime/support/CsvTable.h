// CSV files as the commands read them: a line of column names, then rows.
#pragma once

#include "hw-models/support/Result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

/// A CSV file: a line of column names, then rows with a cell for each of them. A cell may stand in quotes, with "" for
/// one of them; it does not go over several lines.
struct CsvTable {
  std::string path;
  std::vector<std::string> columns;
  std::vector<std::string> lines;              // as they stand in the file
  std::vector<std::vector<std::string>> cells; // of each line
  std::vector<size_t> lineNumbers;

  std::optional<size_t> column(std::string_view name) const;
  /// The cell of a row; empty if there is no such column.
  std::string_view cell(size_t row, std::string_view column) const;
  /// Some of the rows, in the order of `rows`.
  CsvTable chosen(const std::vector<size_t> &rows) const;
};

/// Errors name file and line: rows longer or shorter than the header, two columns of one name, no row at all.
Result<CsvTable> readCsv(const std::string &path);
/// The same of a text; `path` is its name in errors.
Result<CsvTable> parseCsv(std::string_view text, const std::string &path);

} // namespace weft::runtime
