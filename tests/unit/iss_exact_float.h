// Floating-point arithmetic as IEEE 754 and the RISC-V specification define it: an exact result, then one rounding.
// Numbers are fixed-point integers long enough for every product of two doubles, so that nothing here has the tricks
// that the simulator's arithmetic needs. Shares no code with it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace weft::iss::exact {

struct Format {
  unsigned width, fractionBits;
  constexpr int bias() const { return (1 << (width - 2 - fractionBits)) - 1; }
  constexpr int minExponent() const { return 1 - bias(); }
  constexpr uint64_t sign() const { return uint64_t{1} << (width - 1); }
  constexpr uint64_t fraction() const { return (uint64_t{1} << fractionBits) - 1; }
  constexpr uint64_t infinity() const { return (sign() - 1) & ~fraction(); }
  constexpr uint64_t quietBit() const { return uint64_t{1} << (fractionBits - 1); }
  constexpr uint64_t nan() const { return infinity() | quietBit(); }
  constexpr uint64_t one() const { return static_cast<uint64_t>(bias()) << fractionBits; }

  constexpr uint64_t magnitude(uint64_t a) const { return a & (sign() - 1); }
  constexpr bool isNegative(uint64_t a) const { return a & sign(); }
  constexpr bool isNan(uint64_t a) const { return magnitude(a) > infinity(); }
  constexpr bool isSignalling(uint64_t a) const { return isNan(a) && !(a & quietBit()); }
  constexpr bool isInfinite(uint64_t a) const { return magnitude(a) == infinity(); }
  constexpr bool isZero(uint64_t a) const { return magnitude(a) == 0; }
};

inline constexpr Format half{16, 10}, bfloat{16, 7}, single{32, 23}, twice{64, 52};

enum Mode : uint8_t { NearestEven, TowardZero, Down, Up, NearestAway, ToOdd };
enum Flag : uint8_t { Inexact = 1, Underflow = 2, Overflow = 4, DivideByZero = 8, Invalid = 16 };

/// (-1)^negative * digits * 2^-point.
struct Number {
  static constexpr int words = 72, point = 2400; // below 2^-2148 of a product of doubles, and room for a quotient
  bool negative = false;
  std::array<uint64_t, words> digits{};

  /// integer * 2^exponent
  static Number of(bool negative, unsigned __int128 integer, int exponent) {
    Number number;
    number.negative = negative;
    for (int part = 0; part < 2; ++part) {
      const auto chunk = static_cast<uint64_t>(integer >> (64 * part));
      const int at = point + exponent + 64 * part, word = at / 64, bit = at % 64;
      number.digits[static_cast<size_t>(word)] |= chunk << bit;
      if (bit != 0)
        number.digits[static_cast<size_t>(word) + 1] |= chunk >> (64 - bit);
    }
    return number;
  }
  bool bit(int i) const { return i >= 0 && (digits[static_cast<size_t>(i / 64)] >> (i % 64) & 1); }
  bool anyBelow(int end) const {
    for (int i = 0; i < end; i += 64)
      if (digits[static_cast<size_t>(i / 64)] & (end - i >= 64 ? ~uint64_t{0} : (uint64_t{1} << (end - i)) - 1))
        return true;
    return false;
  }
  /// -1 of zero
  int highestBit() const {
    for (int i = words - 1; i >= 0; --i)
      if (const uint64_t word = digits[static_cast<size_t>(i)])
        return 64 * i + 63 - std::countl_zero(word);
    return -1;
  }
  /// Bits [begin, begin + 64).
  uint64_t at(int begin) const {
    const auto word = static_cast<size_t>(begin / 64);
    const int shift = begin % 64;
    return digits[word] >> shift | (shift != 0 && word + 1 < words ? digits[word + 1] << (64 - shift) : 0);
  }
  bool less(const Number &other) const { // of magnitudes
    for (size_t i = words; i-- > 0;)
      if (digits[i] != other.digits[i])
        return digits[i] < other.digits[i];
    return false;
  }
  Number plus(const Number &other) const {
    Number result = less(other) ? other : *this;
    const Number &smaller = less(other) ? *this : other;
    const bool subtracts = negative != other.negative;
    bool carry = false;
    for (size_t i = 0; i < words; ++i) {
      const unsigned __int128 with = static_cast<unsigned __int128>(smaller.digits[i]) + carry;
      const unsigned __int128 sum = subtracts ? result.digits[i] - with : result.digits[i] + with;
      result.digits[i] = static_cast<uint64_t>(sum);
      carry = (sum >> 64) != 0;
    }
    return result;
  }
};

/// What an instruction computes with: the mode, and the flags that it has raised so far.
class Arithmetic {
public:
  Mode mode = NearestEven;
  uint8_t flags = 0;

  uint64_t add(Format f, uint64_t a, uint64_t b) { return fuse(f, a, f.one(), b); }
  uint64_t subtract(Format f, uint64_t a, uint64_t b) { return add(f, a, negated(f, b)); }
  uint64_t multiply(Format f, uint64_t a, uint64_t b) {
    const bool negative = f.isNegative(a) != f.isNegative(b); // of a product that is 0, too
    return fuse(f, a, b, negative ? f.sign() : 0);
  }
  static uint64_t negated(Format f, uint64_t a) { return a ^ f.sign(); }

  /// a * b + c
  uint64_t fuse(Format f, uint64_t a, uint64_t b, uint64_t c) {
    const bool product = (f.isInfinite(a) && f.isZero(b)) || (f.isZero(a) && f.isInfinite(b));
    if (product || f.isSignalling(a) || f.isSignalling(b) || f.isSignalling(c))
      flags |= Invalid;
    if (product || f.isNan(a) || f.isNan(b) || f.isNan(c))
      return f.nan();
    const bool negative = f.isNegative(a) != f.isNegative(b), infinite = f.isInfinite(a) || f.isInfinite(b);
    if (infinite && f.isInfinite(c) && negative != f.isNegative(c))
      return invalid(f);
    if (infinite)
      return f.infinity() | (negative ? f.sign() : 0);
    if (f.isInfinite(c))
      return c;
    const Parts x = parts(f, a), y = parts(f, b), z = parts(f, c);
    const Number exactProduct = Number::of(negative, static_cast<unsigned __int128>(x.integer) * y.integer,
                                           x.exponent + y.exponent),
                 addend = Number::of(f.isNegative(c), z.integer, z.exponent), sum = exactProduct.plus(addend);
    if (sum.highestBit() < 0) // zeros of one sign keep it; of two signs, and x - x, are +0 unless rounding down
      return negative == f.isNegative(c) ? (negative ? f.sign() : 0) : mode == Down ? f.sign() : 0;
    return round(f, sum);
  }

  uint64_t divide(Format f, uint64_t a, uint64_t b) {
    if (const auto nan = anyNan(f, a, b))
      return nan;
    const bool negative = f.isNegative(a) != f.isNegative(b);
    const uint64_t sign = negative ? f.sign() : 0;
    if ((f.isInfinite(a) && f.isInfinite(b)) || (f.isZero(a) && f.isZero(b)))
      return invalid(f);
    if (f.isInfinite(a) || f.isZero(b)) {
      flags |= f.isInfinite(a) ? 0 : DivideByZero;
      return sign | f.infinity();
    }
    if (f.isZero(a) || f.isInfinite(b))
      return sign;
    const Parts x = normalized(parts(f, a)), y = normalized(parts(f, b));
    const unsigned __int128 dividend = static_cast<unsigned __int128>(x.integer) << 63;
    const unsigned __int128 quotient = dividend / y.integer;
    return round(f, Number::of(negative, quotient << 1 | (dividend % y.integer != 0), x.exponent - y.exponent - 64));
  }

  uint64_t squareRoot(Format f, uint64_t a) {
    if (const auto nan = anyNan(f, a, f.one()))
      return nan;
    if (f.isZero(a) || a == f.infinity())
      return a;
    if (f.isNegative(a))
      return invalid(f);
    Parts x = normalized(parts(f, a));
    unsigned __int128 square = static_cast<unsigned __int128>(x.integer) << 62;
    if (x.exponent % 2 != 0) { // even, so that it can be halved
      square <<= 1;
      --x.exponent;
    }
    uint64_t root = 0;
    for (int bit = 63; bit >= 0; --bit) {
      const unsigned __int128 next = root | uint64_t{1} << bit;
      if (next * next <= square)
        root = static_cast<uint64_t>(next);
    }
    const bool rest = static_cast<unsigned __int128>(root) * root != square;
    return round(f, Number::of(false, static_cast<unsigned __int128>(root) << 1 | rest, (x.exponent - 62) / 2 - 1));
  }

  /// IEEE 754-2019 minimumNumber and maximumNumber.
  uint64_t minimum(Format f, uint64_t a, uint64_t b, bool maximum = false) {
    anyNan(f, a, b);
    if (f.isNan(a) || f.isNan(b))
      return f.isNan(a) ? (f.isNan(b) ? f.nan() : b) : a;
    return (order(f, a) < order(f, b)) != maximum ? a : b;
  }

  bool equal(Format f, uint64_t a, uint64_t b) {
    anyNan(f, a, b);
    return !f.isNan(a) && !f.isNan(b) && (a == b || (f.isZero(a) && f.isZero(b)));
  }
  bool less(Format f, uint64_t a, uint64_t b, bool orEqual = false) {
    if (f.isNan(a) || f.isNan(b)) {
      flags |= Invalid;
      return false;
    }
    const bool same = a == b || (f.isZero(a) && f.isZero(b));
    return same ? orEqual : order(f, a) < order(f, b);
  }

  static uint64_t classify(Format f, uint64_t a) {
    if (f.isNan(a))
      return f.isSignalling(a) ? 1 << 8 : 1 << 9;
    const unsigned kind = f.isInfinite(a) ? 0 : f.magnitude(a) > f.fraction() ? 1 : f.isZero(a) ? 3 : 2;
    return f.isNegative(a) ? 1u << kind : 1u << (7 - kind);
  }

  uint64_t convert(Format to, Format from, uint64_t a) {
    if (from.isSignalling(a))
      flags |= Invalid;
    if (from.isNan(a))
      return to.nan();
    const uint64_t sign = from.isNegative(a) ? to.sign() : 0;
    if (from.isInfinite(a) || from.isZero(a))
      return sign | (from.isZero(a) ? 0 : to.infinity());
    const Parts x = parts(from, a);
    return round(to, Number::of(from.isNegative(a), x.integer, x.exponent));
  }

  /// The bits of an integer of `width` bits.
  uint64_t toInteger(Format f, uint64_t a, bool isSigned, unsigned width) {
    const uint64_t all = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    const uint64_t greatest = isSigned ? all >> 1 : all, least = isSigned ? greatest + 1 : 0;
    const bool negative = f.isNegative(a) && !f.isNan(a);
    if (f.isNan(a) || f.isInfinite(a)) {
      flags |= Invalid;
      return negative ? least : greatest;
    }
    const Parts x = parts(f, a);
    const Number number = Number::of(negative, x.integer, x.exponent);
    const bool exact = !number.anyBelow(Number::point);
    const bool tooGreat = number.highestBit() - Number::point >= 64;
    uint64_t integer = tooGreat ? 0 : number.at(Number::point);
    const bool up = roundsUp(number, Number::point, integer);
    const bool carries = up && integer == ~uint64_t{0};
    integer += up;
    if (tooGreat || carries || integer > (negative ? least : greatest)) {
      flags |= Invalid;
      return negative ? least : greatest;
    }
    if (!exact)
      flags |= Inexact;
    return (negative ? 0 - integer : integer) & all;
  }

  uint64_t fromInteger(Format f, uint64_t bits, bool isSigned, unsigned width) {
    const bool negative = isSigned && (bits >> (width - 1) & 1);
    const uint64_t all = width == 64 ? ~uint64_t{0} : (uint64_t{1} << width) - 1;
    const uint64_t integer = (negative ? 0 - bits : bits) & all;
    return integer == 0 ? 0 : round(f, Number::of(negative, integer, 0));
  }

  uint64_t invalid(Format f) {
    flags |= Invalid;
    return f.nan();
  }

private:
  /// integer * 2^exponent
  struct Parts {
    uint64_t integer;
    int exponent;
  };
  static Parts parts(Format f, uint64_t a) {
    const auto field = static_cast<int>(f.magnitude(a) >> f.fractionBits);
    const uint64_t hidden = field != 0 ? f.fraction() + 1 : 0;
    return {(a & f.fraction()) | hidden, (field != 0 ? field : 1) - f.bias() - static_cast<int>(f.fractionBits)};
  }
  /// With bit 63 set.
  static Parts normalized(Parts x) {
    const int shift = std::countl_zero(x.integer);
    return {x.integer << shift, x.exponent - shift};
  }
  static int64_t order(Format f, uint64_t a) { // -0 is below +0
    const auto magnitude = static_cast<int64_t>(f.magnitude(a));
    return f.isNegative(a) ? -1 - magnitude : magnitude;
  }
  uint64_t anyNan(Format f, uint64_t a, uint64_t b) {
    if (f.isSignalling(a) || f.isSignalling(b))
      flags |= Invalid;
    return f.isNan(a) || f.isNan(b) ? f.nan() : 0;
  }

  /// Whether bits [quantum, ...) of `number`, whose lowest is that of `kept`, grow by one.
  bool roundsUp(const Number &number, int quantum, uint64_t kept) const {
    const bool halfBit = number.bit(quantum - 1), below = number.anyBelow(quantum - 1), odd = kept & 1;
    switch (mode) {
    case NearestEven:
      return halfBit && (below || odd);
    case NearestAway:
      return halfBit;
    case Down:
      return number.negative && (halfBit || below);
    case Up:
      return !number.negative && (halfBit || below);
    case ToOdd:
      return (halfBit || below) && !odd;
    case TowardZero:
      break;
    }
    return false;
  }

  /// Of a number that is not 0.
  uint64_t round(Format f, const Number &number) {
    const auto fractionBits = static_cast<int>(f.fractionBits);
    const int exponent = number.highestBit() - Number::point;
    const uint64_t sign = number.negative ? f.sign() : 0, hidden = f.fraction() + 1;
    auto roundAt = [&](int unit) {
      const uint64_t kept = number.at(unit + Number::point);
      return kept + roundsUp(number, unit + Number::point, kept);
    };
    const int unit = std::max(exponent, f.minExponent()) - fractionBits;
    const uint64_t kept = roundAt(unit);
    const bool exact = !number.anyBelow(unit + Number::point), carries = kept == hidden << 1;
    if (unit + fractionBits + carries > f.bias()) {
      flags |= Overflow | Inexact;
      const bool finite = mode == TowardZero || mode == ToOdd || mode == (number.negative ? Up : Down);
      return sign | (f.infinity() - finite);
    }
    if (!exact)
      flags |= Inexact;
    // Tiny is what would be below the normal numbers after rounding with exponents unbounded.
    const bool tiny = exponent < f.minExponent() &&
                      !(exponent == f.minExponent() - 1 && roundAt(exponent - fractionBits) == hidden << 1);
    if (!exact && tiny)
      flags |= Underflow;
    // A carry goes into the exponent, as does the hidden bit, whose exponent field is 1 above that of subnormals.
    return sign | (kept + (static_cast<uint64_t>(unit + fractionBits - f.minExponent()) << f.fractionBits));
  }
};

} // namespace weft::iss::exact
