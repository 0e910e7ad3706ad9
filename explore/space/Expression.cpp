#include "explore/space/Expression.h"

#include "hw-models/Yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace weft::explore {

namespace {

constexpr size_t maxBytes = 1024; // of a text; also bounds the stack of evaluate()
constexpr int maxDepth = 32;

bool isNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool isNamePart(char c) { return isNameStart(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '.'; }

} // namespace

/// Recursive descent; one object a text.
class ExpressionParser {
public:
  explicit ExpressionParser(std::string_view text) { out.source = text; }

  Result<Expression> run() {
    if (out.source.size() > maxBytes)
      return userError(fmt::format("the expression has {} bytes; allowed: {}", out.source.size(), maxBytes));
    if (parseOr(0) && skipBlanks() < out.source.size())
      fail("what follows is left over");
    if (!problem.empty())
      return userError(problem);
    return std::move(out);
  }

private:
  using Op = Expression::Op;

  bool fail(std::string_view why) {
    if (problem.empty())
      problem = at >= out.source.size()
                    ? fmt::format("{}: {}, at its end", hw::inQuotes(out.source), why)
                    : fmt::format("{}: {}, at {}", hw::inQuotes(out.source), why, hw::inQuotes(rest().substr(0, 16)));
    return false;
  }

  std::string_view rest() const { return std::string_view(out.source).substr(at); }

  size_t skipBlanks() {
    while (at < out.source.size() && (out.source[at] == ' ' || out.source[at] == '\t' || out.source[at] == '\n'))
      ++at;
    return at;
  }

  bool take(std::string_view token) {
    skipBlanks();
    if (!rest().starts_with(token))
      return false;
    const size_t after = at + token.size();
    if (isNameStart(token[0]) && after < out.source.size() && isNamePart(out.source[after]))
      return false; // "order" is not "or"
    at = after;
    return true;
  }

  void push(Op op, size_t begin, uint32_t index = 0, double number = 0) {
    out.nodes.push_back({op, index, number, uint32_t(begin), uint32_t(at)});
  }

  bool parseOr(int depth) {
    const size_t begin = skipBlanks();
    if (!parseAnd(depth))
      return false;
    while (take("or")) {
      if (!parseAnd(depth))
        return false;
      push(Op::Or, begin);
    }
    return true;
  }

  bool parseAnd(int depth) {
    const size_t begin = skipBlanks();
    if (!parseNot(depth))
      return false;
    while (take("and")) {
      if (!parseNot(depth))
        return false;
      push(Op::And, begin);
    }
    return true;
  }

  bool parseNot(int depth) {
    const size_t begin = skipBlanks();
    if (!take("not"))
      return parseComparison(depth);
    if (depth >= maxDepth)
      return fail("it is nested too deeply");
    if (!parseNot(depth + 1))
      return false;
    push(Op::Not, begin);
    return true;
  }

  bool parseComparison(int depth) {
    const size_t begin = skipBlanks();
    if (!parseSum(depth))
      return false;
    constexpr std::pair<std::string_view, Op> operators[] = {{"<=", Op::LessEqual}, {">=", Op::GreaterEqual},
                                                             {"==", Op::Equal},     {"!=", Op::NotEqual},
                                                             {"<", Op::Less},       {">", Op::Greater}};
    for (const auto &[token, op] : operators)
      if (take(token)) {
        if (!parseSum(depth))
          return false;
        push(op, begin);
        return true;
      }
    return true;
  }

  bool parseSum(int depth) {
    const size_t begin = skipBlanks();
    if (!parseProduct(depth))
      return false;
    for (;;) {
      const bool isPlus = take("+");
      if (!isPlus && !take("-"))
        return true;
      if (!parseProduct(depth))
        return false;
      push(isPlus ? Op::Add : Op::Subtract, begin);
    }
  }

  bool parseProduct(int depth) {
    const size_t begin = skipBlanks();
    if (!parseUnary(depth))
      return false;
    for (;;) {
      const bool isTimes = take("*");
      if (!isTimes && !take("/"))
        return true;
      if (!parseUnary(depth))
        return false;
      push(isTimes ? Op::Multiply : Op::Divide, begin);
    }
  }

  bool parseUnary(int depth) {
    const size_t begin = skipBlanks();
    if (!take("-"))
      return parsePrimary(depth);
    if (depth >= maxDepth)
      return fail("it is nested too deeply");
    if (!parseUnary(depth + 1))
      return false;
    push(Op::Negate, begin);
    return true;
  }

  bool parsePrimary(int depth) {
    const size_t begin = skipBlanks();
    if (depth >= maxDepth)
      return fail("it is nested too deeply");
    if (take("(")) {
      if (!parseOr(depth + 1))
        return false;
      return take(")") || fail("a ) is missing");
    }
    if (at >= out.source.size())
      return fail("a number or a name is missing");
    if (isNameStart(out.source[at]))
      return parseName(begin, depth);
    if (std::isdigit(static_cast<unsigned char>(out.source[at])) || out.source[at] == '.')
      return parseNumber(begin);
    return fail("a number or a name is missing");
  }

  bool parseNumber(size_t begin) {
    double number = 0;
    auto [end, code] = std::from_chars(out.source.data() + at, out.source.data() + out.source.size(), number);
    if (code != std::errc() || !std::isfinite(number))
      return fail("no number that can be written down");
    at = size_t(end - out.source.data());
    if (at < out.source.size() && isNamePart(out.source[at]))
      return fail("a number runs into a name");
    push(Op::Number, begin, 0, number);
    return true;
  }

  bool parseName(size_t begin, int depth) {
    size_t end = at;
    while (end < out.source.size() && isNamePart(out.source[end]))
      ++end;
    const std::string name = out.source.substr(at, end - at);
    if (name == "and" || name == "or" || name == "not" || name.back() == '.')
      return fail("a number or a name is missing");
    at = end;
    if (take("("))
      return parseCall(name, begin, depth);
    auto found = std::find(out.used.begin(), out.used.end(), name);
    const auto index = uint32_t(found - out.used.begin());
    if (found == out.used.end())
      out.used.push_back(name);
    push(Op::Name, begin, index);
    return true;
  }

  bool parseCall(const std::string &name, size_t begin, int depth) {
    constexpr std::pair<std::string_view, Op> functions[] = {
        {"min", Op::Min},     {"max", Op::Max},   {"floor", Op::Floor}, {"ceil", Op::Ceil},
        {"round", Op::Round}, {"sqrt", Op::Sqrt}, {"abs", Op::Abs},     {"log2", Op::Log2}};
    auto function = std::find_if(std::begin(functions), std::end(functions), [&](auto &f) { return f.first == name; });
    if (function == std::end(functions)) {
      at = begin;
      return fail("no such function; there are min, max, floor, ceil, round, sqrt, abs and log2");
    }
    uint32_t operands = 0;
    do {
      if (!parseOr(depth + 1))
        return false;
      ++operands;
    } while (take(","));
    if (!take(")"))
      return fail("a ) is missing");
    if (operands != 1 && function->second != Op::Min && function->second != Op::Max)
      return fail(fmt::format("{} takes one number", name));
    push(function->second, begin, operands);
    return true;
  }

  Expression out;
  size_t at = 0;
  std::string problem;
};

Result<Expression> Expression::parse(std::string_view text) { return ExpressionParser(text).run(); }

double Expression::evaluate(std::span<const double> values) const {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  double stack[maxBytes];
  size_t top = 0; // one past the last
  auto unary = [&](auto apply) { stack[top - 1] = apply(stack[top - 1]); };
  auto binary = [&](auto apply) {
    --top;
    stack[top - 1] = apply(stack[top - 1], stack[top]);
  };
  // A comparison with what is not a number is neither true nor false.
  auto compare = [&](auto apply) {
    binary([&](double a, double b) { return std::isnan(a) || std::isnan(b) ? none : double(apply(a, b)); });
  };
  auto extreme = [&](uint32_t operands, auto isBetter) {
    for (; operands > 1; --operands)
      binary([&](double a, double b) { return std::isnan(a) || std::isnan(b) ? none : isBetter(a, b) ? a : b; });
  };
  for (const Node &node : nodes)
    switch (node.op) {
    case Op::Number:
      stack[top++] = node.number;
      break;
    case Op::Name:
      stack[top++] = values[node.index];
      break;
    case Op::Negate:
      unary([](double a) { return -a; });
      break;
    case Op::Not:
      unary([](double a) { return std::isnan(a) ? a : double(a == 0); });
      break;
    case Op::Add:
      binary([](double a, double b) { return a + b; });
      break;
    case Op::Subtract:
      binary([](double a, double b) { return a - b; });
      break;
    case Op::Multiply:
      binary([](double a, double b) { return a * b; });
      break;
    case Op::Divide:
      binary([](double a, double b) { return b == 0 ? none : a / b; });
      break;
    case Op::Less:
      compare(std::less<>());
      break;
    case Op::LessEqual:
      compare(std::less_equal<>());
      break;
    case Op::Greater:
      compare(std::greater<>());
      break;
    case Op::GreaterEqual:
      compare(std::greater_equal<>());
      break;
    case Op::Equal:
      compare(std::equal_to<>());
      break;
    case Op::NotEqual:
      compare(std::not_equal_to<>());
      break;
    case Op::And:
      compare([](double a, double b) { return a != 0 && b != 0; });
      break;
    case Op::Or:
      compare([](double a, double b) { return a != 0 || b != 0; });
      break;
    case Op::Min:
      extreme(node.index, std::less<>());
      break;
    case Op::Max:
      extreme(node.index, std::greater<>());
      break;
    case Op::Floor:
      unary([](double a) { return std::floor(a); });
      break;
    case Op::Ceil:
      unary([](double a) { return std::ceil(a); });
      break;
    case Op::Round:
      unary([](double a) { return std::round(a); });
      break;
    case Op::Sqrt:
      unary([](double a) { return std::sqrt(a); });
      break;
    case Op::Abs:
      unary([](double a) { return std::abs(a); });
      break;
    case Op::Log2:
      unary([](double a) { return a > 0 ? std::log2(a) : none; });
      break;
    }
  return stack[0];
}

std::optional<Expression::Bound> Expression::bound() const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (nodes.size() < 3)
    return std::nullopt;
  const Node &last = nodes.back(), &right = nodes[nodes.size() - 2];
  if (last.op < Op::Less || last.op > Op::Equal || right.op != Op::Number)
    return std::nullopt;
  // The left operand ends where the one on the right begins.
  const Node &left = nodes[nodes.size() - 3];
  std::string what;
  for (char c : source.substr(last.begin, left.end - last.begin))
    if (c != ' ' && c != '\t' && c != '\n')
      what += c;
  Bound bound{std::move(what), -infinity, infinity};
  if (last.op == Op::Less || last.op == Op::LessEqual || last.op == Op::Equal)
    bound.high = right.number;
  if (last.op == Op::Greater || last.op == Op::GreaterEqual || last.op == Op::Equal)
    bound.low = right.number;
  bound.strictHigh = last.op == Op::Less;
  bound.strictLow = last.op == Op::Greater;
  return bound;
}

} // namespace weft::explore
