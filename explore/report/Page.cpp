#include "explore/report/Page.h"

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>
#include <utility>

namespace weft::explore {

namespace {

/// JSON in which no text ends the element that holds it, opens a comment or is a line end of JavaScript.
std::string scriptSafe(const nlohmann::ordered_json &data) {
  const std::string json = data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string out;
  out.reserve(json.size() + json.size() / 64);
  for (char c : json)
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  return out;
}

} // namespace

std::string makePage(const nlohmann::ordered_json &data) {
  const std::string json = scriptSafe(data);
  const std::array<std::pair<std::string_view, std::string_view>, 3> parts = {
      {{"@STYLE@", pageStyle()}, {"@DATA@", json}, {"@SCRIPT@", pageScript()}}};
  // From left to right, so that a mark in what was put in is none.
  std::string_view rest = pageHtml();
  std::string out;
  for (auto [mark, text] : parts) {
    const size_t at = rest.find(mark);
    out.append(rest.substr(0, at)).append(text);
    rest.remove_prefix(at + mark.size());
  }
  return out.append(rest);
}

} // namespace weft::explore
