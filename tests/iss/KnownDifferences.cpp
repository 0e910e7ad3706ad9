#include "tests/iss/KnownDifferences.h"

namespace weft::isstest {

bool isInQemu(const Row &row) {
  return row.extension != "Zfbfmin" && row.extension != "Zvfbfmin" && row.extension != "Zvfbfwma";
}

bool mayStartLater(const Row &row) { return false; }

bool needsDynamicRoundingBefore(const Row &row) {
  return row.name.find(".rtz.") != std::string_view::npos || row.name.find(".rod.") != std::string_view::npos;
}

bool needsEndOfBlockAfter(const Row &row) { return row.cls == hw::rvv::OpClass::VLoadFaultFirst; }

} // namespace weft::isstest
