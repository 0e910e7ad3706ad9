#include "tests/iss/Runner.h"

#include "tests/iss/Simulator.h"

#include <algorithm>
#include <fmt/format.h>

namespace weft::isstest {

hw::Isa isaOfStreams(unsigned vlenBits) {
  hw::Isa isa;
  isa.vlenBits = vlenBits;
  isa.zfhmin = isa.zfh = isa.zvfhmin = isa.zvfh = true;
  return isa;
}

Result<LoadedProgram> loadInSimulator(const Program &program) {
  Result<iss::Elf> elf = iss::readElf(program.elf, "streams");
  if (!elf)
    return std::move(elf).takeError();
  LoadedProgram loaded{iss::Machine(isaOfStreams(program.vlenBits)), {}};
  for (const iss::Segment &segment : elf->segments) {
    loaded.storage.emplace_back(segment.memoryBytes);
    uint8_t access = iss::Memory::Read;
    access |= segment.writable ? iss::Memory::Write : 0;
    access |= segment.executable ? iss::Memory::Execute : 0;
    loaded.machine.memory().add({segment.address, loaded.storage.back(), access});
  }
  if (Result<void> done = loaded.machine.load(*elf, "streams"); !done)
    return std::move(done).takeError();
  return loaded;
}

void collectOutput(iss::Machine &machine, std::vector<std::byte> &output) {
  machine.output = [&output](int, std::string_view text) {
    const auto *bytes = reinterpret_cast<const std::byte *>(text.data());
    output.insert(output.end(), bytes, bytes + text.size());
  };
}

std::string failureOf(const iss::Outcome &outcome, size_t outputBytes, const Program &program) {
  if (outcome.stop != iss::Stop::Exited)
    return iss::describe(outcome);
  if (outcome.exitCode != 0)
    return fmt::format("exit code {}", outcome.exitCode);
  if (outputBytes != program.outputBytes())
    return fmt::format("wrote {} bytes of {}", outputBytes, program.outputBytes());
  return {};
}

/// Once from the beginning, with memory as `storage` has it.
static Execution runOnce(LoadedProgram &loaded, const std::vector<std::vector<std::byte>> &storage,
                         const Program &program, uint64_t entry) {
  for (size_t i = 0; i < storage.size(); ++i) // in place: the machine's memory is there
    std::copy(storage[i].begin(), storage[i].end(), loaded.storage[i].begin());
  iss::Hart &hart = loaded.machine.hart();
  hart.pc = entry;
  Execution execution;
  collectOutput(loaded.machine, execution.output);
  // Streams end by themselves; the limit is there for a simulator that is wrong.
  const iss::Outcome outcome = loaded.machine.run({.maxInstructions = 100'000 * (program.streams + 1)});
  execution.failure = failureOf(outcome, execution.output.size(), program);
  return execution;
}

Execution runInSimulator(const Program &program) {
  Result<LoadedProgram> loaded = loadInSimulator(program);
  if (!loaded)
    return {loaded.error().message, {}};
  const std::vector<std::vector<std::byte>> storage = loaded->storage;
  const uint64_t entry = loaded->machine.hart().pc;
  const Execution first = runOnce(*loaded, storage, program, entry);
  if (!first.failure.empty())
    return first;
  // What was decoded and prepared is used the second time.
  Execution second = runOnce(*loaded, storage, program, entry);
  if (second.failure.empty() && second.output != first.output && program.streams == 1)
    second.failure = "the second run gives another result than the first";
  return second;
}

} // namespace weft::isstest
