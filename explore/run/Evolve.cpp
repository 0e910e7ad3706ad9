#include "explore/run/Evolve.h"

#include <fmt/format.h>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>

namespace weft::explore {

namespace {

/// Ends pagmo's work; nothing of ours but evolve() meets it.
struct Ended {};

/// The space as pagmo wants a problem: numbers from 0 to 1 for what is continuous, then indices of values.
struct SpaceProblem {
  const Space *space = nullptr;
  Points *points = nullptr;
  const CostsOf *costsOf = nullptr;
  std::vector<size_t> order{};         // axis of each variable
  size_t continuous = 0;               // of them
  std::shared_ptr<uint64_t> next = {}; // ordinal; copies of the problem share it

  pagmo::vector_double::size_type get_nobj() const { return space ? space->objectives.size() : 2; }
  pagmo::vector_double::size_type get_nix() const { return order.size() - continuous; }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    pagmo::vector_double low(order.size(), 0), high;
    for (size_t axis : order)
      high.push_back(space->axes[axis].isContinuous() ? 1 : double(space->axes[axis].values.size() - 1));
    if (order.empty()) // of a problem that pagmo makes by itself
      return {{0}, {1}};
    return {low, high};
  }
  pagmo::vector_double fitness(const pagmo::vector_double &variables) const { return batch_fitness(variables); }
  pagmo::vector_double batch_fitness(const pagmo::vector_double &variables) const {
    const size_t each = order.size(), count = variables.size() / each;
    const uint64_t first = *next;
    for (size_t i = 0; i < count; ++i) {
      Coordinates coordinates(each);
      for (size_t v = 0; v < each; ++v)
        coordinates[order[v]] = variables[i * each + v];
      points->place(first + i, std::move(coordinates));
    }
    *next += count;
    const auto costs = (*costsOf)(first, count);
    if (!costs)
      throw Ended();
    pagmo::vector_double fitness;
    for (const Costs &one : *costs)
      fitness.insert(fitness.end(), one.begin(), one.end());
    return fitness;
  }
};

} // namespace

Result<void> evolve(const Space &space, Points &points, size_t workload, const CostsOf &costsOf) {
  const Method &method = space.method;
  SpaceProblem problem{&space, &points, &costsOf};
  for (bool isContinuous : {true, false})
    for (size_t axis = 0; axis < space.axes.size(); ++axis)
      if (space.axes[axis].isContinuous() == isContinuous) {
        problem.order.push_back(axis);
        problem.continuous += isContinuous;
      }
  problem.next = std::make_shared<uint64_t>(workload * method.points);
  try {
    const pagmo::bfe batch{pagmo::member_bfe{}};
    const auto seed = static_cast<unsigned>(method.seed);
    pagmo::population population(pagmo::problem(problem), batch, method.population, seed);
    const uint64_t generations = method.points / method.population - 1;
    pagmo::nsga2 algorithm(static_cast<unsigned>(generations), 0.95, 10, 1.0 / double(problem.order.size()), 50, seed);
    algorithm.set_bfe(batch);
    population = algorithm.evolve(std::move(population));
  } catch (const Ended &) {
    return success();
  } catch (const std::exception &error) {
    return internalError(fmt::format("the evolutionary search: {}", error.what()));
  }
  return success();
}

} // namespace weft::explore
