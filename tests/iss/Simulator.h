// The simulator with a program loaded: for tests that look inside while it runs.
#pragma once

#include "sim/iss/Machine.h"
#include "tests/iss/Program.h"

namespace weft::isstest {

/// What streams may use: what both the simulator and qemu have.
hw::Isa isaOfStreams(unsigned vlenBits);

struct LoadedProgram {
  iss::Machine machine;
  std::vector<std::vector<std::byte>> storage; // of the machine's memory
};
Result<LoadedProgram> loadInSimulator(const Program &program);
void collectOutput(iss::Machine &machine, std::vector<std::byte> &output);
/// Empty if the program ended as it should.
std::string failureOf(const iss::Outcome &outcome, size_t outputBytes, const Program &program);

} // namespace weft::isstest
