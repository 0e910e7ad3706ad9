// Reading and writing .weft files. A file is a frame (magic, version, payload length, XXH3-128 of the payload) around a
// FlatBuffer; nothing of the payload is looked at before the frame and the FlatBuffer verifier agree.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

inline constexpr uint32_t packageVersion = 2;

/// A loaded package: the unpacked object tree of the schema, checked for internal consistency.
using Package = pkg::PackageT;

/// The one program of a package that takes tensors and gives tensors; text generators have others.
inline constexpr std::string_view tensorProgram = "main";
bool isTensorProgram(const Package &package);

/// Frame + FlatBuffer of `package`. The same package gives the same bytes.
std::vector<std::byte> serialize(const Package &package);
Result<void> writePackage(const Package &package, const std::string &path);

/// `origin` names the source in messages.
Result<std::unique_ptr<Package>> parsePackage(std::span<const std::byte> bytes, const std::string &origin);
Result<std::unique_ptr<Package>> readPackage(const std::string &path);
/// Whether `path` is a file that begins like a package; says nothing of the rest.
bool isPackageFile(const std::string &path);

/// Every index in range, every buffer inside SRAM, loops matched, flows on the mesh: what a Device may rely on.
/// For every launch with 1 to model.max_seq tokens, every core of a task's class and every loop counter, operands lie
/// inside their buffer (transfers rounded up to whole words), byte and loop counts are not negative, and no expression
/// leaves 64 bits. A ring term has phase >= 0 and modulus >= 1. Put, Get and the reductions have one operand and
/// `bytes`, LoopBegin has `count`, Call has `work` (absent expressions in it are zero). Not checked here, so a device
/// meets them: a Put on a channel on which the core is no source, a Get that nothing feeds, two flows in one router
/// with one colour.
Result<void> checkPackage(const Package &package);

} // namespace weft::runtime
