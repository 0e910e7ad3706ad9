#include "tests/unit/architectures_support.h"

#include <cmath>
#include <fstream>

namespace weft::test {

std::vector<float> fixtureValues(const std::string &name, const std::vector<uint64_t> &shape) {
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a
  for (char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  uint64_t count = 1;
  for (uint64_t size : shape)
    count *= size;
  std::vector<float> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t state = hash + (i + 1) * 0x9e3779b97f4a7c15; // splitmix64
    state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    state = (state ^ (state >> 27)) * 0x94d049bb133111eb;
    state ^= state >> 31;
    const double uniform = static_cast<double>(state >> 40) / (1 << 23) - 1;
    if (shape.size() != 1)
      values[i] = static_cast<float>(uniform * (2 / std::sqrt(static_cast<double>(shape.back()))));
    else
      values[i] = static_cast<float>(name.ends_with("bias") ? 0.3 * uniform : 1 + 0.3 * uniform);
  }
  return values;
}

Fixture::Fixture(const std::filesystem::path &path) : json(nlohmann::json::parse(std::ifstream(path))) {
  for (const auto &[name, shape] : json.at("tensors").items()) {
    infos[name] = {name, frontend::WeightType::F32, shape.get<std::vector<uint64_t>>(), 0, 0};
    values[name] = fixtureValues(name, infos[name].shape);
  }
}

std::vector<std::filesystem::path> fixturePaths() {
  const char *other = std::getenv("WEFT_TEST_ARCHITECTURES");
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(other ? other : fixtureFolder))
    if (entry.path().extension() == ".json")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> Fixture::names() const {
  std::vector<std::string> result;
  for (const auto &[name, info] : infos)
    result.push_back(name);
  return result;
}

Result<frontend::TransformerConfig> Fixture::read() const {
  const nlohmann::json &config = json.at("config");
  auto read = frontend::hf::readConfig(config, config.at("architectures").at(0), "config.json", this);
  if (!read)
    return read;
  read->name = "fixture";
  auto ignorable = [&](const std::string &name) { return frontend::ignoresWeight(*read, name); };
  if (auto checked = frontend::checkWeights(*this, frontend::storedWeights(*read), ignorable, "fixture"); !checked)
    return checked.takeError();
  return read;
}

StoredModel::StoredModel(const std::string &folder) {
  std::ifstream file(folder + "/model.safetensors", std::ios::binary);
  std::vector<char> text((std::istreambuf_iterator<char>(file)), {});
  uint64_t header = 0;
  std::memcpy(&header, text.data(), sizeof header);
  const auto *data = reinterpret_cast<const std::byte *>(text.data()) + 8 + header;
  const auto json = nlohmann::json::parse(text.begin() + 8, text.begin() + 8 + static_cast<int64_t>(header));
  for (const auto &[name, entry] : json.items())
    if (name != "__metadata__")
      tensors[name] = {data + entry.at("data_offsets")[0].get<uint64_t>(),
                       data + entry.at("data_offsets")[1].get<uint64_t>()};
}

} // namespace weft::test
