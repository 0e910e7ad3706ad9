// Another order of the instructions in a kernel's hot loop: found by trial (explore/tune), kept as text, put into
// machine code that is byte for byte the code it was found for. Plain C++.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::codegen {

/// A stretch of a function without jumps into or out of it but at its ends.
struct Schedule {
  uint64_t digest = 0;         // of the bytes before
  uint32_t bytes = 0;          // of the stretch
  std::vector<uint32_t> order; // the n-th instruction afterwards is this one of before

  bool empty() const { return order.empty(); }
};

/// "<digest> <bytes> 0,2,1,3"; empty for none.
std::string toText(const Schedule &schedule);
/// Errors: another form, an order that is no permutation.
Result<Schedule> parseSchedule(std::string_view text);

uint64_t digestOfCode(const uint8_t *code, size_t bytes);

/// Reorders the stretch in function `kernel`.body, or `kernel`. False, and nothing is changed: no stretch of the
/// function, or more than one, has the schedule's digest and as many instructions.
bool applySchedule(pkg::KernelObjectT &object, const std::string &kernel, const Schedule &schedule);

} // namespace weft::codegen
