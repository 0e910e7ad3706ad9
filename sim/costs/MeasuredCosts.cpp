#include "sim/costs/MeasuredCosts.h"

#include "hw-models/core/rvv/Timing.h"
#include "runtime/package/ProbeWords.h"
#include "sim/iss/TimingObserver.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#define XXH_INLINE_ALL // the header alone: no library to link
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstring>

namespace weft::sim {
namespace {

std::string digestOf(std::span<const uint8_t> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

/// Of operands in SRAM: docs/program-model.md.
uint64_t alignOf(const hw::Hardware &hardware) { return std::max(hardware.memory.alignBytes, 16u); }

/// All that tells one canonical call from another, for the key in the store.
std::string describeCall(const pkg::KernelT &kernel, int64_t rows, uint64_t align) {
  const pkg::ProbeT &probe = *kernel.probe;
  std::vector<int64_t> scalars = probe.scalars;
  if (probe.rows_scalar >= 0)
    scalars[size_t(probe.rows_scalar)] = rows;
  std::string text =
      fmt::format("scalars={} bytes={} align={}", fmt::join(scalars, ","), fmt::join(kernel.operand_bytes, ","), align);
  if (probe.launch >= 0)
    text += fmt::format(" launch={} n={} id={}", probe.launch, runtime::probeTokens(probe, rows), probe.id);
  if (probe.launch >= 0 && probe.ids > 1)
    text += fmt::format(" ids={} step={}", probe.ids, probe.id_step);
  return text;
}

} // namespace

const pkg::KernelObjectT *findRiscvObject(const runtime::Package &package) {
  auto found = std::find_if(package.objects.begin(), package.objects.end(),
                            [](const auto &object) { return object->triple.starts_with("riscv64"); });
  return found == package.objects.end() ? nullptr : found->get();
}

Result<iss::KernelMachine> makeKernelMachine(const runtime::Package &package, const hw::Hardware &hardware) {
  std::vector<std::string> names;
  names.reserve(package.kernels.size());
  for (const auto &kernel : package.kernels)
    names.push_back(kernel->name);
  return iss::KernelMachine::create(std::as_bytes(std::span(findRiscvObject(package)->image)), names, hardware);
}

// ---- measuring --------------------------------------------------------------------------------------------------

struct MeasuredCosts::Bench {
  iss::KernelMachine machine;
  std::vector<std::byte> sram;
  std::unique_ptr<hw::rvv::Timing> timing;
};

void MeasuredCosts::FreeBench::operator()(Bench *bench) const { delete bench; }

MeasuredCosts::MeasuredCosts(const runtime::Package &package, const hw::Hardware &hardware, MeasuredCostsOptions given)
    : package(&package), hardware(hardware), options(std::move(given)), known(package.kernels.size()) {
  key.object = digestOf(findRiscvObject(package)->image);
  key.core = fmt::format("{:016x}.{}", hw::coreDigest(hardware), hw::rvv::timingVersion);
  if (options.storePath.empty())
    return;
  if (Result<CostStore> opened = CostStore::open(options.storePath))
    store.emplace(std::move(*opened));
  else
    giveUpStore(opened.error());
}

Result<MeasuredCosts> MeasuredCosts::create(const runtime::Package &package, const hw::Hardware &hardware,
                                            MeasuredCostsOptions options) {
  if (hardware.parallelism.core.kind != "rvv")
    return internalError(
        fmt::format("cores of kind {} run no machine code that could be measured", hardware.parallelism.core.kind));
  return MeasuredCosts(package, hardware, std::move(options));
}

void MeasuredCosts::giveUpStore(const Error &why) {
  store.reset();
  options.storePath.clear();
  if (options.warn)
    options.warn(why.message);
}

Result<KernelCost> MeasuredCosts::cost(uint32_t kernel, int64_t rows) {
  auto &costs = known[kernel];
  if (auto found = costs.find(rows); found != costs.end())
    return found->second;
  const pkg::KernelT &described = *package->kernels[kernel];
  if (!described.probe)
    return userError(
        fmt::format("kernel '{}' does not say how its cost is measured; compile the model again", described.name));
  key.kernel = described.name;
  key.call = describeCall(described, rows, alignOf(hardware));
  if (store) {
    Result<std::optional<KernelCost>> kept = store->find(key);
    if (!kept) {
      giveUpStore(kept.error());
    } else if (*kept) {
      ++counted.fromStore;
      costs.emplace(rows, **kept);
      return **kept;
    }
  }
  Result<KernelCost> measured = measure(kernel, rows);
  if (!measured)
    return measured;
  if (store)
    if (Result<void> done = store->put(key, *measured); !done)
      giveUpStore(done.error());
  costs.emplace(rows, *measured);
  return measured;
}

/// The canonical call: operands one after the other from the start of SRAM, each aligned as the machine aligns buffers.
Result<KernelCost> MeasuredCosts::measure(uint32_t kernel, int64_t rows) {
  const auto start = std::chrono::steady_clock::now();
  if (!bench) {
    Result<iss::KernelMachine> machine = makeKernelMachine(*package, hardware);
    if (!machine)
      return machine.takeError();
    bench.reset(new Bench{std::move(*machine), std::vector<std::byte>(hardware.memory.sramBytes),
                          hw::rvv::makeTiming(hardware)});
  }
  const pkg::KernelT &described = *package->kernels[kernel];
  const pkg::ProbeT &probe = *described.probe;
  const uint64_t align = alignOf(hardware);
  std::fill(bench->sram.begin(), bench->sram.end(), std::byte{0});
  std::vector<uint32_t> operands;
  uint64_t place = 0;
  for (uint32_t bytes : described.operand_bytes) {
    operands.push_back(static_cast<uint32_t>(place));
    place = (place + bytes + align - 1) / align * align;
    if (place > bench->sram.size())
      return userError(fmt::format("kernel '{}': its operands do not fit the {} bytes of SRAM of {}", described.name,
                                   bench->sram.size(), hardware.name));
  }
  if (probe.launch >= 0) {
    const std::vector<int32_t> words = runtime::probeWords(probe, rows, described.operand_bytes[size_t(probe.launch)]);
    std::memcpy(bench->sram.data() + operands[size_t(probe.launch)], words.data(), words.size() * sizeof(int32_t));
  }
  std::vector<int64_t> scalars = probe.scalars;
  if (probe.rows_scalar >= 0)
    scalars[size_t(probe.rows_scalar)] = rows;
  bench->timing->reset();
  iss::TimingObserver observer(*bench->timing);
  Result<uint64_t> instructions = bench->machine.call(kernel, bench->sram, operands, scalars, &observer);
  if (!instructions)
    return userError(fmt::format("measuring kernels with {} rows: {}", rows, instructions.error().message));
  ++counted.measured;
  counted.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return KernelCost{bench->timing->cycles(), *instructions};
}

// ---- rows -------------------------------------------------------------------------------------------------------

std::vector<int64_t> fullRows(const runtime::Package &package) {
  std::vector<int64_t> rows(package.kernels.size(), 1);
  for (const auto &program : package.programs) {
    std::vector<int64_t> params;
    for (const auto &param : program->params) {
      int64_t value = package.model->max_seq;
      for (int32_t divisor : param->divisors)
        value = (value + divisor - 1) / divisor;
      params.push_back(value);
    }
    for (const auto &task : program->tasks)
      for (const auto &instr : task->instrs) {
        if (instr->kind != pkg::InstrKind::Call)
          continue;
        const auto &probe = package.kernels[instr->kernel]->probe;
        if (!probe || probe->rows_scalar < 0)
          continue;
        const pkg::Expr &m = instr->scalars[size_t(probe->rows_scalar)];
        // Rows are counted by parameters or fixed: a number that depended on the core would be no tile's.
        const int64_t value = m.source() == pkg::Source::Param ? params[m.index()] : 0;
        rows[instr->kernel] = std::max(rows[instr->kernel], m.add() + m.scale() * value);
      }
  }
  return rows;
}

Result<runtime::KernelCosts> measureAll(const runtime::Package &package, const hw::Hardware &hardware,
                                        MeasuredCostsOptions options) {
  auto costs = MeasuredCosts::create(package, hardware, std::move(options));
  if (!costs)
    return costs.takeError();
  runtime::KernelCosts all;
  const std::vector<int64_t> rows = fullRows(package);
  for (uint32_t kernel = 0; kernel < rows.size(); ++kernel) {
    Result<KernelCost> cost = costs->cost(kernel, rows[kernel]);
    if (!cost)
      return cost.takeError();
    all.kernels.push_back({rows[kernel], cost->cycles, cost->instructions});
  }
  all.measured = costs->counts().measured;
  all.fromCache = costs->counts().fromStore;
  all.cachePath = costs->storePath();
  return all;
}

} // namespace weft::sim
