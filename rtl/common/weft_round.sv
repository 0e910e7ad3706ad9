// Rounds magnitude * 2^exponent once, to binary32 or, with narrow_i, to bfloat16 in the low half. Subnormal results are
// kept; what is too large becomes an infinity. Combinational. The bits are those of roundMagnitude in
// kernels/units/Binary32.h.
module weft_round #(
    parameter int unsigned WIDTH = 28,  // of the magnitude, at least 25
    parameter bit ODD = 1'b0,  // to odd instead of to nearest even
    localparam int unsigned ShiftBits = $clog2(WIDTH + 1)
) (
    input  logic               [WIDTH-1:0] magnitude_i,
    input  logic signed        [     10:0] exponent_i,
    input  logic                           narrow_i,
    output logic               [     30:0] bits_o,
    output logic                           overflow_o
);
  /* verilator no_inline_module */  // one copy of its C++ serves all instances
  // Normalised: the leading one in the highest bit, which weighs 2^leading.
  logic [ShiftBits-1:0] zeros;
  logic [WIDTH-1:0] normal;
  logic signed [11:0] leading;

  always_comb begin
    zeros = ShiftBits'(WIDTH);
    for (int unsigned i = 0; i < WIDTH; i = i + 1) if (magnitude_i[i]) zeros = ShiftBits'(WIDTH - 1 - i);
  end
  assign normal  = magnitude_i << zeros;
  assign leading = $signed({exponent_i[10], exponent_i}) + $signed(12'(WIDTH - 1)) - $signed(12'(zeros));

  // Below 2^-126 the significand moves right; what falls out stays in the last bit, which is below any tie.
  logic is_subnormal;
  logic [11:0] down;
  logic [WIDTH:0] moved;
  logic lost;

  assign is_subnormal = leading < -12'sd126;
  assign down = is_subnormal ? 12'(-12'sd126 - leading) : '0;
  assign moved = down > 12'(WIDTH) ? '0 : {normal, 1'b0} >> down;
  assign lost = down > 12'(WIDTH) ? normal != '0 : (moved << down) != {normal, 1'b0};

  // `kept` has 24 bits, the highest of them the implicit one; for bfloat16 the lower 16 are none of the result's.
  logic [23:0] kept;
  logic half, rest, up, narrow_rest;
  assign kept = moved[WIDTH-:24];
  assign half = narrow_i ? kept[15] : moved[WIDTH-24];
  assign rest = moved[WIDTH-25:0] != '0 || lost;
  assign narrow_rest = kept[14:0] != '0 || moved[WIDTH-24] || rest;

  logic [ 7:0] biased;
  logic [30:0] cut, result;
  assign biased = is_subnormal ? '0 : 8'(leading + 12'sd126);  // one less than the biased exponent
  assign up = half && (narrow_i ? narrow_rest || kept[16] : rest || kept[0]);
  assign cut = {biased, 23'b0} + {7'b0, kept};

  always_comb
    if (ODD) result = cut | 31'(moved[WIDTH-24] || rest);
    else if (narrow_i) result = {16'b0, cut[30:16] + 15'(up)};
    else result = cut + 31'(up);

  assign overflow_o = magnitude_i != '0 &&
      (leading > 12'sd127 || (!ODD && (narrow_i ? result[14:7] : result[30:23]) == '1));
  always_comb
    if (magnitude_i == '0) bits_o = '0;
    else if (overflow_o) bits_o = narrow_i ? 31'h7f80 : 31'h7f800000;
    else bits_o = result;
endmodule
