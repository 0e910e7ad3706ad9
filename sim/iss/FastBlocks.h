// Decoded blocks, and the form in which the fast path runs them: an array of small records, each naming the handler
// that executes it and jumps to the next one's. Private to sim/iss.
#pragma once

#include "sim/iss/CodeCache.h"
#include "sim/iss/PreparedVector.h"
#include "sim/iss/TimingDescription.h"

#include <array>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

// Handlers end in a call of the next one, which must be a jump, and want their arguments in registers throughout.
#if defined(__clang__) && defined(__x86_64__) && defined(__has_attribute)
#if __has_attribute(musttail) && __has_attribute(preserve_none)
#define WEFT_FAST_PATH 1
// LLVM 19 cannot align the stack as AddressSanitizer wants it in functions that preserve no register.
#if __has_feature(address_sanitizer)
#define WEFT_FAST_CALL
#else
#define WEFT_FAST_CALL __attribute__((preserve_none))
#endif
#endif
#endif
#ifndef WEFT_FAST_PATH
#define WEFT_FAST_PATH 0
#define WEFT_FAST_CALL
#endif

namespace weft::iss {

struct FastOp;
struct FastContext;
struct BlockEntry;
/// `header` is that of the block at hand: a loop goes back to it without asking memory where it lies. `left` counts the
/// instructions that may still be begun once the block is through. `recent` is the value of the integer register that
/// was written last: the next instruction has it from there, and does not wait for it to come back from memory. Which
/// register that is is known when records are made.
#define WEFT_FAST_ARGUMENTS                                                                                            \
  FastOp *op, FastOp *header, uint64_t *x, int64_t left, uint64_t recent, Memory *memory, FastContext *context
using FastHandler = void(WEFT_FAST_CALL *)(WEFT_FAST_ARGUMENTS);

/// One record of a block: one instruction or two that were fused. A block begins with a header, and a record that ends
/// it is followed by its links.
struct FastOp {
  struct Operands {
    int32_t immediate;
    uint8_t rd, rs1, rs2;
    uint8_t position; // of the record in its block, in the first operands
  };
  struct Links { // to headers; unresolvedBlock() before the first use
    FastOp *taken, *notTaken;
  };
  struct Header {
    int64_t count; // instructions in the block
    BlockEntry *entry;
  };
  FastHandler handler;
  union {
    struct {
      Operands first;
      union {
        Operands second;
        const Op *op; // executed by its executor
        PreparedVector *vector;
        uint64_t constant; // of lui, auipc, and the return address of jumps
      };
      uint64_t pc; // of the first instruction
    };
    Header header;
    Links links;
  };
};

struct Block;

/// A block's records, for one assumption on `recent` at its beginning.
struct BlockEntry {
  const Block *block = nullptr;
  std::vector<FastOp> records;        // header, work, links
  std::vector<uint16_t> firstIndex;   // by record: its first instruction, and one past the end
  std::deque<PreparedVector> vectors; // of records
  uint8_t recentBefore = 0;           // the register whose value `recent` must be at the beginning; 0: of none
  uint8_t recentAfter = 0;            // and whose it is at the end
};

/// Instructions that run one after the other. It follows jumps to known addresses, and ends at what may go two ways.
struct Block {
  std::vector<Op> ops;
  std::vector<uint64_t> pcs;             // of ops, and where it goes on without a jump
  BlockEntry plain;                      // from anywhere
  std::vector<TimingDescription> timing; // of ops, once a timing model has asked
  BlockEntry forwarded; // where the register that the first instruction reads was written last; may be absent

  FastOp *plainHeader() { return plain.records.data(); }
  /// For a way in from a block that ends with `recent` the value of `recentRegister`.
  FastOp *headerFor(uint8_t recentRegister) {
    bool fits = recentRegister != 0 && recentRegister == forwarded.recentBefore;
    return fits ? forwarded.records.data() : plain.records.data();
  }
};

enum class FastExit {
  Lookup, // go on at hart.pc; `linkFrom` is to be linked
  Trap,   // hart.trap, at hart.pc
  Event,  // the instruction at hart.pc retired, and memory that is watched or the meaning of code changed
};

struct FastContext {
  Hart *hart = nullptr;
  FastExit exit = FastExit::Lookup;
  int64_t left = 0;
  uint64_t retiredAndLeft = 0; // instructions retired plus left: constant while blocks run
  FastOp *linkFrom = nullptr;  // the links of the block that was left
  bool linkTaken = false;
  uint8_t linkRecent = 0; // BlockEntry::recentAfter there
  /// Targets of indirect jumps.
  struct Target {
    uint64_t pc = 1; // odd: none
    FastOp *header = nullptr;
  };
  static constexpr size_t targetCount = 512;
  std::array<Target, targetCount> targets;
  static size_t slotOf(uint64_t pc) { return (pc >> 1) % targetCount; }
};

/// Blocks by the address of their first instruction.
class BlockCache {
public:
  /// Null after a fetch fault.
  Block *find(Hart &hart, DecodedBytes &decoded, uint64_t pc);
  void clear() { blocks.clear(); }

private:
  std::unordered_map<uint64_t, std::unique_ptr<Block>> blocks;
};

/// Stands for a block that has not been looked up: its count is more than may ever be left.
FastOp *unresolvedBlock();

/// Runs from `header` on until a handler exits, which `context` then describes.
void enterBlock(FastOp *header, int64_t left, Memory *memory, FastContext *context);

/// Chooses handlers and fills the entries of `block` from its instructions.
void makeRecords(Block &block);

} // namespace weft::iss
