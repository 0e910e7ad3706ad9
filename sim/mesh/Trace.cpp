#include "sim/mesh/Trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace weft::sim {

/// `text` as a JSON string. Bytes that are not printable ASCII become escapes, so that any name gives valid JSON.
static std::string jsonString(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (byte < 0x20 || byte > 0x7e)
      result += fmt::format("\\u{:04x}", byte);
    else
      result += c;
  }
  return result + '"';
}

/// Trace time is in microseconds.
static std::string micros(uint64_t cycles) { return fmt::format("{}.{:03}", cycles / 1000, cycles % 1000); }

/// Whether position `at` of `extent` is one of `count` positions spread evenly from the first to the last.
static bool sampled(uint32_t at, uint32_t extent, uint32_t count) {
  if (count >= extent)
    return true;
  for (uint32_t i = 0; i < count; ++i)
    if (at == (count == 1 ? 0 : uint64_t{i} * (extent - 1) / (count - 1)))
      return true;
  return false;
}

Result<std::unique_ptr<TraceWriter>> TraceWriter::create(const std::string &path, const TraceOptions &options) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return userError(fmt::format("{}: cannot write the trace: {}", path, std::strerror(errno)));
  return std::unique_ptr<TraceWriter>(new TraceWriter(path, file, options));
}

TraceWriter::TraceWriter(std::string path, std::FILE *file, const TraceOptions &options)
    : path(std::move(path)), file(file), options(options) {
  failed |= std::fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", file) < 0;
}

TraceWriter::~TraceWriter() {
  const bool nothingTraced = file && first;
  (void)finish();
  std::error_code ignored;
  if (nothingTraced && std::filesystem::is_regular_file(path, ignored))
    std::filesystem::remove(path, ignored);
}

Result<void> TraceWriter::finish() {
  if (!file)
    return success();
  failed |= std::fputs("\n]}\n", file) < 0;
  failed |= std::fclose(file) != 0;
  file = nullptr;
  if (failed)
    return userError(fmt::format("{}: the trace could not be written whole; is the disk full?", path));
  return success();
}

void TraceWriter::event(const std::string &json) {
  if (file)
    failed |= std::fprintf(file, "%s\n%s", first ? "" : ",", json.c_str()) < 0;
  first = false;
}

void TraceWriter::nameTracks(const LaunchInfo &info) {
  uint32_t columns = info.meshWidth, rows = info.meshHeight, most = std::max(options.maxCores, 1u);
  if (uint64_t{columns} * rows > most) {
    auto side = std::max(1u, static_cast<uint32_t>(std::sqrt(static_cast<double>(most))));
    columns = std::min(columns, std::max(side, most / std::min(rows, side)));
    rows = std::min(rows, most / columns);
  }
  shown.assign(size_t{info.meshWidth} * info.meshHeight, false);
  size_t tracks = 0;
  for (size_t core = 0; core < shown.size(); ++core) {
    auto x = static_cast<uint32_t>(core % info.meshWidth), y = static_cast<uint32_t>(core / info.meshWidth);
    shown[core] = sampled(x, info.meshWidth, columns) && sampled(y, info.meshHeight, rows);
    tracks += shown[core];
    if (shown[core])
      event(fmt::format(R"({{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":{}}}}})", core + 1,
                        jsonString(fmt::format("core ({}, {})", x, y))));
  }
  std::string what = tracks == shown.size() ? fmt::format("mesh {} x {}, all cores", info.meshWidth, info.meshHeight)
                                            : fmt::format("mesh {} x {}, {} of {} cores shown", info.meshWidth,
                                                          info.meshHeight, tracks, shown.size());
  event(fmt::format(R"({{"ph":"M","pid":1,"name":"process_name","args":{{"name":{}}}}})", jsonString(what)));
  meshWidth = info.meshWidth;
  event(R"j({"ph":"M","pid":2,"name":"process_name","args":{"name":"words held up, by link and colour"}})j");
  event(R"j({"ph":"M","pid":1,"tid":0,"name":"thread_name","args":{"name":"launches (1 cycle = 1 ns)"}})j");
}

void TraceWriter::launchBegins(const LaunchInfo &info) {
  if (shown.size() != size_t{info.meshWidth} * info.meshHeight)
    nameTracks(info);
  launchStart = latest;
  launchName = jsonString(fmt::format("{} to {} tokens", info.program, info.tokensInCache));
  ops.clear();
  for (const std::string &op : *info.ops)
    ops.push_back(jsonString(op));
}

void TraceWriter::span(const Span &span) {
  latest = std::max(latest, launchStart + span.end);
  if (!shown[span.core])
    return;
  static constexpr const char *kinds[] = {"kernel", "wait", "reduce"};
  const char *kind = kinds[static_cast<size_t>(span.kind)];
  event(fmt::format(R"({{"ph":"X","pid":1,"tid":{},"ts":{},"dur":{},"cat":"{}","name":{},"args":{{"what":{}}}}})",
                    span.core + 1, micros(launchStart + span.begin), micros(span.end - span.begin), kind, ops[span.op],
                    jsonString(span.name.empty() ? std::string_view(kind) : span.name)));
}

static std::string_view towards(runtime::Exit exit) {
  constexpr std::string_view names[] = {"to west", "to east", "to north", "to south", "to core", "from core"};
  return names[static_cast<size_t>(exit)];
}

void TraceWriter::heldUp(const HeldUp &word) {
  latest = std::max(latest, launchStart + word.end);
  if (word.where >= shown.size() || !shown[word.where])
    return;
  std::array<uint64_t, 3> &cycles = held[{word.where, word.exit, word.color}];
  cycles[static_cast<size_t>(word.reason)] += word.end - word.begin;
  const size_t columns = meshWidth;
  const std::string name = fmt::format("router ({}, {}) {}, colour {} of {}: cycles held up", word.where % columns,
                                       word.where / columns, towards(word.exit), word.color, word.channel);
  event(fmt::format(R"({{"ph":"C","pid":2,"ts":{},"name":{},"args":{{"receiver":{},"queue":{},"arbitration":{}}}}})",
                    micros(launchStart + word.end), jsonString(name), cycles[0], cycles[1], cycles[2]));
}

void TraceWriter::launchEnded(uint64_t cycles) {
  latest = std::max(latest, launchStart + cycles);
  event(fmt::format(R"({{"ph":"X","pid":1,"tid":0,"ts":{},"dur":{},"cat":"launch","name":{}}})", micros(launchStart),
                    micros(cycles), launchName));
}

} // namespace weft::sim
