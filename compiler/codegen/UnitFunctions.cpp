// What host kernels call where a core has an instruction of a unit: the golden model, compiled to LLVM's bitcode and
// made part of the kernels' object (HostUnits.cpp).
#include "kernels/units/Exp.cpp"

extern "C" uint32_t weft_unit_exp(uint32_t x) { return weft::units::expBinary32(x); }
