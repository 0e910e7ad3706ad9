#include "runtime/tokenizer/Unigram.h"

#include "runtime/support/Json.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::runtime {

Unigram::Unigram(TokenIds tokenIds, std::vector<double> tokenScores, UnigramOptions options,
                 const std::vector<bool> &apart)
    : ids(std::move(tokenIds)), scores(std::move(tokenScores)), options(options), byteTokens(byteTokensOf(ids)) {
  double least = std::numeric_limits<double>::infinity();
  for (const auto &[token, id] : ids) {
    auto index = static_cast<size_t>(id);
    if (index < apart.size() && apart[index])
      scores[index] = std::numeric_limits<double>::quiet_NaN();
    else
      least = std::min(least, scores[index]);
    longestToken = std::max(longestToken, token.size());
  }
  unknownScore = (std::isfinite(least) ? least : 0) - 10.0; // SentencePiece's penalty
}

Result<void> Unigram::appendUnknown(std::string_view run, std::vector<int32_t> &out) const {
  auto byteToken = [&](char byte) { return byteTokens[static_cast<uint8_t>(byte)]; };
  if (options.byteFallback && std::all_of(run.begin(), run.end(), [&](char byte) { return byteToken(byte) >= 0; })) {
    for (char byte : run)
      out.push_back(byteToken(byte));
    return success();
  }
  if (!options.unknown)
    return userError(
        fmt::format("the tokenizer has no token for '{}', and no token for what it does not know", printable(run)));
  out.push_back(*options.unknown);
  return success();
}

Result<void> Unigram::encode(std::string_view piece, std::vector<int32_t> &out) const {
  // The best way to each byte of the piece; -1: the last step is an unknown character, -2: none leads there.
  struct Way {
    double score = -std::numeric_limits<double>::infinity();
    size_t from = 0;
    int32_t id = -2;
  };
  std::vector<Way> ways(piece.size() + 1);
  ways[0].score = 0;
  auto offer = [&](size_t to, double score, size_t from, int32_t id) {
    if (ways[to].id == -2 || score > ways[to].score)
      ways[to] = {score, from, id};
  };
  for (size_t at = 0, length = 0; at < piece.size(); at += length) {
    length = utf8::unitAt(piece, at).length;
    bool single = false;
    for (size_t bytes = 1; bytes <= std::min(longestToken, piece.size() - at); ++bytes) {
      auto found = ids.find(piece.substr(at, bytes));
      if (found == ids.end() || std::isnan(scores[static_cast<size_t>(found->second)]) ||
          found->second == options.unknown.value_or(-1))
        continue;
      offer(at + bytes, ways[at].score + scores[static_cast<size_t>(found->second)], at, found->second);
      single |= bytes == length;
    }
    if (!single)
      offer(at + length, ways[at].score + unknownScore, at, -1);
  }
  std::vector<size_t> ends; // of the steps of the best way, last first
  for (size_t at = piece.size(); at > 0; at = ways[at].from)
    ends.push_back(at);
  for (size_t i = ends.size(), begin = 0; i-- > 0; begin = ends[i]) {
    if (ways[ends[i]].id >= 0) {
      out.push_back(ways[ends[i]].id);
      continue;
    }
    while (i > 0 && ways[ends[i - 1]].id < 0)
      --i;
    if (Result<void> appended = appendUnknown(piece.substr(begin, ends[i] - begin), out); !appended)
      return appended;
  }
  return success();
}

} // namespace weft::runtime
