#include "tests/iss/Stream.h"

#include "tests/iss/Encode.h"

namespace weft::isstest {

namespace {
int32_t byteLength(const std::vector<uint32_t> &words) {
  int32_t bytes = 0;
  for (uint32_t word : words)
    bytes += static_cast<int32_t>(lengthOf(word));
  return bytes;
}

void append(std::vector<uint32_t> &words, const Unit &unit) {
  const std::vector<uint32_t> body = flatten(unit.body);
  const int32_t bytes = byteLength(body);
  switch (unit.kind) {
  case Unit::Kind::Plain:
    words.insert(words.end(), unit.words.begin(), unit.words.end());
    return;
  case Unit::Kind::Branch:
    words.push_back(unit.words[0] | bType(0, 0, 0, bytes + 4));
    words.insert(words.end(), body.begin(), body.end());
    return;
  case Unit::Kind::Loop:
    words.push_back(addi(loopRegister, 0, static_cast<int32_t>(unit.iterations)));
    words.insert(words.end(), body.begin(), body.end());
    words.push_back(addi(loopRegister, loopRegister, -1));
    words.push_back(bType(0x1063, loopRegister, 0, -(bytes + 4)));
    return;
  }
}
} // namespace

std::vector<uint32_t> flatten(const std::vector<Unit> &units) {
  std::vector<uint32_t> words;
  for (const Unit &unit : units)
    append(words, unit);
  return words;
}

} // namespace weft::isstest
