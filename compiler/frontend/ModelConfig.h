// Where the weights of a model lie, whatever file it came from.
#pragma once

#include "runtime/weights/BlockFormat.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend {

/// Generators have weights of the first three only; tensor programs of all. Bool is a byte of 0 or 1.
enum class WeightType { F32, F16, BF16, F64, I8, I16, I32, I64, Bool };

/// Scales and zero points of a weight whose own bytes are codes.
struct ApartPlaces {
  struct Place {
    uint32_t file = 0;
    uint64_t offset = 0;
    std::vector<std::byte> bytes = {}; // not empty: these instead of what the file has there
  };
  runtime::ApartFormat format;
  Place scales, zeros;
};

/// Where a weight's bytes lie. Nothing is read until the runtime places it.
struct WeightInfo {
  std::string name; // the model's own name, e.g. "model.layers.0.self_attn.q_proj.weight"
  WeightType type = WeightType::F32;
  std::vector<uint64_t> shape;                     // as stored, row-major
  uint32_t file = 0;                               // index in WeightSource::files()
  uint64_t offset = 0;                             // bytes from the start of the file
  std::optional<runtime::BlockFormat> blocks = {}; // stored so; `type` is F32, what its numbers are
  std::optional<ApartPlaces> apart = {};           // stored so instead
};

struct WeightFileInfo {
  std::string path;
  uint64_t size = 0;
  uint64_t headerDigest = 0; // XXH3-64 of the header; safetensors: of the length prefix and the JSON, bytes [0, 8 + N)
  uint64_t headerBytes = 0;  // that were digested; 0: those of a safetensors header
};

/// Weights by name, in whatever format they are stored. Knows nothing of architectures.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// Null: no such weight, or one that cannot be used; whyNot() tells.
  virtual const WeightInfo *find(const std::string &name) const = 0;
  /// Why find() gives null though the file has the name, naming the file; empty: there is no such weight.
  virtual std::string whyNot(const std::string &name) const { return {}; }
  /// Every name in the files, sorted, usable or not.
  virtual std::vector<std::string> names() const = 0;
  virtual const std::vector<WeightFileInfo> &files() const = 0;
};

} // namespace weft::frontend
