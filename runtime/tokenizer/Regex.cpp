#include "runtime/tokenizer/Regex.h"

#include "runtime/support/Json.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>
#include <oniguruma.h>

#include <algorithm>

namespace weft::runtime {

static constexpr size_t maxPatternBytes = 10'000;
static constexpr unsigned long retryLimit = 1'000'000; // steps back in one search, plus 16 a byte of text
static constexpr unsigned stackLimit = 20'000'000;     // entries of the match stack, tens of bytes each

static std::string messageOf(int code, OnigErrorInfo *info) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  int length = info ? onig_error_code_to_str(buffer, code, info) : onig_error_code_to_str(buffer, code);
  return {reinterpret_cast<const char *>(buffer), static_cast<size_t>(length)};
}

static const OnigUChar *bytesOf(std::string_view text) { return reinterpret_cast<const OnigUChar *>(text.data()); }

static void initializeOnce() {
  static const int status = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    return onig_initialize(encodings, 1);
  }();
  (void)status; // it allocates nothing and cannot fail for UTF-8
}

Result<Regex> Regex::compile(const std::string &pattern) {
  if (pattern.size() > maxPatternBytes)
    return userError(fmt::format("the regular expression is {} bytes long; at most {} are supported", pattern.size(),
                                 maxPatternBytes));
  initializeOnce();
  OnigRegex compiled = nullptr;
  OnigErrorInfo info{};
  const OnigUChar *begin = bytesOf(pattern);
  int status = onig_new(&compiled, begin, begin + pattern.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        ONIG_SYNTAX_DEFAULT, &info);
  if (status != ONIG_NORMAL)
    return userError(fmt::format("the regular expression '{}' is ill-formed: {}", printable(pattern),
                                 printable(messageOf(status, &info))));
  Regex regex;
  regex.program = std::shared_ptr<void>(compiled, [](void *program) { onig_free(static_cast<OnigRegex>(program)); });
  regex.pattern = pattern;
  return regex;
}

namespace {
/// What one sequence of searches needs, freed at its end.
struct Search {
  OnigRegion *region = onig_region_new();
  OnigMatchParam *limits = onig_new_match_param();

  explicit Search(size_t textBytes) {
    onig_initialize_match_param(limits);
    unsigned long retries = retryLimit + 16 * textBytes;
    onig_set_retry_limit_in_match_of_match_param(limits, retries);
    onig_set_retry_limit_in_search_of_match_param(limits, retries);
    onig_set_match_stack_limit_size_of_match_param(limits, stackLimit);
  }
  Search(const Search &) = delete;
  Search &operator=(const Search &) = delete;
  ~Search() {
    onig_region_free(region, 1);
    onig_free_match_param(limits);
  }
};
} // namespace

Result<std::vector<TextRange>> Regex::matches(std::string_view text) const {
  std::vector<TextRange> found;
  Search search(text.size());
  const OnigUChar *begin = bytesOf(text), *end = begin + text.size();
  size_t from = 0;
  while (from <= text.size()) {
    int status = onig_search_with_param(static_cast<OnigRegex>(program.get()), begin, end, begin + from, end,
                                        search.region, ONIG_OPTION_NONE, search.limits);
    if (status == ONIG_MISMATCH)
      break;
    if (status < 0)
      return userError(fmt::format("the regular expression '{}' of the tokenizer gives up at byte {} of the text: {}",
                                   printable(pattern), from, messageOf(status, nullptr)));
    TextRange match{static_cast<size_t>(search.region->beg[0]), static_cast<size_t>(search.region->end[0])};
    if (match.end < match.begin) // \K and lookbehind tricks can do that
      match.end = match.begin;
    bool emptyAfterMatch = match.begin == match.end && !found.empty() && found.back().end == match.end;
    if (!emptyAfterMatch && (found.empty() || match.begin >= found.back().end)) {
      found.push_back(match);
      from = std::max(from, match.end);
    } else {
      from += from < text.size() ? utf8::unitAt(text, from).length : 1;
    }
  }
  return found;
}

bool isWhiteSpace(uint32_t codePoint) {
  initializeOnce();
  return ONIGENC_IS_CODE_SPACE(ONIG_ENCODING_UTF8, codePoint) != 0;
}

bool isWordCharacter(uint32_t codePoint) {
  initializeOnce();
  return ONIGENC_IS_CODE_WORD(ONIG_ENCODING_UTF8, codePoint) != 0;
}

} // namespace weft::runtime
