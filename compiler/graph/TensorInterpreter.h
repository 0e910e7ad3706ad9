// The oracle of tensor programs: @main of static tensors in and out, run on this machine.
//
// Bytes are as a program's host sees them: row-major, little-endian, bool a byte of 0 or 1.
#pragma once

#include "compiler/graph/GraphModule.h"
#include "compiler/graph/Interpreter.h"

namespace weft::graph {

/// What crosses the border of a tensor program.
struct TensorSpec {
  std::string name, dtype; // as the attributes say; empty without them
  std::vector<int64_t> shape;
  uint64_t elementBytes = 1;
  uint64_t bytes() const;
};

class TensorInterpreter {
public:
  /// Compiles `function` of a module. The module is copied, not changed. Adds to its context the dialects and
  /// translations that lowering to LLVM needs. Errors: no such function, something that does not lower.
  static Result<TensorInterpreter> create(mlir::ModuleOp module, const std::string &function = mainFunction.str());

  TensorInterpreter(TensorInterpreter &&) noexcept;
  TensorInterpreter &operator=(TensorInterpreter &&) noexcept;
  ~TensorInterpreter();

  const std::vector<TensorSpec> &inputs() const;
  const std::vector<TensorSpec> &outputs() const;

  /// The outputs for `inputs`, in the order of the function. Errors: another number of inputs, or of bytes of one.
  Result<std::vector<std::vector<std::byte>>> run(std::span<const std::span<const std::byte>> inputs,
                                                  const WeightBytes &weights = {}) const;

private:
  struct Program;
  explicit TensorInterpreter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program;
};

} // namespace weft::graph
