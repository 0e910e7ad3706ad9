// Functional coverage of a unit: declared bins, and how often a run met each.
#pragma once

#include "sim/cosim/unit/UnitStream.h"

#include <map>
#include <string>
#include <vector>

namespace weft::cosim {

enum class Event : uint8_t { Accepted, Refused, Killed, CommittedAtOnce, CommittedLater, QueueFull };

/// For each instruction and each of its forms: every LMUL; vl none, one, a part of a beat, beats with a rest, and all;
/// no mask, some elements and none; every class of every operand under every class of stalls; classes of results and
/// the flags that it may raise. And each event of the ports.
class UnitCoverage {
public:
  UnitCoverage(const units::Unit &unit, uint32_t vlenBits, uint32_t dlenBits);

  static std::span<const std::string_view> stallClasses();
  void event(Event event);
  void completed(const UnitInstruction &instruction, const Expected &expected, uint32_t stallClass);

  uint64_t declared() const { return bins.size(); }
  std::vector<std::string> holes() const;
  const std::map<std::string, uint64_t> &counts() const { return bins; }

private:
  void hit(const std::string &bin);
  uint32_t dlenBits;
  std::map<std::string, uint64_t> bins;
};

} // namespace weft::cosim
