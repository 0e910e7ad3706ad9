// Losses that exported training graphs end in, and ops that have no place in a program of fixed shapes and results.
#include "compiler/frontend/onnx/graph/Registry.h"

#include <limits>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// -weight[label] · logProbability[label], reduced as the node asks; classes are dimension 1.
Tensor negativeLogLikelihood(NodeBuilder &n, Tensor logs, Tensor labels, Tensor weights) {
  n.require(logs.rank() >= 2 && labels.rank() == logs.rank() - 1, "labels of [{}] do not fit",
            fmt::join(labels.shape(), ", "));
  const int64_t classes = logs.size(1);
  n.require(!weights || ArrayRef<int64_t>({classes}) == weights.shape(), "weights of [{}] do not fit",
            weights ? fmt::format("{}", fmt::join(weights.shape(), ", ")) : "");
  const bool ignores = n.hasAttribute("ignore_index");
  const int64_t ignored = n.number("ignore_index", 0);
  const ElementType type = computeType(logs.type);
  auto labelAt = [&](ArrayRef<Scalar> i) { return cast(n.at(labels, i), ElementType::Int64); };
  Tensor factors = n.generate(type, labels.shape(), [&](ArrayRef<Scalar> i) {
    Scalar label = labelAt(i), one = constantScalar(n.b, n.loc, type, 1);
    Scalar weight = weights ? cast(n.at(weights, {n.wrapIndex(label, classes)}), type) : one;
    return ignores ? select(equal(label, n.integer(ignored)), one.same(0), weight) : weight;
  });
  Tensor losses = n.generate(type, labels.shape(), [&](ArrayRef<Scalar> i) {
    SmallVector<Scalar> from(i.begin(), i.end());
    from.insert(from.begin() + 1, n.wrapIndex(labelAt(i), classes));
    return -cast(n.at(logs, from), type) * n.at(factors, i);
  });
  const std::string reduction = n.text("reduction", "mean");
  n.require(reduction == "mean" || reduction == "sum" || reduction == "none", "reduction '{}' is not known", reduction);
  if (reduction == "none")
    return n.castTo(losses, logs.type);
  Sizes axes;
  for (int64_t axis = 0; axis < labels.rank(); ++axis)
    axes.push_back(axis);
  Tensor sum = n.reduce(losses, axes, Reduction::Sum, false);
  return n.castTo(reduction == "sum" ? sum : n.divide(sum, n.reduce(factors, axes, Reduction::Sum, false)), logs.type);
}

void nllLoss(NodeBuilder &n) { n.out(0, negativeLogLikelihood(n, n.in(0), n.in(1), n.optional(2))); }

void crossEntropyLoss(NodeBuilder &n) {
  Tensor scores = n.in(0);
  n.require(scores.rank() >= 2, "its scores have {} dimensions", scores.rank());
  Tensor logs = n.castTo(n.softmax(scores, {1}, true), scores.type);
  n.out(0, negativeLogLikelihood(n, logs, n.in(1), n.optional(2)));
  n.out(1, logs);
}

void isRandom(NodeBuilder &n) {
  n.fail("its result is random, and a program gives the same for the same inputs; export the model for inference, or "
         "make the numbers an input");
}

void isText(NodeBuilder &n) {
  n.fail("it works on strings, which cannot be computed with; leave it to what prepares the inputs");
}

void isPicture(NodeBuilder &n) { n.fail("it decodes a file; leave it to what prepares the inputs"); }

} // namespace

void addLoss(Registry &r) {
  r.add("NegativeLogLikelihoodLoss", nllLoss);
  r.add("SoftmaxCrossEntropyLoss", crossEntropyLoss);
  for (const char *op :
       {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"})
    r.add(op, isRandom);
  for (const char *op : {"StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"})
    r.add(op, isText);
  r.add("ImageDecoder", isPicture);
}

} // namespace weft::frontend::onnx
