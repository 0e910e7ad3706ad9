// The bf16 half of unit dot: bulk normalisation of a row's products (RVBNA), then the sum with the accumulator, both
// rounded to odd. Products wait in a queue until the largest exponent of their row is known.
//
//   beat -> [products] -> queue -> align, add up -> [sum] -> normalise -> [dot] -> add -> [magnitude] -> round -> row
//                      \-> largest exponent -> queue of rows -^
module weft_dot_bulk #(
    parameter int unsigned VLEN = 256,
    parameter int unsigned DLEN = 128,
    parameter int unsigned META = 8,  // bits that go with a row
    localparam int unsigned Products = DLEN / 16,
    localparam int unsigned Guard = $clog2(VLEN / 16)
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    output logic                   busy_o,
    // beats of products
    input  logic                   valid_i,
    output logic                   ready_o,
    input  logic                   first_i,         // of its row
    input  logic                   row_last_i,
    input  logic [16*Products-1:0] magnitude_i,
    input  logic [ 9*Products-1:0] exponent_i,
    input  logic [   Products-1:0] negative_i,
    input  logic [            3:0] special_i,       // nan, invalid, positive and negative infinite products
    input  logic [           31:0] accumulator_i,   // with the last beat of a row, as all that follows
    input  logic                   active_i,
    input  logic [       META-1:0] meta_i,
    // rows
    output logic                   valid_o,
    input  logic                   ready_i,
    output logic [           31:0] value_o,
    output logic [            1:0] flags_o,         // invalid, overflow
    output logic                   active_o,
    output logic [       META-1:0] meta_o
);
  localparam int unsigned RowBeats = VLEN / DLEN;
  localparam int unsigned BeatBits = 26 * Products;
  localparam int unsigned SumBits = 26 + 2 * Guard;  // signed
  localparam int unsigned AlignedBits = 25 + Guard;

  // Products of a beat.
  logic p_valid, p_ready, p_first, p_row_last, p_active;
  logic [BeatBits-1:0] p_beat;
  logic [9*Products-1:0] p_exponents;
  logic [3:0] p_special;
  logic [31:0] p_accumulator;
  logic [META-1:0] p_meta;
  weft_stage #(
      .WIDTH(BeatBits + 2 + 4 + 32 + 1 + META)
  ) i_products (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i ({first_i, row_last_i, special_i, accumulator_i, active_i, meta_i, exponent_i, magnitude_i, negative_i}),
      .valid_o(p_valid),
      .ready_i(p_ready),
      .data_o ({p_first, p_row_last, p_special, p_accumulator, p_active, p_meta, p_beat})
  );
  assign p_exponents = p_beat[BeatBits-1-:9*Products];

  // The largest reference exponent of the row so far, and its special values.
  logic [8:0] largest, largest_before;
  logic [3:0] special, special_before;
  always_comb begin
    largest = p_first ? '0 : largest_before;
    for (int unsigned i = 0; i < Products; i = i + 1)
      largest = p_exponents[9*i+:9] > largest ? p_exponents[9*i+:9] : largest;
    special = p_first ? p_special : p_special | special_before;
  end
  always_ff @(posedge clk_i)
    if (p_valid && p_ready) begin
      largest_before <= largest;
      special_before <= special;
    end

  // Queues of products and of rows whose largest exponent is known.
  logic queue_ready, rows_ready, q_valid, q_take, q_first, q_row_last, r_valid, r_active;
  logic [BeatBits-1:0] q_beat;
  logic [8:0] r_largest;
  logic [3:0] r_special;
  logic [31:0] r_accumulator;
  logic [META-1:0] r_meta;
  assign p_ready = queue_ready && (rows_ready || !p_row_last);
  weft_fifo #(
      .WIDTH(BeatBits + 2),
      .DEPTH(2 * RowBeats)
  ) i_queue (
      .clk_i,
      .rst_ni,
      .valid_i(p_valid && p_ready),
      .ready_o(queue_ready),
      .data_i ({p_first, p_row_last, p_beat}),
      .valid_o(q_valid),
      .ready_i(q_take),
      .data_o ({q_first, q_row_last, q_beat})
  );
  weft_fifo #(
      .WIDTH(9 + 4 + 32 + 1 + META),
      .DEPTH(2)
  ) i_rows (
      .clk_i,
      .rst_ni,
      .valid_i(p_valid && p_ready && p_row_last),
      .ready_o(rows_ready),
      .data_i ({largest, special, p_accumulator, p_active, p_meta}),
      .valid_o(r_valid),
      .ready_i(q_take && q_row_last),
      .data_o ({r_largest, r_special, r_accumulator, r_active, r_meta})
  );

  // Align a beat to the row's largest exponent, each product rounded to odd, and add it up.
  logic signed [SumBits-1:0] sum, sum_before, terms[Products];
  for (genvar i = 0; i < Products; i = i + 1) begin : g_align
    logic [8:0] distance;
    logic [AlignedBits-1:0] padded, moved, aligned;
    logic lost;
    assign distance = r_largest - q_beat[17*Products+9*i+:9];
    assign padded = {q_beat[Products+16*i+:16], (9 + Guard)'(0)};
    assign moved = distance >= 9'(AlignedBits) ? '0 : padded >> distance;
    assign lost = distance >= 9'(AlignedBits) ? padded != '0 : (moved << distance) != padded;
    assign aligned = {moved[AlignedBits-1:1], moved[0] || lost};
    assign terms[i] = q_beat[i] ? -$signed(SumBits'(aligned)) : $signed(SumBits'(aligned));
  end
  always_comb begin
    sum = q_first ? '0 : sum_before;
    for (int unsigned i = 0; i < Products; i = i + 1) sum = sum + terms[i];
  end
  logic s_ready;
  assign q_take = q_valid && r_valid && (s_ready || !q_row_last);
  always_ff @(posedge clk_i) if (q_take) sum_before <= sum;

  logic s_valid, s_active, n_ready;
  logic signed [SumBits-1:0] s_sum;
  logic [8:0] s_largest;
  logic [3:0] s_special;
  logic [31:0] s_accumulator;
  logic [META-1:0] s_meta;
  weft_stage #(
      .WIDTH(SumBits + 9 + 4 + 32 + 1 + META)
  ) i_sum (
      .clk_i,
      .rst_ni,
      .valid_i(q_valid && r_valid && q_row_last),
      .ready_o(s_ready),
      .data_i ({sum, r_largest, r_special, r_accumulator, r_active, r_meta}),
      .valid_o(s_valid),
      .ready_i(n_ready),
      .data_o ({s_sum, s_largest, s_special, s_accumulator, s_active, s_meta})
  );

  // Normalise and round to odd.
  logic [SumBits-2:0] s_magnitude;
  logic [30:0] s_bits;
  logic s_overflow, s_nan, s_infinite, s_cancelled;
  logic [31:0] dot;
  logic [1:0] dot_flags;
  assign s_magnitude = s_sum[SumBits-1] ? -s_sum[SumBits-2:0] : s_sum[SumBits-2:0];
  weft_round #(
      .WIDTH(SumBits - 1),
      .ODD(1'b1)
  ) i_normalise (
      .magnitude_i(s_magnitude),
      .exponent_i (11'({2'b0, s_largest}) - 11'(277 + Guard)),
      .narrow_i   (1'b0),
      .bits_o     (s_bits),
      .overflow_o (s_overflow)
  );
  assign s_cancelled = s_special[1:0] == '1;
  assign s_nan = s_special[3] || s_cancelled;
  assign s_infinite = s_special[1:0] != '0;
  assign dot = s_nan ? 32'h7fc00000 : s_infinite ? {s_special[0], 31'h7f800000} : {s_sum[SumBits-1], s_bits};
  assign dot_flags = {s_special[2] || s_cancelled, s_overflow && !s_nan && !s_infinite};

  logic d_valid, d_ready, d_active;
  logic [31:0] d_dot, d_accumulator;
  logic [1:0] d_flags;
  logic [META-1:0] d_meta;
  weft_stage #(
      .WIDTH(32 + 2 + 32 + 1 + META)
  ) i_dot (
      .clk_i,
      .rst_ni,
      .valid_i(s_valid),
      .ready_o(n_ready),
      .data_i ({dot, dot_flags, s_accumulator, s_active, s_meta}),
      .valid_o(d_valid),
      .ready_i(d_ready),
      .data_o ({d_dot, d_flags, d_accumulator, d_active, d_meta})
  );

  // Add the accumulator, round to odd.
  logic special_sum, invalid_sum, sign_sum, zero_sign_sum;
  logic [30:0] special_bits;
  logic [27:0] magnitude_sum;
  logic signed [10:0] exponent_sum;
  weft_float_sum i_add (
      .a_i           (d_dot),
      .b_i           (d_accumulator),
      .special_o     (special_sum),
      .special_bits_o(special_bits),
      .invalid_o     (invalid_sum),
      .sign_o        (sign_sum),
      .zero_sign_o   (zero_sign_sum),
      .magnitude_o   (magnitude_sum),
      .exponent_o    (exponent_sum)
  );
  logic unused;
  assign unused = zero_sign_sum;  // rounded to odd, a zero is +0

  logic a_special, a_sign;
  logic [30:0] a_special_bits, rounded;
  logic [27:0] a_magnitude;
  logic signed [10:0] a_exponent;
  logic [1:0] a_flags;
  logic a_overflow;
  weft_stage #(
      .WIDTH(1 + 31 + 1 + 28 + 11 + 2 + 1 + META)
  ) i_added (
      .clk_i,
      .rst_ni,
      .valid_i(d_valid),
      .ready_o(d_ready),
      .data_i({special_sum, special_bits, sign_sum, magnitude_sum, exponent_sum, d_flags | {invalid_sum, 1'b0},
               d_active, d_meta}),
      .valid_o(valid_o),
      .ready_i(ready_i),
      .data_o ({a_special, a_special_bits, a_sign, a_magnitude, a_exponent, a_flags, active_o, meta_o})
  );
  weft_round #(
      .WIDTH(28),
      .ODD(1'b1)
  ) i_round (
      .magnitude_i(a_magnitude),
      .exponent_i (a_exponent),
      .narrow_i   (1'b0),
      .bits_o     (rounded),
      .overflow_o (a_overflow)
  );
  assign value_o = {a_sign && (a_special || a_magnitude != '0), a_special ? a_special_bits : rounded};
  assign flags_o = a_flags | {1'b0, a_overflow && !a_special};

  assign busy_o = p_valid || q_valid || r_valid || s_valid || d_valid || valid_o;

  always_ff @(posedge clk_i)
    if (rst_ni && q_valid && r_valid) begin
      aligned_below_largest : assert (r_largest >= q_beat[17*Products+:9]);
      first_of_row : assert (RowBeats != 1 || (q_first && q_row_last));
    end
endmodule
