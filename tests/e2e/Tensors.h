// A tensor program compiled and run on a mesh, and interpreted at the graph level.
#pragma once

#include "compiler/graph/TensorInterpreter.h"
#include "tests/e2e/Runner.h"

#include "mlir/IR/MLIRContext.h"

#include <random>

namespace weft::test {

using Bytes = std::vector<std::byte>;

/// One launch of a package's tensor program.
std::vector<Bytes> runProgram(const runtime::Package &package, const std::vector<Bytes> &inputs, bool simulate = false);

/// Text of a module, its interpretation and its runs.
class TensorCase {
public:
  explicit TensorCase(const std::string &text);
  ~TensorCase();

  const std::vector<graph::TensorSpec> &inputs() const { return oracle->inputs(); }
  const std::vector<graph::TensorSpec> &outputs() const { return oracle->outputs(); }

  std::vector<Bytes> interpret(const std::vector<Bytes> &inputs) const;
  /// Compiles for the mesh and launches once. The compilation is kept for `compiled`.
  std::vector<Bytes> run(MeshSize mesh, const std::vector<Bytes> &inputs, const std::string &hardware = "rvv-mesh-16",
                         bool simulate = false);
  const compiler::Compilation &compiled() const { return compilation; }

private:
  std::string path;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<graph::TensorInterpreter> oracle;
  compiler::Compilation compilation;
};

/// Values for each input: numbers around zero, with infinities and NaN if `wild`; integers below 8; booleans.
std::vector<Bytes> randomInputs(const std::vector<graph::TensorSpec> &specs, std::mt19937 &random, bool wild = false);

/// Checks that two tensors agree within rtol * |expected| + atol, elements of `dtype`.
void checkClose(const Bytes &seen, const Bytes &expected, const std::string &dtype, double rtol, double atol);

} // namespace weft::test
