// Reading and writing .weft files. A file is a frame (magic, version, payload length, XXH3-128 of the payload) around a
// FlatBuffer; nothing of the payload is looked at before the frame and the FlatBuffer verifier agree.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weft::runtime {

inline constexpr uint32_t packageVersion = 1;

/// A loaded package: the unpacked object tree of the schema, checked for internal consistency.
using Package = pkg::PackageT;

/// Frame + FlatBuffer of `package`. The same package gives the same bytes.
std::vector<std::byte> serialize(const Package &package);
Result<void> writePackage(const Package &package, const std::string &path);

/// `origin` names the source in messages.
Result<std::unique_ptr<Package>> parsePackage(std::span<const std::byte> bytes, const std::string &origin);
Result<std::unique_ptr<Package>> readPackage(const std::string &path);

/// Every index in range, every buffer inside SRAM, loops matched, flows on the mesh: what a Device may rely on.
Result<void> checkPackage(const Package &package);

} // namespace weft::runtime
