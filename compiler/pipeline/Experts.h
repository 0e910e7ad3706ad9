// How layers with experts get onto the mesh, between what was asked for and the place phase. Internal to
// compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"
#include "compiler/place/Place.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::compiler {

/// Sets `place`'s choices for the layers with experts of `graph`, none without such layers.
/// Errors: loads of another model, or options for a model without experts.
Result<void> placeExperts(const CompileOptions &options, mlir::ModuleOp graph, place::PlaceOptions &place);
/// The same, as decisions.
std::vector<Decision> expertDecisions(const std::vector<place::ExpertChoice> &choices);
/// Options for experts go unheard where ops are placed one by one; `why` they are.
Result<void> refuseExpertOptions(const CompileOptions &options, const std::string &why);
/// The same where ops are placed one by one, for the reason given.
Result<void> refuseExpertsByOps(const CompileOptions &options, const std::string &why);

} // namespace weft::compiler
