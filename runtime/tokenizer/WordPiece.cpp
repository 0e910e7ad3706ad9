#include "runtime/tokenizer/WordPiece.h"

#include "runtime/tokenizer/Utf8.h"

#include <algorithm>

namespace weft::runtime {

Result<void> WordPiece::encode(std::string_view word, std::vector<int32_t> &out) const {
  size_t characters = 0;
  for (size_t at = 0; at < word.size(); at += utf8::unitAt(word, at).length)
    ++characters;
  const size_t before = out.size();
  bool known = characters <= options.mostCharacters;
  for (size_t at = 0; known && at < word.size();) {
    std::string text = at == 0 ? options.first : options.continuing;
    const size_t prefix = text.size();
    text += word.substr(at, longestToken);
    for (; text.size() > prefix; text.pop_back())
      if (auto found = ids.find(text); found != ids.end()) {
        out.push_back(found->second);
        break;
      }
    known = text.size() > prefix;
    at += text.size() - prefix;
  }
  if (!known) {
    out.resize(before);
    out.push_back(options.unknown);
  }
  return success();
}

} // namespace weft::runtime
