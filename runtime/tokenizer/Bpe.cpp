#include "runtime/tokenizer/Bpe.h"

#include "runtime/support/Json.h"
#include "runtime/tokenizer/Utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

namespace weft::runtime {

static uint64_t pairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

std::array<int32_t, 256> byteTokensOf(const TokenIds &ids) {
  std::array<int32_t, 256> tokens{};
  for (int byte = 0; byte < 256; ++byte) {
    auto found = ids.find(fmt::format("<0x{:02X}>", byte));
    tokens[static_cast<size_t>(byte)] = found == ids.end() ? -1 : found->second;
  }
  return tokens;
}

Bpe::Bpe(TokenIds tokenIds, BpeOptions options)
    : ids(std::move(tokenIds)), options(options), byteTokens(byteTokensOf(ids)) {}

Result<void> Bpe::addMerge(std::string_view left, std::string_view right) {
  std::string whole = std::string(left).append(right);
  for (std::string_view token : {left, right, std::string_view(whole)})
    if (!ids.contains(token))
      return userError(fmt::format("the merge of '{}' and '{}' needs the token '{}', which is not in the vocabulary",
                                   printable(left), printable(right), printable(token)));
  merges.insert_or_assign(pairKey(ids.find(left)->second, ids.find(right)->second),
                          Merge{nextRank++, ids.find(whole)->second});
  return success();
}

const Bpe::Merge *Bpe::mergeOf(int32_t left, int32_t right) const {
  auto found = merges.find(pairKey(left, right));
  return found == merges.end() ? nullptr : &found->second;
}

Result<std::vector<int32_t>> Bpe::initialSymbols(std::string_view piece) const {
  std::vector<int32_t> symbols;
  bool afterUnknown = false;
  for (size_t at = 0, length = 0; at < piece.size(); at += length) {
    length = utf8::unitAt(piece, at).length;
    std::string_view character = piece.substr(at, length);
    if (auto found = ids.find(character); found != ids.end()) {
      symbols.push_back(found->second);
      afterUnknown = false;
      continue;
    }
    auto byteToken = [&](char byte) { return byteTokens[static_cast<uint8_t>(byte)]; };
    if (options.byteFallback &&
        std::all_of(character.begin(), character.end(), [&](char byte) { return byteToken(byte) >= 0; })) {
      for (char byte : character)
        symbols.push_back(byteToken(byte));
      afterUnknown = false;
      continue;
    }
    if (!options.unknown)
      return userError(fmt::format("the tokenizer has no token for '{}', and no token for what it does not know",
                                   printable(character)));
    if (!afterUnknown || !options.fuseUnknown)
      symbols.push_back(*options.unknown);
    afterUnknown = true;
  }
  return symbols;
}

Result<void> Bpe::encode(std::string_view piece, std::vector<int32_t> &out) const {
  if (options.ignoreMerges)
    if (auto whole = ids.find(piece); whole != ids.end()) {
      out.push_back(whole->second);
      return success();
    }
  Result<std::vector<int32_t>> symbols = initialSymbols(piece);
  if (!symbols)
    return symbols.takeError();
  mergeSymbols(*symbols, out);
  return success();
}

void Bpe::mergeSymbols(const std::vector<int32_t> &symbols, std::vector<int32_t> &out) const {
  // A list of the symbols that remain; a merged one leaves a gap with id -1.
  struct Symbol {
    int32_t id;
    uint32_t previous, next; // the number of symbols: none
  };
  struct Candidate {
    uint32_t rank, position;
    int32_t result;
    bool operator>(const Candidate &other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  auto count = static_cast<uint32_t>(symbols.size());
  std::vector<Symbol> list;
  list.reserve(count);
  for (uint32_t i = 0; i < count; ++i)
    list.push_back({symbols[i], i == 0 ? count : i - 1, i + 1});

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  auto consider = [&](uint32_t position) {
    if (position >= count || list[position].next >= count)
      return;
    if (const Merge *merge = mergeOf(list[position].id, list[list[position].next].id))
      queue.push({merge->rank, position, merge->result});
  };
  for (uint32_t i = 0; i < count; ++i)
    consider(i);
  while (!queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    Symbol &left = list[best.position];
    if (left.id < 0 || left.next >= count)
      continue;
    // The pair may have changed since it was queued.
    const Merge *merge = mergeOf(left.id, list[left.next].id);
    if (!merge || merge->result != best.result)
      continue;
    Symbol &right = list[left.next];
    left.id = best.result;
    left.next = right.next;
    right.id = -1;
    if (left.next < count)
      list[left.next].previous = best.position;
    consider(left.previous);
    consider(best.position);
  }
  for (const Symbol &symbol : list)
    if (symbol.id >= 0)
      out.push_back(symbol.id);
}

} // namespace weft::runtime
