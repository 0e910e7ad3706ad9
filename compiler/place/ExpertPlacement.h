// Which expert of a mixture lies where: regions of the mesh, replicas of hot experts, and what a plan is predicted to
// cost. Plain C++.
//
// A region is a band of neighbouring ranks of y, all columns wide, that holds some experts whole: hidden dimension on
// x, inner dimension on y. Ranks that are left over hold none. A token's pairs are its experts, each in one region that
// has it. In prefill each row's block of tokens goes once round the ring of y; in decode all regions work on the one
// token at once. Either way a step ends when its busiest region has done its pairs.
#pragma once

#include "compiler/place/Collectives.h"
#include "hw-models/CoreModel.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::place {

/// How mixtures of experts get onto the mesh: every expert over all cores for every token, experts on regions with
/// tokens routed to them, or what costs less.
enum class ExpertsMode { Auto, Dense, Routed };

/// How often the experts of one layer are chosen.
struct ExpertLoad {
  std::vector<double> share; // of tokens that choose an expert, by expert; their sum is topK. Empty: uniform
  std::vector<std::vector<int>> samples; // experts that tokens of a calibration run chose; may be empty
};

/// A matrix of an expert that stays in the blocks of the model's file, on a core of its region.
struct BlockCosts {
  int64_t bytes = 0;        // in SRAM
  int64_t operations = 0;   // that make numbers of it, once for all pairs at hand
  int64_t scratchBytes = 0; // where these go

  bool operator==(const BlockCosts &) const = default;
};
/// Gate and up side by side, and down; nothing: numbers.
struct RegionCosts {
  std::optional<BlockCosts> gateUp, down;

  bool operator==(const RegionCosts &) const = default;
};

/// A layer of experts.
struct ExpertShape {
  int64_t experts = 1, topK = 1, hidden = 1, inner = 1;
  double weightBytes = 4;                  // of one weight in SRAM that is a number
  std::map<int64_t, RegionCosts> blocks{}; // by rows of a region, where some weights are none
  double denseWeightBytes = 4;             // of one that lies on all cores, where it may be in blocks, too
  double denseOperations = 0;              // that make a number of such a one; 0: it is one

  bool operator==(const ExpertShape &) const = default;
  RegionCosts blocksOf(int64_t rowsPerRegion) const;
};

struct ExpertCosts {
  CollectiveCosts links;
  hw::CoreRates core;
  int64_t prefillTreeLevels = 1, decodeTreeLevels = 2; // of K-trees, at most
};

/// What a plan has to keep to.
struct ExpertLimits {
  int64_t width = 1, height = 1; // cores
  uint64_t sramBytes = 0;        // of a core for this layer's experts; 0: as many as they need
  int64_t tokens = 1;            // of a prefill launch; 0: only decode
  bool decode = true;            // false: only prefill
  int64_t layers = 0;            // that have a core's buffers of a launch by turns; 0: only weights count
};

/// Where the experts of a layer lie.
struct ExpertPlan {
  int64_t regions = 1,
          rowsPerRegion = 1; // regions * rowsPerRegion <= height; region b: ranks of y from b*rowsPerRegion
  int64_t slots = 1;         // experts that a region has room for
  std::vector<int> expert;   // [region * slots + slot]; -1: empty. No expert twice in a region
  // What is expected of the layer's load.
  double expectedPairs = 0;                   // of the busiest region, for one token alone
  double meanPairs = 0;                       // of a region: topK / regions
  double blockPairs = 0;                      // of the busiest region, a token of a row's block in prefill
  double decodeCycles = 0, prefillCycles = 0; // of the layer's experts

  int64_t replicas(int expert) const;
};

/// The plan with the least planCycles that is found within the limits; where none is within, the one that takes the
/// least SRAM. Slots that would be empty hold replicas, and there are more slots than that where it pays. Never
/// predicted to be slower than the plan for a uniform load, `uniform` if it is known already. Deterministic.
ExpertPlan planExperts(const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
                       const ExpertCosts &costs, const ExpertPlan *uniform = nullptr);
/// Rows of a region that plans on a mesh of this height may have, one number for each number of regions that leaves
/// fewer rows over than another; ascending.
std::vector<int64_t> regionHeights(int64_t height);
/// One expert after another, in as many regions as there are slots for with this many rows each.
ExpertPlan roundRobinPlan(const ExpertShape &shape, const ExpertLimits &limits, int64_t rowsPerRegion);
/// Fills in what `plan` is expected to cost under `load`.
void predict(ExpertPlan &plan, const ExpertShape &shape, const ExpertLoad &load, const ExpertLimits &limits,
             const ExpertCosts &costs);
/// Bytes of a core for the slots of `plan`.
uint64_t planBytes(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits);
/// What the limits' SRAM is for: planBytes, the table of places, and the layer's part of the buffers of pairs.
uint64_t neededBytes(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits);
/// Why `plan` is none for this layer and mesh; empty: it is one.
std::string planProblem(const ExpertPlan &plan, const ExpertShape &shape, const ExpertLimits &limits);

/// Cycles of a prefill launch and as many tokens decoded, or of what of the two the limits ask for.
double planCycles(const ExpertPlan &plan, const ExpertLimits &limits);
/// The same of the experts of a layer that lie on all cores, each computed for every token.
double denseCycles(const ExpertShape &shape, const ExpertLimits &limits, const ExpertCosts &costs);
/// Bytes of a core for the experts of a layer that lie on all cores.
uint64_t denseBytes(const ExpertShape &shape, const ExpertLimits &limits);

/// How a layer gets onto the mesh, and why.
struct ExpertChoice {
  std::string layer; // the model's name of it
  ExpertShape shape;
  bool loadKnown = false;
  bool routed = false;
  std::string reason; // "predicted" cycles, "requested" by the user, or why it cannot be the other way
  ExpertPlan plan;    // of the routed way, whether or not it is taken
  double denseCycles = 0, routedCycles = 0; // a prefill launch and as many tokens decoded; 0: not predicted
};

} // namespace weft::place
