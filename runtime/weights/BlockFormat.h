// Block-quantised weights as GGUF files store them. Every format is one formula with different numbers:
//
//   weight i = (d * scale[i / group]) * code[i] - dmin * minimum[i / group]
//
// in f32, each operation rounded once, with the last term only where a format has minimums. The first product and
// dmin * minimum are exact. So what is stored, what a core holds and what a kernel computes need no case for a format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
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
};
const BlockFacts &factsOf(BlockFormat format);
std::optional<BlockFormat> blockFormatNamed(std::string_view name);

/// What the 16 codes of IQ4_NL and IQ4_XS stand for (ggml's kvalues_iq4nl).
inline constexpr std::array<int8_t, 16> codebookIq4{-127, -104, -83, -65, -49, -35, -22, -10,
                                                    1,    13,   25,  38,  53,  69,  89,  113};

/// The parts of one block.
struct Block {
  uint16_t d = 0, dmin = 0;           // f16
  std::array<int8_t, 16> scales{};    // by group
  std::array<uint8_t, 16> minimums{}; // by group
  std::array<int8_t, 256> codes{};    // before the codebook
};

/// Of the first bytes at `bytes`, of which there are factsOf(format).bytes.
void unpackBlock(BlockFormat format, const std::byte *bytes, Block &block);

/// The numbers of a block, bit-equal to ggml's dequantize_row_*. `out` has room for factsOf(format).weights.
void dequantiseBlock(BlockFormat format, const std::byte *bytes, float *out);

/// Whole blocks one after another; sizes go together.
void dequantiseBlocks(BlockFormat format, std::span<const std::byte> bytes, std::span<float> out);

} // namespace weft::runtime
