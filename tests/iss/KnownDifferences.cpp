#include "tests/iss/KnownDifferences.h"

namespace weft::isstest {

bool isInQemu(const Row &row) {
  return row.extension != "Zfbfmin" && row.extension != "Zvfbfmin" && row.extension != "Zvfbfwma";
}

bool isOnlyInQemu(uint32_t word) {
  constexpr uint32_t vm = 1u << 25;
  const Row *row = find(word) ? nullptr : find(word | vm);
  return row && (row->cls == hw::rvv::OpClass::VMaskLogic || row->cls == hw::rvv::OpClass::VCompress);
}

unsigned largestStart(const Row &row) {
  using hw::rvv::OpClass;
  switch (row.cls) {
  case OpClass::VReduce:
  case OpClass::VWidenReduce:
  case OpClass::VFReduceMinMax:
  case OpClass::VFReduceUnordered:
  case OpClass::VFReduceOrdered:
  case OpClass::VFWidenReduceUnordered:
  case OpClass::VFWidenReduceOrdered:
  case OpClass::VMaskCount:
  case OpClass::VMaskFirst:
  case OpClass::VMaskSet:
  case OpClass::VIota:
  case OpClass::VCompress:
    return 0;
  case OpClass::VMoveWhole: // 128 bits hold two elements of 64
    return 1;
  default:
    return 3;
  }
}

bool needsDynamicRoundingBefore(const Row &row) {
  return row.name.find(".rtz.") != std::string_view::npos || row.name.find(".rod.") != std::string_view::npos;
}

bool needsEndOfBlockAfter(const Row &row) { return row.cls == hw::rvv::OpClass::VLoadFaultFirst; }

} // namespace weft::isstest
