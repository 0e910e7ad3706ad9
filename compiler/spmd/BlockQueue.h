// One operand of a GEMM as a core sees it: a queue of blocks of K in a ring of slots. Internal to compiler/spmd.
#pragma once

#include "compiler/spmd/Lowering.h"

namespace weft::spmd {

/// `held` blocks in `modulus` slots of a buffer. Where the operand's axis has a ring, one more slot takes the block
/// that arrives while the head leaves.
struct BlockQueue {
  std::string buffer, down, up;   // channels to the rank below and above; `up` empty if no core rotates that way
  int64_t held = 1, modulus = 1;  // slots
  int64_t stride = 0;             // bytes of a slot
  bool moving = false;            // there is a ring to move on
  Expr bytes;                     // of a block in use
  fabric::Source rank{};          // whose rank the alignment depends on
  int64_t blocksPerRank = 1;      // blocks of rotation for each rank
  int64_t blocks = 1;             // S, all blocks of K
  std::vector<bool> byDown, byUp; // positions on the rank's axis by the way they are aligned; neither: not at all

  /// Decides for every position whether rotating down or up is shorter.
  void chooseDirections(const std::vector<int> &rankOfCore);
  bool anyDown() const { return llvm::is_contained(byDown, true); }
  bool anyUp() const { return llvm::is_contained(byUp, true); }
  /// Positions whose queue, once aligned, has its head where rotating down (or not at all) or up leaves it.
  std::vector<bool> alignedBy(bool up) const;

  /// During alignment: the slot that leaves and the one that fills at the iteration of the loop at `level`. Going down,
  /// the head leaves and the arriving block queues behind the tail; going up, the tail leaves and the head moves
  /// backwards.
  Slot leaving(int64_t level, bool up) const { return at(level, up ? -1 : 1, constant(up ? held - 1 : 0)); }
  Slot arriving(int64_t level, bool up) const { return at(level, up ? -1 : 1, constant(up ? -1 : held)); }
  /// Rotations of the core's alignment in the direction `up`.
  Expr rotations(bool up) const { return {rank, 0, up ? -blocksPerRank : blocksPerRank, up ? blocks : 0}; }

  /// After alignment: the block `ahead` places behind the head, at the iteration of the loop at `level` (scale 1) or
  /// after `ahead` iterations (scale 0).
  Slot aligned(int64_t level, int64_t scale, int64_t ahead, bool up) const {
    return at(level, scale, {rank, 0, blocksPerRank, ahead - (up ? blocks : 0)});
  }

private:
  Slot at(int64_t level, int64_t scale, Expr phase) const {
    return {buffer, 0, {{level, scale, phase, modulus, stride}}};
  }
};

} // namespace weft::spmd
