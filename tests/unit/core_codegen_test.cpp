// The RISC-V object of a model's kernels: what is in it, for every core, and what must not be.
#include "kernels_support.h"

#include "compiler/codegen/CheckFrames.h"
#include "compiler/codegen/Disassembler.h"
#include "compiler/codegen/Link.h"
#include "compiler/codegen/MachineCode.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <fmt/format.h>

#include <elf.h>
#include <set>

extern "C" void LLVMInitializeRISCVAsmParser();

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

static codegen::CoreTarget core(const std::string &isa) {
  auto parsed = hw::parseIsa(isa);
  REQUIRE(parsed);
  return {*parsed};
}

static pkg::KernelObjectT compileFor(mlir::ModuleOp module, const codegen::CoreTarget &target) {
  auto object = codegen::compileCoreKernels(module, target);
  if (!object)
    FAIL(object.error().message);
  return std::move(*object);
}

/// Sections of an image that take memory and may be written, and symbols that nothing defines.
static std::vector<std::string> problemsOf(const std::vector<uint8_t> &image) {
  std::vector<std::string> problems;
  Elf64_Ehdr header;
  std::memcpy(&header, image.data(), sizeof header);
  for (size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, image.data() + header.e_shoff + i * sizeof section, sizeof section);
    if ((section.sh_flags & SHF_ALLOC) && (section.sh_flags & SHF_WRITE))
      problems.push_back("writable section");
    if (section.sh_type == SHT_RELA || section.sh_type == SHT_DYNAMIC)
      problems.push_back("relocations");
    if (section.sh_type != SHT_SYMTAB)
      continue;
    for (size_t k = 1; k < section.sh_size / sizeof(Elf64_Sym); ++k) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, image.data() + section.sh_offset + k * sizeof symbol, sizeof symbol);
      if (symbol.st_shndx == SHN_UNDEF)
        problems.push_back("undefined symbol");
    }
  }
  return problems;
}

static constexpr const char *narrowTypes[] = {
    "", "_zfhmin", "_zfh_zvfh", "_zfhmin_zvfhmin", "_zfbfmin_zvfbfmin", "_zvfh_zvfbfwma"};

/// Each kernel of a model is in the object of the core, without spills in its loops, and what it takes adds up.
static pkg::KernelObjectT checkObject(Suite &suite, const std::string &isa) {
  std::set<std::string> names;
  for (const auto &kernel : codegen::describeKernels(*suite))
    names.insert(kernel->name);
  codegen::CoreTarget target = core(isa);
  INFO(hw::isaText(target.isa));
  pkg::KernelObjectT object = compileFor(*suite, target);
  auto code = runtime::readCoreCode(object);
  REQUIRE(code);
  auto spills = codegen::findLoopSpills(*code, target.isa);
  REQUIRE(spills);
  REQUIRE(spills->empty());
  REQUIRE(object.triple == "riscv64-unknown-elf");
  REQUIRE(object.cpu == hw::isaText(target.isa));
  REQUIRE(object.features.empty());
  REQUIRE(problemsOf(object.image).empty());
  REQUIRE(code->address == target.codeAddress);
  std::set<std::string> symbols;
  for (const runtime::CodeSymbol &symbol : code->symbols)
    symbols.insert(symbol.name);
  for (const std::string &name : names)
    REQUIRE(symbols.contains(name));
  uint64_t sum = 0;
  for (const runtime::KernelSize &size : runtime::kernelSizes(*code)) {
    REQUIRE(names.contains(size.name));
    REQUIRE(size.bytes > 0);
    sum += size.bytes;
  }
  REQUIRE(sum <= code->bytes.size());
  return object;
}

/// Vectors of all lengths with all narrow types; `few`: each length and each set of types once or twice, tiles of one
/// row or of several in turn. The first object.
static pkg::KernelObjectT checkObjects(bool few) {
  std::optional<pkg::KernelObjectT> first;
  for (size_t type = 0; type < std::size(narrowTypes); ++type) {
    Suite suite;
    buildModelKernels(*suite, few && first ? std::vector<int64_t>{type % 2 ? 4 : 1} : std::vector<int64_t>{4, 1});
    for (size_t length = 0; length < 4; ++length)
      if (!few || type % 4 == length) {
        auto object = checkObject(suite, fmt::format("rv64gcv_zvl{}b{}", 128 << length, narrowTypes[type]));
        if (!first)
          first = std::move(object);
      }
  }
  return std::move(*first);
}

TEST_CASE("every kernel compiles for cores of each kind into one segment without undefined symbols, the same bytes "
          "each time and no path of this machine in it") {
  const pkg::KernelObjectT object = checkObjects(true);
  Suite again;
  buildModelKernels(*again);
  REQUIRE(object.image == compileFor(*again, core("rv64gcv_zvl128b")).image);
  std::string text(object.image.begin(), object.image.end());
  REQUIRE(text.find("/tmp") == std::string::npos);
}

TEST_CASE("every kernel compiles for every core into one segment without undefined symbols", "[.long]") {
  (void)checkObjects(false);
}

// ---- the check of inner loops ----------------------------------------------------------------------------------

/// Assembler text, assembled and linked.
static pkg::KernelObjectT assemble(const std::string &text, const codegen::CoreTarget &target) {
  auto machine = codegen::makeTargetMachine(
      {"test", codegen::coreTriple, "generic-rv64", codegen::llvmFeatures(target.isa), "lp64d", false});
  REQUIRE(machine);
  LLVMInitializeRISCVAsmParser();
  llvm::LLVMContext context;
  llvm::Module module("test", context);
  module.setTargetTriple((*machine)->getTargetTriple().str());
  module.setDataLayout((*machine)->createDataLayout());
  module.setModuleInlineAsm(text);
  auto object = codegen::emitObject(module, **machine);
  REQUIRE(object);
  pkg::KernelObjectT result;
  result.triple = codegen::coreTriple;
  result.cpu = hw::isaText(target.isa);
  auto image = codegen::linkStatic(*object, target.codeAddress);
  if (!image)
    FAIL(image.error().message);
  result.image = std::move(*image);
  return result;
}

static std::vector<codegen::LoopSpill> spillsOf(const std::string &body) {
  codegen::CoreTarget target = core("rv64gcv_zvl256b");
  pkg::KernelObjectT object =
      assemble(".globl odd\n.type odd,@function\nodd:\n" + body + "\n.size odd, .-odd\n", target);
  auto code = runtime::readCoreCode(object);
  REQUIRE(code);
  REQUIRE(code->symbols.size() == 1);
  auto spills = codegen::findLoopSpills(*code, target.isa);
  REQUIRE(spills);
  return *spills;
}

TEST_CASE("an inner loop that uses the stack is found and named") {
  // Directly, through a copy of the stack pointer, through an address made with vlenb, and a vector register.
  for (const char *body : {"1: flw fa0, 8(sp)\n addi a1, a1, -1\n bnez a1, 1b\n ret",
                           "1: fsd fa0, 8(sp)\n c.addi a1, -1\n c.bnez a1, 1b\n ret",
                           "addi a2, sp, 16\n1: vl1r.v v8, (a2)\n addi a1, a1, -1\n bnez a1, 1b\n ret",
                           "1: csrr a0, vlenb\n slli a0, a0, 3\n add a0, a0, sp\n addi a0, a0, 32\n vs4r.v v8, (a0)\n"
                           " addi a1, a1, -1\n bnez a1, 1b\n ret"}) {
    INFO(body);
    std::vector<codegen::LoopSpill> spills = spillsOf(body);
    REQUIRE(spills.size() == 1);
    REQUIRE(spills.front().function == "odd");
    REQUIRE(spills.front().message.find("odd") != std::string::npos);
    REQUIRE(spills.front().message.find("uses the stack") != std::string::npos);
  }
  // An integer, around an inner loop, before it, and where a register no longer holds an
  // address of the frame.
  for (const char *body : {"1: ld a0, 8(sp)\n addi a1, a1, -1\n bnez a1, 1b\n ret",
                           "2: ld a0, 8(sp)\n1: addi a1, a1, -1\n bnez a1, 1b\n addi a2, a2, -1\n bnez a2, 2b\n ret",
                           "sd s0, 8(sp)\n1: addi a1, a1, -1\n bnez a1, 1b\n ld s0, 8(sp)\n ret",
                           "addi a2, sp, 16\n mv a2, a3\n1: vl1r.v v8, (a2)\n addi a1, a1, -1\n bnez a1, 1b\n ret"}) {
    INFO(body);
    REQUIRE(spillsOf(body).empty());
  }
}

TEST_CASE("a function takes the stack of its frame and of what it calls") {
  codegen::CoreTarget target = core("rv64gcv_zvl256b");
  auto function = [](const std::string &name, const std::string &body) {
    return ".globl " + name + "\n.type " + name + ",@function\n" + name + ":\n" + body + "\n.size " + name + ", .-" +
           name + "\n";
  };
  pkg::KernelObjectT object = assemble(
      function("leaf", "addi sp, sp, -48\n addi sp, sp, 48\n ret") +
          function("large", "lui t0, 1\n addiw t0, t0, 1920\n sub sp, sp, t0\n jal leaf\n add sp, sp, t0\n ret") +
          function("outer", "addi sp, sp, -16\n jal leaf\n jal large\n addi sp, sp, 16\n ret") +
          function("tail", "j outer") + function("itself", "addi sp, sp, -32\n jal itself\n ret") +
          function("none", "li t0, 4096\n add a0, a0, t0\n addi a1, sp, -64\n ret"),
      target);
  auto code = runtime::readCoreCode(object);
  REQUIRE(code);
  auto needs = codegen::stackNeeds(*code, target.isa);
  REQUIRE(needs);
  REQUIRE(*needs == std::map<std::string, uint64_t>{{"leaf", 48},
                                                    {"large", 4096 + 1920 + 48},
                                                    {"outer", 16 + 4096 + 1920 + 48},
                                                    {"tail", 16 + 4096 + 1920 + 48},
                                                    {"itself", 32},
                                                    {"none", 0}});
}

// ---- disassembly ------------------------------------------------------------------------------------------------

TEST_CASE("disassembly shows labels, targets and words that no instruction has") {
  codegen::CoreTarget target = core("rv64gcv_zvl256b");
  pkg::KernelObjectT object = assemble(".globl twice\n.type twice,@function\ntwice:\n"
                                       "1: vfmacc.vf v8, fa5, v12\n c.addi a0, -1\n bnez a0, 1b\n"
                                       ".word 0x0ab5350b\n c.jr ra\n.size twice, .-twice\n"
                                       ".globl other\n.type other,@function\nother: c.jr ra\n.size other, .-other\n",
                                       target);
  auto text = codegen::disassemble(object, "");
  REQUIRE(text);
  INFO(*text);
  for (const char *part : {"<twice>: 14 bytes", "vfmacc.vf\tv8, fa5, v12", "addi\ta0, a0, -1", "<twice>\n",
                           ".word\t0x0ab5350b", "<other>:"})
    REQUIRE(text->find(part) != std::string::npos);
  auto one = codegen::disassemble(object, "other");
  REQUIRE(one);
  REQUIRE(one->find("twice") == std::string::npos);
  auto none = codegen::disassemble(object, "gemm");
  REQUIRE(!none);
  REQUIRE(none.error().message.find("it has other, twice") != std::string::npos);
}

TEST_CASE("a damaged object is an error, never a crash") {
  Suite suite;
  buildAdd(*suite, 3, 20);
  pkg::KernelObjectT whole = compileFor(*suite, core("rv64gcv_zvl256b"));
  REQUIRE(codegen::disassemble(whole, ""));
  std::mt19937 random(9);
  for (size_t size = 0; size < whole.image.size(); size += 7) {
    pkg::KernelObjectT cut = whole;
    cut.image.resize(size);
    REQUIRE(!runtime::readCoreCode(cut));
  }
  for (int i = 0; i < 2000; ++i) {
    pkg::KernelObjectT damaged = whole;
    for (int bytes = 0; bytes < 4; ++bytes)
      damaged.image[random() % damaged.image.size()] = static_cast<uint8_t>(random());
    (void)codegen::disassemble(damaged, ""); // an error or another text
  }
}

TEST_CASE("assembler text names each kernel") {
  Suite suite;
  TileKernel add = buildAdd(*suite, 3, 20);
  auto text = codegen::assembleCoreKernels(*suite, core("rv64gcv_zvl256b"));
  REQUIRE(text);
  REQUIRE(text->find(add.name + ":") != std::string::npos);
  REQUIRE(text->find("vfadd.vv") != std::string::npos);
}

TEST_CASE("a transpose goes along its longer side, loads or stores at a stride, and moves no element alone") {
  for (unsigned vlen : {128, 1024})
    for (int64_t n : {2, 44, 300}) {
      Suite suite;
      buildTranspose(*suite, 16, n);
      auto text = codegen::assembleCoreKernels(*suite, core(fmt::format("rv64gcv_zvl{}b", vlen)));
      REQUIRE(text);
      INFO(*text);
      REQUIRE(text->find(n > 16 ? "vsse32.v" : "vlse32.v") != std::string::npos);
      for (const char *slower : {"vsoxei", "vsuxei", "vluxei", "\tfsw\t", "\tflw\t"})
        REQUIRE(text->find(slower) == std::string::npos);
    }
}
