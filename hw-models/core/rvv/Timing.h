// How long a RISC-V vector core takes for a stream of instructions. Whoever executes the instructions (sim/iss) tells
// the model what retired; the model never executes anything. Cycle-approximate: a scalar core that hands vector
// instructions to a decoupled vector unit through a queue.
#pragma once

#include "hw-models/Hardware.h"
#include "kernels/units/Types.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace weft::hw::rvv {

/// What kind of work an instruction is; the instruction table of the simulator gives each instruction one.
// clang-format off
enum class OpClass : uint8_t {
  // scalar
  Alu, Multiply, Divide, Branch, Jump, Load, Store, Atomic, Csr, Fence, System,
  FpAdd, FpMultiply, FpFma, FpDivide, FpSqrt, FpCompare /* also min, max, sign, class */, FpConvert, FpMove,
  // vector configuration
  VSet,
  // vector integer
  VAlu /* add, min, max */, VLogic, VShift, VMove /* merge, move, extend */, VWidenAlu, VNarrowShift, VCompare /* writes a mask; also madc, msbc */,
  VCarry /* adc, sbc */, VMultiply, VMacc, VWidenMultiply, VWidenMacc, VDivide,
  VSaturate /* saturating and averaging add, scaling shift */, VSaturatingMultiply, VClip,
  // vector floating point
  VFAdd, VFMultiply, VFFma, VFWidenAdd, VFWidenMultiply, VFWidenFma, VFDivide, VFSqrt, VFEstimate /* vfrec7, vfrsqrt7 */,
  VFCompare, VFMinMax, VFSign, VFClass, VFMove /* merge, splat */, VFConvert, VFWidenConvert, VFNarrowConvert,
  // across elements
  VReduce, VWidenReduce, VFReduceMinMax, VFReduceUnordered, VFReduceOrdered, VFWidenReduceUnordered, VFWidenReduceOrdered,
  VMaskLogic, VMaskCount /* vcpop */, VMaskFirst /* vfirst */, VMaskSet /* vmsbf, vmsif, vmsof */, VIota, VIndex /* vid */,
  VSlide, VSlideOne, VGather, VGatherScalar /* .vx, .vi */, VCompress, VMoveWhole, VToScalar /* vmv.x.s, vfmv.f.s */, VFromScalar /* vmv.s.x, vfmv.s.f */,
  // vector memory
  VLoad, VStore, VLoadMask, VStoreMask, VLoadWhole, VStoreWhole, VLoadStrided, VStoreStrided, VLoadIndexed, VStoreIndexed, VLoadFaultFirst,
  // of custom units, on scalar and on vector registers
  Custom, VCustom,
};
// clang-format on
inline constexpr size_t opClassCount = static_cast<size_t>(OpClass::VCustom) + 1;

/// "vector fma", …: for reports.
std::string_view nameOf(OpClass cls);
constexpr bool isVector(OpClass cls) { return cls >= OpClass::VSet && cls != OpClass::Custom; }

/// A scalar register: x0..x31 are 0..31, f0..f31 are 32..63.
inline constexpr uint8_t noRegister = 255;

/// `count` vector registers from `first` on; none if count is 0.
struct RegisterGroup {
  uint8_t first = 0, count = 0;
};

/// One retired instruction, with what the model may need to know of it.
struct Retired {
  OpClass cls = OpClass::Alu;
  uint8_t scalarReads[3] = {noRegister, noRegister, noRegister};
  uint8_t scalarWrite = noRegister;
  RegisterGroup vectorReads[3]; // vs2, vs1 (or index), vd where it is also a source
  RegisterGroup vectorWrite;
  bool masked = false;     // reads v0 as mask (or carry, or selector)
  bool keepsOld = false;   // elements beyond vl or masked off keep their values (undisturbed)
  bool taken = false;      // branch or jump that was taken
  uint8_t sewBits = 8;     // of vtype
  uint8_t sourceBits = 8;  // widest element read; 1 for masks
  uint8_t resultBits = 8;  // element written; 1 for masks
  uint8_t lmulEighths = 8; // LMUL * 8: 1 to 64
  uint32_t vl = 0, vlmax = 0;
  // memory
  uint64_t address = 0;     // first byte
  int64_t strideBytes = 0;  // between elements (between segments) of strided accesses
  uint32_t elements = 0;    // accessed, segments' fields counted each
  uint8_t elementBytes = 0; // of one access
  uint8_t fields = 1;       // NFIELDS of a segment access
  // of custom units
  uint8_t unit = 0;         // place in weft::units::all()
  uint8_t unitInterval = 1; // cycles from beat to beat
  bool unitGathers = false; // the result is there as a whole at the end
  /// From the last beat of operands to the result.
  units::Latency unitLatency = [](uint32_t, uint32_t) -> uint32_t { return 1; };
  uint8_t unitRows = 1; // vectors of vl elements that are streamed one after the other
};

/// Why the next instruction did not issue one cycle after the one before it.
enum class Stall : uint8_t {
  ScalarOperand, // a scalar register not ready
  VectorResult,  // the scalar core waits for a vector instruction's scalar result
  Branch,        // taken branch, jump
  QueueFull,     // the vector unit's queue
  WindowFull,    // out of order: the oldest instruction in flight has not completed
  Divider,       // an iterative unit busy
  Memory,        // the scalar port
};
inline constexpr size_t stallCount = 7;
std::string_view nameOf(Stall stall);

/// How long the vector unit's pipes were taken.
struct VectorUse {
  uint64_t busyCycles = 0;    // sum over instructions of cycles of an arithmetic unit
  uint64_t fpuBusyCycles = 0; // of floating-point multiply-add, the mean of pipes that have it
  uint64_t memoryBusyCycles = 0;
};

class Timing {
public:
  virtual ~Timing() = default;
  virtual void retire(const Retired &op) = 0;
  /// Until everything retired so far has completed.
  virtual uint64_t cycles() const = 0;
  virtual std::array<uint64_t, stallCount> stalls() const = 0;
  virtual VectorUse vectorUse() const = 0;
  /// Forgets all; the next instruction is the first.
  virtual void reset() = 0;
};

/// Counts up with every change of the model that changes a time, so that times kept on disk are measured again.
inline constexpr uint32_t timingVersion = 3;

/// The model of a core of kind rvv; `hardware` has passed the loader.
std::unique_ptr<Timing> makeTiming(const Hardware &hardware);

} // namespace weft::hw::rvv
