// 32 bits of unit dot: four multipliers that multiply bytes, or, two of them, the significands of bf16 numbers.
// Combinational.
module weft_dot_lane (
    input  logic               bulk_i,         // bf16
    input  logic               left_signed_i,
    input  logic               right_signed_i,
    input  logic        [ 3:0] enable_i,       // by byte; what is off counts as zero
    input  logic        [31:0] left_i,
    input  logic        [31:0] right_i,
    output logic signed [19:0] sum_o,          // of the four products of bytes
    // the two products of bf16 numbers
    output logic        [31:0] magnitude_o,    // 16 bits each
    output logic        [17:0] exponent_o,     // 9 bits each: the reference exponent, 0 for a zero
    output logic        [ 1:0] negative_o,
    // what the two have of special values
    output logic               nan_o,
    output logic               invalid_o,
    output logic               positive_o,     // an infinite product
    output logic               negative_inf_o
);
  /* verilator no_inline_module */  // one copy of its C++ serves all instances
  logic [1:0] nan, invalid, positive, negative_inf;
  logic [31:0] significand_left, significand_right;  // the operands with significands in bytes 0 and 2
  logic signed [17:0] product[4];

  for (genvar h = 0; h < 2; h = h + 1) begin : g_half
    logic [15:0] a, b;
    logic a_zero, b_zero, a_inf, b_inf, a_nan, b_nan, infinite, product_nan;
    logic [7:0] a_exponent, b_exponent;
    assign a = enable_i[2*h] ? left_i[16*h+:16] : '0;
    assign b = enable_i[2*h] ? right_i[16*h+:16] : '0;
    assign a_zero = a[14:0] == '0;
    assign b_zero = b[14:0] == '0;
    assign a_inf = a[14:0] == 15'h7f80;
    assign b_inf = b[14:0] == 15'h7f80;
    assign a_nan = a[14:7] == '1 && a[6:0] != '0;
    assign b_nan = b[14:7] == '1 && b[6:0] != '0;
    assign a_exponent = a[14:7] == '0 ? 8'd1 : a[14:7];
    assign b_exponent = b[14:7] == '0 ? 8'd1 : b[14:7];
    assign exponent_o[9*h+:9] = a_zero || b_zero ? '0 : {1'b0, a_exponent} + {1'b0, b_exponent};
    assign negative_o[h] = a[15] ^ b[15];
    assign infinite = a_inf || b_inf;
    assign invalid[h] = (a_nan && !a[6]) || (b_nan && !b[6]) || (infinite && (a_zero || b_zero));
    assign product_nan = a_nan || b_nan || (infinite && (a_zero || b_zero));
    assign nan[h] = product_nan;
    assign positive[h] = infinite && !product_nan && !negative_o[h];
    assign negative_inf[h] = infinite && !product_nan && negative_o[h];
    assign significand_left[16*h+:16] = {8'b0, a[14:7] != '0, a[6:0]};
    assign significand_right[16*h+:16] = {8'b0, b[14:7] != '0, b[6:0]};
    assign magnitude_o[16*h+:16] = product[2*h][15:0];
  end
  assign nan_o = nan != '0;
  assign invalid_o = invalid != '0;
  assign positive_o = positive != '0;
  assign negative_inf_o = negative_inf != '0;

  for (genvar k = 0; k < 4; k = k + 1) begin : g_byte
    logic [7:0] x, y;
    logic signed [8:0] x_wide, y_wide;
    assign x = bulk_i ? significand_left[8*k+:8] : enable_i[k] ? left_i[8*k+:8] : '0;
    assign y = bulk_i ? significand_right[8*k+:8] : right_i[8*k+:8];
    assign x_wide = $signed({left_signed_i && !bulk_i && x[7], x});
    assign y_wide = $signed({right_signed_i && !bulk_i && y[7], y});
    assign product[k] = x_wide * y_wide;
  end
  assign sum_o = 20'(product[0]) + 20'(product[1]) + 20'(product[2]) + 20'(product[3]);
endmodule
