// Asks qemu which words it takes for instructions: a program executes each of them and counts on SIGILL.
#include "tests/iss/Encode.h"
#include "tests/iss/Legality.h"

namespace weft::isstest {

namespace {
constexpr unsigned ra = 1, t0 = 5, t1 = 6, t2 = 7, a0 = 10, a1 = 11, a2 = 12, a3 = 13, a7 = 17, link = 31;
constexpr uint64_t resultBase = 0x1000'0000, scratchBase = 0x2000'0000;
constexpr size_t scratchBytes = 65536;
/// Each probe has a place of its own in the code, from which the handler of signals knows which it is.
constexpr unsigned placeBytes = 32, placeLog2 = 5;
constexpr unsigned systemWrite = 64, systemExit = 93, systemSigaction = 134;
/// Of uc_mcontext.sc_regs.pc in the kernel's struct ucontext.
constexpr int32_t pcInContext = 176;

/// void handler(int number, siginfo_t *, ucontext_t *context): notes the number, goes on at the next place.
void appendHandler(Code &code, uint64_t firstPlace) {
  code.word(ld(t0, a2, pcInContext));
  code.loadAddress(t1, firstPlace);
  code.word(rType(0x40000033, t1, t0, t1));    // sub
  code.word(iType(0x5013, t1, t1, placeLog2)); // srli
  code.loadAddress(t2, resultBase);
  code.word(rType(0x33, t1, t1, t2));               // add
  code.word(sType(0x23, t1, a0, 0));                // sb
  code.word(iType(0x6013, t0, t0, placeBytes - 1)); // ori
  code.word(addi(t0, t0, 1));
  code.word(sd(t0, a2, pcInContext));
  code.word(jalr(0, ra, 0));
}

/// All x registers point into the scratch memory.
void appendSetup(Code &code) {
  code.loadAddress(ra, scratchBase + scratchBytes / 2);
  for (unsigned i = 2; i < link; ++i)
    code.word(addi(i, ra, 0));
  code.word(jalr(0, link, 0));
}

void appendPlace(Code &code, const Probe &probe, uint64_t setup) {
  const uint64_t end = code.here() + placeBytes;
  code.call(link, setup);
  code.word(iType(0xc0007057, 0, 0, static_cast<int32_t>(probe.vtype))); // vsetivli x0, 0
  code.word(rType(0xd2007053, 0, 0, 0)); // fcvt.d.w, dynamic mode: see KnownDifferences.h, needsDynamicRoundingBefore
  code.word(probe.word);
  while (code.here() != end)
    code.word(0x0001); // c.nop
}

void appendStart(Code &code, uint64_t handler, uint64_t setup) {
  // struct sigaction {handler, flags, mask} in the scratch memory; SA_SIGINFO | SA_NODEFER
  code.loadAddress(a1, scratchBase);
  code.loadAddress(t0, handler);
  code.word(sd(t0, a1, 0));
  code.word(lui(t0, 0x40000));
  code.word(addi(t0, t0, 4));
  code.word(sd(t0, a1, 8));
  code.word(addi(a2, 0, 0));
  code.word(addi(a3, 0, 8));
  code.word(addi(a7, 0, systemSigaction));
  for (int32_t number : {4, 7, 11}) { // SIGILL, SIGBUS, SIGSEGV
    code.word(addi(a0, 0, number));
    code.word(ecall);
  }
  code.call(link, setup); // a stack pointer
}

void appendEnd(Code &code, size_t count) {
  code.word(addi(a0, 0, 1));
  code.loadAddress(a1, resultBase);
  code.loadAddress(a2, count);
  code.word(addi(a7, 0, systemWrite));
  code.word(ecall);
  code.word(addi(a0, 0, 0));
  code.word(addi(a7, 0, systemExit));
  code.word(ecall);
}
} // namespace

std::vector<bool> legalInQemu(const std::string &qemu, std::span<const Probe> probes, unsigned vlenBits,
                              std::string &failure) {
  Code code(layout::code);
  const uint64_t handler = code.here();
  constexpr uint64_t firstPlace = layout::code + 4096;
  appendHandler(code, firstPlace);
  const uint64_t setup = code.here();
  appendSetup(code);
  const uint64_t entry = code.here();
  appendStart(code, handler, setup);
  while (code.here() != firstPlace)
    code.word(0x0001);
  for (const Probe &probe : probes)
    appendPlace(code, probe, setup);
  appendEnd(code, probes.size());

  const std::vector<std::byte> results(probes.size()), scratch(scratchBytes);
  const LoadSegment segments[] = {{layout::code, code.contents(), false, true},
                                  {resultBase, results, true, false},
                                  {scratchBase, scratch, true, false}};
  const Execution execution = runElfInQemu(qemu, writeElf(entry, segments), vlenBits);
  failure = execution.failure;
  if (failure.empty() && execution.output.size() != probes.size())
    failure = "qemu did not write all results";
  std::vector<bool> legal;
  for (size_t i = 0; failure.empty() && i < probes.size(); ++i)
    legal.push_back(execution.output[i] != std::byte{4});
  return legal;
}

} // namespace weft::isstest
