// One operation of the combine unit on 32 bits of a word: `lower op higher`. The numbers of the operations stand
// in kernels/units/router.yaml, and are those of a flow's `combine` in a package.
module weft_combine (
    input  logic [ 2:0] op_i,
    input  logic [31:0] lower_i,
    input  logic [31:0] higher_i,
    output logic [31:0] result_o
);
  logic [31:0] add_f32, max_f32, add_bf16, max_bf16;

  weft_float_add #(
      .FRACTION_BITS(23)
  ) i_add (
      .a_i  (lower_i),
      .b_i  (higher_i),
      .sum_o(add_f32)
  );
  weft_float_max #(
      .FRACTION_BITS(23)
  ) i_max (
      .a_i  (lower_i),
      .b_i  (higher_i),
      .max_o(max_f32)
  );
  for (genvar half = 0; half < 2; half = half + 1) begin : g_half
    weft_float_add #(
        .FRACTION_BITS(7)
    ) i_add (
        .a_i  (lower_i[16*half+:16]),
        .b_i  (higher_i[16*half+:16]),
        .sum_o(add_bf16[16*half+:16])
    );
    weft_float_max #(
        .FRACTION_BITS(7)
    ) i_max (
        .a_i  (lower_i[16*half+:16]),
        .b_i  (higher_i[16*half+:16]),
        .max_o(max_bf16[16*half+:16])
    );
  end

  always_comb
    case (op_i)
      weft_units_pkg::ROUTER_ADD_F32[2:0]: result_o = add_f32;
      weft_units_pkg::ROUTER_MAX_F32[2:0]: result_o = max_f32;
      weft_units_pkg::ROUTER_ADD_BF16[2:0]: result_o = add_bf16;
      weft_units_pkg::ROUTER_MAX_BF16[2:0]: result_o = max_bf16;
      weft_units_pkg::ROUTER_ADD_I32[2:0]: result_o = lower_i + higher_i;
      weft_units_pkg::ROUTER_MAX_I32[2:0]: result_o = $signed(lower_i) > $signed(higher_i) ? lower_i : higher_i;
      default: result_o = lower_i;
    endcase
endmodule
