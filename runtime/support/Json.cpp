#include "runtime/support/Json.h"

#include "runtime/support/MappedFile.h"

#include <fmt/format.h>

#include <set>
#include <vector>

namespace weft::runtime {

std::string printable(std::string_view text) {
  constexpr size_t limit = 200;
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.size() > limit && i == limit / 2) {
      result += "[...]";
      i = text.size() - limit / 2;
    }
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += text[i];
  }
  return result;
}

namespace {
/// Thrown through the JSON parser, caught in parseJson.
struct Refusal {
  std::string reason;
};

/// Follows a parse: nesting and the keys of each open object.
class Watcher {
public:
  explicit Watcher(int maxDepth) : maxDepth(maxDepth) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json &value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= maxDepth)
        throw Refusal{fmt::format("nested more than {} levels deep", maxDepth)};
      keys.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys.pop_back();
    } else if (event == Event::key && !keys.back().insert(value.get_ref<const std::string &>()).second) {
      throw Refusal{fmt::format("the key '{}' occurs twice in one object", printable(value.get<std::string>()))};
    }
    return true;
  }

private:
  int maxDepth;
  std::vector<std::set<std::string>> keys; // by open container; empty for arrays
};
} // namespace

Result<nlohmann::json> parseJson(std::string_view text, const std::string &origin, int maxDepth) {
  try {
    return nlohmann::json::parse(text.begin(), text.end(), Watcher(maxDepth));
  } catch (const Refusal &refusal) {
    return userError(fmt::format("{}: {}", printable(origin), refusal.reason));
  } catch (const nlohmann::json::exception &problem) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    std::string_view what = problem.what();
    if (size_t end = what.find("] "); end != std::string_view::npos)
      what.remove_prefix(end + 2);
    return userError(fmt::format("{}: not valid JSON: {}", printable(origin), printable(what)));
  }
}

Result<nlohmann::json> readJsonFile(const std::string &path, uint64_t maxBytes, int maxDepth) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  if (file->bytes().size() > maxBytes)
    return userError(fmt::format("{}: {} bytes long, more than the {} that such a file may have", printable(path),
                                 file->bytes().size(), maxBytes));
  return parseJson(file->text(), path, maxDepth);
}

} // namespace weft::runtime
