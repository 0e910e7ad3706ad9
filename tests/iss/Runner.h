// Runs programs in qemu and in the simulator and compares what they leave behind.
#pragma once

#include "tests/iss/Program.h"

#include <functional>
#include <optional>
#include <string>

namespace weft::isstest {

/// What a program wrote; or why it did not end well.
struct Execution {
  std::string failure; // empty: exited with status 0
  std::vector<std::byte> output;
};
using Executor = std::function<Execution(const Program &)>;

/// Path of qemu-riscv64; empty if PATH has none.
std::string findQemu();
Execution runInQemu(const std::string &qemu, const Program &program);
/// Any program; what it wrote to descriptor 1.
Execution runElfInQemu(const std::string &qemu, std::span<const std::byte> elf, unsigned vlenBits);
Execution runInSimulator(const Program &program);

/// Streams of a batch whose states differ at the end, or that one of the two could not finish.
struct Difference {
  size_t stream = 0;
  std::string what; // which registers, with both values
  bool qemuFailed = false, simulatorFailed = false;
};
std::vector<Difference> compare(std::span<const Stream *const> streams, const Executor &qemu,
                                const Executor &simulator);

/// Registers and memory that differ between two contexts, one a line.
std::string describeDifference(std::span<const std::byte> qemu, std::span<const std::byte> simulator,
                               unsigned vlenBits);

} // namespace weft::isstest
