#include "explore/run/Shard.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>

namespace weft::explore {

namespace {

constexpr uint64_t mostShards = 1'000'000;

std::optional<uint64_t> numberOf(std::string_view text) {
  uint64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

} // namespace

std::string Shard::text() const { return fmt::format("{} of {}", index + 1, count); }

std::string Shard::pathOf(const std::string &results) const {
  const std::filesystem::path path(results);
  const std::string name =
      fmt::format("{}.shard-{}-of-{}{}", path.stem().string(), index + 1, count, path.extension().string());
  return (path.parent_path() / name).string();
}

Result<Shard> parseShard(const std::string &text) {
  const size_t slash = text.find('/');
  const auto index = numberOf(std::string_view(text).substr(0, slash));
  const auto count = slash == std::string::npos ? std::nullopt : numberOf(std::string_view(text).substr(slash + 1));
  if (!index || !count || *index < 1 || *index > *count || *count > mostShards)
    return Error{fmt::format("--shard: '{}' is not of the form i/n with i from 1 to n, e.g. 3/64", text), Fault::Usage};
  return Shard{Shard::Origin::Option, *index - 1, *count};
}

Result<Shard> shardOf(const std::function<const char *(const char *)> &environment) {
  auto number = [&](const char *name) -> std::optional<uint64_t> {
    const char *value = environment(name);
    return value ? numberOf(value) : std::nullopt;
  };
  for (const auto &[rankName, sizeName] :
       {std::pair<const char *, const char *>{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
        {"PMI_RANK", "PMI_SIZE"}})
    if (auto size = number(sizeName); size && *size > 1) {
      auto rank = number(rankName);
      if (!rank || *rank >= *size || *size > mostShards)
        return userError(fmt::format("{}={} but {} is no rank of them; start with mpirun, or unset both", sizeName,
                                     *size, rankName));
      return Shard{Shard::Origin::Mpi, *rank, *size};
    }
  if (auto count = number("SLURM_ARRAY_TASK_COUNT"); count && *count > 1) {
    auto task = number("SLURM_ARRAY_TASK_ID");
    const uint64_t first = number("SLURM_ARRAY_TASK_MIN").value_or(0),
                   step = number("SLURM_ARRAY_TASK_STEP").value_or(1);
    if (!task || step == 0 || *task < first || (*task - first) % step != 0 || (*task - first) / step >= *count ||
        *count > mostShards)
      return userError(fmt::format("SLURM_ARRAY_TASK_COUNT={} but SLURM_ARRAY_TASK_ID is no task of them (an array "
                                   "with gaps?); give --shard i/n",
                                   *count));
    return Shard{Shard::Origin::JobArray, (*task - first) / step, *count};
  }
  return Shard{};
}

} // namespace weft::explore
