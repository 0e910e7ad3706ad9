// Rotary position embedding in Hugging Face's spellings: `rope_parameters`, or `rope_theta` with `rope_scaling`.
#pragma once

#include "compiler/frontend/huggingface/Architecture.h"

namespace weft::frontend::hf {

struct RopeKeys {
  double theta = 10000.0, partial = 1.0; // where the config says nothing
  std::string thetaKey = "rope_theta", partialKey = "partial_rotary_factor";
  bool mayBePartial = false; // the reference turns a part of a head where the config says so
  bool suIsLongrope = false; // "su" and "yarn" are older words for longrope (Phi-3)
};

struct Rope {
  RopeConfig config;
  double attentionScale = 1; // DeepSeek's share of `mscale_all_dim` in the scale of scores
};

/// For heads of `headDim` values in a model for `maxPositions` tokens. Frequencies have any scaling applied: linear,
/// dynamic (which for sequences up to maxPositions changes nothing), llama3, yarn, longrope. Definitions: the papers,
/// and https://github.com/huggingface/transformers, modeling_rope_utils.py, which says how the keys are used.
Rope readRope(Reading &reading, uint32_t headDim, uint32_t maxPositions, const RopeKeys &keys = {});

} // namespace weft::frontend::hf
