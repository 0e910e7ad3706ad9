#include "compiler/pipeline/Phases.h"

namespace weft::compiler {

std::optional<Phase> findPhase(std::string_view name) {
  std::optional<Phase> found;
  for (const PhaseInfo &info : phases) {
    if (info.name == name)
      return info.phase;
    if (!info.level.empty() && info.level == name)
      found = info.phase; // the last one of the level
  }
  return found;
}

std::string phaseNames() {
  std::string names;
  for (const PhaseInfo &info : phases)
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  return names;
}

} // namespace weft::compiler
