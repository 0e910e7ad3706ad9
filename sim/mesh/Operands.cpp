// What instructions work on: expressions, addresses, transfers, kernel calls.
#include "sim/mesh/Execution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace weft::sim {

int64_t Execution::evaluate(const pkg::Expr &expr, uint32_t core) const {
  const auto loop = [&](uint32_t level) {
    return loops[size_t{core} * image.loopDepth + cores[core].depth - 1 - level].counter;
  };
  return valueOf(expr, image, params, loop, [&] { return core % width; }, [&] { return core / width; });
}

int64_t Execution::addressOf(const OperandCode &operand, uint32_t core) const {
  int64_t address = operand.address;
  for (uint32_t i = operand.terms.begin; i < operand.terms.end; ++i) {
    const pkg::RingTerm &term = image.terms[i];
    int64_t at = evaluate(term.phase(), core);
    if (term.loop_scale() != 0)
      at += term.loop_scale() * loops[size_t{core} * image.loopDepth + cores[core].depth - 1 - term.loop()].counter;
    at %= term.modulus();
    address += (at < 0 ? at + term.modulus() : at) * term.stride();
  }
  return address;
}

bool Execution::checkOperand(uint32_t core, const OperandCode &operand, int64_t address, uint64_t bytes) {
  if (address >= operand.bufferBegin && static_cast<uint64_t>(address) + bytes <= operand.bufferEnd)
    return true;
  fail(core, fmt::format("bytes [{}, {}) are outside buffer '{}', which is [{}, {})", address,
                         address + static_cast<int64_t>(bytes), image.buffers[operand.buffer], operand.bufferBegin,
                         operand.bufferEnd));
  return false;
}

bool Execution::transferExtent(uint32_t core, const InstrCode &instr, Extent &extent) {
  int64_t bytes = evaluate(instr.bytes, core);
  if (bytes < 0 || bytes > int64_t{std::numeric_limits<uint32_t>::max()} - wordBytes) {
    fail(core, fmt::format("a transfer of {} bytes", bytes));
    return false;
  }
  bool reduces = instr.kind == pkg::InstrKind::ReduceForward || instr.kind == pkg::InstrKind::ReduceInto;
  if (reduces && bytes % static_cast<int64_t>(sizeof(float))) {
    fail(core, fmt::format("a reduction of {} bytes, which is no whole number of f32 values", bytes));
    return false;
  }
  extent.bytes = static_cast<uint32_t>(bytes);
  extent.words = static_cast<uint32_t>((static_cast<uint64_t>(bytes) + wordBytes - 1) / wordBytes);
  const OperandCode &operand = image.operands[instr.operands.begin];
  int64_t start = addressOf(operand, core);
  extent.begin = static_cast<uint32_t>(start);
  return checkOperand(core, operand, start, extent.bytes);
}

uint32_t Execution::portOf(uint32_t core, uint32_t channel) {
  uint32_t port = image.routes.findPort(core, channel);
  if (port == none)
    fail(core, fmt::format("the core is not the source of a flow of channel '{}'", image.channels[channel]));
  return port;
}

uint32_t Execution::endpointOf(uint32_t core, uint32_t channel) {
  uint32_t endpoint = image.routes.findEndpoint(core, channel);
  if (endpoint == none)
    fail(core, fmt::format("no flow of channel '{}' is delivered to the core", image.channels[channel]));
  return endpoint;
}

uint32_t Execution::newTransfer(TransferKind kind, uint32_t owner, const Extent &extent, uint32_t channel) {
  uint32_t id = 0;
  if (freeTransfers.empty()) {
    id = static_cast<uint32_t>(transfers.size());
    transfers.emplace_back();
  } else {
    id = freeTransfers.back();
    freeTransfers.pop_back();
  }
  Transfer transfer;
  transfer.kind = kind;
  transfer.owner = owner;
  transfer.words = extent.words;
  transfer.bytes = extent.bytes;
  transfer.channel = channel;
  if (owner < coreCount) {
    transfer.task = cores[owner].task;
    transfer.instr = cores[owner].pc;
  }
  transfers[id] = transfer;
  return id;
}

void Execution::countMessage(uint32_t port, uint32_t words) {
  const FlowInfo &flow = image.routes.flows[image.routes.ports[port].flow];
  runtime::ChannelTraffic &channel = traffic[flow.channel];
  ++channel.messages;
  channel.words += words;
  channel.wordHops += uint64_t{words} * flow.links;
  channel.maxHops = std::max(channel.maxHops, flow.maxHops);
  counters.wordsInjected += words;
  counters.wordHops += uint64_t{words} * flow.links;
}

bool Execution::claimFree(uint32_t core, uint32_t begin, uint32_t end, bool readOnly) {
  const Claim *claim = sram ? claims[core].conflict(begin, end, readOnly) : nullptr;
  if (!claim)
    return true;
  fail(core, fmt::format("touches bytes [{}, {}), which {} owns until the next Wait", begin, end,
                         describe(claim->task, claim->instr)));
  return false;
}

// ---- kernels ----------------------------------------------------------------------------------------------------

int64_t Execution::rowsOf(uint32_t core, const InstrCode &instr) const {
  const int32_t rows = image.kernelRows[instr.kernel];
  if (rows < 0)
    return 1;
  if (!sram || instr.counted < 0)
    return evaluate(image.scalars[instr.scalars.begin + static_cast<uint32_t>(rows)], core);
  const OperandCode &operand = image.operands[instr.operands.begin + static_cast<uint32_t>(instr.counted)];
  int32_t count = 0;
  std::memcpy(&count, sram->core(core).data() + addressOf(operand, core), sizeof count); // call() has checked it
  return std::max<int64_t>(std::min<int64_t>(count, evaluate(instr.count, core)), 1);
}

/// `each` more than once or less often than `work` has it.
static void addWork(hw::KernelWork &work, const WorkCode &each, int64_t times) {
  auto add = [&](auto &amount, const pkg::Expr &one) {
    amount += static_cast<uint64_t>(times * one.add()); // modulo 2^64 where it is negative
  };
  add(work.macs, each.macs);
  add(work.alu, each.alu);
  add(work.special, each.special);
  add(work.loadBytes, each.loadBytes);
  add(work.storeBytes, each.storeBytes);
  add(work.vectors, each.vectors);
  add(work.descriptors, each.descriptors);
}

uint64_t Execution::kernelCycles(uint32_t core, const InstrCode &instr) {
  if (options.kernelCosts) {
    Result<uint64_t> cycles = options.kernelCosts(instr.kernel, rowsOf(core, instr));
    if (cycles)
      return *cycles;
    fail(core, cycles.error().message);
    return 0;
  }
  hw::KernelWork work = kernelWork(image, instr, [&](const pkg::Expr &expr) {
    int64_t value = evaluate(expr, core);
    if (value < 0)
      fail(core, fmt::format("asks for a negative amount of work ({})", value));
    return static_cast<uint64_t>(value);
  });
  if (sram && instr.counted >= 0) {
    const auto m = static_cast<uint32_t>(image.kernelRows[instr.kernel]);
    addWork(work, image.works[instr.each],
            rowsOf(core, instr) - evaluate(image.scalars[instr.scalars.begin + m], core));
  }
  return failure ? 0 : options.coreModel->kernelCycles(work);
}

uint64_t Execution::call(uint32_t core, const InstrCode &instr) {
  Range operandBytes = image.kernelOperands[instr.kernel];
  for (uint32_t i = instr.operands.begin; i < instr.operands.end; ++i) {
    const OperandCode &operand = image.operands[i];
    if (!checkOperand(core, operand, addressOf(operand, core),
                      image.kernelOperandBytes[operandBytes.begin + i - instr.operands.begin]))
      return 0;
  }
  uint64_t cycles = kernelCycles(core, instr);
  uint32_t op = image.tasks[cores[core].task].op;
  ops[op].compute += cycles;
  if (cores[core].outstanding) {
    ops[op].hidden += cycles; // finish() takes back what comes after the last transfer's end
    cores[core].kernelEnd = now + cycles;
  }
  busy += cycles;
  if (recorder && cycles)
    recorder->begins(core, runtime::Cause::Compute, op, instr.kernel, now, cycles);
  ++counters.kernelCalls;
  if (options.trace)
    options.trace->span({core, SpanKind::Kernel, op, image.kernels[instr.kernel], now, now + cycles});
  if (sram && !failure)
    callKernel(core, instr);
  return cycles;
}

/// Data mode: the kernel does at its start all that it does until its end. Nothing may watch it in between.
void Execution::callKernel(uint32_t core, const InstrCode &instr) {
  std::span<std::byte> memory = sram->core(core);
  std::array<uint32_t, maxArguments> operands{};
  std::array<int64_t, maxArguments> scalars{};
  const uint32_t operandCount = instr.operands.end - instr.operands.begin;
  const uint32_t scalarCount = instr.scalars.end - instr.scalars.begin;
  if (operandCount > maxArguments || scalarCount > maxArguments)
    return fail(core, fmt::format("kernels of the mesh engine take up to {} operands and scalars", maxArguments));
  Range operandBytes = image.kernelOperands[instr.kernel];
  for (uint32_t i = 0; i < operandCount; ++i) {
    auto address = static_cast<uint32_t>(addressOf(image.operands[instr.operands.begin + i], core));
    if (!claimFree(core, address, address + image.kernelOperandBytes[operandBytes.begin + i], /*readOnly=*/true))
      return;
    operands[i] = address;
  }
  for (uint32_t i = 0; i < scalarCount; ++i)
    scalars[i] = evaluate(image.scalars[instr.scalars.begin + i], core);
  if (instr.counted >= 0)
    scalars[static_cast<uint32_t>(image.kernelRows[instr.kernel])] = rowsOf(core, instr);
  if (options.runKernel) {
    Result<uint64_t> instructions = options.runKernel(instr.kernel, memory, std::span(operands).first(operandCount),
                                                      std::span(scalars).first(scalarCount));
    if (!instructions)
      return fail(core, instructions.error().message);
    counters.instructions += *instructions;
  } else if (!callNative(core, instr.kernel, memory, operands, scalars)) {
    return;
  }
  if (const Claim *claim = claims[core].overwritten(memory))
    fail(core, fmt::format("kernel '{}' wrote into bytes [{}, {}), which {} is sending", image.kernels[instr.kernel],
                           claim->begin, claim->end, describe(claim->task, claim->instr)));
}

bool Execution::callNative(uint32_t core, uint32_t kernel, std::span<std::byte> memory,
                           std::span<const uint32_t> operands, std::span<const int64_t> scalars) {
  std::array<void *, maxArguments> addresses{};
  for (size_t i = 0; i < operands.size(); ++i)
    addresses[i] = memory.data() + operands[i];
  if (auto fault = callGuarded(kernels[kernel], addresses.data(), scalars.data())) {
    std::string what = fault->signal == SIGFPE ? "divided by zero"
                       : fault->signal == SIGILL
                           ? "met an instruction that this machine does not have"
                           : fmt::format("touched memory outside its core, at its SRAM's byte {} of {}",
                                         fault->address - memory.data(), memory.size());
    fail(core, fmt::format("kernel '{}' {}", image.kernels[kernel], what));
    return false;
  }
  return true;
}

} // namespace weft::sim
