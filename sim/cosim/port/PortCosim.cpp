#include "sim/cosim/port/PortCosim.h"

#include "Vmesh_port_mesh16.h"
#include "Vmesh_port_small.h"
#include "kernels/units/MeshPort.h"
#include "sim/cosim/toggles/Toggles.h"

#include <fmt/format.h>
#include <verilated.h>
#include <verilated_cov.h>
#include <verilated_fst_c.h>

#include <bit>
#include <memory>
#include <optional>
#include <random>

namespace weft::cosim {
namespace {

namespace constants = units::constants;
using units::MeshPortIn;
using units::MeshPortModel;
using units::MeshPortOut;

constexpr uint32_t ids = 16, ramp = 2;

/// The counters and what follows them, then what differs from the first in a bit.
uint32_t csrAddress(uint64_t cycle) {
  constexpr uint32_t near = 6, addressBits = 12;
  const auto place = static_cast<uint32_t>(cycle % (near + addressBits));
  return place < near ? constants::csrMeshcycle + place : constants::csrMeshcycle ^ 1u << (place - near);
}

/// Of a set of routes of a variant, which has at most 32.
uint32_t lowWord(const units::RouteSet &set) {
  return static_cast<uint32_t>((set & units::RouteSet(0xffffffff)).to_ulong());
}
const char *const binNames[] = {"put",
                                "get",
                                "put waits for room",
                                "get waits for a word",
                                "killed later",
                                "killed at once",
                                "committed at once",
                                "committed later",
                                "refused",
                                "result stalled",
                                "back to back",
                                "four routes have words"};

/// Random traffic on both sides of the port; it knows only what the port shows.
class Stimulus {
public:
  Stimulus(uint64_t seed, uint32_t colors) : random(seed), colors(colors) { chooseMood(); }

  MeshPortIn next(const MeshPortModel &model, uint64_t cycle) {
    if (cycle % 64 == 0)
      chooseMood();
    MeshPortIn in;
    chooseInstruction(in);
    chooseCommit(in, model);
    in.takeResult = percent(taking);
    for (uint32_t bits = lowWord(model.upValid()); bits; bits &= bits - 1) // one a cycle, as a ramp does
      if (percent(draining)) {
        in.upGrant = bits & (0 - bits);
        break;
      }
    const units::RouteSet ready = model.downReady();
    if (const uint32_t color = pick(colors); ready[color] && percent(feeding)) {
      in.downGrant.set(color);
      coming.push_back({cycle + ramp, color});
    }
    if (!coming.empty() && coming.front().first == cycle) {
      in.down = true;
      in.downColor = coming.front().second;
      in.downData = bits();
      coming.erase(coming.begin());
    }
    return in;
  }
  /// What was issued stays until it is taken.
  void issued() { pending.reset(); }

private:
  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random() % below); }
  uint32_t bits() { return static_cast<uint32_t>(random()); }
  bool percent(uint32_t chance) { return pick(100) < chance; }
  /// Stalls come in phases: full speed, slow sides, a side that stands.
  void chooseMood() {
    const uint32_t levels[] = {100, 100, 60, 20, 3};
    taking = levels[pick(5)];
    draining = levels[pick(5)];
    feeding = levels[pick(5)];
    issuing = levels[pick(4)];
    focus = pick(colors);
    focused = percent(50);
  }
  void chooseInstruction(MeshPortIn &in) {
    if (!pending && percent(issuing)) {
      MeshPortIn instr;
      const uint32_t route = focused ? focus : percent(97) ? pick(colors) : pick(4096), other = bits();
      const bool put = percent(50);
      instr.instr = route << 20 | (put ? (other & 0x1f) << 15 | constants::matchMeshPut
                                       : (other & 0x1f) << 7 | constants::matchMeshGet);
      if (percent(3)) // a bit that is wrong somewhere
        instr.instr ^= 1u << pick(32);
      instr.rs1 = bits();
      instr.id = nextId++ % ids;
      pending = instr;
    }
    if (!pending)
      return;
    in.issue = true;
    in.instr = pending->instr;
    in.rs1 = pending->rs1;
    in.id = pending->id;
  }
  void chooseCommit(MeshPortIn &in, const MeshPortModel &model) {
    const bool ofHeld = model.holds() && !model.isCommitted();
    if (ofHeld ? !percent(60) : !in.issue || !percent(60))
      return;
    in.commit = true;
    in.commitId = ofHeld ? model.heldId() : in.id;
    in.kill = percent(15);
  }

  std::mt19937_64 random;
  const uint32_t colors;
  uint32_t taking = 100, draining = 100, feeding = 100, issuing = 100, focus = 0, nextId = 0;
  bool focused = false;
  std::optional<MeshPortIn> pending;
  std::vector<std::pair<uint64_t, uint32_t>> coming; // cycle, route
};

template <class Model> class Bench {
public:
  Bench(const PortCosimOptions &options, uint32_t colors, uint32_t queueWords)
      : options(options), colors(colors), toggles(options.togglePath, options.wavePath), golden(colors, queueWords),
        stimulus(options.seed, colors) {
    context.randReset(2);
    context.randSeed(static_cast<int>(options.initialState));
    context.traceEverOn(!toggles.path().empty());
    port = std::make_unique<Model>(&context);
    for (const char *name : binNames)
      report.bins[name] = 0;
  }

  Result<PortCosimReport> run() {
    VerilatedFstC wave;
    if (!toggles.path().empty()) {
      port->trace(&wave, 99);
      wave.open(toggles.path().c_str());
    }
    auto clock = [&](bool level) {
      port->clk_i = level;
      port->eval();
      if (wave.isOpen())
        wave.dump(context.time());
      context.timeInc(1);
    };
    drive(MeshPortIn());
    for (bool reset : {true, true, false}) {
      port->rst_ni = !reset;
      clock(false);
      if (reset)
        clock(true);
    }
    for (uint64_t cycle = 0; report.instructions < options.tests; ++cycle) {
      const MeshPortIn in = stimulus.next(golden, cycle);
      drive(in);
      port->csr_address_i = csrAddress(cycle);
      clock(false);
      const uint32_t counters[] = {golden.cycle, golden.puts, golden.gets, golden.putCycle, golden.getCycle};
      const uint32_t counter = csrAddress(cycle) - constants::csrMeshcycle;
      const bool isCounter = counter < std::size(counters);
      const bool wasHeld = golden.holds();
      const MeshPortOut expected = golden.step(in), seen = observe();
      count(in, expected, wasHeld, cycle);
      if (!(seen == expected) || port->csr_data_o != (isCounter ? counters[counter] : 0) ||
          port->csr_known_o != isCounter) {
        wave.close();
        return differ(cycle, in, expected, seen);
      }
      report.signature = std::rotl(report.signature, 5) ^ (uint64_t{seen.resultData} << 24 | lowWord(seen.upValid)) ^
                         (uint64_t{lowWord(seen.downReady)} << 32);
      clock(true);
      if (in.issue && expected.ready)
        stimulus.issued();
      report.cycles = cycle + 1;
    }
    port->final();
    wave.close();
    if (!options.coveragePath.empty())
      context.coveragep()->write(options.coveragePath.c_str());
    if (Result<void> counted = toggles.count(); !counted)
      return counted.error();
    return report;
  }

private:
  void drive(const MeshPortIn &in) {
    port->issue_valid_i = in.issue;
    port->issue_instr_i = in.instr;
    port->issue_rs1_i = in.rs1;
    port->issue_id_i = in.id;
    port->commit_valid_i = in.commit;
    port->commit_id_i = in.commitId;
    port->commit_kill_i = in.kill;
    port->result_ready_i = in.takeResult;
    port->up_grant_i = lowWord(in.upGrant);
    port->down_grant_i = lowWord(in.downGrant);
    port->down_valid_i = in.down;
    port->down_color_i = in.downColor;
    port->down_data_i = in.downData;
  }

  MeshPortOut observe() const {
    MeshPortOut out;
    out.ready = port->issue_ready_o;
    out.accept = port->issue_accept_o;
    out.result = port->result_valid_o;
    if (out.result) {
      out.resultId = port->result_id_o;
      out.resultData = port->result_data_o;
      out.writes = port->result_we_o;
    }
    out.upValid = port->up_valid_o;
    out.downReady = port->down_ready_o;
    for (uint32_t c = 0; c < colors; ++c)
      out.upData.push_back(out.upValid[c] ? port->up_data_o[c] : 0);
    return out;
  }

  void count(const MeshPortIn &in, const MeshPortOut &out, bool wasHeld, uint64_t cycle) {
    auto bin = [&](const char *name, bool met) { report.bins.at(name) += met; };
    const bool fire = out.result && in.takeResult, issued = in.issue && out.ready && out.accept;
    bin("refused", in.issue && !out.accept);
    report.refused += in.issue && out.ready && !out.accept;
    bin("killed at once", issued && in.commit && in.kill && in.commitId == in.id);
    bin("committed at once", issued && in.commit && !in.kill && in.commitId == in.id);
    bin("killed later", wasHeld && in.commit && in.kill && !issued);
    bin("committed later", wasHeld && in.commit && !in.kill && !issued);
    report.kills += in.commit && in.kill;
    bin("put", fire && !out.writes);
    bin("get", fire && out.writes);
    bin("result stalled", out.result && !in.takeResult);
    bin("back to back", fire && lastResult + 1 == cycle && report.cycles);
    bin("put waits for room", waitsFor(in, wasHeld, out, true));
    bin("get waits for a word", waitsFor(in, wasHeld, out, false));
    bin("four routes have words", out.upValid.count() >= 4);
    if (issued) {
      heldPut = (in.instr & constants::maskMeshPut) == constants::matchMeshPut;
      issueCycle = cycle;
      ++report.instructions;
    }
    report.puts += fire && !out.writes;
    report.gets += fire && out.writes;
    if (out.result && !hadResult && !issued)
      report.latency = std::min(report.latency ? report.latency : cycle - issueCycle, cycle - issueCycle);
    if (fire && lastResult)
      report.interval = std::min(report.interval ? report.interval : cycle - lastResult, cycle - lastResult);
    lastResult = fire ? cycle : lastResult;
    hadResult = out.result && !fire;
    heldCommitted = issued ? in.commit && in.commitId == in.id : heldCommitted || (wasHeld && in.commit);
  }
  bool waitsFor(const MeshPortIn &in, bool wasHeld, const MeshPortOut &out, bool put) const {
    return wasHeld && heldCommitted && !out.result && heldPut == put;
  }

  Error differ(uint64_t cycle, const MeshPortIn &in, const MeshPortOut &expected, const MeshPortOut &seen) const {
    auto text = [](const MeshPortOut &out) {
      return fmt::format("ready {} accept {} result {} id {} data {:#x} up {:#x} down {:#x}", out.ready, out.accept,
                         out.result, out.resultId, out.resultData, lowWord(out.upValid), lowWord(out.downReady));
    };
    return userError(fmt::format(
        "mesh-port ({}), seed {}, cycle {}: instruction {:#010x} rs1 {:#x} id {}\n  model: {}\n  RTL:   {}\n  see it "
        "again with a waveform: weft cosim mesh-port --param variant={} --seed {} --tests {} --wave mesh-port.fst",
        options.variant, options.seed, cycle, in.instr, in.rs1, in.id, text(expected), text(seen), options.variant,
        options.seed, report.instructions + 1));
  }

  const PortCosimOptions &options;
  const uint32_t colors;
  const ToggleWave toggles;
  VerilatedContext context;
  std::unique_ptr<Model> port;
  MeshPortModel golden;
  Stimulus stimulus;
  PortCosimReport report;
  uint64_t issueCycle = 0, lastResult = 0;
  bool heldPut = false, hadResult = false, heldCommitted = false;
};

} // namespace

std::vector<std::string> PortCosimReport::missing() const {
  std::vector<std::string> names;
  for (const auto &[name, times] : bins)
    if (!times)
      names.push_back(name);
  return names;
}

std::vector<std::string> portVariants() { return {"mesh16", "small"}; }

Result<PortCosimReport> runPortCosim(const PortCosimOptions &options) {
  if (!options.coveragePath.empty() && options.variant != "small")
    return Error{
        fmt::format("mesh-port: variant '{}' does not count lines and branches, 'small' does", options.variant),
        Fault::Usage};
  if (options.variant == "mesh16")
    return Bench<Vmesh_port_mesh16>(options, 24, 4).run();
  if (options.variant == "small")
    return Bench<Vmesh_port_small>(options, 5, 1).run();
  return userError(
      fmt::format("mesh-port has no variant '{}'; the build has {}", options.variant, fmt::join(portVariants(), ", ")));
}

} // namespace weft::cosim
