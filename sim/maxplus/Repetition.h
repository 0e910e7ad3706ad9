// Stretches of a program that do the same over and over, such as the layers of a model.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/mesh/Decode.h"

#include <cstdint>
#include <span>
#include <vector>

namespace weft::sim::maxplus {

/// Tasks that cores go through before they begin those of the next phase: those of one op, or of those the ones whose
/// words go along one axis before others go along the other one.
struct Phase {
  uint32_t begin = 0, end = 0; // in ProgramImage::tasks
  uint32_t kind = 0;           // phases of one kind take the same cycles when they begin alike
};

/// `count` blocks of `period` phases from `begin` on, phase for phase of the same kinds.
struct Repetition {
  uint32_t begin = 0, period = 0, count = 0;
};

std::vector<Phase> findPhases(const ProgramImage &image, std::span<const uint32_t> classOfTask,
                              std::span<const ChannelShape> channels);

/// The repetition that spares most phases if one of its blocks stands for all; count is 0 if nothing is repeated.
Repetition findRepetition(std::span<const Phase> phases);

} // namespace weft::sim::maxplus
