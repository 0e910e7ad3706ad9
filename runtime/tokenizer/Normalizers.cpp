#include "runtime/tokenizer/StageSteps.h"
#include "runtime/tokenizer/Utf8.h"

namespace weft::runtime {

static Result<void> apply(const Prepend &step, std::string &text) {
  if (!text.empty())
    text.insert(0, step.text);
  return success();
}

static Result<void> apply(const Replace &step, std::string &text) {
  const size_t limit = growthLimit(text.size());
  Result<std::vector<TextRange>> matches = step.pattern.matches(text);
  if (!matches)
    return matches.takeError();
  if (text.size() + matches->size() * step.content.size() > limit)
    return growthError();
  replaceAll(text, *matches, step.content);
  return success();
}

static Result<void> apply(const Precompiled &step, std::string &text) {
  text = step.map.apply(text);
  return success();
}

static Result<void> apply(const UnicodeForm &step, std::string &text) {
  text = unicode::normalized(text, step.form);
  return success();
}

static Result<void> apply(const Lowercase &, std::string &text) {
  text = unicode::lowercase(text);
  return success();
}

static Result<void> apply(const StripAccents &, std::string &text) {
  text = unicode::withoutMarks(text);
  return success();
}

static Result<void> apply(const StripSpaces &step, std::string &text) {
  size_t begin = text.size(), end = 0; // of what is no white space
  for (size_t at = 0; at < text.size();) {
    const utf8::Unit unit = utf8::unitAt(text, at);
    if (!isWhiteSpace(unit.codePoint)) {
      begin = std::min(begin, at);
      end = at + unit.length;
    }
    at += unit.length;
  }
  if (step.right)
    text.resize(std::max(end, step.left ? begin : size_t{0}));
  if (step.left)
    text.erase(0, begin);
  return success();
}

static std::string cleaned(const std::string &text) {
  constexpr uint32_t replacement = 0xfffd;
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const utf8::Unit unit = utf8::unitAt(text, at);
    const uint32_t character = unit.codePoint;
    const bool kept = character == '\t' || character == '\n' || character == '\r' ||
                      (character != 0 && character != replacement && !unicode::isOther(character));
    if (kept && isWhiteSpace(character))
      result += ' ';
    else if (kept)
      result.append(text, at, unit.length);
    at += unit.length;
  }
  return result;
}

static std::string cjkApart(const std::string &text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const utf8::Unit unit = utf8::unitAt(text, at);
    const bool apart = unicode::isCjk(unit.codePoint);
    result.append(apart ? " " : "").append(text, at, unit.length).append(apart ? " " : "");
    at += unit.length;
  }
  return result;
}

static Result<void> apply(const BertNormalizer &step, std::string &text) {
  if (step.clean)
    text = cleaned(text);
  if (step.separateCjk)
    text = cjkApart(text);
  if (step.stripAccents)
    text = unicode::withoutMarks(unicode::normalized(text, unicode::Form::Nfd));
  if (step.lowercase)
    text = unicode::lowercase(text);
  return success();
}

Result<std::string> normalize(const std::vector<Normalizer> &steps, std::string text) {
  const size_t limit = growthLimit(text.size());
  for (const Normalizer &step : steps) {
    if (Result<void> done = std::visit([&](const auto &kind) { return apply(kind, text); }, step); !done)
      return done.takeError();
    if (text.size() > limit)
      return growthError();
  }
  return text;
}

} // namespace weft::runtime
