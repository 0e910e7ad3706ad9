// What the inputs of an exported decoder are for, by their names and shapes, and the values that they have in a launch.
// The names are those of Optimum, of ONNX Runtime's transformer tools and of ONNX Runtime GenAI.
#pragma once

#include "compiler/frontend/onnx/graph/Import.h"

#include <memory>
#include <optional>

namespace weft::frontend::onnx {

/// The inputs of a graph, if they are those of a text generator.
struct GeneratorInputs {
  enum class Kind { Ids, Mask, Position, LastKey, Total, Past, One, Zero, Cache };
  struct Input {
    const ValueInfo *info;
    Kind kind;
  };
  std::vector<Input> inputs;
  std::string ids, logits;
  std::map<std::string, std::string> caches; // as in GeneratorLaunch
  std::optional<int64_t> tokens, past;       // where the graph has them fixed
};

/// Whether an input says if caches are used, by its name and type.
bool choosesCaches(const ValueInfo &input);

/// Errors say which input or output a generator has no use for, or lacks. `model` outlives the result.
Result<GeneratorInputs> generatorInputs(const Model &model);

/// A launch with these inputs, and the sizes that it gives the model's dimensions.
struct BoundLaunch {
  GeneratorLaunch launch;
  std::map<std::string, int64_t> dims;
};
/// Error: a dimension that has another size.
Result<BoundLaunch> bindLaunch(const GeneratorInputs &inputs, int64_t past, int64_t tokens);

} // namespace weft::frontend::onnx
