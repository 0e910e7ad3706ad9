#include "sim/iss/FastBlocks.h"
#include "sim/iss/Decode.h"

#include <limits>

using namespace weft;
using namespace weft::iss;

namespace {

constexpr size_t longestBlock = 64; // instructions; a record's position fits a byte

/// Where the program goes on for certain after `op`, which may be by a jump; empty if that is decided when it runs.
std::optional<uint64_t> successor(const Op &op, uint64_t pc) {
  if (op.opcode == Opcode::Illegal)
    return std::nullopt;
  switch (classOf(op.opcode)) {
  case hw::rvv::OpClass::Branch:
  case hw::rvv::OpClass::Csr:
  case hw::rvv::OpClass::System:
    return std::nullopt;
  case hw::rvv::OpClass::Jump:
    if (op.opcode == Opcode::JAL)
      return pc + static_cast<uint64_t>(op.immediate);
    return std::nullopt;
  default:
    if (op.opcode == Opcode::FENCE_I)
      return std::nullopt;
    return pc + op.bytes;
  }
}

} // namespace

Block *BlockCache::find(Hart &hart, DecodedBytes &decoded, uint64_t pc) {
  if (auto found = blocks.find(pc); found != blocks.end())
    return found->second.get();
  auto block = std::make_unique<Block>();
  std::optional<uint64_t> at = pc;
  while (at && block->ops.size() < longestBlock) {
    Op op;
    if (!fetch(hart, *at, op)) {
      if (block->ops.empty())
        return nullptr;
      break; // the fault is raised when the program comes there
    }
    decoded.add(*hart.memory, *at, op.bytes);
    block->ops.push_back(op);
    block->pcs.push_back(*at);
    at = successor(op, *at);
  }
  block->pcs.push_back(at ? *at : block->pcs.back() + block->ops.back().bytes);
  makeRecords(*block);
  return (blocks[pc] = std::move(block)).get();
}

FastOp *weft::iss::unresolvedBlock() {
  static FastOp header = [] {
    FastOp op{};
    op.header = {std::numeric_limits<int64_t>::max(), nullptr};
    return op;
  }();
  return &header;
}
