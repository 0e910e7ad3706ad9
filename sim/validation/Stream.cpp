#include "sim/validation/Stream.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

using namespace weft;
using namespace weft::validation;
using hw::rvv::noRegister;
using hw::rvv::OpClass;
using hw::rvv::Retired;

namespace {

constexpr uint32_t instructionsInTurn = 8;

/// Other names for instructions with their sources the other way round.
std::string_view withoutAlias(std::string_view name) {
  return name == "vmfgt.vv" ? "vmflt.vv" : name == "vmfge.vv" ? "vmfle.vv" : name;
}

std::optional<OpClass> classOfName(std::string_view alias) {
  std::string_view wanted = withoutAlias(alias);
#define WEFT_INSTRUCTION(id, name, match, mask, format, cls, extension)                                                \
  if (wanted == name)                                                                                                  \
    return OpClass::cls;
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
    out.operands.push_back(rest.substr(from, comma - from));
    from = comma + 1;
  }
  if (!out.operands.empty() && (out.operands.back() == "v0.t" || out.operands.back() == "v0")) {
    out.masked = true;
    out.operands.pop_back();
  }
  return out;
}

std::optional<uint8_t> vectorRegister(std::string_view operand) {
  uint32_t number = 32;
  if (operand.starts_with('v'))
    std::from_chars(operand.data() + 1, operand.data() + operand.size(), number);
  return number < 32 ? std::optional(static_cast<uint8_t>(number)) : std::nullopt;
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

  std::optional<std::vector<Retired>> build() {
    uint32_t most = std::max({groupOf(widths.result), groupOf(widths.second), groupOf(widths.first)});
    if (isMemory(cls))
      most = isWhole() ? wholeRegisters() : groupOf(dataBits()) * fields;
    if (cls == OpClass::VMoveWhole)
      most = static_cast<uint32_t>(text.name[3] - '0');
    // Types that widen or narrow are measured with the registers of the next LMUL, whatever the instruction.
    bool isNext = text.name.starts_with("vnms") || text.name.starts_with("vfnm");
    if (isNext)
      most = std::max(most, groupOf(2 * measurement.sewBits));
    uint32_t turns = measurement.registers
                         ? measurement.registers
                         : instructionsInTurn / std::min<uint32_t>(instructionsInTurn, groupSize(most));
    std::vector<Retired> out;
    for (uint32_t i = 0; i < instructionsInTurn; ++i) {
      std::optional<Retired> each = one(i % turns, instructionsInTurn / turns);
      if (!each)
        return std::nullopt;
      out.push_back(*each);
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

  std::optional<Retired> one(uint32_t turn, uint32_t step) const {
    Retired op;
    op.cls = cls;
    op.masked = text.masked;
    op.sewBits = static_cast<uint8_t>(measurement.sewBits);
    op.resultBits = static_cast<uint8_t>(widths.result);
    op.sourceBits = static_cast<uint8_t>(std::max(widths.second, text.operands.size() > 2 ? widths.first : 1));
    op.lmulEighths = static_cast<uint8_t>(measurement.lmulEighths);
    op.vlmax = vlenBits / measurement.sewBits * measurement.lmulEighths / 8;
    op.vl = measurement.vl ? std::min(measurement.vl, op.vlmax) : op.vlmax;
    if (op.vlmax == 0 || text.operands.empty())
      return std::nullopt;
    auto shifted = [&](uint8_t base) { return static_cast<uint8_t>((base + turn * step) % 32); };
    bool isStore = isOneOf(cls, {OpClass::VStore, OpClass::VStoreMask, OpClass::VStoreWhole, OpClass::VStoreStrided,
                                 OpClass::VStoreIndexed});
    if (isMemory(cls)) {
      describeMemory(op, shifted(*vectorRegister(text.operands[0])), isStore);
      return op;
    }
    std::optional<uint8_t> destination = vectorRegister(text.operands[0]);
    if (!destination && text.operands[0].starts_with('v'))
      return std::nullopt;
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

std::optional<std::vector<Retired>> validation::streamOf(const Measurement &measurement, uint32_t vlenBits) {
  Text text = split(measurement.operands);
  uint32_t fields = 1;
  text.name = withoutSegment(text.name, fields);
  std::optional<OpClass> cls = classOfName(text.name);
  if (!cls || !hw::rvv::isVector(*cls) || *cls == OpClass::VSet || text.operands.empty())
    return std::nullopt;
  if (isMemory(*cls) && !vectorRegister(text.operands[0]))
    return std::nullopt;
  return Builder(measurement, text, *cls, fields, vlenBits).build();
}
