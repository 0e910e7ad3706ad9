// weft_exp_table_gen: prints the SystemVerilog module weft_exp_table from the exponential's golden model.
#include "kernels/units/Exp.h"

#include <cinttypes>
#include <cstdio>

int main() {
  std::printf(
      "// Generated from kernels/units/Exp.h; do not edit. The constants of the exponential: log2(e) in units of\n"
      "// 2^-34, and of each 64th of an octave the value, the slope and the curvature.\n"
      "module weft_exp_table (\n    input  logic [ 5:0] index_i,\n    output logic [34:0] log2e_o,\n"
      "    output logic [30:0] value_o,\n    output logic [22:0] slope_o,\n    output logic [14:0] curvature_o\n"
      ");\n  assign log2e_o = 35'd%" PRIu64 ";\n  always_comb\n    case (index_i)\n",
      weft::units::expLog2e);
  const auto rows = weft::units::expTable();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size())
      std::printf("      6'd%zu: ", i);
    else
      std::printf("      default: ");
    std::printf("{value_o, slope_o, curvature_o} = {31'd%u, 23'd%u, 15'd%u};\n", rows[i].value, rows[i].slope,
                rows[i].curvature);
  }
  std::printf("    endcase\nendmodule\n");
}
