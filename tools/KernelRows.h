// Files of requests, a row each: what `weft kernel --csv` and `weft hw validate wafer` read and run.
#pragma once

#include "tools/KernelRun.h"

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

/// The request of each row; `common` gives what the columns do not.
Result<std::vector<algorithms::Request>> requestsOf(const CsvTable &table, const algorithms::Request &common);

/// What the requests come to, in their order. Threads take the next one each. The error is that of the first row that
/// fails and names it.
Result<std::vector<KernelOutcome>> runRequests(const CsvTable &table, const std::vector<algorithms::Request> &requests,
                                               const hw::Hardware &hardware, const Tool &tool);

} // namespace weft::tools
