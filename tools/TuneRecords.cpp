#include "tools/TuneRecords.h"

#include "explore/tune/CoreSubject.h"

#include <fmt/format.h>

#include <iostream>

namespace weft::tools {

/// Of hw-models/tuned, embedded when Weft is built.
std::string_view shippedRecordText();

const std::vector<explore::TuneRecord> &shippedRecords() {
  static const std::vector<explore::TuneRecord> records = [] {
    auto parsed = explore::parseRecords(shippedRecordText(), "shipped records");
    return parsed ? std::move(*parsed) : std::vector<explore::TuneRecord>(); // a test reads them, too
  }();
  return records;
}

static void warn(const std::string &message) { std::cerr << "weft: warning: " << message << "\n"; }

void useTuneRecords(const std::string &path, compiler::CompileOptions &options) {
  if (path == "none" || options.hardware.parallelism.core.kind != "rvv")
    return;
  std::vector<explore::TuneRecord> own;
  if (!path.empty()) {
    auto read = explore::readRecords(path);
    if (!read)
      return warn(read.error().message + "; kernels are compiled without it");
    own = std::move(*read);
  }
  const std::string core = explore::coreKey(options.hardware), tool = explore::coreToolKey();
  for (const explore::TuneRecord &record : path.empty() ? shippedRecords() : own) {
    if (record.core != core || !record.shape.empty())
      continue;
    auto tuning = explore::tuningOf(record.choices);
    if (tuning && !explore::coreSpace(record.kernel, options.hardware).allows(*tuning))
      tuning = userError(fmt::format("no kernel of this core may have {}", kernels::toText(*tuning)));
    auto text = record.choices.find("schedule");
    auto schedule = codegen::parseSchedule(text == record.choices.end() ? "" : text->second);
    if (!tuning || !schedule) {
      warn(fmt::format("a record of {} is not understood and left out: {}", record.kernel,
                       (!tuning ? tuning.error() : schedule.error()).message));
      continue;
    }
    // Of another version of the tool: the compilation counts it as stale.
    options.tuned[record.kernel].push_back({record.tool == tool ? record.source : "", std::move(*tuning),
                                            std::move(*schedule), record.cycles, record.defaultCycles});
  }
}

} // namespace weft::tools
