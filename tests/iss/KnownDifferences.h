// What qemu 7.2 lacks or does otherwise than the specification, in one place; docs/iss-testing.md has the list for
// readers. Nothing else is kept from the comparison.
#pragma once

#include "tests/iss/Table.h"

namespace weft::isstest {

/// Does qemu 7.2 have the instruction? It has no bfloat16 (Zfbfmin, Zvfbfmin, Zvfbfwma): SIGILL.
bool isInQemu(const Row &row);

/// May the instruction be given a vstart other than 0? Where the specification lets an implementation refuse a value
/// that it would never produce itself, the two may differ.
bool mayStartLater(const Row &row);

/// qemu 7.2 crashes while translating an instruction with a rounding mode of its own (vfcvt.rtz.*, vfncvt.rod.*) unless
/// the instruction before it, in the same translation block, used the dynamic mode (qemu issue 1441, mended in 8.0).
/// The simulator has nothing to do with it; the generator puts such an instruction before.
bool needsDynamicRoundingBefore(const Row &row);

} // namespace weft::isstest
