// Loops over many elements are compiled once for each instruction set of the host that is worth it
// (weft_vector_sources in cmake/WeftTargets.cmake); the best that this host has is chosen here.
//
// A file of such loops puts them into namespace weft::iss::WEFT_VECTOR_TARGET and exports a function from there, say
// `const Table &loops()`. Elsewhere WEFT_DECLARE_FOR_VECTOR_TARGETS(const Table &loops();) declares it in each of these
// namespaces and WEFT_FOR_VECTOR_TARGET(loops)() calls the one for this host.
#pragma once

// clang-format off
#if defined(__x86_64__)
#define WEFT_DECLARE_FOR_VECTOR_TARGETS(declaration) namespace baseline { declaration } namespace v3 { declaration }
#define WEFT_FOR_VECTOR_TARGET(function) (::weft::iss::hostIsV3() ? v3::function : baseline::function)
#else
#define WEFT_DECLARE_FOR_VECTOR_TARGETS(declaration) namespace baseline { declaration }
#define WEFT_FOR_VECTOR_TARGET(function) (baseline::function)
#endif

// Before a loop whose iterations may run in any order and side by side: element i of the result may lie where element i
// of an operand lies, but nowhere else. The body handles one vector at a time: guests' vectors are short.
#if defined(__clang__)
#define WEFT_INDEPENDENT_ELEMENTS _Pragma("clang loop vectorize(assume_safety) interleave_count(1)")
#elif defined(__GNUC__)
#define WEFT_INDEPENDENT_ELEMENTS _Pragma("GCC ivdep")
#else
#define WEFT_INDEPENDENT_ELEMENTS
#endif
// clang-format on

namespace weft::iss {

#if defined(__x86_64__)
/// Whether this host runs x86-64-v3 code: AVX2, BMI, FMA.
inline bool hostIsV3() { return __builtin_cpu_supports("x86-64-v3"); }
#endif

} // namespace weft::iss
