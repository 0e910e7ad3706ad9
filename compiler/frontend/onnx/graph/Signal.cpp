// Windows, Fourier transforms and mel weights. Complex numbers are a last dimension of two.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// a0 - a1 cos(2πi/N) + a2 cos(4πi/N)
void cosineWindow(NodeBuilder &n, double a0, double a1, double a2) {
  int64_t size = 0;
  if (std::optional<std::vector<int64_t>> known = n.known(0))
    size = known->empty() ? 0 : (*known)[0];
  else
    size = n.mustDeclare(0)[0];
  n.require(size >= 0, "a window of {} elements", size);
  const auto type = static_cast<ElementType>(n.number("output_datatype", 1));
  n.require(storedBits(type) != 0, "a window of {} is not supported", nameOf(type));
  const double period = static_cast<double>(n.number("periodic", 1) ? size : size - 1);
  n.out(0, n.generate(type, {size}, [&](ArrayRef<Scalar> i) {
    Scalar angle = cast(i[0], ElementType::Float) * (period > 0 ? 2 * M_PI / period : 0);
    return unary<math::CosOp>(angle * 2.0) * a2 - unary<math::CosOp>(angle) * a1 + a0;
  }));
}

void hann(NodeBuilder &n) { cosineWindow(n, 0.5, 0.5, 0); }
void hamming(NodeBuilder &n) { cosineWindow(n, 25.0 / 46, 21.0 / 46, 0); }
void blackman(NodeBuilder &n) { cosineWindow(n, 0.42, 0.5, 0.08); }

/// cos or sin of 2π·k·t / length, as [count, terms]. Whole turns and then quarters are taken off as integers, so that
/// what is 0 or 1 is so exactly.
Tensor wave(NodeBuilder &n, ElementType type, int64_t count, int64_t terms, int64_t length, bool sine) {
  return n.generate(type, {count, terms}, [&](ArrayRef<Scalar> i) {
    Scalar whole = n.integer(length), four = n.integer(4);
    Scalar quarters = remainderFloor(i[0] * i[1], whole) * four, quarter = quarters / whole;
    Scalar angle = cast(quarters - quarter * whole, type) * (M_PI / 2 / static_cast<double>(length));
    Scalar turn = sine ? quarter : remainderFloor(quarter + n.integer(1), four); // cos t = sin(t + π/2)
    Scalar odd = equal(turn & n.integer(1), n.integer(1)), negative = turn >= n.integer(2);
    Scalar value = select(odd, unary<math::CosOp>(angle), unary<math::SinOp>(angle));
    return select(negative, -value, value);
  });
}

/// The Fourier transform along `axis` of x […, 1 or 2], of `length` terms; the first `count` frequencies, as […, 2].
Tensor transform(NodeBuilder &n, Tensor x, int64_t axis, int64_t length, int64_t count, bool inverse) {
  const int64_t rank = x.rank(), parts = x.size(rank - 1);
  Sizes low(static_cast<size_t>(rank), 0), high(low);
  high[static_cast<size_t>(axis)] = length - x.size(axis);
  x = n.pad(x, low, high, 0); // or cut off
  const ElementType type = computeType(x.type);
  Tensor cosine = wave(n, type, count, length, length, false), sine = wave(n, type, count, length, length, true);
  Sizes labels, out;
  for (int64_t d = 0; d + 1 < rank; ++d) {
    labels.push_back(d);
    out.push_back(d == axis ? rank : d);
  }
  auto product = [&](int64_t part, Tensor table) {
    Tensor own = n.reshape(n.sliceAxis(x, rank - 1, part, 1), Sizes(x.shape().drop_back()));
    return n.contract({own, table}, {labels, {rank, axis}}, out, type);
  };
  // exp(∓it) = cos t ∓ i sin t
  const double sign = inverse ? 1 : -1, factor = inverse ? 1 / static_cast<double>(length) : 1;
  Tensor real = product(0, cosine), imaginary = n.map(product(0, sine), [&](Scalar s) { return s * sign; });
  if (parts == 2) {
    real = n.elementwise(type, {real, product(1, sine)}, [&](ArrayRef<Scalar> a) { return a[0] - a[1] * sign; });
    imaginary = n.add(imaginary, product(1, cosine));
  }
  auto scaled = [&](Tensor y) { return n.unsqueeze(n.map(y, [&](Scalar s) { return s * factor; }), y.rank()); };
  return n.castTo(n.concat({scaled(real), scaled(imaginary)}, rank - 1), x.type);
}

void dft(NodeBuilder &n) {
  Tensor x = n.in(0);
  n.require(x.rank() >= 2 && x.size(x.rank() - 1) >= 1 && x.size(x.rank() - 1) <= 2,
            "its last dimension must be 1 or 2");
  int64_t axis = n.opset < 20 ? n.number("axis", 1) : -2;
  if (n.opset >= 20 && n.has(2))
    axis = n.mustKnow(2)[0];
  axis = n.axisOf(axis, x.rank());
  n.require(axis != x.rank() - 1, "it cannot transform its last dimension");
  const bool inverse = n.number("inverse", 0) != 0, onesided = n.number("onesided", 0) != 0;
  n.require(!(inverse && onesided), "a onesided inverse is not supported");
  const int64_t length = n.has(1) ? n.mustKnow(1)[0] : x.size(axis);
  n.require(length > 0, "a transform of {} terms", length);
  n.out(0, transform(n, x, axis, length, onesided ? length / 2 + 1 : length, inverse));
}

void stft(NodeBuilder &n) {
  Tensor signal = n.in(0), window = n.optional(2);
  if (signal.rank() == 2)
    signal = n.unsqueeze(signal, 2);
  n.require(signal.rank() == 3, "its signal has {} dimensions", signal.rank());
  const int64_t step = n.mustKnow(1)[0];
  const int64_t length = n.has(3) ? n.mustKnow(3)[0] : window ? window.size(0) : signal.size(1);
  n.require(step > 0 && length > 0 && length <= signal.size(1), "frames of {} every {} of {}", length, step,
            signal.size(1));
  n.require(!window || ArrayRef<int64_t>({length}) == window.shape(), "its window does not fit");
  const int64_t frames = (signal.size(1) - length) / step + 1;
  Tensor parts = n.generate(signal.type, {signal.size(0), frames, length, signal.size(2)}, [&](ArrayRef<Scalar> i) {
    Scalar value = n.at(signal, {i[0], i[1] * n.integer(step) + i[2], i[3]});
    return window ? value * cast(n.at(window, {i[2]}), value.type) : value;
  });
  const bool onesided = n.number("onesided", 1) != 0;
  n.out(0, transform(n, parts, 2, length, onesided ? length / 2 + 1 : length, false));
}

double knownNumber(NodeBuilder &n, size_t i) {
  std::optional<std::vector<double>> numbers = n.knownReals(n.in(i));
  if (!numbers || numbers->empty())
    n.decidesShape(i);
  return (*numbers)[0];
}

/// Triangles over the frequencies of a spectrum, evenly spaced by pitch.
void melWeights(NodeBuilder &n) {
  const auto bands = static_cast<int64_t>(knownNumber(n, 0)), length = static_cast<int64_t>(knownNumber(n, 1));
  const double rate = knownNumber(n, 2), low = knownNumber(n, 3), high = knownNumber(n, 4);
  const auto type = static_cast<ElementType>(n.number("output_datatype", 1));
  const int64_t bins = length / 2 + 1;
  n.require(bands > 0 && length > 0 && rate > 0 && bands < (1 << 16) && length < (1 << 24), "{} bands of {} samples",
            bands, length);
  n.require(storedBits(type) != 0, "weights of {} are not supported", nameOf(type));
  auto pitch = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (pitch(high) - pitch(low)) / static_cast<double>(bands + 2);
  std::vector<int64_t> edges;
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + pitch(low)) / 2595) - 1);
    edges.push_back(static_cast<int64_t>(std::floor(static_cast<double>(length + 1) * hertz / rate)));
  }
  Tensor table = n.integers(ElementType::Int64, edges, {bands + 2});
  n.out(0, n.generate(type, {bins, bands}, [&](ArrayRef<Scalar> i) {
    auto edge = [&](int64_t k) { return n.at(table, {i[1] + n.integer(k)}); };
    Scalar left = edge(0), middle = edge(1), right = edge(2), one = n.integer(1);
    auto ratio = [&](Scalar part, Scalar whole) {
      return cast(part, ElementType::Float) / cast(maximum(whole, one), ElementType::Float);
    };
    Scalar zero = constantScalar(n.b, n.loc, ElementType::Float, 0);
    Scalar rising = select((i[0] >= left) & (i[0] <= middle), ratio(i[0] - left, middle - left), zero);
    rising = select(equal(left, middle) & equal(i[0], middle), zero.same(1), rising);
    return select((i[0] >= middle) & (i[0] < right), ratio(right - i[0], right - middle), rising);
  }));
}

} // namespace

void addSignal(Registry &r) {
  r.add("HannWindow", hann);
  r.add("HammingWindow", hamming);
  r.add("BlackmanWindow", blackman);
  r.add("DFT", dft);
  r.add("STFT", stft);
  r.add("MelWeightMatrix", melWeights);
}

} // namespace weft::frontend::onnx
