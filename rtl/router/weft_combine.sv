// One operation of the combine unit on 32 bits of a word: `lower op higher`. The numbers of the operations are those of
// a flow's `combine` in the package.
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
      3'd1: result_o = add_f32;
      3'd2: result_o = max_f32;
      3'd3: result_o = add_bf16;
      3'd4: result_o = max_bf16;
      3'd5: result_o = lower_i + higher_i;
      3'd6: result_o = $signed(lower_i) > $signed(higher_i) ? lower_i : higher_i;
      default: result_o = lower_i;
    endcase
endmodule
