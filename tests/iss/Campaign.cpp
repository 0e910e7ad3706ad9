#include "tests/iss/Campaign.h"

#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"
#include "tests/iss/Table.h"

#include <algorithm>

namespace weft::isstest {

void Tally::add(const Stream &stream) {
  for (uint32_t word : flatten(stream.units)) {
    ++total;
    if (lengthOf(word) == 2) {
      ++compressed;
    } else if (const Row *row = find(word)) {
      ++byClass[static_cast<size_t>(row->cls)];
      ++byOpcode[static_cast<size_t>(row->opcode)];
    }
  }
}

CampaignResult run(const Campaign &campaign) {
  constexpr uint64_t batch = 256;
  CampaignResult result;
  uint64_t seed = campaign.firstSeed;
  for (size_t turn = 0; result.streams < campaign.streams && result.differing < campaign.enough; ++turn) {
    const unsigned vlen = vlens[turn % vlens.size()];
    std::vector<Stream> streams;
    for (uint64_t left = std::min(batch, campaign.streams - result.streams); left > 0; --left)
      streams.push_back(generate(seed++, vlen, campaign.length, campaign.selection));
    std::vector<const Stream *> pointers;
    for (const Stream &stream : streams) {
      pointers.push_back(&stream);
      result.tally.add(stream);
    }
    result.streams += streams.size();
    for (const Difference &difference : compare(pointers, campaign.qemu, campaign.simulator)) {
      ++result.differing;
      if (result.reports.size() < campaign.largestReport)
        result.reports.push_back(report(shrink(streams[difference.stream], campaign.qemu, campaign.simulator)));
    }
    if (campaign.goOn && !campaign.goOn(result.streams))
      break;
  }
  return result;
}

} // namespace weft::isstest
