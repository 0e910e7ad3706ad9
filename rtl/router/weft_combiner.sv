// The unit of a router that combines words of reducing flows: a queue for each input of each colour, one combination a
// cycle, `(low op own) op high`.
//
// Inputs of a colour are numbered by position along its line: 0 low, 1 own (the ramp up), 2 high. The unit takes the
// first word of all of a colour's inputs at once, when each has one and the colour's own queue in the router has room.
// Of several colours that could go it takes the one whose last grant is longest ago.
module weft_combiner #(
    parameter int unsigned COLORS = 24,
    parameter int unsigned WORD_BITS = 32,
    parameter int unsigned DEPTH = 6,  // of a queue of an input
    parameter int unsigned STAGES = 4,  // from taking words to the colour's own queue
    parameter int unsigned LIMIT = 8,  // places of the colour's own queue
    localparam int unsigned ColorBits = COLORS > 1 ? $clog2(COLORS) : 1
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          clear_i,
    input  logic [          3*COLORS-1:0] op_i,      // 0: the colour does not combine
    input  logic [          3*COLORS-1:0] inputs_i,  // which of its inputs each colour has
    input  logic [          3*COLORS-1:0] push_i,    // by colour, then input
    input  logic [3*COLORS*WORD_BITS-1:0] data_i,
    output logic [            COLORS-1:0] take_o,    // a word left each of the colour's inputs
    output logic                          valid_o,   // a result goes into its colour's own queue
    output logic [         ColorBits-1:0] color_o,
    output logic [         WORD_BITS-1:0] data_o,
    input  logic [            COLORS-1:0] credit_i,  // a word left the colour's own queue
    output logic                          busy_o
);
  logic [3*COLORS-1:0] valid;
  logic [3*COLORS*WORD_BITS-1:0] head;
  logic [COLORS-1:0] room, ready;
  logic [COLORS*COLORS-1:0] earlier;

  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
    for (genvar i = 0; i < 3; i = i + 1) begin : g_input
      weft_queue #(
          .WIDTH(WORD_BITS),
          .DEPTH(DEPTH)
      ) i_queue (
          .clk_i,
          .rst_ni,
          .push_i (push_i[3*c+i]),
          .data_i (data_i[(3*c+i)*WORD_BITS+:WORD_BITS]),
          .pop_i  (take_o[c] && inputs_i[3*c+i]),
          .valid_o(valid[3*c+i]),
          .data_o (head[(3*c+i)*WORD_BITS+:WORD_BITS])
      );
    end
    weft_credits #(
        .LIMIT(LIMIT)
    ) i_credits (
        .clk_i,
        .rst_ni,
        .send_i(take_o[c]),
        .back_i(credit_i[c]),
        .room_o(room[c])
    );
    assign ready[c] = op_i[3*c+:3] != '0 && inputs_i[3*c+:3] != '0 && (inputs_i[3*c+:3] & ~valid[3*c+:3]) == '0 &&
        room[c];
    assign take_o[c] = ready[c] && (ready & earlier[c*COLORS+:COLORS]) == '0;
  end

  weft_turns #(
      .COUNT(COLORS)
  ) i_turns (
      .clk_i,
      .rst_ni,
      .clear_i,
      .granted_i(take_o),
      .before_o (earlier)
  );

  // The words taken; what a colour does not have is zero.
  logic [2:0] op, inputs;
  logic [3*WORD_BITS-1:0] word;
  logic [ColorBits-1:0] color;
  always_comb begin
    op = '0;
    inputs = '0;
    word = '0;
    color = '0;
    for (int unsigned c = 0; c < COLORS; c = c + 1)
      if (take_o[c]) begin
        op = op | op_i[3*c+:3];
        inputs = inputs | inputs_i[3*c+:3];
        color = color | ColorBits'(c);
        for (int unsigned i = 0; i < 3; i = i + 1)
          if (inputs_i[3*c+i])
            word[i*WORD_BITS+:WORD_BITS] = word[i*WORD_BITS+:WORD_BITS] | head[(3*c+i)*WORD_BITS+:WORD_BITS];
      end
  end

  // A missing input is no operand: the word passes that operation as it is.
  logic [WORD_BITS-1:0] low, own, high, low_own, first, all, result;
  assign {high, own, low} = word;
  for (genvar lane = 0; lane < WORD_BITS / 32; lane = lane + 1) begin : g_lane
    weft_combine i_low_own (
        .op_i    (op),
        .lower_i (low[32*lane+:32]),
        .higher_i(own[32*lane+:32]),
        .result_o(low_own[32*lane+:32])
    );
    weft_combine i_high (
        .op_i    (op),
        .lower_i (first[32*lane+:32]),
        .higher_i(high[32*lane+:32]),
        .result_o(all[32*lane+:32])
    );
  end
  assign first  = inputs[1:0] == 2'b11 ? low_own : low | own;
  assign result = inputs[1:0] == '0 ? high : inputs[2] ? all : first;

  logic stages_busy;
  weft_delay #(
      .WIDTH (ColorBits + WORD_BITS),
      .STAGES(STAGES > 1 ? STAGES - 1 : 0)
  ) i_stages (
      .clk_i,
      .rst_ni,
      .valid_i(take_o != '0),
      .data_i ({color, result}),
      .valid_o(valid_o),
      .data_o ({color_o, data_o}),
      .busy_o (stages_busy)
  );
  assign busy_o = valid != '0 || stages_busy;

  always_ff @(posedge clk_i)
    if (rst_ni) begin
      // One flow a cycle, and never none while one could go.
      combiner_one : assert ((take_o & (take_o - 1'b1)) == '0);
      combiner_works : assert ((ready != '0) == (take_o != '0));
    end
endmodule
