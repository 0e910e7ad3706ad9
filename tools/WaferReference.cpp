#include "tools/WaferReference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

namespace weft::tools {

using algorithms::Element;
using algorithms::Kind;
using algorithms::Request;

static constexpr WaferKernels kernelFiles[] = {
    {"wse3_hw_meshgemm.csv", "wse3", Kind::Gemm, "meshgemm", Element::F16, 0.02},
    {"wse3_hw_meshgemv.csv", "wse3", Kind::Gemv, "ktree", Element::F16, 0.01},
    {"wse3_hw_shift.csv", "wse3", Kind::Shift, "relay", Element::F16, 0.03},
    {"cs2_summa_fp32.csv", "cs2", Kind::Gemm, "summa", Element::F32, 0.03},
};

std::span<const WaferKernels> waferKernels() { return kernelFiles; }

const WaferKernels *findWaferKernels(const std::string &path) {
  const std::string name = std::filesystem::path(path).filename().string();
  const auto *found = std::ranges::find(kernelFiles, std::string_view(name), &WaferKernels::file);
  return found == std::end(kernelFiles) ? nullptr : found;
}

Request requestFor(const WaferKernels &kernels) {
  Request request;
  request.kind = kernels.kind;
  request.algorithm = kernels.algorithm;
  request.element = kernels.element;
  return request;
}

double WaferFile::meanAbsoluteError() const {
  double sum = 0;
  for (const WaferRow &row : rows)
    sum += std::abs(row.error());
  return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

double WaferFile::meanError() const {
  double sum = 0;
  for (const WaferRow &row : rows)
    sum += row.error();
  return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

double WaferFile::worstError() const {
  double worst = 0;
  for (const WaferRow &row : rows)
    worst = std::abs(row.error()) > std::abs(worst) ? row.error() : worst;
  return worst;
}

namespace {

Result<double> measuredOf(const runtime::CsvTable &table, size_t row) {
  std::string_view cell = table.cell(row, "cycles");
  double value = 0;
  auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (cell.empty() || parsed.ec != std::errc() || parsed.ptr != cell.data() + cell.size() || !(value > 0) ||
      !std::isfinite(value))
    return userError(
        fmt::format("{}:{}: column cycles: '{}' is no positive number", table.path, table.lineNumbers[row], cell));
  return value;
}

std::string labelOf(const KernelOutcome &outcome) {
  std::string label = fmt::format("P {}, tile {}", outcome.request.width, fmt::join(outcome.facts.tile, "x"));
  for (const char *setting : {"groups", "hops"})
    if (outcome.request.settings.has(setting))
      label += fmt::format(", {} {}", setting, outcome.request.settings.all().at(setting));
  return label;
}

} // namespace

Result<WaferFile> validateKernels(const runtime::CsvTable &table, const WaferKernels &kernels,
                                  const hw::Hardware &hardware, const Tool &tool, const Progress &progress) {
  std::vector<double> measured;
  for (size_t i = 0; i < table.lines.size(); ++i) {
    auto cycles = measuredOf(table, i);
    if (!cycles)
      return cycles.takeError();
    measured.push_back(*cycles);
  }
  auto requests = requestsOf(table, requestFor(kernels));
  if (!requests)
    return requests.takeError();
  auto outcomes = runRequests(table, *requests, hardware, tool, progress);
  if (!outcomes)
    return outcomes.takeError();
  WaferFile file{.file = std::string(kernels.file),
                 .hardware = hardware.name,
                 .algorithm = std::string(kernels.algorithm),
                 .kind = std::string(nameOf(kernels.kind)),
                 .element = kernels.element == Element::F16 ? "f16" : "f32",
                 .goal = kernels.goal};
  for (size_t i = 0; i < outcomes->size(); ++i) {
    const KernelOutcome &each = (*outcomes)[i];
    file.rows.push_back({.line = table.lineNumbers[i],
                         .label = labelOf(each),
                         .mesh = each.request.width,
                         .largestExtent = *std::ranges::max_element(each.facts.tile),
                         .measured = measured[i],
                         .predicted = each.cycles,
                         .settings = each.facts.settings});
  }
  return file;
}

} // namespace weft::tools
