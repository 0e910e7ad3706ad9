// The operands of an instruction's text.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::validation {

/// A letter for each operand of a format of the simulator's table, without the mask: v a vector register, x and f
/// scalar ones, i a number, a an address. Empty for formats that are not of vector instructions.
std::string_view operandKinds(std::string_view format);

/// "v8"; nullopt for all that is no vector register.
std::optional<uint8_t> vectorRegister(std::string_view operand);

/// An error that names the operand which is not of its kind.
Result<void> checkOperands(std::string_view kinds, const std::vector<std::string> &operands);

} // namespace weft::validation
