// How weights that a model file has in blocks lie in a core's SRAM: as small numbers with scales, whatever the file's
// format and wherever the mesh has cut it. The loader writes it, kernels read it (kernels/README.md, "Stored blocks").
//
// A weight is (d * scale) * (code - zero) - dmin * minimum, as in runtime/weights/BlockFormat.h. `super` rows of a
// column share d and dmin, `group` rows a scale, a minimum or a zero point. Rows are packed in chunks: of a plane of p
// bits a chunk of C rows has C*p/8 rows of bytes, and row r's bits are in row r mod (C*p/8), from bit p * (r div
// (C*p/8)) on. So all columns of a row are side by side in each plane.
//
//   d       f16 [rows / super][columns]   f32 in wide shapes
//   dmin    f16 [rows / super][columns]   only with minimums; f32 in wide shapes
//   scale   i8  [rows / group][columns]   only with scales
//   minimum u8  [rows / group][columns]   only with minimums
//   zero    i8  [rows / group][columns]   only with zeros
//   planes, that of the lower bits first: u8 [chunks * C * p / 8][columns]
//
// Numbers of rows round up. All of it is filled to whole words.
#pragma once

#include <array>
#include <cstdint>

namespace weft::runtime {

struct BlockShape {
  int64_t rows = 0, columns = 0;   // of weights that are multiplied in one call
  int64_t bits = 8;                // of a code: 2 to 6, or 8
  int64_t least = -128;            // what is stored is code - least; 8 bits are the code itself
  int64_t group = 32, super = 256; // rows; powers of two
  bool scales = false, minimums = false, codebook = false;
  bool wide = false, zeros = false; // zeros and minimums exclude each other

  bool operator==(const BlockShape &) const = default;

  static constexpr int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

  /// Bits of the planes: {8, 0}, {4, 2}, {4, 1}, {4, 0}, {2, 1} or {2, 0}.
  constexpr std::array<int64_t, 2> planes() const {
    const int64_t low = bits == 8 ? 8 : bits >= 4 ? 4 : 2;
    return {low, bits - low};
  }
  /// Rows of a chunk: as many as fill whole bytes and waste no more than an eighth, if possible.
  constexpr int64_t chunk() const {
    const auto [low, high] = planes();
    const int64_t wholeBytes = 8 / (high ? high : low);
    int64_t size = 32;
    while (size > wholeBytes && up(rows, size) * size > rows + rows / 8)
      size /= 2;
    return size;
  }
  constexpr int64_t chunks() const { return up(rows, chunk()); }
  /// Rows of a chunk whose bits begin at one place in each plane and that share a scale.
  constexpr int64_t segment() const {
    const auto [low, high] = planes();
    const int64_t size = chunk() * (high ? high : low) / 8;
    return size < group ? size : group;
  }

  constexpr int64_t sharedBytes() const { return wide ? 4 : 2; } // of d, and of dmin
  constexpr int64_t dminOffset() const { return sharedBytes() * up(rows, super) * columns; }
  constexpr int64_t scaleOffset() const { return dminOffset() * (minimums ? 2 : 1); }
  constexpr int64_t minimumOffset() const { return scaleOffset() + (scales ? up(rows, group) * columns : 0); }
  constexpr int64_t zeroOffset() const { return minimumOffset() + (minimums ? up(rows, group) * columns : 0); }
  constexpr int64_t planeOffset(int plane) const {
    const int64_t first = zeroOffset() + (zeros ? up(rows, group) * columns : 0);
    return plane == 0 ? first : first + planeBytes(0);
  }
  constexpr int64_t planeBytes(int plane) const { return chunks() * chunk() * planes()[plane] / 8 * columns; }
  constexpr int64_t bytes() const { return up(planeOffset(1) + planeBytes(1), 4) * 4; }
};

} // namespace weft::runtime
