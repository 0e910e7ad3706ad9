#include "compiler/algorithms/LineRequest.h"

#include "compiler/algorithms/Algorithm.h"

namespace weft::algorithms {

/// The axis that a sum or a broadcast works along. A word that is none is left to the algorithm, which refuses it.
static std::string axisOf(const Request &request) {
  const auto &settings = request.settings.all();
  const auto given = settings.find("axis");
  return given != settings.end() ? given->second : request.height > 1 ? "y" : "x";
}

Request oneLine(const Request &request) {
  Request line = request;
  switch (request.kind) {
  case Kind::Shift:
    line.height = 1;
    break;
  case Kind::Gemv:
    if (line.shape.size() == 2 && line.width > 0)
      line.shape[1] = ceilDiv(line.shape[1], line.width);
    line.width = 1;
    break;
  case Kind::AllReduce:
  case Kind::Reduce:
  case Kind::Broadcast:
    if (const std::string axis = axisOf(request); axis == "x" || axis == "y")
      (axis == "x" ? line.height : line.width) = 1;
    break;
  default:
    break;
  }
  return line;
}

} // namespace weft::algorithms
