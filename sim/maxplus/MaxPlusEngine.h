// The max-plus evaluator of the mesh: the same cycles as the event-driven engine, for programs whose flows never want a
// link or a ramp at the same time, in time that does not grow with their words. docs/evaluators.md says how.
#pragma once

#include "sim/mesh/MeshEngine.h"

namespace weft::sim {

/// An engine with `package` loaded, which it refers to. Timing only.
/// Errors: what makeMeshEngine refuses, and programs that this evaluator cannot follow. run() refuses launches in which
/// flows may contend; its message says where.
Result<std::unique_ptr<runtime::Device>>
makeMaxPlusEngine(const runtime::Package &package, const hw::Hardware &hardware, const MeshEngineOptions &options);

} // namespace weft::sim
