// The handlers of the fast path and their choice. A handler does its instructions and jumps to the next record's; what
// is rare (traps, memory outside the window, blocks not yet linked) is left to functions that are not inlined.
#include "sim/iss/FastHandlers.h"
#include "sim/iss/Decode.h"
#include "sim/iss/FastSteps.h"

#include <tuple>
#include <utility>

#if WEFT_FAST_PATH

using namespace weft;
using namespace weft::iss;
using namespace weft::iss::fast;

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
    if (cls != hw::rvv::OpClass::Store && done.rd != 0 && !isScalarFloat(instructionOf(done.opcode).format))
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

} // namespace

WEFT_FAST_CALL void weft::iss::fast::setConstant(WEFT_FAST_ARGUMENTS) {
  x[op->first.rd] = recent = op->constant;
  ++op;
  WEFT_NEXT;
}

WEFT_FAST_CALL void weft::iss::fast::goOn(WEFT_FAST_ARGUMENTS) { WEFT_FOLLOW(notTaken, false); }

WEFT_FAST_CALL void weft::iss::fast::jumpRegister(WEFT_FAST_ARGUMENTS) {
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

namespace {

[[gnu::noinline]] WEFT_FAST_CALL void trapped(WEFT_FAST_ARGUMENTS) {
  stopAtTrap(header, indexOf(op, header), left, context);
}

[[gnu::noinline]] WEFT_FAST_CALL void touched(WEFT_FAST_ARGUMENTS) {
  context->hart->next = op->pc + op->op->bytes;
  stopAfter(header, indexOf(op, header), left, context);
}

} // namespace

WEFT_FAST_CALL void weft::iss::fast::execute(WEFT_FAST_ARGUMENTS) {
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

WEFT_FAST_CALL void weft::iss::fast::executeSystem(WEFT_FAST_ARGUMENTS) {
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

namespace {

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

template <size_t i> constexpr FastHandler single() {
  return work<SingleAt<i % singleCount>, NoStep, bit(i / singleCount, 0), false>;
}

constexpr size_t pairCount = fusingCount * fusingCount;
template <size_t i> constexpr FastHandler pair() {
  return work<FusingAt<i % pairCount / fusingCount>, FusingAt<i % fusingCount>, bit(i / pairCount, 0),
              bit(i / pairCount, 1)>;
}

constexpr size_t branchPairCount = fusingCount * branchCount;
template <size_t i> constexpr FastHandler branchPair() {
  return branch<FusingAt<i % branchPairCount / branchCount>, BranchAt<i % branchCount>, bit(i / branchPairCount, 0),
                bit(i / branchPairCount, 1), bit(i / branchPairCount, 2)>;
}

template <size_t... i> constexpr auto singleTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{single<i>()...};
}
template <size_t... i> constexpr auto pairTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{pair<i>()...};
}
template <size_t... i> constexpr auto branchTable(std::index_sequence<i...>) {
  return std::array<FastHandler, sizeof...(i)>{branchPair<i>()...};
}
constexpr auto singleHandlers = singleTable(std::make_index_sequence<2 * singleCount>());
constexpr auto pairHandlers = pairTable(std::make_index_sequence<4 * pairCount>());
constexpr auto branchHandlers = branchTable(std::make_index_sequence<8 * branchPairCount>());

/// Loads and stores of f registers, which leave `recent` as it is.
template <typename T> WEFT_FAST_CALL void loadFloat(WEFT_FAST_ARGUMENTS) {
  const Memory::Window &window = memory->lastRead();
  uint64_t address = x[op->first.rs1] + static_cast<uint64_t>(int64_t{op->first.immediate});
  uint64_t offset = address - window.base;
  if (offset >= window.scalarEnd) [[unlikely]]
    WEFT_JUMP(slow<0>);
  T value;
  std::memcpy(&value, window.host + offset, sizeof value);
  uint64_t boxed = value;
  if constexpr (sizeof(T) < sizeof(uint64_t))
    boxed |= ~uint64_t{0} << (8 * sizeof(T));
  context->hart->f[op->first.rd] = boxed;
  ++op;
  WEFT_NEXT;
}
template <typename T> WEFT_FAST_CALL void storeFloat(WEFT_FAST_ARGUMENTS) {
  const Memory::Window &window = memory->lastWritten();
  uint64_t address = x[op->first.rs1] + static_cast<uint64_t>(int64_t{op->first.immediate});
  uint64_t offset = address - window.base;
  if (offset >= window.scalarEnd) [[unlikely]]
    WEFT_JUMP(slow<0>);
  T value = static_cast<T>(context->hart->f[op->first.rs2]);
  std::memcpy(window.host + offset, &value, sizeof value);
  ++op;
  WEFT_NEXT;
}

} // namespace

FastHandler weft::iss::fast::singleHandler(Opcode opcode, bool forwarded) {
  size_t index = indexIn(singleOpcodes, opcode);
  return index == singleCount ? nullptr : singleHandlers[forwarded * singleCount + index];
}

FastHandler weft::iss::fast::pairHandler(Opcode first, Opcode second, bool forwardFirst, bool forwardSecond) {
  size_t one = indexIn(fusingOpcodes, first), two = indexIn(fusingOpcodes, second);
  if (one == fusingCount || two == fusingCount || first == Opcode::Illegal || second == Opcode::Illegal)
    return nullptr;
  return pairHandlers[(forwardFirst + 2 * forwardSecond) * pairCount + one * fusingCount + two];
}

FastHandler weft::iss::fast::branchHandler(Opcode before, Opcode branch, bool forwardBefore, bool forwardBranch,
                                           bool loop) {
  size_t first = indexIn(fusingOpcodes, before), condition = indexIn(branchOpcodes, branch);
  if (first == fusingCount || condition == branchCount || branch == Opcode::Illegal)
    return nullptr;
  size_t variant = forwardBefore + 2 * forwardBranch + 4 * loop;
  return branchHandlers[variant * branchPairCount + first * branchCount + condition];
}

bool weft::iss::fast::isBranch(Opcode opcode) { return indexIn(branchOpcodes, opcode) % branchCount != 0; }

FastHandler weft::iss::fast::floatMemoryHandler(Opcode opcode) {
  switch (opcode) {
  case Opcode::FLH:
    return loadFloat<uint16_t>;
  case Opcode::FLW:
    return loadFloat<uint32_t>;
  case Opcode::FLD:
    return loadFloat<uint64_t>;
  case Opcode::FSH:
    return storeFloat<uint16_t>;
  case Opcode::FSW:
    return storeFloat<uint32_t>;
  case Opcode::FSD:
    return storeFloat<uint64_t>;
  default:
    return nullptr;
  }
}

// A function of its own without a frame to speak of: clang 19 does not save the base pointer of one that needs it, as
// sanitizers make them, over a call that preserves no registers.
[[gnu::noinline, clang::no_sanitize("address", "undefined")]] void
weft::iss::enterBlock(FastOp *header, int64_t left, Memory *memory, FastContext *context) {
  header[1].handler(header + 1, header, context->hart->x.data(), left, 0, memory, context);
}

#else

void weft::iss::enterBlock(FastOp *, int64_t, Memory *, FastContext *) {}

#endif
