#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <llvm/MC/MCAsmBackend.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCCodeEmitter.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCObjectFileInfo.h>
#include <llvm/MC/MCObjectWriter.h>
#include <llvm/MC/MCParser/MCAsmParser.h>
#include <llvm/MC/MCParser/MCTargetAsmParser.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Triple.h>

extern "C" {
void LLVMInitializeRISCVTargetInfo();
void LLVMInitializeRISCVTarget();
void LLVMInitializeRISCVTargetMC();
void LLVMInitializeRISCVAsmParser();
void LLVMInitializeRISCVDisassembler();
}

using namespace weft::test;

struct RiscvTools::Impl {
  static constexpr const char *tripleText = "riscv64-unknown-elf";
  static constexpr const char *features = "+m,+a,+f,+d,+c,+v,+zicsr,+zifencei,+zfh,+zfhmin,+zvfh,+zvfhmin,+zfbfmin,"
                                          "+zvfbfmin,+zvfbfwma";
  llvm::Triple triple{tripleText};
  llvm::MCTargetOptions options;
  const llvm::Target *target = nullptr;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> asmInfo;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;

  explicit Impl(const std::string &extraFeatures) {
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTarget();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVAsmParser();
    LLVMInitializeRISCVDisassembler();
    std::string error;
    target = llvm::TargetRegistry::lookupTarget(tripleText, error);
    if (!target)
      FAIL(error);
    registers.reset(target->createMCRegInfo(tripleText));
    asmInfo.reset(target->createMCAsmInfo(*registers, tripleText, options));
    instructions.reset(target->createMCInstrInfo());
    subtarget.reset(target->createMCSubtargetInfo(tripleText, "", features + ("," + extraFeatures)));
    context = std::make_unique<llvm::MCContext>(triple, asmInfo.get(), registers.get(), subtarget.get());
    disassembler.reset(target->createMCDisassembler(*subtarget, *context));
    printer.reset(target->createMCInstPrinter(triple, 0, *asmInfo, *instructions, *registers));
    printer->setPrintBranchImmAsAddress(true);
    printer->applyTargetSpecificCLOption("no-aliases");
  }

  /// An ELF object.
  llvm::SmallVector<char, 0> object(const std::string &text) const {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text), llvm::SMLoc());
    std::string messages;
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &message, void *to) {
          *static_cast<std::string *>(to) += message.getMessage().str() + ": " + message.getLineContents().str() + "\n";
        },
        &messages);
    llvm::MCContext context(triple, asmInfo.get(), registers.get(), subtarget.get(), &sources, &options);
    std::unique_ptr<llvm::MCObjectFileInfo> info(target->createMCObjectFileInfo(context, /*PIC=*/false));
    context.setObjectFileInfo(info.get());
    llvm::SmallVector<char, 0> bytes;
    llvm::raw_svector_ostream stream(bytes);
    std::unique_ptr<llvm::MCAsmBackend> backend(target->createMCAsmBackend(*subtarget, *registers, options));
    std::unique_ptr<llvm::MCObjectWriter> writer = backend->createObjectWriter(stream);
    std::unique_ptr<llvm::MCCodeEmitter> emitter(target->createMCCodeEmitter(*instructions, context));
    std::unique_ptr<llvm::MCStreamer> streamer(target->createMCObjectStreamer(
        triple, context, std::move(backend), std::move(writer), std::move(emitter), *subtarget));
    std::unique_ptr<llvm::MCAsmParser> parser(llvm::createMCAsmParser(sources, context, *streamer, *asmInfo));
    std::unique_ptr<llvm::MCTargetAsmParser> targetParser(
        target->createMCAsmParser(*subtarget, *parser, *instructions, options));
    parser->setTargetParser(*targetParser);
    if (parser->Run(/*NoInitialTextSection=*/false))
      FAIL(messages);
    return bytes;
  }
};

RiscvTools::RiscvTools(const std::string &extraFeatures) : impl(std::make_unique<Impl>(extraFeatures)) {}
RiscvTools::~RiscvTools() = default;

std::vector<std::byte> RiscvTools::assemble(const std::string &text) const {
  llvm::SmallVector<char, 0> bytes = impl->object(text);
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef({bytes.data(), bytes.size()}, "text"));
  if (!file)
    FAIL(llvm::toString(file.takeError()));
  for (const llvm::object::SectionRef &section : (*file)->sections()) {
    llvm::Expected<llvm::StringRef> name = section.getName(), contents = section.getContents();
    if (!name || !contents)
      FAIL("unreadable section");
    if (*name != ".text")
      continue;
    auto *data = reinterpret_cast<const std::byte *>(contents->data());
    return {data, data + contents->size()};
  }
  FAIL("no .text");
  return {};
}

RiscvTools::Text RiscvTools::disassemble(uint32_t word, uint64_t pc) const {
  uint8_t bytes[4];
  std::memcpy(bytes, &word, sizeof bytes);
  llvm::MCInst instruction;
  uint64_t size = 0;
  auto status = impl->disassembler->getInstruction(instruction, size, {bytes, 4}, pc, llvm::nulls());
  if (status != llvm::MCDisassembler::Success)
    return {};
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  impl->printer->printInst(&instruction, pc, "", *impl->subtarget, stream);
  std::string text;
  for (char c : printed)
    if (c == '\t' || c == ' ')
      text += text.empty() || text.back() == ' ' ? "" : " ";
    else
      text += c;
  return {text, static_cast<unsigned>(size)};
}
