#include "core_replay.h"

#include "compiler/codegen/Link.h"
#include "compiler/codegen/MachineCode.h"
#include "runtime/package/CoreCode.h"
#include "sim/iss/Machine.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <unistd.h>

extern "C" void LLVMInitializeRISCVAsmParser();

namespace weft::test {
namespace {

constexpr uint64_t startAddress = 0x5000'0000, stackAddress = 0x5f00'0000, stackBytes = 0x10000,
                   dataAddress = 0x6000'0000;
constexpr size_t guardBytes = 64;
constexpr uint8_t guardValue = 0xa5;

/// Makes the calls of the list at dataAddress and writes the operands: [calls, first byte, bytes] {kernel, operands,
/// scalars}...
constexpr const char *startUp = R"(
  .globl _start
_start:
  lui sp, 0x5f010
  lui s0, 0x60000
  ld s1, 0(s0)
  addi s2, s0, 24
1:
  beqz s1, 2f
  ld t0, 0(s2)
  ld a0, 8(s2)
  ld a1, 16(s2)
  jalr t0
  addi s2, s2, 24
  addi s1, s1, -1
  j 1b
2:
  ld s3, 8(s0)
  ld s4, 16(s0)
3:
  beqz s4, 4f
  li a0, 1
  mv a1, s3
  mv a2, s4
  li a7, 64
  ecall
  blez a0, 5f
  add s3, s3, a0
  sub s4, s4, a0
  j 3b
4:
  li a0, 0
  li a7, 93
  ecall
5:
  li a0, 1
  li a7, 93
  ecall
)";

/// A program that calls kernels and writes all operands to standard output at its end.
struct ReplayProgram {
  std::vector<uint8_t> elf;
  std::vector<uint8_t> expected; // of the output
  std::vector<Real> real;        // for each byte of it
  struct Place {
    size_t offset = 0;
    std::string name; // "gemm_…: operand 2"
    size_t elementBytes = 4;
  };
  std::vector<Place> places; // by offset
};

template <typename T> void append(std::vector<uint8_t> &bytes, const T &value) {
  const auto *from = reinterpret_cast<const uint8_t *>(&value);
  bytes.insert(bytes.end(), from, from + sizeof(T));
}

Result<std::vector<uint8_t>> assembleStartUp(const hw::Isa &isa) {
  auto machine = codegen::makeTargetMachine(
      {"start-up", codegen::coreTriple, "generic-rv64", codegen::llvmFeatures(isa), "lp64d", false});
  if (!machine)
    return machine.takeError();
  LLVMInitializeRISCVAsmParser();
  llvm::LLVMContext context;
  llvm::Module module("start-up", context);
  module.setTargetTriple((*machine)->getTargetTriple().str());
  module.setDataLayout((*machine)->createDataLayout());
  module.setModuleInlineAsm(startUp);
  auto object = codegen::emitObject(module, **machine);
  if (!object)
    return object.takeError();
  pkg::KernelObjectT linked;
  auto image = codegen::linkStatic(*object, startAddress);
  if (!image)
    return image.takeError();
  linked.image = std::move(*image);
  auto code = runtime::readCoreCode(linked);
  if (!code)
    return code.takeError();
  return std::vector<uint8_t>(code->bytes.begin(), code->bytes.end());
}

/// The data of the calls: lists first, then operands between guards, each aligned to its element and to nothing more.
std::vector<uint8_t> layOut(const std::vector<HostCall> &calls, const std::map<std::string, uint64_t> &addresses,
                            ReplayProgram &program) {
  std::vector<uint8_t> head, lists, operands;
  size_t headBytes = 24 + 24 * calls.size(), listBytes = 0;
  for (const HostCall &call : calls)
    listBytes += 8 * (call.operands.size() + call.scalars.size());
  const uint64_t listsAt = dataAddress + headBytes, operandsAt = listsAt + listBytes;
  append<uint64_t>(head, calls.size());
  append<uint64_t>(head, operandsAt);
  append<uint64_t>(head, 0); // the bytes of the operands, below
  auto guard = [&](size_t bytes) {
    operands.insert(operands.end(), bytes, guardValue);
    program.expected.insert(program.expected.end(), bytes, guardValue);
    program.real.insert(program.real.end(), bytes, Real::No);
  };
  for (const HostCall &call : calls) {
    append<uint64_t>(head, addresses.at(call.kernel));
    append<uint64_t>(head, listsAt + lists.size());
    append<uint64_t>(head, listsAt + lists.size() + 8 * call.operands.size());
    for (size_t i = 0; i < call.operands.size(); ++i) {
      const HostCall::Operand &operand = call.operands[i];
      guard(guardBytes - operands.size() % guardBytes + operand.elementBytes);
      program.places.push_back({operands.size(), fmt::format("{}: operand {}", call.kernel, i), operand.elementBytes});
      append<uint64_t>(lists, operandsAt + operands.size());
      operands.insert(operands.end(), operand.before.begin(), operand.before.end());
      program.expected.insert(program.expected.end(), operand.after.begin(), operand.after.end());
      program.real.insert(program.real.end(), operand.after.size(), operand.real);
    }
    for (int64_t scalar : call.scalars)
      append(lists, scalar);
  }
  guard(guardBytes);
  uint64_t size = operands.size();
  std::memcpy(head.data() + 16, &size, 8);
  head.insert(head.end(), lists.begin(), lists.end());
  head.insert(head.end(), operands.begin(), operands.end());
  return head;
}

struct Part {
  uint64_t address = 0, memoryBytes = 0;
  std::span<const uint8_t> bytes;
  uint32_t flags = PF_R;
};

std::vector<uint8_t> makeElf(const std::vector<Part> &parts) {
  constexpr uint64_t page = 4096;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_RISCV;
  header.e_version = EV_CURRENT;
  header.e_entry = startAddress;
  header.e_phoff = sizeof header;
  header.e_flags = EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(parts.size());
  std::vector<uint8_t> elf;
  append(elf, header);
  uint64_t offset = page; // all headers fit the first page
  for (const Part &part : parts) {
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = part.flags;
    segment.p_offset = offset;
    segment.p_vaddr = segment.p_paddr = part.address;
    segment.p_filesz = part.bytes.size();
    segment.p_memsz = part.memoryBytes;
    segment.p_align = page;
    append(elf, segment);
    offset = (offset + part.bytes.size() + page - 1) / page * page;
  }
  for (const Part &part : parts) {
    elf.resize((elf.size() + page - 1) / page * page);
    elf.insert(elf.end(), part.bytes.begin(), part.bytes.end());
  }
  return elf;
}

Result<ReplayProgram> makeProgram(const pkg::KernelObjectT &object, const hw::Isa &isa,
                                  const std::vector<HostCall> &calls) {
  auto code = runtime::readCoreCode(object);
  if (!code)
    return code.takeError();
  auto start = assembleStartUp(isa);
  if (!start)
    return start.takeError();
  std::map<std::string, uint64_t> addresses;
  for (const runtime::CodeSymbol &symbol : code->symbols)
    addresses[symbol.name] = symbol.address;
  ReplayProgram program;
  for (const HostCall &call : calls)
    if (!addresses.contains(call.kernel))
      return internalError("no symbol " + call.kernel);
  std::vector<uint8_t> data = layOut(calls, addresses, program);
  program.elf = makeElf({{code->address, code->bytes.size(), code->bytes, PF_R | PF_X},
                         {startAddress, start->size(), *start, PF_R | PF_X},
                         {stackAddress, stackBytes, {}, PF_R | PF_W},
                         {dataAddress, data.size(), data, PF_R | PF_W}});
  return program;
}

Result<std::vector<uint8_t>> runOnQemu(const std::vector<uint8_t> &elf, const hw::Isa &isa) {
  std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("weft-core-replay-{}.elf", getpid())).string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(elf.data()), static_cast<std::streamsize>(elf.size()));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  // Vectors of f16 come with Zfh there.
  std::string command =
      fmt::format("qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0,vlen={},elen=64,Zfh=true {}", isa.vlenBits, path);
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return internalError("cannot start qemu-riscv64");
  std::vector<uint8_t> output;
  std::vector<uint8_t> buffer(1 << 16);
  while (size_t read = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.insert(output.end(), buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(read));
  int status = pclose(pipe);
  std::filesystem::remove(path);
  if (status != 0)
    return internalError(fmt::format("qemu-riscv64 ends with status {:#x}", status));
  return output;
}

Result<std::vector<uint8_t>> runOnSimulator(const std::vector<uint8_t> &file, const hw::Isa &isa) {
  auto elf = iss::readElf(std::as_bytes(std::span(file)), "replay");
  if (!elf)
    return elf.takeError();
  iss::Machine machine(isa);
  std::vector<std::vector<std::byte>> ranges;
  ranges.reserve(elf->segments.size());
  for (const iss::Segment &segment : elf->segments) {
    ranges.emplace_back(segment.memoryBytes);
    machine.memory().add({segment.address, ranges.back(),
                          static_cast<uint8_t>(iss::Memory::Read | iss::Memory::Write | iss::Memory::Execute)});
  }
  if (auto loaded = machine.load(*elf, "replay"); !loaded)
    return loaded.takeError();
  std::vector<uint8_t> output;
  machine.output = [&](int, std::string_view bytes) { output.insert(output.end(), bytes.begin(), bytes.end()); };
  machine.hart().pc = elf->entry;
  iss::Outcome outcome = machine.run({.maxInstructions = 2'000'000'000});
  if (outcome.stop != iss::Stop::Exited || outcome.exitCode != 0)
    return internalError(
        fmt::format("the simulator stops: {} (exit code {})", iss::describe(outcome), outcome.exitCode));
  return output;
}

/// Whether the number at `bytes` has the largest exponent and a mantissa that is not zero.
bool isNan(Real real, const uint8_t *bytes) {
  auto number = [&](size_t size) {
    uint64_t bits = 0;
    std::memcpy(&bits, bytes, size);
    return bits;
  };
  switch (real) {
  case Real::No:
    return false;
  case Real::F32:
    return (number(4) & 0x7fffffff) > 0x7f800000;
  case Real::F64:
    return (number(8) & 0x7fffffffffffffff) > 0x7ff0000000000000;
  case Real::F16:
    return (number(2) & 0x7fff) > 0x7c00;
  case Real::BF16:
    return (number(2) & 0x7fff) > 0x7f80;
  }
  return false;
}

std::string compare(const ReplayProgram &program, const std::vector<uint8_t> &output) {
  if (output.size() != program.expected.size())
    return fmt::format("{} bytes came out, not {}", output.size(), program.expected.size());
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] == program.expected[i])
      continue;
    auto next = std::upper_bound(program.places.begin(), program.places.end(), i,
                                 [](size_t at, const ReplayProgram::Place &place) { return at < place.offset; });
    if (next == program.places.begin())
      return fmt::format("byte {} before the first operand is written", i);
    const ReplayProgram::Place &place = *std::prev(next);
    size_t element = (i - place.offset) / place.elementBytes, at = place.offset + element * place.elementBytes;
    if (isNan(program.real[i], &program.expected[at]) && isNan(program.real[i], &output[at]))
      continue;
    uint64_t expected = 0, got = 0;
    std::memcpy(&expected, &program.expected[at], place.elementBytes);
    std::memcpy(&got, &output[at], place.elementBytes);
    return fmt::format("{}, element {}: {:#x} on the core, {:#x} on the host", place.name, element, got, expected);
  }
  return {};
}

} // namespace

std::string replayOnCore(mlir::ModuleOp kernels, const hw::Isa &isa, CoreRunner runner,
                         const std::vector<HostCall> &calls) {
  auto object = codegen::compileCoreKernels(kernels, {isa});
  if (!object)
    return object.error().message;
  auto program = makeProgram(*object, isa, calls);
  if (!program)
    return program.error().message;
  auto output = runner == CoreRunner::Qemu ? runOnQemu(program->elf, isa) : runOnSimulator(program->elf, isa);
  return output ? compare(*program, *output) : output.error().message;
}

} // namespace weft::test
