// Which evaluator of the mesh runs a program whose data nobody wants.
#pragma once

#include "sim/mesh/MeshEngine.h"

#include <string>

namespace weft::sim {

enum class Evaluator {
  Auto, // the max-plus one, and the event-driven one for launches that it refuses
  Event,
  MaxPlus
};

/// "auto", "event", "maxplus"; a usage error otherwise.
Result<Evaluator> parseEvaluator(const std::string &name);

/// An engine for timing only. Its facts (KernelFacts::evaluator) say which evaluator ran the last launch, and why.
/// `package` and `options` outlive it. A trace needs the event-driven one.
Result<std::unique_ptr<runtime::Device>> makeTimingEngine(const runtime::Package &package, const hw::Hardware &hardware,
                                                          const MeshEngineOptions &options, Evaluator evaluator);

} // namespace weft::sim
