#include "sim/mesh/Execution.h"

#include "sim/mesh/Params.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace weft::sim {

static FabricTiming fabricTiming(const hw::Hardware &hardware, bool withData) {
  return {hardware.latency.hop,
          hardware.latency.ramp,
          hardware.latency.streamStage,
          hardware.routing.queueWords,
          hardware.routing.linkBytes,
          hardware.routing.rampWords,
          withData};
}

Execution::Execution(const ExecutionContext &context, const runtime::Launch &launch)
    : image(context.image), hardware(context.hardware), options(context.options), sram(context.sram),
      kernels(context.kernels), width(context.width), height(context.height), coreCount(width * height),
      wordBytes(hardware.routing.linkBytes), launch(launch), params(evaluateParams(image, launch.tokensInCache)),
      fabric(image.routes, coreCount, fabricTiming(hardware, sram != nullptr), calendar, transfers, options.trace),
      cores(coreCount), loops(size_t{coreCount} * image.loopDepth), ops(image.ops.size()),
      traffic(image.channels.size()), claims(sram ? coreCount : 0), combined(sram ? coreCount : 0),
      wordsSent(sram ? image.routes.ports.size() : 0), wordsAsked(sram ? image.routes.endpoints.size() : 0) {
  if (options.explain || options.trace) {
    recorder = std::make_unique<Recorder>(image, fabric, transfers, width, height, hardware.latency.hop, options.trace);
    fabric.watch(recorder.get());
  }
  for (uint32_t core = 0; core < coreCount; ++core) {
    Range list = image.lists[image.listOfCore[core]];
    cores[core].list = list.begin;
    cores[core].listEnd = list.end;
    tasksTotal += list.end - list.begin;
    calendar.addCore(0, core);
  }
}

// ---- the launch -------------------------------------------------------------------------------------------------

Result<runtime::LaunchResult> Execution::run() {
  if (auto ok = startHost(); !ok)
    return ok.takeError();
  if (options.trace)
    options.trace->launchBegins({image.name, launch.tokensInCache, width, height, &image.ops});
  loop();
  if (failure)
    return *failure;
  if (coresDone < coreCount)
    return deadlock();
  if (auto error = leftovers())
    return *error;
  auto outputs = collectOutputs();
  if (!outputs)
    return outputs.takeError();
  runtime::LaunchResult result;
  result.report = report();
  if (options.explain) {
    auto why = recorder->explain(result.report.cycles);
    if (!why)
      return why.takeError();
    result.report.why = std::make_shared<const runtime::Explanation>(std::move(*why));
  }
  result.outputs = std::move(*outputs);
  if (options.trace)
    options.trace->launchEnded(result.report.cycles);
  return result;
}

void Execution::loop() {
  std::optional<FaultGuard> guard;
  if (sram)
    guard.emplace();
  uint64_t rounds = 0;
  while (!failure && calendar.advance()) {
    now = calendar.now();
    Calendar::Bucket &bucket = calendar.bucket();
    for (size_t i = 0; i < bucket.finished.size(); ++i)
      finish(bucket.finished[i]);
    for (size_t i = 0; i < bucket.cores.size() && !failure; ++i)
      runCore(bucket.cores[i]);
    for (uint32_t unit : bucket.units) // nothing is added to this cycle any more
      if (fabric.due(unit))
        fabric.step(unit);
    counters.events += bucket.finished.size() + bucket.cores.size();
    calendar.retire();
    if (recorder)
      recorder->collect();
    if (options.progress && (++rounds & 0x3fff) == 0)
      options.progress(tasksTotal ? static_cast<double>(tasksDone) / static_cast<double>(tasksTotal) : 1.0);
  }
}

Result<void> Execution::startHost() {
  for (const runtime::LaunchInput &given : launch.inputs)
    if (std::none_of(image.inputs.begin(), image.inputs.end(),
                     [&](const HostInputCode &input) { return input.name == given.name; }))
      return userError(fmt::format("program '{}' has no input '{}'", image.name, given.name));
  hostWords.reserve(image.inputs.size());
  for (const HostInputCode &input : image.inputs)
    if (auto ok = startInput(input); !ok)
      return ok;
  return success();
}

Result<void> Execution::startInput(const HostInputCode &input) {
  auto bad = [&](const std::string &what) {
    return userError(fmt::format("program '{}', input '{}': {}", image.name, input.name, what));
  };
  int64_t bytes = evaluate(input.bytes, 0);
  if (bytes < 0 || bytes > int64_t{std::numeric_limits<uint32_t>::max()})
    return bad(fmt::format("{} bytes", bytes));
  auto words = static_cast<uint32_t>((bytes + wordBytes - 1) / wordBytes);
  auto given = std::find_if(launch.inputs.begin(), launch.inputs.end(),
                            [&](const runtime::LaunchInput &each) { return each.name == input.name; });
  std::vector<std::byte> &data = hostWords.emplace_back();
  if (given != launch.inputs.end()) {
    if (given->bytes.size() != static_cast<uint64_t>(bytes))
      return bad(fmt::format("{} bytes given where the launch takes {}", given->bytes.size(), bytes));
    data.resize(size_t{words} * wordBytes);
    std::copy(given->bytes.begin(), given->bytes.end(), data.begin());
  } else if (sram) {
    return bad("not given");
  }
  bool anywhere = false;
  for (uint32_t host = 0; host < width + height; ++host) {
    uint32_t port = image.routes.findPort(coreCount + host, input.channel);
    if (port == none)
      continue;
    anywhere = true;
    if (!words)
      continue;
    uint32_t transfer =
        newTransfer(TransferKind::HostPut, coreCount + host, {0, static_cast<uint32_t>(bytes), words}, input.channel);
    transfers[transfer].data = data.data();
    if (recorder)
      recorder->hostOpens(transfer, hardware.latency.hostStartup);
    fabric.openSend(port, transfer, hardware.latency.hostStartup);
    countMessage(port, words);
  }
  return anywhere ? success() : Result<void>(bad("no flow of its channel starts at the host"));
}

runtime::LaunchReport Execution::report() const {
  runtime::LaunchReport result;
  result.cycles = std::max(lastEnd, fabric.lastHostWord());
  result.channels = traffic;
  result.counters = counters;
  result.counters.events += fabric.decisions();
  result.busyCoreCycles = busy;
  reportOps(result, image, ops, image.opCores);
  return result;
}

// ---- instructions -----------------------------------------------------------------------------------------------

bool Execution::nextTask(uint32_t core) {
  CoreRun &run = cores[core];
  if (run.task != none) {
    OpSum &op = ops[image.tasks[run.task].op];
    op.end = std::max(op.end, now);
    ++tasksDone;
  }
  if (run.list == run.listEnd) {
    run.state = State::Done;
    run.since = now;
    lastEnd = std::max(lastEnd, now);
    ++coresDone;
    if (recorder)
      recorder->coreEnds(core, now);
    if (options.trace)
      options.trace->coreEnded(core, now);
    return false;
  }
  run.task = image.taskLists[run.list++];
  run.pc = image.tasks[run.task].instrs.begin;
  run.end = image.tasks[run.task].instrs.end;
  return true;
}

void Execution::runCore(uint32_t core) {
  CoreRun &run = cores[core];
  while (!failure) {
    if (run.pc == run.end) {
      if (!nextTask(core))
        return;
      continue;
    }
    const InstrCode &instr = image.instrs[run.pc];
    if (!run.begun) {
      uint64_t delay = begin(core, instr);
      run.begun = true;
      if (delay) {
        calendar.addCore(now + delay, core);
        return;
      }
    }
    if (failure || !complete(core, instr))
      return; // finish() lets it go on
    run.begun = false;
  }
}

/// Cycles until the instruction takes effect; a kernel takes effect at once and then lasts.
uint64_t Execution::begin(uint32_t core, const InstrCode &instr) {
  uint64_t delay = 0;
  switch (instr.kind) {
  case pkg::InstrKind::Put:
  case pkg::InstrKind::Get:
    delay = hardware.latency.transferIssue;
    break;
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    delay = hardware.latency.streamStartup;
    break;
  case pkg::InstrKind::Call:
    return call(core, instr);
  default:
    return 0;
  }
  const uint32_t op = image.tasks[cores[core].task].op;
  ops[op].communicate += delay;
  if (recorder && delay)
    recorder->begins(core, runtime::Cause::Issue, op, runtime::noName, now, delay);
  return delay;
}

/// False if the core has to stop here for words.
bool Execution::complete(uint32_t core, const InstrCode &instr) {
  CoreRun &run = cores[core];
  switch (instr.kind) {
  case pkg::InstrKind::Put:
    put(core, instr);
    break;
  case pkg::InstrKind::Get:
    get(core, instr);
    break;
  case pkg::InstrKind::ReduceForward:
  case pkg::InstrKind::ReduceInto:
    if (!reduce(core, instr))
      return false;
    break;
  case pkg::InstrKind::Wait:
    if (!waitAll(core))
      return false;
    break;
  case pkg::InstrKind::LoopBegin:
    return loopBegin(core, instr);
  case pkg::InstrKind::LoopEnd:
    loopEnd(core, instr);
    return true;
  case pkg::InstrKind::Call:
    break;
  }
  ++run.pc;
  return true;
}

void Execution::put(uint32_t core, const InstrCode &instr) {
  Extent extent;
  uint32_t port = portOf(core, instr.channel);
  if (port == none || !transferExtent(core, instr, extent) || !extent.words || !fabric.takesTurn(port, extent.words))
    return;
  if (!claimFree(core, extent.begin, extent.end(), /*readOnly=*/true))
    return;
  uint32_t id = newTransfer(TransferKind::Put, core, extent, instr.channel);
  if (sram) {
    const std::byte *from = sram->core(core).data();
    std::vector<std::byte> contents(from + extent.begin, from + extent.end());
    contents.resize(size_t{extent.words} * wordBytes); // what the last word has beyond the transfer is zero
    transfers[id].data = claims[core].add({extent.begin, extent.end(), true, cores[core].task, cores[core].pc,
                                           instr.channel, wordsSent[port], false, std::move(contents)});
    wordsSent[port] += extent.words;
  }
  ++cores[core].outstanding;
  countMessage(port, extent.words);
  if (recorder)
    recorder->opens(id, now);
  fabric.openSend(port, id, now);
}

void Execution::get(uint32_t core, const InstrCode &instr) {
  Extent extent;
  uint32_t endpoint = endpointOf(core, instr.channel);
  if (endpoint == none || !transferExtent(core, instr, extent) || !extent.words)
    return;
  if (sram && image.routes.endpoints[endpoint].combined)
    if (Claim *sent = claims[core].sentFrom(extent.begin, extent.end(), instr.channel, wordsAsked[endpoint]))
      sent->replaced = true; // its sums come back here
  if (!claimFree(core, extent.begin, extent.end(), /*readOnly=*/false))
    return;
  uint32_t id = newTransfer(TransferKind::Get, core, extent, instr.channel);
  if (sram) {
    wordsAsked[endpoint] += extent.words;
    transfers[id].data = sram->core(core).data() + extent.begin;
    claims[core].add(
        {extent.begin, extent.end(), false, cores[core].task, cores[core].pc, instr.channel, 0, false, {}});
  }
  ++cores[core].outstanding;
  if (recorder)
    recorder->opens(id, now);
  fabric.openReceive(endpoint, id);
}

/// False if the core stops here: it goes on when the reduction ends.
bool Execution::reduce(uint32_t core, const InstrCode &instr) {
  bool forward = instr.kind == pkg::InstrKind::ReduceForward;
  CoreRun &run = cores[core];
  Extent extent;
  uint32_t endpoint = endpointOf(core, instr.channel);
  uint32_t port = forward ? portOf(core, instr.channelOut) : none;
  if (endpoint == none || (forward && port == none) || !transferExtent(core, instr, extent) || !extent.words)
    return true;
  if (!claimFree(core, extent.begin, extent.end(), /*readOnly=*/forward))
    return true;
  uint32_t in = newTransfer(forward ? TransferKind::StreamIn : TransferKind::ReduceInto, core, extent, instr.channel);
  uint32_t out = forward ? newTransfer(TransferKind::StreamOut, core, extent, instr.channelOut) : none;
  transfers[in].reduce = instr.reduce;
  if (sram)
    transfers[in].data = sram->core(core).data() + extent.begin;
  if (sram)
    wordsAsked[endpoint] += extent.words;
  if (sram && forward) {
    wordsSent[port] += extent.words;
    combined[core].assign(size_t{extent.words} * wordBytes, std::byte{0});
    transfers[in].stream = transfers[out].data = combined[core].data();
  }
  run.state = State::Reducing;
  run.since = now;
  run.incoming = in;
  if (recorder)
    recorder->opens(in, now);
  if (recorder && forward)
    recorder->opens(out, now);
  if (forward) {
    countMessage(port, extent.words);
    fabric.openSend(port, out, now);
  }
  fabric.openReceive(endpoint, in);
  return false;
}

bool Execution::waitAll(uint32_t core) {
  CoreRun &run = cores[core];
  if (run.outstanding) {
    run.state = State::Waiting;
    run.since = now;
    return false;
  }
  if (sram)
    claims[core].clear();
  return true;
}

bool Execution::loopBegin(uint32_t core, const InstrCode &instr) {
  CoreRun &run = cores[core];
  int64_t count = evaluate(instr.count, core);
  if (count < 0) {
    fail(core, fmt::format("a loop of {} rounds", count));
    return false;
  }
  if (!count) {
    run.pc = instr.match + 1;
    return true;
  }
  loops[size_t{core} * image.loopDepth + run.depth++] = {0, count};
  ++run.pc;
  return true;
}

void Execution::loopEnd(uint32_t core, const InstrCode &instr) {
  CoreRun &run = cores[core];
  LoopRun &loop = loops[size_t{core} * image.loopDepth + run.depth - 1];
  if (++loop.counter < loop.count) {
    run.pc = instr.match + 1;
    return;
  }
  --run.depth;
  ++run.pc;
}

/// The last word of the transfer is where it should be.
void Execution::finish(uint32_t id) {
  const Transfer &transfer = transfers[id];
  lastEnd = std::max(lastEnd, now);
  if (recorder)
    recorder->transferEnds(id, now);
  freeTransfers.push_back(id);
  if (transfer.kind == TransferKind::HostPut)
    return;
  OpSum &op = ops[image.tasks[transfer.task].op];
  op.end = std::max(op.end, now);
  CoreRun &run = cores[transfer.owner];
  if (transfer.kind == TransferKind::Put || transfer.kind == TransferKind::Get) {
    if (!--run.outstanding) {
      if (now < run.kernelEnd)
        ops[image.tasks[run.task].op].hidden -= run.kernelEnd - now;
      if (run.state == State::Waiting)
        resume(transfer.owner, id);
    }
    return;
  }
  if (transfer.kind == TransferKind::StreamOut)
    freeTransfers.push_back(run.incoming);
  resume(transfer.owner, id);
}

void Execution::resume(uint32_t core, uint32_t transfer) {
  CoreRun &run = cores[core];
  OpSum &op = ops[image.tasks[run.task].op];
  bool waited = run.state == State::Waiting;
  // A reduction waits until its first word is there, then it communicates.
  uint64_t waitEnd = waited ? now : transfers[run.incoming].firstWord;
  op.wait += waitEnd - run.since;
  if (recorder)
    recorder->resumes(core, transfer, transfers[waited ? transfer : run.incoming].channel, waitEnd - run.since);
  op.communicate += now - waitEnd;
  if (waited && sram)
    claims[core].clear();
  if (options.trace && now > run.since)
    options.trace->span({core, waited ? SpanKind::Wait : SpanKind::Reduce, image.tasks[run.task].op,
                         waited ? std::string_view() : image.channels[image.instrs[run.pc].channel], run.since, now});
  run.state = State::Running;
  run.incoming = none;
  run.begun = false;
  ++run.pc;
  calendar.addCore(now, core);
}

} // namespace weft::sim
