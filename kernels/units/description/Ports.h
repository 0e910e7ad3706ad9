// The ports of a unit's module: a list for each kind of interface (kernels/units/ports), whose widths depend on the
// module's parameters.
#pragma once

#include "kernels/units/description/Description.h"

#include <string>
#include <vector>

namespace weft::units {

struct PortDescription {
  std::string name, width; // the width as written: "DLEN / 8"
  bool isOutput = false;
  int line = 0;
};

/// A map of ports by name: {direction: input or output, width: …}.
Result<std::vector<PortDescription>> readPorts(const std::string &text, const std::string &origin);

/// The unit's ports with the defaults of its parameters, "input issue_id_i 4" a line: what the module must have. Errors
/// name `origin` and the port's line.
Result<std::string> generatePorts(const UnitDescription &unit, const std::vector<PortDescription> &ports,
                                  const std::string &origin);

} // namespace weft::units
