// The way up the ramp: in each cycle one word, of the colours that have one and whose queue has room, the one whose
// last grant is longest ago.
module weft_sender #(
    parameter int unsigned COLORS    = 24,
    parameter int unsigned WORD_BITS = 32,
    parameter int unsigned LIMIT     = 6,   // places of a queue
    localparam int unsigned ColorBits = COLORS > 1 ? $clog2(COLORS) : 1
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic                            clear_i,
    input  logic [COLORS-1:0]               valid_i,
    input  logic [COLORS*WORD_BITS-1:0]     data_i,
`ifdef FORMAL
    output logic [8*COLORS-1:0]             credits_o,  // what a proof may see
    output logic [COLORS*COLORS-1:0]        earlier_o,
`endif
    output logic [COLORS-1:0]               grant_o,   // this word goes
    output logic                            valid_o,
    output logic [ColorBits-1:0]            color_o,
    output logic [WORD_BITS-1:0]            data_o,
    input  logic [COLORS-1:0]               credit_i
);
  logic [COLORS*COLORS-1:0] earlier;
  logic [COLORS-1:0] room, ready;

  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
    weft_credits #(
        .LIMIT(LIMIT)
    ) i_credits (
        .clk_i,
        .rst_ni,
        .send_i(grant_o[c]),
        .back_i(credit_i[c]),
`ifdef FORMAL
        .credits_o(credits_o[8*c+:8]),
`endif
        .room_o(room[c])
    );
    assign grant_o[c] = ready[c] && (ready & earlier[c*COLORS+:COLORS]) == '0;
  end

  weft_turns #(
      .COUNT(COLORS)
  ) i_turns (
      .clk_i,
      .rst_ni,
      .clear_i,
      .granted_i(grant_o),
      .before_o (earlier)
  );

`ifdef FORMAL
  assign earlier_o = earlier;
`endif
  assign ready   = valid_i & room;
  assign valid_o = ready != '0;

  always_comb begin
    color_o = '0;
    data_o  = '0;
    for (int unsigned c = 0; c < COLORS; c = c + 1)
      if (grant_o[c]) begin
        color_o = color_o | ColorBits'(c);
        data_o  = data_o | data_i[c*WORD_BITS+:WORD_BITS];
      end
  end

  always_ff @(posedge clk_i)
    if (rst_ni) begin
      // One word a cycle, and never none while one could go.
      sender_one : assert ((grant_o & (grant_o - 1'b1)) == '0);
      sender_works : assert (valid_o == (grant_o != '0));
    end
endmodule
