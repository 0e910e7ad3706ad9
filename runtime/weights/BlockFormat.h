// Block-quantised weights as GGUF files store them, and as ONNX Runtime does, with scales in a tensor of their own.
// Every format is one formula with different numbers:
//
//   weight i = (d * scale[i / group]) * (code[i] - zero) - dmin * minimum[i / group]
//
// in f32, each operation rounded once, with zero and the last term only where a format has these. The first product,
// the difference and dmin * minimum are exact. So what is stored, what a core holds and what a kernel computes need no
// case for a format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::runtime {

enum class BlockFormat : uint8_t { Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS };
inline constexpr size_t blockFormatCount = 12;

struct BlockFacts {
  std::string_view name;       // as llama.cpp writes it: "Q4_K"
  uint32_t weights = 0;        // of a block
  uint32_t bytes = 0;          // of a block
  uint32_t group = 0;          // weights that share a scale; a block has at most 16 groups
  int16_t least = 0, most = 0; // codes, before the codebook
  bool scales = false;         // a scale for each group; otherwise 1
  bool minimums = false;       // something is subtracted
  bool codebook = false;       // code i stands for codebookIq4[i]
  bool wide = false;           // d is an f32, not an f16
  bool zeros = false;          // codes lie above a zero point
};
const BlockFacts &factsOf(BlockFormat format);
std::optional<BlockFormat> blockFormatNamed(std::string_view name);

/// A matrix of codes of `bits` bits whose scales, and perhaps zero points, are in tensors apart from them, as ONNX has
/// them: com.microsoft.MatMulNBits (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md) and
/// DequantizeLinear (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html). A row is what is multiplied with a
/// vector. The first of a byte's codes is in its lowest bits.
struct ApartFormat {
  enum class Scale : uint8_t { F32, F16, BF16 };
  enum class Order : uint8_t {
    Blocks, // each row begins with a new block and a new byte of zero points; the last block is padded
    Rows,   // codes [rows, length of a row], scales and zero points [rows, blocks], nothing padded
    Columns // the same, transposed
  };
  enum class Share : uint8_t { Block, Row, Matrix }; // what has one scale and one zero point
  uint32_t bits = 4;                                 // 2, 4 or 8
  uint32_t length = 32;                              // of a block, a power of two, 16 to 256
  Scale scale = Scale::F32;
  bool zeros = false; // without them it is 0 for all of signed codes, 2^(bits - 1) for all of others
  Order order = Order::Blocks;
  Share share = Share::Block;
  bool isSigned = false;

  bool operator==(const ApartFormat &) const = default;

  bool isKnown() const;
  uint64_t blocksOf(uint64_t rowLength) const { return (rowLength + length - 1) / length; }
  uint64_t codeBytes(uint64_t rows, uint64_t rowLength) const;
  uint64_t scaleBytes(uint64_t rows, uint64_t rowLength) const;
  uint64_t zeroBytes(uint64_t rows, uint64_t rowLength) const;
  /// Of scales.
  uint64_t sharersOf(uint64_t rows, uint64_t rowLength) const;
};
/// Of a format that is known. Its name is not in it.
BlockFacts factsOf(const ApartFormat &format);
/// "4 bits x 32, f32 scales", "8 bits x 128, f16 scales, zeros".
std::string nameOf(const ApartFormat &format);
std::optional<ApartFormat> apartFormatNamed(std::string_view name);

/// What the 16 codes of IQ4_NL and IQ4_XS stand for (ggml's kvalues_iq4nl).
inline constexpr std::array<int8_t, 16> codebookIq4{-127, -104, -83, -65, -49, -35, -22, -10,
                                                    1,    13,   25,  38,  53,  69,  89,  113};

/// The parts of one block.
struct Block {
  float d = 0, dmin = 0;              // an f16, but of wide formats
  int8_t zero = 0;                    // of codes as they are here
  std::array<int8_t, 16> scales{};    // by group
  std::array<uint8_t, 16> minimums{}; // by group
  std::array<int8_t, 256> codes{};    // before the codebook
};

/// Of the first bytes at `bytes`, of which there are factsOf(format).bytes.
void unpackBlock(BlockFormat format, const std::byte *bytes, Block &block);

/// The bytes of a matrix that are in such a format.
struct ApartBytes {
  const std::byte *codes = nullptr, *scales = nullptr, *zeros = nullptr;
  uint64_t rows = 0, rowLength = 0;
};
/// Block `index` of a row; what lies behind the row's end is 0.
void unpackBlock(const ApartFormat &format, const ApartBytes &bytes, uint64_t row, uint64_t index, Block &block);

/// The numbers of a block, facts.weights of them.
void numbersOf(const BlockFacts &facts, const Block &block, float *out);

/// The numbers of a block, bit-equal to ggml's dequantize_row_*. `out` has room for factsOf(format).weights.
void dequantiseBlock(BlockFormat format, const std::byte *bytes, float *out);

/// Whole blocks one after another; sizes go together.
void dequantiseBlocks(BlockFormat format, std::span<const std::byte> bytes, std::span<float> out);

} // namespace weft::runtime
