#include "sim/cosim/toggles/Toggles.h"

#include <fmt/format.h>
#include <gtkwave/fstapi.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

namespace weft::cosim {
namespace {

constexpr uint8_t rose = 1, fell = 2;
constexpr char signs[] = {'-', 'r', 'f', '+'}; // by these bits

/// A signal of a waveform, whatever its names.
struct Signal {
  std::string name;          // the first one; empty: does not count
  std::string last;          // '?': not known yet
  std::vector<uint8_t> seen; // a bit of the signal each
  size_t left = 0;           // edges that were not seen
};

struct Reader {
  void *file;
  std::vector<Signal> signals; // by handle

  explicit Reader(const std::string &path) : file(fstReaderOpen(path.c_str())) {}
  ~Reader() {
    if (file)
      fstReaderClose(file);
  }
  Reader(const Reader &) = delete;
  Reader &operator=(const Reader &) = delete;

  void readNames() {
    signals.resize(fstReaderGetMaxHandle(file) + 1);
    std::vector<std::string> scopes;
    while (const fstHier *each = fstReaderIterateHier(file))
      switch (each->htyp) {
      case FST_HT_SCOPE:
        scopes.emplace_back(each->u.scope.name);
        break;
      case FST_HT_UPSCOPE:
        scopes.pop_back();
        break;
      case FST_HT_VAR:
        addName(scopes, each->u.var.name, each->u.var.handle, each->u.var.length, each->u.var.typ);
        break;
      default:
        break;
      }
  }

  void addName(const std::vector<std::string> &scopes, const std::string &name, fstHandle handle, uint32_t length,
               unsigned type) {
    Signal &signal = signals[handle];
    const bool isHardware = type != FST_VT_VCD_PARAMETER && type != FST_VT_VCD_INTEGER && type != FST_VT_SV_INT;
    if (!signal.name.empty() || !isHardware)
      return;
    for (size_t i = 1; i < scopes.size(); ++i)
      signal.name += scopes[i] + ".";
    signal.name += name.substr(0, name.find(' ')); // "data_i [7:0]"
    signal.last.assign(length, '?');
    signal.seen.assign(length, 0);
    signal.left = 2 * size_t{length};
  }

  void change(fstHandle handle, const unsigned char *value) {
    Signal &signal = signals[handle];
    for (size_t i = 0; i < signal.seen.size(); ++i) {
      const char now = static_cast<char>(value[i]), before = std::exchange(signal.last[i], now);
      if (now == before || before == '?')
        continue;
      const uint8_t edge = now == '1' ? rose : fell;
      signal.left -= !(signal.seen[i] & edge);
      signal.seen[i] |= edge;
    }
    if (!signal.left) // the reader skips it from the next block on, which is most of the time it takes
      fstReaderClrFacProcessMask(file, handle);
  }
};

} // namespace

Result<void> Toggles::add(const std::string &wavePath) {
  Reader reader(wavePath);
  if (!reader.file)
    return userError(fmt::format("{}: not a waveform that can be read", wavePath));
  reader.readNames();
  fstReaderSetFacProcessMaskAll(reader.file);
  const auto change = [](void *data, uint64_t, fstHandle handle, const unsigned char *value) {
    static_cast<Reader *>(data)->change(handle, value);
  };
  if (!fstReaderIterBlocks2(reader.file, change, nullptr, &reader, nullptr))
    return userError(fmt::format("{}: no values in it", wavePath));
  for (const Signal &signal : reader.signals) {
    if (signal.name.empty())
      continue;
    std::string &to = signals[signal.name];
    to.resize(signal.seen.size(), signs[0]);
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = signs[signal.seen[i] | std::string_view(signs, std::size(signs)).find(to[i])];
  }
  return success();
}

Result<void> Toggles::write(const std::string &path) const {
  std::ofstream file(path);
  file << "# weft toggles 1\n";
  for (const auto &[name, bits] : signals)
    file << name << ' ' << bits << '\n';
  file.close();
  return file ? success() : userError(fmt::format("{}: cannot write it", path));
}

ToggleWave::ToggleWave(std::string togglesPath, std::string wavePath)
    : toggles(std::move(togglesPath)), wave(std::move(wavePath)), isOurs(wave.empty() && !toggles.empty()) {
  if (isOurs)
    wave = toggles + ".fst";
}

ToggleWave::~ToggleWave() {
  if (std::error_code ignored; isOurs)
    std::filesystem::remove(wave, ignored);
}

Result<void> ToggleWave::count() const {
  if (toggles.empty())
    return success();
  Toggles counted;
  if (Result<void> added = counted.add(wave); !added)
    return added;
  return counted.write(toggles);
}

} // namespace weft::cosim
