#include "runtime/gguf/Gguf.h"

#include "runtime/gguf/GgufCursor.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace weft::runtime {

static constexpr uint64_t magicBytes = 4;
static constexpr std::string_view magic = "GGUF";
static constexpr uint64_t mostKeyBytes = 65535, mostNameBytes = 64; // the format's own limits
static constexpr uint32_t mostDims = 4;
static constexpr uint64_t defaultAlignment = 32, mostAlignment = 1U << 30;

bool looksLikeGguf(std::span<const std::byte> file) {
  return file.size() >= magicBytes &&
         std::string_view(reinterpret_cast<const char *>(file.data()), magicBytes) == magic;
}

namespace {

struct ElementEntry {
  uint32_t id;
  GgufElement element;
};

// Types by the number that files have. Those without a format here have sizes, and cannot be used unless they are plain
// numbers.
const std::vector<ElementEntry> &elementTypes() {
  static const std::vector<ElementEntry> types = [] {
    std::vector<ElementEntry> list{
        {0, {"F32", 1, 4, {}}},         {1, {"F16", 1, 2, {}}},         {9, {"Q8_1", 32, 36, {}}},
        {15, {"Q8_K", 256, 292, {}}},   {16, {"IQ2_XXS", 256, 66, {}}}, {17, {"IQ2_XS", 256, 74, {}}},
        {18, {"IQ3_XXS", 256, 98, {}}}, {19, {"IQ1_S", 256, 50, {}}},   {21, {"IQ3_S", 256, 110, {}}},
        {22, {"IQ2_S", 256, 82, {}}},   {24, {"I8", 1, 1, {}}},         {25, {"I16", 1, 2, {}}},
        {26, {"I32", 1, 4, {}}},        {27, {"I64", 1, 8, {}}},        {28, {"F64", 1, 8, {}}},
        {29, {"IQ1_M", 256, 56, {}}},   {30, {"BF16", 1, 2, {}}},       {34, {"TQ1_0", 256, 54, {}}},
        {35, {"TQ2_0", 256, 66, {}}},   {39, {"MXFP4", 32, 17, {}}}};
    constexpr std::array<uint32_t, blockFormatCount> ids{2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23};
    for (size_t i = 0; i < ids.size(); ++i) {
      const BlockFacts &facts = factsOf(static_cast<BlockFormat>(i));
      list.push_back({ids[i], {facts.name, facts.weights, facts.bytes, static_cast<BlockFormat>(i)}});
    }
    return list;
  }();
  return types;
}

const GgufElement *elementOf(uint32_t id) {
  for (const ElementEntry &entry : elementTypes())
    if (entry.id == id)
      return &entry.element;
  return nullptr;
}

/// Bytes of one tensor: its rows are whole blocks.
Result<uint64_t> tensorBytes(const GgufTensor &tensor, const std::string &where) {
  uint64_t numbers = 1, bytes = 0;
  for (uint64_t extent : tensor.extents)
    if (extent == 0 || extent > INT64_MAX || __builtin_mul_overflow(numbers, extent, &numbers) || numbers > INT64_MAX)
      return userError(fmt::format("{}: extents [{}] make no number of elements from 1 to 2^63 - 1", where,
                                   fmt::join(tensor.extents, ", ")));
  const uint64_t row = tensor.extents.empty() ? 1 : tensor.extents.front();
  if (row % tensor.element.weights != 0)
    return userError(fmt::format("{}: rows of {} elements are not whole blocks of {}, which type {} has", where, row,
                                 tensor.element.weights, tensor.element.name));
  if (__builtin_mul_overflow(numbers / tensor.element.weights, uint64_t{tensor.element.bytes}, &bytes))
    return userError(fmt::format("{}: its {} elements of type {} have no size in bytes that fits 64 bits", where,
                                 numbers, tensor.element.name));
  return bytes;
}

/// One description; the offset is still from the start of the data.
Result<GgufTensor> readTensor(GgufCursor &cursor, const std::string &origin, uint64_t index) {
  GgufTensor tensor;
  Result<std::string_view> name = cursor.text(mostNameBytes, fmt::format("the name of tensor {}", index));
  if (!name)
    return name.takeError();
  if (name->empty())
    return userError(fmt::format("{}: tensor {} has no name", origin, index));
  tensor.name = *name;
  std::string where = fmt::format("{}: tensor '{}'", origin, printable(tensor.name));
  Result<uint32_t> dims = cursor.number<uint32_t>(fmt::format("the rank of tensor '{}'", printable(tensor.name)));
  if (!dims)
    return dims.takeError();
  if (*dims > mostDims)
    return userError(fmt::format("{}: has {} dimensions; at most {} are allowed", where, *dims, mostDims));
  for (uint32_t i = 0; i < *dims; ++i) {
    Result<uint64_t> extent = cursor.number<uint64_t>(fmt::format("the shape of tensor '{}'", printable(tensor.name)));
    if (!extent)
      return extent.takeError();
    tensor.extents.push_back(*extent);
  }
  Result<uint32_t> type = cursor.number<uint32_t>(fmt::format("the type of tensor '{}'", printable(tensor.name)));
  if (!type)
    return type.takeError();
  const GgufElement *element = elementOf(*type);
  if (!element)
    return userError(fmt::format("{}: has type {}, which this version of Weft does not know", where, *type));
  tensor.element = *element;
  Result<uint64_t> offset = cursor.number<uint64_t>(fmt::format("the offset of tensor '{}'", printable(tensor.name)));
  if (!offset)
    return offset.takeError();
  tensor.offset = *offset;
  Result<uint64_t> bytes = tensorBytes(tensor, where);
  if (!bytes)
    return bytes.takeError();
  tensor.bytes = *bytes;
  return tensor;
}

/// Moves offsets to the start of the file; tensors lie in it, aligned, one behind the other.
Result<void> placeTensors(GgufFile &parsed, uint64_t alignment, uint64_t fileBytes) {
  auto where = [&](const GgufTensor &tensor) {
    return fmt::format("{}: tensor '{}'", parsed.origin, printable(tensor.name));
  };
  std::set<std::string_view> names;
  const uint64_t dataBytes = fileBytes > parsed.dataStart ? fileBytes - parsed.dataStart : 0;
  for (GgufTensor &tensor : parsed.tensors) {
    if (!names.insert(tensor.name).second)
      return userError(where(tensor) + ": is there twice");
    if (tensor.offset % alignment != 0)
      return userError(fmt::format("{}: its offset {} is no multiple of the file's alignment {}", where(tensor),
                                   tensor.offset, alignment));
    if (tensor.offset > dataBytes || tensor.bytes > dataBytes - tensor.offset)
      return userError(fmt::format("{}: its {} bytes at {} lie outside the {} bytes of data in the file; is the file "
                                   "truncated?",
                                   where(tensor), tensor.bytes, tensor.offset, dataBytes));
    tensor.offset += parsed.dataStart;
  }
  std::sort(parsed.tensors.begin(), parsed.tensors.end(),
            [](const GgufTensor &a, const GgufTensor &b) { return a.offset < b.offset; });
  for (size_t i = 1; i < parsed.tensors.size(); ++i) {
    const GgufTensor &before = parsed.tensors[i - 1];
    if (before.offset + before.bytes > parsed.tensors[i].offset)
      return userError(
          fmt::format("{}: its bytes overlap those of tensor '{}'", where(parsed.tensors[i]), printable(before.name)));
  }
  return success();
}

Result<void> readMetadata(GgufCursor &cursor, uint64_t entries, GgufFile &parsed) {
  for (uint64_t i = 0; i < entries; ++i) {
    Result<std::string_view> key = cursor.text(mostKeyBytes, fmt::format("metadata key {}", i));
    if (!key)
      return key.takeError();
    if (key->empty())
      return userError(fmt::format("{}: metadata key {} is empty", parsed.origin, i));
    Result<GgufValue> value = cursor.value(fmt::format("metadata '{}'", printable(*key)));
    if (!value)
      return value.takeError();
    if (!parsed.metadata.emplace(std::string(*key), std::move(*value)).second)
      return userError(fmt::format("{}: metadata '{}' is there twice", parsed.origin, printable(*key)));
  }
  return success();
}

Result<uint64_t> alignmentOf(const GgufFile &parsed) {
  Result<std::optional<uint32_t>> given = parsed.count("general.alignment");
  if (!given)
    return given.takeError();
  const uint64_t alignment = given->value_or(defaultAlignment);
  if (alignment == 0 || alignment > mostAlignment || (alignment & (alignment - 1)) != 0)
    return userError(fmt::format("{}: metadata 'general.alignment' is {}; it must be a power of two from 1 to 2^30",
                                 parsed.origin, alignment));
  return alignment;
}

/// Version and counts, in which even the smallest entries would fit the file.
struct Counts {
  uint64_t tensors = 0, entries = 0;
};
Result<Counts> readCounts(GgufCursor &cursor, GgufFile &parsed) {
  Result<uint32_t> version = cursor.number<uint32_t>("the version");
  if (!version)
    return version.takeError();
  if (*version != 2 && *version != 3) {
    const bool swapped = *version != 0 && (*version & 0xffff) == 0;
    return userError(fmt::format("{}: {}", parsed.origin,
                                 swapped ? std::string("is a big-endian GGUF file; only little-endian ones are read")
                                         : fmt::format("has version {} of GGUF; versions 2 and 3 are read", *version)));
  }
  parsed.version = *version;
  Result<uint64_t> tensors = cursor.number<uint64_t>("the number of tensors");
  if (!tensors)
    return tensors.takeError();
  Result<uint64_t> entries = cursor.number<uint64_t>("the number of metadata entries");
  if (!entries)
    return entries.takeError();
  constexpr uint64_t leastEntry = 8 + 1 + 4 + 1, leastTensor = 8 + 1 + 4 + 4 + 8;
  if (*entries > cursor.left() / leastEntry)
    return userError(fmt::format("{}: claims to have {} metadata entries, which do not fit its {} bytes; is the file "
                                 "truncated?",
                                 parsed.origin, *entries, cursor.size()));
  if (*tensors > cursor.left() / leastTensor)
    return userError(fmt::format("{}: claims to have {} tensors, whose descriptions do not fit its {} bytes; is the "
                                 "file truncated?",
                                 parsed.origin, *tensors, cursor.size()));
  return Counts{*tensors, *entries};
}

} // namespace

Result<GgufFile> parseGguf(std::span<const std::byte> file, const std::string &origin) {
  GgufFile parsed;
  parsed.origin = printable(origin);
  if (!looksLikeGguf(file))
    return userError(fmt::format("{}: does not begin with 'GGUF'; is this a GGUF file?", parsed.origin));
  GgufCursor cursor(file, magicBytes, parsed.origin);
  Result<Counts> counts = readCounts(cursor, parsed);
  if (!counts)
    return counts.takeError();
  if (Result<void> read = readMetadata(cursor, counts->entries, parsed); !read)
    return read.takeError();
  Result<uint64_t> alignment = alignmentOf(parsed);
  if (!alignment)
    return alignment.takeError();
  for (uint64_t i = 0; i < counts->tensors; ++i) {
    Result<GgufTensor> tensor = readTensor(cursor, parsed.origin, i);
    if (!tensor)
      return tensor.takeError();
    parsed.tensors.push_back(std::move(*tensor));
  }
  parsed.dataStart = (cursor.at() + *alignment - 1) / *alignment * *alignment;
  if (Result<void> placed = placeTensors(parsed, *alignment, file.size()); !placed)
    return placed.takeError();
  if (parsed.dataStart > file.size()) // a file without tensors may end before its padding
    parsed.dataStart = file.size();
  return parsed;
}

} // namespace weft::runtime
