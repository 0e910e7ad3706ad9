// Tells a timing model what the simulator executes.
#pragma once

#include "sim/iss/Machine.h"

namespace weft::iss {

class TimingObserver final : public Observer {
public:
  explicit TimingObserver(hw::rvv::Timing &timing) : timing(timing) {}
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &retired) override { timing.retire(retired); }
  bool wantsEach() const override { return false; }
  void retiredMany(std::span<const hw::rvv::Retired> many) override {
    for (const hw::rvv::Retired &retired : many)
      timing.retire(retired);
  }
  std::optional<uint64_t> cycles() const override { return timing.cycles(); }

private:
  hw::rvv::Timing &timing;
};

} // namespace weft::iss
