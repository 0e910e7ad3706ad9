// The named phases of compilation. This table is the only list of them: the pipeline, `--compile-to`, `--dump` and the
// documentation derive from it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace weft::compiler {

enum class Phase { Import, Graph, Place, Spmd, Route, Plan, Kernels, Link, Package };

struct PhaseInfo {
  Phase phase;
  std::string_view name;
  std::string_view level; // the dialect its output is in, and another name for the last phase of the level
  std::string_view summary;
};

inline constexpr std::array<PhaseInfo, 9> phases = {{
    {Phase::Import, "import", "xf", "model files become one graph, weights by name"},
    {Phase::Graph, "graph", "xf", "prefill and decode from that one graph"},
    {Phase::Place, "place", "grid", "every value gets a layout on the mesh, every op an algorithm"},
    {Phase::Spmd, "spmd", "fabric", "what each class of cores does, step by step"},
    {Phase::Route, "route", "fabric", "colours for every channel; every route followed through the routers"},
    {Phase::Plan, "plan", "fabric", "an SRAM address for every buffer, within the budget"},
    {Phase::Kernels, "kernels", "rv", "the kernels that a core runs, on vector registers"},
    {Phase::Link, "link", "llvm", "the kernels as machine code: RISC-V for the cores that run it, and for the host"},
    {Phase::Package, "package", "", "the .weft file, its programs proven free of deadlock"},
}};

/// A phase by its name, or by the name of the level that it ends ("grid" is place, "fabric" is plan).
std::optional<Phase> findPhase(std::string_view name);
/// "import, graph, …" for messages and help.
std::string phaseNames();

} // namespace weft::compiler
