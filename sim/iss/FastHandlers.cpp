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

#define WEFT_JUMP(function) [[clang::musttail]] return function(op, x, left, memory, context)
#define WEFT_NEXT WEFT_JUMP(op->handler)

namespace {

FastOp::Header &headerOf(FastOp *op) { return (op - op->first.position)->header; }

/// Instructions of the block that come after instruction `index`.
int64_t after(const FastOp::Header &header, size_t index) { return header.count - 1 - static_cast<int64_t>(index); }

/// The instruction `index` trapped: it and those behind it did not run.
void stopAtTrap(FastOp *op, size_t index, int64_t left, FastContext *context) {
  context->left = left + after(headerOf(op), index) + 1;
  context->exit = FastExit::Trap;
}

void stopAfter(FastOp *op, size_t index, int64_t left, FastContext *context) {
  context->left = left + after(headerOf(op), index);
  context->exit = FastExit::Event;
}

/// One instruction by its executor. False if the block ends here, which is then noted in `context`.
bool executeOne(FastOp *op, size_t index, int64_t left, Memory *memory, FastContext *context) {
  Hart &hart = *context->hart;
  const Block &block = *headerOf(op).block;
  const Op &instruction = block.ops[index];
  hart.pc = block.pcs[index];
  hart.next = hart.pc + instruction.bytes;
  if (!instruction.execute(hart, instruction)) {
    stopAtTrap(op, index, left, context);
    return false;
  }
  hart.x[0] = 0;
  if (!memory->touched())
    return true;
  stopAfter(op, index, left, context);
  return false;
}

/// A record's instructions by their executors, from the first or the second on.
template <size_t from> [[gnu::noinline]] WEFT_FAST_CALL void slow(WEFT_FAST_ARGUMENTS);
template <size_t from> [[gnu::noinline]] WEFT_FAST_CALL void slow(WEFT_FAST_ARGUMENTS) {
  const Block &block = *headerOf(op).block;
  size_t end = block.firstIndex[op->first.position + 1u];
  for (size_t index = block.firstIndex[op->first.position] + from; index < end; ++index)
    if (!executeOne(op, index, left, memory, context))
      return;
  if (classOf(block.ops[end - 1].opcode) == hw::rvv::OpClass::Branch) {
    context->hart->pc = context->hart->next;
    context->left = left;
    context->linkFrom = nullptr;
    context->exit = FastExit::Lookup;
    return;
  }
  ++op;
  WEFT_NEXT;
}

/// The next block is not linked, or longer than what is left. `op` is the links.
template <bool taken> [[gnu::noinline]] WEFT_FAST_CALL void leave(WEFT_FAST_ARGUMENTS);
template <bool taken> [[gnu::noinline]] WEFT_FAST_CALL void leave(WEFT_FAST_ARGUMENTS) {
  const Block &block = *headerOf(op - 1).block;
  size_t last = block.ops.size() - 1;
  context->hart->pc = taken ? block.pcs[last] + static_cast<uint64_t>(block.ops[last].immediate) : block.pcs[last + 1];
  context->left = left;
  context->linkFrom = op;
  context->linkTaken = taken;
  context->exit = FastExit::Lookup;
}

// Goes on in the block that a link names; `op` is the links.
#define WEFT_FOLLOW(link, isTaken)                                                                                     \
  do {                                                                                                                 \
    FastOp *target = op->links.link;                                                                                   \
    int64_t rest = left - target->header.count;                                                                        \
    if (rest < 0) [[unlikely]]                                                                                         \
      WEFT_JUMP(leave<isTaken>);                                                                                       \
    left = rest;                                                                                                       \
    op = target + 1;                                                                                                   \
    WEFT_NEXT;                                                                                                         \
  } while (false)

template <typename First, typename Second> WEFT_FAST_CALL void work(WEFT_FAST_ARGUMENTS) {
  if (!First::run(op->first, x, memory)) [[unlikely]]
    WEFT_JUMP(slow<0>);
  if (!Second::run(op->second, x, memory)) [[unlikely]]
    WEFT_JUMP(slow<1>);
  ++op;
  WEFT_NEXT;
}

/// The branch's operands are the second ones, also when it stands alone.
template <typename First, typename Condition> WEFT_FAST_CALL void branch(WEFT_FAST_ARGUMENTS) {
  if (!First::run(op->first, x, memory)) [[unlikely]]
    WEFT_JUMP(slow<0>);
  bool taken = Condition::taken(op->second, x);
  ++op;
  if (taken)
    WEFT_FOLLOW(taken, true);
  WEFT_FOLLOW(notTaken, false);
}

WEFT_FAST_CALL void setConstant(WEFT_FAST_ARGUMENTS) {
  x[op->first.rd] = op->constant;
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
      op = target.header + 1;
      WEFT_NEXT;
    }
  }
  context->hart->pc = pc;
  context->left = left;
  context->linkFrom = nullptr;
  context->exit = FastExit::Lookup;
}

[[gnu::noinline]] WEFT_FAST_CALL void trapped(WEFT_FAST_ARGUMENTS) {
  stopAtTrap(op, headerOf(op).block->firstIndex[op->first.position], left, context);
}

[[gnu::noinline]] WEFT_FAST_CALL void touched(WEFT_FAST_ARGUMENTS) {
  context->hart->next = op->pc + op->op->bytes;
  stopAfter(op, headerOf(op).block->firstIndex[op->first.position], left, context);
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
  size_t index = headerOf(op).block->firstIndex[op->first.position];
  hart.privileged.retired = context->retiredAndLeft - static_cast<uint64_t>(left + after(headerOf(op), index) + 1);
  hart.pc = op->pc;
  hart.next = hart.pc + op->op->bytes;
  uint64_t following = hart.next;
  if (!op->op->execute(hart, *op->op))
    WEFT_JUMP(trapped);
  x[0] = 0;
  if (hart.forgetDecoded || hart.next != following) {
    stopAfter(op, index, left, context);
    return;
  }
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
    Steps<NoStep, ConstantStep WEFT_FUSING_REGISTER(WEFT_REGISTER_STEP) WEFT_FUSING_IMMEDIATE(WEFT_IMMEDIATE_STEP)
                      WEFT_FUSING_LOAD(WEFT_LOAD_STEP) WEFT_FUSING_STORE(WEFT_STORE_STEP)>;
constexpr Opcode fusingOpcodes[] = {Opcode::Illegal,
                                    Opcode::LUI WEFT_FUSING_REGISTER(WEFT_OPCODE) WEFT_FUSING_IMMEDIATE(WEFT_OPCODE)
                                        WEFT_FUSING_LOAD(WEFT_OPCODE) WEFT_FUSING_STORE(WEFT_OPCODE)};
using Singles = Steps<ConstantStep WEFT_SCALAR_REGISTER(WEFT_REGISTER_STEP) WEFT_SCALAR_IMMEDIATE(WEFT_IMMEDIATE_STEP)
                          WEFT_SCALAR_LOAD(WEFT_LOAD_STEP) WEFT_SCALAR_STORE(WEFT_STORE_STEP)>;
constexpr Opcode singleOpcodes[] = {Opcode::LUI WEFT_SCALAR_REGISTER(WEFT_OPCODE) WEFT_SCALAR_IMMEDIATE(WEFT_OPCODE)
                                        WEFT_SCALAR_LOAD(WEFT_OPCODE) WEFT_SCALAR_STORE(WEFT_OPCODE)};
using Branches = Steps<NoStep WEFT_SCALAR_BRANCH(WEFT_BRANCH_STEP)>;
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

template <size_t... i> constexpr std::array<FastHandler, sizeof...(i)> singleTable(std::index_sequence<i...>) {
  return {work<std::tuple_element_t<i, Singles>, NoStep>...};
}
constexpr auto singleHandlers = singleTable(std::make_index_sequence<singleCount>());

template <size_t... i> constexpr std::array<FastHandler, sizeof...(i)> pairTable(std::index_sequence<i...>) {
  return {work<std::tuple_element_t<i / fusingCount, Fusing>, std::tuple_element_t<i % fusingCount, Fusing>>...};
}
constexpr auto pairHandlers = pairTable(std::make_index_sequence<fusingCount * fusingCount>());

template <size_t... i> constexpr std::array<FastHandler, sizeof...(i)> branchTable(std::index_sequence<i...>) {
  return {branch<std::tuple_element_t<i / (branchCount - 1), Fusing>,
                 std::tuple_element_t<1 + i % (branchCount - 1), Branches>>...};
}
constexpr auto branchHandlers = branchTable(std::make_index_sequence<fusingCount *(branchCount - 1)>());

/// Fills a block's records.
class Maker {
public:
  explicit Maker(Block &block) : block(block) {}

  void make() {
    FastOp header{};
    header.header = {static_cast<int64_t>(block.ops.size()), block.pcs.front(), &block};
    block.records.push_back(header);
    block.firstIndex.push_back(0);
    size_t index = 0;
    while (index < block.ops.size())
      index += add(index);
    if (!ended)
      addLinks(goOn);
    block.firstIndex.push_back(static_cast<uint16_t>(block.ops.size()));
  }

private:
  FastOp &append(FastHandler handler, size_t index) {
    FastOp record{};
    record.handler = handler;
    record.first.position = static_cast<uint8_t>(block.records.size());
    record.pc = block.pcs[index];
    block.firstIndex.push_back(static_cast<uint16_t>(index));
    block.records.push_back(record);
    return block.records.back();
  }

  void addLinks(FastHandler handler) {
    FastOp record{};
    record.handler = handler;
    record.links = {unresolvedBlock(), unresolvedBlock()};
    block.firstIndex.push_back(static_cast<uint16_t>(block.ops.size()));
    block.records.push_back(record);
    ended = true;
  }

  static FastOp::Operands operandsOf(const Op &op, uint8_t position) {
    return {static_cast<int32_t>(op.immediate), op.rd, op.rs1, op.rs2, position};
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

  /// Records for the instruction at `index` and perhaps the next; how many.
  size_t add(size_t index) {
    const Op &op = block.ops[index];
    if (isNothing(op))
      return 1;
    if (op.opcode == Opcode::AUIPC || op.opcode == Opcode::JAL) {
      FastOp &record = append(setConstant, index);
      record.first.rd = op.rd;
      record.constant = block.pcs[index] + (op.opcode == Opcode::JAL ? op.bytes : static_cast<uint64_t>(op.immediate));
      return 1;
    }
    if (op.opcode == Opcode::JALR) {
      FastOp &record = append(jumpRegister, index);
      record.first = operandsOf(op, record.first.position);
      record.constant = block.pcs[index] + op.bytes;
      ended = true;
      return 1;
    }
    if (size_t condition = indexIn(branchOpcodes, op.opcode); condition != branchCount && op.opcode != Opcode::Illegal)
      return addBranch(index, 0, condition, 1);
    size_t single = indexIn(singleOpcodes, op.opcode);
    if (single == singleCount || writesZero(op))
      return addExecuted(index);
    if (size_t fused = addFused(index))
      return fused;
    FastOp &record = append(singleHandlers[single], index);
    record.first = operandsOf(op, record.first.position);
    return 1;
  }

  size_t addFused(size_t index) {
    const Op &op = block.ops[index];
    size_t first = indexIn(fusingOpcodes, op.opcode);
    if (first == fusingCount || index + 1 == block.ops.size())
      return 0;
    const Op &next = block.ops[index + 1];
    if (next.opcode == Opcode::Illegal || isNothing(next) || writesZero(next))
      return 0;
    if (size_t condition = indexIn(branchOpcodes, next.opcode); condition != branchCount)
      return addBranch(index, first, condition, 2);
    size_t second = indexIn(fusingOpcodes, next.opcode);
    if (second == fusingCount)
      return 0;
    FastOp &record = append(pairHandlers[first * fusingCount + second], index);
    record.first = operandsOf(op, record.first.position);
    record.second = operandsOf(next, 0);
    return 2;
  }

  /// `count` instructions, the last a branch.
  size_t addBranch(size_t index, size_t first, size_t condition, size_t count) {
    FastOp &record = append(branchHandlers[first * (branchCount - 1) + condition - 1], index);
    record.first = operandsOf(block.ops[index], record.first.position);
    record.second = operandsOf(block.ops[index + count - 1], 0);
    addLinks(nullptr);
    return count;
  }

  size_t addExecuted(size_t index) {
    const Op &op = block.ops[index];
    hw::rvv::OpClass cls = classOf(op.opcode);
    bool system = op.opcode != Opcode::Illegal &&
                  (cls == hw::rvv::OpClass::Csr || cls == hw::rvv::OpClass::System || op.opcode == Opcode::FENCE_I);
    append(system ? executeSystem : execute, index).op = &op;
    if (system)
      addLinks(nullptr);
    return 1;
  }

  Block &block;
  bool ended = false;
};

} // namespace

void weft::iss::makeRecords(Block &block) { Maker(block).make(); }

#else

void weft::iss::makeRecords(Block &) {}

#endif
