// What qemu 7.2 lacks or does otherwise than the specification, in one place; docs/iss-testing.md has the list for
// readers. Nothing else is kept from the comparison.
#pragma once

#include "tests/iss/Table.h"

namespace weft::isstest {

/// Does qemu 7.2 have the instruction? It has no bfloat16 (Zfbfmin, Zvfbfmin, Zvfbfwma): SIGILL.
bool isInQemu(const Row &row);

/// Is a word that is no instruction one to qemu 7.2? It takes mask logic and vcompress with vm = 0, which are reserved.
bool isOnlyInQemu(uint32_t word);

/// The largest vstart that the instruction may be given; 0: none but 0.
/// The specification has reductions, vcompress, viota, vcpop, vfirst and vmsbf and its like trap then; streams do not
/// trap. qemu 7.2 leaves vstart as it is where vstart >= vl, and goes by the value at the beginning of a translation
/// block; the specification has every vector instruction reset it. So the generator writes 0 after an instruction that
/// was given another vstart, which ends the block, too. That the simulator resets vstart is for
/// tests/unit/iss_directed_test.cpp to prove.
/// A whole-register move whose vstart is beyond its registers crashes qemu 7.2: it copies a negative number of bytes
/// (it compares vstart, which counts elements, with bytes). By the specification it copies nothing.
unsigned largestStart(const Row &row);

/// qemu 7.2 crashes while translating an instruction with a rounding mode of its own (vfcvt.rtz.*, vfncvt.rod.*) unless
/// the instruction before it, in the same translation block, used the dynamic mode (qemu issue 1441, mended in 8.0).
/// The simulator has nothing to do with it; the generator puts such an instruction before.
bool needsDynamicRoundingBefore(const Row &row);

/// qemu 7.2 goes on in the same translation block after a fault-only-first load, and for the rest of the block takes vl
/// to be VLMAX if it was so before: vrgather.vi and others then write a whole register. Against the specification,
/// which has vl trimmed. The generator reads a CSR after such a load, which ends the block.
bool needsEndOfBlockAfter(const Row &row);

/// qemu 7.2 keeps bits of vxrm and vxsat beyond their fields. The specification has fields of two bits and one bit;
/// others "should be written as zeros", and the simulator ignores them. Streams write zeros there.
inline constexpr unsigned vxrmBits = 3, vxsatBits = 1;

} // namespace weft::isstest
