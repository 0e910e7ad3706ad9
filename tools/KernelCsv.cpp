// `weft kernel KIND --csv`: a request a row.
#include "runtime/support/WriteFile.h"
#include "tools/KernelRows.h"
#include "tools/Terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <optional>
#include <thread>

namespace weft::tools {

using algorithms::Kind;
using algorithms::Request;

namespace {

/// The numbers of one row by column.
class Row {
public:
  Row(const runtime::CsvTable &table, size_t index) : table(table), index(index) {}

  bool has(const std::string &column) const { return table.column(column).has_value(); }
  Result<int64_t> number(const std::string &column) const {
    auto at = table.column(column);
    if (!at)
      return userError(fmt::format("there is no column {}; the file has {}", column, fmt::join(table.columns, ", ")));
    const std::string &cell = table.cells[index][*at];
    int64_t value = 0;
    auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != cell.data() + cell.size())
      return userError(fmt::format("column {}: '{}' is no whole number", column, cell));
    if (value < 1 || value > (int64_t{1} << 28))
      return userError(fmt::format("column {}: {} is outside 1 to 2^28", column, value));
    return value;
  }

private:
  const runtime::CsvTable &table;
  size_t index;
};

/// How the extents of a kind stand in the reference files: of the whole, and on a core, of which there are P along it.
struct Extent {
  const char *whole, *tile;
};

Result<std::vector<int64_t>> shapeOf(const Row &row, Kind kind, int64_t cores) {
  std::vector<Extent> extents = {{"M", "Mt"}, {"N", "Nt"}};
  if (kind == Kind::Gemm)
    extents = {{"M", "Mt"}, {"K", "Kt"}, {"N", "Nt"}};
  const bool ofCore = kind != Kind::Gemm && kind != Kind::Gemv;
  std::vector<int64_t> shape;
  for (const Extent &extent : extents) {
    if (kind == Kind::Gemm && row.has("size") && !row.has("M") && !row.has("Mt")) {
      auto size = row.number("size");
      if (!size)
        return size.takeError();
      shape.push_back(*size);
      continue;
    }
    const bool whole = !ofCore && row.has(extent.whole);
    auto value = row.number(whole ? extent.whole : extent.tile);
    if (!value)
      return value.takeError();
    shape.push_back(whole || ofCore ? *value : *value * cores);
  }
  return shape;
}

Result<Request> requestOf(const Row &row, const Request &common) {
  Request request = common;
  auto cores = row.number("P");
  if (!cores)
    return cores.takeError();
  request.width = request.height = static_cast<uint32_t>(*cores);
  auto shape = shapeOf(row, request.kind, *cores);
  if (!shape)
    return shape.takeError();
  request.shape = std::move(*shape);
  auto settings = request.settings.all();
  for (auto [column, setting] : {std::pair("group_num", "groups"), std::pair("L_hops", "hops")})
    if (row.has(column) && !settings.contains(setting)) {
      auto value = row.number(column);
      if (!value)
        return value.takeError();
      settings[setting] = std::to_string(*value);
    }
  request.settings = algorithms::Settings(std::move(settings));
  return request;
}

std::string timesOf(const KernelOutcome &outcome) {
  const ErrorBar &error = outcome.error;
  return fmt::format("{:.2f},{:.2f},{:.2f},{:.2f},{},{:d}", outcome.cycles, outcome.compute, outcome.communicate,
                     outcome.wait, error.rows ? fmt::format("{:.2f}", 100 * error.meanAbsolute) : "",
                     error.extrapolated);
}

} // namespace

Result<std::vector<Request>> requestsOf(const runtime::CsvTable &table, const Request &common) {
  std::vector<Request> requests;
  for (size_t i = 0; i < table.lines.size(); ++i) {
    auto each = requestOf(Row(table, i), common);
    if (!each)
      return Error{fmt::format("{}:{}: {}", table.path, table.lineNumbers[i], each.error().message),
                   each.error().fault};
    requests.push_back(std::move(*each));
  }
  return requests;
}

/// A row with most cores first, since it takes longest.
Result<std::vector<KernelOutcome>> runRequests(const runtime::CsvTable &table, const std::vector<Request> &requests,
                                               const hw::Hardware &hardware, const Tool &tool,
                                               const Progress &progress) {
  std::vector<size_t> order(requests.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::ranges::sort(
      order, [&](size_t a, size_t b) { return std::pair(requests[b].width, a) < std::pair(requests[a].width, b); });
  std::vector<KernelOutcome> outcomes(requests.size());
  std::atomic<size_t> next = 0;
  std::mutex guard;
  std::optional<std::pair<size_t, Error>> failure; // of the first row that fails: rows before it still run
  size_t done = 0;
  auto isWanted = [&](size_t row) {
    std::lock_guard lock(guard);
    return !failure || row < failure->first;
  };
  auto work = [&] {
    for (size_t taken = next++; taken < order.size(); taken = next++) {
      const size_t row = order[taken];
      if (!isWanted(row))
        continue;
      auto outcome = runTimes(requests[row], hardware, tool);
      std::lock_guard lock(guard);
      if (progress)
        progress(++done, order.size());
      if (outcome)
        outcomes[row] = std::move(*outcome);
      else if (!failure || row < failure->first)
        failure.emplace(row, outcome.takeError());
    }
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    others.emplace_back(work);
  work();
  others.clear();
  if (failure) {
    failure->second.message =
        fmt::format("{}:{}: {}", table.path, table.lineNumbers[failure->first], failure->second.message);
    return std::move(failure->second);
  }
  return outcomes;
}

Result<void> predictRows(const std::string &path, const std::string &output, const Request &request,
                         const hw::Hardware &hardware, const Tool &tool) {
  auto table = runtime::readCsv(path);
  if (!table)
    return table.takeError();
  // `cycles` is the prediction in every file that is written; one that came in was measured.
  if (table->column("cycles") && table->column("measured_cycles"))
    return userError(fmt::format("{}: it has both cycles and measured_cycles, which cycles becomes; rename one", path));
  if (output != "-")
    if (auto writable = runtime::checkWritable(output); !writable)
      return writable;
  auto requests = requestsOf(*table, request);
  if (!requests)
    return requests.takeError();
  ProgressBar bar("rows");
  auto outcomes = runRequests(*table, *requests, hardware, tool, [&](size_t done, size_t all) {
    bar.update(static_cast<double>(done) / static_cast<double>(all), fmt::format("{} of {}", done, all));
  });
  bar.clear();
  if (!outcomes)
    return outcomes.takeError();
  std::ranges::replace(table->columns, std::string("cycles"), std::string("measured_cycles"));
  std::string text =
      fmt::format("{},cycles,compute,communicate,wait,error_percent,extrapolated\n", fmt::join(table->columns, ","));
  for (size_t i = 0; i < table->lines.size(); ++i)
    text += fmt::format("{},{}\n", table->lines[i], timesOf((*outcomes)[i]));
  if (output == "-") {
    fmt::print("{}", text);
    return success();
  }
  return runtime::writeFile(output, text);
}

} // namespace weft::tools
