// A core of the mesh as its router sees it: runs the tasks of a program with the costs of docs/program-model.md, sends
// and receives through TLM-2.0.
#pragma once

#include "sim/cosim/mesh/RoutePlan.h"
#include "sim/cosim/mesh/SystemC.h"
#include "sim/mesh/Decode.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/Sram.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace weft::cosim {

inline constexpr uint64_t never = ~uint64_t{0};

/// What the cores of one launch share.
struct MeshLaunch {
  const sim::ProgramImage *image = nullptr;
  const hw::Hardware *hardware = nullptr;
  const sim::MeshEngineOptions *options = nullptr;
  const std::vector<sim::KernelFunction> *kernels = nullptr;
  const sim::SramArray *sram = nullptr; // null: words carry tags instead of data, see MeshCore::tag
  uint32_t width = 0, height = 0;
  std::vector<int64_t> params;
  RoutePlan plan;
  // Written as it runs.
  uint64_t now = 0, lastEnd = 0;
  bool running = false;
  uint64_t words = 0; // delivered to cores and the host
  std::optional<Error> failure;

  uint32_t wordBytes() const { return hardware->routing.linkBytes; }
  void fail(std::string what) {
    if (!failure)
      failure = userError(std::move(what));
  }
  int64_t wordsOf(int64_t bytes) const { return (bytes + wordBytes() - 1) / wordBytes(); }
};

/// In timing mode a word says where it comes from and the how manieth it is there, so that one that is lost, twice or
/// out of order is seen.
constexpr uint64_t wordTag(uint32_t source, uint64_t index) { return (source & 0xfff) << 20 | (index & 0xfffff); }

class MeshCore : public sc_core::sc_module {
public:
  MeshCore(sc_core::sc_module_name name, MeshLaunch &launch);

  sc_core::sc_in<bool> clock;
  tlm_utils::simple_initiator_socket<MeshCore> toRouter; // RouterMap.h
  tlm_utils::simple_target_socket<MeshCore> fromRouter;

  /// Writes the routes of `table` into the core's router, and tells it that a launch begins.
  void configure(const std::array<uint16_t, 64> &table);
  /// The core is core `index` of the next launch's package.
  void begin(uint32_t index);
  /// It is none of it.
  void rest() { active = false; }
  bool done() const { return !active || (state.done && openTransfers == 0); }
  /// The next cycle in which the core does something though its router stays still; `never` if there is none.
  uint64_t nextEvent() const;

private:
  struct Transfer {
    pkg::InstrKind kind = pkg::InstrKind::Put;
    pkg::ReduceKind reduce = pkg::ReduceKind::Add;
    bool streamsOut = false; // the sending half of a ReduceForward
    uint32_t address = 0, bytes = 0, words = 0, done = 0;
    uint32_t channel = 0;
    uint64_t endsAt = never;
    std::vector<std::byte> contents; // of a Put
  };
  using TransferPtr = std::shared_ptr<Transfer>;
  struct StreamWord {
    uint64_t readyAt = never;
    uint64_t value = 0;
    bool arrived = false;
  };
  struct Coming { // down the ramp
    TransferPtr transfer;
    uint32_t index = 0; // of the word in the transfer
    uint8_t color = 0;
  };
  struct State {
    uint32_t list = 0, listEnd = 0, pc = 0, end = 0, op = 0;
    bool inTask = false, begun = false, done = false;
    uint64_t busyUntil = 0;
    std::vector<std::pair<int64_t, int64_t>> loops; // counter, count
    std::vector<TransferPtr> outstanding;
    TransferPtr reducing; // the core stands still until it ends
  };

  // The core's side
  void step();
  void run();
  uint64_t lead(const sim::InstrCode &instr);
  bool perform(const sim::InstrCode &instr); // false: stays at this instruction
  void open(const sim::InstrCode &instr);
  void openLoop(const sim::InstrCode &instr);
  void closeLoop(const sim::InstrCode &instr);
  int64_t evaluate(const pkg::Expr &expr) const;
  uint32_t addressOf(const sim::OperandCode &operand) const;
  uint64_t kernelCycles(const sim::InstrCode &instr);
  void callKernel(const sim::InstrCode &instr);
  // The router's side
  void takeFromRouter(tlm::tlm_generic_payload &access, sc_core::sc_time &delay);
  void sent(uint8_t color);
  void coming(uint8_t color);
  void arrived(uint8_t color, uint64_t value);
  void checkTag(const Transfer &transfer, uint64_t value);
  void store(const Transfer &transfer, uint32_t index, uint64_t value);
  void offerWords();
  void chooseWords();
  uint64_t nextWord(const Transfer &transfer);
  std::string called() const;

  MeshLaunch &launch;
  uint32_t index = 0;
  bool active = false;
  State state;
  std::map<uint8_t, std::deque<TransferPtr>> sending, receiving; // by colour, in the order of their opening
  std::map<uint8_t, uint64_t> sentWords;                         // by colour, in this launch
  std::map<uint32_t, uint64_t> receivedWords;                    // by channel
  std::deque<StreamWord> stream;
  std::deque<Coming> onTheRamp;
  uint32_t offered = 0, taking = 0; // colours
  uint32_t openTransfers = 0;
};

} // namespace weft::cosim
