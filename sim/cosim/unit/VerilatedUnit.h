// UnitModel for a class that Verilator made of a vector unit.
#pragma once

#include "sim/cosim/unit/UnitModel.h"

#include <verilated.h>
#include <verilated_cov.h>
#include <verilated_fst_c.h>

#include <type_traits>

namespace weft::cosim {

// Ports of up to 64 bits are integers, wider ones arrays of words.
template <typename Port> void storePort(Port &port, const BeatData &data) {
  if constexpr (std::is_integral_v<Port>)
    port = Port(data[0] | (sizeof(Port) > 4 ? uint64_t(data[1]) << 32 : 0));
  else {
    static_assert(sizeof(Port) / 4 <= mostBeatWords);
    for (size_t i = 0; i < sizeof(Port) / 4; ++i)
      port[i] = data[i];
  }
}
template <typename Port> BeatData loadPort(const Port &port) {
  BeatData data{};
  if constexpr (std::is_integral_v<Port>) {
    data[0] = uint32_t(port);
    data[1] = uint32_t(uint64_t(port) >> 32);
  } else {
    for (size_t i = 0; i < sizeof(Port) / 4; ++i)
      data[i] = port[i];
  }
  return data;
}

template <typename Model> class VerilatedUnit final : public UnitModel {
public:
  explicit VerilatedUnit(const UnitModelOptions &options)
      : coverageFile(options.coverageFile), mutant(options.mutant), context(std::make_unique<VerilatedContext>()) {
    context->randReset(2);
    context->randSeed(int(options.seed % 0x7fffffff) + 1);
    context->fatalOnError(false);
    context->traceEverOn(!options.waveFile.empty());
    model = std::make_unique<Model>(context.get());
    if constexpr (requires(Model &m, VerilatedFstC *f) { m.trace(f, 99); }) {
      if (!options.waveFile.empty()) {
        wave = std::make_unique<VerilatedFstC>();
        model->trace(wave.get(), 99);
        wave->open(options.waveFile.c_str());
      }
    }
  }
  ~VerilatedUnit() override {
    Verilated::threadContextp(context.get()); // where the model takes itself off a list
    if (wave)
      wave->close();
    model->final();
    if (!coverageFile.empty())
      context->coveragep()->write(coverageFile.c_str());
  }

  UnitOutputs settle(const UnitInputs &in) override {
    Model &m = *model;
    m.clk_i = 0;
    m.rst_ni = !in.reset;
    if constexpr (requires { m.mutant_i; })
      m.mutant_i = mutant;
    m.issue_valid_i = in.issueValid;
    m.issue_id_i = in.issueId;
    m.issue_instr_i = in.issueInstruction;
    m.issue_rs1_i = in.issueScalar;
    m.issue_vl_i = in.issueVl;
    m.issue_vtype_i = in.issueVtype;
    m.commit_valid_i = in.commitValid;
    m.commit_id_i = in.commitId;
    m.commit_kill_i = in.commitKill;
    m.op_valid_i = in.operandValid;
    storePort(m.op_vs2_i, in.vs2);
    storePort(m.op_vs1_i, in.vs1);
    storePort(m.op_vd_i, in.vd);
    m.op_mask_i = in.mask;
    m.res_ready_i = in.resultBeatReady;
    m.result_ready_i = in.completionReady;
    m.eval();
    dump();
    UnitOutputs out;
    out.issueReady = m.issue_ready_o;
    out.issueAccept = m.issue_accept_o;
    out.operandReady = m.op_ready_o;
    out.resultBeatValid = m.res_valid_o;
    out.resultBeatLast = m.res_last_o;
    out.resultBeatId = m.res_id_o;
    out.data = loadPort(m.res_data_o);
    out.enable = m.res_enable_o;
    out.completionValid = m.result_valid_o;
    out.completionId = m.result_id_o;
    out.completionFlags = m.result_flags_o;
    return out;
  }

  bool tick() override {
    Verilated::threadContextp(context.get()); // where a failing assertion leaves word
    model->clk_i = 1;
    model->eval();
    dump();
    return !context->gotError();
  }

private:
  void dump() {
    if (wave)
      wave->dump(context->time());
    context->timeInc(1);
  }
  std::string coverageFile;
  uint32_t mutant;
  std::unique_ptr<VerilatedContext> context;
  std::unique_ptr<Model> model;
  std::unique_ptr<VerilatedFstC> wave;
};

template <typename Model> std::unique_ptr<UnitModel> makeVerilatedUnit(const UnitModelOptions &options) {
  return std::make_unique<VerilatedUnit<Model>>(options);
}

} // namespace weft::cosim
