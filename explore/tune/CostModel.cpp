#include "explore/tune/CostModel.h"

#include <algorithm>
#include <cmath>

namespace weft::explore {

void CostModel::learn(std::span<const double> features, double cycles) {
  if (features.empty() || (!seen.empty() && seen.front().size() != features.size()))
    return;
  seen.emplace_back(features.begin(), features.end());
  costs.push_back(cycles);
}

/// Least squares of relative errors, with a small penalty on weights so that features which always go together do no
/// harm. Normal equations of a handful of unknowns, by Gauss elimination.
void CostModel::fit() const {
  const size_t n = seen.front().size();
  std::vector<double> scale(n, 1e-12);
  for (const std::vector<double> &row : seen)
    for (size_t j = 0; j < n; ++j)
      scale[j] = std::max(scale[j], std::abs(row[j]));
  std::vector<std::vector<double>> a(n, std::vector<double>(n + 1));
  for (size_t i = 0; i < seen.size(); ++i)
    for (size_t j = 0; j < n; ++j) {
      const double x = seen[i][j] / scale[j] / costs[i];
      for (size_t k = 0; k < n; ++k)
        a[j][k] += x * seen[i][k] / scale[k] / costs[i];
      a[j][n] += x;
    }
  double trace = 0;
  for (size_t j = 0; j < n; ++j)
    trace += a[j][j];
  for (size_t j = 0; j < n; ++j)
    a[j][j] += 1e-6 * trace / double(n) + 1e-300;
  for (size_t column = 0; column < n; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < n; ++row)
      if (std::abs(a[row][column]) > std::abs(a[pivot][column]))
        pivot = row;
    std::swap(a[column], a[pivot]);
    for (size_t row = 0; row < n; ++row)
      if (row != column && a[column][column] != 0) {
        const double factor = a[row][column] / a[column][column];
        for (size_t k = column; k <= n; ++k)
          a[row][k] -= factor * a[column][k];
      }
  }
  weights.resize(n);
  for (size_t j = 0; j < n; ++j)
    weights[j] = a[j][j] != 0 ? a[j][n] / a[j][j] / scale[j] : 0;
  fitted = seen.size();
}

std::optional<double> CostModel::predict(std::span<const double> features) const {
  if (features.empty() || seen.empty() || features.size() != seen.front().size() || seen.size() < features.size() + 2)
    return std::nullopt;
  if (fitted != seen.size())
    fit();
  double cycles = 0;
  for (size_t j = 0; j < features.size(); ++j)
    cycles += weights[j] * features[j];
  return cycles;
}

} // namespace weft::explore
