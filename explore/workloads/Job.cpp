#include "explore/workloads/Job.h"

#include "compiler/algorithms/Algorithm.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::explore {

using algorithms::ceilDiv;
using algorithms::Kind;
using algorithms::LayerExtents;

std::optional<Kind> kindNamed(std::string_view name) {
  for (const algorithms::Algorithm &each : algorithms::algorithms())
    if (algorithms::nameOf(each.kind) == name)
      return each.kind;
  return std::nullopt;
}

namespace {

/// SRAM of a core as ProgramBuilder::buffer hands it out.
class Budget {
public:
  explicit Budget(const hw::Hardware &hardware)
      : word(hardware.routing.linkBytes), align(std::max(hardware.memory.alignBytes, hardware.routing.linkBytes)) {}
  void add(int64_t bytes) { total = ceilDiv(total, align) * align + ceilDiv(bytes, word) * word; }
  int64_t bytes() const { return total; }

private:
  int64_t word, align, total = 0;
};

/// Bytes of a core: what the weights and the cache of a layer take, and what all layers share.
struct LayerBytes {
  int64_t resident = 0, shared = 0;
};

LayerBytes decodeBytes(const LayerExtents &on, const hw::Hardware &hardware, int64_t size) {
  Budget resident(hardware), shared(hardware);
  resident.add((4 * on.dim * on.dim + 3 * on.dim * on.ffn) * size);
  resident.add(2 * on.dim * on.seq * on.batch * size);
  shared.add(std::max({3 * on.dim, 2 * on.ffn, on.seq}) * on.batch * size);
  return {resident.bytes(), shared.bytes()};
}

/// Of the nine GEMMs the blocks that go round are two each; of weights one of them stays.
LayerBytes prefillBytes(const LayerExtents &on, const hw::Hardware &hardware, int64_t size) {
  Budget all(hardware), resident(hardware);
  const int64_t word = hardware.routing.linkBytes, slots = on.cores > 1 ? 2 : 1;
  all.add(on.seq * size);
  const auto gemm = [&](int64_t rows, int64_t inner, int64_t cols) {
    all.add(slots * (ceilDiv(rows * inner * size, word) * word));
    all.add(slots * (ceilDiv(inner * cols * size, word) * word));
    all.add(rows * cols * size);
  };
  for (int i = 0; i < 3; ++i)
    gemm(on.seq, on.dim, on.dim); // q, k, v
  all.add(on.seq * on.dim * size);
  all.add(slots * (ceilDiv(on.seq * on.dim * size, word) * word));
  all.add(on.seq * on.seq * size); // partial sums of the scores
  all.add(on.seq * on.seq * size);
  gemm(on.seq, on.seq, on.dim);
  gemm(on.seq, on.dim, on.dim);
  gemm(on.seq, on.dim, on.ffn);
  gemm(on.seq, on.dim, on.ffn);
  gemm(on.seq, on.ffn, on.dim);
  const int64_t weights = (4 * on.dim * on.dim + 3 * on.dim * on.ffn) * size;
  resident.add(weights);
  resident.add(2 * on.dim * on.seq * size);
  return {resident.bytes(), std::max<int64_t>(0, all.bytes() - weights)};
}

/// The layers lie on as many squares as they need; a token passes through all of them.
std::optional<Refusal> placeLayers(Job &job, const hw::Hardware &hardware, bool decode) {
  const uint32_t side = job.request.width;
  const LayerExtents on = algorithms::layerExtents(job.request.shape, side, job.batch);
  const int64_t size = algorithms::elementBytes(job.request.element);
  const LayerBytes bytes = decode ? decodeBytes(on, hardware, size) : prefillBytes(on, hardware, size);
  const int64_t usable = hardware.usableBytes(), left = usable - bytes.shared;
  const auto layers = static_cast<int64_t>(job.layers);
  job.sramBytes = static_cast<uint64_t>(bytes.shared + bytes.resident);
  if (left < bytes.resident)
    return Refusal{"sram",
                   fmt::format("a layer takes {} bytes of each core, {} are left for buffers", job.sramBytes, usable)};
  const int64_t onOne = std::min(layers, left / std::max<int64_t>(1, bytes.resident));
  const hw::Parallelism &mesh = hardware.parallelism;
  const uint64_t room = uint64_t{mesh.meshWidth / side} * (mesh.meshHeight / side);
  job.sramBytes = static_cast<uint64_t>(bytes.shared + onOne * bytes.resident);
  job.meshes = static_cast<uint64_t>(ceilDiv(layers, onOne));
  if (job.meshes > room)
    return Refusal{"sram", fmt::format("{} layers take {} squares of {}x{} cores with {} layers each, and the machine "
                                       "has room for {}",
                                       layers, job.meshes, side, side, onOne, room)};
  return std::nullopt;
}

std::optional<Refusal> checkColors(const Job &job, const hw::Hardware &hardware, bool decode) {
  const uint32_t available = hardware.routing.usableColors();
  const uint32_t needed = job.request.width > 1 ? layerColors(decode, job.tree) : 0;
  if (needed <= available)
    return std::nullopt;
  return Refusal{"colours", fmt::format("the layer's program needs {} colours, programs have {}", needed, available)};
}

/// Settings that forms read, too. What they may be, the algorithm says.
std::optional<Refusal> readTree(Job &job) {
  const int n = static_cast<int>(job.request.kind == Kind::AllReduce && job.request.height < 2 ? job.request.width
                                                                                               : job.request.height);
  int mostLevels = 1;
  while ((2 << mostLevels) <= n)
    ++mostLevels;
  const algorithms::Settings &settings = job.request.settings;
  auto levels = settings.number("k", std::min(2, mostLevels), 1, mostLevels);
  auto groups = settings.number("groups", 0, 1, n);
  if (!levels || !groups)
    return Refusal{"choice", levels ? groups.error().message : levels.error().message};
  job.tree = {static_cast<int>(*levels), static_cast<int>(*groups)};
  return std::nullopt;
}

Result<std::optional<Refusal>> prepareModel(const Point &point, const Models &models, Job &job) {
  const Workload &workload = *point.workload;
  auto shape = models.shapeOf(workload);
  if (!shape)
    return shape.takeError();
  const bool decode = workload.phase == "decode";
  job.request.kind = decode ? Kind::DecodeLayer : Kind::PrefillLayer;
  job.request.algorithm = "waferllm";
  job.request.shape = {shape->hidden, shape->intermediate, workload.context};
  job.layers = static_cast<double>(shape->layers);
  job.tokens = decode ? workload.batch : double(workload.context) * workload.batch;
  job.batch = decode ? workload.batch : 1;
  const uint32_t side = std::min(job.request.width, job.request.height);
  if (workload.meshWidth && job.request.width != job.request.height)
    return std::optional(Refusal{
        "mesh", fmt::format("{}x{} cores are no square, which a layer needs", job.request.width, job.request.height)});
  job.request.width = job.request.height = side; // of all of the machine the largest square
  if (auto refused = readTree(job))
    return refused;
  if (auto refused = placeLayers(job, point.hardware, decode))
    return refused;
  if (!decode)
    job.layers *= workload.batch; // prompts run one after the other
  return checkColors(job, point.hardware, decode);
}

} // namespace

Result<Prepared> prepare(const Point &point, const Models &models) {
  Prepared prepared;
  Job &job = prepared.job;
  const Workload &workload = *point.workload;
  const hw::Parallelism &mesh = point.hardware.parallelism;
  job.request.width = workload.meshWidth ? workload.meshWidth : mesh.meshWidth;
  job.request.height = workload.meshHeight ? workload.meshHeight : mesh.meshHeight;
  job.request.element = workload.element == "f32" ? algorithms::Element::F32 : algorithms::Element::F16;
  auto settings = point.choices;
  if (auto side = settings.extract("side")) {
    auto cores = algorithms::Settings({{"side", side.mapped()}}).number("side", 0, 1, 65535);
    if (!cores || workload.modelText.empty() || workload.meshWidth) {
      prepared.refusal =
          Refusal{"choice", cores ? "a side is that of the square for a model without a mesh" : cores.error().message};
      return prepared;
    }
    job.request.width = job.request.height = static_cast<uint32_t>(*cores);
  }
  if (workload.batch != 1 && workload.phase == "decode")
    settings["batch"] = std::to_string(workload.batch);
  if (auto algorithm = settings.extract("algorithm"))
    job.request.algorithm = algorithm.mapped();
  job.request.settings = algorithms::Settings(std::move(settings));
  if (job.request.width > mesh.meshWidth || job.request.height > mesh.meshHeight) {
    prepared.refusal =
        Refusal{"mesh", fmt::format("a mesh of {}x{} cores is larger than the machine's {}x{}", job.request.width,
                                    job.request.height, mesh.meshWidth, mesh.meshHeight)};
    return prepared;
  }
  if (!workload.modelText.empty()) {
    auto refusal = prepareModel(point, models, job);
    if (!refusal)
      return refusal.takeError();
    prepared.refusal = std::move(*refusal);
    return prepared;
  }
  job.request.kind = *kindNamed(workload.kernel);
  job.request.shape = workload.shape;
  if (job.request.kind == Kind::Gemv || job.request.kind == Kind::AllReduce || algorithms::isLayer(job.request.kind))
    prepared.refusal = readTree(job);
  return prepared;
}

} // namespace weft::explore
