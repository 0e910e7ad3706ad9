#include "explore/Evaluate.h"

std::string_view weft::explore::nameOf(Fidelity fidelity) {
  switch (fidelity) {
  case Fidelity::Analytic:
    return "analytic";
  case Fidelity::Engine:
    return "engine";
  case Fidelity::Compiled:
    break;
  }
  return "compiled";
}
