// The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes without holes.
// https://github.com/huggingface/safetensors#format. Knows nothing of architectures.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::frontend {

/// A tensor as a header describes it. `type` is the file's own word: "BF16", "I64", ...
struct SafetensorsEntry {
  std::string name, type;
  std::vector<uint64_t> shape;
  uint64_t offset = 0, bytes = 0; // offset from the start of the file
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries; // by offset
  uint64_t digest = 0;                   // XXH3-64 of the first 8 + N bytes
};

/// Reads and checks the header of a whole file's bytes. Every entry lies inside the file, has the size its shape and
/// type call for, and the entries cover the data exactly: no overlap, no hole, nothing behind. `origin` names the file
/// in messages.
Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const std::byte> file, const std::string &origin);

/// One file. Its tensors' bytes are not touched.
Result<std::unique_ptr<WeightSource>> openSafetensors(const std::string &path);

/// The shards that an index (`model.safetensors.index.json`) names; they lie beside it. Every tensor of the index must
/// be in the shard the index gives, and no tensor in two shards.
Result<std::unique_ptr<WeightSource>> openSafetensorsIndex(const std::string &path);

} // namespace weft::frontend
