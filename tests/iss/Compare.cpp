#include "tests/iss/Runner.h"

#include <cstring>
#include <fmt/format.h>

namespace weft::isstest {

namespace {
uint64_t read64(std::span<const std::byte> bytes, size_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string hexadecimal(std::span<const std::byte> bytes) { // most significant byte first, as one reads a register
  std::string text;
  for (size_t i = bytes.size(); i > 0; --i) {
    text += fmt::format("{:02x}", static_cast<unsigned>(bytes[i - 1]));
    if (i > 1 && (i - 1) % 8 == 0)
      text += '_';
  }
  return text;
}

void describeWords(std::string &text, std::span<const std::byte> qemu, std::span<const std::byte> simulator,
                   int32_t offset, unsigned count, const std::function<std::string(unsigned)> &name) {
  for (unsigned i = 0; i < count; ++i) {
    const size_t at = static_cast<size_t>(offset - context::start) + 8 * i;
    if (const uint64_t q = read64(qemu, at), s = read64(simulator, at); q != s)
      text += fmt::format("  {:8} qemu {:016x}, simulator {:016x}\n", name(i), q, s);
  }
}

/// The halves of a batch that cannot be run as a whole are compared by themselves.
void compareRange(std::span<const Stream *const> streams, size_t first, const Executor &qemu, const Executor &simulator,
                  std::vector<Difference> &differences) {
  const Program program = buildProgram(streams);
  const Execution theirs = qemu(program), ours = simulator(program);
  if (theirs.failure.empty() && ours.failure.empty()) {
    const size_t size = context::bytes(program.vlenBits);
    for (size_t i = 0; i < streams.size(); ++i) {
      const auto q = std::span(theirs.output).subspan(i * size, size),
                 s = std::span(ours.output).subspan(i * size, size);
      if (std::memcmp(q.data(), s.data(), size) != 0)
        differences.push_back({first + i, describeDifference(q, s, program.vlenBits)});
    }
    return;
  }
  if (streams.size() == 1) {
    differences.push_back(
        {first,
         fmt::format("  qemu: {}\n  simulator: {}\n", theirs.failure.empty() ? "ended well" : theirs.failure,
                     ours.failure.empty() ? "ended well" : ours.failure),
         !theirs.failure.empty(), !ours.failure.empty()});
    return;
  }
  const size_t half = streams.size() / 2;
  compareRange(streams.first(half), first, qemu, simulator, differences);
  compareRange(streams.subspan(half), first + half, qemu, simulator, differences);
}
} // namespace

std::string describeDifference(std::span<const std::byte> qemu, std::span<const std::byte> simulator,
                               unsigned vlenBits) {
  std::string text;
  describeWords(text, qemu, simulator, context::integers, 32, [](unsigned i) { return fmt::format("x{}", i); });
  describeWords(text, qemu, simulator, context::floats, 32, [](unsigned i) { return fmt::format("f{}", i); });
  constexpr const char *controls[] = {"vtype", "vl", "vcsr", "fcsr", "vstart"};
  describeWords(text, qemu, simulator, context::control, 5, [&](unsigned i) { return std::string(controls[i]); });
  describeWords(text, qemu, simulator, context::scratch, (context::scratchEnd - context::scratch) / 8,
                [](unsigned i) { return fmt::format("mem+{}", 8 * i); });
  const size_t bytes = vlenBits / 8, vectors = static_cast<size_t>(context::vectors - context::start);
  for (unsigned i = 0; i < 32; ++i) {
    const auto q = qemu.subspan(vectors + i * bytes, bytes), s = simulator.subspan(vectors + i * bytes, bytes);
    if (std::memcmp(q.data(), s.data(), bytes) != 0)
      text += fmt::format("  v{}\n    qemu      {}\n    simulator {}\n", i, hexadecimal(q), hexadecimal(s));
  }
  return text;
}

std::vector<Difference> compare(std::span<const Stream *const> streams, const Executor &qemu,
                                const Executor &simulator) {
  std::vector<Difference> differences;
  compareRange(streams, 0, qemu, simulator, differences);
  return differences;
}

} // namespace weft::isstest
