// A model of cost that learns from trials: cycles as a weighted sum of a subject's features.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace weft::explore {

class CostModel {
public:
  void learn(std::span<const double> features, double cycles);
  /// Nothing before there is more to go by than features.
  std::optional<double> predict(std::span<const double> features) const;

private:
  void fit() const;

  std::vector<std::vector<double>> seen;
  std::vector<double> costs;
  mutable std::vector<double> weights; // of the last fit
  mutable size_t fitted = 0;           // trials then
};

} // namespace weft::explore
