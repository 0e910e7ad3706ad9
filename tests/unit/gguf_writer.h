// Bytes of GGUF files for tests, well-formed or not.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weft::test {

template <typename T> inline std::string raw(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}
inline std::string ggufText(const std::string &text) { return raw<uint64_t>(text.size()) + text; }

struct GgufWriter {
  struct Tensor {
    std::string name;
    std::vector<uint64_t> extents;
    uint32_t type = 0;
    std::string bytes;
  };
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::string> entries; // key, type and value of each
  std::vector<Tensor> tensors;

  GgufWriter &add(const std::string &key, uint32_t type, const std::string &value) {
    entries.push_back(ggufText(key) + raw(type) + value);
    return *this;
  }
  GgufWriter &u32(const std::string &key, uint32_t value) { return add(key, 4, raw(value)); }
  GgufWriter &f32(const std::string &key, float value) { return add(key, 6, raw(value)); }
  GgufWriter &flag(const std::string &key, bool value) { return add(key, 7, raw<uint8_t>(value)); }
  GgufWriter &text(const std::string &key, const std::string &value) { return add(key, 8, ggufText(value)); }
  GgufWriter &texts(const std::string &key, const std::vector<std::string> &values) {
    std::string all = raw<uint32_t>(8) + raw<uint64_t>(values.size());
    for (const std::string &value : values)
      all += ggufText(value);
    return add(key, 9, all);
  }
  template <typename T> GgufWriter &numbers(const std::string &key, uint32_t type, const std::vector<T> &values) {
    std::string all = raw(type) + raw<uint64_t>(values.size());
    for (T value : values)
      all += raw(value);
    return add(key, 9, all);
  }
  GgufWriter &tensor(const std::string &name, std::vector<uint64_t> extents, uint32_t type, std::string bytes) {
    tensors.push_back({name, std::move(extents), type, std::move(bytes)});
    return *this;
  }

  static std::string describe(const Tensor &tensor, uint64_t offset) {
    std::string bytes = ggufText(tensor.name) + raw<uint32_t>(static_cast<uint32_t>(tensor.extents.size()));
    for (uint64_t extent : tensor.extents)
      bytes += raw(extent);
    return bytes + raw(tensor.type) + raw(offset);
  }
  std::string pad(std::string bytes) const {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    return bytes;
  }
  std::string header() const {
    return "GGUF" + raw(version) + raw<uint64_t>(tensors.size()) + raw<uint64_t>(entries.size());
  }
  std::string file() const {
    std::string bytes = header(), data;
    for (const std::string &entry : entries)
      bytes += entry;
    for (const Tensor &tensor : tensors) {
      bytes += describe(tensor, data.size());
      data = pad(data + tensor.bytes);
    }
    return pad(bytes) + data;
  }
};

} // namespace weft::test
