#include "compiler/frontend/gguf/GgufReading.h"

#include "compiler/frontend/gguf/GgufModel.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

namespace weft::frontend::gguf {

using runtime::GgufTensor;
using runtime::printable;

Reading::Reading(const runtime::GgufFile &file, std::span<const std::byte> bytes, std::string architecture)
    : file(file), bytes(bytes), architecture(std::move(architecture)) {
  for (const GgufTensor &tensor : file.tensors)
    tensors.emplace(tensor.name, &tensor);
}

void Reading::complain(const std::string &message) {
  if (!failure)
    failure = userError(fmt::format("{}: {}", file.origin, message));
}

template <typename T>
T Reading::checked(const std::string &key, Result<std::optional<T>> value, T low, T high, std::optional<T> fallback) {
  if (!value) {
    if (!failure)
      failure = value.takeError();
    return low;
  }
  if (!*value && !fallback)
    complain(fmt::format("metadata '{}' is missing", printable(full(key))));
  if (!*value) {
    if (!fallback || (*fallback >= low && *fallback <= high))
      return fallback.value_or(low);
    complain(fmt::format("metadata '{}' is missing, and {} in its place is not {} to {}", printable(full(key)),
                         *fallback, low, high));
    return low;
  }
  if (**value >= low && **value <= high) // which no NaN is
    return **value;
  complain(fmt::format("metadata '{}' is {}; it must be {} to {}", printable(full(key)), **value, low, high));
  return low;
}

uint32_t Reading::count(const std::string &key, uint32_t low, uint32_t high) {
  return checked<uint32_t>(key, file.count(full(key)), low, high, std::nullopt);
}
uint32_t Reading::count(const std::string &key, uint32_t low, uint32_t high, uint32_t fallback) {
  return checked<uint32_t>(key, file.count(full(key)), low, high, fallback);
}
double Reading::real(const std::string &key, double low, double high) {
  return checked<double>(key, file.real(full(key)), low, high, std::nullopt);
}
double Reading::real(const std::string &key, double low, double high, double fallback) {
  return checked<double>(key, file.real(full(key)), low, high, fallback);
}
bool Reading::flag(const std::string &key, bool fallback) {
  return checked<bool>(key, file.flag(full(key)), false, true, fallback);
}
std::string Reading::text(const std::string &key, const std::string &fallback) {
  Result<std::optional<std::string>> value = file.text(full(key));
  if (!value && !failure)
    failure = value.takeError();
  return value ? value->value_or(fallback) : fallback;
}

const GgufTensor *Reading::tensor(const std::string &name) const {
  auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : found->second;
}

std::vector<uint64_t> Reading::shapeOf(const std::string &name) {
  const GgufTensor *found = tensor(name);
  if (!found) {
    complain(fmt::format("tensor '{}' is missing", name));
    return {};
  }
  return {found->extents.rbegin(), found->extents.rend()};
}

std::vector<float> Reading::numbersOf(const std::string &name, uint64_t expected) {
  const GgufTensor *found = tensor(name);
  if (!found)
    return {};
  if (found->element.name != "F32" || found->extents.size() != 1 || found->extents[0] != expected) {
    complain(fmt::format("tensor '{}' must be {} numbers of type F32", name, expected));
    return {};
  }
  std::vector<float> numbers(expected);
  std::memcpy(numbers.data(), bytes.data() + found->offset, found->bytes);
  for (float number : numbers)
    if (!(number >= 1e-6f && number <= 1e6f))
      complain(fmt::format("tensor '{}' holds {}; factors are 1e-6 to 1e6", name, number));
  return numbers;
}

int32_t Reading::token(const std::string &key) {
  Result<std::optional<uint32_t>> id = file.count(key);
  if (!id) {
    if (!failure)
      failure = id.takeError();
    return -1;
  }
  return *id && **id <= INT32_MAX ? static_cast<int32_t>(**id) : -1; // 2^32 - 1: there is none
}

Result<TransformerConfig> readConfig(const runtime::GgufFile &file, std::span<const std::byte> bytes) {
  Result<std::optional<std::string>> name = file.text("general.architecture");
  if (!name)
    return name.takeError();
  if (!*name)
    return userError(fmt::format("{}: metadata 'general.architecture' is missing", file.origin));
  Reading reading(file, bytes, **name);
  if (std::optional<TransformerConfig> config = readArchitecture(reading, **name)) {
    if (reading.failed())
      return *reading.failed();
    config->architecture = **name;
    return std::move(*config);
  }
  return userError(fmt::format("{}: the architecture '{}' is not known; known are: {}", file.origin, printable(**name),
                               fmt::join(knownArchitectures(), ", ")));
}

} // namespace weft::frontend::gguf
