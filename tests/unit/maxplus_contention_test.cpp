// Sums whose words want links at the same time, over and over, of cores that begin apart: lines that go word by word
// beside lines that do not, and colours whose order comes from the sums before.
#include "compiler/algorithms/Algorithms.h"
#include "maxplus_same.h"
#include "maxplus_time.h"

#include <random>

namespace weft::test {
namespace {

/// Before each of `rounds` rounds of the program's tasks all cores spend cycles that depend on where they are: the same
/// in all rounds, or not.
void repeatApart(runtime::Package &package, uint32_t rounds, bool same, std::mt19937 &random) {
  pkg::ProgramT &program = *package.programs[0];
  auto kernel = std::make_unique<pkg::KernelT>();
  kernel->name = "apart";
  package.kernels.push_back(std::move(kernel));
  auto everywhere = std::make_unique<pkg::ClassT>();
  everywhere->xs.assign(package.mesh_width, true);
  everywhere->ys.assign(package.mesh_height, true);
  package.classes.push_back(std::move(everywhere));
  std::vector<std::unique_ptr<pkg::TaskT>> tasks = std::move(program.tasks);
  std::vector<std::unique_ptr<pkg::OpT>> ops = std::move(program.ops);
  program.tasks.clear();
  program.ops.clear();
  auto pick = [&](uint32_t below) { return static_cast<int32_t>(random() % below); };
  int32_t alongX = 0, alongY = 0;
  for (uint32_t round = 0; round < rounds; ++round) {
    if (!round || !same) {
      alongX = pick(30) - 10;
      alongY = pick(3) ? pick(30) - 10 : 0;
    }
    const auto first = static_cast<uint32_t>(program.ops.size());
    for (pkg::Source source : {pkg::Source::CoordX, pkg::Source::CoordY}) {
      auto task = std::make_unique<pkg::TaskT>();
      task->class_id = static_cast<uint32_t>(package.classes.size() - 1);
      task->op = first;
      auto call = std::make_unique<pkg::InstrT>();
      call->kind = pkg::InstrKind::Call;
      call->kernel = static_cast<uint32_t>(package.kernels.size() - 1);
      call->work = std::make_unique<pkg::WorkT>();
      call->work->alu = std::make_unique<pkg::Expr>(source, 0, source == pkg::Source::CoordX ? alongX : alongY, 400);
      task->instrs.push_back(std::move(call));
      program.tasks.push_back(std::move(task));
    }
    program.ops.push_back(std::make_unique<pkg::OpT>());
    program.ops.back()->name = "apart";
    for (const auto &task : tasks) {
      program.tasks.push_back(std::make_unique<pkg::TaskT>(*task));
      program.tasks.back()->op += first + 1;
    }
    for (const auto &op : ops)
      program.ops.push_back(std::make_unique<pkg::OpT>(*op));
  }
}

} // namespace

TEST_CASE("Sums that contend take the engine's cycles", "[maxplus]") {
  std::mt19937 random(5);
  uint32_t same = 0, refused = 0;
  uint64_t repeated = 0;
  for (const char *preset : {"wse2", "wse3"}) {
    auto hardware = hw::load(preset);
    REQUIRE(hardware);
    hardware->latency.dieCrossing = {4, 5, 7};
    for (const char *algorithm : {"star", "tree", "two-phase", "ktree"})
      for (auto [w, h] : {std::pair<uint32_t, uint32_t>{9, 9}, {12, 5}, {5, 12}, {16, 3}})
        for (const char *axis : {"x", "y", "xy"})
          for (int64_t length : {1, 6, 40})
            for (bool alike : {false, true}) {
              CAPTURE(preset, algorithm, w, h, axis, length, alike);
              algorithms::Request request{algorithms::Kind::AllReduce,
                                          algorithm,
                                          w,
                                          h,
                                          {1, length},
                                          algorithms::Element::F32,
                                          algorithms::Settings({{"repeats", "1"}, {"axis", axis}})};
              auto generated = algorithms::generate(request, *hardware);
              if (!generated)
                continue; // too few colours
              repeatApart(generated->package, alike ? 7 : 4, alike, random);
              auto expected = timeOf(generated->package, *hardware, sim::makeMeshEngine);
              REQUIRE(expected);
              auto seen = timeOf(generated->package, *hardware, sim::makeMaxPlusEngine);
              if (!seen) {
                ++refused;
                continue;
              }
              ++same;
              requireSame(*seen, *expected);
              repeated += seen->repeated;
            }
  }
  CAPTURE(same, refused, repeated);
  CHECK(same >= 475); // sums along both axes are refused where words of one matter when the other one begins
  CHECK(repeated >= 1136);
}

} // namespace weft::test
