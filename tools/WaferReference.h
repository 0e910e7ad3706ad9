// What was measured on wafers, row by row, as requests that Weft can run: the reference folder of `weft hw validate
// wafer` and `weft hw calibrate`.
#pragma once

#include "tools/KernelRows.h"

#include <functional>
#include <map>
#include <span>
#include <string_view>

namespace weft::tools {

/// How the rows of a file of kernels are run. One line for each file: nothing here depends on a row.
struct WaferKernels {
  std::string_view file; // in the reference folder
  std::string_view hardware;
  algorithms::Kind kind;
  std::string_view algorithm;
  algorithms::Element element;
  double goal = 0; // mean absolute error that is aimed at, a fraction
};

std::span<const WaferKernels> waferKernels();

/// The entry for a file of that name in any folder; null if no such file was measured.
const WaferKernels *findWaferKernels(const std::string &path);

/// What rows of `kernels` have in common.
algorithms::Request requestFor(const WaferKernels &kernels);

/// A row of any file, predicted.
struct WaferRow {
  size_t line = 0;
  std::string label;         // "P 16, tile 1x1x1"
  uint32_t mesh = 0;         // cores along an axis
  int64_t largestExtent = 0; // of a core's tile
  double measured = 0, predicted = 0;
  std::map<std::string, std::string> settings{}; // of its program
  double error() const { return predicted / measured - 1; }
};

struct WaferFile {
  std::string file, hardware, algorithm;
  std::string kind; // "gemm", …, "decode", "prefill"
  std::string element;
  std::string unit = "cycles";
  double goal = 0; // mean absolute error that is aimed at, a fraction
  std::vector<WaferRow> rows{};
  std::vector<std::string> skipped{}; // why rows were not compared
  /// Fractions; 0 if no row was compared.
  double meanAbsoluteError() const, meanError() const, worstError() const;
  bool misses() const { return meanAbsoluteError() > goal; }
};

/// Runs the rows of `table` as `kernels` says, on `hardware`.
Result<WaferFile> validateKernels(const runtime::CsvTable &table, const WaferKernels &kernels,
                                  const hw::Hardware &hardware, const Tool &tool, const Progress &progress = {});

} // namespace weft::tools
