#include "tests/iss/Table.h"

#include <array>
#include <vector>

namespace weft::isstest {

namespace {
constexpr Row table[] = {
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension)                                                \
  {iss::Opcode::id, name, match, mask, Format::format, hw::rvv::OpClass::cls, #extension},
#define WEFT_STANDARD_INSTRUCTIONS
#include "sim/iss/Instructions.def"
#undef WEFT_STANDARD_INSTRUCTIONS
#undef WEFT_INSTRUCTION
};

// Rows by major opcode: find() is called for each word of millions of streams.
std::array<std::vector<const Row *>, 128> byMajorOpcode() {
  std::array<std::vector<const Row *>, 128> lists;
  for (const Row &row : table)
    lists[row.match & 0x7f].push_back(&row);
  return lists;
}
} // namespace

std::span<const Row> rows() { return table; }

const Row *find(uint32_t word) {
  static const auto lists = byMajorOpcode();
  for (const Row *row : lists[word & 0x7f])
    if ((word & row->mask) == row->match)
      return row;
  return nullptr;
}

} // namespace weft::isstest
