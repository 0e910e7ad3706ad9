// The way up the ramp with a queue behind each colour: one word a cycle, from the one whose last grant is longest ago,
// never without a credit, and nobody waits for more than all others once each.
module weft_sender_proof #(
    parameter int unsigned COLORS = 3,
    parameter int unsigned LIMIT  = 2
) (
    input logic                clk_i,
    input logic [  COLORS-1:0] valid_i,
    input logic [4*COLORS-1:0] data_i,
    input logic [  COLORS-1:0] read_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  localparam int unsigned ColorBits = $clog2(COLORS);
  logic [COLORS-1:0] grant, pop, full;
  logic valid;
  logic [ColorBits-1:0] color;
  logic [3:0] word;
  logic [8*COLORS-1:0] credits;
  logic [COLORS*COLORS-1:0] earlier;
  weft_sender #(
      .COLORS   (COLORS),
      .WORD_BITS(4),
      .LIMIT    (LIMIT)
  ) i_sender (
      .clk_i,
      .rst_ni,
      .clear_i (1'b0),
      .valid_i,
      .data_i,
      .credits_o(credits),
      .earlier_o(earlier),
      .grant_o (grant),
      .valid_o (valid),
      .color_o (color),
      .data_o  (word),
      .credit_i(pop)
  );
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
    logic [7:0] count, waited;
    assign pop[c]  = read_i[c] && count != '0;
    assign full[c] = count == 8'(LIMIT);
    always_ff @(posedge clk_i)
      if (!rst_ni) begin
        count  <= '0;
        waited <= '0;
      end else begin
        count  <= count + 8'(grant[c]) - 8'(pop[c]);
        waited <= grant[c] || !valid_i[c] || full[c] ? '0 : waited + 8'd1;
      end
    // Everybody who comes before is counted off at each grant.
    logic [7:0] before;
    always_comb begin
      before = '0;
      for (int unsigned j = 0; j < COLORS; j = j + 1) before = before + 8'(earlier[c*COLORS+j]);
    end
    always_ff @(posedge clk_i)
      if (rst_ni) begin
        assert (count + credits[8*c+:8] == 8'(LIMIT));
        assert (!grant[c] || (valid_i[c] && !full[c] && color == ColorBits'(c) && word == data_i[4*c+:4]));
        assert (waited + before < 8'(COLORS));
      end
  end
  always_ff @(posedge clk_i) if (rst_ni) assert (valid == ((valid_i & ~full) != '0));
endmodule
