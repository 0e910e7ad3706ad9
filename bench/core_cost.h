// What one call of a kernel costs on rvv-lab's core: the instruction-set simulator under its timing model.
#pragma once

#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::bench {

struct Cost {
  double instructions = 0, cycles = 0;
};

/// Compiles `module` for the core with `units`, "[]" or "[dot, exp]", and calls kernel `name` with operands of these
/// sizes; values do not matter and are zero.
Result<Cost> costOnCore(mlir::ModuleOp module, const std::string &name, const char *units,
                        const std::vector<uint32_t> &operandBytes, const std::vector<int64_t> &scalars);

} // namespace weft::bench
