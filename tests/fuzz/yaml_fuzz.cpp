// Any bytes as a hardware description, and as an override of a good one: an Error or a machine, never a crash; a
// machine survives the way through its canonical text.
#include "hw-models/CoreModel.h"
#include "hw-models/Hardware.h"

#include <cstdlib>

using namespace weft;

namespace {

constexpr const char *goodMachine = R"(
name: good
parallelism: {mesh: [4, 4], clock_ghz: 1, core: {kind: rvv, vlen: 256, dlen: 128, extensions: [zfh],
  rvv: {chaining: false, reduction: {style: halving}, elementwise: {operations: [gather, slide]}}}}
latency: {hop: 1, ramp: 2, transfer_issue: 4, stream_stage: 4, stream_startup: 8}
memory: {sram_kib: 48, reserve_kib: {code: 8, stack: 2}}
routing: {link_bytes: 4, colors: 24, queue_words: 4}
)";

void require(bool holds) {
  if (!holds)
    std::abort();
}

void checkMachine(const hw::Hardware &machine) {
  require(machine.usableBytes() > 0);
  require(bool(hw::makeCoreModel(machine)));
  Result<hw::Hardware> again = hw::parse(machine.yaml, "canonical");
  require(bool(again));
  require(again->digest == machine.digest && again->yaml == machine.yaml);
}

void checkError(const Error &error) {
  require(!error.message.empty() && error.message.size() < 4096 && error.fault == Fault::User);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  if (Result<hw::Hardware> machine = hw::parse(text, "input"))
    checkMachine(*machine);
  else
    checkError(machine.error());
  // The first line alone, taken as `key=value`.
  Result<hw::Override> override = hw::parseOverride(text.substr(0, text.find('\n')));
  if (!override)
    return 0;
  if (Result<hw::Hardware> machine = hw::parse(goodMachine, "good", {*override}))
    checkMachine(*machine);
  else
    checkError(machine.error());
  return 0;
}
