// Runs the RISC-V kernels of a package on the SRAM of one core after the other. One machine for all cores: the SRAM it
// sees is that of the call.
#pragma once

#include "hw-models/Hardware.h"
#include "sim/iss/Machine.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::iss {

/// A call longer than this is an endless loop. The largest tile of a core's SRAM needs some millions of instructions.
inline constexpr uint64_t maxKernelInstructions = 2'000'000'000;

class KernelMachine {
public:
  /// Kernels by name, in the order of call()'s index. `image` is a static ELF file for `hardware`'s core with one
  /// symbol a kernel; it is copied. Errors: what readElf() finds, a kernel without a symbol, no room in the address
  /// space.
  static Result<KernelMachine> create(std::span<const std::byte> image, const std::vector<std::string> &kernels,
                                      const hw::Hardware &hardware);

  /// Calls kernel `index` with operands at these offsets of `sram`, which has the hardware's SRAM size. The number of
  /// instructions. Errors: whatever the kernel does that it may not, with its name and the address; `sram` then holds
  /// what the kernel wrote before.
  Result<uint64_t> call(uint32_t index, std::span<std::byte> sram, std::span<const uint32_t> operands,
                        std::span<const int64_t> scalars, Observer *observer = nullptr);

  /// Instructions of custom units run on `partner` too, beside their golden models (sim/iss/Units.h). It outlives this
  /// machine or is replaced; null: no more.
  void setUnitPartner(UnitPartner *partner) { machine.hart().unitPartner = partner; }

  /// Bytes of code and constants in memory.
  uint64_t imageBytes() const { return loadedBytes; }

  /// Of one call. The list in memory has this many places.
  static constexpr size_t maxArguments = 32;

private:
  struct Kernel {
    std::string name;
    uint64_t address = 0;
  };

  explicit KernelMachine(const hw::Isa &isa) : machine(isa) {}
  Result<void> place(const Elf &elf, const hw::Hardware &hardware);
  std::string explain(const Outcome &outcome) const;

  Machine machine;
  std::vector<Kernel> kernels;
  std::vector<std::vector<std::byte>> contents; // of segments, stack and arguments, in that order
  size_t sramRange = 0;
  uint64_t loadedBytes = 0, sramBase = 0, sramBytes = 0, stackBase = 0, stackTop = 0, argumentsBase = 0;
};

} // namespace weft::iss
