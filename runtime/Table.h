// Aligned tables of text for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::runtime {

/// 1234567 -> "1,234,567".
std::string grouped(uint64_t value);
/// 0.125 -> "12.5%".
std::string percent(double fraction);
/// `parts` as percentages of their sum that add to 100.0%, each at most 0.1% off; "-" for all if the sum is 0.
std::vector<std::string> percentages(const std::vector<double> &parts);
/// `fraction` of `width` cells filled.
std::string bar(double fraction, size_t width);

class Table {
public:
  enum class Align { Left, Right };
  struct Column {
    std::string title;
    Align align = Align::Left;
  };

  explicit Table(std::vector<Column> columns) : columns(std::move(columns)) {}
  /// One cell a column.
  void row(std::vector<std::string> cells) { rows.push_back(std::move(cells)); }
  /// Each line begins with `indent` spaces and ends without any. Widths count UTF-8 characters.
  std::string text(size_t indent = 2) const;

private:
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

} // namespace weft::runtime
