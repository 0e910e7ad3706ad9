// How often a model's experts are chosen: the graph runs on this machine and its routers are watched.
#pragma once

#include "compiler/place/ExpertLoadFile.h"
#include "hw-models/support/Result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weft::compiler {

struct CalibrateOptions {
  std::string model;                         // a directory or a file
  std::vector<std::vector<int32_t>> prompts; // as token ids
  int64_t samples = 0;                       // tokens whose experts are kept one by one, the first ones
  std::function<void(double)> progress;      // fraction done
};

/// Experts that the prompts' tokens choose in each layer. The same for the same model and prompts.
/// Errors: a model that generates no text or has no experts, prompts that it cannot take.
Result<place::ExpertLoadFile> calibrate(const CalibrateOptions &options);

} // namespace weft::compiler
