// RouterWave as Verilator writes it. Apart from SystemC's headers, with which verilated.h does not go.
#pragma once

#include "sim/cosim/mesh/RouterModel.h"

#include <verilated.h>
#include <verilated_fst_c.h>

namespace weft::cosim {

/// A file takes models of one Verilator context only, so routers in it share one.
class VerilatedWave final : public RouterWave {
public:
  VerilatedWave() { shared.traceEverOn(true); }
  VerilatedContext &context() { return shared; }
  /// Before `open`.
  template <class Model> void add(Model &model) {
    constexpr int levels = 99;
    model.trace(&file, levels);
  }
  bool open(const std::string &path) override {
    file.open(path.c_str());
    return file.isOpen();
  }
  void dump(uint64_t halfCycle) override {
    if (file.isOpen())
      file.dump(halfCycle);
  }
  void close() override { file.close(); }

private:
  VerilatedContext shared;
  VerilatedFstC file;
};

} // namespace weft::cosim
