// Kernels in RISC-V machine code on the SRAM of a core: what they compute, and what becomes of those that misbehave.
#include "sim/iss/KernelMachine.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <iterator>

using namespace weft;
using namespace weft::iss;
using Catch::Matchers::Contains;

namespace {

std::vector<std::byte> readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  REQUIRE(!bytes.empty());
  return bytes;
}

enum Kernel : uint32_t {
  scale,
  useStack,
  storeAt,
  loadAt,
  writeConstants,
  writeArguments,
  moveFirst,
  illegal,
  endless,
  exits
};
const std::vector<std::string> names = {"scale",           "use_stack",  "store_at", "load_at", "write_constants",
                                        "write_arguments", "move_first", "illegal",  "endless", "exits"};

struct Core {
  hw::Hardware hardware = *hw::load("rvv-mesh-16");
  KernelMachine machine = make(hardware);
  std::vector<std::byte> sram = std::vector<std::byte>(hardware.memory.sramBytes);

  static KernelMachine make(const hw::Hardware &hardware) {
    // The file may go as soon as the machine is made.
    const std::vector<std::byte> image = readFile(WEFT_KERNELS_ELF);
    Result<KernelMachine> made = KernelMachine::create(image, names, hardware);
    if (!made)
      FAIL(made.error().message);
    return std::move(*made);
  }
  Result<uint64_t> call(uint32_t kernel, std::vector<uint32_t> operands, std::vector<int64_t> scalars) {
    return machine.call(kernel, sram, operands, scalars);
  }
  std::string errorOf(uint32_t kernel, std::vector<int64_t> scalars) {
    Result<uint64_t> called = call(kernel, {64}, std::move(scalars));
    REQUIRE(!called);
    INFO(called.error().message);
    CHECK_THAT(called.error().message, Contains("kernel '" + names[kernel] + "'"));
    return called.error().message;
  }
  int32_t element(uint32_t offset, size_t i) const {
    int32_t value;
    std::memcpy(&value, sram.data() + offset + 4 * i, 4);
    return value;
  }
};

} // namespace

TEST_CASE("a kernel computes on the SRAM of the core it is called for") {
  Core core;
  std::vector<std::byte> other(core.sram.size());
  for (size_t i = 0; i < 10; ++i) {
    const auto x = int32_t(i), y = int32_t(100 + i);
    std::memcpy(core.sram.data() + 256 + 4 * i, &x, 4);
    std::memcpy(other.data() + 256 + 4 * i, &y, 4);
  }
  Result<uint64_t> ten = core.call(scale, {256, 512}, {10});
  REQUIRE(ten);
  const int32_t factors[] = {3, 5, 7, 11};
  for (size_t i = 0; i < 12; ++i)
    CHECK(core.element(512, i) == (i < 10 ? int32_t(i) * factors[i % 4] : 0));
  CHECK(std::all_of(other.begin() + 512, other.end(), [](std::byte b) { return b == std::byte{0}; }));

  const std::vector<uint32_t> operands = {256, 512};
  const std::vector<int64_t> scalars = {5};
  std::vector<std::byte> before = core.sram;
  Result<uint64_t> five = core.machine.call(scale, other, operands, scalars);
  REQUIRE(five);
  CHECK(core.sram == before);
  int32_t last;
  std::memcpy(&last, other.data() + 512 + 16, 4);
  CHECK(last == 104 * 3);
  CHECK(*five < *ten);

  // The number of instructions is that of the call, however many came before.
  Result<uint64_t> again = core.machine.call(scale, other, operands, scalars);
  REQUIRE(again);
  CHECK(*again == *five);
}

TEST_CASE("an observer sees each instruction of a call") {
  struct Counter : Observer {
    uint64_t count = 0;
    void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override { ++count; }
  } counter;
  Core core;
  const std::vector<uint32_t> operands = {256, 512};
  const std::vector<int64_t> scalars = {9};
  Result<uint64_t> watched = core.machine.call(scale, core.sram, operands, scalars, &counter);
  REQUIRE(watched);
  CHECK(counter.count == *watched);
  Result<uint64_t> alone = core.machine.call(scale, core.sram, operands, scalars);
  REQUIRE(alone);
  CHECK(*alone == *watched);
}

TEST_CASE("a kernel may touch the bytes of its core and no others") {
  Core core;
  const auto bytes = int64_t(core.sram.size());
  SECTION("the last byte, and the one beyond") {
    REQUIRE(core.call(storeAt, {64}, {bytes - 65}));
    CHECK(core.sram.back() == std::byte{7});
    CHECK_THAT(core.errorOf(storeAt, {bytes - 64}), Contains("byte " + std::to_string(bytes)));
    CHECK_THAT(core.errorOf(loadAt, {bytes - 64}), Contains("byte " + std::to_string(bytes)));
  }
  SECTION("the first byte, and the one before") {
    REQUIRE(core.call(storeAt, {64}, {-64}));
    CHECK(core.sram.front() == std::byte{7});
    CHECK_THAT(core.errorOf(storeAt, {-65}), Contains("byte -1 of"));
  }
  SECTION("far away") {
    CHECK_THAT(core.errorOf(loadAt, {int64_t{1} << 60}), Contains("load outside readable memory"));
    CHECK_THAT(core.errorOf(storeAt, {-(int64_t{1} << 60)}), Contains("store outside writable memory"));
  }
  SECTION("what is read only") {
    CHECK_THAT(core.errorOf(writeConstants, {0}), Contains("store outside writable memory"));
    CHECK_THAT(core.errorOf(writeArguments, {0}), Contains("store outside writable memory"));
  }
  SECTION("the stack has the bytes that the hardware reserves") {
    const int64_t stack = core.hardware.memory.stackBytes;
    REQUIRE(stack >= 2048);
    CHECK(core.call(useStack, {64}, {stack / 2}));
    CHECK_THAT(core.errorOf(useStack, {stack + 4096}),
               Contains("below the " + std::to_string(stack) + " bytes of the stack"));
  }
  // After an error the next call is a call like any other.
  CHECK(core.call(scale, {256, 512}, {10}));
}

TEST_CASE("the first kernel finds a legal vtype") {
  Core core;
  std::fill_n(core.sram.begin() + 256, 16, std::byte{5});
  REQUIRE(core.call(moveFirst, {256, 512}, {0}));
  CHECK(core.sram[512] == std::byte{5});
}

TEST_CASE("a kernel that does not return is an error") {
  Core core;
  CHECK_THAT(core.errorOf(illegal, {0}), Contains("illegal instruction at 0x"));
  CHECK_THAT(core.errorOf(exits, {0}), Contains("instead of returning"));
  CHECK(core.call(scale, {256, 512}, {10}));
}

TEST_CASE("an endless kernel ends in an error", "[.long]") {
  Core core;
  CHECK_THAT(core.errorOf(endless, {0}), Contains("still running after 2000000000 instructions"));
}

TEST_CASE("objects that do not fit the package are refused") {
  const hw::Hardware hardware = *hw::load("rvv-mesh-16");
  const std::vector<std::byte> image = readFile(WEFT_KERNELS_ELF);
  auto messageOf = [&](std::span<const std::byte> bytes, const std::vector<std::string> &kernels) {
    Result<KernelMachine> made = KernelMachine::create(bytes, kernels, hardware);
    REQUIRE(!made);
    return made.error().message;
  };
  CHECK_THAT(messageOf(image, {"scale", "gone"}), Contains("kernel 'gone' is not in the package's RISC-V object"));
  CHECK_THAT(messageOf(std::span(image).first(100), names), Contains("truncated"));
  CHECK_THAT(messageOf({}, names), Contains("no ELF file"));
}

TEST_CASE("too many arguments are refused") {
  Core core;
  const std::vector<uint32_t> operands(33, 0);
  const std::vector<int64_t> scalars(1, 0);
  Result<uint64_t> called = core.machine.call(scale, core.sram, operands, scalars);
  REQUIRE(!called);
  CHECK_THAT(called.error().message, Contains("33 operands"));
}
