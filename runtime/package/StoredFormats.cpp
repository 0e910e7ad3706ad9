#include "runtime/package/StoredFormats.h"

#include "runtime/package/Elements.h"

namespace weft::runtime {

std::optional<BlockFormat> blockFormatOf(pkg::BlockFormat format) {
  if (format == pkg::BlockFormat::None || format > pkg::BlockFormat::MAX)
    return std::nullopt;
  return static_cast<BlockFormat>(static_cast<int>(format) - 1);
}

pkg::BlockFormat packageFormat(BlockFormat format) {
  return static_cast<pkg::BlockFormat>(static_cast<int>(format) + 1);
}

ApartFormat apartFormatOf(const pkg::ApartT &apart) {
  ApartFormat format{apart.bits, apart.length, ApartFormat::Scale::F32, apart.has_zeros};
  format.order = static_cast<ApartFormat::Order>(apart.order);
  format.share = static_cast<ApartFormat::Share>(apart.share);
  format.isSigned = apart.signed_codes;
  if (apart.scale_element != pkg::ElementType::F32)
    format.scale = apart.scale_element == pkg::ElementType::F16 ? ApartFormat::Scale::F16 : ApartFormat::Scale::BF16;
  return format;
}

std::unique_ptr<pkg::ApartT> packageFormat(const ApartFormat &format) {
  auto apart = std::make_unique<pkg::ApartT>();
  apart->bits = static_cast<uint8_t>(format.bits);
  apart->length = static_cast<uint16_t>(format.length);
  apart->has_zeros = format.zeros;
  apart->order = static_cast<pkg::ApartOrder>(format.order);
  apart->share = static_cast<pkg::ApartShare>(format.share);
  apart->signed_codes = format.isSigned;
  apart->scale_element = format.scale == ApartFormat::Scale::F32   ? pkg::ElementType::F32
                         : format.scale == ApartFormat::Scale::F16 ? pkg::ElementType::F16
                                                                   : pkg::ElementType::BF16;
  return apart;
}

BlockShape shapeOf(const pkg::BlocksT &blocks) {
  BlockShape shape;
  shape.rows = blocks.rows;
  shape.columns = blocks.columns;
  shape.bits = blocks.bits;
  shape.least = static_cast<int64_t>(blocks.least);
  shape.group = blocks.group;
  shape.super = blocks.super_group;
  shape.scales = blocks.scales;
  shape.minimums = blocks.minimums;
  shape.codebook = blocks.codebook;
  shape.wide = blocks.wide;
  shape.zeros = blocks.zeros;
  return shape;
}

uint64_t storedBytes(const pkg::WeightT &weight) {
  uint64_t count = 1;
  for (uint64_t extent : weight.shape)
    count *= extent;
  if (weight.apart)
    return apartFormatOf(*weight.apart).codeBytes(count / weight.shape.back(), weight.shape.back());
  if (auto format = blockFormatOf(weight.file_blocks))
    return count / factsOf(*format).weights * factsOf(*format).bytes;
  return count * elementBytes(weight.file_element);
}

} // namespace weft::runtime
