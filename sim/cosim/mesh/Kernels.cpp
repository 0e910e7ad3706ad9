#include "sim/cosim/mesh/Kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

namespace weft::cosim {
namespace {

using pkg::Axis;
using pkg::InstrKind;

/// A program in which each core is a class of its own. Each core works on `words` values at byte 0, further blocks of
/// as many follow.
class Builder {
public:
  Builder(uint32_t width, uint32_t height, uint32_t words, const hw::Hardware &hardware)
      : width(width), height(height), bytes(words * 4), program(std::make_unique<pkg::ProgramT>()) {
    package.mesh_width = width;
    package.mesh_height = height;
    package.hardware_yaml = hardware.yaml;
    for (uint32_t core = 0; core < width * height; ++core) {
      auto each = std::make_unique<pkg::ClassT>();
      each->xs.assign(width, false);
      each->ys.assign(height, false);
      each->xs[core % width] = each->ys[core / width] = true;
      package.classes.push_back(std::move(each));
      auto task = std::make_unique<pkg::TaskT>();
      task->class_id = core;
      tasks.push_back(std::move(task));
    }
    program->name = "p";
    program->rank_x.assign(width, 0);
    program->rank_y.assign(height, 0);
    program->ops.push_back(std::make_unique<pkg::OpT>());
    program->ops[0]->name = "kernel";
    auto buffer = std::make_unique<pkg::BufferT>();
    buffer->name = "memory";
    buffer->kind = pkg::BufferKind::Activations;
    buffer->bytes = hardware.memory.sramBytes;
    program->buffers.push_back(std::move(buffer));
  }

  uint32_t channel(const std::string &name, Axis axis, std::vector<pkg::Flow> flows) {
    auto each = std::make_unique<pkg::ChannelT>();
    each->name = name;
    each->axis = axis;
    each->flows = std::move(flows);
    program->channels.push_back(std::move(each));
    return static_cast<uint32_t>(program->channels.size()) - 1;
  }

  Builder &at(uint32_t x, uint32_t y) {
    here = y * width + x;
    return *this;
  }
  Builder &put(uint32_t channel, uint32_t block = 0) { return transfer(InstrKind::Put, channel, 0, block); }
  Builder &get(uint32_t channel, uint32_t block = 0) { return transfer(InstrKind::Get, channel, 0, block); }
  Builder &into(uint32_t channel) { return transfer(InstrKind::ReduceInto, channel, 0, 0); }
  Builder &forward(uint32_t channel, uint32_t out) { return transfer(InstrKind::ReduceForward, channel, out, 0); }
  Builder &wait() {
    add(InstrKind::Wait);
    return *this;
  }

  runtime::Package take() {
    for (auto &task : tasks)
      if (!task->instrs.empty())
        program->tasks.push_back(std::move(task));
    package.programs.push_back(std::move(program));
    return std::move(package);
  }

  const uint32_t width, height, bytes;

private:
  pkg::InstrT &add(InstrKind kind) {
    tasks[here]->instrs.push_back(std::make_unique<pkg::InstrT>());
    tasks[here]->instrs.back()->kind = kind;
    return *tasks[here]->instrs.back();
  }
  Builder &transfer(InstrKind kind, uint32_t channel, uint32_t out, uint32_t block) {
    pkg::InstrT &instr = add(kind);
    instr.channel = channel;
    instr.channel_out = out;
    instr.bytes = std::make_unique<pkg::Expr>(pkg::Source::Constant, 0, 0, static_cast<int32_t>(bytes));
    instr.operands.push_back(std::make_unique<pkg::OperandT>());
    instr.operands[0]->offset = block * bytes;
    return *this;
  }

  runtime::Package package;
  std::unique_ptr<pkg::ProgramT> program;
  std::vector<std::unique_ptr<pkg::TaskT>> tasks; // by core
  uint32_t here = 0;
};

int32_t last(uint32_t extent) { return static_cast<int32_t>(extent) - 1; }

/// From (0, 0) along its row, then down every column. `firstColor` and the next one.
void broadcast(Builder &build, uint8_t firstColor) {
  const uint32_t row =
      build.channel("row", Axis::X, {{0, 0, 0, last(build.width), true, firstColor, pkg::Combine::None}});
  const uint32_t column =
      build.channel("column", Axis::Y,
                    {{-1, 0, 0, last(build.height), true, static_cast<uint8_t>(firstColor + 1), pkg::Combine::None}});
  for (uint32_t y = 0; y < build.height; ++y)
    for (uint32_t x = 0; x < build.width; ++x) {
      build.at(x, y);
      if (!y && !x)
        build.put(row);
      else if (!y)
        build.get(row).wait();
      if (!y)
        build.put(column).wait();
      else
        build.get(column).wait();
    }
}

/// Flows from every position but 0 to the one below it; neighbours have colours of their own.
std::vector<pkg::Flow> downhill(uint32_t extent, int32_t line, uint8_t firstColor) {
  std::vector<pkg::Flow> flows;
  for (int32_t p = 1; p <= last(extent); ++p)
    flows.emplace_back(line, p, p - 1, p, false, static_cast<uint8_t>(firstColor + p % 2), pkg::Combine::None);
  return flows;
}

/// A chain of sums to the first core of each line, first along y, then along x in the first row. Four colours.
void reduce(Builder &build, uint8_t firstColor) {
  const uint32_t up = build.channel("up", Axis::Y, downhill(build.height, -1, firstColor));
  const uint32_t west = build.channel("west", Axis::X, downhill(build.width, 0, static_cast<uint8_t>(firstColor + 2)));
  auto link = [&](uint32_t channel, uint32_t position, uint32_t extent) {
    if (position + 1 == extent && position)
      build.put(channel).wait();
    else if (position)
      build.forward(channel, channel);
    else if (extent > 1)
      build.into(channel);
  };
  for (uint32_t y = 0; y < build.height; ++y)
    for (uint32_t x = 0; x < build.width; ++x) {
      build.at(x, y);
      link(up, y, build.height);
      if (!y)
        link(west, x, build.width);
    }
}

/// Blocks go round rings along both axes at once, once through, as in Cannon's algorithm. Six colours.
void shiftRings(Builder &build) {
  auto ring = [&](const std::string &name, Axis axis, uint32_t extent, uint8_t firstColor) {
    std::vector<pkg::Flow> flows;
    for (int32_t p = 0; p < last(extent); ++p)
      flows.emplace_back(-1, p, p, p + 1, false, static_cast<uint8_t>(firstColor + p % 2), pkg::Combine::None);
    flows.emplace_back(-1, last(extent), 0, last(extent), false, static_cast<uint8_t>(firstColor + 2),
                       pkg::Combine::None);
    return build.channel(name, axis, std::move(flows));
  };
  const uint32_t x = ring("ring_x", Axis::X, build.width, 0), y = ring("ring_y", Axis::Y, build.height, 3);
  for (uint32_t core = 0; core < build.width * build.height; ++core)
    for (uint32_t step = 0; step < std::max(build.width, build.height); ++step) {
      const uint32_t now = step % 2, next = 1 - now;
      build.at(core % build.width, core / build.width);
      build.put(x, now).get(x, next).put(y, 2 + now).get(y, 2 + next).wait();
    }
}

/// The same sums in the routers: all cores of a column send, then those of the first row. Two colours.
void reduceInRouters(Builder &build, uint8_t firstColor) {
  using enum pkg::Combine;
  const uint32_t up = build.channel("up", Axis::Y, {{-1, 0, 0, last(build.height), false, firstColor, AddF32}});
  const uint32_t west = build.channel(
      "west", Axis::X, {{0, 0, 0, last(build.width), false, static_cast<uint8_t>(firstColor + 1), AddF32}});
  for (uint32_t core = 0; core < build.width * build.height; ++core) {
    const uint32_t x = core % build.width, y = core / build.width;
    build.at(x, y).put(up);
    if (!y)
      build.get(up, 1).wait().put(west, 1);
    if (!y && !x)
      build.get(west, 0); // its own words are copied as the Put opens
    build.wait();
  }
}

} // namespace

std::vector<std::string> meshKernels() {
  return {"broadcast", "reduce", "allreduce", "gemm", "router-reduce", "router-allreduce"};
}

Result<runtime::Package> makeMeshKernel(const std::string &kernel, uint32_t width, uint32_t height, uint32_t words,
                                        const hw::Hardware &hardware) {
  if (uint64_t{words} * 16 > hardware.memory.sramBytes || !words)
    return userError(
        fmt::format("{} words: four blocks of them have to fit in {} bytes of SRAM", words, hardware.memory.sramBytes));
  if (width < 2 || height < 2)
    return userError(fmt::format("the kernels need at least 2 x 2 cores, this mesh has {} x {}", width, height));
  Builder build(width, height, words, hardware);
  if (kernel == "broadcast") {
    broadcast(build, 0);
  } else if (kernel == "reduce") {
    reduce(build, 0);
  } else if (kernel == "allreduce") {
    reduce(build, 0);
    broadcast(build, 4);
  } else if (kernel == "gemm") {
    shiftRings(build);
  } else if (kernel.starts_with("router-") && !hardware.routing.reduceStage) {
    return userError(
        fmt::format("the routers of '{}' cannot combine words: --set routing.reduce_stage=4 gives them the "
                    "unit",
                    hardware.name));
  } else if (kernel == "router-reduce") {
    reduceInRouters(build, 0);
  } else if (kernel == "router-allreduce") {
    reduceInRouters(build, 0);
    broadcast(build, 2);
  } else {
    return userError(fmt::format("no kernel '{}'; these are: {}", kernel, fmt::join(meshKernels(), ", ")));
  }
  return build.take();
}

void fillMeshKernel(uint32_t core, uint64_t seed, std::span<std::byte> sram) {
  std::mt19937 random(static_cast<uint32_t>(seed * 7919 + core));
  for (size_t i = 0; i + 4 <= sram.size(); i += 4) {
    const uint32_t bits = random();
    float value = static_cast<float>(static_cast<int32_t>(bits)) * 0x1p-20f;
    uint32_t word = 0;
    std::memcpy(&word, &value, 4);
    if (bits % 64 == 0)
      word = bits >> 8 << 8 | 0xff; // any exponent, NaN and subnormal numbers among them
    std::memcpy(sram.data() + i, &word, 4);
  }
}

} // namespace weft::cosim
