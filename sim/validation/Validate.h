// Predicted against measured.
#pragma once

#include "hw-models/Hardware.h"
#include "sim/validation/Measurements.h"

#include <string_view>

namespace weft::validation {

struct Row {
  const Measurement *measurement = nullptr;
  std::string_view group; // "integer add", "reduction", …
  double predicted = 0;   // cycles an instruction
  double error() const {  // relative, signed
    return predicted / measurement->cycles - 1;
  }
};

struct Comparison {
  std::vector<Row> rows;
  std::vector<const Measurement *> unknown;   // instructions that the simulator does not have
  std::vector<const Measurement *> notVector; // scalar ones, and those that set vtype
};

/// What the timing model of `hardware` says to the measurements of `machine`; empty: of all machines. `overhead` is
/// what measuring itself adds, in cycles an instruction. An error for measurements with another VLEN than `hardware`,
/// and for operands that an instruction does not take; it names the line.
Result<Comparison> compare(const hw::Hardware &hardware, const std::vector<Measurement> &measurements,
                           std::string_view machine, double overhead = 0);

struct Summary {
  size_t rows = 0;
  double meanAbsoluteError = 0; // relative
  double meanError = 0;         // signed: above 0 the model is too slow
};

/// Of the rows that `chosen` accepts.
template <typename Predicate> Summary summarize(const Comparison &comparison, Predicate chosen) {
  Summary out;
  for (const Row &row : comparison.rows)
    if (chosen(row)) {
      ++out.rows;
      out.meanAbsoluteError += row.error() < 0 ? -row.error() : row.error();
      out.meanError += row.error();
    }
  if (out.rows > 0) {
    out.meanAbsoluteError /= double(out.rows);
    out.meanError /= double(out.rows);
  }
  return out;
}

/// The preset that describes a machine of the shipped measurements; empty if there is none.
std::string_view presetFor(std::string_view machine);
/// Every group that a row can be of, in the order of reports.
const std::vector<std::string_view> &groups();

} // namespace weft::validation
