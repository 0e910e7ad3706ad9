// Which ops of transformers are found in a graph, once it is known to compute what it did without them.
#pragma once

#include "tests/onnx/GraphMaker.h"

#include <catch2/catch.hpp>

namespace weft::test {

using Counts = std::map<std::string, int64_t>;

inline Computed take(Result<Computed> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// Ops of xf in the raised graph, after its outputs have been compared with those of the graph as it is.
inline Counts raisedAndEqual(const frontend::onnx::Model &model, double tolerance = 2e-5) {
  std::vector<std::vector<std::byte>> inputs;
  for (const frontend::onnx::ValueInfo &input : model.graph.inputs)
    inputs.push_back(randomInput(input, static_cast<uint32_t>(inputs.size() + 3)));
  Computed plain = take(compute(model, inputs, false)), raised = take(compute(model, inputs, true));
  CHECK(plain.raised.empty());
  REQUIRE(plain.outputs.size() == raised.outputs.size());
  for (size_t i = 0; i < plain.outputs.size(); ++i)
    CHECK(relativeError(raised.floats(i), plain.floats(i)) < tolerance);
  return raised.raised;
}

} // namespace weft::test
