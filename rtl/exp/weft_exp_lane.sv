// One element a cycle of unit exp, seven stages. The steps are those of kernels/units/Exp.h; load_i says which stages
// take what the one before holds.
//
//   x, f -> subtract -> round -> x log2(e) -> shift to fixed point -> table, slope -> interpolate -> round -> exp
module weft_exp_lane (
    input  logic        clk_i,
    input  logic [ 6:0] load_i,
    input  logic        narrow_i,      // both are bf16, in the low halves
    input  logic        subtract_i,
    input  logic [31:0] x_i,
    input  logic [31:0] f_i,
    input  logic        out_narrow_i,  // narrow_i of what is in the sixth stage
    output logic [31:0] exp_o
);
  /* verilator no_inline_module */  // one copy of its C++ serves all instances
  // 1: x - f, exactly.
  logic [31:0] x, f;
  assign x = narrow_i ? {x_i[15:0], 16'b0} : x_i;
  assign f = narrow_i ? {f_i[15:0], 16'b0} : f_i;

  logic d_special, d_invalid, d_sign, d_zero_sign;
  logic [30:0] d_special_bits;
  logic [27:0] d_magnitude;
  logic signed [10:0] d_exponent;
  weft_float_sum i_subtract (
      .a_i           (x),
      .b_i           ({!f[31], f[30:0]}),
      .special_o     (d_special),
      .special_bits_o(d_special_bits),
      .invalid_o     (d_invalid),
      .sign_o        (d_sign),
      .zero_sign_o   (d_zero_sign),
      .magnitude_o   (d_magnitude),
      .exponent_o    (d_exponent)
  );
  logic unused;
  assign unused = d_invalid ^ d_zero_sign;  // no flags; exp(-0) is exp(+0)

  logic s_subtract, s_special, s_sign;
  logic [31:0] s_x;
  logic [30:0] s_special_bits;
  logic [27:0] s_magnitude;
  logic signed [10:0] s_exponent;
  always_ff @(posedge clk_i)
    if (load_i[0]) begin
      s_subtract <= subtract_i;
      s_x <= x;
      s_special <= d_special;
      s_special_bits <= d_special_bits;
      s_sign <= d_sign;
      s_magnitude <= d_magnitude;
      s_exponent <= d_exponent;
    end

  // 2: rounded to binary32.
  logic [30:0] difference;
  logic difference_overflow;
  weft_round #(
      .WIDTH(28)
  ) i_difference (
      .magnitude_i(s_magnitude),
      .exponent_i (s_exponent),
      .narrow_i   (1'b0),
      .bits_o     (difference),
      .overflow_o (difference_overflow)
  );
  logic unused_overflow;
  assign unused_overflow = difference_overflow;  // it is an infinity then

  logic [31:0] y;
  always_ff @(posedge clk_i)
    if (load_i[1]) y <= !s_subtract ? s_x : {s_sign, s_special ? s_special_bits : difference};

  // The table's row is for stage 5, its constant for stage 3.
  logic [34:0] log2e;
  logic [30:0] row_value;
  logic [22:0] row_slope;
  logic [14:0] row_curvature;
  logic [36:0] t;
  weft_exp_table i_table (
      .index_i    (t[27:22]),
      .log2e_o    (log2e),
      .value_o    (row_value),
      .slope_o    (row_slope),
      .curvature_o(row_curvature)
  );

  // 3: |y| log2(e), in units of 2^-34 and of y's last bit.
  logic p_negative, p_nan, p_large;
  logic [58:0] product;
  logic [35:0] p_product;  // what is below counts for nothing: stage 4 shifts by 23 or more
  logic [7:0] p_exponent;
  assign product = {35'b0, y[30:23] != '0, y[22:0]} * {24'b0, log2e};
  always_ff @(posedge clk_i)
    if (load_i[2]) begin
      p_negative <= y[31];
      p_nan <= y[30:23] == '1 && y[22:0] != '0;
      p_large <= y[30:23] >= 8'd134;  // 128 and more
      p_exponent <= y[30:23];
      p_product <= product[58:23];
    end

  // 4: in units of 2^-28, with its sign.
  logic t_negative, t_nan, t_large;
  logic [36:0] t_magnitude;
  logic [7:0] distance;
  assign distance = 8'd133 - p_exponent;  // of a large y no one looks at the rest
  assign t_magnitude = {1'b0, p_product >> distance};
  always_ff @(posedge clk_i)
    if (load_i[3]) begin
      t_negative <= p_negative;
      t_nan <= p_nan;
      t_large <= p_large;
      t <= p_negative ? -t_magnitude : t_magnitude;
    end

  // 5: the slope at the offset in the table's row.
  logic [30:0] l_value;
  logic [22:0] l_slope;
  logic [30:0] bend;
  logic [21:0] l_offset;
  logic [8:0] l_integer;
  logic l_negative, l_nan, l_large;
  assign bend = {16'b0, row_curvature} * {15'b0, t[21:6]};
  always_ff @(posedge clk_i)
    if (load_i[4]) begin
      l_negative <= t_negative;
      l_nan <= t_nan;
      l_large <= t_large;
      l_integer <= t[36:28];
      l_offset <= t[21:0];
      l_value <= row_value;
      l_slope <= row_slope + {8'b0, bend[30:16]};
    end

  // 6: 2^fraction in units of 2^-30.
  logic [44:0] rise;
  logic [30:0] r_power;
  logic [8:0] r_integer;
  logic r_negative, r_nan, r_large;
  assign rise = {22'b0, l_slope} * {23'b0, l_offset};
  always_ff @(posedge clk_i)
    if (load_i[5]) begin
      r_negative <= l_negative;
      r_nan <= l_nan;
      r_large <= l_large;
      r_integer <= l_integer;
      r_power <= l_value + {6'b0, rise[44:20]};
    end

  // 7: rounded to the format.
  logic [30:0] rounded;
  logic overflow;
  weft_round #(
      .WIDTH(31)
  ) i_round (
      .magnitude_i(r_power),
      .exponent_i ($signed({{2{r_integer[8]}}, r_integer}) - 11'sd30),
      .narrow_i   (out_narrow_i),
      .bits_o     (rounded),
      .overflow_o (overflow)
  );
  logic unused_too;
  assign unused_too = overflow ^ (^product[22:0]) ^ (^bend[15:0]) ^ (^rise[19:0]);
  always_ff @(posedge clk_i)
    if (load_i[6]) begin
      if (r_nan) exp_o <= out_narrow_i ? 32'h7fc0 : 32'h7fc00000;
      else if (r_large) exp_o <= r_negative ? '0 : out_narrow_i ? 32'h7f80 : 32'h7f800000;
      else exp_o <= {1'b0, rounded};
    end
endmodule
