#include "explore/serve/Trace.h"

#include <fmt/format.h>

#include <array>
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

std::optional<std::array<std::string_view, 3>> columnsOf(std::string_view line) {
  const size_t first = line.find(','), second = first == line.npos ? line.npos : line.find(',', first + 1);
  if (second == line.npos || line.find(',', second + 1) != line.npos)
    return std::nullopt;
  return std::array{line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)};
}

std::optional<Request> requestIn(std::string_view line) {
  const auto columns = columnsOf(line);
  if (!columns)
    return std::nullopt;
  auto time = numberIn<double>((*columns)[0]);
  if (!time)
    time = dateIn((*columns)[0]);
  const auto prompt = numberIn<uint32_t>((*columns)[1]), output = numberIn<uint32_t>((*columns)[2]);
  if (!time || !std::isfinite(*time) || !prompt || !output || *prompt > mostTokens || *output > mostTokens)
    return std::nullopt;
  return Request{*time, *prompt, *output};
}

} // namespace

Result<std::vector<Request>> readTrace(const std::string &text, const std::string &origin) {
  std::vector<Request> requests;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    if (++number == 1 || line.empty()) // the head
      continue;
    const auto request = requestIn(line);
    if (!request)
      return userError(
          fmt::format("{}:{}: a line has a time, the tokens of a prompt and the tokens generated (up to {}), "
                      "e.g. 2023-11-16 18:17:03.97,4808,10 or 0.25,4808,10",
                      origin, number, mostTokens));
    if (!requests.empty() && request->arrival < requests.back().arrival)
      return userError(fmt::format("{}:{}: the time is before that of the line above", origin, number));
    requests.push_back(*request);
  }
  if (requests.empty())
    return userError(fmt::format("{}: no request; a head and a line each are wanted", origin));
  const double first = requests.front().arrival;
  for (Request &request : requests)
    request.arrival -= first;
  return requests;
}

} // namespace weft::explore
