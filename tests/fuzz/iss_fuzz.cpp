// Any bytes as a program: read as a file, as code in a good file, or as changes to a good file. Whatever is accepted is
// loaded and run for a few hundred instructions, on the fast path and on the observed ones, which must agree.
#include "sim/iss/Machine.h"
#include "tests/unit/iss_elf.h"

#include <cstdlib>

using namespace weft;
using namespace weft::iss;

namespace {

constexpr uint64_t base = 0x80000000, ramBytes = 0x3000, steps = 300;

void require(bool holds) {
  if (!holds)
    std::abort();
}

struct Ignore : Observer {
  explicit Ignore(bool each) : each(each) {}
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override {}
  bool wantsEach() const override { return each; }
  bool each;
};

hw::Isa withUnits() {
  hw::Isa isa;
  isa.units = ~uint32_t{0};
  return isa;
}

struct Board {
  std::vector<std::byte> ram = std::vector<std::byte>(ramBytes);
  Machine machine{withUnits()};
  std::string output;
  Outcome outcome;

  bool run(const Elf &elf, Observer *observer) {
    machine.memory().add({base, ram, Memory::Read | Memory::Write | Memory::Execute});
    machine.output = [this](int, std::string_view text) { output += text; };
    if (!machine.load(elf, "program"))
      return false;
    for (unsigned i = 1; i < 32; ++i) // addresses that lie in memory, or near its ends
      machine.hart().x[i] = base + i * (ramBytes / 30);
    RunOptions options;
    options.maxInstructions = steps;
    options.observer = observer;
    outcome = machine.run(options);
    require(outcome.instructions <= steps);
    require((outcome.stop == Stop::Exited) == describe(outcome).empty());
    return true;
  }
};

/// With another run, that is observed.
void compare(Board &fast, const Elf &elf, bool each);

void check(std::span<const std::byte> file) {
  Result<Elf> elf = readElf(file, "program");
  if (!elf) {
    require(!elf.error().message.empty() && elf.error().message.size() < 4096 && elf.error().fault == Fault::User);
    return;
  }
  Board fast;
  if (!fast.run(*elf, nullptr))
    return;
  compare(fast, *elf, true);
  compare(fast, *elf, false);
}

void compare(Board &fast, const Elf &elf, bool each) {
  Ignore ignore(each);
  Board observed;
  require(observed.run(elf, &ignore));
  require(fast.outcome.stop == observed.outcome.stop && fast.outcome.pc == observed.outcome.pc &&
          fast.outcome.instructions == observed.outcome.instructions);
  const Hart &a = fast.machine.hart(), &b = observed.machine.hart();
  require(a.x == b.x && a.f == b.f && a.v == b.v && a.fflags == b.fflags && a.vector.vl == b.vector.vl &&
          a.vector.vtype == b.vector.vtype && a.privileged.retired == b.privileged.retired);
  require(fast.ram == observed.ram && fast.output == observed.output);
}

test::ElfBuilder program(std::span<const std::byte> code) {
  test::ElfBuilder elf;
  elf.entry = base;
  elf.parts.push_back({base, {code.begin(), code.end()}, code.size()});
  elf.parts.push_back({base + 0x1000, {}, 0x100, PF_R | PF_W});
  elf.symbols = {{"tohost", base + 0x1000}, {"fromhost", base + 0x1040}, {"other", 7}};
  return elf;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::span<const std::byte> bytes(reinterpret_cast<const std::byte *>(data) + 1, size - 1);
  switch (data[0] % 3) {
  case 0:
    check(bytes);
    break;
  case 1:
    check(program(bytes.first(std::min<size_t>(bytes.size(), 0x1000))).file());
    break;
  default: { // three bytes each: where (modulo the size), and what
    std::vector<std::byte> nops(64, std::byte{1});
    std::vector<std::byte> file = program(nops).file();
    for (size_t i = 0; i + 3 <= bytes.size(); i += 3)
      file[(static_cast<size_t>(bytes[i]) | static_cast<size_t>(bytes[i + 1]) << 8) % file.size()] = bytes[i + 2];
    check(file);
  }
  }
  return 0;
}
