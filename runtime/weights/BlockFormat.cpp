#include "runtime/weights/BlockFormat.h"

#include "runtime/weights/HalfFloat.h"

#include <fmt/format.h>

#include <bit>
#include <cassert>
#include <cstring>

namespace weft::runtime {

static constexpr std::array<BlockFacts, blockFormatCount> formats{{
    {"Q4_0", 32, 18, 32, -8, 7, false, false, false},
    {"Q4_1", 32, 20, 32, 0, 15, false, true, false},
    {"Q5_0", 32, 22, 32, -16, 15, false, false, false},
    {"Q5_1", 32, 24, 32, 0, 31, false, true, false},
    {"Q8_0", 32, 34, 32, -128, 127, false, false, false},
    {"Q2_K", 256, 84, 16, 0, 3, true, true, false},
    {"Q3_K", 256, 110, 16, -4, 3, true, false, false},
    {"Q4_K", 256, 144, 32, 0, 15, true, true, false},
    {"Q5_K", 256, 176, 32, 0, 31, true, true, false},
    {"Q6_K", 256, 210, 16, -32, 31, true, false, false},
    {"IQ4_NL", 32, 18, 32, 0, 15, false, false, true},
    {"IQ4_XS", 256, 136, 32, 0, 15, true, false, true},
}};

const BlockFacts &factsOf(BlockFormat format) { return formats[static_cast<size_t>(format)]; }

std::optional<BlockFormat> blockFormatNamed(std::string_view name) {
  for (size_t i = 0; i < formats.size(); ++i)
    if (formats[i].name == name)
      return static_cast<BlockFormat>(i);
  return std::nullopt;
}

bool ApartFormat::isKnown() const {
  const bool known = (bits == 2 || bits == 4 || bits == 8) && length >= 16 && length <= 256 &&
                     std::has_single_bit(length) && scale <= Scale::BF16 && order <= Order::Columns &&
                     share <= Share::Matrix;
  return known && (order == Order::Blocks ? share == Share::Block && !isSigned : isSigned || zeros);
}

uint64_t ApartFormat::sharersOf(uint64_t rows, uint64_t rowLength) const {
  return share == Share::Matrix ? 1 : share == Share::Row ? rows : rows * blocksOf(rowLength);
}

uint64_t ApartFormat::codeBytes(uint64_t rows, uint64_t rowLength) const {
  const uint64_t count = rows * rowLength; // of extents below 2^31
  return order == Order::Blocks ? rows * (blocksOf(rowLength) * length * bits / 8)
                                : count / 8 * bits + (count % 8 * bits + 7) / 8;
}

uint64_t ApartFormat::scaleBytes(uint64_t rows, uint64_t rowLength) const {
  return sharersOf(rows, rowLength) * (scale == Scale::F32 ? 4 : 2);
}

uint64_t ApartFormat::zeroBytes(uint64_t rows, uint64_t rowLength) const {
  if (!zeros)
    return 0;
  return order == Order::Blocks ? rows * ((blocksOf(rowLength) * bits + 7) / 8)
                                : (sharersOf(rows, rowLength) * bits + 7) / 8;
}

BlockFacts factsOf(const ApartFormat &format) {
  const int least = -(1 << (format.bits - 1));
  // Codes of 8 bits, and their zero points, are signed here; others are as stored where they have a zero point.
  const bool unsignedCodes = format.zeros && format.bits < 8;
  BlockFacts facts;
  facts.weights = facts.group = format.length;
  facts.bytes = format.length * format.bits / 8;
  facts.least = static_cast<int16_t>(unsignedCodes ? 0 : least);
  facts.most = static_cast<int16_t>(facts.least - 2 * least - 1);
  facts.wide = format.scale != ApartFormat::Scale::F16;
  facts.zeros = format.zeros;
  return facts;
}

static constexpr std::array<std::string_view, 3> scaleNames{"f32", "f16", "bf16"};

std::string nameOf(const ApartFormat &format) {
  static constexpr std::array<std::string_view, 3> orders{"", ", by rows", ", by columns"},
      shares{"", ", a scale a row", ", one scale"};
  return fmt::format("{} bits x {}, {} scales{}{}{}{}", format.bits, format.length,
                     scaleNames[static_cast<size_t>(format.scale)], format.zeros ? ", zeros" : "",
                     format.isSigned ? ", signed" : "", shares[static_cast<size_t>(format.share)],
                     orders[static_cast<size_t>(format.order)]);
}

std::optional<ApartFormat> apartFormatNamed(std::string_view name) {
  using Format = ApartFormat;
  for (uint32_t bits : {2, 4, 8})
    for (uint32_t length = 16; length <= 256; length *= 2)
      for (auto scale : {Format::Scale::F32, Format::Scale::F16, Format::Scale::BF16})
        for (auto order : {Format::Order::Blocks, Format::Order::Rows, Format::Order::Columns})
          for (auto share : {Format::Share::Block, Format::Share::Row, Format::Share::Matrix})
            for (unsigned flags = 0; flags < 4; ++flags)
              if (Format format{bits, length, scale, (flags & 1) != 0, order, share, (flags & 2) != 0};
                  format.isKnown() && nameOf(format) == name)
                return format;
  return std::nullopt;
}

namespace {

unsigned byteAt(const std::byte *bytes, size_t i) { return std::to_integer<unsigned>(bytes[i]); }

uint16_t wordAt(const std::byte *bytes) { return static_cast<uint16_t>(byteAt(bytes, 0) | byteAt(bytes, 1) << 8); }
float halfAt(const std::byte *bytes) { return widenF16(wordAt(bytes)); }

/// `count` weights, two to a byte: the first half of them in the lower halves of the bytes.
void unpackNibbles(const std::byte *bytes, size_t count, int bias, int8_t *codes) {
  for (size_t i = 0; i < count / 2; ++i) {
    codes[i] = static_cast<int8_t>(static_cast<int>(byteAt(bytes, i) & 15) - bias);
    codes[i + count / 2] = static_cast<int8_t>(static_cast<int>(byteAt(bytes, i) >> 4) - bias);
  }
}

/// Q5_0 and Q5_1: a fifth bit for each of 32 weights, then nibbles.
void unpackFive(const std::byte *bytes, int bias, int8_t *codes) {
  unpackNibbles(bytes + 4, 32, 0, codes);
  for (size_t i = 0; i < 32; ++i)
    codes[i] = static_cast<int8_t>(codes[i] + static_cast<int>((byteAt(bytes, i / 8) >> i % 8 & 1) << 4) - bias);
}

/// The eight 6-bit scales and minimums of Q4_K and Q5_K in 12 bytes.
void unpackScalesK(const std::byte *bytes, Block &block) {
  for (size_t i = 0; i < 4; ++i) {
    block.scales[i] = static_cast<int8_t>(byteAt(bytes, i) & 63);
    block.minimums[i] = static_cast<uint8_t>(byteAt(bytes, i + 4) & 63);
    block.scales[i + 4] = static_cast<int8_t>((byteAt(bytes, i + 8) & 15) | (byteAt(bytes, i) >> 6) << 4);
    block.minimums[i + 4] = static_cast<uint8_t>((byteAt(bytes, i + 8) >> 4) | (byteAt(bytes, i + 4) >> 6) << 4);
  }
}

/// Two bits for each of 256 weights: in either half, 32 bytes hold four times 32 of them.
unsigned twoBits(const std::byte *bytes, size_t i) {
  return byteAt(bytes, i / 128 * 32 + i % 32) >> (i % 128 / 32 * 2) & 3;
}

void unpackQ2K(const std::byte *bytes, Block &block) {
  for (size_t i = 0; i < 16; ++i) {
    block.scales[i] = static_cast<int8_t>(byteAt(bytes, i) & 15);
    block.minimums[i] = static_cast<uint8_t>(byteAt(bytes, i) >> 4);
  }
  for (size_t i = 0; i < 256; ++i)
    block.codes[i] = static_cast<int8_t>(twoBits(bytes + 16, i));
  block.d = halfAt(bytes + 80);
  block.dmin = halfAt(bytes + 82);
}

void unpackQ3K(const std::byte *bytes, Block &block) {
  const std::byte *low = bytes + 32, *packed = bytes + 96;
  for (size_t i = 0; i < 256; ++i) // the third bit is stored inverted: it takes 4 away where it is 0
    block.codes[i] =
        static_cast<int8_t>(static_cast<int>(twoBits(low, i) | (byteAt(bytes, i % 32) >> (i / 32) & 1) << 2) - 4);
  for (size_t i = 0; i < 16; ++i) {
    unsigned four = i < 8 ? byteAt(packed, i) & 15 : byteAt(packed, i - 8) >> 4;
    unsigned two = byteAt(packed, 8 + i % 4) >> (i / 4 * 2) & 3;
    block.scales[i] = static_cast<int8_t>(static_cast<int>(four | two << 4) - 32);
  }
  block.d = halfAt(bytes + 108);
}

void unpackQ4K(const std::byte *bytes, Block &block) {
  block.d = halfAt(bytes);
  block.dmin = halfAt(bytes + 2);
  unpackScalesK(bytes + 4, block);
  for (size_t part = 0; part < 4; ++part)
    unpackNibbles(bytes + 16 + part * 32, 64, 0, block.codes.data() + part * 64);
}

void unpackQ5K(const std::byte *bytes, Block &block) {
  block.d = halfAt(bytes);
  block.dmin = halfAt(bytes + 2);
  unpackScalesK(bytes + 4, block);
  for (size_t part = 0; part < 4; ++part)
    unpackNibbles(bytes + 48 + part * 32, 64, 0, block.codes.data() + part * 64);
  for (size_t i = 0; i < 256; ++i)
    block.codes[i] =
        static_cast<int8_t>(block.codes[i] + static_cast<int>((byteAt(bytes + 16, i % 32) >> i / 32 & 1) << 4));
}

void unpackQ6K(const std::byte *bytes, Block &block) {
  const std::byte *high = bytes + 128;
  for (size_t i = 0; i < 256; ++i) {
    // In either half of the block four runs of 32 share 64 bytes of lower and 32 bytes of upper bits.
    size_t half = i / 128, run = i % 128 / 32, at = i % 32;
    unsigned lower = byteAt(bytes, half * 64 + run % 2 * 32 + at) >> (run / 2 * 4) & 15;
    unsigned upper = byteAt(high, half * 32 + at) >> (run * 2) & 3;
    block.codes[i] = static_cast<int8_t>(static_cast<int>(lower | upper << 4) - 32);
  }
  for (size_t i = 0; i < 16; ++i)
    block.scales[i] = static_cast<int8_t>(byteAt(bytes, 192 + i));
  block.d = halfAt(bytes + 208);
}

void unpackIq4Xs(const std::byte *bytes, Block &block) {
  block.d = halfAt(bytes);
  unsigned high = wordAt(bytes + 2);
  for (size_t i = 0; i < 8; ++i) {
    unsigned four = byteAt(bytes, 4 + i / 2) >> (i % 2 * 4) & 15;
    block.scales[i] = static_cast<int8_t>(static_cast<int>(four | (high >> (2 * i) & 3) << 4) - 32);
    unpackNibbles(bytes + 8 + i * 16, 32, 0, block.codes.data() + i * 32);
  }
}

} // namespace

void unpackBlock(BlockFormat format, const std::byte *bytes, Block &block) {
  const BlockFacts &facts = factsOf(format);
  block.zero = 0;
  if (!facts.scales)
    block.scales.fill(1);
  if (facts.weights == 32) { // these begin with their scale, and those with a minimum have it next, added
    block.d = halfAt(bytes);
    block.dmin = facts.minimums ? -halfAt(bytes + 2) : 0;
    block.minimums.fill(facts.minimums ? 1 : 0);
  } else if (!facts.minimums) {
    block.dmin = 0;
    block.minimums.fill(0);
  }
  switch (format) {
  case BlockFormat::Q4_0:
    return unpackNibbles(bytes + 2, 32, 8, block.codes.data());
  case BlockFormat::IQ4_NL:
    return unpackNibbles(bytes + 2, 32, 0, block.codes.data());
  case BlockFormat::Q4_1:
    return unpackNibbles(bytes + 4, 32, 0, block.codes.data());
  case BlockFormat::Q5_0:
    return unpackFive(bytes + 2, 16, block.codes.data());
  case BlockFormat::Q5_1:
    return unpackFive(bytes + 4, 0, block.codes.data());
  case BlockFormat::Q8_0:
    std::memcpy(block.codes.data(), bytes + 2, 32);
    return;
  case BlockFormat::Q2_K:
    return unpackQ2K(bytes, block);
  case BlockFormat::Q3_K:
    return unpackQ3K(bytes, block);
  case BlockFormat::Q4_K:
    return unpackQ4K(bytes, block);
  case BlockFormat::Q5_K:
    return unpackQ5K(bytes, block);
  case BlockFormat::Q6_K:
    return unpackQ6K(bytes, block);
  case BlockFormat::IQ4_XS:
    return unpackIq4Xs(bytes, block);
  }
}

/// The number of `bits` bits at `index` of those packed from the lowest bits on.
static unsigned packedAt(const std::byte *bytes, uint64_t index, unsigned bits) {
  return byteAt(bytes, index * bits / 8) >> (index * bits % 8) & ((1U << bits) - 1);
}

static float scaleAt(ApartFormat::Scale type, const std::byte *scales, uint64_t index) {
  if (type == ApartFormat::Scale::F32) {
    float scale = 0;
    std::memcpy(&scale, scales + 4 * index, sizeof scale);
    return scale;
  }
  const uint16_t word = wordAt(scales + 2 * index);
  return type == ApartFormat::Scale::F16 ? widenF16(word) : widenBf16(word);
}

void unpackBlock(const ApartFormat &format, const ApartBytes &bytes, uint64_t row, uint64_t index, Block &block) {
  using Order = ApartFormat::Order;
  const int half = 1 << (format.bits - 1);
  const uint64_t blocks = format.blocksOf(bytes.rowLength), first = index * format.length;
  // What codes here are less than those in the file: of 8 bits they are signed, and of fewer not if they have a zero
  // point.
  const bool unsignedHere = format.zeros && format.bits < 8;
  const int below = unsignedHere == !format.isSigned ? 0 : unsignedHere ? -half : half;
  auto number = [&](const std::byte *from, uint64_t at) {
    const auto code = static_cast<int>(packedAt(from, at, format.bits));
    return static_cast<int8_t>((format.isSigned && code >= half ? code - 2 * half : code) - below);
  };
  const uint64_t inBlocks = format.order == Order::Columns ? index * bytes.rows + row : row * blocks + index;
  const uint64_t sharer = format.share == ApartFormat::Share::Matrix ? 0
                          : format.share == ApartFormat::Share::Row  ? row
                                                                     : inBlocks;
  block.d = scaleAt(format.scale, bytes.scales, sharer);
  block.dmin = 0;
  block.scales.fill(1);
  block.minimums.fill(0);
  block.zero = 0;
  if (format.zeros && format.order == Order::Blocks)
    block.zero = number(bytes.zeros + row * format.zeroBytes(1, bytes.rowLength), index);
  else if (format.zeros)
    block.zero = number(bytes.zeros, sharer);
  const bool padded = format.order == Order::Blocks;
  for (uint32_t i = 0; i < format.length; ++i) {
    const uint64_t at = first + i;
    block.codes[i] = !padded && at >= bytes.rowLength ? block.zero
                     : format.order == Order::Columns
                         ? number(bytes.codes, at * bytes.rows + row)
                         : number(bytes.codes, padded ? row * blocks * format.length + at : row * bytes.rowLength + at);
  }
}

void numbersOf(const BlockFacts &facts, const Block &block, float *out) {
  for (uint32_t i = 0; i < facts.weights; ++i) {
    const uint32_t group = i / facts.group;
    const auto code = static_cast<uint8_t>(block.codes[i]);
    const int above = (facts.codebook ? codebookIq4[code & 15] : block.codes[i]) - block.zero;
    const float product = block.d * float(block.scales[group]) * float(above);
    out[i] = facts.minimums ? product - block.dmin * float(block.minimums[group]) : product;
  }
}

void dequantiseBlock(BlockFormat format, const std::byte *bytes, float *out) {
  Block block;
  unpackBlock(format, bytes, block);
  numbersOf(factsOf(format), block, out);
}

void dequantiseBlocks(BlockFormat format, std::span<const std::byte> bytes, std::span<float> out) {
  const BlockFacts &facts = factsOf(format);
  assert(bytes.size() % facts.bytes == 0 && bytes.size() / facts.bytes * facts.weights == out.size());
  for (size_t block = 0; block * facts.bytes < bytes.size(); ++block)
    dequantiseBlock(format, bytes.data() + block * facts.bytes, out.data() + block * facts.weights);
}

} // namespace weft::runtime
