#include "sim/iss/Op.h"

weft::iss::Execute weft::iss::scalarFloatExecutor(Opcode) { return nullptr; }
