// Numbers of a description that depend on the module's parameters: "5 + VLEN / DLEN". Private to
// kernels/units/description.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::units {

struct NamedValue {
  std::string name; // as the expression writes it: "DLEN"
  uint64_t value = 0;
};

/// The value, 1 to `high`. Throws a Refusal without a place. Every text that passes means the same in C++.
uint64_t evaluate(std::string_view text, std::span<const NamedValue> parameters, uint64_t high);

} // namespace weft::units
