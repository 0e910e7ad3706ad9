// Arithmetic over named numbers, for derived keys and constraints. Debian has no maintained library for it that is
// worth its weight (exprtk is not packaged), and the grammar is a page.
//
//   or      = and {"or" and}            comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
//   and     = not {"and" not}           sum        = product {("+" | "-") product}
//   not     = "not" not | comparison    product    = unary {("*" | "/") unary}
//   unary   = "-" unary | primary       primary    = NUMBER | NAME | FUNCTION "(" or {"," or} ")" | "(" or ")"
//
// A NAME has letters, digits, '_' and points. Functions: min and max of one or more; floor, ceil, round, sqrt, abs,
// log2 of one. True is 1, false is 0, and everything but 0 is true.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::explore {

class Expression {
public:
  /// Errors say what is wrong with the text, and where; they name no file.
  static Result<Expression> parse(std::string_view text);

  const std::string &text() const { return source; }
  /// Each name once, in the order of the text.
  const std::vector<std::string> &names() const { return used; }
  /// `values` has one for each of names(). Not a number where the arithmetic has none (0/0, sqrt(-1)) or a value is
  /// none.
  double evaluate(std::span<const double> values) const;

  /// What a comparison of something with a plain number allows: "a.b * 2 <= 3" is {"a.b * 2", -inf, 3}.
  struct Bound {
    std::string what;
    double low, high;
    bool strictLow = false, strictHigh = false;
  };
  /// Absent if the text is no such comparison.
  std::optional<Bound> bound() const;

private:
  friend class ExpressionParser;
  enum class Op : uint8_t {
    Number,
    Name,
    Negate,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Min,
    Max,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Abs,
    Log2
  };
  /// In postfix order: operands before what takes them.
  struct Node {
    Op op;
    uint32_t index = 0; // of a name; of Min and Max how many operands
    double number = 0;
    uint32_t begin = 0, end = 0; // of the text that it stands for
  };
  std::string source;
  std::vector<std::string> used;
  std::vector<Node> nodes;
};

} // namespace weft::explore
