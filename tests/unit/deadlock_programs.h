// Small programs written by hand for tests of the deadlock check.
#pragma once

#include "compiler/route/Channels.h"
#include "compiler/route/Deadlock.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weft::test {

using pkg::InstrKind;
using namespace route;

/// Builds small packages by hand: one class for each core, plus classes of the caller's.
struct Builder {
  pkg::PackageT package;
  pkg::ProgramT program;
  int width, height;

  Builder(int width, int height) : width(width), height(height) {
    package.mesh_width = width;
    package.mesh_height = height;
    package.model = std::make_unique<pkg::ModelT>();
    package.model->max_seq = 64;
    for (int core = 0; core < width * height; ++core)
      addClass("c" + std::to_string(core), [=](int x, int y) { return y * width + x == core; });
    program.name = "decode";
    program.ops.push_back(std::make_unique<pkg::OpT>());
    program.ops[0]->name = "layers.0.q_proj";
    program.rank_x = coreToRank(width, Embedding::Identity);
    program.rank_y = coreToRank(height, Embedding::Identity);
  }

  /// Members must be a product of columns and rows.
  uint32_t addClass(std::string name, const std::function<bool(int, int)> &isMember) {
    auto cls = std::make_unique<pkg::ClassT>();
    cls->name = std::move(name);
    cls->xs.assign(width, false);
    cls->ys.assign(height, false);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        if (isMember(x, y))
          cls->xs[x] = cls->ys[y] = true;
    package.classes.push_back(std::move(cls));
    return static_cast<uint32_t>(package.classes.size() - 1);
  }
  int addChannel(const ChannelSpec &spec) {
    std::vector<int> colors(spec.classCount, 0);
    program.channels.push_back(std::make_unique<pkg::ChannelT>(toPackage(spec, colors)));
    return static_cast<int>(program.channels.size()) - 1;
  }
  pkg::InstrT &add(uint32_t cls, InstrKind kind, int channel = 0, int words = 0, int channelOut = 0) {
    auto task = std::make_unique<pkg::TaskT>();
    task->class_id = cls;
    auto instr = makeInstr(kind, channel, words, channelOut);
    pkg::InstrT &added = *instr;
    task->instrs.push_back(std::move(instr));
    program.tasks.push_back(std::move(task));
    return added;
  }
  static std::unique_ptr<pkg::InstrT> makeInstr(InstrKind kind, int channel, int words, int channelOut) {
    auto instr = std::make_unique<pkg::InstrT>();
    instr->kind = kind;
    instr->channel = channel;
    instr->channel_out = channelOut;
    pkg::Expr amount(pkg::Source::Constant, 0, 0, kind == InstrKind::LoopBegin ? words : 4 * words);
    (kind == InstrKind::LoopBegin ? instr->count : instr->bytes) = std::make_unique<pkg::Expr>(amount);
    return instr;
  }
  Result<void> check(uint32_t queueWords = 2, std::vector<int> tokens = {}, DeadlockStatistics *stats = nullptr) {
    DeadlockOptions options;
    options.queueWords = queueWords;
    options.tokenCounts = std::move(tokens);
    return checkDeadlock(package, program, options, stats);
  }
  std::string failure(uint32_t queueWords = 2) {
    auto result = check(queueWords);
    return result ? "" : result.error().message;
  }
};

inline ChannelSpec oneFlow(std::string name, int from, int to) {
  ChannelSpec spec{std::move(name), Axis::X, {{-1, from, std::min(from, to), std::max(from, to), false, 0}}, 1, {}};
  return spec;
}

} // namespace weft::test
