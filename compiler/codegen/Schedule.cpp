#include "compiler/codegen/Schedule.h"

#include "runtime/package/CoreCode.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#define XXH_INLINE_ALL // the header alone: no library to link
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace weft::codegen {

std::string toText(const Schedule &schedule) {
  return schedule.empty()
             ? ""
             : fmt::format("{:016x} {} {}", schedule.digest, schedule.bytes, fmt::join(schedule.order, ","));
}

Result<Schedule> parseSchedule(std::string_view text) {
  Schedule schedule;
  if (text.empty())
    return schedule;
  auto number = [&](auto &value, int base) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
    const bool fine = end.ec == std::errc() && end.ptr != text.data();
    text.remove_prefix(size_t(end.ptr - text.data()));
    return fine;
  };
  auto skip = [&](char what) {
    const bool fine = !text.empty() && text.front() == what;
    text.remove_prefix(fine ? 1 : 0);
    return fine;
  };
  bool fine = number(schedule.digest, 16) && skip(' ') && number(schedule.bytes, 10) && skip(' ');
  for (bool more = fine; more; more = skip(',')) {
    uint32_t place = 0;
    fine = number(place, 10);
    schedule.order.push_back(place);
    if (!fine)
      break;
  }
  std::vector<uint32_t> sorted = schedule.order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i)
    fine = fine && sorted[i] == i;
  if (!fine || !text.empty())
    return userError("a schedule is a digest, a number of bytes and an order of instructions");
  return schedule;
}

uint64_t digestOfCode(const uint8_t *code, size_t bytes) { return XXH3_64bits(code, bytes); }

/// Where each instruction begins, and the end; nothing if the last one does not end with the stretch. The two lowest
/// bits of an instruction say how long it is.
static std::optional<std::vector<uint32_t>> boundaries(const uint8_t *code, uint32_t bytes) {
  std::vector<uint32_t> starts{0};
  while (starts.back() < bytes)
    starts.push_back(starts.back() + ((code[starts.back()] & 3) == 3 ? 4 : 2));
  return starts.back() == bytes ? std::optional(starts) : std::nullopt;
}

bool applySchedule(pkg::KernelObjectT &object, const std::string &kernel, const Schedule &schedule) {
  auto code = runtime::readCoreCode(object);
  if (!code || schedule.empty())
    return false;
  const runtime::CodeSymbol *function = nullptr;
  for (const std::string &name : {kernel + ".body", kernel})
    for (const runtime::CodeSymbol &symbol : code->symbols)
      if (!function && symbol.name == name)
        function = &symbol;
  if (!function || function->bytes < schedule.bytes)
    return false;
  const size_t begin = size_t(code->bytes.data() - object.image.data()) + (function->address - code->address);
  std::optional<size_t> found;
  for (size_t at = 0; at + schedule.bytes <= function->bytes; at += 2) {
    if (digestOfCode(object.image.data() + begin + at, schedule.bytes) != schedule.digest)
      continue;
    if (found)
      return false;
    found = begin + at;
  }
  if (!found)
    return false;
  const std::vector<uint8_t> before(object.image.begin() + std::ptrdiff_t(*found),
                                    object.image.begin() + std::ptrdiff_t(*found + schedule.bytes));
  auto starts = boundaries(before.data(), schedule.bytes);
  if (!starts || starts->size() != schedule.order.size() + 1)
    return false;
  size_t next = *found;
  for (uint32_t place : schedule.order)
    for (uint32_t i = (*starts)[place]; i < (*starts)[place + 1]; ++i)
      object.image[next++] = before[i];
  return true;
}

} // namespace weft::codegen
