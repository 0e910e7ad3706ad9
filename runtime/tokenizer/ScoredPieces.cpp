#include "runtime/tokenizer/ScoredPieces.h"

#include "runtime/support/Json.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

namespace weft::runtime {

ScoredPieces::ScoredPieces(TokenIds tokenIds, std::vector<float> scores, std::vector<Use> uses,
                           std::optional<int32_t> unknown)
    : ids(std::move(tokenIds)), scores(std::move(scores)), uses(std::move(uses)), unknown(unknown),
      byteTokens(byteTokensOf(ids)) {}

int32_t ScoredPieces::find(std::string_view text) const {
  auto found = ids.find(text);
  return found == ids.end() || uses[static_cast<size_t>(found->second)] != Use::Normal ? -1 : found->second;
}

Result<void> ScoredPieces::append(std::string_view symbol, std::vector<int32_t> &out) const {
  if (int32_t id = find(symbol); id >= 0) {
    out.push_back(id);
    return success();
  }
  auto byteToken = [&](char byte) { return byteTokens[static_cast<uint8_t>(byte)]; };
  if (std::all_of(symbol.begin(), symbol.end(), [&](char byte) { return byteToken(byte) >= 0; })) {
    for (char byte : symbol)
      out.push_back(byteToken(byte));
    return success();
  }
  if (!unknown)
    return userError(
        fmt::format("the tokenizer has no token for '{}', and no token for what it does not know", printable(symbol)));
  out.push_back(*unknown);
  return success();
}

Result<void> ScoredPieces::encode(std::string_view piece, std::vector<int32_t> &out) const {
  // A list of the symbols that remain, each a range of the piece; a merged one is empty.
  struct Symbol {
    uint32_t begin, length;
    uint32_t previous, next; // the number of symbols: none
  };
  struct Candidate {
    float score;
    uint32_t position, length; // of the left symbol; of both, by which a pair that has changed is known
    bool operator<(const Candidate &other) const {
      return score != other.score ? score < other.score : position > other.position;
    }
  };
  std::vector<Symbol> list;
  for (size_t at = 0, length = 0; at < piece.size(); at += length) {
    length = utf8::unitAt(piece, at).length;
    auto i = static_cast<uint32_t>(list.size());
    list.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(length), i - 1, i + 1});
  }
  const auto count = static_cast<uint32_t>(list.size());
  if (count > 0)
    list.front().previous = count;

  std::priority_queue<Candidate> queue;
  auto consider = [&](uint32_t position) {
    if (position >= count || list[position].next >= count)
      return;
    const uint32_t length = list[position].length + list[list[position].next].length;
    if (int32_t id = find(piece.substr(list[position].begin, length)); id >= 0)
      queue.push({scores[static_cast<size_t>(id)], position, length});
  };
  for (uint32_t i = 0; i < count; ++i)
    consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol &left = list[best.position];
    if (left.length == 0 || left.next >= count || left.length + list[left.next].length != best.length)
      continue;
    Symbol &right = list[left.next];
    left.length = best.length;
    left.next = right.next;
    right.length = 0;
    if (left.next < count)
      list[left.next].previous = best.position;
    consider(left.previous);
    consider(best.position);
  }
  for (const Symbol &symbol : list)
    if (symbol.length > 0)
      if (Result<void> appended = append(piece.substr(symbol.begin, symbol.length), out); !appended)
        return appended;
  return success();
}

} // namespace weft::runtime
