#include "sim/iss/Op.h"

weft::iss::Execute weft::iss::vectorFloatExecutor(Opcode) { return nullptr; }
