// Closed forms of what the programs of compiler/algorithms take: microseconds of a host instead of a run of the engine.
#pragma once

#include "compiler/algorithms/LayerSteps.h"
#include "compiler/algorithms/Request.h"
#include "explore/analytic/Sums.h"
#include "hw-models/CoreModel.h"

#include <optional>

namespace weft::explore {

/// Of all cores, once through the program.
struct ProgramEstimate {
  double cycles = 0;
  double macs = 0;
  double sramBytes = 0; // that cores read and write
  double wordHops = 0;
};

struct FormContext {
  const hw::Hardware &hardware;
  const hw::CoreModel &core;
  bool narrow = true; // f16
  int width = 1, height = 1;
  TreeShape tree;
  int64_t batch = 1; // of decode
};

ProgramEstimate decodeLayer(const FormContext &on, const std::vector<int64_t> &shape);
ProgramEstimate prefillLayer(const FormContext &on, const std::vector<int64_t> &shape);
/// Of a kernel on its own; nullopt for algorithms without a form.
std::optional<ProgramEstimate> kernelForm(const FormContext &on, const algorithms::Request &request);

/// Colours that a layer's program needs in one router.
uint32_t layerColors(bool decode, const TreeShape &tree);

} // namespace weft::explore
