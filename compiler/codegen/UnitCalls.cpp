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

std::string unitCallText(const UnitCall &call) {
  const units::Instruction &instruction = *call.instruction;
  return fmt::format("{}{} {} {}", std::string_view(callPrefix), instruction.name,
                     call.form ? call.form - instruction.forms.data() : 0, call.immediate);
}

std::optional<UnitCall> unitCallOf(const llvm::CallInst &call) {
  auto *assembly = llvm::dyn_cast<llvm::InlineAsm>(call.getCalledOperand());
  llvm::StringRef text = assembly ? assembly->getAsmString() : llvm::StringRef();
  if (!text.consume_front(callPrefix))
    return std::nullopt;
  auto [name, numbers] = text.split(' ');
  auto [form, immediate] = numbers.split(' ');
  UnitCall result{findInstruction(name)};
  unsigned formIndex = 0;
  if (!result.instruction || form.getAsInteger(10, formIndex) || immediate.getAsInteger(10, result.immediate))
    return std::nullopt;
  if (formIndex < result.instruction->forms.size())
    result.form = &result.instruction->forms[formIndex];
  return result;
}

// ---- a core -----------------------------------------------------------------------------------------------------

namespace {
/// An instruction of RVV with the operands of a unit's: the accumulator tied to the result, which the coprocessor
/// interface's forms with an accumulator are not in LLVM 19. Selected code has none of them otherwise, and LLVM neither
/// makes one of something else nor something else of one: a slide has operands that cannot change places, and a
/// multiply-add that keeps the tail does not become the form that overwrites a factor.
struct StandIn {
  units::Format format;
  llvm::Intrinsic::ID id;
  llvm::StringLiteral mnemonic;
  uint32_t match;                        // under `standInMask`: all but the operands
  bool keepsTail, takesFirstSourceFirst; // vs1 before vs2
};
constexpr uint32_t standInMask = 0xfe00707f, operandBits = 0x01ff8f80;
constexpr StandIn standIns[] = {
    {units::Format::VectorVector, llvm::Intrinsic::riscv_vnmsac, "vnmsac.vv", 0xbe002057, true, true},
    {units::Format::VectorScalar, llvm::Intrinsic::riscv_vslideup, "vslideup.vx", 0x3a004057, false, false},
};
/// On a function: the instructions that have stand-ins in it, separated by commas.
constexpr const char *standInAttribute = "weft-stand-ins";
} // namespace

/// All vectors have elements of one size, vtype's, and vtype is one that LLVM knows.
static bool hasOneSize(const units::Form &form) {
  auto fits = [&](units::ElementType type) { return units::bitsOf(type) == form.sewBits; };
  return !form.alternate && fits(form.vd) && fits(form.vs2) &&
         (form.third == units::ElementType::None || fits(form.third));
}

static std::vector<const units::Instruction *> standInsOf(const llvm::Function &function) {
  std::vector<const units::Instruction *> result;
  llvm::SmallVector<llvm::StringRef> names;
  function.getFnAttribute(standInAttribute).getValueAsString().split(names, ',', -1, false);
  for (llvm::StringRef name : names)
    result.push_back(findInstruction(name));
  return result;
}

/// Whether a stand-in of `function` is `instruction`'s from here on.
static bool reserve(llvm::Function &function, const units::Instruction &instruction) {
  std::string names(instruction.name);
  for (const units::Instruction *each : standInsOf(function)) {
    if (each->format == instruction.format)
      return each == &instruction;
    names += "," + std::string(each->name);
  }
  function.addFnAttr(standInAttribute, names);
  return true;
}

std::optional<UnitIntrinsic> unitIntrinsic(const UnitCall &call, llvm::Function &function) {
  const units::Instruction &instruction = *call.instruction;
  if (!call.form || !hasOneSize(*call.form))
    return std::nullopt;
  for (const StandIn &each : standIns)
    if (instruction.readsDestination && each.format == instruction.format)
      return reserve(function, instruction)
                 ? std::optional(UnitIntrinsic{each.id, std::nullopt, true, each.keepsTail, each.takesFirstSourceFirst})
                 : std::nullopt;
  std::optional<units::Vcix> vcix = instruction.vcix();
  // LLVM 19 does not tie the accumulator, and has no bf16 in f registers.
  constexpr uint32_t narrowFloatBits = 16;
  if (!vcix || instruction.readsDestination ||
      (instruction.format == units::Format::VectorFloat && call.form->sewBits <= narrowFloatBits))
    return std::nullopt;
  llvm::Intrinsic::ID id = llvm::Function::lookupIntrinsicID(vcix->intrinsic);
  return id ? std::optional(UnitIntrinsic{id, vcix->opcode}) : std::nullopt;
}

static const units::Instruction *withFormat(const std::vector<const units::Instruction *> &instructions,
                                            units::Format format) {
  auto found = llvm::find_if(instructions, [&](const units::Instruction *each) { return each->format == format; });
  return found == instructions.end() ? nullptr : *found;
}

/// The encoding of what `word` stands for, unmasked; itself if it is no stand-in.
static uint32_t withoutStandIn(uint32_t word, const std::vector<const units::Instruction *> &instructions) {
  for (const StandIn &each : standIns)
    if ((word & standInMask) == each.match)
      if (const units::Instruction *instruction = withFormat(instructions, each.format))
        return (word & operandBits) | instruction->match | (units::maskBit & ~instruction->mask);
  return word;
}

StandIns standInsOf(const llvm::Module &module) {
  StandIns result;
  for (const llvm::Function &function : module)
    if (function.hasFnAttribute(standInAttribute))
      result[function.getName().str()] = standInsOf(function);
  return result;
}

Result<void> replaceStandIns(std::vector<uint8_t> &object, const StandIns &functions) {
  llvm::MemoryBufferRef buffer(llvm::StringRef(reinterpret_cast<const char *>(object.data()), object.size()), "core");
  auto file = llvm::object::ELFObjectFile<llvm::object::ELF64LE>::create(buffer);
  if (!file)
    return internalError("core kernels: " + llvm::toString(file.takeError()));
  for (const llvm::object::ELFSymbolRef symbol : file->symbols()) {
    auto name = symbol.getName();
    auto function = name ? functions.find(std::string_view(*name)) : functions.end();
    if (function == functions.end())
      continue;
    auto section = symbol.getSection();
    auto address = symbol.getValue();
    if (!section || !address || *section == file->section_end())
      return internalError("core kernels: a function without a section");
    auto contents = (*section)->getContents();
    if (!contents || *address + symbol.getSize() > contents->size())
      return internalError("core kernels: a function outside its section");
    uint8_t *code = object.data() + (contents->bytes_begin() - buffer.getBuffer().bytes_begin()) + *address;
    using namespace llvm::support::endian;
    for (uint64_t at = 0; at + 2 <= symbol.getSize(); at += (code[at] & 3) == 3 ? 4 : 2)
      if ((code[at] & 3) == 3 && at + 4 <= symbol.getSize())
        write32le(code + at, withoutStandIn(read32le(code + at), function->second));
  }
  return {};
}

std::string replaceStandIns(const std::string &assembly, const StandIns &functions) {
  std::string result;
  auto function = functions.end();
  for (llvm::StringRef line : llvm::split(llvm::StringRef(assembly), '\n')) {
    llvm::StringRef label = line.take_until([](char c) { return c == ':'; });
    if (label.size() < line.size() && !label.starts_with(".") && !label.contains('\t'))
      function = functions.find(std::string_view(label));
    std::string text = line.str();
    for (const StandIn &each : standIns)
      if (size_t at = text.find(each.mnemonic); function != functions.end() && at != std::string::npos)
        if (const units::Instruction *instruction = withFormat(function->second, each.format))
          text.replace(at, each.mnemonic.size(), instruction->name);
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
