// What each core computes and what each link carries in one launch: for pictures of the mesh.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/SramUse.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::runtime {

/// How a mesh is cut into squares, so that no picture has more than a number of them a side.
struct Bins {
  uint32_t width = 0, height = 0; // cores
  uint32_t side = 1;              // cores of a bin; those at the east and south edge may be smaller
  uint32_t columns() const { return (width + side - 1) / side; }
  uint32_t rows() const { return (height + side - 1) / side; }
  /// The smallest ones of which no side of the mesh has more than `most`.
  static Bins of(uint32_t width, uint32_t height, uint32_t most);
};

/// A number of each core, or of each link, by bin, row after row.
struct Plane {
  std::vector<float> mean, largest;
  double sum = 0;     // of all cores or links
  double highest = 0; // of one of them
};

/// The four links that leave a router.
enum Direction : uint32_t { West, East, North, South, directions };

/// Ops whose names differ only in numbers, together.
struct OpLoad {
  std::string op;
  uint64_t cycles = 0; // how far they moved the end of the program
  Plane busy;          // cycles in kernels
  Plane link;          // words, of each link
  // What kernels ask of all cores together.
  double macs = 0, narrowMacs = 0; // narrow: one operand has 16 bits; `macs` are the others
  double alu = 0, special = 0, loadBytes = 0, storeBytes = 0;
  uint64_t wordHops = 0; // words times links, those from the host included
};

struct LoadMap {
  std::string program;
  uint64_t cycles = 0; // of the launch
  Bins bins;
  std::vector<OpLoad> ops; // in the order of the program
  Plane busy, link, sram;  // of the launch; sram: bytes of buffers in use
  Plane byDirection[directions];
};

/// Means, and largest values where they differ; equal rows of bins stand once, and equal neighbours in them once
/// (docs/json.md).
nlohmann::json toJson(const LoadMap &map);

/// What a core of the machine does in a cycle at most, and what it has: for rooflines.
nlohmann::json machineJson(const hw::Hardware &hardware);

/// The bytes of SRAM that each core uses in program number `program`.
Plane sramPlane(const std::vector<SramClass> &classes, size_t program, const Bins &bins);

/// Mean and largest of a number of each core.
Plane binned(const std::vector<uint64_t> &cores, const Bins &bins);

/// The same of the links that leave routers. The host's are links, too; beyond the east and south edge there is none.
using LinkWords = std::array<std::vector<uint64_t>, directions>; // by router
Plane binned(const LinkWords &links, const Bins &bins);

} // namespace weft::runtime
