// What one vector instruction asks of the vector unit: which pipes can take it, for how long, and when its result is
// there.
#pragma once

#include "hw-models/core/rvv/Timing.h"
#include "hw-models/core/rvv/Units.h"

#include <array>
#include <vector>

namespace weft::hw::rvv {

/// How the time of a class of instructions grows.
enum class Shape : uint8_t {
  None,         // not of the vector unit
  Rows,         // results, a row of the datapath a cycle
  NarrowRows,   // sources, a row a cycle; results fill part of a row
  MaskWrite,    // the same; results are bits
  Elements,     // one element after the other
  Crossbar,     // each row of results from each row of sources
  CompressRows, // each row of results from the rows behind it
  Divide,
  Reduce,
  ReduceOrdered,
  Masks,      // bits of masks
  MaskSet,    // the same, from the first set bit on
  Index,      // results from masks or from nothing
  WholeMove,  // whole registers
  ToScalar,   // element 0
  FromScalar, // element 0
  UnitStride,
  WholeMemory,   // registers or masks, whatever vl is
  ElementMemory, // strided, indexed
  Custom         // of custom units, each a pipe of its own
};

struct Cost {
  uint64_t occupancy = 1; // cycles until the pipe takes the next instruction
  uint64_t serial = 1;    // cycles from the start to the last row or step
};

/// What all instructions of a class share.
struct ClassTraits {
  Shape shape = Shape::None;
  Unit unit = Unit::Integer;
  uint32_t latency = 1;    // from a row's start until its result can be used
  uint32_t step = 1;       // of reductions
  bool isFpu = false;      // keeps the floating-point multiply-add unit busy
  bool isMemory = false;   // load or store
  bool isWidening = false; // results are twice as wide as sources
  bool isCompact = false;  // the result is there as a whole at the end: masks, reductions
  bool readsOld = false;   // the rest of the destination register is kept: it is read
  bool readsWhole = false; // needs all of its sources before it starts
  bool returnsScalar = false;
};

class Costs {
public:
  explicit Costs(const CoreSpec &core);

  const ClassTraits &traits(OpClass cls) const { return table[static_cast<size_t>(cls)]; }
  Cost of(const Retired &op) const;
  /// The pipes that can take the instruction, a bit each; at least one.
  uint32_t pipesFor(const Retired &op) const;
  const UnitMap &unitMap() const { return units; }
  /// The vector unit's own and one for each custom unit.
  size_t pipeCount() const { return units.pipeCount() + customUnits.size(); }

private:
  void fill(const CoreSpec &core);
  void fillReductions();
  void fillMemory();
  uint64_t elements(const Retired &op) const;
  /// Bits a cycle, as a power of two.
  uint32_t widthLog2(const Retired &op, const ClassTraits &traits) const;
  uint64_t rows(uint64_t bits, uint32_t widthLog2) const;
  uint64_t elementwise(uint64_t count, uint64_t resultRows) const;
  uint64_t divide(const Retired &op, uint64_t count) const;
  uint64_t reduce(const Retired &op, const ClassTraits &traits, uint64_t count, uint32_t widthLog2) const;
  uint64_t memory(const Retired &op, const ClassTraits &traits, uint64_t count, uint32_t widthLog2) const;
  uint64_t drain(const Retired &op, const ClassTraits &traits) const;
  uint64_t maskRows(const Retired &op, uint64_t count, uint32_t widthLog2) const;

  enum class Occupancy : uint8_t { Elements, Group, Registers } occupancy = Occupancy::Elements;
  enum class Reduction : uint8_t { Rows, Tree, Halving, Elements } reduction = Reduction::Rows;
  RvvTiming rvv;
  UnitMap units;
  std::vector<size_t> customUnits; // places in weft::units::all(), in the order of their pipes
  uint32_t vlenBits, dlenBits;
  bool divideByRows = false, extendsElementwise = false;
  std::array<ClassTraits, opClassCount> table;
};

} // namespace weft::hw::rvv
