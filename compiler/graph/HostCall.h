// One call of a function that `lowerForHost` made; internal to the interpreters.
#pragma once

#include "hw-models/support/Result.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::graph {

int64_t elementsOf(const std::vector<int64_t> &shape);

/// The packed arguments of one call: what stays alive until it returns.
class HostCall {
public:
  void addIndex(int64_t value) { slots.push_back({{value}, false, {}}); }
  void addBuffer(void *data, const std::vector<int64_t> &shape);
  /// Weights lie where their file has them; generated code wants them aligned to their type, and only reads them.
  void addWeight(std::span<const std::byte> bytes, const std::vector<int64_t> &shape, unsigned alignment);

  llvm::Error invoke(mlir::ExecutionEngine &engine, const std::string &entry);

private:
  struct Slot {
    std::vector<int64_t> fields;
    bool byReference;
    std::vector<std::byte> copy;
  };
  std::vector<Slot> slots;
};

Error fromLlvm(const std::string &doing, llvm::Error error);

/// Of a module in the LLVM dialect.
Result<std::unique_ptr<mlir::ExecutionEngine>> compileForHost(mlir::ModuleOp module);

} // namespace weft::graph
