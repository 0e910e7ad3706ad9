#include "tools/WaferCalibrate.h"

#include "hw-models/Schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <random>

namespace weft::tools {

static constexpr std::string_view constantsOfDsd[] = {"parallelism.core.vector_issue",
                                                      "parallelism.core.descriptor",
                                                      "parallelism.core.task_activation",
                                                      "parallelism.core.macs_per_cycle_f16",
                                                      "latency.transfer_issue",
                                                      "latency.stream_stage",
                                                      "latency.stream_startup"};

std::span<const std::string_view> defaultConstants() { return constantsOfDsd; }

namespace {

using Vector = std::vector<double>;

/// Rows of a file.
struct Rows {
  const WaferKernels *kernels;
  runtime::CsvTable table;
};

class Fit {
public:
  Fit(const CalibrationRequest &request, const Tool &tool) : request(request), tool(tool) {}

  Result<Calibration> run();

private:
  Result<void> prepare();
  Result<void> readSteering(const std::string &path, const std::string &machine);
  Result<hw::Hardware> machine(const Vector &values) const;
  /// Relative errors, divided by the root of the number of rows of their file.
  Result<Vector> residuals(const Vector &values);
  Result<std::vector<Vector>> derivatives(const Vector &values, const Vector &at);
  Vector bounded(Vector values) const;
  Result<void> minimise();
  Result<void> polish();
  Result<bool> keepIfBetter(Vector tried, Vector &at, double enough);
  Result<std::vector<WaferFile>> validated(const std::vector<Rows> &files, const hw::Hardware &hardware);

  const CalibrationRequest &request;
  const Tool &tool;
  std::vector<const hw::Key *> keys;
  std::vector<Rows> steering, heldOut;
  Vector start, best;
  size_t runs = 0;
};

double sumOfSquares(const Vector &values) {
  double sum = 0;
  for (double value : values)
    sum += value * value;
  return sum;
}

/// Gaussian elimination of a symmetric positive matrix; `b` becomes the solution.
void solve(std::vector<Vector> a, Vector &b) {
  const size_t n = b.size();
  for (size_t k = 0; k < n; ++k)
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j)
        a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j)
      b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
}

Result<void> Fit::readSteering(const std::string &path, const std::string &machine) {
  const WaferKernels *kernels = findWaferKernels(path);
  if (!kernels) {
    std::vector<std::string_view> known;
    for (const WaferKernels &each : waferKernels())
      known.push_back(each.file);
    return userError(
        fmt::format("{}: no program is known for a file of this name; known: {}", path, fmt::join(known, ", ")));
  }
  if (machine != kernels->hardware && !request.otherMachine)
    return userError(fmt::format("{}: measured on {}, and --hw is {}; --other-machine fits it all the same", path,
                                 kernels->hardware, machine));
  auto table = runtime::readCsv(path);
  if (!table)
    return table.takeError();
  // A random choice: evenly spaced rows would be of few tile shapes, since files repeat them in a pattern.
  std::vector<size_t> order(table->lines.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937 random(request.seed);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random() % i]);
  const auto count = std::clamp<size_t>(
      static_cast<size_t>(std::lround(request.share * static_cast<double>(order.size()))), 1, order.size());
  const auto others = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(order.begin(), others);
  std::sort(others, order.end());
  if (others != order.end())
    heldOut.push_back({kernels, table->chosen({others, order.end()})});
  steering.push_back({kernels, table->chosen({order.begin(), others})});
  return success();
}

Result<void> Fit::prepare() {
  auto hardware = hw::load(request.hardware);
  if (!hardware)
    return hardware.takeError();
  std::vector<std::string> names = request.constants;
  if (names.empty())
    names.assign(std::begin(constantsOfDsd), std::end(constantsOfDsd));
  for (const std::string &name : names) {
    const hw::Key *key = hw::findKey(name);
    if (!key || (key->type != hw::ValueType::Real && key->type != hw::ValueType::Whole) ||
        !hw::appliesTo(*key, *hardware))
      return userError(fmt::format("--constant {}: no number that {} has", name, hardware->name));
    const std::string text = hw::valueText(*key, *hardware);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    keys.push_back(key);
    start.push_back(value);
  }
  for (const std::string &path : request.files)
    if (auto read = readSteering(path, hardware->name); !read)
      return read;
  return success();
}

Vector Fit::bounded(Vector values) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    values[i] = std::clamp(values[i], keys[i]->low, keys[i]->high);
    values[i] = keys[i]->type == hw::ValueType::Whole ? std::round(values[i]) : std::round(values[i] * 1000) / 1000;
  }
  return values;
}

Result<hw::Hardware> Fit::machine(const Vector &values) const {
  std::vector<hw::Override> overrides;
  for (size_t i = 0; i < keys.size(); ++i)
    overrides.push_back({std::string(keys[i]->path), fmt::format("{}", values[i])});
  return hw::load(request.hardware, overrides);
}

Result<Vector> Fit::residuals(const Vector &values) {
  auto hardware = machine(values);
  if (!hardware)
    return hardware.takeError();
  auto files = validated(steering, *hardware);
  if (!files)
    return files.takeError();
  Vector all;
  for (const WaferFile &file : *files)
    for (const WaferRow &row : file.rows)
      all.push_back(row.error() / std::sqrt(static_cast<double>(file.rows.size())));
  return all;
}

Result<std::vector<Vector>> Fit::derivatives(const Vector &values, const Vector &at) {
  std::vector<Vector> columns;
  for (size_t i = 0; i < keys.size(); ++i) {
    Vector moved = values;
    const double step = keys[i]->type == hw::ValueType::Whole ? 1 : std::max(0.05, 0.05 * std::abs(values[i]));
    moved[i] += values[i] + step <= keys[i]->high ? step : -step;
    auto there = residuals(moved);
    if (!there)
      return there.takeError();
    Vector column(at.size());
    for (size_t r = 0; r < at.size(); ++r)
      column[r] = ((*there)[r] - at[r]) / (moved[i] - values[i]);
    columns.push_back(std::move(column));
  }
  return columns;
}

Result<void> Fit::minimise() {
  constexpr int mostSteps = 12;
  best = start;
  auto at = residuals(best);
  if (!at)
    return at.takeError();
  double damping = 1e-3;
  for (int step = 0; step < mostSteps && damping < 1e3; ++step) {
    auto columns = derivatives(best, *at);
    if (!columns)
      return columns.takeError();
    bool better = false;
    for (; !better && damping < 1e3; damping *= 10) {
      std::vector<Vector> normal(keys.size(), Vector(keys.size(), 0));
      Vector change(keys.size(), 0);
      for (size_t i = 0; i < keys.size(); ++i) {
        for (size_t j = 0; j < keys.size(); ++j)
          for (size_t r = 0; r < at->size(); ++r)
            normal[i][j] += (*columns)[i][r] * (*columns)[j][r];
        for (size_t r = 0; r < at->size(); ++r)
          change[i] -= (*columns)[i][r] * (*at)[r];
        normal[i][i] = normal[i][i] * (1 + damping) + 1e-12; // a constant without effect stays as it is
      }
      solve(normal, change);
      Vector tried = best;
      for (size_t i = 0; i < keys.size(); ++i)
        tried[i] += change[i];
      auto kept = keepIfBetter(std::move(tried), *at, 1);
      if (!kept)
        return kept.takeError();
      if (*kept) {
        better = true;
        damping /= 100;
      }
    }
    if (!better)
      break;
  }
  return success();
}

/// Takes the values, kept within what their keys allow, as the best ones if they leave less than `enough` times the sum
/// of squares of `at`, the residuals of the best ones so far.
Result<bool> Fit::keepIfBetter(Vector tried, Vector &at, double enough) {
  tried = bounded(std::move(tried));
  if (tried == best)
    return false;
  auto there = residuals(tried);
  if (!there)
    return there.takeError();
  if (!(sumOfSquares(*there) < sumOfSquares(at) * enough))
    return false;
  best = std::move(tried);
  at = std::move(*there);
  return true;
}

Result<void> Fit::polish() {
  auto at = residuals(best);
  if (!at)
    return at.takeError();
  for (bool better = true; better;) {
    better = false;
    for (size_t i = 0; i < keys.size(); ++i)
      for (int direction : {-1, 1}) {
        Vector tried = best;
        tried[i] += direction * (keys[i]->type == hw::ValueType::Whole ? 1 : std::max(0.01, 0.01 * std::abs(best[i])));
        auto kept = keepIfBetter(std::move(tried), *at, 1 - 1e-6);
        if (!kept)
          return kept.takeError();
        better = better || *kept;
      }
  }
  return success();
}

Result<std::vector<WaferFile>> Fit::validated(const std::vector<Rows> &files, const hw::Hardware &hardware) {
  std::vector<WaferFile> all;
  for (const Rows &each : files) {
    auto file = validateKernels(each.table, *each.kernels, hardware, tool);
    if (!file)
      return file.takeError();
    runs += file->rows.size();
    all.push_back(std::move(*file));
  }
  return all;
}

Result<Calibration> Fit::run() {
  if (auto ready = prepare(); !ready)
    return ready.takeError();
  for (auto step : {&Fit::minimise, &Fit::polish})
    if (auto done = (this->*step)(); !done)
      return done.takeError();
  auto hardware = machine(best);
  if (!hardware)
    return hardware.takeError();
  Calibration calibration;
  for (auto [rows, files] : {std::pair(&steering, &calibration.files), std::pair(&heldOut, &calibration.heldOut)}) {
    auto done = validated(*rows, *hardware);
    if (!done)
      return done.takeError();
    *files = std::move(*done);
  }
  for (size_t i = 0; i < keys.size(); ++i)
    calibration.constants.push_back(
        {std::string(keys[i]->path), start[i], best[i], keys[i]->type == hw::ValueType::Whole});
  calibration.hardware = std::move(*hardware);
  calibration.runs = runs;
  return calibration;
}

} // namespace

Result<Calibration> calibrate(const CalibrationRequest &request, const Tool &tool) { return Fit(request, tool).run(); }

} // namespace weft::tools
