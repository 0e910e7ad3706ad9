// Sequences and optionals. Their lengths are known at compile time: a sequence is the list of its tensors' values.
#include "compiler/frontend/onnx/graph/Registry.h"

#include <algorithm>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

Bound sequenceIn(NodeBuilder &n, size_t i) {
  Bound bound = n.bound(i);
  n.require(bound.isSequence, "input '{}' is no sequence", n.node.inputs[i]);
  return bound;
}

/// A place among `count`, or just behind them if `behind`; negative ones count from the end.
size_t placeIn(NodeBuilder &n, size_t i, size_t count, bool behind) {
  const auto size = static_cast<int64_t>(count);
  int64_t place = n.mustKnow(i).at(0);
  place += place < 0 ? size : 0;
  n.require(place >= 0 && place < size + (behind ? 1 : 0), "place {} is outside a sequence of {}", place, size);
  return static_cast<size_t>(place);
}

void sequenceConstruct(NodeBuilder &n) {
  std::vector<Tensor> parts = n.all();
  if (!parts.empty())
    n.requireSameType(parts);
  n.outBound(0, {parts, true});
}

void sequenceEmpty(NodeBuilder &n) { n.outBound(0, {{}, true}); }

void sequenceInsert(NodeBuilder &n) {
  Bound sequence = sequenceIn(n, 0);
  const size_t place = n.has(2) ? placeIn(n, 2, sequence.parts.size(), true) : sequence.parts.size();
  sequence.parts.insert(sequence.parts.begin() + static_cast<int64_t>(place), n.in(1));
  n.outBound(0, sequence);
}

void sequenceErase(NodeBuilder &n) {
  Bound sequence = sequenceIn(n, 0);
  n.require(!sequence.parts.empty(), "its sequence is empty");
  const size_t place = n.has(1) ? placeIn(n, 1, sequence.parts.size(), false) : sequence.parts.size() - 1;
  sequence.parts.erase(sequence.parts.begin() + static_cast<int64_t>(place));
  n.outBound(0, sequence);
}

void sequenceAt(NodeBuilder &n) {
  Bound sequence = sequenceIn(n, 0);
  if (n.known(1)) {
    return n.out(0, sequence.parts[placeIn(n, 1, sequence.parts.size(), false)]);
  }
  // A place known only when the program runs: all tensors must be alike.
  n.require(!sequence.parts.empty(), "its sequence is empty");
  std::vector<Tensor> rows;
  for (const Tensor &part : sequence.parts) {
    if (part.value.getType() != sequence.parts[0].value.getType())
      n.decidesShape(1);
    rows.push_back(n.unsqueeze(part, 0));
  }
  Tensor stack = n.concat(rows, 0), place = n.in(1);
  n.out(0, n.generate(stack.type, sequence.parts[0].shape(), [&](ArrayRef<Scalar> i) {
    Scalar row = n.at(place, SmallVector<Scalar>(static_cast<size_t>(place.rank()), n.integer(0)));
    SmallVector<Scalar> from = {n.wrapIndex(row, stack.size(0))};
    from.append(i.begin(), i.end());
    return n.at(stack, from);
  }));
}

void sequenceLength(NodeBuilder &n) {
  n.out(0, n.integers(ElementType::Int64, {static_cast<int64_t>(sequenceIn(n, 0).parts.size())}, {}));
}

void concatFromSequence(NodeBuilder &n) {
  Bound sequence = sequenceIn(n, 0);
  n.require(!sequence.parts.empty(), "its sequence is empty");
  n.requireSameType(sequence.parts);
  const bool stack = n.number("new_axis", 0) != 0;
  const int64_t rank = sequence.parts[0].rank(), axis = n.axisOf(n.number("axis"), rank + (stack ? 1 : 0));
  for (Tensor &part : sequence.parts) {
    n.require(part.rank() == rank, "its tensors have {} and {} dimensions", rank, part.rank());
    for (int64_t d = 0; d < rank; ++d)
      n.require((d == axis && !stack) || part.size(d) == sequence.parts[0].size(d),
                "its tensors differ in dimension {}", d);
    if (stack)
      part = n.unsqueeze(part, axis);
  }
  n.out(0, n.concat(sequence.parts, axis));
}

void splitToSequence(NodeBuilder &n) {
  Tensor x = n.in(0);
  const int64_t axis = n.axisOf(n.number("axis", 0), x.rank()), size = x.size(axis);
  std::vector<int64_t> sizes;
  if (n.has(1) && n.in(1).rank() == 1) {
    sizes = n.mustKnow(1);
  } else {
    const int64_t each = n.has(1) ? n.mustKnow(1).at(0) : 1;
    n.require(each > 0, "it splits into parts of {}", each);
    for (int64_t from = 0; from < size; from += each)
      sizes.push_back(std::min(each, size - from));
  }
  Bound sequence{{}, true};
  int64_t offset = 0;
  for (int64_t part : sizes) {
    n.require(part >= 0 && offset + part <= size, "parts of [{}] do not fit axis {}", fmt::join(sizes, ", "), axis);
    Tensor piece = n.sliceAxis(x, axis, offset, part);
    if (!n.has(1) && !n.number("keepdims", 1)) {
      Sizes shape(piece.shape());
      shape.erase(shape.begin() + axis);
      piece = n.reshape(piece, shape);
    }
    sequence.parts.push_back(piece);
    offset += part;
  }
  n.outBound(0, sequence);
}

/// An optional with a value is that value; one without is a null tensor.
void optionalOp(NodeBuilder &n) { n.outBound(0, n.has(0) ? n.bound(0) : Bound{{Tensor{}}, false}); }

void optionalHasElement(NodeBuilder &n) { n.out(0, n.integers(ElementType::Bool, {n.has(0) ? 1 : 0}, {})); }

void optionalGetElement(NodeBuilder &n) {
  n.require(n.has(0), "its optional has no value");
  n.outBound(0, n.bound(0));
}

/// The body for each of a sequence's tensors; other inputs are the same for all, or sequences of the same length.
void sequenceMap(NodeBuilder &n) {
  const size_t count = sequenceIn(n, 0).parts.size();
  std::vector<Bound> results(n.outputs(), Bound{{}, true});
  for (size_t k = 0; k < count; ++k) {
    std::vector<Bound> arguments;
    for (size_t i = 0; i < n.inputs(); ++i) {
      Bound bound = n.bound(i);
      n.require(!bound.isSequence || bound.parts.size() == count, "its sequences have {} and {} tensors", count,
                bound.parts.size());
      arguments.push_back(bound.isSequence ? Bound{{bound.parts[k]}, false} : bound);
    }
    std::vector<Bound> made = n.runGraph("body", arguments);
    n.require(made.size() >= results.size(), "its body gives {} results", made.size());
    for (size_t i = 0; i < results.size(); ++i)
      results[i].parts.push_back(made[i].parts.at(0));
  }
  for (size_t i = 0; i < results.size(); ++i)
    n.outBound(i, results[i]);
}

} // namespace

void addSequence(Registry &r) {
  r.add("SequenceConstruct", sequenceConstruct);
  r.add("SequenceEmpty", sequenceEmpty);
  r.add("SequenceInsert", sequenceInsert);
  r.add("SequenceErase", sequenceErase);
  r.add("SequenceAt", sequenceAt);
  r.add("SequenceLength", sequenceLength);
  r.add("ConcatFromSequence", concatFromSequence);
  r.add("SplitToSequence", splitToSequence);
  r.add("SequenceMap", sequenceMap);
  r.add("Optional", optionalOp);
  r.add("OptionalHasElement", optionalHasElement);
  r.add("OptionalGetElement", optionalGetElement);
}

} // namespace weft::frontend::onnx
