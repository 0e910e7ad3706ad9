// How a block's instructions become records: which handler, with which operands, and what is fused.
#include "sim/iss/Decode.h"
#include "sim/iss/FastHandlers.h"

#include <utility>

#if WEFT_FAST_PATH

using namespace weft;
using namespace weft::iss;
using namespace weft::iss::fast;

namespace {

/// Fills one entry of a block.
class Maker {
public:
  Maker(const Block &block, BlockEntry &entry) : block(block), entry(entry), recent(entry.recentBefore) {}

  void make() {
    entry.block = &block;
    FastOp header{};
    header.header = {static_cast<int64_t>(block.ops.size()), &entry};
    entry.records.push_back(header);
    entry.firstIndex.push_back(0);
    size_t index = 0;
    while (index < block.ops.size())
      index += add(index);
    if (!ended)
      addLinks(goOn);
    entry.firstIndex.push_back(static_cast<uint16_t>(block.ops.size()));
    entry.recentAfter = recent;
  }

  /// The register that the block's first record has from `recent` if it may; 0 if none.
  static uint8_t wantedRegister(const Block &block) {
    size_t index = 0;
    while (index < block.ops.size() && isNothing(block.ops[index]))
      ++index;
    if (index == block.ops.size())
      return 0;
    const Op &op = block.ops[index];
    bool known = isBranch(op.opcode) || singleHandler(op.opcode, false);
    return known && op.opcode != Opcode::LUI ? op.rs1 : 0;
  }

private:
  FastOp &append(FastHandler handler, size_t index) {
    FastOp record{};
    record.handler = handler;
    record.first.position = static_cast<uint8_t>(entry.records.size());
    record.pc = block.pcs[index];
    entry.firstIndex.push_back(static_cast<uint16_t>(index));
    entry.records.push_back(record);
    return entry.records.back();
  }

  void addLinks(FastHandler handler) {
    FastOp record{};
    record.handler = handler;
    record.links = {unresolvedBlock(), unresolvedBlock()};
    entry.firstIndex.push_back(static_cast<uint16_t>(block.ops.size()));
    entry.records.push_back(record);
    ended = true;
  }

  /// Whether leaving the instruction out changes nothing but the count: it would write x0 and cannot trap.
  static bool isNothing(const Op &op) {
    hw::rvv::OpClass cls = classOf(op.opcode);
    bool computes = cls == hw::rvv::OpClass::Alu || cls == hw::rvv::OpClass::Multiply ||
                    cls == hw::rvv::OpClass::Divide || op.opcode == Opcode::JAL;
    return (computes && op.rd == 0) || op.opcode == Opcode::FENCE;
  }

  /// A load to x0 must read memory and write nothing, which the steps cannot.
  static bool writesZero(const Op &op) { return classOf(op.opcode) == hw::rvv::OpClass::Load && op.rd == 0; }

  static bool commutes(Opcode opcode) {
    switch (opcode) {
    case Opcode::ADD:
    case Opcode::ADDW:
    case Opcode::XOR:
    case Opcode::OR:
    case Opcode::AND:
    case Opcode::MUL:
    case Opcode::MULW:
    case Opcode::BEQ:
    case Opcode::BNE:
      return true;
    default:
      return false;
    }
  }

  /// An instruction's operands, and whether rs1 comes from `recent`. Notes what is recent after it.
  struct Prepared {
    FastOp::Operands operands;
    bool forwarded;
  };
  Prepared prepare(const Op &op) {
    FastOp::Operands operands{static_cast<int32_t>(op.immediate), op.rd, op.rs1, op.rs2, 0};
    if (recent != 0 && operands.rs1 != recent && operands.rs2 == recent && commutes(op.opcode))
      std::swap(operands.rs1, operands.rs2);
    bool forwarded = recent != 0 && operands.rs1 == recent && op.opcode != Opcode::LUI;
    hw::rvv::OpClass cls = classOf(op.opcode);
    if (cls != hw::rvv::OpClass::Store && cls != hw::rvv::OpClass::Branch)
      recent = op.rd;
    return {operands, forwarded};
  }

  static void setFirst(FastOp &record, FastOp::Operands operands) {
    operands.position = record.first.position;
    record.first = operands;
  }

  /// Records for the instruction at `index` and perhaps the next; how many.
  size_t add(size_t index) {
    const Op &op = block.ops[index];
    if (isNothing(op))
      return 1;
    if (op.opcode == Opcode::AUIPC || op.opcode == Opcode::JAL)
      return addConstant(index);
    if (op.opcode == Opcode::JALR) {
      FastOp &record = append(jumpRegister, index);
      setFirst(record, {static_cast<int32_t>(op.immediate), op.rd, op.rs1, 0, 0});
      record.constant = block.pcs[index] + op.bytes;
      recent = 0;
      ended = true;
      return 1;
    }
    if (isBranch(op.opcode))
      return addBranch(index, false);
    if (FastHandler handler = floatMemoryHandler(op.opcode)) {
      setFirst(append(handler, index), {static_cast<int32_t>(op.immediate), op.rd, op.rs1, op.rs2, 0});
      return 1;
    }
    if (!singleHandler(op.opcode, false) || writesZero(op))
      return addExecuted(index);
    if (size_t fused = addFused(index))
      return fused;
    Prepared first = prepare(op);
    setFirst(append(singleHandler(op.opcode, first.forwarded), index), first.operands);
    return 1;
  }

  size_t addConstant(size_t index) {
    const Op &op = block.ops[index];
    FastOp &record = append(setConstant, index);
    record.first.rd = recent = op.rd;
    uint64_t offset = op.opcode == Opcode::JAL ? op.bytes : static_cast<uint64_t>(op.immediate);
    record.constant = block.pcs[index] + offset;
    return 1;
  }

  size_t addFused(size_t index) {
    if (index + 1 == block.ops.size())
      return 0;
    const Op &op = block.ops[index], &next = block.ops[index + 1];
    if (next.opcode == Opcode::Illegal || isNothing(next) || writesZero(next))
      return 0;
    if (isBranch(next.opcode))
      return branchHandler(op.opcode, next.opcode, false, false, false) ? addBranch(index, true) : 0;
    if (!pairHandler(op.opcode, next.opcode, false, false))
      return 0;
    Prepared one = prepare(op), two = prepare(next);
    FastOp &record = append(pairHandler(op.opcode, next.opcode, one.forwarded, two.forwarded), index);
    setFirst(record, one.operands);
    record.second = two.operands;
    return 2;
  }

  /// A branch, perhaps fused with the instruction before it.
  size_t addBranch(size_t index, bool fused) {
    Opcode before = fused ? block.ops[index].opcode : Opcode::Illegal, condition = block.ops.back().opcode;
    Prepared one = fused ? prepare(block.ops[index]) : Prepared{};
    Prepared two = prepare(block.ops.back());
    FastOp &record = append(branchHandler(before, condition, one.forwarded, two.forwarded, isLoop()), index);
    setFirst(record, one.operands);
    record.second = two.operands;
    addLinks(nullptr);
    return block.ops.size() - index;
  }

  /// Whether the branch at the block's end leads back to this very entry, now that what is recent there is known.
  bool isLoop() const {
    uint64_t target = block.pcs[block.ops.size() - 1] + static_cast<uint64_t>(block.ops.back().immediate);
    uint8_t wanted = block.forwarded.recentBefore;
    bool toForwarded = wanted != 0 && recent == wanted, isForwarded = entry.recentBefore != 0;
    return target == block.pcs.front() && toForwarded == isForwarded;
  }

  size_t addExecuted(size_t index) {
    const Op &op = block.ops[index];
    hw::rvv::OpClass cls = classOf(op.opcode);
    bool system = op.opcode != Opcode::Illegal &&
                  (cls == hw::rvv::OpClass::Csr || cls == hw::rvv::OpClass::System || op.opcode == Opcode::FENCE_I);
    FastHandler handler = system ? executeSystem : execute;
    if (FastHandler prepared = vectorHandler(op.opcode)) {
      FastOp &record = append(prepared, index);
      record.first.rd = op.rd;
      record.first.rs1 = op.rs1;
      record.vector = &entry.vectors.emplace_back(op);
    } else {
      append(handler, index).op = &op;
    }
    recent = 0;
    if (system)
      addLinks(nullptr);
    return 1;
  }

  const Block &block;
  BlockEntry &entry;
  uint8_t recent; // register whose value is in `recent` when the next record begins; 0: unknown
  bool ended = false;
};

} // namespace

void weft::iss::makeRecords(Block &block) {
  block.forwarded.recentBefore = Maker::wantedRegister(block);
  Maker(block, block.plain).make();
  if (block.forwarded.recentBefore != 0)
    Maker(block, block.forwarded).make();
}

#else

void weft::iss::makeRecords(Block &) {}

#endif
