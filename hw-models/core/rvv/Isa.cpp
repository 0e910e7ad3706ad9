#include "hw-models/core/rvv/Isa.h"

#include "hw-models/Hardware.h"
#include "hw-models/Yaml.h"
#include "kernels/units/Units.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>

using namespace weft;
using namespace weft::hw;

namespace {

struct Extension {
  std::string_view name;
  bool Isa::*has;
  std::array<bool Isa::*, 3> implies; // directly or not
};

// Implications: unprivileged specification 20240411, chapters Zfh, Zvfh, BF16.
constexpr Extension extensions[] = {
    {"zfhmin", &Isa::zfhmin, {}},
    {"zfh", &Isa::zfh, {&Isa::zfhmin}},
    {"zvfhmin", &Isa::zvfhmin, {}},
    {"zvfh", &Isa::zvfh, {&Isa::zvfhmin, &Isa::zfhmin}},
    {"zfbfmin", &Isa::zfbfmin, {}},
    {"zvfbfmin", &Isa::zvfbfmin, {}},
    {"zvfbfwma", &Isa::zvfbfwma, {&Isa::zvfbfmin, &Isa::zfbfmin}},
};

constexpr auto names = [] {
  std::array<std::string_view, std::size(extensions)> out;
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = extensions[i].name;
  return out;
}();

/// Parts of what every core here has: RV64GCV, Zicsr, Zifencei.
constexpr std::string_view baseNames[] = {"zicsr",  "zifencei", "zmmul",  "zaamo",  "zalrsc", "zca",   "zcd",
                                          "zve32x", "zve32f",   "zve64x", "zve64f", "zve64d", "zicntr"};
constexpr std::string_view baseLetters = "gimafdcv";

void add(Isa &isa, const Extension &extension) {
  isa.*extension.has = true;
  for (bool Isa::*implied : extension.implies)
    if (implied)
      isa.*implied = true;
}

bool addByName(Isa &isa, std::string_view name) {
  for (const Extension &each : extensions)
    if (each.name == name) {
      add(isa, each);
      return true;
    }
  return false;
}

/// By a property of the unit: its name or that of its extension.
bool addUnit(Isa &isa, std::string_view units::Unit::*property, std::string_view text) {
  std::span<const units::Unit> all = units::all();
  for (size_t index = 0; index < all.size(); ++index)
    if (!text.empty() && all[index].*property == text) {
      isa.units |= 1u << index;
      return true;
    }
  return false;
}

std::string listOfNames() {
  std::string out;
  for (std::string_view name : names)
    out += (out.empty() ? "" : ", ") + std::string(name);
  for (const units::Unit &unit : units::all())
    if (!unit.extension.empty())
      out += ", " + std::string(unit.extension);
  return out;
}

/// "zfh1p0" without its version, "zvl256b1p0" too.
std::string_view withoutVersion(std::string_view part) {
  size_t end = part.size();
  auto skipDigits = [&] {
    size_t from = end;
    while (end > 0 && std::isdigit(static_cast<unsigned char>(part[end - 1])))
      --end;
    return from != end;
  };
  if (!skipDigits() || end < 2 || part[end - 1] != 'p')
    return part;
  --end;
  return skipDigits() && end > 0 ? part.substr(0, end) : part;
}

/// VLEN of "zvl256b"; 0 if it is no such name.
uint32_t vlenOf(std::string_view name) {
  if (!name.starts_with("zvl") || !name.ends_with("b") || name.size() < 5 || name.size() > 9)
    return 0;
  uint32_t bits = 0;
  for (char c : name.substr(3, name.size() - 4)) {
    if (!std::isdigit(static_cast<unsigned char>(c)))
      return 0;
    bits = bits * 10 + static_cast<uint32_t>(c - '0');
  }
  return std::has_single_bit(bits) && bits >= 32 ? bits : 0;
}

struct Reader {
  std::string_view text; // as given
  Isa isa{.vlenBits = minVlenBits};
  bool hasBase = false, hasVector = false;

  Error fail(std::string_view reason) const {
    return userError(fmt::format("ISA {}: {}", inQuotes(std::string(text)), reason));
  }

  /// Single letters, each perhaps with a version.
  Result<void> readLetters(std::string_view part) {
    while (!part.empty()) {
      char letter = part[0];
      if (baseLetters.find(letter) == std::string_view::npos)
        return fail(fmt::format("'{}' is not supported; single letters are of rv64gcv", letter));
      hasBase |= letter == 'i' || letter == 'g';
      hasVector |= letter == 'v';
      part.remove_prefix(1);
      size_t digits = part.find_first_not_of("0123456789");
      digits = digits == std::string_view::npos ? part.size() : digits;
      if (digits > 0 && digits < part.size() && part[digits] == 'p') {
        size_t minor = part.find_first_not_of("0123456789", digits + 1);
        digits = minor == std::string_view::npos ? part.size() : minor;
      }
      part.remove_prefix(digits);
    }
    return success();
  }

  Result<void> readName(std::string_view part) {
    std::string_view name = withoutVersion(part);
    if (uint32_t bits = vlenOf(name)) {
      if (bits > maxVlenBits)
        return fail(fmt::format("{}: VLEN is {} to {} bits here", name, minVlenBits, maxVlenBits));
      isa.vlenBits = std::max(isa.vlenBits, bits);
      return success();
    }
    if (std::find(std::begin(baseNames), std::end(baseNames), name) != std::end(baseNames) || addByName(isa, name) ||
        addUnit(isa, &units::Unit::extension, name))
      return success();
    return fail(fmt::format("{} is not supported; beyond rv64gcv there are {} and zvlNb", inQuotes(std::string(part)),
                            listOfNames()));
  }
};

} // namespace

std::span<const std::string_view> hw::optionalExtensions() { return names; }

Result<Isa> hw::parseIsa(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  Reader reader{text};
  if (!lower.starts_with("rv64"))
    return reader.fail("it must begin with rv64, as in rv64gcv_zvl256b_zfh");
  std::string_view rest = std::string_view(lower).substr(4);
  for (bool more = true; more;) {
    size_t end = rest.find('_');
    more = end != std::string_view::npos;
    std::string_view part = rest.substr(0, end);
    rest = more ? rest.substr(end + 1) : std::string_view();
    if (part.empty())
      return reader.fail("an extension's name is empty");
    // A name of several letters begins with z, s or x and is the last of its part: "gcv_zfh", "gcvzfh".
    size_t name = part.find_first_of("zsx");
    Result<void> read = reader.readLetters(part.substr(0, name));
    if (read && name != std::string_view::npos)
      read = reader.readName(part.substr(name));
    if (!read)
      return read.error();
  }
  if (!reader.hasBase)
    return reader.fail("the base is missing: 'i' or 'g' after rv64");
  if (!reader.hasVector)
    return reader.fail("'v' is missing; cores have the vector extension");
  return reader.isa;
}

Isa hw::isaOf(const CoreSpec &core) {
  Isa isa{.vlenBits = core.vlenBits};
  for (const std::string &name : core.extensions)
    addByName(isa, name);
  for (const std::string &name : core.units)
    addUnit(isa, &units::Unit::name, name);
  return isa;
}

std::vector<std::string> hw::unitNames(const Isa &isa) {
  std::vector<std::string> names;
  for (size_t index = 0; index < units::all().size(); ++index)
    if (isa.hasUnit(index))
      names.emplace_back(units::all()[index].name);
  return names;
}

std::string hw::isaText(const Isa &isa) {
  std::string out = fmt::format("rv64gcv_zvl{}b", isa.vlenBits);
  for (const Extension &each : extensions) {
    bool isImplied = std::any_of(std::begin(extensions), std::end(extensions), [&](const Extension &other) {
      return isa.*other.has && std::find(other.implies.begin(), other.implies.end(), each.has) != other.implies.end();
    });
    if (isa.*each.has && !isImplied)
      out += fmt::format("_{}", each.name);
  }
  for (size_t index = 0; index < units::all().size(); ++index)
    if (isa.hasUnit(index))
      out += fmt::format("_{}", units::all()[index].extension);
  return out;
}
