#include "runtime/Table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::runtime {
namespace {

size_t width(const std::string &text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

} // namespace

std::string grouped(uint64_t value) {
  std::string digits = std::to_string(value);
  for (size_t at = digits.size(); at > 3;)
    digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string percent(double fraction) { return fmt::format("{:.1f}%", fraction * 100); }

std::vector<std::string> percentages(const std::vector<double> &parts) {
  constexpr int64_t whole = 1000; // tenths of a percent
  const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
  if (!(sum > 0))
    return std::vector<std::string>(parts.size(), "-");
  // Everything is rounded down; what is missing goes to the largest remainders.
  std::vector<int64_t> tenths;
  std::vector<size_t> order;
  auto exact = [&](size_t i) { return parts[i] / sum * double(whole); };
  for (size_t i = 0; i < parts.size(); ++i) {
    tenths.push_back(int64_t(exact(i)));
    order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const double first = exact(a) - double(tenths[a]), second = exact(b) - double(tenths[b]);
    return first != second ? first > second : a < b;
  });
  int64_t missing = whole - std::accumulate(tenths.begin(), tenths.end(), int64_t(0));
  for (size_t i = 0; i < order.size() && missing > 0; ++i, --missing)
    ++tenths[order[i]];
  std::vector<std::string> texts;
  texts.reserve(tenths.size());
  for (int64_t part : tenths)
    texts.push_back(fmt::format("{}.{}%", part / 10, part % 10));
  return texts;
}

std::string bar(double fraction, size_t cells) {
  const auto filled = size_t(std::lround(std::clamp(fraction, 0.0, 1.0) * double(cells)));
  std::string text;
  for (size_t i = 0; i < filled; ++i)
    text += "█";
  return text;
}

std::string Table::text(size_t indent) const {
  std::vector<size_t> widths;
  widths.reserve(columns.size());
  for (const Column &column : columns)
    widths.push_back(width(column.title));
  for (const auto &cells : rows)
    for (size_t i = 0; i < cells.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width(cells[i]));
  std::string text;
  auto line = [&](auto cellOf) {
    std::string out(indent, ' ');
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string cell = cellOf(i);
      const std::string space(widths[i] - width(cell), ' ');
      out += (i ? "  " : "") + (columns[i].align == Align::Left ? cell + space : space + cell);
    }
    out.resize(out.find_last_not_of(' ') + 1);
    text += out + "\n";
  };
  line([&](size_t i) { return columns[i].title; });
  line([&](size_t i) {
    std::string rule;
    for (size_t cell = 0; cell < widths[i]; ++cell)
      rule += "─";
    return rule;
  });
  for (const auto &cells : rows)
    line([&](size_t i) { return i < cells.size() ? cells[i] : std::string(); });
  return text;
}

} // namespace weft::runtime
