// Any bytes as the description of a unit, and as a list of ports: an Error that names the file, or a unit from which
// everything can be made, never a crash.
#include "kernels/units/description/Generate.h"
#include "kernels/units/description/Ports.h"

#include <cstdlib>

using namespace weft;
using namespace weft::units;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void requireMessage(const Error &error) {
  require(error.fault == Fault::User && error.message.starts_with("fuzz:") && error.message.size() < 4096);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  Result<std::vector<PortDescription>> ports = readPorts(text, "fuzz");
  if (!ports)
    requireMessage(ports.error());
  Result<UnitDescription> unit = readUnit(text, "fuzz");
  if (ports) {
    UnitDescription any;
    any.parameters = {{.name = "dlen", .summary = "", .fallback = 128, .low = 64, .high = 512, .powerOfTwo = true}};
    if (Result<std::string> made = generatePorts(any, *ports, "fuzz"); !made)
      requireMessage(made.error());
  }
  if (!unit) {
    requireMessage(unit.error());
    return 0;
  }
  Descriptions units = {*std::move(unit)};
  if (Result<void> together = checkTogether(units, {}); !together) {
    requireMessage(together.error());
    return 0;
  }
  for (auto generate : {generateTable, generateUnitRows, generateInstructionRows, generateOps, generateOpVerifiers,
                        generatePackage, generateConstants, generateDocument, generateTests})
    require(!generate(units).empty());
  return 0;
}
