#include "sim/cosim/mesh/MeshCosim.h"

#include "sim/cosim/mesh/RouterMesh.h"
#include "sim/mesh/Outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::cosim {
namespace {

/// Cycles after which routers in which nothing moved are stuck until a core does something: longer than any pipeline.
constexpr uint64_t settled = 200;
constexpr uint64_t cyclesBetweenProgress = 32;

class Device : public MeshCosim {
public:
  Device(hw::Hardware hardware, MeshCosimOptions options, RouterMesh &mesh)
      : hardware(std::move(hardware)), options(std::move(options)), mesh(mesh) {}
  ~Device() override { mesh.closeWave(); }
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  Result<void> load(const runtime::Package &package) override;
  Result<void> reset() override;
  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override;
  Result<std::vector<std::byte>> readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) override;
  MeshCosimCounts counts() const override {
    MeshCosimCounts all = total;
    all.evaluations = mesh.evaluations();
    all.routers = mesh.routers.size();
    return all;
  }

private:
  struct Program {
    sim::ProgramImage image;
    RoutePlan plan;
  };
  Result<void> prepare(const Program &program, const runtime::Launch &launch);
  Result<void> startHost(const Program &program, const runtime::Launch &launch);
  Result<void> clockUntilDone();
  bool finished() const;
  uint64_t nextEvent() const;
  Result<std::vector<runtime::LaunchOutput>> collectOutputs(const Program &program);
  MeshHost &host(bool alongX, uint32_t line) { return alongX ? *mesh.rows[line] : *mesh.columns[line]; }

  hw::Hardware hardware;
  MeshCosimOptions options;
  RouterMesh &mesh;
  uint32_t width = 0, height = 0;
  std::vector<Program> programs;
  std::vector<sim::KernelFunction> kernels;
  sim::SramArray sram;
  std::vector<sim::Range> cacheBuffers; // bytes of each core's SRAM
  MeshCosimCounts total;
};

Result<void> Device::load(const runtime::Package &package) {
  width = package.mesh_width;
  height = package.mesh_height;
  for (const auto &program : package.programs) {
    auto image = sim::decodeProgram(package, *program, hardware);
    if (!image)
      return image.takeError();
    for (const auto &channel : program->channels)
      if (channel->turn)
        return userError(fmt::format("channel '{}': its cores take turns, which the RTL of the routers does not know",
                                     channel->name));
    programs.push_back({std::move(*image), planRoutes(*program, width, height)});
  }
  if (options.engine.timingOnly)
    return success();
  auto addCache = [&](const auto &buffers) {
    for (const auto &buffer : buffers)
      if (buffer->kind == pkg::BufferKind::KvCache)
        cacheBuffers.push_back({buffer->offset, buffer->offset + buffer->bytes});
  };
  addCache(package.resident);
  for (const auto &program : package.programs)
    addCache(program->buffers);
  for (uint32_t i = 0; i < package.kernels.size() && !options.engine.runKernel; ++i) {
    kernels.push_back(options.engine.kernels ? options.engine.kernels(i) : nullptr);
    if (!kernels.back())
      return userError(fmt::format("kernel '{}' has no native function on this machine", package.kernels[i]->name));
  }
  auto memory = sim::SramArray::make(width * height, hardware.memory.sramBytes);
  if (!memory)
    return memory.takeError();
  sram = std::move(*memory);
  for (uint32_t core = 0; options.engine.fillResident && core < width * height; ++core)
    if (auto ok = options.engine.fillResident(core % width, core / width, sram.core(core)); !ok)
      return ok;
  return reset();
}

Result<void> Device::reset() {
  for (uint32_t core = 0; !options.engine.timingOnly && core < width * height; ++core)
    for (sim::Range buffer : cacheBuffers)
      std::memset(sram.core(core).data() + buffer.begin, 0, buffer.end - buffer.begin);
  return success();
}

Result<void> Device::prepare(const Program &program, const runtime::Launch &launch) {
  MeshLaunch &shared = mesh.launch;
  shared = MeshLaunch();
  shared.image = &program.image;
  shared.hardware = &hardware;
  shared.options = &options.engine;
  shared.kernels = &kernels;
  shared.sram = options.engine.timingOnly ? nullptr : &sram;
  shared.width = width;
  shared.height = height;
  shared.plan = program.plan;
  for (const std::vector<int32_t> &divisors : program.image.params) {
    int64_t value = launch.tokensInCache;
    for (int32_t divisor : divisors)
      value = (value + divisor - 1) / divisor;
    shared.params.push_back(value);
  }
  mesh.reset();
  for (auto &each : mesh.cores)
    each->rest();
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      MeshCore &core = *mesh.cores[y * mesh.width + x];
      core.begin(y * width + x);
      core.configure(program.plan.tables[y * width + x]);
    }
  for (auto &each : mesh.rows)
    each->begin();
  for (auto &each : mesh.columns)
    each->begin();
  for (uint32_t i = 0; i < maxColors + 2; ++i) // a route a cycle
    mesh.clockOnce();
  return startHost(program, launch);
}

Result<void> Device::startHost(const Program &program, const runtime::Launch &launch) {
  MeshLaunch &shared = mesh.launch;
  for (const sim::HostInputCode &input : program.image.inputs) {
    int64_t bytes = input.bytes.add();
    if (input.bytes.source() == pkg::Source::Param)
      bytes += input.bytes.scale() * shared.params[input.bytes.index()];
    std::vector<std::byte> data(static_cast<size_t>(shared.wordsOf(bytes)) * shared.wordBytes());
    auto given = std::find_if(launch.inputs.begin(), launch.inputs.end(),
                              [&](const runtime::LaunchInput &each) { return each.name == input.name; });
    if (given == launch.inputs.end() && shared.sram)
      return userError(fmt::format("program '{}', input '{}': not given", program.image.name, input.name));
    if (given != launch.inputs.end())
      std::copy_n(given->bytes.begin(), std::min(data.size(), given->bytes.size()), data.begin());
    for (const HostEnd &end : program.plan.sources)
      if (end.channel == input.channel)
        host(end.alongX, end.line).send(end.channel, end.color, data);
  }
  return success();
}

bool Device::finished() const {
  auto done = [](const auto &each) { return each->done(); };
  auto idle = [](const auto &each) { return !each->moving() && !each->holdsWords(); };
  const RouterMesh &all = mesh;
  return std::all_of(all.cores.begin(), all.cores.end(), done) && std::all_of(all.rows.begin(), all.rows.end(), done) &&
         std::all_of(all.columns.begin(), all.columns.end(), done) &&
         std::all_of(all.routers.begin(), all.routers.end(), idle) && !all.moving();
}

uint64_t Device::nextEvent() const {
  uint64_t next = never;
  for (const auto &core : mesh.cores)
    if (!core->done())
      next = std::min(next, core->nextEvent());
  if (mesh.launch.now < hardware.latency.hostStartup)
    next = std::min<uint64_t>(next, hardware.latency.hostStartup);
  return next;
}

Result<void> Device::clockUntilDone() {
  MeshLaunch &shared = mesh.launch;
  shared.running = true;
  uint64_t still = 0, nextProgress = cyclesBetweenProgress;
  for (;; ++shared.now) {
    mesh.clockOnce();
    ++total.clocked;
    if (options.progress && shared.now >= nextProgress) {
      options.progress(shared.now);
      nextProgress = shared.now + cyclesBetweenProgress;
    }
    if (shared.failure)
      return *shared.failure;
    still = mesh.moving() ? 0 : still + 1;
    if (!still)
      continue;
    if (finished())
      break;
    const uint64_t next = nextEvent();
    if (still < settled && (next == never || next <= shared.now + 1 || still < 2 * maxColors))
      continue;
    if (next == never)
      return userError("the program deadlocks on the routers: nothing moves any more");
    if (next > shared.now + 1) { // nothing changes until then, so the clocks stand
      mesh.skip(next - 1 - shared.now);
      shared.now = next - 1;
    }
  }
  shared.running = false;
  return success();
}

Result<std::vector<runtime::LaunchOutput>> Device::collectOutputs(const Program &program) {
  std::vector<std::byte> bytes; // of the line last asked for
  auto find = [&](uint32_t channel, uint32_t line) -> std::optional<sim::Delivered> {
    for (const HostEnd &end : program.plan.sinks)
      if (end.channel == channel && end.line == line) {
        const std::vector<uint64_t> &words = host(end.alongX, line).received(channel);
        const uint32_t wordBytes = mesh.launch.wordBytes();
        bytes.resize(words.size() * wordBytes);
        for (size_t i = 0; i < words.size(); ++i)
          std::memcpy(bytes.data() + i * wordBytes, &words[i], wordBytes);
        return sim::Delivered{words.size(), bytes};
      }
    return std::nullopt;
  };
  return sim::collectOutputs(program.image, mesh.launch.wordBytes(), mesh.launch.sram != nullptr, find);
}

Result<runtime::LaunchResult> Device::run(const runtime::Launch &launch) {
  auto program = std::find_if(programs.begin(), programs.end(),
                              [&](const Program &each) { return each.image.name == launch.program; });
  if (program == programs.end())
    return userError(fmt::format("the package has no program '{}'", launch.program));
  std::optional<sim::FaultGuard> guard;
  if (!options.engine.timingOnly)
    guard.emplace();
  if (auto ok = prepare(*program, launch); !ok)
    return ok.takeError();
  if (options.engine.trace)
    options.engine.trace->launchBegins({program->image.name, launch.tokensInCache, width, height, &program->image.ops});
  auto ran = clockUntilDone();
  mesh.launch.running = false;
  if (!ran)
    return ran.takeError();
  auto outputs = collectOutputs(*program);
  if (!outputs)
    return outputs.takeError();
  runtime::LaunchResult result;
  result.outputs = std::move(*outputs);
  result.report.cycles = mesh.launch.lastEnd;
  total.words += mesh.launch.words;
  total.cycles += mesh.launch.lastEnd;
  if (options.engine.trace)
    options.engine.trace->launchEnded(mesh.launch.lastEnd);
  return result;
}

Result<std::vector<std::byte>> Device::readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) {
  if (options.engine.timingOnly || x >= width || y >= height || uint64_t{offset} + bytes > hardware.memory.sramBytes)
    return userError("no such bytes");
  std::span<std::byte> memory = sram.core(y * width + x).subspan(offset, bytes);
  return std::vector<std::byte>(memory.begin(), memory.end());
}

} // namespace

Result<std::unique_ptr<MeshCosim>> makeMeshCosim(const runtime::Package &package, const hw::Hardware &hardware,
                                                 const MeshCosimOptions &options) {
  const RouterVariant *variant = options.variant ? options.variant : variantOf(hardware);
  if (!variant)
    return userError(describeVariants(hardware));
  auto mesh = routerMesh(*variant, std::max(options.width, package.mesh_width),
                         std::max(options.height, package.mesh_height), options.seed, options.wave);
  if (!mesh)
    return mesh.takeError();
  auto device = std::make_unique<Device>(hardware, options, **mesh);
  if (auto ok = device->load(package); !ok)
    return ok.takeError();
  return std::unique_ptr<MeshCosim>(std::move(device));
}

} // namespace weft::cosim
