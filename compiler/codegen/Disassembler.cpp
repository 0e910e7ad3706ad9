#include "compiler/codegen/Disassembler.h"

#include "compiler/codegen/CoreTarget.h"
#include "compiler/codegen/UnitCalls.h"

#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstPrinter.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/MCTargetOptions.h"
#include "llvm/MC/TargetRegistry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <mutex>

extern "C" {
void LLVMInitializeRISCVTargetInfo();
void LLVMInitializeRISCVTargetMC();
void LLVMInitializeRISCVDisassembler();
}

namespace weft::codegen {

struct Disassembler::Impl {
  hw::Isa isa;
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> assembly;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCInstrAnalysis> analysis;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;

  /// The number of an x register; nothing for any other operand.
  std::optional<unsigned> integerRegister(const llvm::MCOperand &operand) const {
    if (!operand.isReg() || !operand.getReg())
      return std::nullopt;
    // Numbers repeat in each register file; the names of this one begin with X.
    llvm::StringRef name = registers->getName(operand.getReg());
    if (!name.consume_front("X") || name.empty() || !llvm::isDigit(name.front()))
      return std::nullopt;
    return registers->getEncodingValue(operand.getReg());
  }

  Instruction describe(const llvm::MCInst &inst, uint64_t address, uint64_t size) const {
    Instruction result;
    llvm::raw_string_ostream stream(result.text);
    printer->printInst(&inst, address, "", *subtarget, stream);
    const llvm::MCInstrDesc &kind = instructions->get(inst.getOpcode());
    result.loads = kind.mayLoad();
    result.stores = kind.mayStore();
    if (uint64_t target; analysis->evaluateBranch(inst, address, size, target))
      result.target = target;
    for (unsigned i = 0; i < inst.getNumOperands(); ++i)
      if (auto number = integerRegister(inst.getOperand(i))) {
        if (i < kind.getNumDefs())
          result.result = number;
        else
          result.sources.push_back(*number);
      } else if (inst.getOperand(i).isImm()) {
        result.immediate = inst.getOperand(i).getImm();
      }
    result.call = kind.isCall() || (result.target && result.result.value_or(0) != 0); // jal, which LLVM calls neither
    // Value first, address second, in every load and store.
    if ((result.loads || result.stores) && inst.getNumOperands() > 1)
      result.base = integerRegister(inst.getOperand(1));
    return result;
  }
};

Disassembler::Disassembler(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Disassembler::Disassembler(Disassembler &&) noexcept = default;
Disassembler &Disassembler::operator=(Disassembler &&) noexcept = default;
Disassembler::~Disassembler() = default;

Result<Disassembler> Disassembler::make(const hw::Isa &isa) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVDisassembler();
  });
  std::string problem;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(coreTriple, problem);
  if (!target)
    return internalError("this LLVM has no disassembler for RISC-V: " + problem);
  std::string features;
  for (const std::string &feature : llvmFeatures(isa))
    features += (features.empty() ? "+" : ",+") + feature;
  auto impl = std::make_unique<Impl>();
  impl->isa = isa;
  impl->registers.reset(target->createMCRegInfo(coreTriple));
  impl->assembly.reset(target->createMCAsmInfo(*impl->registers, coreTriple, impl->options));
  impl->subtarget.reset(target->createMCSubtargetInfo(coreTriple, "generic-rv64", features));
  impl->instructions.reset(target->createMCInstrInfo());
  impl->analysis.reset(target->createMCInstrAnalysis(impl->instructions.get()));
  impl->context = std::make_unique<llvm::MCContext>(llvm::Triple(coreTriple), impl->assembly.get(),
                                                    impl->registers.get(), impl->subtarget.get());
  impl->disassembler.reset(target->createMCDisassembler(*impl->subtarget, *impl->context));
  impl->printer.reset(
      target->createMCInstPrinter(llvm::Triple(coreTriple), 0, *impl->assembly, *impl->instructions, *impl->registers));
  if (!impl->disassembler || !impl->printer || !impl->analysis)
    return internalError("this LLVM has no disassembler for RISC-V");
  impl->printer->setPrintBranchImmAsAddress(true);
  impl->printer->setPrintImmHex(false);
  return Disassembler(std::move(impl));
}

std::vector<Instruction> Disassembler::read(const runtime::CoreCode &code, uint64_t address, uint64_t bytes) const {
  std::vector<Instruction> result;
  llvm::ArrayRef<uint8_t> rest(code.bytes.data() + (address - code.address), bytes);
  while (rest.size() >= 2) {
    llvm::MCInst inst;
    uint64_t size = 0;
    auto status = impl->disassembler->getInstruction(inst, size, rest, address, llvm::nulls());
    Instruction next;
    if (status == llvm::MCDisassembler::Success) {
      next = impl->describe(inst, address, size);
    } else {
      // The two lowest bits tell the length, known or not.
      size = (rest[0] & 3) == 3 && rest.size() >= 4 ? 4 : 2;
    }
    next.address = address;
    next.bytes = static_cast<unsigned>(size);
    for (uint64_t i = 0; i < size; ++i)
      next.word |= static_cast<uint32_t>(rest[i]) << (8 * i);
    if (std::string unit = size == 4 ? unitText(next.word, impl->isa) : ""; !unit.empty())
      next.text = "\t" + unit;
    if (next.text.empty())
      next.text = size == 4 ? fmt::format("\t.word\t{:#010x}", next.word) : fmt::format("\t.half\t{:#06x}", next.word);
    result.push_back(std::move(next));
    address += size;
    rest = rest.drop_front(size);
  }
  return result;
}

/// "kernel.body+0x1c", the function that `address` lies in.
static std::string place(const runtime::CoreCode &code, uint64_t address) {
  for (const runtime::CodeSymbol &symbol : code.symbols)
    if (address >= symbol.address && address - symbol.address < symbol.bytes)
      return address == symbol.address ? symbol.name : fmt::format("{}+{:#x}", symbol.name, address - symbol.address);
  return "constants";
}

Result<std::string> disassemble(const pkg::KernelObjectT &object, const std::string &kernel) {
  auto code = runtime::readCoreCode(object);
  if (!code)
    return code.takeError();
  auto isa = hw::parseIsa(object.cpu);
  if (!isa)
    return isa.takeError();
  auto disassembler = Disassembler::make(*isa);
  if (!disassembler)
    return disassembler.takeError();
  std::string text;
  for (const runtime::CodeSymbol &symbol : code->symbols) {
    if (!kernel.empty() && symbol.name != kernel && symbol.name != kernel + ".body")
      continue;
    text += fmt::format("{:016x} <{}>: {} bytes\n", symbol.address, symbol.name, symbol.bytes);
    for (const Instruction &instruction : disassembler->read(*code, symbol.address, symbol.bytes))
      text += fmt::format("{:>10x}: {:<8} {}{}\n", instruction.address,
                          fmt::format("{:0{}x}", instruction.word, 2 * instruction.bytes), instruction.text,
                          instruction.target ? " <" + place(*code, *instruction.target) + ">" : "");
    text += "\n";
  }
  if (text.empty() && !kernel.empty()) {
    std::vector<std::string> names;
    for (const runtime::KernelSize &size : runtime::kernelSizes(*code))
      names.push_back(size.name);
    return userError(fmt::format("the package has no kernel '{}'; it has {}", kernel, fmt::join(names, ", ")));
  }
  return text;
}

} // namespace weft::codegen
