// What `weft hw validate wafer` found, as the table that error bars are made of: hw-models/validation/wafer/errors.csv.
#pragma once

#include "tools/ErrorBar.h"
#include "tools/WaferReference.h"

namespace weft::tools {

std::vector<WaferErrors> errorsOf(std::span<const WaferFile> files);
/// With a header line, in the order of errorsOf.
std::string errorsCsv(std::span<const WaferErrors> errors);

} // namespace weft::tools
