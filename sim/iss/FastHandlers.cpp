// The handlers of the fast path and their choice. A handler does its instructions and jumps to the next record's; what
// is rare (traps, memory outside the window, blocks not yet linked) is left to functions that are not inlined.
#include "sim/iss/Decode.h"
#include "sim/iss/FastSteps.h"

#include <tuple>
#include <utility>

#if WEFT_FAST_PATH

using namespace weft;
using namespace weft::iss;
using namespace weft::iss::fast;

#define WEFT_JUMP(function) [[clang::musttail]] return function(op, header, x, left, recent, memory, context)
#define WEFT_NEXT WEFT_JUMP(op->handler)

namespace {

/// The index in its block of the first instruction of a record.
size_t indexOf(const FastOp *op, const FastOp *header) { return header->header.entry->firstIndex[op->first.position]; }

/// Instructions of the block that come after instruction `index`.
int64_t after(const FastOp *header, size_t index) { return header->header.count - 1 - static_cast<int64_t>(index); }

/// The instruction `index` trapped: it and those behind it did not run.
void stopAtTrap(const FastOp *header, size_t index, int64_t left, FastContext *context) {
  context->left = left + after(header, index) + 1;
  context->exit = FastExit::Trap;
}

void stopAfter(const FastOp *header, size_t index, int64_t left, FastContext *context) {
  context->left = left + after(header, index);
  context->exit = FastExit::Event;
}

void leaveFor(uint64_t pc, int64_t left, FastContext *context) {
  context->hart->pc = pc;
  context->left = left;
  context->linkFrom = nullptr;
  context->exit = FastExit::Lookup;
}

/// One instruction by its executor. False if the block ends here, which is then noted in `context`.
bool executeOne(const FastOp *header, size_t index, int64_t left, Memory *memory, FastContext *context) {
  Hart &hart = *context->hart;
  const Block &block = *header->header.entry->block;
  const Op &instruction = block.ops[index];
  hart.pc = block.pcs[index];
  hart.next = hart.pc + instruction.bytes;
  if (!instruction.execute(hart, instruction)) {
    stopAtTrap(header, index, left, context);
    return false;
  }
  hart.x[0] = 0;
  if (!memory->touched())
    return true;
  stopAfter(header, index, left, context);
  return false;
}

/// A record's instructions by their executors, from the first or the second on.
template <size_t from> [[gnu::noinline]] WEFT_FAST_CALL void slow(WEFT_FAST_ARGUMENTS) {
  const Block &block = *header->header.entry->block;
  size_t end = header->header.entry->firstIndex[op->first.position + 1u];
  for (size_t index = indexOf(op, header) + from; index < end; ++index) {
    if (!executeOne(header, index, left, memory, context))
      return;
    const Op &done = block.ops[index];
    hw::rvv::OpClass cls = classOf(done.opcode);
    if (cls == hw::rvv::OpClass::Branch)
      return leaveFor(context->hart->next, left, context);
    if (cls != hw::rvv::OpClass::Store && done.rd != 0)
      recent = x[done.rd];
  }
  ++op;
  WEFT_NEXT;
}

/// The next block is not linked, or longer than what is left. `op` is the links.
template <bool taken> [[gnu::noinline]] WEFT_FAST_CALL void leave(WEFT_FAST_ARGUMENTS) {
  const BlockEntry &entry = *header->header.entry;
  const Block &block = *entry.block;
  size_t last = block.ops.size() - 1;
  leaveFor(taken ? block.pcs[last] + static_cast<uint64_t>(block.ops[last].immediate) : block.pcs[last + 1], left,
           context);
  context->linkFrom = op;
  context->linkTaken = taken;
  context->linkRecent = entry.recentAfter;
}

// Goes on in the block that a link names; `op` is the links.
#define WEFT_FOLLOW(link, isTaken)                                                                                     \
  do {                                                                                                                 \
    FastOp *target = op->links.link;                                                                                   \
    int64_t rest = left - target->header.count;                                                                        \
    if (rest < 0) [[unlikely]]                                                                                         \
      WEFT_JUMP(leave<isTaken>);                                                                                       \
    left = rest;                                                                                                       \
    header = target;                                                                                                   \
    op = target + 1;                                                                                                   \
    WEFT_NEXT;                                                                                                         \
  } while (false)

template <typename First, typename Second, bool forwardFirst, bool forwardSecond>
WEFT_FAST_CALL void work(WEFT_FAST_ARGUMENTS) {
  if (!First::template run<forwardFirst>(op->first, x, recent, memory)) [[unlikely]]
    WEFT_JUMP(slow<0>);
  if (!Second::template run<forwardSecond>(op->second, x, recent, memory)) [[unlikely]]
    WEFT_JUMP(slow<1>);
  ++op;
  WEFT_NEXT;
}

/// The branch's operands are the second ones, also when it stands alone. With `loop` it goes back to its own block.
template <typename First, typename Condition, bool forwardFirst, bool forwardSecond, bool loop>
WEFT_FAST_CALL void branch(WEFT_FAST_ARGUMENTS) {
  if (!First::template run<forwardFirst>(op->first, x, recent, memory)) [[unlikely]]
    WEFT_JUMP(slow<0>);
  bool taken = Condition::template taken<forwardSecond>(op->second, x, recent);
  ++op;
  if constexpr (loop) {
    int64_t rest = left - header->header.count;
    if (taken) [[likely]] {
      if (rest < 0) [[unlikely]]
        WEFT_JUMP(leave<true>);
      left = rest;
      op = header + 1;
      WEFT_NEXT;
    }
  } else if (taken) {
    WEFT_FOLLOW(taken, true);
  }
  WEFT_FOLLOW(notTaken, false);
}

WEFT_FAST_CALL void setConstant(WEFT_FAST_ARGUMENTS) {
  x[op->first.rd] = recent = op->constant;
  ++op;
  WEFT_NEXT;
}

/// The end of a block that just goes on. `op` is the links themselves.
WEFT_FAST_CALL void goOn(WEFT_FAST_ARGUMENTS) { WEFT_FOLLOW(notTaken, false); }

WEFT_FAST_CALL void jumpRegister(WEFT_FAST_ARGUMENTS) {
  uint64_t pc = (x[op->first.rs1] + static_cast<uint64_t>(int64_t{op->first.immediate})) & ~uint64_t{1};
  x[op->first.rd] = op->constant;
  x[0] = 0;
  const FastContext::Target &target = context->targets[FastContext::slotOf(pc)];
  if (target.pc == pc) [[likely]] {
    int64_t rest = left - target.header->header.count;
    if (rest >= 0) [[likely]] {
      left = rest;
      header = target.header;
      op = header + 1;
      WEFT_NEXT;
    }
  }
  leaveFor(pc, left, context);
}

[[gnu::noinline]] WEFT_FAST_CALL void trapped(WEFT_FAST_ARGUMENTS) {
  stopAtTrap(header, indexOf(op, header), left, context);
}

[[gnu::noinline]] WEFT_FAST_CALL void touched(WEFT_FAST_ARGUMENTS) {
  context->hart->next = op->pc + op->op->bytes;
  stopAfter(header, indexOf(op, header), left, context);
}

/// Any instruction that neither jumps nor looks at the machine's state.
WEFT_FAST_CALL void execute(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  hart.pc = op->pc;
  if (!op->op->execute(hart, *op->op)) [[unlikely]]
    WEFT_JUMP(trapped);
  x[0] = 0;
  if (memory->touched()) [[unlikely]]
    WEFT_JUMP(touched);
  ++op;
  WEFT_NEXT;
}

/// Instructions that may read counters or change what code means; they end their block.
WEFT_FAST_CALL void executeSystem(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  size_t index = indexOf(op, header);
  hart.privileged.retired = context->retiredAndLeft - static_cast<uint64_t>(left + after(header, index) + 1);
  hart.pc = op->pc;
  hart.next = hart.pc + op->op->bytes;
  uint64_t following = hart.next;
  if (!op->op->execute(hart, *op->op))
    WEFT_JUMP(trapped);
  x[0] = 0;
  if (hart.forgetDecoded || hart.next != following)
    return stopAfter(header, index, left, context);
  ++op;
  WEFT_FOLLOW(notTaken, false);
}

// The steps that fuse. A single instruction is a pair with nothing; those that are too rare to be worth a handler for
// each pair are only ever first with nothing.
template <typename... Step> using Steps = std::tuple<Step...>;

#define WEFT_FUSING_REGISTER(X)                                                                                        \
  X(ADD, add)                                                                                                          \
  X(SUB, sub)                                                                                                          \
  X(XOR, bitXor)                                                                                                       \
  X(OR, bitOr)                                                                                                         \
  X(AND, bitAnd)                                                                                                       \
  X(ADDW, addw)                                                                                                        \
  X(MUL, mul)
#define WEFT_FUSING_IMMEDIATE(X)                                                                                       \
  X(ADDI, add)                                                                                                         \
  X(XORI, bitXor)                                                                                                      \
  X(ANDI, bitAnd)                                                                                                      \
  X(SLLI, sll)                                                                                                         \
  X(SRLI, srl)                                                                                                         \
  X(ADDIW, addw)
#define WEFT_FUSING_LOAD(X)                                                                                            \
  X(LW, int32_t)                                                                                                       \
  X(LD, int64_t)                                                                                                       \
  X(LBU, uint8_t)
#define WEFT_FUSING_STORE(X)                                                                                           \
  X(SB, uint8_t)                                                                                                       \
  X(SW, uint32_t)                                                                                                      \
  X(SD, uint64_t)

#define WEFT_REGISTER_STEP(id, operation) , RegisterStep<scalar::operation>
#define WEFT_IMMEDIATE_STEP(id, operation) , ImmediateStep<scalar::operation>
#define WEFT_LOAD_STEP(id, type) , LoadStep<type>
#define WEFT_STORE_STEP(id, type) , StoreStep<type>
#define WEFT_BRANCH_STEP(id, condition) , BranchStep<scalar::condition>
#define WEFT_OPCODE(id, what) , Opcode::id

// The same order in the tuple of steps and in the array of opcodes.
using Fusing =
    Steps<NoStep, LoadUpperStep WEFT_FUSING_REGISTER(WEFT_REGISTER_STEP) WEFT_FUSING_IMMEDIATE(WEFT_IMMEDIATE_STEP)
                      WEFT_FUSING_LOAD(WEFT_LOAD_STEP) WEFT_FUSING_STORE(WEFT_STORE_STEP)>;
constexpr Opcode fusingOpcodes[] = {Opcode::Illegal,
                                    Opcode::LUI WEFT_FUSING_REGISTER(WEFT_OPCODE) WEFT_FUSING_IMMEDIATE(WEFT_OPCODE)
                                        WEFT_FUSING_LOAD(WEFT_OPCODE) WEFT_FUSING_STORE(WEFT_OPCODE)};
using Singles = Steps<LoadUpperStep WEFT_SCALAR_REGISTER(WEFT_REGISTER_STEP) WEFT_SCALAR_IMMEDIATE(WEFT_IMMEDIATE_STEP)
                          WEFT_SCALAR_LOAD(WEFT_LOAD_STEP) WEFT_SCALAR_STORE(WEFT_STORE_STEP)>;
constexpr Opcode singleOpcodes[] = {Opcode::LUI WEFT_SCALAR_REGISTER(WEFT_OPCODE) WEFT_SCALAR_IMMEDIATE(WEFT_OPCODE)
                                        WEFT_SCALAR_LOAD(WEFT_OPCODE) WEFT_SCALAR_STORE(WEFT_OPCODE)};
using Branches = Steps<NoBranch WEFT_SCALAR_BRANCH(WEFT_BRANCH_STEP)>;
constexpr Opcode branchOpcodes[] = {Opcode::Illegal WEFT_SCALAR_BRANCH(WEFT_OPCODE)};

constexpr size_t fusingCount = std::tuple_size_v<Fusing>, singleCount = std::tuple_size_v<Singles>,
                 branchCount = std::tuple_size_v<Branches>;
static_assert(std::size(fusingOpcodes) == fusingCount && std::size(singleOpcodes) == singleCount &&
              std::size(branchOpcodes) == branchCount);

template <size_t n> size_t indexIn(const Opcode (&opcodes)[n], Opcode opcode) {
  for (size_t i = 0; i < n; ++i)
    if (opcodes[i] == opcode)
      return i;
  return n;
}

// Tables by (variant, first, second). Bits of the variant: forwarding to the first, to the second, a loop.
constexpr bool bit(size_t variant, unsigned i) { return (variant >> i & 1) != 0; }
template <size_t i> using SingleAt = std::tuple_element_t<i, Singles>;
template <size_t i> using FusingAt = std::tuple_element_t<i, Fusing>;
template <size_t i> using BranchAt = std::tuple_element_t<i, Branches>;

template <size_t i>
constexpr FastHandler singleHandler = work<SingleAt<i % singleCount>, NoStep, bit(i / singleCount, 0), false>;

constexpr size_t pairCount = fusingCount * fusingCount;
template <size_t i>
constexpr FastHandler pairHandler = work<FusingAt<i % pairCount / fusingCount>, FusingAt<i % fusingCount>,
                                         bit(i / pairCount, 0), bit(i / pairCount, 1)>;

constexpr size_t branchPairCount = fusingCount * branchCount;
template <size_t i>
constexpr FastHandler branchHandler =
    branch<FusingAt<i % branchPairCount / branchCount>, BranchAt<i % branchCount>, bit(i / branchPairCount, 0),
           bit(i / branchPairCount, 1), bit(i / branchPairCount, 2)>;

template <size_t... i> constexpr auto singleTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{singleHandler<i>...};
}
template <size_t... i> constexpr auto pairTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{pairHandler<i>...};
}
template <size_t... i> constexpr auto branchTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{branchHandler<i>...};
}
constexpr auto singleHandlers = singleTable(std::make_index_sequence<2 * singleCount>());
constexpr auto pairHandlers = pairTable(std::make_index_sequence<4 * pairCount>());
constexpr auto branchHandlers = branchTable(std::make_index_sequence<8 * branchPairCount>());

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
    bool known = indexIn(branchOpcodes, op.opcode) != branchCount || indexIn(singleOpcodes, op.opcode) != singleCount;
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
    if (size_t condition = branchIndex(op.opcode))
      return addBranch(index, 0, condition);
    size_t single = indexIn(singleOpcodes, op.opcode);
    if (single == singleCount || writesZero(op))
      return addExecuted(index);
    if (size_t fused = addFused(index))
      return fused;
    Prepared first = prepare(op);
    setFirst(append(singleHandlers[first.forwarded * singleCount + single], index), first.operands);
    return 1;
  }

  /// In the list of branches; 0 if it is none.
  static size_t branchIndex(Opcode opcode) { return indexIn(branchOpcodes, opcode) % branchCount; }

  size_t addConstant(size_t index) {
    const Op &op = block.ops[index];
    FastOp &record = append(setConstant, index);
    record.first.rd = recent = op.rd;
    uint64_t offset = op.opcode == Opcode::JAL ? op.bytes : static_cast<uint64_t>(op.immediate);
    record.constant = block.pcs[index] + offset;
    return 1;
  }

  size_t addFused(size_t index) {
    size_t first = indexIn(fusingOpcodes, block.ops[index].opcode);
    if (first == fusingCount || index + 1 == block.ops.size())
      return 0;
    const Op &next = block.ops[index + 1];
    if (next.opcode == Opcode::Illegal || isNothing(next) || writesZero(next))
      return 0;
    if (size_t condition = branchIndex(next.opcode))
      return addBranch(index, first, condition);
    size_t second = indexIn(fusingOpcodes, next.opcode);
    if (second == fusingCount)
      return 0;
    Prepared one = prepare(block.ops[index]), two = prepare(next);
    size_t forwarding = one.forwarded + 2 * two.forwarded;
    FastOp &record = append(pairHandlers[forwarding * pairCount + first * fusingCount + second], index);
    setFirst(record, one.operands);
    record.second = two.operands;
    return 2;
  }

  /// A branch, fused with the instruction before it unless `first` is 0.
  size_t addBranch(size_t index, size_t first, size_t condition) {
    Prepared one = first ? prepare(block.ops[index]) : Prepared{};
    Prepared two = prepare(block.ops.back());
    size_t variant = one.forwarded + 2 * two.forwarded + 4 * isLoop();
    FastOp &record = append(branchHandlers[variant * branchPairCount + first * branchCount + condition], index);
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
    append(system ? executeSystem : execute, index).op = &op;
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

// A function of its own without a frame to speak of: clang 19 does not save the base pointer of one that needs it, as
// sanitizers make them, over a call that preserves no registers.
[[gnu::noinline, clang::no_sanitize("address", "undefined")]] void
weft::iss::enterBlock(FastOp *header, int64_t left, Memory *memory, FastContext *context) {
  header[1].handler(header + 1, header, context->hart->x.data(), left, 0, memory, context);
}

void weft::iss::makeRecords(Block &block) {
  block.forwarded.recentBefore = Maker::wantedRegister(block);
  Maker(block, block.plain).make();
  if (block.forwarded.recentBefore != 0)
    Maker(block, block.forwarded).make();
}

#else

void weft::iss::enterBlock(FastOp *, int64_t, Memory *, FastContext *) {}
void weft::iss::makeRecords(Block &) {}

#endif
