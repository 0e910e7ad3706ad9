// Each instruction of each custom unit from its `rv` op to machine code: what a core computes with it is what the
// golden model does, bit for bit. All tests loop over the table, so that they hold for a unit that is added.
#include "core_replay.h"

#include "compiler/codegen/Disassembler.h"
#include "dialects/rv/Rv.h"
#include "kernels/units/RandomCalls.h"
#include "runtime/package/CoreCode.h"
#include "sim/iss/Machine.h"
#include "sim/iss/Units.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

using namespace weft;
using namespace weft::test;
using units::ElementType;
using units::Format;

namespace {

hw::Isa everyUnit(uint32_t vlenBits) {
  hw::Isa isa;
  isa.vlenBits = vlenBits;
  for (size_t i = 0; i < units::all().size(); ++i)
    if (!units::all()[i].instructions.empty())
      isa.units |= 1U << i;
  return isa;
}

mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext &context, const std::string &text) {
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::memref::MemRefDialect,
                      mlir::vector::VectorDialect, rv::RvDialect>();
  INFO(text);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  REQUIRE(module);
  return module;
}

std::string_view elementName(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return "f32";
  case ElementType::Bf16:
    return "bf16";
  default:
    return units::bitsOf(type) == 8 ? "i8" : "i32";
  }
}

/// A kernel in MLIR that makes one call of an instruction, on buffers: first vd, then vs2, then the third operand.
class CallKernel {
public:
  CallKernel(const units::Instruction &instruction, const units::RandomCall &call)
      : instruction(instruction), call(call), isBatched(instruction.format == Format::Batched),
        results(isBatched ? call.vdRegisters * call.call.vlenBits / bitsOf(call.form->vd) : call.call.vl) {}

  std::string text(const std::string &name) {
    const units::Form &form = *call.form;
    load("vd", form.vd, results, instruction.readsDestination);
    if (isBatched)
      loadRows();
    else
      load("vs2", form.vs2, call.call.vl, true);
    if (call.vs1Registers)
      load("third", form.third, call.call.vl, true);
    else if (form.third != ElementType::None)
      loadScalar();
    std::string result = fmt::format("vector<{}x{}>", results, elementName(form.vd));
    return fmt::format("func.func @{}({}) attributes {{weft.kernel}} {{\n  %z = arith.constant 0 : index\n{}"
                       "  %r = rv.{} {} {{{}}} : ({}) -> {}\n  vector.store %r, %vd[%z] : {}, {}\n  return\n}}\n",
                       name, arguments, body, instruction.id, operands, attributes(), types, result,
                       memref(form.vd, fmt::format("{}", results)), result);
  }

  HostCall hostCall(const std::string &name) const {
    const units::Form &form = *call.form;
    HostCall made;
    made.kernel = name;
    auto add = [&](ElementType type, const void *data, size_t count) {
      const auto *bytes = static_cast<const uint8_t *>(data);
      const size_t size = bitsOf(type) / 8;
      std::vector<uint8_t> all(bytes, bytes + count * size);
      made.operands.push_back({all, all, size, Real::No});
    };
    add(form.vd, call.vd.data(), results);
    add(form.vs2, call.vs2.data(), isBatched ? call.vs2.size() * 8 / bitsOf(form.vs2) : call.call.vl);
    if (call.vs1Registers)
      add(form.third, call.vs1.data(), call.call.vl);
    else if (form.third != ElementType::None)
      add(form.third, &call.call.scalar, 1);
    std::vector<std::byte> vd = call.vd;
    units::VectorCall golden = call.call;
    golden.vd = vd.data();
    instruction.golden(golden);
    std::memcpy(made.operands[0].after.data(), vd.data(), made.operands[0].after.size());
    return made;
  }

private:
  static std::string memref(ElementType type, const std::string &extents) {
    return fmt::format("memref<{}x{}>", extents, elementName(type));
  }
  void argument(const std::string &name, const std::string &type) {
    arguments += fmt::format("{}%{}: {}", arguments.empty() ? "" : ", ", name, type);
  }
  void operand(const std::string &value, const std::string &type) {
    const char *between = operands.empty() ? "" : ", ";
    operands += between + value;
    types += between + type;
  }

  void load(const std::string &name, ElementType type, uint32_t count, bool isOperand) {
    const std::string buffer = memref(type, fmt::format("{}", count)),
                      vector = fmt::format("vector<{}x{}>", count, elementName(type));
    argument(name, buffer);
    if (!isOperand)
      return;
    body += fmt::format("  %{0}_v = vector.load %{0}[%z] : {1}, {2}\n", name, buffer, vector);
    operand("%" + name + "_v", vector);
  }

  /// A register each, of which the first vl elements count.
  void loadRows() {
    const std::string_view element = elementName(call.form->vs2);
    const std::string buffer = memref(call.form->vs2, fmt::format("8x{}", call.call.vlenBits / bitsOf(call.form->vs2)));
    const std::string row = fmt::format("vector<{}x{}>", call.call.vl, element),
                      all = fmt::format("vector<8x{}x{}>", call.call.vl, element);
    argument("vs2", buffer);
    body += fmt::format("  %rows0 = arith.constant dense<0{}> : {}\n", element == "bf16" ? ".0" : "", all);
    for (int i = 0; i < 8; ++i)
      body += fmt::format("  %i{0} = arith.constant {0} : index\n  %row{0} = vector.load %vs2[%i{0}, %z] : {1}, {2}\n"
                          "  %rows{3} = vector.insert %row{0}, %rows{0} [{0}] : {2} into {4}\n",
                          i, buffer, row, i + 1, all);
    operand("%rows8", all);
  }

  void loadScalar() {
    argument("third", memref(call.form->third, "1"));
    body += fmt::format("  %scalar = memref.load %third[%z] : {}\n", memref(call.form->third, "1"));
    operand("%scalar", std::string(elementName(call.form->third)));
  }

  std::string attributes() const {
    auto isAlternate = [](const units::Form &form) { return form.alternate; };
    std::string list;
    if (isBatched)
      list = fmt::format("ci = {} : i64", call.call.immediate);
    if (instruction.format == Format::VectorImmediate)
      list = fmt::format("immediate = {} : i64", call.call.immediate);
    if (call.form->alternate && !std::all_of(instruction.forms.begin(), instruction.forms.end(), isAlternate))
      list += list.empty() ? "altfmt" : ", altfmt";
    return list;
  }

  const units::Instruction &instruction;
  const units::RandomCall &call;
  bool isBatched;
  uint32_t results;
  std::string arguments, body, operands, types;
};

std::string replay(uint32_t vlenBits, const std::string &text, const std::vector<HostCall> &calls) {
  mlir::MLIRContext context;
  auto module = parse(context, text);
  return replayOnCore(*module, everyUnit(vlenBits), CoreRunner::Simulator, calls);
}

} // namespace

TEST_CASE("machine code of each unit instruction computes what its golden model does") {
  constexpr int callsOfEach = 10;
  for (uint32_t vlen : {128U, 256U, 512U, 1024U})
    for (const units::Unit &unit : units::all())
      for (const units::Instruction &each : unit.instructions) {
        if (!each.golden)
          continue;
        units::RandomCalls random(each, vlen, 7 * vlen);
        std::string text;
        std::vector<HostCall> calls;
        size_t changed = 0;
        // Of zeros, say, an instruction may change nothing: enough others have to be there.
        while (calls.size() < callsOfEach || changed <= callsOfEach / 2) {
          REQUIRE(calls.size() < 5 * callsOfEach);
          units::RandomCall call = random.next();
          call.call.mask = nullptr; // rv ops have no masks
          if (call.call.vl == 0)
            continue;
          const std::string name = fmt::format("{}_{}", each.id, calls.size());
          text += CallKernel(each, call).text(name);
          calls.push_back(CallKernel(each, call).hostCall(name));
          changed += calls.back().operands[0].before != calls.back().operands[0].after;
        }
        INFO(fmt::format("VLEN {}\n{}", vlen, text));
        CHECK(replay(vlen, text, calls) == "");
      }
}

// ---- several in one function ---------------------------------------------------------------------------------------

namespace {

/// Instructions that add to words what they make of words, all in one format.
std::vector<const units::Instruction *> wordAccumulators(Format format) {
  std::vector<const units::Instruction *> result;
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      if (each.format == format && each.readsDestination && each.forms[0].vd == ElementType::I32 &&
          elementName(each.forms[0].vs2) == "i32")
        result.push_back(&each);
  return result;
}

} // namespace

TEST_CASE("instructions of one format in one function do not become each other") {
  for (Format format : {Format::VectorVector, Format::VectorScalar}) {
    const auto instructions = wordAccumulators(format);
    REQUIRE(instructions.size() > 1);
    std::string body, previous = "%acc";
    constexpr uint32_t count = 11;
    std::mt19937_64 random(3);
    HostCall call{"chain", {}, {}};
    for (size_t words : {count, count, format == Format::VectorVector ? count : 1U}) {
      std::vector<uint8_t> bytes(4 * words);
      std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<uint8_t>(random()); });
      call.operands.push_back({bytes, bytes, 4, Real::No});
    }
    auto bytesOf = [&](size_t operand) { return reinterpret_cast<std::byte *>(call.operands[operand].after.data()); };
    units::VectorCall golden{.vlenBits = 128, .sewBits = 32, .lmulEighths = 32, .vl = count};
    golden.vs2 = bytesOf(1);
    golden.vd = bytesOf(0);
    if (format == Format::VectorVector)
      golden.vs1 = bytesOf(2);
    else
      std::memcpy(&golden.scalar, bytesOf(2), 4);
    const std::string third = format == Format::VectorVector ? "vector<11xi32>" : "i32";
    for (const units::Instruction *each : instructions) {
      body += fmt::format("  %{0} = rv.{0} {1}, %x, %y : (vector<11xi32>, vector<11xi32>, {2}) -> vector<11xi32>\n",
                          each->id, previous, third);
      previous = fmt::format("%{}", each->id);
      each->golden(golden);
    }
    const std::string load = format == Format::VectorVector ? "vector.load %c[%z] : memref<11xi32>, vector<11xi32>"
                                                            : "memref.load %c[%z] : memref<1xi32>";
    const std::string text = fmt::format(
        "func.func @chain(%a: memref<11xi32>, %b: memref<11xi32>, %c: memref<{}xi32>) attributes {{weft.kernel}} {{\n"
        "  %z = arith.constant 0 : index\n  %acc = vector.load %a[%z] : memref<11xi32>, vector<11xi32>\n"
        "  %x = vector.load %b[%z] : memref<11xi32>, vector<11xi32>\n  %y = {}\n{}"
        "  vector.store {}, %a[%z] : memref<11xi32>, vector<11xi32>\n  return\n}}\n",
        format == Format::VectorVector ? 11 : 1, load, body, previous);
    INFO(text);
    for (uint32_t vlen : {128U, 256U})
      CHECK(replay(vlen, text, {call}) == "");
  }
}

TEST_CASE("a group of eight registers carries ci, and vtype altfmt") {
  mlir::MLIRContext context;
  auto module = parse(context, R"(
    func.func @k(%d: memref<16xf32>, %b: memref<8x32xbf16>, %a: memref<32xbf16>) attributes {weft.kernel} {
      %z = arith.constant 0 : index
      %acc = vector.load %d[%z] : memref<16xf32>, vector<16xf32>
      %x = vector.load %a[%z] : memref<32xbf16>, vector<32xbf16>
      %rows = vector.broadcast %x : vector<32xbf16> to vector<8x32xbf16>
      %r = rv.vfwbdota_vv %acc, %rows, %x {ci = 1 : i64} : (vector<16xf32>, vector<8x32xbf16>, vector<32xbf16>) -> vector<16xf32>
      vector.store %r, %d[%z] : memref<16xf32>, vector<16xf32>
      return
    })");
  const hw::Isa isa = everyUnit(512);
  auto object = codegen::compileCoreKernels(*module, {isa});
  REQUIRE(object);
  auto text = codegen::disassemble(*object, "");
  if (!text)
    FAIL(text.error().message);
  auto code = codegen::assembleCoreKernels(*module, {isa});
  REQUIRE(code);
  INFO(*text << *code);
  CHECK_THAT(*text, Catch::Matchers::Matches("[^]*vfwbdota\\.vv\tv[0-9]+, v(0|8|16|24), v[0-9]+, 1\n[^]*"));
  CHECK_THAT(*code, Catch::Matchers::Contains("vsetvli") && Catch::Matchers::Contains(", 264") &&
                        Catch::Matchers::Contains(".insn r 119, 1, 89, "));
}

// ---- scalar units ------------------------------------------------------------------------------------------------

namespace {

/// Takes all, and gives words that say where they are from.
struct RecordingPort : iss::MeshPort {
  std::vector<std::pair<uint32_t, uint32_t>> puts;
  uint32_t routes() const override { return 4096; }
  bool put(uint32_t route, uint32_t word) override {
    puts.emplace_back(route, word);
    return true;
  }
  std::optional<uint32_t> get(uint32_t route) override { return wordOf(route); }
  static uint32_t wordOf(uint32_t route) { return 0x80000001U + 7 * route; }
};

/// Calls kernel `k` with one buffer of a word, and returns what that holds then.
uint32_t callOnWord(const runtime::CoreCode &code, const hw::Isa &isa, iss::MeshPort &port, uint32_t word) {
  constexpr uint64_t ramAddress = 0x10000, wordAt = 64, listAt = 128;
  constexpr uint32_t exit[] = {0x05d00893, 0x00000073}; // li a7, 93; ecall
  std::vector<std::byte> ram(4096), text(code.bytes.size());
  std::memcpy(text.data(), code.bytes.data(), text.size());
  std::memcpy(ram.data(), exit, sizeof exit);
  std::memcpy(ram.data() + wordAt, &word, sizeof word);
  const uint64_t pointer = ramAddress + wordAt;
  std::memcpy(ram.data() + listAt, &pointer, sizeof pointer);
  iss::Machine machine(isa);
  const uint8_t all = iss::Memory::Read | iss::Memory::Write | iss::Memory::Execute;
  machine.memory().add({ramAddress, ram, all});
  machine.memory().add({code.address, text, all});
  iss::Hart &hart = machine.hart();
  hart.meshPort = &port;
  hart.x[1] = ramAddress;
  hart.x[2] = ramAddress + ram.size();
  hart.x[10] = ramAddress + listAt;
  for (const runtime::CodeSymbol &symbol : code.symbols)
    if (symbol.name == "k")
      hart.pc = symbol.address;
  iss::Outcome outcome = machine.run({.maxInstructions = 1000});
  INFO(iss::describe(outcome));
  REQUIRE(outcome.stop == iss::Stop::Exited);
  std::memcpy(&word, ram.data() + wordAt, sizeof word);
  return word;
}

} // namespace

TEST_CASE("machine code of each scalar unit's instruction uses the route") {
  const hw::Isa isa = everyUnit(256);
  size_t tried = 0;
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      for (uint32_t route : {0U, 3U, 2047U, 2048U, 4095U}) {
        if (unit.kind != units::Kind::Scalar)
          continue;
        ++tried;
        const bool isPut = each.format == Format::RoutePut;
        REQUIRE((isPut || each.format == Format::RouteGet));
        const std::string use =
            isPut ? fmt::format("%v = memref.load %b[%z] : memref<1xi32>\n rv.{} %v {{route = {} : i64}} : (i32) -> ()",
                                each.id, route)
                  : fmt::format("%v = rv.{} {{route = {} : i64}} : () -> i32\n memref.store %v, %b[%z] : memref<1xi32>",
                                each.id, route);
        mlir::MLIRContext context;
        auto module = parse(context, fmt::format("func.func @k(%b: memref<1xi32>) attributes {{weft.kernel}} {{\n"
                                                 "%z = arith.constant 0 : index\n{}\nreturn\n}}\n",
                                                 use));
        auto object = codegen::compileCoreKernels(*module, {isa});
        REQUIRE(object);
        auto code = runtime::readCoreCode(*object);
        REQUIRE(code);
        RecordingPort port;
        constexpr uint32_t word = 0xfedcba98;
        const uint32_t after = callOnWord(*code, isa, port, word);
        CHECK(after == (isPut ? word : RecordingPort::wordOf(route)));
        CHECK(port.puts == (isPut ? std::vector<std::pair<uint32_t, uint32_t>>{{route, word}}
                                  : std::vector<std::pair<uint32_t, uint32_t>>{}));
      }
  CHECK(tried > 0);
}
