// Runs mutants of a small router through the comparisons of mesh_cosim_test, each in a process of its own, and says
// which are killed: differ from the engine in a cycle or a bit. rtl/mutants/make_netlist.py makes them.
//
//     router_mutants LIST [FIRST LAST]
//
// LIST: what each mutant changes, a line a mutant; FIRST and LAST: only these. rtl/mutants/equivalent.py judges.
// Compiled with WEFT_COVERAGE it runs the router itself, built to count lines and branches, and writes which of them,
// and which toggles, were met:
//
//     router_coverage COVERAGE.dat TOGGLES.dat
#define CATCH_CONFIG_RUNNER // the generator of programs asserts with it
#ifdef WEFT_COVERAGE
#include "Vrouter_covered.h"
#include <verilated_cov.h>
#else
#include "Vrouter_mutant.h"
#endif
#include "mesh_random_programs.h"
#include "router_mesh.h"
#include "sim/cosim/mesh/Compare.h"
#include "sim/cosim/mesh/Kernels.h"
#include "sim/cosim/mesh/RouterMesh.h"
#include "sim/cosim/mesh/VerilatedRouter.h"
#include "sim/cosim/toggles/Toggles.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::test {
namespace {

#ifdef WEFT_COVERAGE
std::string togglePath = "toggles.dat";

/// What a router of the coverage run has before it is one.
struct OwnWave {
  OwnWave() : wavePath(fmt::format("{}.{}.fst", togglePath, made++)) {}
  inline static int made = 0;
  std::string wavePath;
  cosim::VerilatedWave wave;
};

/// Each router counts for itself, and has a waveform of its own, as each is clocked when it has something to do.
class Mutant : private OwnWave, public cosim::VerilatedRouter<Vrouter_covered, 4, WEFT_COLORS> {
public:
  explicit Mutant(uint64_t seed) : VerilatedRouter(seed, {&wave}) {
    all().push_back(this);
    if (!wave.open(wavePath))
      std::abort();
  }
  static std::vector<Mutant *> &all() {
    static std::vector<Mutant *> routers;
    return routers;
  }
  void evaluate(bool clock, cosim::RouterPins &pins) override {
    VerilatedRouter::evaluate(clock, pins);
    wave.dump(time++);
  }
  void write(const std::string &path) { context.coveragep()->write(path.c_str()); }
  Result<void> addTo(cosim::Toggles &toggles) {
    wave.close();
    Result<void> added = toggles.add(wavePath);
    std::remove(wavePath.c_str());
    return added;
  }

private:
  uint64_t time = 0;
};
#else
uint32_t chosen = 0; // 0: the router itself
class Mutant : public cosim::VerilatedRouter<Vrouter_mutant, 4, WEFT_COLORS> {
public:
  explicit Mutant(uint64_t seed) : VerilatedRouter(seed) { model->mutant = static_cast<uint16_t>(chosen); }
};
#endif

/// The router that rtl/mutants/make_netlist.py is told to make.
const cosim::RouterVariant &variant() {
  static const cosim::RouterVariant small{
      "small",
      WEFT_COLORS,
      4,
      WEFT_QUEUE_WORDS,
      WEFT_HOP,
      WEFT_RAMP,
      WEFT_REDUCE_STAGE,
      [](uint64_t seed) -> std::unique_ptr<cosim::RouterModel> { return std::make_unique<Mutant>(seed); }};
  return small;
}

/// Fills memories with operands on which adders differ: the same place of all cores holds one number but for its sign,
/// its last bits or some powers of two, and now and then anything. So sums cancel, round, tie, overflow and vanish.
void aimAtAdders(std::vector<std::vector<std::byte>> &memories, uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  constexpr uint32_t special[] = {0, 1, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7f7fffff, 0x00800000, 0x007fffff};
  for (size_t at = 0; at < memories.front().size(); at += 4) {
    const bool halves = pick(2); // two bf16 numbers
    const uint32_t bits = halves ? 16 : 32, fractionBits = halves ? 7 : 23;
    const uint32_t number = pick(6) ? random() : special[pick(8)];
    for (std::vector<std::byte> &memory : memories) {
      uint32_t word = 0;
      for (uint32_t place = 0; place < 32; place += bits) {
        uint32_t each = halves ? (number >> (place ? 0 : 16)) & 0xffff : number;
        each ^= pick(2) << (bits - 1) ^ random() % (1u << pick(fractionBits + 1));
        if (pick(2)) // some powers of two less; the sign may change
          each -= pick(fractionBits + 5) << fractionBits;
        word |= (halves ? each & 0xffff : each) << place;
      }
      if (pick(8) == 0)
        word = pick(2) ? random() : special[pick(8)];
      std::memcpy(&memory[at], &word, 4);
    }
  }
}

/// NaN is itself here.
bool sameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

bool sameOnProgram(uint32_t seed, bool dense, const hw::Hardware &machine) {
  RandomProgram program(seed, dense, &machine);
  if (seed % 4)
    aimAtAdders(program.setup.initialMemory, seed);
  runtime::Package package = program.make();
  Observation expected = runEngine(package, program.setup),
              seen = runDevice(package, program.setup, routerMaker(&variant()));
  return seen.finished == expected.finished && seen.arrivals == expected.arrivals &&
         seen.hostArrivals == expected.hostArrivals && seen.coreEnds == expected.coreEnds &&
         (!seen.finished ||
          (seen.cycles == expected.cycles && seen.memory == expected.memory && sameBits(seen.logits, expected.logits)));
}

bool sameOnKernel(const std::string &name, const hw::Hardware &machine) {
  auto package = cosim::makeMeshKernel(name, 6, 5, 40, machine);
  MacsModel model;
  cosim::ArrivalLog engineLog, routerLog;
  sim::MeshEngineOptions options;
  options.coreModel = &model;
  options.fillResident = [&](uint32_t x, uint32_t y, std::span<std::byte> sram) {
    cosim::fillMeshKernel(y * 6 + x, 3, sram);
    return success();
  };
  options.trace = &engineLog;
  auto engine = sim::makeMeshEngine(*package, machine, options);
  options.trace = &routerLog;
  auto routers = routerMaker(&variant())(*package, machine, options);
  auto compared = cosim::compareLaunch({engine->get(), routers->get(), &engineLog, &routerLog, 6, 5,
                                        machine.memory.sramBytes, package->programs[0].get()},
                                       {"p", 1, {}});
  return compared && compared->mismatches == 0;
}

/// What a mutant meets.
bool isTheEngines(const hw::Hardware &machine) {
  for (uint32_t seed = 1; seed <= 100; ++seed)
    for (bool dense : {true, false})
      if (!sameOnProgram(seed, dense, machine))
        return false;
  for (const std::string &kernel : cosim::meshKernels())
    if (!sameOnKernel(kernel, machine))
      return false;
  return true;
}

} // namespace

// The generator of programs asserts, and asserts want a test around them.
TEST_CASE("The chosen router is the engine's") { REQUIRE(isTheEngines(machineOf(variant()))); }

} // namespace weft::test

#ifdef WEFT_COVERAGE

int main(int argc, char **argv) {
  using namespace weft;
  Catch::Session session;
  const std::string path = argc > 1 ? argv[1] : "coverage.dat";
  if (argc > 2)
    test::togglePath = argv[2];
  if (session.run())
    return 1;
  std::string all;
  cosim::Toggles toggles;
  for (size_t i = 0; i < test::Mutant::all().size(); ++i) {
    const std::string part = fmt::format("{}.{}", path, i);
    test::Mutant::all()[i]->write(part);
    std::ifstream file(part);
    std::string header;
    std::getline(file, header);
    all += i ? "" : header + "\n";
    all.append(std::istreambuf_iterator<char>(file), {});
    std::remove(part.c_str());
    if (!test::Mutant::all()[i]->addTo(toggles))
      return 1;
  }
  std::ofstream(path) << all;
  return toggles.write(test::togglePath) ? 0 : 1;
}

#else

/// Whether the mutant differs, in a process of its own: one that hangs is killed as well.
static bool isKilled(Catch::Session &session, int number) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (!child) {
    const rlimit enough{20, 20}; // seconds of CPU; the router itself takes about two
    setrlimit(RLIMIT_CPU, &enough);
    weft::test::chosen = static_cast<uint32_t>(number);
    if (number) // the router itself may say what is wrong
      for (std::FILE *stream : {stderr, stdout})
        if (!std::freopen("/dev/null", "w", stream))
          std::abort();
    _exit(session.run() != 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) {
    std::fprintf(stderr, "usage: router_mutants LIST [FIRST LAST]\n");
    return 2;
  }
  std::vector<std::string> changes;
  std::ifstream list(argv[1]);
  for (std::string line; std::getline(list, line);)
    changes.push_back(line.substr(0, line.find(" -src")));
  const int first = argc == 4 ? std::atoi(argv[2]) : 1;
  const int last = argc == 4 ? std::atoi(argv[3]) : static_cast<int>(changes.size());
  Catch::Session session;
  if (isKilled(session, 0)) {
    std::printf("the router without a mutation fails\n");
    return 1;
  }
  int killed = 0;
  for (int number = first; number <= last; ++number) {
    const bool dead = isKilled(session, number);
    killed += dead;
    if (!dead)
      std::printf("mutant %d survives: %s\n", number, changes.at(static_cast<size_t>(number - 1)).c_str());
  }
  const int mutants = last - first + 1;
  std::printf("%d of %d mutants killed\n", killed, mutants);
  return mutants < 1;
}

#endif
