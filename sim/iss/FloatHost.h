// One operation of the host's floating-point unit on numbers given as bits, with RISC-V's NaN. Flags and rounding are
// those of the FloatEnvironment. A function that has no host equivalent here is missing on purpose.
#pragma once

#include "sim/iss/FloatRegisters.h"

#include <bit>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weft::iss::host {

#if defined(__x86_64__)

template <class F> using TypeOf = std::conditional_t<std::is_same_v<F, Double>, double, float>;
template <class F> inline constexpr bool computes = std::is_same_v<F, Double> || std::is_same_v<F, Single>;

template <class F> TypeOf<F> value(BitsOf<F> bits) { return std::bit_cast<TypeOf<F>>(bits); }

/// The bits of a result; it is never a signalling NaN, which is why it may be compared with itself.
template <class F> BitsOf<F> bits(TypeOf<F> result) {
  return result != result ? F::canonicalNan : std::bit_cast<BitsOf<F>>(result);
}

template <class F> BitsOf<F> add(BitsOf<F> a, BitsOf<F> b) { return bits<F>(value<F>(a) + value<F>(b)); }
template <class F> BitsOf<F> subtract(BitsOf<F> a, BitsOf<F> b) { return bits<F>(value<F>(a) - value<F>(b)); }
template <class F> BitsOf<F> multiply(BitsOf<F> a, BitsOf<F> b) { return bits<F>(value<F>(a) * value<F>(b)); }
template <class F> BitsOf<F> divide(BitsOf<F> a, BitsOf<F> b) { return bits<F>(value<F>(a) / value<F>(b)); }

// Not the library's function, which may set errno.
template <class F> BitsOf<F> squareRoot(BitsOf<F> a) {
  if constexpr (std::is_same_v<F, Double>) {
    const __m128d x = _mm_set_sd(value<F>(a));
    return bits<F>(_mm_cvtsd_f64(_mm_sqrt_sd(x, x)));
  } else {
    return bits<F>(_mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value<F>(a)))));
  }
}

template <class To, class From> BitsOf<To> convert(BitsOf<From> a) {
  return bits<To>(static_cast<TypeOf<To>>(value<From>(a)));
}

template <class F> BitsOf<F> fromSigned(int64_t a) { return bits<F>(static_cast<TypeOf<F>>(a)); }

/// As the current mode, or towards zero. The magnitude is below 2^62.
template <class F, bool Truncate> int64_t toInteger(BitsOf<F> a) {
  if constexpr (std::is_same_v<F, Double>) {
    const __m128d x = _mm_set_sd(value<F>(a));
    return Truncate ? _mm_cvttsd_si64(x) : _mm_cvtsd_si64(x);
  } else {
    const __m128 x = _mm_set_ss(value<F>(a));
    return Truncate ? _mm_cvttss_si64(x) : _mm_cvtss_si64(x);
  }
}

inline bool fuses() { return __builtin_cpu_supports("fma"); }

template <class F> [[gnu::target("fma")]] BitsOf<F> fuse(BitsOf<F> a, BitsOf<F> b, BitsOf<F> c) {
  TypeOf<F> result;
  if constexpr (std::is_same_v<F, Double>)
    result = _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(value<F>(a)), _mm_set_sd(value<F>(b)), _mm_set_sd(value<F>(c))));
  else
    result = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(value<F>(a)), _mm_set_ss(value<F>(b)), _mm_set_ss(value<F>(c))));
  return result != result ? F::canonicalNan : std::bit_cast<BitsOf<F>>(result);
}

#else

template <class F> inline constexpr bool computes = false;

#endif

} // namespace weft::iss::host
