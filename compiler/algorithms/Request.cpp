#include "compiler/algorithms/Request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace weft::algorithms {

std::string_view nameOf(Kind kind) {
  switch (kind) {
  case Kind::Gemm:
    return "gemm";
  case Kind::Gemv:
    return "gemv";
  case Kind::AllReduce:
    return "allreduce";
  case Kind::Reduce:
    return "reduce";
  case Kind::Broadcast:
    return "broadcast";
  case Kind::Shift:
    return "shift";
  case Kind::DecodeLayer:
    return "decode-layer";
  case Kind::PrefillLayer:
    break;
  }
  return "prefill-layer";
}

std::string_view shapeForm(Kind kind) {
  switch (kind) {
  case Kind::Gemm:
    return "MxKxN";
  case Kind::Gemv:
    return "MxN";
  case Kind::DecodeLayer:
  case Kind::PrefillLayer:
    return "FEATURESxFFNxTOKENS";
  default:
    return "RxC";
  }
}

Result<int64_t> Settings::number(const std::string &key, int64_t absent, int64_t lo, int64_t hi) const {
  auto found = values.find(key);
  if (found == values.end()) {
    take(key, std::to_string(absent));
    return absent;
  }
  int64_t value = 0;
  const char *end = found->second.data() + found->second.size();
  auto parsed = std::from_chars(found->second.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end)
    return Error{fmt::format("--set {}={}: a whole number is needed", key, found->second), Fault::Usage};
  if (value < lo || value > hi)
    return userError(fmt::format("--set {}={}: {} to {} fit here", key, value, lo, hi));
  take(key, std::to_string(value));
  return value;
}

Result<bool> Settings::flag(const std::string &key, bool absent) const {
  auto word = choice(key, absent ? "1" : "0", {"0", "1"});
  if (!word)
    return word.takeError();
  return *word == "1";
}

Result<std::string> Settings::choice(const std::string &key, const std::string &absent,
                                     const std::vector<std::string> &choices) const {
  auto found = values.find(key);
  const std::string &value = found == values.end() ? absent : found->second;
  if (std::ranges::find(choices, value) == choices.end())
    return Error{fmt::format("--set {}={}: one of {} is wanted", key, value, fmt::join(choices, ", ")), Fault::Usage};
  take(key, value);
  return value;
}

} // namespace weft::algorithms
