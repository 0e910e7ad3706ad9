// Launches as Chrome trace JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing show: a track for each core.
#pragma once

#include "hw-models/support/Result.h"
#include "sim/mesh/TraceSink.h"

#include <cstdio>
#include <memory>
#include <string>

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
  std::vector<bool> shown;              // by core
  std::vector<std::string> ops;         // JSON strings
  std::string launchName;               // JSON string
};

} // namespace weft::sim
