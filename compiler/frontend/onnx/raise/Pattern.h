// Looks backwards from a value of the main graph: which node made it, and which constants went in.
#pragma once

#include "compiler/frontend/onnx/graph/Importer.h"

#include "llvm/ADT/StringRef.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

/// float32 and what is computed in it when raised: the halves.
inline bool isReal(ElementType type) { return isFloat(type) && type != ElementType::Double; }

class Pattern {
public:
  Pattern(Importer &importer, Scope &scope) : importer(importer), scope(scope) {}

  /// What is asked about from now on may be made by `node`.
  void add(const Node &node);

  /// The value without what does not change it: Identity, Dropout, Cast to its own type or between floats, which what
  /// is raised computes in float32 throughout.
  std::string source(const std::string &name);
  /// x of which `name` is the transpose that exchanges heads and tokens, [batch, heads, tokens, size].
  std::optional<std::string> headsTurned(const std::string &name);
  /// From now on `name` is only another name of `first`.
  void setSame(const std::string &name, const std::string &first) { same[name] = first; }
  /// The node that makes `name` (its source) as its first output, if it is an `op` of ONNX or of ONNX Runtime; null: it
  /// is none.
  const Node *madeBy(const std::string &name, llvm::StringRef op);
  /// The node that makes `name`, as any of its outputs, and which.
  std::pair<const Node *, size_t> maker(const std::string &name);

  /// Null: `name` is not a tensor.
  Tensor value(const std::string &name);
  /// The numbers of a constant; none: it is not known at compile time.
  std::optional<std::vector<double>> numbers(const std::string &name);
  std::optional<std::vector<int64_t>> integers(const std::string &name);
  std::optional<double> number(const std::string &name);
  std::optional<std::vector<double>> numbers(Tensor tensor);
  /// `count` rows of a table that is known, from row `first` on.
  std::optional<std::vector<double>> tableRows(const std::string &name, int64_t first, int64_t count);
  bool isNumber(const std::string &name, double wanted);
  /// Whether a number that was read beside `value` is `wanted` as numbers of its type can say it.
  bool isAbout(const std::string &value, double number, double wanted);
  /// Whether no input of the program is behind it.
  bool isWeight(const std::string &name);

  struct WithNumber {
    std::string other;
    double number = 0;
  };
  /// `name` = other * number, written as Mul or Div.
  std::optional<WithNumber> scaled(const std::string &name);
  /// `name` = other + number, written as Add or Sub.
  std::optional<WithNumber> shifted(const std::string &name);
  /// The two operands of a node of kind `op`.
  std::optional<std::pair<std::string, std::string>> operands(const std::string &name, llvm::StringRef op);
  /// Of the two operands of `op`, that one for which `first` holds, then the other.
  std::optional<std::pair<std::string, std::string>> operands(const std::string &name, llvm::StringRef op,
                                                              llvm::function_ref<bool(const std::string &)> first);
  /// `name` is the `wanted`-th power of the result, as Pow or Mul with itself.
  std::optional<std::string> squared(const std::string &name);

  struct Part {
    std::string whole;
    int64_t axis = 0, offset = 0, size = 0;
  };
  /// `name` as neighbouring entries of one dimension of another value: an output of Split, a Slice, one
  /// entry by Gather.
  std::optional<Part> partOf(const std::string &name);
  /// The same of the last entry of a dimension alone, by Slice or Gather; `axis` is that of the whole.
  std::optional<Part> lastOf(const std::string &name);

  /// Whether a node reduces or normalises the last dimension alone, by attribute or second input.
  bool overLastAxis(const Node &node, const std::string &attribute);

  Importer &importer;
  Scope &scope;

private:
  std::map<std::string, std::pair<const Node *, size_t>> makers;
  std::map<std::string, std::string> same; // by name
  std::map<std::string, std::optional<std::vector<double>>> memo;
};

} // namespace weft::frontend::onnx
