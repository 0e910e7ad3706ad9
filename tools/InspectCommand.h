// `weft inspect`: what is in a package.
#pragma once

#include "runtime/package/PackageFile.h"
#include "tools/Tool.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace CLI {
class App;
}

namespace weft::tools {

/// Classes, routes and colours, SRAM maps, kernels, weights, host input and output, as tables; with `costs` also those
/// of the kernels.
std::string inspectText(const runtime::Package &package, const runtime::KernelCosts *costs = nullptr);
/// The same as JSON, schema weft.inspect/1 (docs/json.md).
nlohmann::json inspectJson(const runtime::Package &package, const runtime::KernelCosts *costs = nullptr);

/// Adds `inspect` to `app`. While `app` parses its arguments, the subcommand runs with `tool` and sets `exitCode`.
void addInspectCommand(CLI::App &app, const Tool &tool, int &exitCode);

} // namespace weft::tools
