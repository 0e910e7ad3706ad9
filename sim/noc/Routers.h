// Routers by name: those that other simulators' runs were made with.
#pragma once

#include "sim/noc/Network.h"

#include <map>
#include <string>

namespace weft::noc {

using Routers = std::map<std::string, RouterModel, std::less<>>;

/// Reads YAML: a map of names to maps of virtual_channels, buffer_flits, hop_cycles (whole numbers), look_ahead and
/// speculative (true or false), each of which must stand there. Errors name `origin` and the line. Whether such a
/// router can be is makeNetwork()'s to say.
Result<Routers> readRouters(const std::string &text, const std::string &origin);

/// Those of hw-models/validation/noc/routers.yaml.
const Routers &knownRouters();

} // namespace weft::noc
