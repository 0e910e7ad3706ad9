// Every key of a hardware description in one table: what the loader accepts, what the reference documents, what
// `weft hw show` prints.
#pragma once

#include "hw-models/Hardware.h"
#include "hw-models/Yaml.h"

#include <span>
#include <string_view>
#include <variant>

namespace weft::hw {

/// What a key's value looks like in YAML.
enum class ValueType {
  Text,      // a string
  Name,      // a string of letters, digits, '.', '_' and '-'
  Kind,      // one of coreKinds()
  Choice,    // one of Key::choices
  Names,     // a list of Name without repetition; of Key::choices if there are any
  UnitSets,  // a list of sets of a vector core's units: "integer+float"
  Rates,     // a list of a vector core's units with a factor: "float64/2"
  Flag,      // true or false
  Extent,    // [width, height]
  Whole,     // a whole number
  Kibibytes, // a whole number of KiB, kept in bytes
  PowerOfTwo,
  Real
};

/// The member of Hardware that a key fills.
using Field = std::variant<std::string &(*)(Hardware &), bool &(*)(Hardware &), uint32_t &(*)(Hardware &),
                           double &(*)(Hardware &), std::optional<double> &(*)(Hardware &),
                           std::vector<std::string> &(*)(Hardware &), Parallelism &(*)(Hardware &)>;

/// What holds for a key that a file does not have.
enum class Absence {
  Required, // the key is required
  Default,  // the value is `fallback`
  Optional  // the machine has no such value
};

struct Key {
  std::string_view path; // dotted, e.g. "memory.sram_kib"
  ValueType type;
  Absence absence;
  bool isLabel;              // says nothing about how the machine works: not part of the digest
  std::string_view unit;     // empty: a pure number or text
  double low, high;          // allowed numbers; of text and lists the length, in bytes and in items
  std::string_view fallback; // YAML
  Field field;
  std::string_view doc;
  std::string_view kind = {};                     // of core that has the key; empty: all
  std::span<const std::string_view> choices = {}; // of Choice and Names
};

/// False for a key of another kind of core than the machine's.
bool appliesTo(const Key &key, const Hardware &hardware);

/// Bytes of a Name.
inline constexpr size_t maxNameBytes = 64;

/// All keys, in the order of the documentation and of the canonical text.
std::span<const Key> schema();

/// The key with this dotted path; null if there is none.
const Key *findKey(std::string_view path);

/// "a whole number from 1 to 1000 (cycles)": what a key's value may be.
std::string describeAllowed(const Key &key);

/// Sets the key's field from `node`. The error is the reason alone, without file, line and key.
Result<void> setValue(const Key &key, const YamlNode &node, Hardware &hardware);

/// A key whose value is in range and does not fit the values of others.
struct Misfit {
  std::string_view key;
  std::string reason;
};
/// What setValue, key by key, cannot see; absent if all values fit together.
std::optional<Misfit> findMisfit(const Hardware &hardware);
/// Makes `yaml` and `digest` again, after setValue.
void refresh(Hardware &hardware);

/// The field's value as YAML that setValue reads back; empty if the machine has none or no such key.
std::string valueText(const Key &key, const Hardware &hardware);

} // namespace weft::hw
