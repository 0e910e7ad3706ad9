// Everything that is made from the descriptions of units. Each function returns the text of one file.
#pragma once

#include "kernels/units/description/Description.h"

#include <string>
#include <vector>

namespace weft::units {

using Descriptions = std::vector<UnitDescription>;

std::string generateTable(const Descriptions &units);           // UnitTable.cpp: the data of Units.h
std::string generateConstants(const Descriptions &units);       // UnitConstants.h: numbers for programs
std::string generateUnitRows(const Descriptions &units);        // Units.def: WEFT_UNIT(id, name, extension)
std::string generateInstructionRows(const Descriptions &units); // UnitInstructions.def: for the simulator
std::string generateOps(const Descriptions &units);             // UnitOps.td: ops of dialect rv
std::string generateOpVerifiers(const Descriptions &units);     // UnitOpVerifiers.inc: their verify()
std::string generatePackage(const Descriptions &units);         // weft_units_pkg.sv
std::string generateDocument(const Descriptions &units);        // units.md
std::string generateTests(const Descriptions &units);           // UnitTests.inc: a test case an instruction

/// `text` as a string literal of C++ and TableGen.
std::string literal(std::string_view text);

} // namespace weft::units
