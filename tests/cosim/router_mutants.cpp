// Runs mutants of the router through the comparisons of mesh_cosim_test, each in a process of its own, and says which
// are killed: differ from the engine in a cycle or a bit. rtl/mutants/make_netlist.py makes them.
//
//     router_mutants [FIRST LAST]
//
// Compiled with WEFT_COVERAGE it runs the router itself, built to count lines and branches, and writes what was met:
//
//     router_coverage COVERAGE.dat
#define CATCH_CONFIG_RUNNER // the generator of programs asserts with it
#ifdef WEFT_COVERAGE
#include "Vrouter_covered.h"
#include <verilated_cov.h>
#else
#include "Vrouter_mutants.h"
#endif
#include "mesh_random_programs.h"
#include "router_mesh.h"
#include "sim/cosim/mesh/Compare.h"
#include "sim/cosim/mesh/Kernels.h"
#include "sim/cosim/mesh/RouterMesh.h"
#include "sim/cosim/mesh/VerilatedRouter.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::test {
namespace {

uint32_t chosen = 0; // 0: the router itself

#ifdef WEFT_COVERAGE
/// Each router counts for itself; verilator_coverage adds them up.
class Mutant : public cosim::VerilatedRouter<Vrouter_covered, 4> {
public:
  explicit Mutant(uint64_t seed) : VerilatedRouter(seed) { all().push_back(this); }
  static std::vector<Mutant *> &all() {
    static std::vector<Mutant *> routers;
    return routers;
  }
  void write(const std::string &path) { context.coveragep()->write(path.c_str()); }
};
#else
class Mutant : public cosim::VerilatedRouter<Vrouter_mutants, 4> {
public:
  explicit Mutant(uint64_t seed) : VerilatedRouter(seed) { model->mutant = static_cast<uint16_t>(chosen); }
};
#endif

bool sameOnProgram(uint32_t seed, bool dense, const hw::Hardware &machine) {
  RandomProgram program(seed, dense, &machine);
  runtime::Package package = program.make();
  Observation expected = runEngine(package, program.setup), seen = runDevice(package, program.setup, makeRouters);
  return seen.finished == expected.finished && seen.arrivals == expected.arrivals &&
         seen.coreEnds == expected.coreEnds && (!seen.finished || seen.cycles == expected.cycles) &&
         (!seen.finished || seen.memory == expected.memory);
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
  auto routers = makeRouters(*package, machine, options);
  auto compared = cosim::compareLaunch({engine->get(), routers->get(), &engineLog, &routerLog, 6, 5,
                                        machine.memory.sramBytes, package->programs[0].get()},
                                       {"p", 1, {}});
  return compared && compared->mismatches == 0;
}

/// What a mutant meets; the status of its process.
int runOne(const hw::Hardware &machine) {
  static const cosim::RouterVariant variant = [] {
    cosim::RouterVariant mutants = cosim::routerVariants().front();
    mutants.make = [](uint64_t seed) -> std::unique_ptr<cosim::RouterModel> { return std::make_unique<Mutant>(seed); };
    return mutants;
  }();
  if (!cosim::routerMesh(variant, 8, 8, 1))
    return 3;
  for (uint32_t seed = 1; seed <= 40; ++seed)
    for (bool dense : {true, false})
      if (!sameOnProgram(seed, dense, machine))
        return 1;
  for (const std::string &kernel : cosim::meshKernels())
    if (!sameOnKernel(kernel, machine))
      return 1;
  return 0;
}

} // namespace

// The generator of programs asserts, and asserts want a test around them.
TEST_CASE("The chosen router is the engine's") { REQUIRE(runOne(machineOf(cosim::routerVariants().front())) == 0); }

} // namespace weft::test

int main(int argc, char **argv) {
  using namespace weft;
  Catch::Session session;
#ifdef WEFT_COVERAGE
  if (session.run())
    return 1;
  for (size_t i = 0; i < test::Mutant::all().size(); ++i)
    test::Mutant::all()[i]->write(fmt::format("{}.{}", argc > 1 ? argv[1] : "coverage.dat", i));
  return 0;
#else
  const int first = argc > 2 ? std::atoi(argv[1]) : 0, last = argc > 2 ? std::atoi(argv[2]) : 100;
  int killed = 0, mutants = 0;
  for (int number = first; number <= last; ++number) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (!child) {
      alarm(120); // one that hangs is killed as well
      test::chosen = static_cast<uint32_t>(number);
      if (number) { // the router itself may say what is wrong
        std::freopen("/dev/null", "w", stderr);
        std::freopen("/dev/null", "w", stdout);
      }
      _exit(session.run() != 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    const bool dead = !WIFEXITED(status) || WEXITSTATUS(status);
    if (!number && dead) {
      std::printf("the router without a mutation fails\n");
      return 1;
    }
    if (!number)
      continue;
    ++mutants;
    killed += dead;
    if (!dead)
      std::printf("mutant %d survives\n", number);
  }
  std::printf("%d of %d mutants killed\n", killed, mutants);
  return 0;
#endif
}
