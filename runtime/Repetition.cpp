#include "runtime/Repetition.h"

namespace weft::runtime {

Repetition repetitionOf(const LaunchReport &report, const pkg::ProgramT &program, uint32_t repeats) {
  const size_t ops = program.ops.size() / repeats;
  const uint32_t counted = repeats > 1 ? repeats - 1 : 1;
  Repetition out;
  out.ops.resize(ops);
  for (const OpTime &time : report.ops) {
    if (repeats > 1 && time.op < ops)
      continue;
    RepetitionOp &op = out.ops[time.op % ops];
    op.cycles += static_cast<double>(time.cycles) / counted;
    op.compute += time.compute / counted;
    op.communicate += time.communicate / counted;
    op.wait += time.wait / counted;
    op.hidden += time.hidden / counted;
  }
  for (size_t i = 0; i < ops; ++i) {
    out.ops[i].name = program.ops[i]->name;
    out.ops[i].kind = program.ops[i]->kind;
    out.cycles += out.ops[i].cycles;
    out.compute += out.ops[i].compute;
    out.communicate += out.ops[i].communicate;
    out.wait += out.ops[i].wait;
  }
  return out;
}

} // namespace weft::runtime
