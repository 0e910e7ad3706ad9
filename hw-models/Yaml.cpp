#include "hw-models/Yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>

using namespace weft;
using namespace weft::hw;

namespace {

/// The deepest key of the schema has three levels; the rest is room for the message about an unknown one.
constexpr size_t maxDepth = 8;
/// Nodes of one document.
constexpr size_t maxNodes = 4096;

/// Leaves the parser from inside an event; caught in readYaml.
struct Refusal {
  int line;
  std::string reason;
};

/// Builds the tree from the parser's events. Working on events, not on yaml-cpp's own tree, gives every key its line,
/// shows duplicates and aliases, and ends the parse at the first thing that is refused.
class TreeBuilder : public YAML::EventHandler {
public:
  YamlNode root;

  void OnDocumentStart(const YAML::Mark &) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override {
    YamlNode node = makeNode(mark, anchor, "?", YamlNode::Kind::Null);
    if (atKey())
      throw Refusal{node.line, "a key is empty"};
    place(std::move(node));
  }

  void OnAlias(const YAML::Mark &mark, YAML::anchor_t) override {
    throw Refusal{mark.line + 1, "aliases (*name) are not allowed; write the value out"};
  }

  void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                const std::string &value) override {
    YamlNode node = makeNode(mark, anchor, tag, YamlNode::Kind::Scalar);
    node.scalar = value;
    node.isQuoted = tag == "!";
    if (atKey())
      openKey(node);
    else
      place(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(makeNode(mark, anchor, tag, YamlNode::Kind::List));
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(makeNode(mark, anchor, tag, YamlNode::Kind::Map));
  }
  void OnMapEnd() override { close(); }

private:
  struct Level {
    YamlNode node;
    bool hasKey = false; // a key is read and its value is not
  };
  std::vector<Level> levels;
  size_t nodes = 0;

  YamlNode makeNode(const YAML::Mark &mark, YAML::anchor_t anchor, const std::string &tag, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    if (anchor != 0)
      throw Refusal{node.line, "anchors (&name) are not allowed; write the value out"};
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Refusal{node.line, fmt::format("the tag {} is not allowed", inQuotes(tag))};
    if (++nodes > maxNodes)
      throw Refusal{node.line, fmt::format("more than {} values", maxNodes)};
    return node;
  }

  bool atKey() const {
    return !levels.empty() && levels.back().node.kind == YamlNode::Kind::Map && !levels.back().hasKey;
  }

  void openKey(const YamlNode &key) {
    Level &level = levels.back();
    auto &members = level.node.members;
    auto twin = std::find_if(members.begin(), members.end(), [&](auto &member) { return member.key == key.scalar; });
    if (twin != members.end())
      throw Refusal{key.line, fmt::format("key {} is given twice, first in line {}", inQuotes(key.scalar), twin->line)};
    members.push_back({key.scalar, key.line, {}});
    level.hasKey = true;
  }

  void open(YamlNode node) {
    if (atKey())
      throw Refusal{node.line, "a key must be a plain name, not a list or a map"};
    if (levels.size() >= maxDepth)
      throw Refusal{node.line, fmt::format("nested deeper than {} levels", maxDepth)};
    levels.push_back({std::move(node)});
  }

  void close() {
    YamlNode node = std::move(levels.back().node);
    levels.pop_back();
    place(std::move(node));
  }

  void place(YamlNode node) {
    if (levels.empty()) {
      root = std::move(node);
      return;
    }
    Level &level = levels.back();
    if (level.node.kind == YamlNode::Kind::List) {
      level.node.items.push_back(std::move(node));
      return;
    }
    level.node.members.back().value = std::move(node);
    level.hasKey = false;
  }
};

/// Bytes of the UTF-8 character at the start of `text`, 0 if it is malformed.
size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  unsigned char lead = byte(0);
  if (lead < 0x80)
    return 1;
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
    return 0;
  for (size_t index = 1; index < length; ++index)
    if ((byte(index) & 0xC0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and beyond U+10FFFF.
  bool isBad = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
               (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
  return isBad ? 0 : length;
}

/// What makes `text` unfit before any YAML rule applies; empty if nothing.
std::string refuseBytes(std::string_view text, int &line) {
  line = 1;
  for (size_t at = 0; at < text.size();) {
    size_t length = utf8Length(text.substr(at));
    if (length == 0)
      return "not UTF-8 text; save the file as UTF-8";
    auto byte = static_cast<unsigned char>(text[at]);
    if (byte == '\n')
      ++line;
    else if ((byte < 0x20 && byte != '\t' && byte != '\r') || byte == 0x7F)
      return fmt::format("control character 0x{:02x}; a description is plain text", byte);
    at += length;
  }
  return {};
}

} // namespace

bool hw::isUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = utf8Length(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string hw::inQuotes(std::string_view text) {
  constexpr size_t maxShown = 60;
  std::string out = "'";
  while (!text.empty()) {
    if (out.size() > maxShown)
      return out + "…'";
    size_t length = utf8Length(text);
    auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
      length = 1;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out + "'";
}

Result<YamlNode> hw::readYaml(const std::string &text, const std::string &origin) {
  auto fail = [&](int line, std::string_view reason) {
    return userError(fmt::format("{}:{}: {}", origin, line, reason));
  };
  if (text.size() > maxYamlBytes)
    return userError(
        fmt::format("{}: {} bytes; a hardware description has at most {}", origin, text.size(), maxYamlBytes));
  int line = 1;
  if (std::string reason = refuseBytes(text, line); !reason.empty())
    return fail(line, reason);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder))
      return YamlNode();
    TreeBuilder next;
    if (parser.HandleNextDocument(next))
      return fail(next.root.line, "a second YAML document begins; a file describes one machine");
    return std::move(builder.root);
  } catch (const Refusal &refusal) {
    return fail(refusal.line, refusal.reason);
  } catch (const YAML::Exception &error) {
    return fail(std::max(error.mark.line + 1, 1), "not YAML: " + error.msg);
  } catch (const std::exception &error) {
    return userError(fmt::format("{}: not YAML: {}", origin, error.what()));
  }
}
