#include "sim/cosim/mesh/VerilatedWave.h"

namespace weft::cosim {

std::unique_ptr<RouterWave> makeRouterWave() { return std::make_unique<VerilatedWave>(); }

} // namespace weft::cosim
