#include "sim/validation/Stream.h"

#include "sim/validation/Operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

using namespace weft;
using namespace weft::validation;
using hw::rvv::noRegister;
using hw::rvv::OpClass;
using hw::rvv::RegisterGroup;
using hw::rvv::Retired;

namespace {

constexpr uint32_t instructionsInTurn = 8;

/// Other names for instructions with their sources the other way round.
std::string_view withoutAlias(std::string_view name) {
  return name == "vmfgt.vv" ? "vmflt.vv" : name == "vmfge.vv" ? "vmfle.vv" : name;
}

struct Known {
  OpClass cls;
  std::string_view format; // of the simulator's table
};

std::optional<Known> knownOfName(std::string_view alias) {
  std::string_view wanted = withoutAlias(alias);
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension)                                                \
  if (wanted == name)                                                                                                  \
    return Known{OpClass::cls, #format};
#include "sim/iss/Instructions.def"
#undef WEFT_INSTRUCTION
  return std::nullopt;
}

/// "vlseg4e32.v" as "vle32.v" and 4 fields.
std::string withoutSegment(std::string name, uint32_t &fields) {
  size_t at = name.find("seg");
  if (at != std::string::npos && at + 3 < name.size() && name[0] == 'v' && std::isdigit(name[at + 3])) {
    fields = static_cast<uint32_t>(name[at + 3] - '0');
    name.erase(at, 4);
  }
  return name;
}

bool isOneOf(OpClass cls, std::initializer_list<OpClass> list) {
  return std::find(list.begin(), list.end(), cls) != list.end();
}

/// Widths of an instruction's operands in bits: result, vs2, vs1.
struct Widths {
  uint32_t result, second, first;
};

Widths widthsOf(OpClass cls, std::string_view name, uint32_t sew) {
  using enum OpClass;
  bool wideSource = name.find(".w") != std::string_view::npos;
  if (isOneOf(cls, {VWidenAlu, VWidenMultiply, VWidenMacc, VFWidenAdd, VFWidenMultiply, VFWidenFma, VFWidenConvert}))
    return {2 * sew, wideSource ? 2 * sew : sew, sew};
  if (isOneOf(cls, {VWidenReduce, VFWidenReduceUnordered, VFWidenReduceOrdered}))
    return {2 * sew, sew, 2 * sew};
  if (isOneOf(cls, {VNarrowShift, VClip, VFNarrowConvert}))
    return {sew, 2 * sew, sew};
  if (isOneOf(cls, {VCompare, VFCompare}))
    return {1, sew, sew};
  if (isOneOf(cls, {VMaskLogic, VMaskSet, VMaskCount, VMaskFirst}))
    return {1, 1, 1};
  if (cls == VIota)
    return {sew, 1, sew};
  if (cls == VMove && name.find("ext.vf") != std::string_view::npos)
    return {sew, sew / static_cast<uint32_t>(name.back() - '0'), sew};
  if (name.starts_with("vrgatherei16"))
    return {sew, sew, 16};
  if (cls == VCompress)
    return {sew, sew, 1};
  return {sew, sew, sew};
}

bool isMemory(OpClass cls) { return cls >= OpClass::VLoad; }

struct Text {
  std::string name;
  std::vector<std::string> operands;
  bool masked = false;
};

Text split(const std::string &text) {
  Text out;
  size_t space = text.find(' ');
  out.name = text.substr(0, space);
  std::string rest = space == std::string::npos ? "" : text.substr(space + 1);
  for (size_t from = 0; from < rest.size();) {
    size_t comma = std::min(rest.find(',', from), rest.size());
    std::string_view each = std::string_view(rest).substr(from, comma - from);
    each.remove_prefix(std::min(each.find_first_not_of(' '), each.size()));
    out.operands.emplace_back(each.substr(0, each.find_last_not_of(' ') + 1));
    from = comma + 1;
  }
  return out;
}

/// Takes the mask or carry away, the one operand after those of the format.
void takeMask(Text &text, size_t wanted) {
  if (text.operands.size() == wanted + 1 && (text.operands.back() == "v0.t" || text.operands.back() == "v0")) {
    text.masked = true;
    text.operands.pop_back();
  }
}

/// Distinct numbers for scalar operands; which they are does not matter.
uint8_t scalarRegister(std::string_view operand, uint32_t turn) {
  if (operand == "x0" || operand.empty() || std::isdigit(operand[0]) || operand[0] == '-')
    return noRegister;
  return static_cast<uint8_t>((operand[0] == 'f' ? 40 : 10) + turn);
}

class Builder {
public:
  Builder(const Measurement &measurement, const Text &text, OpClass cls, uint32_t fields, uint32_t vlenBits)
      : measurement(measurement), text(text), cls(cls), fields(fields),
        widths(widthsOf(cls, text.name, measurement.sewBits)), vlenBits(vlenBits) {}

  Result<MeasuredStream> build() {
    uint32_t most = std::max({groupOf(widths.result), groupOf(widths.second), groupOf(widths.first)});
    if (isMemory(cls))
      most = isWhole() ? wholeRegisters() : groupOf(dataBits()) * fields;
    if (cls == OpClass::VMoveWhole)
      most = static_cast<uint32_t>(text.name[3] - '0');
    // Types that widen or narrow are measured with the registers of the next LMUL, whatever the instruction.
    bool isNext = text.name.starts_with("vnms") || text.name.starts_with("vfnm");
    if (isNext)
      most = std::max(most, groupOf(2 * measurement.sewBits));
    uint32_t turns = instructionsInTurn / std::min<uint32_t>(instructionsInTurn, groupSize(most));
    MeasuredStream out;
    for (uint32_t i = 0; i < instructionsInTurn; ++i)
      out.turn.push_back(one(i % turns, instructionsInTurn / turns));
    if (out.turn.front().vlmax == 0)
      return userError(
          fmt::format("registers of {} bits hold no elements of SEW {} at this LMUL", vlenBits, measurement.sewBits));
    const Retired &first = out.turn.front();
    for (const RegisterGroup &group : {first.vectorWrite, first.vectorReads[0], first.vectorReads[1]}) {
      uint32_t size = groupSize(isMemory(cls) ? (group.count + fields - 1) / fields : group.count);
      if (group.count > 0 && (group.first % size != 0 || group.first + group.count > 32))
        return userError(fmt::format("v{} does not start a group of {} registers", group.first, group.count));
    }
    return out;
  }

private:
  static uint32_t groupSize(uint32_t registers) {
    uint32_t size = 1;
    while (size < registers)
      size *= 2;
    return size;
  }
  uint32_t groupOf(uint32_t bits) const {
    if (bits == 1)
      return cls == OpClass::VMaskSet ? std::max(1u, measurement.lmulEighths / 8) // measured as others of this LMUL
                                      : 1;
    return std::max(1u, measurement.lmulEighths * bits / measurement.sewBits / 8);
  }
  /// What it really reads or writes.
  uint8_t registersOf(uint32_t bits) const { return static_cast<uint8_t>(bits == 1 ? 1 : groupOf(bits)); }
  uint32_t memoryBits() const {
    size_t at =
        text.name.find_first_of("0123456789", text.name.find('e', 2) == std::string::npos ? 0 : text.name.find('e', 2));
    return at == std::string::npos ? 8 : static_cast<uint32_t>(std::stoi(text.name.substr(at)));
  }

  bool isIndexed() const { return isOneOf(cls, {OpClass::VLoadIndexed, OpClass::VStoreIndexed}); }
  bool isWhole() const { return isOneOf(cls, {OpClass::VLoadWhole, OpClass::VStoreWhole}); }
  /// "vl4re32.v", "vs4r.v"
  uint32_t wholeRegisters() const { return static_cast<uint32_t>(text.name[2] - '0'); }
  /// Of a memory access's elements; the number in an indexed one's name is the index's.
  uint32_t dataBits() const {
    bool isBytes = isOneOf(cls, {OpClass::VLoadMask, OpClass::VStoreMask, OpClass::VStoreWhole});
    return isBytes ? 8 : isIndexed() ? measurement.sewBits : memoryBits();
  }

  Retired one(uint32_t turn, uint32_t step) const {
    Retired op;
    op.cls = cls;
    op.masked = text.masked;
    op.sewBits = static_cast<uint8_t>(measurement.sewBits);
    op.resultBits = static_cast<uint8_t>(widths.result);
    op.sourceBits = static_cast<uint8_t>(std::max(widths.second, text.operands.size() > 2 ? widths.first : 1));
    op.lmulEighths = static_cast<uint8_t>(measurement.lmulEighths);
    op.vlmax = vlenBits / measurement.sewBits * measurement.lmulEighths / 8;
    op.vl = measurement.vl ? std::min(measurement.vl, op.vlmax) : op.vlmax;
    auto shifted = [&](uint8_t base) { return static_cast<uint8_t>((base + turn * step) % 32); };
    bool isStore = isOneOf(cls, {OpClass::VStore, OpClass::VStoreMask, OpClass::VStoreWhole, OpClass::VStoreStrided,
                                 OpClass::VStoreIndexed});
    if (isMemory(cls)) {
      describeMemory(op, shifted(*vectorRegister(text.operands[0])), isStore);
      return op;
    }
    std::optional<uint8_t> destination = vectorRegister(text.operands[0]);
    bool isElement =
        isOneOf(cls, {OpClass::VReduce, OpClass::VWidenReduce, OpClass::VFReduceMinMax, OpClass::VFReduceUnordered,
                      OpClass::VFReduceOrdered, OpClass::VFWidenReduceUnordered, OpClass::VFWidenReduceOrdered,
                      OpClass::VFromScalar});
    if (!destination)
      op.scalarWrite = scalarRegister(text.operands[0], turn);
    else if (cls == OpClass::VMoveWhole)
      op.vectorWrite = {shifted(*destination), static_cast<uint8_t>(text.name[3] - '0')};
    else
      op.vectorWrite = {shifted(*destination), isElement ? uint8_t{1} : registersOf(widths.result)};
    describeSources(op, shifted, isElement, turn);
    return op;
  }

  void describeSources(Retired &op, const auto &shifted, bool isElement, uint32_t turn) const {
    // Operands after the destination: vs2, then vs1 or a scalar; multiply-adds name the scalar first.
    bool isSecond = true;
    size_t reads = 0;
    for (size_t i = 1; i < text.operands.size(); ++i) {
      std::optional<uint8_t> source = vectorRegister(text.operands[i]);
      if (!source) {
        op.scalarReads[0] = scalarRegister(text.operands[i], turn);
        continue;
      }
      uint8_t count = registersOf(isSecond ? widths.second : widths.first);
      if (cls == OpClass::VMoveWhole)
        count = op.vectorWrite.count;
      if ((!isSecond && isElement) || cls == OpClass::VToScalar)
        count = 1;
      op.vectorReads[reads++] = {shifted(*source), count};
      isSecond = false;
    }
    if (isOneOf(cls, {OpClass::VMacc, OpClass::VWidenMacc, OpClass::VFFma, OpClass::VFWidenFma}))
      op.vectorReads[2] = op.vectorWrite;
  }

  void describeMemory(Retired &op, uint8_t first, bool isStore) const {
    bool isMask = cls == OpClass::VLoadMask || cls == OpClass::VStoreMask;
    uint32_t bits = dataBits();
    op.elementBytes = static_cast<uint8_t>(bits / 8);
    op.fields = static_cast<uint8_t>(fields);
    op.elements = isMask ? (op.vl + 7) / 8 : op.vl * fields;
    uint32_t count = isMask ? 1 : std::min(8u, groupOf(bits) * fields);
    if (isWhole()) {
      count = wholeRegisters();
      op.elements = count * vlenBits / bits;
    }
    (isStore ? op.vectorReads[0] : op.vectorWrite) = {first, static_cast<uint8_t>(count)};
    if (isIndexed()) {
      uint8_t index = text.operands.size() > 2 ? vectorRegister(text.operands[2]).value_or(16) : uint8_t{16};
      op.vectorReads[1] = {index, static_cast<uint8_t>(std::min(8u, groupOf(memoryBits())))};
    } else if (text.operands.size() > 2) { // x0: always the same element; -1: downwards; else apart
      const std::string &stride = text.operands[2];
      op.strideBytes = stride == "x0" ? 0 : stride.find("-1") != std::string::npos ? -1 : 4 * (bits / 8);
    }
  }

  const Measurement &measurement;
  const Text &text;
  OpClass cls;
  uint32_t fields;
  Widths widths;
  uint32_t vlenBits;
};

} // namespace

Result<MeasuredStream> validation::streamOf(const Measurement &measurement, uint32_t vlenBits) {
  using enum MeasuredStream::Kind;
  Text text = split(measurement.operands);
  uint32_t fields = 1;
  text.name = withoutSegment(text.name, fields);
  std::optional<Known> known = knownOfName(text.name);
  if (!known || fields == 0 || fields > 8)
    return MeasuredStream{.kind = Unknown, .turn = {}};
  if (!hw::rvv::isVector(known->cls) || known->cls == OpClass::VSet)
    return MeasuredStream{.kind = NotVector, .turn = {}};
  std::string_view kinds = operandKinds(known->format);
  takeMask(text, kinds.size());
  if (Result<void> good = checkOperands(kinds, text.operands); !good)
    return good.error();
  return Builder(measurement, text, known->cls, fields, vlenBits).build();
}
