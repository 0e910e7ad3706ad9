#include "sim/loads/Loads.h"

#include "runtime/Explanation.h"
#include "sim/loads/Counting.h"
#include "sim/loads/Traffic.h"
#include "sim/maxplus/Partition.h"
#include "sim/mesh/Params.h"

#include <fmt/format.h>

#include <map>
#include <optional>

namespace weft::sim {

using namespace loads;

namespace {

/// Tasks of ops that are one in the map.
struct Group {
  runtime::OpLoad load;
  std::vector<uint32_t> tasks;
};

class Loads {
public:
  Loads(const runtime::Package &package, const pkg::ProgramT &program, const hw::Hardware &hardware,
        const runtime::Launch &launch, const LoadOptions &options, ProgramImage image)
      : package(package), program(program), hardware(hardware), options(options), image(std::move(image)),
        params(evaluateParams(this->image, launch.tokensInCache)), width(package.mesh_width),
        height(package.mesh_height), traffic(program, width, height), members(package.classes.size()) {}

  Result<runtime::LoadMap> count(const runtime::LaunchReport &report);

private:
  using Sent = std::map<uint32_t, std::vector<uint64_t>>; // by channel: words of each core

  void makeGroups(const runtime::LaunchReport &report);
  const Members &membersOf(uint32_t cls);
  void countTurns();
  void countTurns(uint32_t channel);
  void countCall(const Site &site, const Members &cores, runtime::OpLoad &load, Amounts &busy);
  void countSent(const Site &site, const Members &cores, Amounts &sent);
  uint64_t kernelCycles(const InstrCode &instr, const View &view, const hw::KernelWork &work);
  uint64_t wordsOf(const pkg::Expr &bytes, const View &view) const;
  void countGroup(size_t group, runtime::LoadMap &map);
  size_t hostOp(uint32_t channel) const;
  Needs needsOf(const Site &site) const;

  const runtime::Package &package;
  const pkg::ProgramT &program;
  const hw::Hardware &hardware;
  const LoadOptions &options;
  const ProgramImage image;
  const std::vector<int64_t> params;
  const uint32_t width, height;
  const Traffic traffic;
  std::vector<std::optional<Members>> members; // by class
  std::vector<Group> groups;
  std::vector<size_t> groupOfOp;
  std::vector<Sent> turns;                                // by group: of channels where cores take turns
  std::map<std::pair<uint32_t, int64_t>, uint64_t> costs; // by kernel and rows
  std::vector<uint64_t> allBusy;
  runtime::LinkWords allLinks;
  std::optional<Error> failure;
};

/// The channel that an instruction sends into.
std::optional<uint32_t> sendsInto(const InstrCode &instr) {
  if (instr.kind == pkg::InstrKind::Put)
    return instr.channel;
  if (instr.kind == pkg::InstrKind::ReduceForward)
    return instr.channelOut;
  return std::nullopt;
}

bool receivesFrom(const InstrCode &instr, uint32_t channel) {
  return instr.channel == channel && (instr.kind == pkg::InstrKind::Get || instr.kind == pkg::InstrKind::ReduceInto ||
                                      instr.kind == pkg::InstrKind::ReduceForward);
}

void Loads::makeGroups(const runtime::LaunchReport &report) {
  std::map<std::string, size_t> known;
  for (size_t op = 0; op < program.ops.size(); ++op) {
    auto [place, isNew] = known.emplace(runtime::foldedName(program.ops[op]->name), groups.size());
    if (isNew) {
      groups.emplace_back();
      groups.back().load.op = place->first;
    }
    groupOfOp.push_back(place->second);
  }
  for (const runtime::OpTime &time : report.ops)
    if (time.op < groupOfOp.size())
      groups[groupOfOp[time.op]].load.cycles += time.cycles;
  for (uint32_t task = 0; task < image.tasks.size(); ++task)
    groups[groupOfOp[image.tasks[task].op]].tasks.push_back(task);
  turns.resize(groups.size());
}

const Members &Loads::membersOf(uint32_t cls) {
  if (members[cls])
    return *members[cls];
  Members &made = members[cls].emplace();
  for (maxplus::Group &group : maxplus::partition(package, {cls}))
    made.cores = std::move(group.cores);
  made.ofColumn.assign(width, 0);
  made.ofRow.assign(height, 0);
  for (const maxplus::Stretch &stretch : made.cores.stretches) {
    made.ofRow[stretch.y] += stretch.end - stretch.begin;
    for (uint32_t x = stretch.begin; x < stretch.end; ++x)
      ++made.ofColumn[x];
  }
  return made;
}

uint64_t Loads::wordsOf(const pkg::Expr &bytes, const View &view) const {
  const int64_t count = std::max<int64_t>(view.valueOf(bytes), 0), word = hardware.routing.linkBytes;
  return static_cast<uint64_t>((count + word - 1) / word);
}

Needs Loads::needsOf(const Site &site) const {
  Needs needs;
  for (const InstrCode *loop : site.nest)
    needs.add(loop->count);
  const InstrCode &instr = *site.instr;
  if (instr.kind != pkg::InstrKind::Call) {
    needs.add(instr.bytes);
    return needs;
  }
  if (const int32_t rows = image.kernelRows[instr.kernel]; options.kernelCosts && rows >= 0)
    needs.add(image.scalars[instr.scalars.begin + static_cast<uint32_t>(rows)]);
  if (instr.work == none)
    return needs;
  const WorkCode &work = image.works[instr.work];
  for (const pkg::Expr &part : {work.macs, work.alu, work.special, work.loadBytes, work.storeBytes, work.vectors,
                                work.descriptors, work.activations})
    needs.add(part);
  return needs;
}

uint64_t Loads::kernelCycles(const InstrCode &instr, const View &view, const hw::KernelWork &work) {
  if (!options.kernelCosts)
    return options.coreModel->kernelCycles(work);
  const int32_t scalar = image.kernelRows[instr.kernel];
  const int64_t rows =
      scalar < 0 ? 1 : view.valueOf(image.scalars[instr.scalars.begin + static_cast<uint32_t>(scalar)]);
  auto [place, isNew] = costs.try_emplace({instr.kernel, rows}, 0);
  if (!isNew)
    return place->second;
  auto cost = options.kernelCosts(instr.kernel, rows);
  if (cost)
    place->second = *cost;
  else if (!failure)
    failure = cost.takeError();
  return place->second;
}

void Loads::countCall(const Site &site, const Members &cores, runtime::OpLoad &load, Amounts &busy) {
  const Needs needs = needsOf(site);
  forEachSpot(cores, needs, width, [&](const Spot &spot) {
    View start{image, params, {}, spot.x, spot.y};
    forEachRound(start, site.nest, needs.loop, [&](const View &view, uint64_t times) {
      const hw::KernelWork work = kernelWork(image, *site.instr, [&](const pkg::Expr &expr) {
        return static_cast<uint64_t>(std::max<int64_t>(view.valueOf(expr), 0));
      });
      busy.add(times * kernelCycles(*site.instr, view, work), needs, spot.x, spot.y, width, height);
      const double calls = static_cast<double>(times) * static_cast<double>(spot.cores);
      (work.narrowOperand ? load.narrowMacs : load.macs) += calls * static_cast<double>(work.macs);
      load.alu += calls * static_cast<double>(work.alu);
      load.special += calls * static_cast<double>(work.special);
      load.loadBytes += calls * static_cast<double>(work.loadBytes);
      load.storeBytes += calls * static_cast<double>(work.storeBytes);
    });
  });
}

void Loads::countSent(const Site &site, const Members &cores, Amounts &sent) {
  const Needs needs = needsOf(site);
  forEachSpot(cores, needs, width, [&](const Spot &spot) {
    View start{image, params, {}, spot.x, spot.y};
    forEachRound(start, site.nest, needs.loop, [&](const View &view, uint64_t times) {
      sent.add(times * wordsOf(site.instr->bytes, view), needs, spot.x, spot.y, width, height);
    });
  });
}

/// Calls f(instr, view) for each instruction of a task that is executed, in order.
template <typename F> void execute(View &view, uint32_t begin, uint32_t end, const F &f) {
  for (uint32_t pc = begin; pc < end; ++pc) {
    const InstrCode &instr = view.image.instrs[pc];
    if (instr.kind != pkg::InstrKind::LoopBegin) {
      f(instr, view);
      continue;
    }
    const int64_t count = view.valueOf(instr.count);
    view.counters.push_back(0);
    for (; view.counters.back() < count; ++view.counters.back())
      execute(view, pc + 1, instr.match, f);
    view.counters.pop_back();
    pc = instr.match;
  }
}

/// Which of a core's messages are sent at all depends on how many came before, through all ops.
void Loads::countTurns(uint32_t channel) {
  std::vector<uint32_t> tasks, classes;
  Needs needs;
  for (uint32_t task = 0; task < image.tasks.size(); ++task) {
    bool sends = false;
    for (const Site &site : sitesOf(image, image.tasks[task]))
      if (sendsInto(*site.instr) == channel) {
        sends = true;
        const Needs own = needsOf(site);
        needs.x |= own.x;
        needs.y |= own.y;
      }
    if (!sends)
      continue;
    tasks.push_back(task);
    classes.push_back(program.tasks[task]->class_id);
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  struct Message {
    size_t group;
    uint64_t words;
  };
  for (const maxplus::Group &alike : maxplus::partition(package, classes)) {
    std::vector<Message> messages;
    auto collect = [&](uint32_t x, uint32_t y) {
      messages.clear();
      View view{image, params, {}, x, y};
      for (uint32_t task : tasks) {
        const auto cls = std::find(classes.begin(), classes.end(), program.tasks[task]->class_id) - classes.begin();
        if (alike.member[static_cast<size_t>(cls)])
          execute(view, image.tasks[task].instrs.begin, image.tasks[task].instrs.end,
                  [&](const InstrCode &instr, const View &here) {
                    if (sendsInto(instr) == channel)
                      if (const uint64_t words = wordsOf(instr.bytes, here))
                        messages.push_back({groupOfOp[image.tasks[task].op], words});
                  });
      }
    };
    std::map<std::pair<uint32_t, size_t>, uint64_t> own; // by turn and group
    bool isKnown = false;
    maxplus::forEachCore(alike.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
      const std::optional<Traffic::Turn> turn = traffic.turnOf(channel, x, y);
      if (!turn)
        return;
      if (!isKnown || needs.x || needs.y) {
        collect(x, y);
        own.clear();
        for (size_t number = 0; number < messages.size(); ++number)
          own[{static_cast<uint32_t>(number / turn->each % turn->cores), messages[number].group}] +=
              messages[number].words;
        isKnown = true;
      }
      for (auto entry = own.lower_bound({turn->position, 0});
           entry != own.end() && entry->first.first == turn->position; ++entry) {
        std::vector<uint64_t> &plane = turns[entry->first.second][channel];
        plane.resize(size_t{width} * height);
        plane[core] += entry->second;
      }
    });
  }
}

void Loads::countTurns() {
  for (uint32_t channel = 0; channel < program.channels.size(); ++channel)
    if (program.channels[channel]->turn)
      countTurns(channel);
}

/// What the host sends belongs to the op that receives it first.
size_t Loads::hostOp(uint32_t channel) const {
  for (const TaskCode &task : image.tasks)
    for (uint32_t i = task.instrs.begin; i < task.instrs.end; ++i)
      if (receivesFrom(image.instrs[i], channel))
        return groupOfOp[task.op];
  return 0;
}

void Loads::countGroup(size_t number, runtime::LoadMap &map) {
  Group &group = groups[number];
  runtime::OpLoad &load = group.load;
  std::map<uint32_t, Amounts> busy;                            // by class
  std::map<uint32_t, std::map<uint32_t, Amounts>> sentByClass; // by channel and class
  for (uint32_t task : group.tasks) {
    const uint32_t cls = program.tasks[task]->class_id;
    for (const Site &site : sitesOf(image, image.tasks[task]))
      if (site.instr->kind == pkg::InstrKind::Call)
        countCall(site, membersOf(cls), load, busy[cls]);
      else if (auto channel = sendsInto(*site.instr); channel && !program.channels[*channel]->turn)
        countSent(site, membersOf(cls), sentByClass[*channel][cls]);
  }
  std::vector<uint64_t> plane(size_t{width} * height);
  for (const auto &[cls, amounts] : busy)
    amounts.spread(membersOf(cls), width, plane);
  load.busy = runtime::binned(plane, map.bins);
  for (size_t core = 0; core < plane.size(); ++core)
    allBusy[core] += plane[core];
  runtime::LinkWords links;
  for (auto &each : links)
    each.assign(plane.size(), 0);
  for (const auto &[channel, byClass] : sentByClass) {
    plane.assign(plane.size(), 0);
    for (const auto &[cls, amounts] : byClass)
      amounts.spread(membersOf(cls), width, plane);
    traffic.send(channel, plane, links);
  }
  for (const auto &[channel, words] : turns[number])
    traffic.send(channel, words, links);
  for (const HostInputCode &input : image.inputs)
    if (hostOp(input.channel) == number)
      load.wordHops += traffic.sendFromHost(input.channel, wordsOf(input.bytes, {image, params, {}, 0, 0}), links);
  load.link = runtime::binned(links, map.bins);
  load.wordHops += static_cast<uint64_t>(load.link.sum);
  for (size_t direction = 0; direction < links.size(); ++direction)
    for (size_t core = 0; core < plane.size(); ++core)
      allLinks[direction][core] += links[direction][core];
}

Result<runtime::LoadMap> Loads::count(const runtime::LaunchReport &report) {
  runtime::LoadMap map;
  map.program = program.name;
  map.cycles = report.cycles;
  map.bins = runtime::Bins::of(width, height, options.mostBins);
  makeGroups(report);
  countTurns();
  allBusy.assign(size_t{width} * height, 0);
  for (auto &each : allLinks)
    each.assign(allBusy.size(), 0);
  for (size_t group = 0; group < groups.size(); ++group) {
    countGroup(group, map);
    map.ops.push_back(std::move(groups[group].load));
  }
  if (failure)
    return *failure;
  map.busy = runtime::binned(allBusy, map.bins);
  map.link = runtime::binned(allLinks, map.bins);
  for (uint32_t direction = 0; direction < runtime::directions; ++direction)
    map.byDirection[direction] = runtime::binned(allLinks[direction], map.bins);
  return map;
}

} // namespace

Result<runtime::LoadMap> loadMap(const runtime::Package &package, const hw::Hardware &hardware,
                                 const runtime::Launch &launch, const runtime::LaunchReport &report,
                                 const LoadOptions &options) {
  for (size_t number = 0; number < package.programs.size(); ++number) {
    const pkg::ProgramT &program = *package.programs[number];
    if (program.name != launch.program)
      continue;
    auto image = decodeInstructions(package, program, hardware);
    if (!image)
      return image.takeError();
    auto map = Loads(package, program, hardware, launch, options, *std::move(image)).count(report);
    if (map)
      map->sram = runtime::sramPlane(runtime::sramUse(package), number, map->bins);
    return map;
  }
  return internalError(fmt::format("the package has no program '{}'", launch.program));
}

} // namespace weft::sim
