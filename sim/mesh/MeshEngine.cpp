#include "sim/mesh/MeshEngine.h"

#include "sim/mesh/Execution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::sim {

Result<void> checkMeshHardware(const hw::Hardware &hardware) {
  const hw::Latency &latency = hardware.latency;
  auto bad = [&](const std::string &what) {
    return userError(fmt::format("hardware '{}': {}; the mesh engine cannot run this machine", hardware.name, what));
  };
  if (latency.hop < 1 || latency.hop + uint64_t{latency.dieCrossing.cycles} > 63)
    return bad(fmt::format("latency.hop is {} and latency.die_crossing.cycles {} cycles, allowed 1 to 63 together",
                           latency.hop, latency.dieCrossing.cycles));
  if (latency.ramp < 1 || latency.ramp + uint64_t{latency.streamStage} > 63)
    return bad(fmt::format("latency.ramp is {} and latency.stream_stage {} cycles, allowed 1 to 63 together",
                           latency.ramp, latency.streamStage));
  if (!hardware.routing.queueWords || hardware.routing.queueWords > 1u << 20)
    return bad(fmt::format("routing.queue_words is {}", hardware.routing.queueWords));
  if (!hardware.routing.rampWords)
    return bad("routing.ramp_words is 0");
  if (hardware.routing.reduceStage > 63)
    return bad(fmt::format("routing.reduce_stage is {} cycles, allowed 0 to 63", hardware.routing.reduceStage));
  if (!hardware.routing.linkBytes || hardware.routing.linkBytes % 4 || hardware.routing.linkBytes > 1024)
    return bad(fmt::format("routing.link_bytes is {}, must be a multiple of 4", hardware.routing.linkBytes));
  return success();
}

namespace {

class MeshEngine : public runtime::Device {
public:
  MeshEngine(hw::Hardware hardware, MeshEngineOptions options)
      : hardware(std::move(hardware)), options(std::move(options)) {}

  Result<void> load(const runtime::Package &package) override;
  Result<void> reset() override;
  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override;
  Result<std::vector<std::byte>> readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) override;

private:
  Result<void> resolveKernels(const runtime::Package &package);
  Result<void> prepareSram(const runtime::Package &package);

  hw::Hardware hardware;
  MeshEngineOptions options;
  uint32_t width = 0, height = 0;
  std::vector<ProgramImage> programs;
  std::vector<KernelFunction> kernels;
  std::vector<Range> cacheBuffers; // bytes of each core's SRAM
  SramArray sram;
};

Result<void> MeshEngine::load(const runtime::Package &package) {
  width = package.mesh_width;
  height = package.mesh_height;
  if (!width || !height || uint64_t{width} * height > 1u << 24)
    return userError(fmt::format("a mesh of {} x {} cores", width, height));
  programs.clear();
  for (const auto &program : package.programs) {
    auto image = decodeProgram(package, *program, hardware);
    if (!image)
      return image.takeError();
    programs.push_back(std::move(*image));
  }
  if (options.timingOnly)
    return success();
  if (auto ok = resolveKernels(package); !ok)
    return ok;
  return prepareSram(package);
}

Result<void> MeshEngine::resolveKernels(const runtime::Package &package) {
  kernels.clear();
  if (options.runKernel)
    return success();
  for (uint32_t i = 0; i < package.kernels.size(); ++i) {
    KernelFunction function = options.kernels ? options.kernels(i) : nullptr;
    if (!function)
      return userError(
          fmt::format("kernel '{}' has no native function on this machine; run timing only, or compile the "
                      "package again",
                      package.kernels[i]->name));
    kernels.push_back(function);
  }
  return success();
}

Result<void> MeshEngine::prepareSram(const runtime::Package &package) {
  cacheBuffers.clear();
  auto add = [&](const pkg::BufferT &buffer) -> Result<void> {
    if (buffer.kind != pkg::BufferKind::KvCache)
      return success();
    if (uint64_t{buffer.offset} + buffer.bytes > hardware.memory.sramBytes)
      return userError(fmt::format("buffer '{}' lies outside SRAM", buffer.name));
    cacheBuffers.push_back({buffer.offset, buffer.offset + buffer.bytes});
    return success();
  };
  for (const auto &buffer : package.resident)
    if (auto ok = add(*buffer); !ok)
      return ok;
  for (const auto &program : package.programs)
    for (const auto &buffer : program->buffers)
      if (auto ok = add(*buffer); !ok)
        return ok;
  auto memory = SramArray::make(width * height, hardware.memory.sramBytes);
  if (!memory)
    return memory.takeError();
  sram = std::move(*memory);
  for (uint32_t y = 0; options.fillResident && y < height; ++y)
    for (uint32_t x = 0; x < width; ++x)
      if (auto ok = options.fillResident(x, y, sram.core(y * width + x)); !ok)
        return ok;
  return reset();
}

Result<void> MeshEngine::reset() {
  if (options.timingOnly)
    return success();
  for (uint32_t core = 0; core < width * height; ++core)
    for (Range buffer : cacheBuffers)
      std::memset(sram.core(core).data() + buffer.begin, 0, buffer.end - buffer.begin);
  return success();
}

Result<runtime::LaunchResult> MeshEngine::run(const runtime::Launch &launch) {
  auto image = std::find_if(programs.begin(), programs.end(),
                            [&](const ProgramImage &program) { return program.name == launch.program; });
  if (image == programs.end())
    return userError(fmt::format("the package has no program '{}'", launch.program));
  ExecutionContext context{*image, hardware, options, options.timingOnly ? nullptr : &sram, kernels, width, height};
  return Execution(context, launch).run();
}

Result<std::vector<std::byte>> MeshEngine::readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) {
  if (options.timingOnly)
    return userError("a mesh engine that runs timing only has no SRAM to read");
  if (x >= width || y >= height || uint64_t{offset} + bytes > hardware.memory.sramBytes)
    return userError(
        fmt::format("bytes [{}, {}) of core ({}, {}) are not there", offset, uint64_t{offset} + bytes, x, y));
  std::span<std::byte> memory = sram.core(y * width + x).subspan(offset, bytes);
  return std::vector<std::byte>(memory.begin(), memory.end());
}

} // namespace

Result<std::unique_ptr<runtime::Device>> makeMeshEngine(const runtime::Package &package, const hw::Hardware &hardware,
                                                        const MeshEngineOptions &options) {
  if (!options.coreModel)
    return internalError("the mesh engine needs a core model");
  if (auto ok = checkMeshHardware(hardware); !ok)
    return ok.takeError();
  auto engine = std::make_unique<MeshEngine>(hardware, options);
  if (auto ok = engine->load(package); !ok)
    return ok.takeError();
  return std::unique_ptr<runtime::Device>(std::move(engine));
}

} // namespace weft::sim
