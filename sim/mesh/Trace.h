// Launches as Chrome trace JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing show: a track for each core, and
// counters of the cycles in which words were held up, by link and colour.
#pragma once

#include "hw-models/support/Result.h"
#include "sim/mesh/TraceSink.h"

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <tuple>

namespace weft::sim {

struct TraceOptions {
  uint32_t maxCores = 256; // tracks; of a larger mesh, evenly spread columns and rows
};

/// Writes while the engine runs; a file that no launch came to is taken away again. One cycle is one nanosecond of the
/// trace; launches follow one another.
class TraceWriter : public TraceSink {
public:
  static Result<std::unique_ptr<TraceWriter>> create(const std::string &path, const TraceOptions &options = {});
  ~TraceWriter() override;
  TraceWriter(const TraceWriter &) = delete;
  TraceWriter &operator=(const TraceWriter &) = delete;

  /// Completes the file. Errors: what could not be written.
  Result<void> finish();

  void launchBegins(const LaunchInfo &info) override;
  void span(const Span &span) override;
  void heldUp(const HeldUp &held) override;
  void launchEnded(uint64_t cycles) override;

private:
  TraceWriter(std::string path, std::FILE *file, const TraceOptions &options);
  void event(const std::string &json);
  void nameTracks(const LaunchInfo &info);

  std::string path;
  std::FILE *file;
  TraceOptions options;
  bool first = true, failed = false;
  uint64_t launchStart = 0, latest = 0; // cycles
  size_t meshWidth = 1;
  std::vector<bool> shown;      // by core
  std::vector<std::string> ops; // JSON strings
  std::string launchName;       // JSON string
  /// Cycles so far, by reason; by router, exit and colour.
  std::map<std::tuple<uint32_t, runtime::Exit, uint8_t>, std::array<uint64_t, 3>> held;
};

} // namespace weft::sim
