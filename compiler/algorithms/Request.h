// What `weft kernel` asks for: an algorithm on a rectangle of cores, and what comes back.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/PackageFile.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::algorithms {

enum class Kind { Gemm, Gemv, AllReduce, Reduce, Broadcast, Shift, DecodeLayer, PrefillLayer };
std::string_view nameOf(Kind kind);
/// How the extents of a kind are written: "MxKxN".
std::string_view shapeForm(Kind kind);
inline bool isLayer(Kind kind) { return kind == Kind::DecodeLayer || kind == Kind::PrefillLayer; }
/// How many a shape has, see Request::shape.
inline size_t extentsOf(Kind kind) { return kind == Kind::Gemm || isLayer(kind) ? 3 : 2; }

/// Elements of operands. Two f16 share a word of 4 bytes. The mesh engine has data for f32 alone; programs of f16 have
/// the same instructions with half the words and run without data.
enum class Element { F16, F32 };
inline uint32_t elementBytes(Element element) { return element == Element::F16 ? 2 : 4; }

/// `key=value` settings of an algorithm. Each is read by its algorithm; what nobody reads is an error.
class Settings {
public:
  Settings() = default;
  explicit Settings(std::map<std::string, std::string> values) : values(std::move(values)) {}

  bool has(const std::string &key) const { return values.contains(key); }
  /// The number, or `absent`. Errors: no number (usage), outside [lo, hi] (the user's: what fits depends on the mesh).
  Result<int64_t> number(const std::string &key, int64_t absent, int64_t lo, int64_t hi) const;
  /// The word, or `absent`. Errors (usage): none of the choices.
  Result<std::string> choice(const std::string &key, const std::string &absent,
                             const std::vector<std::string> &choices) const;
  /// 0 or 1. Errors (usage): anything else.
  Result<bool> flag(const std::string &key, bool absent) const;
  const std::map<std::string, std::string> &all() const { return values; }
  /// What was read so far and what it came to, given or not: predictions are like those measured with the same.
  const std::map<std::string, std::string> &taken() const { return used; }
  void take(const std::string &key, const std::string &value) const { used[key] = value; }

private:
  std::map<std::string, std::string> values;
  mutable std::map<std::string, std::string> used;
};

struct Request {
  Kind kind = Kind::Gemm;
  std::string algorithm = "auto";
  uint32_t width = 0, height = 0; // cores
  /// gemm: M, K, N of the whole product; gemv: M, N of the matrix, the vector has M; layers: features, features
  /// between the feed-forward layers, tokens; others: rows, columns of what one core has.
  std::vector<int64_t> shape;
  Element element = Element::F16;
  Settings settings;
};

/// Where a matrix lies: core (x, y) has the blocks that `blocks` lists, each `rows` x `cols` elements row by row, from
/// byte `offset` on, `strideBytes` apart. Element (i, j) of block (r, c) is element (r * rows + i, c * cols + j) of the
/// whole; beyond the extent is padding, which is zero.
struct Layout {
  uint32_t offset = 0, strideBytes = 0;
  int64_t rows = 0, cols = 0;           // of a block
  int64_t wholeRows = 0, wholeCols = 0; // without padding
  std::function<std::vector<std::pair<int64_t, int64_t>>(uint32_t x, uint32_t y)> blocks;
};

struct Facts {
  std::string algorithm;       // that was chosen
  std::vector<int64_t> tile;   // extents on a core: Mt, Kt, Nt; Mt, Nt; elements
  std::vector<int64_t> padded; // the shape with its padding
  uint64_t steps = 0;          // communication steps on the longest path of one repetition
  uint32_t colors = 0;         // of the machine's
  uint32_t pathsPerCore = 0;   // most flows that pass or end in one core's router
  uint32_t bytesPerCore = 0;   // of SRAM, buffers of all operands
  uint64_t macs = 0;           // of all cores, padding included
  uint32_t repeats = 1;
  std::map<std::string, std::string> settings; // with those that nobody gave, repeats left out
  std::vector<std::string> notes;              // what a user should know
};

struct Generated {
  runtime::Package package; // one program
  Facts facts;
  std::map<std::string, Layout> inputs, outputs; // by operand: "a", "b", "c", ...
};

} // namespace weft::algorithms
