#include "tools/IssCommand.h"

#include "hw-models/Hardware.h"
#include "runtime/Table.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/WriteFile.h"
#include "sim/iss/Machine.h"
#include "tools/Terminal.h"
#include "tools/Tool.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

namespace weft::tools {
namespace {

using hw::rvv::OpClass;

constexpr uint64_t memoryBase = 0x8000'0000;
constexpr uint32_t mostMemoryMib = 16384;
constexpr unsigned sp = 2, a0 = 10, a1 = 11;

/// Counts and times what retires, unless the user wants no times; writes the trace.
class Profile final : public iss::Observer {
public:
  Profile(const hw::Hardware &hardware, bool isTimed, std::ostream *trace)
      : timing(isTimed ? hw::rvv::makeTiming(hardware) : nullptr), trace(trace) {}

  void retired(uint64_t pc, const iss::Op &op, const iss::Hart &hart, const hw::rvv::Retired &retired) override {
    if (timing)
      retiredMany({&retired, 1});
    if (trace)
      write(pc, op, hart, retired);
  }
  bool wantsEach() const override { return trace != nullptr; }
  void retiredMany(std::span<const hw::rvv::Retired> many) override {
    for (const hw::rvv::Retired &retired : many) {
      timing->retire(retired);
      ++mix[size_t(retired.cls)];
    }
  }
  std::optional<uint64_t> cycles() const override { return timing ? std::optional(timing->cycles()) : std::nullopt; }
  /// Whether it has anything to see: a run that nobody watches is an order of magnitude faster.
  bool isNeeded() const { return timing || trace; }

  std::unique_ptr<hw::rvv::Timing> timing; // null: untimed, and no mix
  std::array<uint64_t, hw::rvv::opClassCount> mix{};

private:
  void write(uint64_t pc, const iss::Op &op, const iss::Hart &hart, const hw::rvv::Retired &retired) {
    std::string line = op.bytes == 2 ? fmt::format("{:#018x}     {:04x}  ", pc, op.word & 0xffff)
                                     : fmt::format("{:#018x} {:08x}  ", pc, op.word);
    line += fmt::format("{:<36}", iss::disassemble(op, pc));
    if (const uint8_t to = retired.scalarWrite; to != hw::rvv::noRegister && to != 0)
      line += to < 32 ? fmt::format(" x{}={:#x}", to, hart.x[to]) : fmt::format(" f{}={:#x}", to - 32, hart.f[to - 32]);
    for (unsigned i = 0; i < retired.vectorWrite.count; ++i) {
      const unsigned v = retired.vectorWrite.first + i;
      line += fmt::format(" v{}=0x", v);
      const std::byte *bytes = hart.vectorRegister(v);
      for (uint32_t at = hart.isa.vlenBytes(); at-- > 0;)
        line += fmt::format("{:02x}", static_cast<unsigned>(bytes[at]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    *trace << line << '\n';
  }
  std::ostream *trace;
};

struct Run {
  std::string program;
  hw::Hardware hardware;
  hw::Isa isa;
  iss::Outcome outcome;
};

Result<hw::Isa> chooseIsa(const IssOptions &options, const hw::Hardware &hardware) {
  hw::Isa isa = hw::isaOf(hardware.parallelism.core);
  if (!options.isa.empty()) {
    Result<hw::Isa> parsed = hw::parseIsa(options.isa);
    if (!parsed)
      return Error{"--isa: " + parsed.error().message, Fault::Usage};
    isa = *parsed;
  }
  if (options.vlen) {
    const uint32_t vlen = *options.vlen;
    if (vlen < hw::minVlenBits || vlen > hw::maxVlenBits || (vlen & (vlen - 1)))
      return Error{fmt::format("--vlen {} is not a power of two from {} to {}", vlen, hw::minVlenBits, hw::maxVlenBits),
                   Fault::Usage};
    isa.vlenBits = vlen;
  }
  return isa;
}

/// argc, argv and the strings they point to, at the top of memory, as a C library's start-up code expects them from a
/// call: a0 = argc, a1 = argv.
Result<void> passArguments(const IssOptions &options, iss::Hart &hart, std::span<std::byte> memory) {
  std::vector<std::string> words = {options.program};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  uint64_t needed = (words.size() + 1) * sizeof(uint64_t) + 32;
  for (const std::string &word : words)
    needed += word.size() + 1;
  if (needed > memory.size() / 4)
    return userError(fmt::format("--args: {} bytes of arguments do not fit the memory; raise --memory", needed));
  uint64_t top = memory.size();
  std::vector<uint64_t> pointers;
  for (const std::string &word : words) {
    top -= word.size() + 1;
    std::memcpy(memory.data() + top, word.c_str(), word.size() + 1);
    pointers.push_back(memoryBase + top);
  }
  pointers.push_back(0);
  top = (top - pointers.size() * sizeof(uint64_t)) / 16 * 16;
  std::memcpy(memory.data() + top, pointers.data(), pointers.size() * sizeof(uint64_t));
  hart.x[sp] = hart.x[a1] = memoryBase + top;
  hart.x[a0] = words.size();
  return success();
}

/// Zeros that cost nothing until they are touched: a vector of gigabytes would be written first.
class ZeroedBytes {
public:
  explicit ZeroedBytes(uint64_t size) : bytes(static_cast<std::byte *>(std::calloc(size, 1))), size(size) {}
  explicit operator bool() const { return bytes != nullptr; }
  std::span<std::byte> span() const { return {bytes.get(), size}; }

private:
  struct Free {
    void operator()(std::byte *bytes) const { std::free(bytes); }
  };
  std::unique_ptr<std::byte, Free> bytes;
  size_t size;
};

/// The memory of a board: from 0x8000'0000, and what the program's segments ask for elsewhere, page by page.
class Board {
public:
  explicit Board(uint64_t bytes) : wanted(bytes), zeroed(bytes) {}

  Result<void> fit(const iss::Elf &elf, iss::Memory &memory, const std::string &name) {
    if (!zeroed)
      return userError(
          fmt::format("{}: the host has not the {} MiB that --memory asks for; lower it", name, wanted >> 20));
    const std::span<std::byte> main = mainMemory();
    memory.add({memoryBase, main, iss::Memory::Read | iss::Memory::Write | iss::Memory::Execute});
    for (const iss::Segment &segment : elf.segments) {
      const uint64_t offset = segment.address - memoryBase;
      if (offset < main.size() && segment.memoryBytes <= main.size() - offset)
        continue;
      const uint64_t begin = segment.address / pageBytes * pageBytes;
      const uint64_t end = (segment.address + segment.memoryBytes + pageBytes - 1) / pageBytes * pageBytes;
      const bool overlaps = begin < memoryBase + main.size() && (end > memoryBase || end == 0);
      if (overlaps || end <= begin || end - begin > mostExtraBytes)
        return userError(fmt::format(
            "{}: the segment at {:#x} ({} bytes) lies outside memory, which is [{:#x}, {:#x}); {}", name,
            segment.address, segment.memoryBytes, memoryBase, memoryBase + main.size(), remedyFor(segment)));
      // Segments may share a page; the one before then has it.
      const uint64_t from = std::max(begin, extraEnd);
      if (from < end)
        pieces.push_back({from, end});
      extraEnd = std::max(extraEnd, end);
    }
    join();
    for (const Piece &piece : pieces) {
      if (!extra.emplace_back(piece.end - piece.begin))
        return userError(fmt::format("{}: the host has not the {} bytes for its segments at {:#x}; link the program at "
                                     "{:#x} and on",
                                     name, piece.end - piece.begin, piece.begin, memoryBase));
      memory.add({piece.begin, extra.back().span(), iss::Memory::Read | iss::Memory::Write | iss::Memory::Execute});
    }
    return success();
  }
  std::span<std::byte> mainMemory() const { return zeroed.span(); }

private:
  struct Piece {
    uint64_t begin, end;
  };
  /// For one that memory does not hold: more memory only if that can help.
  static std::string remedyFor(const iss::Segment &segment) {
    constexpr uint64_t most = uint64_t{mostMemoryMib} << 20;
    const uint64_t offset = segment.address - memoryBase;
    if (offset < most && segment.memoryBytes <= most - offset)
      return fmt::format("raise --memory to {} or more",
                         (offset + segment.memoryBytes + (uint64_t{1} << 20) - 1) >> 20);
    return fmt::format(
        "link the program there, and mind that --memory ends at {} MiB, and segments elsewhere at {} MiB "
        "each",
        mostMemoryMib, mostExtraBytes >> 20);
  }
  /// A segment that crosses a page which another one has too needs one range for both.
  void join() {
    std::vector<Piece> joined;
    for (const Piece &piece : pieces)
      if (!joined.empty() && joined.back().end == piece.begin)
        joined.back().end = piece.end;
      else
        joined.push_back(piece);
    pieces = std::move(joined);
  }

  static constexpr uint64_t pageBytes = 4096, mostExtraBytes = uint64_t{1} << 28;
  uint64_t wanted;
  ZeroedBytes zeroed;
  std::vector<Piece> pieces; // by address: segments are sorted
  std::vector<ZeroedBytes> extra;
  uint64_t extraEnd = 0;
};

nlohmann::json toJson(const Run &run, const Profile &profile) {
  nlohmann::json json = {{"schema", "weft.iss/1"},
                         {"program", run.program},
                         {"hardware", run.hardware.name},
                         {"isa", hw::isaText(run.isa)},
                         {"exit_code", run.outcome.exitCode},
                         {"instructions", run.outcome.instructions},
                         {"cycles", nullptr},
                         {"instructions_per_cycle", nullptr},
                         {"mix", nullptr},
                         {"stalls", nullptr},
                         {"vector", nullptr}};
  if (!profile.timing)
    return json;
  const uint64_t cycles = profile.timing->cycles();
  json["cycles"] = cycles;
  json["mix"] = json["stalls"] = nlohmann::json::object();
  json["instructions_per_cycle"] =
      cycles ? nlohmann::json(double(run.outcome.instructions) / double(cycles)) : nlohmann::json();
  for (size_t i = 0; i < profile.mix.size(); ++i)
    if (profile.mix[i])
      json["mix"][std::string(nameOf(OpClass(i)))] = profile.mix[i];
  const auto stalls = profile.timing->stalls();
  for (size_t i = 0; i < stalls.size(); ++i)
    json["stalls"][std::string(nameOf(hw::rvv::Stall(i)))] = stalls[i];
  const hw::rvv::VectorUse use = profile.timing->vectorUse();
  json["vector"] = {{"busy_cycles", use.busyCycles},
                    {"fpu_busy_cycles", use.fpuBusyCycles},
                    {"memory_busy_cycles", use.memoryBusyCycles}};
  return json;
}

std::string mixTable(const Profile &profile, uint64_t instructions) {
  std::vector<size_t> order;
  for (size_t i = 0; i < profile.mix.size(); ++i)
    if (profile.mix[i])
      order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return profile.mix[a] != profile.mix[b] ? profile.mix[a] > profile.mix[b] : a < b;
  });
  using runtime::Table;
  Table table({{"class"}, {"instructions", Table::Align::Right}, {"share", Table::Align::Right}});
  for (size_t i : order)
    table.row({std::string(nameOf(OpClass(i))), runtime::grouped(profile.mix[i]),
               runtime::percent(double(profile.mix[i]) / double(instructions))});
  return table.text();
}

std::string stallTable(const hw::rvv::Timing &timing) {
  using runtime::Table;
  Table table({{"stall"}, {"cycles", Table::Align::Right}, {"of the time", Table::Align::Right}});
  const auto stalls = timing.stalls();
  for (size_t i = 0; i < stalls.size(); ++i)
    if (stalls[i])
      table.row({std::string(nameOf(hw::rvv::Stall(i))), runtime::grouped(stalls[i]),
                 runtime::percent(double(stalls[i]) / double(timing.cycles()))});
  return table.text();
}

std::string toText(const Run &run, const Profile &profile) {
  const uint64_t instructions = run.outcome.instructions;
  std::string text = fmt::format("{} on a core of {}, {}\n\n", run.program, run.hardware.name, hw::isaText(run.isa));
  text += fmt::format("  exit code     {}\n  instructions  {}\n", run.outcome.exitCode, runtime::grouped(instructions));
  if (!profile.timing)
    return text;
  const uint64_t cycles = profile.timing->cycles();
  text += fmt::format("  cycles        {}\n", runtime::grouped(cycles));
  if (!cycles || !instructions)
    return text;
  text += fmt::format("  a cycle       {:.3f} instructions\n\n", double(instructions) / double(cycles));
  text += mixTable(profile, instructions);
  const auto stalls = profile.timing->stalls();
  if (std::any_of(stalls.begin(), stalls.end(), [](uint64_t cycles) { return cycles != 0; }))
    text += "\n" + stallTable(*profile.timing);
  if (const hw::rvv::VectorUse use = profile.timing->vectorUse(); use.busyCycles + use.memoryBusyCycles)
    text += fmt::format("\n  vector unit: arithmetic {} of the time, multiply-add {}, memory {}\n",
                        runtime::percent(double(use.busyCycles) / double(cycles)),
                        runtime::percent(double(use.fpuBusyCycles) / double(cycles)),
                        runtime::percent(double(use.memoryBusyCycles) / double(cycles)));
  return text;
}

Result<hw::Hardware> chooseHardware(const IssOptions &options) {
  Result<hw::Hardware> hardware = hw::load(options.hardware.empty() ? defaultHardware : options.hardware);
  if (hardware && hardware->parallelism.core.kind != "rvv")
    return userError(fmt::format("--hw {}: its cores are of kind {}, which run no RISC-V programs; name a machine with "
                                 "cores of kind rvv",
                                 options.hardware, hardware->parallelism.core.kind));
  return hardware;
}

/// CLI11 reads -1 and what exceeds 64 bits as some other number.
std::string checkCount(const std::string &text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool isNumber = error == std::errc() && end == text.data() + text.size();
  return isNumber && value > 0 ? "" : fmt::format("'{}' is no whole number from 1 to 2^64 - 1", text);
}

/// An empty word, as an unset variable of a shell leaves it, would silently mean the default.
std::string checkNotEmpty(const std::string &text) { return text.empty() ? "the word after it is empty" : ""; }

} // namespace

Result<uint64_t> runIss(const IssOptions &options, std::ostream &out, std::ostream &err) {
  Result<hw::Hardware> hardware = chooseHardware(options);
  if (!hardware)
    return hardware.takeError();
  Result<hw::Isa> isa = chooseIsa(options, *hardware);
  if (!isa)
    return isa.takeError();
  hardware->parallelism.core.vlenBits = isa->vlenBits; // the timing model counts in registers of this size
  // A datapath is never wider than a register.
  hardware->parallelism.core.units = hw::unitNames(*isa); // each is a pipe of its own
  hardware->parallelism.core.dlenBits = std::min(hardware->parallelism.core.dlenBits, isa->vlenBits);
  Result<runtime::MappedFile> file = runtime::MappedFile::open(options.program);
  if (!file)
    return file.takeError();
  Result<iss::Elf> elf = iss::readElf(file->bytes(), options.program);
  if (!elf)
    return elf.takeError();
  for (const std::string &path : {options.jsonPath, options.tracePath})
    if (!path.empty() && path != "-")
      if (Result<void> writable = runtime::checkWritable(path); !writable)
        return writable.takeError();
  iss::Machine machine(*isa);
  Board board(uint64_t{options.memoryMib} << 20);
  if (Result<void> fits = board.fit(*elf, machine.memory(), options.program); !fits)
    return fits.takeError();
  if (Result<void> loaded = machine.load(*elf, options.program); !loaded)
    return loaded.takeError();
  if (Result<void> passed = passArguments(options, machine.hart(), board.mainMemory()); !passed)
    return passed.takeError();
  machine.output = [&](int descriptor, std::string_view bytes) {
    (descriptor == 2 ? err : out) << bytes << std::flush;
  };
  std::ofstream traceFile;
  if (!options.tracePath.empty() && options.tracePath != "-")
    traceFile.open(options.tracePath);
  Profile profile(*hardware, options.isTimed,
                  options.tracePath.empty()  ? nullptr
                  : options.tracePath == "-" ? &err
                                             : &traceFile);
  iss::RunOptions how;
  how.maxInstructions = options.maxInstructions.value_or(how.maxInstructions);
  how.observer = profile.isNeeded() ? &profile : nullptr;
  Run run{options.program, *hardware, *isa, machine.run(how)};
  if (traceFile.is_open()) {
    traceFile.close();
    if (!traceFile)
      return userError(fmt::format("{}: the trace could not be written", options.tracePath));
  }
  if (run.outcome.stop != iss::Stop::Exited)
    return userError(fmt::format("{}: {}{}", options.program, iss::describe(run.outcome),
                                 run.outcome.stop == iss::Stop::Limit ? "; raise --max-insns if it needs more" : ""));
  const std::string json = options.jsonPath.empty() ? std::string() : toJson(run, profile).dump(2) + "\n";
  if (options.jsonPath == "-") {
    out << json << std::flush;
    return run.outcome.exitCode;
  }
  out << toText(run, profile) << std::flush;
  if (!json.empty())
    if (Result<void> written = runtime::writeFile(options.jsonPath, json); !written)
      return written.takeError();
  return run.outcome.exitCode;
}

void addIssCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand(
      "iss", "Run a bare-metal RISC-V program on the simulator of one core. The exit status is the program's exit code "
             "if that is 0 to 255; 1 if it is another one, or if the program fails or cannot be run");
  auto options = std::make_shared<IssOptions>();
  command
      ->add_option("program", options->program, "A static ELF file; it ends by a write to its symbol tohost, or exit")
      ->type_name("PROG.elf")
      ->required();
  command
      ->add_option("--hw", options->hardware,
                   fmt::format("Whose core: a preset's name or a YAML file (default: {})", defaultHardware))
      ->type_name("PRESET|FILE")
      ->check(checkNotEmpty);
  command
      ->add_option("--isa", options->isa,
                   "Instructions that the program may use, instead of the hardware's, e.g. rv64gcv_zvl256b_zfh")
      ->type_name("STRING")
      ->check(checkNotEmpty);
  command->add_option("--vlen", options->vlen, "Bits of a vector register, instead of what --isa or the hardware says")
      ->type_name("N");
  command
      ->add_option("--args", options->arguments,
                   "Arguments of the program: argc in a0, argv in a1, the program's name first")
      ->type_name("ARG...");
  command->add_option("--max-insns", options->maxInstructions, "Stop with an error after this many instructions")
      ->type_name("N")
      ->check(checkCount);
  command->add_option("--memory", options->memoryMib, "MiB of memory from address 0x80000000")
      ->type_name("MIB")
      ->check(CLI::Range(1u, mostMemoryMib).description(""))
      ->capture_default_str();
  command->add_flag_callback(
      "--no-timing", [options] { options->isTimed = false; },
      "Count instructions only: no cycles, no mix, and an order of magnitude faster");
  command
      ->add_option("--trace", options->tracePath,
                   "Write a line for each instruction: address, word, text, registers written; - for stderr")
      ->type_name("FILE|-")
      ->check(checkNotEmpty);
  command
      ->add_option("--json", options->jsonPath, "Write the report as JSON (docs/json.md); - prints it instead of text")
      ->type_name("FILE|-")
      ->check(checkNotEmpty);
  command->callback([options, &exitCode] {
    Result<uint64_t> ran = runIss(*options, std::cout, std::cerr);
    exitCode = !ran ? reportError(ran.error()) : *ran <= 255 ? static_cast<int>(*ran) : 1;
  });
}

} // namespace weft::tools
