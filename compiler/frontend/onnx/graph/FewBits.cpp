// Ops on weights of few bits, several to a byte, in blocks that share a scale and a zero point.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "compiler/frontend/onnx/graph/Registry.h"

#include <bit>
#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Where each of a byte's numbers of `bits` begins, the lowest first.
Tensor placesInByte(NodeBuilder &n, int64_t bits) {
  Sizes from;
  for (int64_t bit = 0; bit < 8; bit += bits)
    from.push_back(bit);
  const auto count = static_cast<int64_t>(from.size());
  return n.integers(ElementType::Int32, from, {count});
}

/// `bits` of a byte from bit `from` on.
Scalar bitsOf(NodeBuilder &n, Scalar byte, Scalar from, int64_t bits) {
  Scalar mask = constantInteger(n.b, n.loc, ElementType::Int32, (int64_t(1) << bits) - 1);
  return shiftRight(cast(byte, ElementType::Int32), from) & mask;
}

/// y = a · wᵀ, w being N rows of K numbers of a few bits in blocks that share a scale and a zero point.
void matMulNBits(NodeBuilder &n) {
  Tensor a = n.in(0), w = n.in(1), scales = n.in(2), zeros = n.optional(3), bias = n.optional(5);
  const int64_t inner = n.number("K"), outer = n.number("N"), bits = n.number("bits", 4),
                block = n.number("block_size");
  n.require(bits == 2 || bits == 4 || bits == 8, "weights of {} bits are not supported", bits);
  n.require(inner > 0 && outer > 0 && block > 0 && block < (int64_t(1) << 31) && inner < (int64_t(1) << 31) &&
                outer < (int64_t(1) << 31),
            "K {}, N {}, block_size {}: each must be a number from 1 to 2^31 - 1", inner, outer, block);
  n.require(block >= 16 && std::has_single_bit(static_cast<uint64_t>(block)),
            "block_size {} is no power of two of at least 16", block);
  n.require(a.rank() >= 1 && a.size(a.rank() - 1) == inner, "K is {}, but its input [{}] has not so many columns",
            inner, fmt::join(a.shape(), ", "));
  n.require(!n.has(4), "g_idx is not supported");
  const int64_t perByte = 8 / bits;
  n.require(block % perByte == 0, "blocks of {} weights do not fill whole bytes", block);
  const int64_t blocks = (inner + block - 1) / block, blockBytes = block / perByte;
  n.require(w.type == ElementType::UInt8 && w.elements() == outer * blocks * blockBytes,
            "its weights of [{}] are not {} x {} x {} bytes", fmt::join(w.shape(), ", "), outer, blocks, blockBytes);
  n.require(scales.elements() == outer * blocks, "it has {} scales for {} blocks", scales.elements(), outer * blocks);
  // Element by element, so that bytes are divided over cores as the numbers are.
  Tensor places = placesInByte(n, bits);
  if (zeros && zeros.type == ElementType::UInt8) {
    const int64_t each = (blocks + perByte - 1) / perByte;
    n.require(zeros.elements() == outer * each, "it has {} zero points for {} blocks", zeros.elements(),
              outer * blocks);
    zeros = n.elementwise(ElementType::Int32, {n.reshape(zeros, {outer, each, 1}), places},
                          [&](ArrayRef<Scalar> s) { return bitsOf(n, s[0], s[1], bits); });
    zeros = n.sliceAxis(n.reshape(zeros, {outer, each * perByte}), 1, 0, blocks);
  }
  n.require(!zeros || zeros.elements() == outer * blocks, "it has {} zero points for {} blocks",
            zeros ? zeros.elements() : 0, outer * blocks);
  SmallVector<Tensor> parts = {n.reshape(w, {outer, blocks, blockBytes, 1}), places,
                               n.reshape(scales, {outer, blocks, 1, 1})};
  if (zeros)
    parts.push_back(n.reshape(zeros, {outer, blocks, 1, 1}));
  const ElementType type = computeType(scales.type);
  Tensor plain = n.elementwise(type, parts, [&](ArrayRef<Scalar> s) {
    Scalar number = cast(bitsOf(n, s[0], s[1], bits), type);
    Scalar zero = s.size() > 3 ? cast(s[3], type) : number.same(std::ldexp(1.0, static_cast<int>(bits) - 1));
    return (number - zero) * cast(s[2], type);
  });
  plain = n.sliceAxis(n.reshape(plain, {outer, blocks * block}), 1, 0, inner);
  const int64_t rows = a.elements() / inner;
  Sizes shape(a.shape());
  shape.back() = outer;
  Tensor y = n.contract({n.reshape(a, {rows, inner}), plain}, {{0, 2}, {1, 2}}, {0, 1}, computeType(a.type));
  if (bias)
    y = n.elementwise(y.type, {y, bias}, [&](ArrayRef<Scalar> s) { return s[0] + cast(s[1], y.type); });
  n.out(0, n.castTo(n.reshape(y, shape), a.type));
}

/// Rows of a table in such blocks, as Gather takes them. Codes of a byte and less lie along the last dimension.
void gatherBlockQuantized(NodeBuilder &n) {
  Tensor data = n.in(0), places = n.in(1), scales = n.in(2), zeros = n.optional(3);
  const int64_t rank = data.rank(), axis = n.axisOf(n.number("gather_axis", 0), rank),
                quantised = n.axisOf(n.number("quantize_axis", 1), rank), block = n.number("block_size", 128),
                bits = n.number("bits", 4);
  const bool packed = data.type == ElementType::UInt8;
  n.require(packed || data.type == ElementType::Int4 || data.type == ElementType::UInt4,
            "its data is of {}, not of bytes or of four bits", nameOf(data.type));
  n.require(bits == 2 || bits == 4 || bits == 8, "numbers of {} bits are not supported", bits);
  n.require(block > 0 && block < (int64_t(1) << 31) && std::has_single_bit(static_cast<uint64_t>(block)),
            "block_size {} is no power of two", block);
  n.require(axis != quantised && (!packed || (axis == 0 && quantised == rank - 1)),
            "gather_axis {} and quantize_axis {} of {} dimensions", axis, quantised, rank);
  const int64_t perByte = packed ? 8 / bits : 1;
  Sizes shape(data.shape()), ofScales;
  shape.back() *= perByte;
  ofScales = shape;
  ofScales[quantised] = (shape[quantised] + block - 1) / block;
  n.require(scales.shape() == ArrayRef<int64_t>(ofScales), "its scales are [{}], not [{}]",
            fmt::join(scales.shape(), ", "), fmt::join(ofScales, ", "));
  Sizes ofZeros = ofScales;
  ofZeros.back() = (ofScales.back() + perByte - 1) / perByte;
  n.require(!zeros || (zeros.type == data.type && zeros.shape() == ArrayRef<int64_t>(ofZeros)),
            "its zero points are not {} of [{}]", nameOf(data.type), fmt::join(ofZeros, ", "));
  const int64_t rows = shape[axis];
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, places.shape().begin(), places.shape().end());
  n.require(rows > 0 || elementsOf(shape) == 0, "axis {} has no elements to choose from", axis);

  auto divided = [&](Scalar index, int64_t by) {
    Scalar place = index.with(index.value, ElementType::UInt64);
    Scalar whole = shiftRight(place, place.same(std::bit_width(static_cast<uint64_t>(by)) - 1));
    return whole.with(whole.value, index.type);
  };
  const ElementType type = computeType(scales.type);
  auto codeAt = [&](Tensor from, SmallVector<Scalar> at) {
    if (!packed)
      return cast(n.at(from, at), type);
    const Scalar last = at.back(), inByte = last & last.same(perByte - 1);
    at.back() = divided(last, perByte);
    return cast(bitsOf(n, n.at(from, at), cast(inByte * inByte.same(bits), ElementType::Int32), bits), type);
  };
  const double middle = packed ? std::ldexp(1.0, static_cast<int>(bits) - 1) : 0;
  n.out(0, n.generate(scales.type, shape, [&](ArrayRef<Scalar> i) {
    const auto before = static_cast<size_t>(axis), own = static_cast<size_t>(places.rank());
    SmallVector<Scalar> from(i.take_front(before));
    from.push_back(n.wrapIndex(n.at(places, i.slice(before, own)), rows));
    from.append(i.begin() + before + own, i.end());
    SmallVector<Scalar> shared = from;
    shared[quantised] = divided(from[quantised], block);
    const Scalar number = codeAt(data, from), zero = zeros ? codeAt(zeros, shared) : number.same(middle);
    return cast((number - zero) * cast(n.at(scales, shared), type), scales.type);
  }));
}

} // namespace

void addFewBits(Registry &r) {
  r.add("MatMulNBits", matMulNBits, 1, microsoftDomain);
  r.add("GatherBlockQuantized", gatherBlockQuantized, 1, microsoftDomain);
}

} // namespace weft::frontend::onnx
