// Tokens that are found in the text before anything else happens to it: specials and those added after training.
#pragma once

#include "runtime/tokenizer/Regex.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::runtime {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool singleWord = false;                    // only where no word continues on either side
  bool stripLeft = false, stripRight = false; // takes the white space beside it
  bool normalized = false;                    // looked for in the normalised text
  bool special = false;                       // not part of the text that decoding gives
};

/// A part of a text: a token, or text without one (id -1).
struct AddedTokenPart {
  TextRange range;
  int32_t id = -1;
};

/// Finds tokens by their text; where several begin at one place, the longest.
class AddedTokenFinder {
public:
  /// `pattern` is the text to look for, not empty. Of two with the same text the later counts.
  void add(const std::string &pattern, const AddedToken &token);

  /// Cuts `text`; no part is empty, in order. White space that a token takes belongs to its part.
  std::vector<AddedTokenPart> split(std::string_view text) const;

private:
  const AddedToken *longestAt(std::string_view text, size_t at, size_t &length) const;

  std::map<std::string, AddedToken, std::less<>> tokens;
  std::unordered_map<char, std::vector<size_t>> lengths; // by first byte, longest first
};

} // namespace weft::runtime
