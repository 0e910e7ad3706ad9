// The header before the FlatBuffer of a .weft file: magic, u32 version, u64 payload length, 16 bytes of XXH3-128 of the
// payload in canonical byte order; numbers are little endian.
#pragma once

#include "runtime/package/PackageFile.h"

#include <array>

namespace weft::runtime {

inline constexpr std::array<char, 8> packageMagic = {'W', 'E', 'F', 'T', 'P', 'K', 'G', '\n'};
inline constexpr size_t frameHeaderBytes = 36;

/// Header and payload.
std::vector<std::byte> frame(std::span<const std::byte> payload);

/// The payload in `bytes`, its length and checksum proven. `origin` names the source in messages.
Result<std::span<const std::byte>> unframe(std::span<const std::byte> bytes, const std::string &origin);

} // namespace weft::runtime
