// The independent check of a program's routes: expands the routers' tables and follows every flow through them.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <memory>
#include <span>
#include <vector>

namespace weft::route {

/// Checks that, on a width x height mesh,
///  R1 every flow lies on the mesh, with its source inside its interval and at least one core (or the host) to reach;
///  R2 every colour is below `colors`;
///  R3 a router has at most one flow for each colour, so one input and one set of outputs;
///  R4 a core receives at most one flow of a channel, and sends at most one;
///  R5 a word of each flow, following the tables from its source, reaches exactly the cores that the flow names, once.
/// The message (our fault: the compiler made the routes) carries the label, the router, the colour and the channels.
Result<void> verifyRoutes(int width, int height, std::span<const std::unique_ptr<pkg::ChannelT>> channels, int colors);

} // namespace weft::route
