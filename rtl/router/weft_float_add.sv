// The sum of two floating-point numbers of 8 exponent bits (f32, bf16), rounded once to nearest, ties to even.
// Subnormal numbers are kept; NaN is the canonical one; no flags. Combinational: whoever wants stages puts them behind
// it.
module weft_float_add #(
    parameter  int unsigned FRACTION_BITS = 23,
    localparam int unsigned Bits = FRACTION_BITS + 9
) (
    input  logic [Bits-1:0] a_i,
    input  logic [Bits-1:0] b_i,
    output logic [Bits-1:0] sum_o
);
  localparam int unsigned Digits = FRACTION_BITS + 1;
  localparam int unsigned Wide = Digits + 3;  // guard, round and sticky
  localparam int unsigned ShiftBits = $clog2(Wide + 1);
  localparam logic [7:0] MaxShift = 8'(Wide);

  logic [Bits-1:0] larger;
  logic [Bits-2:0] lesser;  // by magnitude
  logic [7:0] larger_exponent, lesser_exponent, distance;
  logic [Wide-1:0] larger_digits, lesser_digits, aligned;
  logic [Wide:0] sum;  // one digit more
  logic subtract;

  always_comb begin
    larger = a_i[Bits-2:0] >= b_i[Bits-2:0] ? a_i : b_i;
    lesser = a_i[Bits-2:0] >= b_i[Bits-2:0] ? b_i[Bits-2:0] : a_i[Bits-2:0];
    subtract = a_i[Bits-1] != b_i[Bits-1];
    // Subnormal numbers have the exponent of the least normal ones, without its leading digit.
    larger_exponent = larger[FRACTION_BITS+:8] == '0 ? 8'd1 : larger[FRACTION_BITS+:8];
    lesser_exponent = lesser[FRACTION_BITS+:8] == '0 ? 8'd1 : lesser[FRACTION_BITS+:8];
    larger_digits = {larger[FRACTION_BITS+:8] != '0, larger[FRACTION_BITS-1:0], 3'b000};
    lesser_digits = {lesser[FRACTION_BITS+:8] != '0, lesser[FRACTION_BITS-1:0], 3'b000};
    distance = larger_exponent - lesser_exponent;
  end

  // What is shifted out leaves a trace in the lowest digit.
  logic [Wide-1:0] lost;
  always_comb begin
    lost = '0;
    if (distance >= MaxShift) begin
      aligned = Wide'(lesser_digits != '0);
    end else begin
      aligned = lesser_digits >> distance[ShiftBits-1:0];
      lost = lesser_digits & ~({Wide{1'b1}} << distance[ShiftBits-1:0]);
      aligned[0] = aligned[0] | (lost != '0);
    end
    sum = subtract ? {1'b0, larger_digits} - {1'b0, aligned} : {1'b0, larger_digits} + {1'b0, aligned};
  end

  // Leading zeros, though never more than the exponent can pay for.
  logic [7:0] zeros, shift, exponent;
  logic [Wide-1:0] digits;
  always_comb begin
    zeros = '0;
    for (int unsigned i = 0; i < Wide; i = i + 1) if (sum[i]) zeros = 8'(Wide - 1 - i);
    shift = zeros < larger_exponent ? zeros : larger_exponent - 8'd1;
    if (sum[Wide]) begin
      digits = {sum[Wide:2], sum[1] | sum[0]};
      exponent = larger_exponent + 8'd1;
    end else begin
      digits = sum[Wide-1:0] << shift[ShiftBits-1:0];
      exponent = digits[Wide-1] ? larger_exponent - shift : 8'd0;
    end
  end

  logic round_up;
  logic [Bits-2:0] rounded;
  logic special, is_nan;
  always_comb begin
    round_up = digits[2] && (digits[1] || digits[0] || digits[3]);
    // The carry of the fraction runs into the exponent: to the next power, from subnormal to normal, to infinity.
    rounded = {exponent, digits[Wide-2:3]} + (Bits - 1)'(round_up);
    if (exponent == 8'hff) rounded = {8'hff, {FRACTION_BITS{1'b0}}};
    special = larger[FRACTION_BITS+:8] == 8'hff;
    is_nan = special && (larger[FRACTION_BITS-1:0] != '0 || (subtract && lesser[FRACTION_BITS+:8] == 8'hff));
    if (is_nan) sum_o = {1'b0, 8'hff, 1'b1, {FRACTION_BITS - 1{1'b0}}};
    else if (special) sum_o = larger;
    else if (sum == '0) sum_o = {a_i[Bits-1] && b_i[Bits-1], {Bits - 1{1'b0}}};
    else sum_o = {larger[Bits-1], rounded};
  end
endmodule
