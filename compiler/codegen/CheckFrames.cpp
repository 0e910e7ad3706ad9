#include "compiler/codegen/CheckFrames.h"

#include "compiler/codegen/Disassembler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

namespace {

/// What a function takes of the stack by itself, and where it goes.
struct Frame {
  uint64_t address = 0, end = 0, bytes = 0;
  std::vector<uint64_t> targets; // of calls, and of jumps that end in another function
};

/// A prologue is `addi sp, sp, -n`, or for large frames `sub sp, sp, r` with n made in r by lui and addi.
Frame frameOf(const runtime::CodeSymbol &symbol, const std::vector<Instruction> &code) {
  Frame frame{symbol.address, symbol.address + symbol.bytes, 0, {}};
  std::array<int64_t, 32> constants = {}; // what a register holds, where an instruction of those above made it
  for (const Instruction &each : code) {
    if (each.target && (each.call || *each.target < frame.address || *each.target >= frame.end))
      frame.targets.push_back(*each.target);
    if (each.result.value_or(0) == 0)
      continue;
    std::string_view name = each.text;
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    name = name.substr(0, name.find_first_of(" \t"));
    const int64_t immediate = each.immediate.value_or(0);
    const int64_t source = each.sources.empty() ? 0 : constants[each.sources.front()];
    const bool ofStack = *each.result == stackPointer;
    if (ofStack && name == "addi" && immediate < 0)
      frame.bytes += static_cast<uint64_t>(-immediate);
    else if (ofStack && name == "sub" && each.sources.size() == 2)
      frame.bytes += static_cast<uint64_t>(constants[each.sources.back()]);
    else if (!ofStack)
      constants[*each.result] = name == "lui"                                        ? immediate << 12
                                : name == "li"                                       ? immediate
                                : name == "addi" || name == "addiw"                  ? source + immediate
                                : name == "slli" && immediate >= 0 && immediate < 32 ? source << immediate
                                                                                     : 0;
  }
  return frame;
}

uint64_t needOf(const std::vector<Frame> &frames, size_t index, std::vector<bool> &entered) {
  if (entered[index])
    return 0;
  entered[index] = true;
  uint64_t deepest = 0;
  for (uint64_t target : frames[index].targets)
    for (size_t callee = 0; callee < frames.size(); ++callee)
      if (target >= frames[callee].address && target < frames[callee].end)
        deepest = std::max(deepest, needOf(frames, callee, entered));
  entered[index] = false;
  return frames[index].bytes + deepest;
}

} // namespace

Result<std::map<std::string, uint64_t>> stackNeeds(const runtime::CoreCode &code, const hw::Isa &isa) {
  auto disassembler = Disassembler::make(isa);
  if (!disassembler)
    return disassembler.takeError();
  std::vector<Frame> frames;
  for (const runtime::CodeSymbol &symbol : code.symbols)
    frames.push_back(frameOf(symbol, disassembler->read(code, symbol.address, symbol.bytes)));
  std::map<std::string, uint64_t> needs;
  std::vector<bool> entered(frames.size());
  for (size_t i = 0; i < frames.size(); ++i)
    needs[code.symbols[i].name] = needOf(frames, i, entered);
  return needs;
}

} // namespace weft::codegen
