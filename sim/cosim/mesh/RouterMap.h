// The addresses by which a core and its router talk, over TLM-2.0. Every access is a write.
#pragma once

#include <cstdint>

namespace weft::cosim {

/// Core to router.
namespace router_map {
inline constexpr uint64_t route = 0x000; // + 4 * colour, 4 bytes: the colour's route
inline constexpr uint64_t clear = 0x100; // 4 bytes: a launch begins
inline constexpr uint64_t take = 0x200;  // 4 bytes: the colours that the core takes
inline constexpr uint64_t offer = 0x300; // + 8 * colour, 8 bytes: the colour's next word, until it is sent
inline constexpr uint64_t end = 0x400;
} // namespace router_map

/// Router to core.
namespace core_map {
inline constexpr uint64_t sent = 0x000;   // + 4 * colour: the word offered went up the ramp in this cycle
inline constexpr uint64_t coming = 0x100; // + 4 * colour: a word goes down the ramp in this cycle
inline constexpr uint64_t word = 0x200;   // + 8 * colour, 8 bytes: a word is in the core
inline constexpr uint64_t end = 0x300;
} // namespace core_map

} // namespace weft::cosim
