#include "explore/tune/MeshCheck.h"

#include "compiler/algorithms/Algorithm.h"
#include "compiler/algorithms/Algorithms.h"
#include "compiler/algorithms/NativeKernels.h"
#include "hw-models/CoreModel.h"
#include "sim/mesh/MeshEngine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace weft::explore {

using algorithms::ceilDiv;
using algorithms::Kind;
using algorithms::Layout;
using algorithms::Request;

namespace {

/// A whole matrix, row by row.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;

  Matrix(int64_t rows, int64_t cols) : rows(rows), cols(cols), values(size_t(rows * cols)) {}
  double &at(int64_t i, int64_t j) { return values[size_t(i * cols + j)]; }
  double at(int64_t i, int64_t j) const { return values[size_t(i * cols + j)]; }
};
using Matrices = std::map<std::string, Matrix>;

Matrix randomMatrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix matrix(rows, cols);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  for (double &value : matrix.values)
    value = double(values(random));
  return matrix;
}

template <typename Visit> void visitElements(const Layout &layout, uint32_t x, uint32_t y, Visit visit) {
  uint32_t base = layout.offset;
  for (auto [r, c] : layout.blocks(x, y)) {
    for (int64_t i = 0; i < layout.rows; ++i)
      for (int64_t j = 0; j < layout.cols; ++j) {
        const int64_t row = r * layout.rows + i, col = c * layout.cols + j;
        if (row < layout.wholeRows && col < layout.wholeCols)
          visit(base + uint32_t((i * layout.cols + j) * 4), row, col);
      }
    base += layout.strideBytes;
  }
}

/// What the outputs must be, with the sum of magnitudes that each one is made of.
struct Expected {
  Matrix values, sizes;
};

Expected productOf(const Matrix &a, const Matrix &b) {
  Expected expected{Matrix(a.rows, b.cols), Matrix(a.rows, b.cols)};
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.cols; ++k)
      for (int64_t j = 0; j < b.cols; ++j) {
        expected.values.at(i, j) += a.at(i, k) * b.at(k, j);
        expected.sizes.at(i, j) += std::abs(a.at(i, k) * b.at(k, j));
      }
  return expected;
}

/// Sums along the lines that the setting `axis` names.
Expected sumsOf(const Matrix &v, const Request &request) {
  const auto &settings = request.settings.all();
  const std::string axis = settings.contains("axis") ? settings.at("axis") : request.height > 1 ? "y" : "x";
  const auto w = int64_t{request.width};
  Expected expected{Matrix(v.rows, v.cols), Matrix(v.rows, v.cols)};
  for (int64_t core = 0; core < v.rows; ++core)
    for (int64_t other = 0; other < v.rows; ++other) {
      const bool adds = axis == "xy" || (axis == "x" ? core / w == other / w : core % w == other % w);
      for (int64_t j = 0; adds && j < v.cols; ++j) {
        expected.values.at(core, j) += v.at(other, j);
        expected.sizes.at(core, j) += std::abs(v.at(other, j));
      }
    }
  return expected;
}

/// Inputs and what must come of them, for kinds whose outputs all cores have.
struct Problem {
  Matrices inputs;
  std::string output;
  Expected expected;
  int64_t terms = 1; // of a sum
};

Problem problemOf(const Request &request) {
  const std::vector<int64_t> &shape = request.shape;
  if (request.kind == Kind::Gemm) {
    const Matrix a = randomMatrix(shape[0], shape[1], 1), b = randomMatrix(shape[1], shape[2], 2);
    return {{{"a", a}, {"b", b}}, "c", productOf(a, b), shape[1]};
  }
  if (request.kind == Kind::Gemv) {
    const Matrix x = randomMatrix(shape[0], 1, 3), w = randomMatrix(shape[0], shape[1], 4);
    Matrix row(1, shape[0]);
    row.values = x.values;
    return {{{"x", x}, {"w", w}}, "y", productOf(row, w), shape[0]};
  }
  const int64_t cores = int64_t{request.width} * request.height;
  const Matrix v = randomMatrix(cores, shape[0] * shape[1], 5);
  return {{{"v", v}}, "v", sumsOf(v, request), cores};
}

} // namespace

Request checkedRequest(const Request &request) {
  Request small = request;
  small.element = algorithms::Element::F32;
  small.width = std::min(request.width, mostCheckedSide);
  small.height = std::min(request.height, mostCheckedSide);
  constexpr int64_t mostTile = 6;
  auto shrink = [&](size_t extent, uint32_t cores, uint32_t whole) {
    const int64_t tile = std::min(mostTile, ceilDiv(request.shape[extent], whole));
    // Not a multiple of the cores where the whole is none, either.
    small.shape[extent] = std::max<int64_t>(1, tile * cores - (request.shape[extent] % whole ? 1 : 0));
  };
  if (request.kind == Kind::Gemm) {
    shrink(0, small.height, request.height);
    shrink(1, small.width, request.width);
    shrink(2, small.width, request.width);
  } else if (request.kind == Kind::Gemv) {
    shrink(0, small.height, request.height);
    shrink(1, small.width, request.width);
  } else if (algorithms::isLayer(request.kind)) {
    small.kind = Kind::AllReduce;
    small.algorithm = "ktree";
    small.shape = {1, 5};
  } else if (request.kind == Kind::Reduce) {
    small.kind = Kind::AllReduce; // the same way to the root, and then to all, so that any core can be looked at
  }
  auto settings = request.settings.all();
  if (settings.contains("groups")) {
    const int64_t groups = std::atoll(settings["groups"].c_str());
    settings["groups"] =
        std::to_string(std::clamp<int64_t>(groups * small.height / request.height, 2, std::max(2u, small.height)));
  }
  small.settings = algorithms::Settings(std::move(settings));
  return small;
}

Result<Verdict> checkAlgorithm(const Request &request, const hw::Hardware &hardware) {
  auto generated = algorithms::generate(request, hardware);
  if (!generated)
    return Verdict{false, fmt::format("on {}x{} cores: {}", request.width, request.height, generated.error().message)};
  const Problem problem = problemOf(request);
  auto core = hw::makeCoreModel(hardware);
  if (!core)
    return core.takeError();
  sim::MeshEngineOptions options;
  options.coreModel = core->get();
  options.kernels = [&](uint32_t i) { return algorithms::nativeKernel(generated->package.kernels[i]->name); };
  options.fillResident = [&](uint32_t x, uint32_t y, std::span<std::byte> sram) -> Result<void> {
    for (const auto &[name, layout] : generated->inputs)
      visitElements(layout, x, y, [&](uint32_t byte, int64_t i, int64_t j) {
        const auto value = float(problem.inputs.at(name).at(i, j));
        std::memcpy(sram.data() + byte, &value, sizeof value);
      });
    return success();
  };
  auto device = sim::makeMeshEngine(generated->package, hardware, options);
  if (!device)
    return device.takeError();
  const pkg::ProgramT &program = *generated->package.programs[0];
  auto ran = (*device)->run({.program = program.name, .tokensInCache = 1, .inputs = {}});
  if (!ran)
    return ran.takeError();
  const Layout &layout = generated->outputs.at(problem.output);
  std::string wrong;
  uint64_t seen = 0;
  for (uint32_t y = 0; y < request.height; ++y)
    for (uint32_t x = 0; x < request.width; ++x) {
      auto sram = (*device)->readSram(x, y, 0, hardware.memory.sramBytes);
      if (!sram)
        return sram.takeError();
      visitElements(layout, x, y, [&](uint32_t byte, int64_t i, int64_t j) {
        float value = 0;
        std::memcpy(&value, sram->data() + byte, sizeof value);
        ++seen;
        const double bound =
            double(2 * problem.terms + 2) * std::ldexp(problem.expected.sizes.at(i, j), -24); // two roundings a term
        const double want = problem.expected.values.at(i, j);
        if (wrong.empty() && !(std::abs(double(value) - want) <= bound))
          wrong = fmt::format("{}({}, {}) on core ({}, {}) is {:.9g}, in double precision {:.9g}", problem.output, i, j,
                              x, y, value, want);
      });
    }
  if (seen == 0)
    return internalError("a program that was to be checked has no outputs");
  return Verdict{
      wrong.empty(),
      wrong.empty() ? fmt::format("double precision, with data on {}x{} cores", request.width, request.height) : wrong};
}

} // namespace weft::explore
