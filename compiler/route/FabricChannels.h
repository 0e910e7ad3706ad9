// Between fabric.channel ops and the plain route library.
#pragma once

#include "compiler/route/Channels.h"
#include "dialects/fabric/FabricDialect.h"
#include "hw-models/support/Result.h"

#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::route {

/// The flows that a channel's pattern stands for on its program's mesh. Errors: arguments that no pattern takes.
Result<ChannelSpec> channelSpec(fabric::ChannelOp op);

/// Gives every channel of every program its colours. `colors` are those that a router has for programs.
std::unique_ptr<mlir::Pass> createRoutePass(int colors);
/// Closes the phase: follows every flow through the routers' tables.
std::unique_ptr<mlir::Pass> createRouteVerifyPass(int colors);
/// `--route` and `--route-verify` for weft-opt.
void registerRoutePasses();

} // namespace weft::route
