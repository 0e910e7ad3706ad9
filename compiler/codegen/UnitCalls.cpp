#include "compiler/codegen/UnitCalls.h"

#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicsRISCV.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"

#include <fmt/format.h>

namespace weft::codegen {

constexpr llvm::StringLiteral callPrefix = "weft unit ";

static const units::Instruction *findInstruction(std::string_view name) {
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      if (each.name == name)
        return &each;
  return nullptr;
}

std::string unitCallText(llvm::StringRef instruction) { return (callPrefix + instruction).str(); }

const units::Instruction *unitCallOf(const llvm::CallInst &call) {
  auto *assembly = llvm::dyn_cast<llvm::InlineAsm>(call.getCalledOperand());
  llvm::StringRef text = assembly ? assembly->getAsmString() : llvm::StringRef();
  return text.consume_front(callPrefix) ? findInstruction(text) : nullptr;
}

// ---- a core -----------------------------------------------------------------------------------------------------

namespace {
/// An instruction of RVV with the operands of a unit's: the accumulator tied to the result, which the coprocessor
/// interface's forms with an accumulator are not in LLVM 19. Selected code has none of them otherwise, and LLVM neither
/// makes one of something else nor something else of one: a slide has operands that cannot change places, and a
/// multiply-add that keeps the tail does not become the form that overwrites a factor.
struct StandIn {
  llvm::StringLiteral instruction;
  llvm::Intrinsic::ID id;
  llvm::StringLiteral mnemonic;
  uint32_t match; // under `standInMask`: all but the operands
  bool keepsTail;
};
constexpr uint32_t standInMask = 0xfe00707f, operandBits = 0x01ff8f80;
constexpr StandIn standIns[] = {
    {"vqdot.vv", llvm::Intrinsic::riscv_vnmsac, "vnmsac.vv", 0xbe002057, true},
    {"vqdot.vx", llvm::Intrinsic::riscv_vslideup, "vslideup.vx", 0x3a004057, false},
};
} // namespace

std::optional<UnitIntrinsic> unitIntrinsic(const units::Instruction &instruction) {
  for (const StandIn &each : standIns)
    if (each.instruction == llvm::StringRef(instruction.name))
      return UnitIntrinsic{each.id, 0, true, each.keepsTail};
  std::optional<units::Vcix> vcix = instruction.vcix();
  if (!vcix)
    return std::nullopt;
  llvm::Intrinsic::ID id = llvm::Function::lookupIntrinsicID(vcix->intrinsic);
  return id ? std::optional(UnitIntrinsic{id, vcix->opcode, false, false}) : std::nullopt;
}

/// The encoding of what `word` stands for, unmasked; itself if it is no stand-in.
static uint32_t withoutStandIn(uint32_t word) {
  for (const StandIn &each : standIns)
    if ((word & standInMask) == each.match)
      return (word & operandBits) | findInstruction(std::string_view(each.instruction))->match | units::maskBit;
  return word;
}

std::set<std::string> functionsWithStandIns(const llvm::Module &module) {
  std::set<std::string> names;
  for (const llvm::Function &function : module)
    if (function.hasFnAttribute(standInAttribute))
      names.insert(function.getName().str());
  return names;
}

Result<void> replaceStandIns(std::vector<uint8_t> &object, const std::set<std::string> &functions) {
  llvm::MemoryBufferRef buffer(llvm::StringRef(reinterpret_cast<const char *>(object.data()), object.size()), "core");
  auto file = llvm::object::ELFObjectFile<llvm::object::ELF64LE>::create(buffer);
  if (!file)
    return internalError("core kernels: " + llvm::toString(file.takeError()));
  for (const llvm::object::ELFSymbolRef symbol : file->symbols()) {
    auto name = symbol.getName();
    if (!name || !functions.contains(name->str()))
      continue;
    auto section = symbol.getSection();
    auto address = symbol.getValue();
    if (!section || !address || *section == file->section_end())
      return internalError("core kernels: a function without a section");
    auto contents = (*section)->getContents();
    if (!contents || *address + symbol.getSize() > contents->size())
      return internalError("core kernels: a function outside its section");
    uint8_t *code = object.data() + (contents->bytes_begin() - buffer.getBuffer().bytes_begin()) + *address;
    for (uint64_t at = 0; at + 2 <= symbol.getSize(); at += (code[at] & 3) == 3 ? 4 : 2)
      if ((code[at] & 3) == 3 && at + 4 <= symbol.getSize())
        llvm::support::endian::write32le(code + at, withoutStandIn(llvm::support::endian::read32le(code + at)));
  }
  return {};
}

std::string replaceStandIns(const std::string &assembly, const std::set<std::string> &functions) {
  std::string result;
  bool concerned = false;
  for (llvm::StringRef line : llvm::split(llvm::StringRef(assembly), '\n')) {
    llvm::StringRef label = line.take_until([](char c) { return c == ':'; });
    if (label.size() < line.size() && !label.starts_with(".") && !label.contains('\t'))
      concerned = functions.contains(label.str());
    std::string text = line.str();
    for (const StandIn &each : standIns)
      if (size_t at = text.find(each.mnemonic); concerned && at != std::string::npos)
        text.replace(at, each.mnemonic.size(), each.instruction);
    result += text + "\n";
  }
  result.pop_back();
  return result;
}

// ---- text -------------------------------------------------------------------------------------------------------

static std::string integerRegister(uint32_t number) {
  constexpr std::string_view names[] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
                                        "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                        "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
  return std::string(names[number]);
}

static std::string floatRegister(uint32_t number) {
  if (number < 8)
    return fmt::format("ft{}", number);
  if (number < 10)
    return fmt::format("fs{}", number - 8);
  if (number < 18)
    return fmt::format("fa{}", number - 10);
  return number < 28 ? fmt::format("fs{}", number - 16) : fmt::format("ft{}", number - 20);
}

static std::string operandsText(const units::Instruction &instruction, uint32_t word) {
  uint32_t rd = word >> 7 & 31, rs1 = word >> 15 & 31, rs2 = word >> 20 & 31;
  std::string text = fmt::format("v{}, v{}", rd, rs2);
  switch (instruction.format) {
  case units::Format::VectorVector:
    text += fmt::format(", v{}", rs1);
    break;
  case units::Format::VectorScalar:
    text += ", " + integerRegister(rs1);
    break;
  case units::Format::VectorFloat:
    text += ", " + floatRegister(rs1);
    break;
  case units::Format::VectorImmediate:
    text += fmt::format(", {}", rs1);
    break;
  case units::Format::Vector:
    break;
  case units::Format::Batched:
    text = fmt::format("v{}, v{}, v{}, {}", rd, rs2 / 8 * 8, rs1, rs2 % 8);
    break;
  case units::Format::RoutePut:
  case units::Format::RouteGet:
    return fmt::format("{:#010x}", word);
  }
  return instruction.mayBeMasked() && !(word & units::maskBit) ? text + ", v0.t" : text;
}

std::string unitText(uint32_t word, const hw::Isa &isa) {
  for (auto [index, unit] : llvm::enumerate(units::all()))
    for (const units::Instruction &each : unit.instructions)
      if (isa.hasUnit(index) && (word & each.mask) == each.match)
        return fmt::format("{}\t{}", each.name, operandsText(each, word));
  return {};
}

} // namespace weft::codegen
