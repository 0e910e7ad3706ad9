// Instructions of custom units: legality from the description, results from the golden model, and a co-simulation
// beside it where there is one.
#include "sim/iss/UnitInstructions.h"

#include "sim/iss/Decode.h"
#include "sim/iss/FloatRegisters.h"
#include "sim/iss/Units.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>

namespace weft::iss {

namespace {

constexpr size_t opcodeCount = static_cast<size_t>(Opcode::Count);
constexpr unsigned batch = 8; // registers of vs2 in a batched instruction
constexpr size_t maxGroupBytes = batch * size_t{hw::maxVlenBits} / 8;

std::array<UnitInstruction, opcodeCount> gather() {
  std::array<UnitInstruction, opcodeCount> table{};
  std::span<const units::Unit> all = units::all();
  for (size_t index = 0; index < all.size(); ++index)
    for (const units::Instruction &each : all[index].instructions)
      if (std::optional<Opcode> opcode = findOpcode(each.name))
        table[static_cast<size_t>(*opcode)] = {&each, &all[index], static_cast<uint8_t>(index)};
  return table;
}

bool isAligned(const UnitGroups::Group &group) { return group.count == 0 || group.first % group.count == 0; }

/// Whether the encoding is legal under the current vtype: the rules are in docs/units.md.
bool isLegal(const Op &op, const units::Instruction &instruction, const units::Form &form, const UnitGroups &groups,
             const Hart &hart) {
  const VectorState &state = hart.vector;
  bool readsVs1 = groups.vs1.count != 0;
  if (state.vstart != 0 || !(instruction.lmuls >> (state.lmulLog2 + 3) & 1) ||
      (instruction.flags != 0 && !hart.privileged.floatEnabled))
    return false;
  if (!isAligned(groups.vd) || !isAligned(groups.vs2) || !isAligned(groups.vs1))
    return false;
  if (usesItsMask(op) || readsItsMask(op, op.rs2, readsVs1 ? op.rs1 : 1))
    return false;
  if (instruction.format != units::Format::Batched)
    return true;
  uint64_t firstBit = static_cast<uint64_t>(op.immediate) * batch * bitsOf(form.vd);
  bool isWithin = op.immediate == 0 || firstBit < hart.isa.vlenBits;
  return isWithin && !groups.vd.overlaps(groups.vs2) && !groups.vd.overlaps(groups.vs1);
}

uint64_t scalarOf(const Op &op, const units::Instruction &instruction, const units::Form &form, const Hart &hart) {
  if (instruction.format == units::Format::VectorScalar)
    return hart.x[op.rs1];
  if (instruction.format != units::Format::VectorFloat)
    return 0;
  return form.third == units::ElementType::Bf16 ? floatRegister<BFloat>(hart, op.rs1)
                                                : floatRegister<Single>(hart, op.rs1);
}

/// A register group as hexadecimal words of 32 bits, the first element first.
std::string bytesText(const std::byte *bytes, size_t count) {
  constexpr size_t maxShown = 64;
  std::string text;
  for (size_t i = 0; i + 4 <= std::min(count, maxShown); i += 4) {
    uint32_t word = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    text += fmt::format(" {:08x}", word);
  }
  return count > maxShown ? text + " …" : text;
}

std::string describeDifference(const Op &op, const UnitInstruction &found, const units::VectorCall &call,
                               const UnitGroups &groups, const std::byte *before, const std::byte *golden,
                               uint8_t goldenFlags, const std::byte *other, uint8_t otherFlags, const Hart &hart) {
  size_t registerBytes = hart.isa.vlenBytes();
  std::string text =
      fmt::format("unit {}, call {}: {} ({:#010x}) with SEW {}, LMUL {}/8, altfmt {:d}, vl {}, VLEN {}\n",
                  found.unit->name, hart.unitPartner->calls, disassemble(op, hart.pc), op.word, call.sewBits,
                  call.lmulEighths, call.alternate, call.vl, call.vlenBits);
  text += fmt::format("  vs2   {}\n", bytesText(call.vs2, groups.vs2.count * registerBytes));
  if (call.vs1)
    text += fmt::format("  vs1   {}\n", bytesText(call.vs1, registerBytes * groups.vs1.count));
  text += fmt::format("  scalar {:#x}, immediate {}\n", call.scalar, call.immediate);
  if (call.mask)
    text += fmt::format("  mask  {}\n", bytesText(call.mask, registerBytes));
  size_t bytes = groups.vd.count * registerBytes;
  text += fmt::format("  vd before{}\n  golden{}, flags {:#x}\n  other {}, flags {:#x}", bytesText(before, bytes),
                      bytesText(golden, bytes), goldenFlags, bytesText(other, bytes), otherFlags);
  std::string replay = hart.unitPartner->replay();
  return replay.empty() ? text : text + "\n  " + replay;
}

/// The golden model and the partner on the same operands. False if they differ.
bool executeWithPartner(Hart &hart, const Op &op, const UnitInstruction &found, const units::VectorCall &call,
                        const UnitGroups &groups) {
  alignas(64) std::byte before[maxGroupBytes], other[maxGroupBytes];
  size_t bytes = groups.vd.count * hart.isa.vlenBytes();
  UnitPartner &partner = *hart.unitPartner;
  std::memcpy(before, call.vd, bytes);
  std::memcpy(other, call.vd, bytes);
  units::VectorCall otherCall = call;
  otherCall.vd = other;
  Result<uint8_t> otherFlags = partner.execute(found.index, *found.instruction, op.word, otherCall);
  if (!otherFlags) {
    partner.difference = otherFlags.error().message;
    return hart.fail(Cause::UnitDiffers, op.word);
  }
  uint8_t flags = found.instruction->golden(call);
  if (flags != *otherFlags || std::memcmp(call.vd, other, bytes) != 0) {
    partner.difference = describeDifference(op, found, call, groups, before, call.vd, flags, other, *otherFlags, hart);
    std::memcpy(call.vd, before, bytes);
    return hart.fail(Cause::UnitDiffers, op.word);
  }
  ++partner.calls;
  hart.fflags |= flags;
  return true;
}

bool executeVector(Hart &hart, const Op &op) {
  const UnitInstruction &found = unitInstruction(op.opcode);
  const units::Instruction &instruction = *found.instruction;
  VectorState &state = hart.vector;
  const units::Form *form = state.illegal ? nullptr : units::formOf(instruction, state.sewBits, state.alternate);
  if (!form)
    return hart.illegal(op);
  UnitGroups groups = groupsOf(op, instruction, *form, hart);
  if (!isLegal(op, instruction, *form, groups, hart))
    return hart.illegal(op);
  units::VectorCall call;
  call.vlenBits = hart.isa.vlenBits;
  call.sewBits = state.sewBits;
  call.lmulEighths = 1u << (state.lmulLog2 + 3);
  call.vl = static_cast<uint32_t>(state.vl);
  call.alternate = state.alternate;
  call.immediate = static_cast<uint32_t>(op.immediate);
  call.scalar = scalarOf(op, instruction, *form, hart);
  call.mask = op.unmasked ? nullptr : hart.vectorRegister(0);
  call.vd = hart.vectorRegister(op.rd);
  // The golden model's operands do not overlap.
  alignas(64) std::byte copies[2][maxGroupBytes];
  auto source = [&](const UnitGroups::Group &group, std::byte *copy) -> const std::byte * {
    if (group.count == 0)
      return nullptr;
    const std::byte *bytes = hart.vectorRegister(group.first);
    return group.overlaps(groups.vd)
               ? static_cast<const std::byte *>(std::memcpy(copy, bytes, group.count * hart.isa.vlenBytes()))
               : bytes;
  };
  call.vs2 = source(groups.vs2, copies[0]);
  call.vs1 = source(groups.vs1, copies[1]);
  if (hart.unitPartner && hart.unitPartner->runs(found.index)) [[unlikely]]
    return executeWithPartner(hart, op, found, call, groups);
  hart.fflags |= instruction.golden(call);
  return true;
}

/// The route's number must be one of the router's; without a router any is.
bool isRoute(const Hart &hart, const Op &op) {
  return !hart.meshPort || static_cast<uint64_t>(op.immediate) < hart.meshPort->routes();
}

bool executePut(Hart &hart, const Op &op) {
  auto route = static_cast<uint32_t>(op.immediate);
  if (!isRoute(hart, op))
    return hart.illegal(op);
  if (!hart.meshPort || !hart.meshPort->put(route, static_cast<uint32_t>(hart.x[op.rs1])))
    return hart.fail(Cause::MeshWaits, route);
  ++hart.mesh.puts;
  hart.mesh.putCycle = hart.privileged.clock();
  return true;
}

bool executeGet(Hart &hart, const Op &op) {
  auto route = static_cast<uint32_t>(op.immediate);
  if (!isRoute(hart, op))
    return hart.illegal(op);
  std::optional<uint32_t> word = hart.meshPort ? hart.meshPort->get(route) : std::nullopt;
  if (!word)
    return hart.fail(Cause::MeshWaits, route);
  hart.x[op.rd] = static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(*word)));
  ++hart.mesh.gets;
  hart.mesh.getCycle = hart.privileged.clock();
  return true;
}

} // namespace

const UnitInstruction &unitInstruction(Opcode opcode) {
  static const std::array<UnitInstruction, opcodeCount> table = gather();
  return table[static_cast<size_t>(opcode)];
}

UnitGroups groupsOf(const Op &op, const units::Instruction &instruction, const units::Form &form, const Hart &hart) {
  const auto whole = groupRegisters(hart.vector.lmulLog2);
  UnitGroups groups{{op.rd, whole}, {op.rs2, whole}, {}};
  if (instruction.format == units::Format::VectorVector)
    groups.vs1 = {op.rs1, whole};
  if (instruction.format == units::Format::Batched)
    groups = {{op.rd, std::max(1u, batch * bitsOf(form.vd) / hart.isa.vlenBits)}, {op.rs2, batch}, {op.rs1, 1}};
  return groups;
}

Execute unitExecutor(Opcode opcode) {
  switch (instructionOf(opcode).format) {
  case Format::UnitRoutePut:
    return executePut;
  case Format::UnitRouteGet:
    return executeGet;
  default:
    return isVectorUnit(instructionOf(opcode).format) ? executeVector : nullptr;
  }
}

} // namespace weft::iss
