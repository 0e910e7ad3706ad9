#include "explore/serve/Trace.h"

#include "runtime/support/CsvTable.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>

namespace weft::explore {

namespace {

constexpr uint32_t mostTokens = 1u << 24;

template <typename T> std::optional<T> numberIn(std::string_view text) {
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

/// Seconds of "2023-11-16 18:17:03.9799600".
std::optional<double> dateIn(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto year = numberIn<int>(text.substr(0, 4));
  const auto month = numberIn<unsigned>(text.substr(5, 2)), day = numberIn<unsigned>(text.substr(8, 2));
  const auto hour = numberIn<unsigned>(text.substr(11, 2)), minute = numberIn<unsigned>(text.substr(14, 2));
  const auto second = numberIn<double>(text.substr(17));
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 || !(*second >= 0) ||
      !(*second < 61))
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok())
    return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return double(days) * 86400 + *hour * 3600.0 + *minute * 60.0 + *second;
}

/// Columns, as the Azure LLM inference dataset names them.
constexpr std::string_view timeColumn = "TIMESTAMP", promptColumn = "ContextTokens", outputColumn = "GeneratedTokens";

std::optional<Request> requestIn(const runtime::CsvTable &table, size_t row) {
  auto time = numberIn<double>(table.cell(row, timeColumn));
  if (!time)
    time = dateIn(table.cell(row, timeColumn));
  const auto prompt = numberIn<uint32_t>(table.cell(row, promptColumn));
  const auto output = numberIn<uint32_t>(table.cell(row, outputColumn));
  if (!time || !std::isfinite(*time) || !prompt || !output || *prompt > mostTokens || *output > mostTokens)
    return std::nullopt;
  return Request{*time, *prompt, *output};
}

} // namespace

Result<std::vector<Request>> readTrace(const std::string &text, const std::string &origin) {
  auto table = runtime::parseCsv(text, origin);
  if (!table)
    return table.takeError();
  for (std::string_view name : {timeColumn, promptColumn, outputColumn})
    if (!table->column(name))
      return userError(fmt::format("{}: there is no column '{}'; the first line of a trace names {}, {} and {}", origin,
                                   name, timeColumn, promptColumn, outputColumn));
  std::vector<Request> requests;
  for (size_t row = 0; row < table->cells.size(); ++row) {
    const size_t number = table->lineNumbers[row];
    const auto request = requestIn(*table, row);
    if (!request)
      return userError(
          fmt::format("{}:{}: a line has a time, the tokens of a prompt and the tokens generated (up to {}), "
                      "e.g. 2023-11-16 18:17:03.97,4808,10 or 0.25,4808,10",
                      origin, number, mostTokens));
    if (!requests.empty() && request->arrival < requests.back().arrival)
      return userError(fmt::format("{}:{}: the time is before that of the line above", origin, number));
    requests.push_back(*request);
  }
  const double first = requests.front().arrival;
  for (Request &request : requests)
    request.arrival -= first;
  return requests;
}

} // namespace weft::explore
