// Linking one relocatable object, in memory and in process. Internal to compiler/codegen.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <vector>

namespace weft::codegen {

/// A shared object that depends on nothing.
Result<std::vector<uint8_t>> linkShared(const std::vector<uint8_t> &object);
/// A static RISC-V executable: code and constants in one read-only segment from `address` on, no headers in it, symbols
/// kept. Writable data or an undefined symbol is an error. The entry is `address`, which means nothing: a
/// caller knows the symbols.
Result<std::vector<uint8_t>> linkStatic(const std::vector<uint8_t> &object, uint64_t address);

} // namespace weft::codegen
