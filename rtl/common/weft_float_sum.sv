// The first half of a + b in binary32: what is special, or else an exact magnitude for weft_round. Combinational. Three
// bits below the last one of the larger number, the lowest of them sticky, are enough for both roundings.
module weft_float_sum (
    input  logic        [31:0] a_i,
    input  logic        [31:0] b_i,
    output logic               special_o,   // the result is {sign_o, special_bits_o}
    output logic        [30:0] special_bits_o,
    output logic               invalid_o,
    output logic               sign_o,      // of the result, unless the magnitude is zero
    output logic               zero_sign_o, // of a zero, to nearest even
    output logic        [27:0] magnitude_o,
    output logic signed [10:0] exponent_o
);
  logic nan, a_nan, b_nan, a_inf, b_inf, opposite;
  assign a_nan = a_i[30:23] == '1 && a_i[22:0] != '0;
  assign b_nan = b_i[30:23] == '1 && b_i[22:0] != '0;
  assign a_inf = a_i[30:0] == 31'h7f800000;
  assign b_inf = b_i[30:0] == 31'h7f800000;
  assign opposite = a_inf && b_inf && a_i[31] != b_i[31];
  assign nan = a_nan || b_nan || opposite;
  assign invalid_o = (a_nan && !a_i[22]) || (b_nan && !b_i[22]) || opposite;
  assign special_o = nan || a_inf || b_inf;
  assign special_bits_o = nan ? 31'h7fc00000 : 31'h7f800000;

  logic swap;
  logic [31:0] larger, smaller;
  logic [7:0] larger_exponent, smaller_exponent, distance;
  logic [26:0] larger_significand, smaller_significand, moved;
  logic lost;

  assign swap = a_i[30:0] < b_i[30:0];
  assign larger = swap ? b_i : a_i;
  assign smaller = swap ? a_i : b_i;
  assign larger_exponent = larger[30:23] == '0 ? 8'd1 : larger[30:23];
  assign smaller_exponent = smaller[30:23] == '0 ? 8'd1 : smaller[30:23];
  assign larger_significand = {larger[30:23] != '0, larger[22:0], 3'b0};
  assign smaller_significand = {smaller[30:23] != '0, smaller[22:0], 3'b0};
  assign distance = larger_exponent - smaller_exponent;
  assign moved = distance > 8'd26 ? '0 : smaller_significand >> distance;
  assign lost = distance > 8'd26 ? smaller_significand != '0 : (moved << distance) != smaller_significand;

  logic [27:0] aligned;
  assign aligned = {1'b0, moved[26:1], moved[0] || lost};
  assign magnitude_o = larger[31] == smaller[31] ?
      {1'b0, larger_significand} + aligned : {1'b0, larger_significand} - aligned;
  assign exponent_o = 11'({3'b0, larger_exponent}) - 11'sd153;  // 150, and three bits more
  assign sign_o = !nan && larger[31];
  assign zero_sign_o = a_i[31] && b_i[31];
endmodule
