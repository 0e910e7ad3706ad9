// `a > b ? a : b` of two floating-point numbers of 8 exponent bits. Nothing is greater than NaN, nor NaN than anything.
module weft_float_max #(
    parameter  int unsigned FRACTION_BITS = 23,
    localparam int unsigned Bits = FRACTION_BITS + 9
) (
    input  logic [Bits-1:0] a_i,
    input  logic [Bits-1:0] b_i,
    output logic [Bits-1:0] max_o
);
  localparam logic [Bits-2:0] Infinity = {8'hff, {FRACTION_BITS{1'b0}}};
  logic a_nan, b_nan, greater;
  always_comb begin
    a_nan = a_i[Bits-2:0] > Infinity;
    b_nan = b_i[Bits-2:0] > Infinity;
    // Two zeros are equal whatever their signs; it makes a difference which of them goes on.
    if (a_i[Bits-1] != b_i[Bits-1]) greater = b_i[Bits-1] && {a_i[Bits-2:0], b_i[Bits-2:0]} != '0;
    else greater = a_i[Bits-1] ? a_i[Bits-2:0] < b_i[Bits-2:0] : a_i[Bits-2:0] > b_i[Bits-2:0];
    max_o = greater && !a_nan && !b_nan ? a_i : b_i;
  end
endmodule
