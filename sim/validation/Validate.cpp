#include "sim/validation/Validate.h"

#include "hw-models/Yaml.h"
#include "hw-models/core/rvv/Timing.h"
#include "sim/validation/Stream.h"

#include <fmt/format.h>

#include <array>

using namespace weft;
using namespace weft::validation;
using hw::rvv::OpClass;
using hw::rvv::Retired;

namespace {

std::string_view groupOf(OpClass cls) {
  using enum OpClass;
  switch (cls) {
  case VAlu:
  case VLogic:
  case VShift:
  case VMove:
  case VCarry:
  case VSaturate:
    return "integer add, logic, shift, move";
  case VMultiply:
  case VMacc:
  case VSaturatingMultiply:
    return "integer multiply";
  case VWidenAlu:
  case VWidenMultiply:
  case VWidenMacc:
    return "integer widening";
  case VNarrowShift:
  case VClip:
    return "integer narrowing";
  case VDivide:
    return "integer divide";
  case VCompare:
  case VFCompare:
    return "compare";
  case VFAdd:
  case VFMultiply:
  case VFMinMax:
  case VFSign:
  case VFMove:
    return "float add, multiply, sign";
  case VFFma:
    return "float multiply-add";
  case VFWidenAdd:
  case VFWidenMultiply:
  case VFWidenFma:
    return "float widening";
  case VFDivide:
  case VFSqrt:
    return "float divide, square root";
  case VFConvert:
  case VFWidenConvert:
  case VFNarrowConvert:
    return "float conversion";
  case VFEstimate:
  case VFClass:
    return "float estimate, classify";
  case VReduce:
  case VWidenReduce:
    return "integer reduction";
  case VFReduceMinMax:
  case VFReduceUnordered:
  case VFWidenReduceUnordered:
    return "float reduction, unordered";
  case VFReduceOrdered:
  case VFWidenReduceOrdered:
    return "float reduction, ordered";
  case VMaskLogic:
  case VMaskCount:
  case VMaskFirst:
  case VMaskSet:
  case VIota:
  case VIndex:
    return "mask";
  case VSlide:
  case VSlideOne:
  case VGatherScalar:
    return "slide";
  case VGather:
  case VCompress:
    return "gather, compress";
  case VMoveWhole:
  case VToScalar:
  case VFromScalar:
    return "scalar and whole moves";
  default:
    return "memory";
  }
}

/// Cycles an instruction where 64 of them stand in a loop, as rvv-bench measures: the loop's second half, when queues
/// are full and registers have been used.
double steadyCycles(hw::rvv::Timing &timing, const std::vector<Retired> &turn) {
  constexpr uint32_t unroll = 8, warmup = 2, loops = 2;
  constexpr uint8_t counter = 5;
  Retired decrement, branch;
  decrement.cls = OpClass::Alu;
  decrement.scalarReads[0] = decrement.scalarWrite = counter;
  branch.cls = OpClass::Branch;
  branch.scalarReads[0] = counter;
  branch.taken = true;
  timing.reset();
  uint64_t before = 0;
  for (uint32_t loop = 0; loop < warmup + loops; ++loop) {
    if (loop == warmup)
      before = timing.cycles();
    for (uint32_t i = 0; i < unroll; ++i)
      for (const Retired &op : turn)
        timing.retire(op);
    timing.retire(decrement);
    timing.retire(branch);
  }
  return double(timing.cycles() - before) / double(loops * unroll * turn.size());
}

constexpr std::pair<std::string_view, std::string_view> presets[] = {{"saturn_shuttle_256_128", "saturn"},
                                                                     {"spacemit_x60", "spacemit-x60"},
                                                                     {"tt_t2", "tt-t2"},
                                                                     {"tt_x280", "sifive-x280"}};

} // namespace

Result<Comparison> validation::compare(const hw::Hardware &hardware, const std::vector<Measurement> &measurements,
                                       std::string_view machine, double overhead) {
  Comparison out;
  auto timing = hw::rvv::makeTiming(hardware);
  uint32_t vlenBits = hardware.parallelism.core.vlenBits;
  for (const Measurement &each : measurements) {
    if (!machine.empty() && each.machine != machine)
      continue;
    if (each.vlenBits && each.vlenBits != vlenBits)
      return userError(fmt::format("{}:{}: {} was measured with VLEN {}; {} has {}", each.file, each.line, each.machine,
                                   each.vlenBits, hardware.name, vlenBits));
    Result<MeasuredStream> stream = streamOf(each, vlenBits);
    if (!stream)
      return userError(fmt::format("{}:{}: operands {}: {}", each.file, each.line, hw::inQuotes(each.operands),
                                   stream.error().message));
    if (stream->kind == MeasuredStream::Kind::Vector)
      out.rows.push_back({&each, groupOf(stream->turn.front().cls), steadyCycles(*timing, stream->turn) + overhead});
    else
      (stream->kind == MeasuredStream::Kind::Unknown ? out.unknown : out.notVector).push_back(&each);
  }
  return out;
}

std::string_view validation::presetFor(std::string_view machine) {
  for (const auto &[name, preset] : presets)
    if (name == machine)
      return preset;
  return {};
}

const std::vector<std::string_view> &validation::groups() {
  static const std::vector<std::string_view> all = {"integer add, logic, shift, move",
                                                    "integer multiply",
                                                    "integer widening",
                                                    "integer narrowing",
                                                    "integer divide",
                                                    "compare",
                                                    "float add, multiply, sign",
                                                    "float multiply-add",
                                                    "float widening",
                                                    "float conversion",
                                                    "float divide, square root",
                                                    "float estimate, classify",
                                                    "integer reduction",
                                                    "float reduction, unordered",
                                                    "float reduction, ordered",
                                                    "mask",
                                                    "slide",
                                                    "gather, compress",
                                                    "scalar and whole moves",
                                                    "memory"};
  return all;
}
