// Makes a stream that shows a difference as short as it can.
#pragma once

#include "tests/iss/Runner.h"

namespace weft::isstest {

struct Shrunk {
  Stream stream;
  std::string what; // of the shortest stream
};

/// Removes units, and branches and loops around units, while a difference of the same kind (a state that differs; or
/// one side that cannot finish) stays. `stream` differs.
Shrunk shrink(const Stream &stream, const Executor &qemu, const Executor &simulator);

/// Seed, VLEN, the state that the stream starts from as far as its instructions read it, the instructions, and what
/// differs.
std::string report(const Shrunk &shrunk);

} // namespace weft::isstest
