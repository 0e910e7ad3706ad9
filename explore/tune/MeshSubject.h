// An algorithm on a rectangle of cores, as something to tune: which one, its settings, and how much of the rectangle it
// takes. Timed by the mesh engine, checked with data.
#pragma once

#include "compiler/algorithms/Request.h"
#include "explore/tune/Subject.h"

#include <memory>

namespace weft::explore {

/// Counts up with every change of compiler/algorithms or the engine that makes other programs or other cycles.
inline constexpr uint32_t meshToolVersion = 1;

/// `request` says kind, shape, element and the cores there are; algorithm and settings are what is searched. Errors: a
/// mesh that the machine has not, a shape of another kind.
Result<std::unique_ptr<Subject>> makeMeshSubject(algorithms::Request request, hw::Hardware hardware);

/// What a subject's choices ask for.
algorithms::Request requestOf(const algorithms::Request &base, const Choices &choices);

} // namespace weft::explore
