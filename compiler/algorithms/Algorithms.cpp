#include "compiler/algorithms/Algorithms.h"

#include "compiler/algorithms/Algorithm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace weft::algorithms {

namespace {

const SettingDoc doubleBuffer = {"double_buffer", "1: blocks move while the core multiplies; 0: after it"};
const SettingDoc odd = {"odd", "drop: f16 move in whole words, an odd last one stays, as in the measured kernels; pad"};
const SettingDoc broadcast = {
    "broadcast", "turns: one route a line, in turn; multicast: a colour for each column and row; relay: in software"};
const SettingDoc axis = {"axis", "x, y or xy: the lines of cores along which it works"};
const SettingDoc groups = {"groups", "groups of cores in the first level"};
const SettingDoc levels = {"k", "levels"};

void addGemms(std::vector<Algorithm> &all) {
  all.push_back({Kind::Gemm,
                 "meshgemm",
                 "blocks go round folded rings, two hops a step",
                 "WaferLLM, OSDI 2025",
                 {doubleBuffer, odd},
                 emitMeshGemm});
  all.push_back({Kind::Gemm,
                 "cannon",
                 "blocks go round rings in order, whose last step crosses the mesh",
                 "Cannon, 1969",
                 {doubleBuffer, odd},
                 emitCannon});
  all.push_back({Kind::Gemm,
                 "summa",
                 "in each step a column and a row of cores send their blocks to all",
                 "SUMMA, 1997",
                 {broadcast},
                 emitSumma});
  all.push_back(
      {Kind::Gemm, "allgather", "every core gets all blocks of its row and column first", "", {}, emitAllGather});
  all.push_back({Kind::Gemm,
                 "gemm-t",
                 "C = A B^T: B's blocks go round, products are added up along x",
                 "WaferLLM, OSDI 2025",
                 {},
                 emitGemmTransposed});
}

void addSums(std::vector<Algorithm> &all) {
  struct Sum {
    std::string_view name, summary, source;
    std::vector<SettingDoc> settings;
  };
  const std::array<Sum, 7> sums = {{
      {"auto", "the tree with the least predicted cycles on this machine", "after Luczynski et al., HPDC 2024", {}},
      {"ktree", "groups chain to their middle, the middles do the same", "WaferLLM, OSDI 2025", {groups, levels}},
      {"chain", "neighbour to neighbour, sums as they pass", "pipeline all-reduce", {}},
      {"two-phase", "chains of about sqrt(P) cores, then a chain of their ends", "Luczynski et al., HPDC 2024", {}},
      {"tree", "distances double", "binary tree", {}},
      {"ring", "reduce-scatter and all-gather on a folded ring", "ring all-reduce", {}},
      {"star", "all to one", "Luczynski et al., HPDC 2024", {}},
  }};
  for (Kind kind : {Kind::Gemv, Kind::AllReduce, Kind::Reduce})
    for (const Sum &sum : sums) {
      std::vector<SettingDoc> settings = sum.settings;
      if (kind != Kind::Gemv)
        settings.push_back(axis);
      all.push_back(
          {kind, sum.name, sum.summary, sum.source, settings, kind == Kind::Gemv ? emitGemv : emitReduceOrAllReduce});
    }
}

void addMoves(std::vector<Algorithm> &all) {
  const SettingDoc hops = {"hops", "cores that the tile moves"};
  const SettingDoc announce = {"announce", "1: the first core sends one word to its line afterwards; 0"};
  const SettingDoc pack = {"pack", "f16 in a word: 1, as the measured kernel sends them, or 2"};
  all.push_back({Kind::Broadcast, "multicast", "routers copy", "", {axis}, emitBroadcast});
  all.push_back({Kind::Broadcast, "chain", "each core stores and sends on", "", {axis}, emitBroadcast});
  all.push_back({Kind::Shift, "direct", "routed to its end", "", {hops, announce, pack}, emitShift});
  all.push_back({Kind::Shift, "relay", "each core between stores and sends on", "", {hops, announce, pack}, emitShift});
}

void addLayers(std::vector<Algorithm> &all) {
  all.push_back({Kind::DecodeLayer,
                 "waferllm",
                 "one token: ten all-reduces and vector-matrix products",
                 "WaferLLM, OSDI 2025",
                 {groups, levels, {"batch", "sequences whose tokens take each step together"}},
                 emitDecodeLayer});
  all.push_back({Kind::PrefillLayer,
                 "waferllm",
                 "a prompt: nine GEMMs, rows normed along x",
                 "WaferLLM, OSDI 2025",
                 {},
                 emitPrefillLayer});
}

struct Matrix {
  std::string_view name;
  int64_t rows = 0, cols = 0;
};

/// The matrices that the cores have between them, or that each core has.
std::vector<Matrix> matrices(const Request &request) {
  const std::vector<int64_t> &shape = request.shape;
  switch (request.kind) {
  case Kind::Gemm:
    return {{"A", shape[0], shape[1]}, {"B", shape[1], shape[2]}, {"C", shape[0], shape[2]}};
  case Kind::DecodeLayer:
  case Kind::PrefillLayer:
    return {{"weights of the attention", shape[0], shape[0]},
            {"weights between the feed-forward layers", shape[0], shape[1]},
            {"cache", shape[0], shape[2]}};
  default:
    return {{"matrix", shape[0], shape[1]}};
  }
}

/// Refuses what no core of any machine could hold, so that algorithms can compute with the products of extents. What
/// is less than that and still too much is ProgramBuilder's to refuse, buffer by buffer.
Result<void> checkBytes(const Request &request, const hw::Hardware &hardware) {
  constexpr uint64_t most = uint64_t{1} << 30; // the schema's limit of memory.sram_kib
  const bool shared = isLayer(request.kind) || request.kind == Kind::Gemm || request.kind == Kind::Gemv;
  const int64_t cores = shared ? int64_t{request.width} * request.height : 1;
  for (const Matrix &matrix : matrices(request)) {
    const uint64_t bytes =
        product({matrix.rows, matrix.cols, elementBytes(request.element)}) / static_cast<uint64_t>(cores);
    if (bytes > most)
      return userError(fmt::format("{} of {}x{} elements takes at least {} bytes of SRAM a core, {} has {}; use a "
                                   "larger mesh or a machine with more memory.sram_kib",
                                   matrix.name, matrix.rows, matrix.cols, bytes, hardware.name,
                                   hardware.memory.sramBytes));
  }
  return success();
}

Result<void> checkSettings(const Request &request, const Algorithm &algorithm) {
  for (const auto &[key, value] : request.settings.all()) {
    if (key == "repeats" || std::ranges::find(algorithm.settings, key, &SettingDoc::key) != algorithm.settings.end())
      continue;
    std::vector<std::string> known = {"repeats"};
    for (const SettingDoc &setting : algorithm.settings)
      known.emplace_back(setting.key);
    return Error{fmt::format("--set {}={}: {} {} has no such setting; it has {}", key, value, nameOf(request.kind),
                             algorithm.name, fmt::join(known, ", ")),
                 Fault::Usage};
  }
  return success();
}

Result<const Algorithm *> find(Kind kind, const std::string &name) {
  for (const Algorithm &each : algorithms())
    if (each.kind == kind && (name == "auto" || each.name == name))
      return &each;
  return Error{fmt::format("'{}' is no algorithm for {}; these are: {}", name, nameOf(kind),
                           fmt::join(algorithmNames(kind), ", ")),
               Fault::Usage};
}

} // namespace

Result<void> checkRequest(const Request &request, const hw::Hardware &hardware) {
  const size_t extents = extentsOf(request.kind);
  if (request.shape.size() != extents || std::ranges::any_of(request.shape, [](int64_t e) { return e < 1; }))
    return Error{fmt::format("a {} has the shape {}: {} extents of at least 1", nameOf(request.kind),
                             shapeForm(request.kind), extents),
                 Fault::Usage};
  if (std::ranges::any_of(request.shape, [](int64_t e) { return e > (int64_t{1} << 28); }))
    return userError(fmt::format("an extent of {} is beyond 2^28", *std::ranges::max_element(request.shape)));
  const hw::Parallelism &mesh = hardware.parallelism;
  if (request.width < 1 || request.height < 1 || request.width > mesh.meshWidth || request.height > mesh.meshHeight)
    return userError(fmt::format("a mesh of {}x{} cores does not fit {}, which has {}x{}: ask for fewer cores, or for "
                                 "another machine",
                                 request.width, request.height, hardware.name, mesh.meshWidth, mesh.meshHeight));
  return checkBytes(request, hardware);
}

std::span<const Algorithm> algorithms() {
  static const std::vector<Algorithm> known = [] {
    std::vector<Algorithm> all;
    addGemms(all), addSums(all), addMoves(all), addLayers(all);
    return all;
  }();
  return known;
}

std::vector<std::string> algorithmNames(Kind kind) {
  std::vector<std::string> names;
  for (const Algorithm &each : algorithms())
    if (each.kind == kind)
      names.emplace_back(each.name);
  return names;
}

uint32_t defaultRepeats(Kind kind) { return kind == Kind::Gemm || kind == Kind::PrefillLayer ? 1 : 3; }

std::string describeAlgorithms(Kind kind) {
  std::string text;
  for (const Algorithm &each : algorithms()) {
    if (each.kind != kind)
      continue;
    text += fmt::format("{:<10} {}{}\n", each.name, each.summary,
                        each.source.empty() ? "" : fmt::format(" [{}]", each.source));
    for (const SettingDoc &setting : each.settings)
      text += fmt::format("{:<10}   {}: {}\n", "", setting.key, setting.doc);
  }
  return text;
}

Result<Generated> generate(const Request &asked, const hw::Hardware &hardware) {
  if (auto fits = checkRequest(asked, hardware); !fits)
    return fits.takeError();
  auto algorithm = find(asked.kind, asked.algorithm);
  if (!algorithm)
    return algorithm.takeError();
  Request request = asked;
  request.algorithm = (*algorithm)->name;
  if (auto known = checkSettings(request, **algorithm); !known)
    return known.takeError();
  auto repeats = request.settings.number("repeats", 1, 1, 1000);
  if (!repeats)
    return repeats.takeError();
  Generated generated;
  generated.facts.algorithm = request.algorithm;
  generated.facts.repeats = static_cast<uint32_t>(*repeats);
  ProgramBuilder builder(hardware, request.width, request.height, std::string(nameOf(request.kind)));
  Emission out{request, builder, generated.facts, generated.inputs, generated.outputs};
  if (auto emitted = (*algorithm)->emit(out); !emitted)
    return emitted.takeError();
  generated.facts.settings = request.settings.taken();
  generated.facts.settings.erase("repeats");
  auto package = builder.finish(generated.facts);
  if (!package)
    return package.takeError();
  generated.package = std::move(*package);
  return generated;
}

} // namespace weft::algorithms
