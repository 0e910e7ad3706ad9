#include "sim/maxplus/Evaluation.h"

#include "sim/mesh/Params.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace weft::sim::maxplus {

Evaluation::Evaluation(const EvaluationContext &context, const runtime::Launch &launch, bool together, bool mayCross)
    : package(context.package), program(context.program), hardware(context.hardware), options(context.options),
      launch(launch), width(package.mesh_width), height(package.mesh_height), together(together),
      crossAllowed(mayCross), params(evaluateParams(program.image, launch.tokensInCache)),
      time(size_t{width} * height, 0), ends(size_t{width} * height, 0),
      messages(program.channels, program.image.channels, fabricCycles(hardware), width, height),
      ops(program.image.ops.size()), traffic(program.image.channels.size()), repetition(program.repetition) {
  for (const ChannelShape &shape : program.channels)
    for (const Line &line : shape.lines)
      for (const FlowShape &flow : line.flows)
        histories[shape.alongX].sharesLinks = histories[shape.alongX].sharesLinks || flow.sharesLinks;
}

Result<runtime::LaunchReport> Evaluation::run() {
  if (options.explain)
    paths = std::make_unique<Paths>(
        PathsContext{program.image, program.channels, fabricCycles(hardware), time, messages, width, height});
  if (auto ok = startHost(); !ok)
    return ok.takeError();
  if (auto ok = runPhases(); !ok)
    return ok.takeError();
  if (!messages.finishAll())
    return userError("words remain in queues when all cores have ended");
  for (uint32_t core = 0; core < time.size(); ++core) {
    lastEnd = std::max<uint64_t>(lastEnd, time[core]);
    if (options.trace)
      options.trace->coreEnded(core, time[core]);
  }
  return report();
}

Result<void> Evaluation::startHost() {
  for (const runtime::LaunchInput &given : launch.inputs)
    if (std::none_of(program.image.inputs.begin(), program.image.inputs.end(),
                     [&](const HostInputCode &input) { return input.name == given.name; }))
      return userError(fmt::format("program '{}' has no input '{}'", program.image.name, given.name));
  for (const HostInputCode &input : program.image.inputs) {
    const int64_t bytes = evaluate(input.bytes, Strand(), 0, 0), word = hardware.routing.linkBytes;
    if (bytes < 0 || bytes > int64_t{std::numeric_limits<int32_t>::max()})
      return userError(fmt::format("program '{}', input '{}': {} bytes", program.image.name, input.name, bytes));
    const auto words = static_cast<uint32_t>((bytes + word - 1) / word);
    const ChannelShape &shape = program.channels[input.channel];
    uint64_t lines = 0;
    for (uint32_t at = 0; at < (shape.alongX ? height : width); ++at) {
      const Line &line = shape.lines[shape.lineOf[at]];
      if (line.hostFlow == noFlow)
        continue;
      ++lines;
      const FlowShape &flow = line.flows[line.hostFlow];
      runtime::ChannelTraffic &sum = traffic[input.channel];
      sum.messages += words > 0;
      sum.words += words;
      sum.wordHops += uint64_t{words} * flow.links;
      sum.maxHops = std::max(sum.maxHops, words ? flow.maxHops : 0);
      counters.wordsInjected += words;
      counters.wordHops += uint64_t{words} * flow.links;
    }
    if (!lines)
      return userError(fmt::format("program '{}', input '{}': no flow of its channel starts at the host",
                                   program.image.name, input.name));
    if (words)
      messages.hostSends(input.channel, words, hardware.latency.hostStartup);
    if (words && paths)
      paths->hostSends(input.channel, words);
  }
  return success();
}

Result<void> Evaluation::runPhases() {
  const auto count = static_cast<uint32_t>(program.image.tasks.size());
  const std::vector<Phase> &phases = program.phases;
  auto upTo = [](uint32_t begin, uint32_t end) {
    std::vector<uint32_t> tasks(end - begin);
    std::iota(tasks.begin(), tasks.end(), begin);
    return tasks;
  };
  if (together) {
    lastPhase = true;
    return runPhase(upTo(0, count));
  }
  for (uint32_t i = 0; i < phases.size();) {
    i = paths ? i : beginBlock(i);
    lastPhase = i + 1 == phases.size();
    const uint32_t swept = failure || paths ? 0 : runOnLines(i); // paths are of each core its own
    if (failure)
      return *failure;
    if (!swept) {
      const OpSum before = std::exchange(opOfPhase(i), OpSum());
      if (auto ok = runPhase(upTo(phases[i].begin, phases[i].end)); !ok)
        return ok;
      countPhase(i, before);
    }
    i += swept ? swept : 1;
    if (options.progress)
      options.progress(static_cast<double>(phases[i - 1].end) / count);
  }
  return success();
}

// ---- phases ---------------------------------------------------------------------------------------------------------

const std::vector<Group> &Evaluation::groupsOf(const std::vector<uint32_t> &classes) {
  auto [entry, isNew] = partitions.try_emplace(classes);
  if (isNew)
    entry->second = partition(package, classes);
  return entry->second;
}

std::vector<uint32_t> Evaluation::classesOf(const std::vector<uint32_t> &tasks) const {
  std::vector<uint32_t> classes;
  for (uint32_t task : tasks)
    classes.push_back(program.classOfTask[task]);
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return classes;
}

/// Those of the tasks that the group's cores have.
std::vector<uint32_t> Evaluation::tasksOf(const Group &group, const std::vector<uint32_t> &tasks,
                                          const std::vector<uint32_t> &classes) const {
  std::vector<uint32_t> own;
  for (uint32_t task : tasks) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), program.classOfTask[task]);
    if (group.member[static_cast<size_t>(at - classes.begin())])
      own.push_back(task);
  }
  return own;
}

Result<void> Evaluation::runPhase(const std::vector<uint32_t> &tasks) {
  const std::vector<uint32_t> classes = classesOf(tasks);
  const std::vector<Group> &groups = groupsOf(classes);
  if (paths) // of each core its own
    return runStrands(tasks, classes, groups);
  const LineUse use = lineUse(tasks);
  const bool alongX = use.alongX;
  for (bool axis : {false, true})
    if (axis ? use.alongX : use.alongY)
      forgetHistory(axis);
  std::vector<int32_t> shift;
  if (use.alongX != use.alongY && !use.host && !(alongX ? use.byRow : use.byColumn) &&
      linesAlike(classes, groups, alongX) && findShifts(alongX, shift) && mayFold(alongX, shift))
    return runFolded(tasks, classes, groups, alongX);
  for (bool axis : {false, true})
    if (crossAllowed && mayCross(use, axis) && linesAlike(classes, groups, axis) && findShifts(axis, shift) &&
        std::ranges::all_of(shift, [](int32_t later) { return !later; }) && mayFold(axis, shift)) {
      crossing = crossed = true;
      crossAlongX = axis;
      auto done = runFolded(tasks, classes, groups, axis);
      crossing = false;
      if (done)
        countAcross(shift.size());
      return done;
    }
  for (bool axis : {false, true})
    if (axis ? use.alongX : use.alongY)
      unfold(axis);
  return runStrands(tasks, classes, groups);
}

Result<void> Evaluation::runStrands(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                                    const std::vector<Group> &groups) {
  strands.clear();
  for (const Group &group : groups) {
    if (!group.cores.size)
      continue;
    Strand &strand = strands.emplace_back();
    strand.cores = group.cores;
    strand.sent.assign(program.channels.size(), 0);
    strand.asked.assign(program.channels.size(), 0);
    for (uint32_t channel = 0; channel < program.channels.size(); ++channel)
      if (program.channels[channel].turn)
        strand.sent[channel] = strand.asked[channel] = messages.turnsOf(channel);
    strand.tasks = tasksOf(group, tasks, classes);
  }
  while (!strands.empty() && !failure) {
    // Strands stay whole as long as there is anything else to do.
    if (!advanceRound(false) && !failure && !advanceRound(true) && !failure) {
      open = true;
      return userError(fmt::format("op '{}': cores wait for words of later ops, or for ever",
                                   program.image.ops[program.image.tasks[tasks.back()].op]));
    }
    if (messages.failure())
      refuse(*messages.failure());
    std::erase_if(strands, [](const Strand &strand) { return strand.ended; });
  }
  if (failure)
    return *failure;
  if (!lastPhase && !messages.allClosed()) {
    open = true;
    return userError("an op leaves words for a later one");
  }
  return success();
}

/// Lets strands go on, with `parts` until one does; false if none can.
bool Evaluation::advanceRound(bool parts) {
  bool any = false;
  // There and back, since sums come from both sides of a line.
  const size_t count = strands.size();
  for (size_t i = 0; i < count && !failure && !messages.failure() && !(parts && any); ++i)
    any = advance(strands[backwards ? count - 1 - i : i], parts) || any;
  backwards = !backwards;
  any = any || !born.empty();
  std::move(born.begin(), born.end(), std::back_inserter(strands));
  born.clear();
  return any;
}

bool Evaluation::advance(Strand &strand, bool parts) {
  bool any = false;
  while (!strand.ended && !failure && !messages.failure()) {
    if (strand.task == strand.tasks.size()) {
      if (!drain(strand, parts))
        return any;
      strand.ended = true;
      return true;
    }
    const TaskCode &task = program.image.tasks[strand.tasks[strand.task]];
    if (!strand.entered) {
      strand.pc = task.instrs.begin;
      strand.entered = true;
    }
    if (strand.pc == task.instrs.end) {
      endTask(strand);
      any = true;
      continue;
    }
    if (step(strand, parts) == Progress::None)
      return any;
    any = true;
    parts = false;
  }
  return any;
}

void Evaluation::endTask(Strand &strand) {
  uint32_t last = 0;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) { last = std::max(last, time[core]); });
  if (last > latest)
    refuse("the launch takes more than 2^31 cycles");
  opOf(strand).end = std::max<uint64_t>(opOf(strand).end, last);
  ++strand.task;
  strand.entered = false;
}

/// What the strand's cores did not wait for ends by itself.
bool Evaluation::drain(Strand &strand, bool parts) {
  if (strand.pending.empty())
    return true;
  if (!lastPhase) {
    open = true;
    refuse("an op ends with transfers under way");
    return false;
  }
  if (!settleEnds(strand, parts))
    return false;
  forEachCore(strand.cores, width,
              [&](uint32_t core, uint32_t, uint32_t) { lastEnd = std::max<uint64_t>(lastEnd, ends[core]); });
  if (paths)
    paths->drains(strand.cores, strand.pending, ends);
  countHidden(strand);
  checkRamps(strand);
  closeTransfers(strand);
  return true;
}

runtime::LaunchReport Evaluation::report() const {
  runtime::LaunchReport result;
  const ProgramImage &image = program.image;
  result.cycles = std::max<uint64_t>(lastEnd, messages.hostEnd());
  result.channels = traffic;
  result.counters = counters;
  result.counters.events = steps;
  result.phases = together ? 1 : program.phases.size();
  result.repeated = repeated;
  result.busyCoreCycles = busy;
  reportOps(result, image, ops, program.opCores);
  if (paths)
    result.why = std::make_shared<const runtime::Explanation>(paths->explain(result.cycles));
  return result;
}

} // namespace weft::sim::maxplus
