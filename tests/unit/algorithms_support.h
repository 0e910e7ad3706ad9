// Runs a generated program with data on the event-driven engine and compares what cores have with a plain computation.
#pragma once

#include "compiler/algorithms/Algorithms.h"
#include "compiler/algorithms/NativeKernels.h"
#include "compiler/route/Deadlock.h"
#include "hw-models/CoreModel.h"
#include "sim/mesh/MeshEngine.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <set>

namespace weft::test {

/// A whole matrix, row by row.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<float> values;

  static Matrix zeros(int64_t rows, int64_t cols) {
    return {rows, cols, std::vector<float>(static_cast<size_t>(rows * cols))};
  }
  /// Small whole numbers, so that sums are exact in any order.
  static Matrix filled(int64_t rows, int64_t cols, uint32_t seed) {
    Matrix matrix = zeros(rows, cols);
    for (float &value : matrix.values) {
      seed = seed * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<int>(seed >> 24) % 9 - 4);
    }
    return matrix;
  }
  float &at(int64_t i, int64_t j) { return values[static_cast<size_t>(i * cols + j)]; }
  float at(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * cols + j)]; }
};

/// Calls visit(byte offset, i, j) for each element of the matrix that core (x, y) has.
template <typename Visit> void visitElements(const algorithms::Layout &layout, uint32_t x, uint32_t y, Visit visit) {
  uint32_t base = layout.offset;
  for (auto [r, c] : layout.blocks(x, y)) {
    for (int64_t i = 0; i < layout.rows; ++i)
      for (int64_t j = 0; j < layout.cols; ++j) {
        const int64_t row = r * layout.rows + i, col = c * layout.cols + j;
        if (row < layout.wholeRows && col < layout.wholeCols)
          visit(base + static_cast<uint32_t>((i * layout.cols + j) * 4), row, col);
      }
    base += layout.strideBytes;
  }
}

struct DataRun {
  runtime::LaunchReport report;
  std::map<std::string, Matrix> outputs; // of the cores that `takes` lets through, the last one wins
};

inline Result<std::unique_ptr<runtime::Device>> deviceFor(const algorithms::Generated &generated,
                                                          const hw::Hardware &hardware, const hw::CoreModel &core,
                                                          const std::map<std::string, Matrix> *inputs) {
  sim::MeshEngineOptions options;
  options.coreModel = &core;
  options.timingOnly = !inputs;
  options.kernels = [&](uint32_t i) { return algorithms::nativeKernel(generated.package.kernels[i]->name); };
  options.fillResident = [&](uint32_t x, uint32_t y, std::span<std::byte> sram) -> Result<void> {
    for (const auto &[name, layout] : generated.inputs)
      visitElements(layout, x, y, [&](uint32_t byte, int64_t i, int64_t j) {
        const float value = inputs->at(name).at(i, j);
        std::memcpy(sram.data() + byte, &value, sizeof value);
      });
    return success();
  };
  return sim::makeMeshEngine(generated.package, hardware, options);
}

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// What a device relies on, and that no timing lets the program get stuck.
inline void checkSound(const algorithms::Generated &generated) {
  if (auto sound = runtime::checkPackage(generated.package); !sound)
    FAIL_CHECK(sound.error().message);
  const hw::Hardware hardware = take(hw::parse(generated.package.hardware_yaml, "the package"));
  if (std::ranges::any_of(generated.package.programs[0]->channels, [](const auto &each) { return each->turn > 0; }))
    return; // the check of deadlocks does not follow turns
  if (auto ends = route::checkDeadlock(
          generated.package,
          {.linkBytes = hardware.routing.linkBytes, .queueWords = hardware.routing.queueWords, .tokenCounts = {1}});
      !ends)
    FAIL_CHECK(ends.error().message);
}

/// Every core's copy of each output element, compared with `expected`; `holds(x, y)`: the core must have it.
template <typename Holds>
runtime::LaunchReport checkValues(const algorithms::Generated &generated, const hw::Hardware &hardware,
                                  const std::map<std::string, Matrix> &inputs,
                                  const std::map<std::string, Matrix> &expected, Holds holds) {
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, &inputs));
  const pkg::ProgramT &program = *generated.package.programs[0];
  auto ran = take(device->run({.program = program.name, .tokensInCache = 1, .inputs = {}}));
  uint64_t wrong = 0, seen = 0;
  for (const auto &[name, layout] : generated.outputs)
    for (uint32_t y = 0; y < generated.package.mesh_height; ++y)
      for (uint32_t x = 0; x < generated.package.mesh_width; ++x) {
        if (!holds(x, y))
          continue;
        auto sram = take(device->readSram(x, y, 0, hardware.memory.sramBytes));
        visitElements(layout, x, y, [&](uint32_t byte, int64_t i, int64_t j) {
          float value = 0;
          std::memcpy(&value, sram.data() + byte, sizeof value);
          ++seen;
          if (value != expected.at(name).at(i, j)) {
            if (++wrong <= 3)
              UNSCOPED_INFO(name << "(" << i << ", " << j << ") on core (" << x << ", " << y << ") is " << value
                                 << ", not " << expected.at(name).at(i, j));
          }
        });
      }
  CHECK(seen > 0);
  CHECK(wrong == 0);
  return ran.report;
}

} // namespace weft::test
