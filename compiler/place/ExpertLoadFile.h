// Files that say how often experts are chosen, as `weft calibrate` writes them; docs/experts.md. Plain C++.
#pragma once

#include "compiler/place/ExpertPlacement.h"
#include "hw-models/support/Result.h"

#include <optional>

namespace weft::place {

/// Of one layer with experts.
struct ExpertCounts {
  std::string layer;                     // the model's name of it; empty: not told
  std::optional<int64_t> topK;           // experts a token, if told
  std::optional<int64_t> hidden, inner;  // of an expert's matrices, if told
  std::vector<double> counts;            // tokens that choose each expert, on any scale; empty: as the samples have it
  std::vector<std::vector<int>> samples; // experts that single tokens choose, in the tokens' order
};

struct ExpertLoadFile {
  std::string path;                // for messages
  std::string model;               // what it was measured on; empty: not told
  int64_t prompts = 0, tokens = 0; // that were counted; 0: not told
  std::vector<ExpertCounts> layers;
};

/// Errors: no JSON, another schema, keys that there are not, numbers that count nothing. They name the entry.
Result<ExpertLoadFile> parseExpertLoads(const std::string &text, const std::string &path);
Result<ExpertLoadFile> readExpertLoads(const std::string &path);
/// The same bytes for the same file.
std::string toJson(const ExpertLoadFile &file);

/// A layer of the model that a file is for.
struct ExpertLayer {
  std::string name;
  int64_t experts = 1, topK = 1;
  int64_t hidden = 0, inner = 0; // of an expert's matrices
};
/// The loads of `layers`, counts made shares. Errors: another number of layers or experts, experts of another size, an
/// expert that tokens would have to choose more than once.
Result<std::vector<ExpertLoad>> loadsFor(const ExpertLoadFile &file, std::span<const ExpertLayer> layers);

/// What makes it doubtful that a file is of the model of that name; empty: nothing.
std::string doubtsAbout(const ExpertLoadFile &file, const std::string &model);

} // namespace weft::place
