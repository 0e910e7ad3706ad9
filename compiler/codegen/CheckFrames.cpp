#include "compiler/codegen/CheckFrames.h"

#include "compiler/codegen/Disassembler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <optional>

namespace weft::codegen {
namespace {

constexpr unsigned stackPointer = 2;

/// Instructions [first, last] that a branch of `last` back to `first` repeats.
struct Loop {
  size_t first = 0, last = 0;
  bool operator==(const Loop &) const = default;
};

std::vector<Loop> innermostLoops(const std::vector<Instruction> &code) {
  std::vector<Loop> all, innermost;
  for (size_t i = 0; i < code.size(); ++i) {
    if (!code[i].target || code[i].call || *code[i].target > code[i].address)
      continue;
    auto first = std::lower_bound(code.begin(), code.end(), *code[i].target,
                                  [](const Instruction &each, uint64_t address) { return each.address < address; });
    if (first->address == *code[i].target)
      all.push_back({static_cast<size_t>(first - code.begin()), i});
  }
  for (const Loop &loop : all)
    if (std::none_of(all.begin(), all.end(), [&](const Loop &other) {
          return !(other == loop) && other.first >= loop.first && other.last <= loop.last;
        }))
      innermost.push_back(loop);
  return innermost;
}

/// For each instruction, whether it keeps a vector or a floating-point value in the frame. Integers, addresses and
/// bounds of the many operands of a kernel, may be there: they are not what a register tile is made of. The frame is
/// reached through the stack pointer or what was computed from it. Code is followed in the order of addresses, which
/// for addresses within a frame is the order in which LLVM makes them: right before their use.
std::vector<bool> frameAccesses(const std::vector<Instruction> &code) {
  std::bitset<32> fromStack;
  fromStack.set(stackPointer);
  std::vector<bool> result;
  for (const Instruction &each : code) {
    bool accesses = each.loads || each.stores;
    size_t name = each.text.find_first_not_of(" \t");
    bool ofTile = name != std::string::npos && (each.text[name] == 'v' || each.text[name] == 'f'); // vl4r.v, fsd, …
    result.push_back(accesses && ofTile && each.base && fromStack[*each.base]);
    if (!each.result || *each.result == stackPointer)
      continue;
    bool derived = !accesses && std::any_of(each.sources.begin(), each.sources.end(),
                                            [&](unsigned source) { return fromStack[source]; });
    fromStack.set(*each.result, derived);
  }
  return result;
}

} // namespace

/// The first access to the frame in an innermost loop.
static std::optional<LoopSpill> findSpill(const std::string &function, const std::vector<Instruction> &code) {
  const std::vector<bool> accesses = frameAccesses(code);
  for (Loop loop : innermostLoops(code))
    for (size_t i = loop.first; i <= loop.last; ++i)
      if (accesses[i])
        return LoopSpill{function,
                         fmt::format("{}: the inner loop of {} instructions at {:#x} uses the stack ({:#x}: {}); "
                                     "its tile needs more registers than the core has",
                                     function, loop.last - loop.first + 1, code[loop.first].address, code[i].address,
                                     code[i].text)};
  return std::nullopt;
}

Result<std::vector<LoopSpill>> findLoopSpills(const runtime::CoreCode &code, const hw::Isa &isa) {
  auto disassembler = Disassembler::make(isa);
  if (!disassembler)
    return disassembler.takeError();
  std::vector<LoopSpill> spills;
  for (const runtime::CodeSymbol &symbol : code.symbols)
    if (auto spill = findSpill(symbol.name, disassembler->read(code, symbol.address, symbol.bytes)))
      spills.push_back(std::move(*spill));
  return spills;
}

} // namespace weft::codegen
