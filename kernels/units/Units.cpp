#include "kernels/units/Units.h"

#include <algorithm>

using namespace weft::units;

const Unit *weft::units::find(std::string_view name) {
  auto found = std::find_if(all().begin(), all().end(), [&](const Unit &unit) { return unit.name == name; });
  return found == all().end() ? nullptr : &*found;
}

const Form *weft::units::formOf(const Instruction &instruction, uint32_t sewBits, bool alternate) {
  for (const Form &form : instruction.forms)
    if (form.sewBits == sewBits && form.alternate == alternate)
      return &form;
  return nullptr;
}
