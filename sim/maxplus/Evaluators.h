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

/// On more cores a program that the max-plus evaluator refuses is not worth comparing with others: word by word it
/// takes minutes.
inline constexpr uint64_t mostCoresByWords = 64 * 64;

/// "auto", "event", "maxplus"; a usage error otherwise.
Result<Evaluator> parseEvaluator(const std::string &name);

/// An engine for timing only. Its facts (KernelFacts::evaluator) say which evaluator ran the last launch, and why.
/// `package` and `options` outlive it. A trace needs the event-driven one.
Result<std::unique_ptr<runtime::Device>> makeTimingEngine(const runtime::Package &package, const hw::Hardware &hardware,
                                                          const MeshEngineOptions &options, Evaluator evaluator);

} // namespace weft::sim
