// The page of a report: a template with its style and script, and the data that they draw.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace weft::explore {

/// One file that needs no other and no network. Whatever the data says, it stays data.
std::string makePage(const nlohmann::ordered_json &data);

// Embedded at build time from explore/report/page.
const char *pageHtml();
const char *pageStyle();
const char *pageScript();

} // namespace weft::explore
