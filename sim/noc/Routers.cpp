#include "sim/noc/Routers.h"

#include "hw-models/Yaml.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

using namespace weft;
using namespace weft::noc;

namespace weft::noc {
const char *routersYaml(); // generated from hw-models/validation/noc/routers.yaml
} // namespace weft::noc

namespace {

bool set(RouterModel &router, const std::string &key, const std::string &value) {
  auto count = [&](uint32_t &to) {
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), to);
    return error == std::errc() && end == value.data() + value.size();
  };
  auto flag = [&](bool &to) {
    to = value == "true";
    return to || value == "false";
  };
  return key == "virtual_channels" ? count(router.virtualChannels)
         : key == "buffer_flits"   ? count(router.bufferFlits)
         : key == "hop_cycles"     ? count(router.hopCycles)
         : key == "look_ahead"     ? flag(router.lookAhead)
         : key == "speculative"    ? flag(router.speculative)
                                   : false;
}

} // namespace

Result<Routers> noc::readRouters(const std::string &text, const std::string &origin) {
  constexpr size_t keys = 5; // set() knows them, and the reader of YAML lets none stand twice
  Result<hw::YamlNode> root = hw::readYaml(text, origin);
  if (!root)
    return root.error();
  Routers out;
  for (const hw::YamlMember &member : root->members) {
    RouterModel router;
    for (const hw::YamlMember &each : member.value.members)
      if (!set(router, each.key, each.value.scalar))
        return userError(fmt::format("{}:{}: {}: {}: a router has virtual_channels, buffer_flits and hop_cycles, "
                                     "whole numbers, and look_ahead and speculative, true or false",
                                     origin, each.line, hw::inQuotes(each.key), hw::inQuotes(each.value.scalar)));
    if (member.value.members.size() != keys)
      return userError(fmt::format("{}:{}: router {} needs virtual_channels, buffer_flits, hop_cycles, look_ahead and "
                                   "speculative",
                                   origin, member.line, hw::inQuotes(member.key)));
    out.emplace(member.key, router);
  }
  if (out.empty())
    return userError(fmt::format("{}: no router in it", origin));
  return out;
}

const Routers &noc::knownRouters() {
  static const Routers known = [] {
    Result<Routers> read = readRouters(routersYaml(), "hw-models/validation/noc/routers.yaml");
    if (!read) { // a test reads the file, so this is no user's fault
      fmt::print(stderr, "weft: internal error: {}\n", read.error().message);
      std::abort();
    }
    return *read;
  }();
  return known;
}
