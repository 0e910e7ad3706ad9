#include "compiler/frontend/safetensors/Safetensors.h"

#include "compiler/frontend/Weights.h"
#include "runtime/support/Json.h"
#include "runtime/support/MappedFile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weft::frontend {

using runtime::MappedFile;
using runtime::parseJson;
using runtime::printable;
using Json = nlohmann::json;

static constexpr uint64_t prefixBytes = 8;
static constexpr uint64_t maxHeaderBytes = 100'000'000; // the format's own limit
static constexpr uint64_t maxIndexBytes = 100'000'000;
static constexpr size_t maxRank = 64;

namespace {
struct Type {
  std::string_view name;
  uint32_t bits;
};
} // namespace

// Types of the format; those without a WeightType may lie in a file but cannot be used.
static constexpr std::array<Type, 20> types{
    {{"BOOL", 8},    {"U8", 8},      {"I8", 8},   {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F4", 4},
     {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16}, {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},
     {"U32", 32},    {"F32", 32},    {"I64", 64}, {"U64", 64},    {"F64", 64},    {"C64", 64}}};

static std::optional<uint32_t> bitsOf(std::string_view type) {
  const auto *found = std::find_if(types.begin(), types.end(), [&](const Type &known) { return known.name == type; });
  return found == types.end() ? std::nullopt : std::optional(found->bits);
}

static std::optional<WeightType> weightType(std::string_view type) {
  if (type == "F32")
    return WeightType::F32;
  if (type == "F16")
    return WeightType::F16;
  if (type == "BF16")
    return WeightType::BF16;
  return std::nullopt;
}

//===----------------------------------------------------------------------------------------------------------------===//
// The header of one file
//===----------------------------------------------------------------------------------------------------------------===//

/// A list of non-negative integers; empty result: it is something else.
static std::optional<std::vector<uint64_t>> unsignedList(const Json &object, const char *key, size_t maxLength) {
  auto found = object.find(key);
  if (found == object.end() || !found->is_array() || found->size() > maxLength)
    return std::nullopt;
  std::vector<uint64_t> list;
  for (const Json &item : *found) {
    if (!item.is_number_unsigned())
      return std::nullopt;
    list.push_back(item.get<uint64_t>());
  }
  return list;
}

/// Bytes of a tensor; empty: more than 2^64 bits, or not a whole number of bytes.
static std::optional<uint64_t> tensorBytes(const std::vector<uint64_t> &shape, uint32_t bits) {
  uint64_t total = bits;
  for (uint64_t extent : shape)
    if (__builtin_mul_overflow(total, extent, &total))
      return std::nullopt;
  return total % 8 == 0 ? std::optional(total / 8) : std::nullopt;
}

/// `where` names file and tensor. Offsets are checked against the file by the caller.
static Result<SafetensorsEntry> parseEntry(const std::string &name, const Json &value, const std::string &where) {
  if (!value.is_object())
    return userError(where + ": its header entry is not a JSON object");
  auto type = value.find("dtype");
  if (type == value.end() || !type->is_string())
    return userError(where + ": 'dtype' is missing or not a string");
  std::optional<std::vector<uint64_t>> shape = unsignedList(value, "shape", maxRank);
  if (!shape)
    return userError(where + fmt::format(": 'shape' must be a list of at most {} non-negative integers", maxRank));
  std::optional<std::vector<uint64_t>> range = unsignedList(value, "data_offsets", 2);
  if (!range || range->size() != 2)
    return userError(where + ": 'data_offsets' must be a list of two non-negative integers");
  uint64_t begin = (*range)[0], end = (*range)[1];
  if (begin > end)
    return userError(where + fmt::format(": its bytes end at {}, before they begin at {}", end, begin));
  SafetensorsEntry entry{name, type->get<std::string>(), std::move(*shape), begin, end - begin};
  std::optional<uint32_t> bits = bitsOf(entry.type);
  if (!bits) // a type newer than this reader: its size is unknown, and find() refuses it
    return entry;
  std::optional<uint64_t> bytes = tensorBytes(entry.shape, *bits);
  if (!bytes)
    return userError(where + fmt::format(": a tensor of shape [{}] and type {} has no size in bytes that fits 64 bits",
                                         fmt::join(entry.shape, ", "), entry.type));
  if (*bytes != entry.bytes)
    return userError(where + fmt::format(": its shape [{}] and type {} call for {} bytes, its data_offsets give {}",
                                         fmt::join(entry.shape, ", "), entry.type, *bytes, entry.bytes));
  return entry;
}

/// Sorts by offset and requires that the entries cover [0, dataBytes) exactly.
static Result<void> checkCover(std::vector<SafetensorsEntry> &entries, uint64_t dataBytes, const std::string &origin) {
  std::sort(entries.begin(), entries.end(), [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
    return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
  });
  uint64_t covered = 0;
  const SafetensorsEntry *previous = nullptr;
  for (const SafetensorsEntry &entry : entries) {
    std::string where = fmt::format("{}: tensor '{}'", printable(origin), printable(entry.name));
    if (entry.offset > dataBytes || entry.bytes > dataBytes - entry.offset)
      return userError(fmt::format("{}: its bytes [{}, {}) lie outside the {} bytes of data in the file; is the file "
                                   "truncated?",
                                   where, entry.offset, entry.offset + entry.bytes, dataBytes));
    if (entry.offset < covered)
      return userError(
          fmt::format("{}: its bytes overlap those of tensor '{}'", where, previous ? printable(previous->name) : ""));
    if (entry.offset > covered)
      return userError(fmt::format("{}: the {} bytes of data before it belong to no tensor; the format allows no holes",
                                   where, entry.offset - covered));
    covered = entry.offset + entry.bytes;
    previous = &entry;
  }
  if (covered != dataBytes)
    return userError(fmt::format("{}: {} bytes after the last tensor belong to no tensor; the format allows no holes",
                                 printable(origin), dataBytes - covered));
  return success();
}

static Result<void> checkMetadata(const Json &metadata, const std::string &origin) {
  if (metadata.is_object() &&
      std::all_of(metadata.begin(), metadata.end(), [](const Json &value) { return value.is_string(); }))
    return success();
  return userError(fmt::format("{}: '__metadata__' must be an object of strings", printable(origin)));
}

Result<SafetensorsHeader> parseSafetensorsHeader(std::span<const std::byte> file, const std::string &origin) {
  std::string where = printable(origin);
  if (file.size() < prefixBytes)
    return userError(fmt::format("{}: {} bytes long, too short for a safetensors file", where, file.size()));
  uint64_t headerBytes = 0;
  for (uint64_t i = 0; i < prefixBytes; ++i)
    headerBytes |= std::to_integer<uint64_t>(file[i]) << (8 * i);
  if (headerBytes > maxHeaderBytes)
    return userError(fmt::format("{}: the header claims to be {} bytes long; at most {} are allowed. Is this a "
                                 "safetensors file?",
                                 where, headerBytes, maxHeaderBytes));
  if (headerBytes > file.size() - prefixBytes)
    return userError(
        fmt::format("{}: the header claims to be {} bytes long, but the file has only {}; is it truncated?", where,
                    headerBytes, file.size()));
  std::string_view text(reinterpret_cast<const char *>(file.data()) + prefixBytes, headerBytes);
  if (!text.starts_with('{'))
    return userError(where + ": the header is not a JSON object; is this a safetensors file?");
  Result<Json> json = parseJson(text, origin, 3);
  if (!json)
    return json.takeError();

  SafetensorsHeader header;
  for (const auto &[name, value] : json->items()) {
    if (name == "__metadata__") {
      if (Result<void> checked = checkMetadata(value, origin); !checked)
        return checked.takeError();
      continue;
    }
    Result<SafetensorsEntry> entry = parseEntry(name, value, fmt::format("{}: tensor '{}'", where, printable(name)));
    if (!entry)
      return entry.takeError();
    header.entries.push_back(std::move(*entry));
  }
  uint64_t dataStart = prefixBytes + headerBytes;
  if (Result<void> covered = checkCover(header.entries, file.size() - dataStart, origin); !covered)
    return covered.takeError();
  for (SafetensorsEntry &entry : header.entries)
    entry.offset += dataStart;
  header.digest = XXH3_64bits(file.data(), dataStart);
  return header;
}

//===----------------------------------------------------------------------------------------------------------------===//
// Weights of one file or several
//===----------------------------------------------------------------------------------------------------------------===//

/// Adds the tensors of the file at `path`.
static Result<void> addTensors(ListedWeights &weights, const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  Result<SafetensorsHeader> header = parseSafetensorsHeader(file->bytes(), path);
  if (!header)
    return header.takeError();
  const uint32_t index = weights.addFile({path, file->bytes().size(), header->digest});
  for (SafetensorsEntry &entry : header->entries) {
    if (std::optional<uint32_t> other = weights.fileOf(entry.name))
      return userError(fmt::format("{}: tensor '{}' is also in {}; one of the two must go", printable(path),
                                   printable(entry.name), printable(weights.files()[*other].path)));
    std::optional<WeightType> type = weightType(entry.type);
    std::string unusable;
    if (!type)
      unusable = fmt::format("{}: tensor '{}' has type {}; supported are F32, F16 and BF16", printable(path),
                             printable(entry.name), printable(entry.type));
    weights.add({std::move(entry.name), type.value_or(WeightType::F32), std::move(entry.shape), index, entry.offset},
                std::move(unusable));
  }
  return success();
}

Result<std::unique_ptr<WeightSource>> openSafetensors(const std::string &path) {
  auto weights = std::make_unique<ListedWeights>();
  if (Result<void> added = addTensors(*weights, path); !added)
    return added.takeError();
  return std::unique_ptr<WeightSource>(std::move(weights));
}

/// A shard is a plain name beside the index: nothing that could lead elsewhere.
static bool isPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

/// The "weight_map" of an index: shard by tensor.
static Result<std::map<std::string, std::string>> readWeightMap(const std::string &path) {
  Result<Json> json = runtime::readJsonFile(path, maxIndexBytes);
  if (!json)
    return json.takeError();
  if (!json->is_object() || !json->contains("weight_map") || !(*json)["weight_map"].is_object())
    return userError(printable(path) + ": not a safetensors index: it has no object 'weight_map'");
  std::map<std::string, std::string> map;
  for (const auto &[tensor, shard] : (*json)["weight_map"].items()) {
    if (!shard.is_string() || !isPlainFileName(shard.get_ref<const std::string &>()))
      return userError(fmt::format("{}: the shard of tensor '{}' must be the plain name of a file beside the index, "
                                   "not {}",
                                   printable(path), printable(tensor), printable(shard.dump())));
    map.emplace(tensor, shard.get<std::string>());
  }
  return map;
}

Result<std::unique_ptr<WeightSource>> openSafetensorsIndex(const std::string &path) {
  Result<std::map<std::string, std::string>> map = readWeightMap(path);
  if (!map)
    return map.takeError();
  std::set<std::string> shards;
  for (const auto &[tensor, shard] : *map)
    shards.insert(shard);
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? std::string() : path.substr(0, slash + 1);

  auto weights = std::make_unique<ListedWeights>();
  for (const std::string &shard : shards)
    if (Result<void> added = addTensors(*weights, folder + shard); !added)
      return userError(fmt::format("{} (a shard that {} names)", added.error().message, printable(path)));
  for (const auto &[tensor, shard] : *map) {
    std::optional<uint32_t> file = weights->fileOf(tensor);
    if (!file)
      return userError(fmt::format("{}: tensor '{}' is not in {}, where the index has it, nor in another shard",
                                   printable(path), printable(tensor), printable(shard)));
    if (weights->files()[*file].path != folder + shard)
      return userError(fmt::format("{}: tensor '{}' is in {}, but the index has it in {}", printable(path),
                                   printable(tensor), printable(weights->files()[*file].path), printable(shard)));
  }
  return std::unique_ptr<WeightSource>(std::move(weights));
}

} // namespace weft::frontend
