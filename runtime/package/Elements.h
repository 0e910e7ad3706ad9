// Sizes of stored elements.
#pragma once

#include "runtime/package/package_generated.h"

#include <cstdint>

namespace weft::runtime {

constexpr uint32_t elementBytes(pkg::ElementType element) {
  switch (element) {
  case pkg::ElementType::I8:
  case pkg::ElementType::Bool:
    return 1;
  case pkg::ElementType::F16:
  case pkg::ElementType::BF16:
  case pkg::ElementType::I16:
    return 2;
  case pkg::ElementType::F32:
  case pkg::ElementType::I32:
    return 4;
  case pkg::ElementType::F64:
  case pkg::ElementType::I64:
    return 8;
  }
  return 4;
}

} // namespace weft::runtime
