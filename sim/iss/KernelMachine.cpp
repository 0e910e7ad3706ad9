#include "sim/iss/KernelMachine.h"
#include "sim/iss/PreparedVector.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::iss {
namespace {

/// Between the ranges, so that an address beyond one is in none. Also their alignment, which is more than any vector
/// register's.
constexpr uint64_t gapBytes = uint64_t{1} << 20;
constexpr uint64_t stackAlignBytes = 16; // of the RISC-V calling convention

/// vtype when the first kernel is called: e8, m1, ta, ma. A core's start-up code sets one, since after reset it is
/// illegal (vill), LLVM 19 moves whole registers without a vsetvli before them, and a move is illegal then, too
/// (vector extension 1.0, section 16.6).
constexpr uint64_t startVtype = 0xc0;

constexpr uint64_t nextPlace(uint64_t end) { return (end + 2 * gapBytes - 1) / gapBytes * gapBytes; }

} // namespace

Result<KernelMachine> KernelMachine::create(std::span<const std::byte> image, const std::vector<std::string> &names,
                                            const hw::Hardware &hardware) {
  Result<Elf> elf = readElf(image, "the package's RISC-V kernels");
  if (!elf)
    return elf.takeError();
  KernelMachine made(hw::isaOf(hardware.parallelism.core));
  for (const std::string &name : names) {
    auto symbol = elf->symbols.find(name);
    if (symbol == elf->symbols.end())
      return userError(fmt::format("kernel '{}' is not in the package's RISC-V object; compile the model again", name));
    made.kernels.push_back({name, symbol->second});
  }
  if (Result<void> placed = made.place(*elf, hardware); !placed)
    return placed.takeError();
  Hart &hart = made.machine.hart();
  if (hart.isa.vlenBits != 0)
    static_cast<VectorType &>(hart.vector) = decodeVectorType(startVtype, hart.isa);
  return made;
}

/// Code and constants where the file says, then SRAM, stack and argument lists behind them.
Result<void> KernelMachine::place(const Elf &elf, const hw::Hardware &hardware) {
  Memory &memory = machine.memory();
  uint64_t end = 0;
  for (const Segment &segment : elf.segments) {
    end = segment.address + segment.memoryBytes;
    // Nothing stands behind the size that a file claims.
    if (segment.memoryBytes > hardware.memory.sramBytes)
      return userError(fmt::format("the package's RISC-V kernels have a segment of {} bytes, a core's SRAM has {}; "
                                   "compile the model again",
                                   segment.memoryBytes, hardware.memory.sramBytes));
    std::vector<std::byte> &bytes = contents.emplace_back(segment.memoryBytes);
    std::copy(segment.contents.begin(), segment.contents.end(), bytes.begin());
    const auto access = static_cast<uint8_t>(Memory::Read | (segment.executable ? Memory::Execute : 0) |
                                             (segment.writable ? Memory::Write : 0));
    memory.add({segment.address, bytes, access});
    loadedBytes += segment.memoryBytes;
  }
  const uint64_t needed = hardware.memory.sramBytes + hardware.memory.stackBytes + 8 * gapBytes;
  if (end > ~uint64_t{0} - needed)
    return userError(fmt::format("the package's RISC-V kernels end at {:#x}, which leaves no addresses for a core's "
                                 "SRAM; compile the model again",
                                 end));
  sramBase = nextPlace(end);
  sramBytes = hardware.memory.sramBytes;
  // A call says whose bytes these are.
  sramRange = memory.add({sramBase, {static_cast<std::byte *>(nullptr), sramBytes}, Memory::Read | Memory::Write});
  stackBase = nextPlace(sramBase + sramBytes);
  stackTop = stackBase + hardware.memory.stackBytes / stackAlignBytes * stackAlignBytes;
  memory.add({stackBase, contents.emplace_back(stackTop - stackBase), Memory::Read | Memory::Write});
  argumentsBase = nextPlace(stackTop);
  memory.add({argumentsBase, contents.emplace_back(2 * maxArguments * sizeof(uint64_t)), Memory::Read});
  return success();
}

Result<uint64_t> KernelMachine::call(uint32_t index, std::span<std::byte> sram, std::span<const uint32_t> operands,
                                     std::span<const int64_t> scalars, Observer *observer) {
  const Kernel &kernel = kernels[index];
  if (operands.size() > maxArguments || scalars.size() > maxArguments)
    return userError(fmt::format("kernel '{}' has {} operands and {} scalars; up to {} of each can be simulated",
                                 kernel.name, operands.size(), scalars.size(), maxArguments));
  if (sram.size() != sramBytes)
    return internalError(fmt::format("an SRAM of {} bytes for kernels of a core with {}", sram.size(), sramBytes));
  machine.memory().rebind(sramRange, sram.data());
  std::byte *list = contents.back().data();
  for (size_t i = 0; i < operands.size(); ++i) {
    const uint64_t address = sramBase + operands[i];
    std::memcpy(list + i * sizeof address, &address, sizeof address);
  }
  const size_t scalarList = maxArguments * sizeof(uint64_t);
  if (!scalars.empty())
    std::memcpy(list + scalarList, scalars.data(), scalars.size_bytes());
  const uint64_t arguments[] = {argumentsBase, argumentsBase + scalarList};
  const Outcome outcome = machine.call(kernel.address, arguments, stackTop,
                                       {.maxInstructions = maxKernelInstructions, .observer = observer});
  if (outcome.stop != Stop::Returned)
    return userError(fmt::format("kernel '{}' {}", kernel.name, explain(outcome)));
  return outcome.instructions;
}

std::string KernelMachine::explain(const Outcome &outcome) const {
  if (outcome.stop == Stop::Exited)
    return fmt::format("ended the program at {:#x} instead of returning", outcome.pc);
  std::string text = "failed: " + describe(outcome);
  if (outcome.stop != Stop::Trapped ||
      (outcome.trap.cause != Cause::LoadFault && outcome.trap.cause != Cause::StoreFault))
    return text;
  // Addresses mean nothing to a reader who does not know where we put things.
  const uint64_t address = outcome.trap.value;
  const auto sram = static_cast<int64_t>(address - sramBase);
  const uint64_t gap = stackBase - (sramBase + sramBytes); // above it an address is more likely of the stack
  if (address < stackBase && stackBase - address < gap / 2)
    text += fmt::format("; that is below the {} bytes of the stack (memory.reserve_kib.stack)", stackTop - stackBase);
  else if (sram >= -static_cast<int64_t>(gapBytes) && sram < static_cast<int64_t>(sramBytes + gapBytes))
    text += fmt::format("; that is byte {} of the core's {} bytes of SRAM", sram, sramBytes);
  return text;
}

} // namespace weft::iss
