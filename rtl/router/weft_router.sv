// A router of the mesh: four links, a ramp up from the core and one down to it, a queue for each colour.
//
// docs/program-model.md says what happens in which cycle, docs/rtl.md draws it. Everything is decided on the state at
// the beginning of a cycle; a word that is granted in cycle t is able to leave the next router from t + HOP on and is
// in the core in t + RAMP.
//
// Ports of links are numbered 0 north, 1 east, 2 south, 3 west, and 4 is the core. The route of a colour is
// {combine[2:0], inputs[4:0], outputs[4:0]}, a bit a port. A colour that combines has up to three inputs: one of north
// and west (positions below), one of south and east, and the core.
module weft_router #(
    parameter int unsigned COLORS = weft_units_pkg::ROUTER_COLORS,
    parameter int unsigned LINK_BITS = weft_units_pkg::ROUTER_LINK_BITS,
    parameter int unsigned QUEUE_WORDS = weft_units_pkg::ROUTER_QUEUE_WORDS,
    parameter int unsigned HOP = weft_units_pkg::ROUTER_HOP,
    parameter int unsigned RAMP = weft_units_pkg::ROUTER_RAMP,
    parameter int unsigned REDUCE_STAGE = weft_units_pkg::ROUTER_REDUCE_STAGE,  // 0: it cannot combine
    localparam int unsigned ColorBits = COLORS > 1 ? $clog2(COLORS) : 1
) (
    input  logic                               clk_i,
    input  logic                               rst_ni,
    // Configuration: one colour's route a cycle; `clear` begins a launch, in which no colour has been granted yet.
    input  logic                               cfg_valid_i,
    input  logic                               cfg_clear_i,
    input  logic [ColorBits-1:0]               cfg_color_i,
    input  logic [12:0]                        cfg_route_i,
    // Links. A credit is a pulse on a wire of its colour in the cycle in which a word leaves the queue.
    input  logic [                 3:0] link_valid_i,
    input  logic [     4*ColorBits-1:0] link_color_i,
    input  logic [     4*LINK_BITS-1:0] link_data_i,
    output logic [        4*COLORS-1:0] link_credit_o,
    output logic [                 3:0] link_valid_o,
    output logic [     4*ColorBits-1:0] link_color_o,
    output logic [     4*LINK_BITS-1:0] link_data_o,
    input  logic [        4*COLORS-1:0] link_credit_i,
    // Up the ramp: the core shows the next word of each colour; one of them is granted a cycle.
    input  logic [COLORS-1:0]                  up_valid_i,
    input  logic [COLORS*LINK_BITS-1:0] up_data_i,
    output logic [COLORS-1:0]                  up_grant_o,
    // Down the ramp: the core says which colours it takes, is told at once what comes, and has it RAMP cycles later.
    input  logic [COLORS-1:0]                  down_ready_i,
    output logic [COLORS-1:0]                  down_grant_o,
    output logic                               down_valid_o,
    output logic [ColorBits-1:0]               down_color_o,
    output logic [LINK_BITS-1:0]               down_data_o,
    output logic                               busy_o       // words are here
);
  localparam int unsigned Core = 4;
  localparam int unsigned LinkPlaces = QUEUE_WORDS + HOP;
  localparam int unsigned RampPlaces = QUEUE_WORDS + RAMP;
  localparam int unsigned CombinePlaces = QUEUE_WORDS + REDUCE_STAGE;
  localparam int unsigned InputPlaces = LinkPlaces > RampPlaces ? LinkPlaces : RampPlaces;
  localparam int unsigned Places = InputPlaces > CombinePlaces ? InputPlaces : CombinePlaces;

  if (COLORS < weft_units_pkg::ROUTER_COLORS_MIN || COLORS > weft_units_pkg::ROUTER_COLORS_MAX)
    $error("weft_router: COLORS out of the range that kernels/units/router.yaml gives");
  if (LINK_BITS < weft_units_pkg::ROUTER_LINK_BITS_MIN || LINK_BITS > weft_units_pkg::ROUTER_LINK_BITS_MAX ||
      LINK_BITS % 32 != 0)
    $error("weft_router: LINK_BITS out of the range that kernels/units/router.yaml gives");
  if (QUEUE_WORDS < weft_units_pkg::ROUTER_QUEUE_WORDS_MIN || QUEUE_WORDS > weft_units_pkg::ROUTER_QUEUE_WORDS_MAX)
    $error("weft_router: QUEUE_WORDS out of the range that kernels/units/router.yaml gives");
  if (HOP < weft_units_pkg::ROUTER_HOP_MIN || HOP > weft_units_pkg::ROUTER_HOP_MAX)
    $error("weft_router: HOP out of the range that kernels/units/router.yaml gives");
  if (RAMP < weft_units_pkg::ROUTER_RAMP_MIN || RAMP > weft_units_pkg::ROUTER_RAMP_MAX)
    $error("weft_router: RAMP out of the range that kernels/units/router.yaml gives");
  if (REDUCE_STAGE > weft_units_pkg::ROUTER_REDUCE_STAGE_MAX)
    $error("weft_router: REDUCE_STAGE out of the range that kernels/units/router.yaml gives");

  // ---- the table of routes ------------------------------------------------------------------------------------------
  logic [5*COLORS-1:0] inputs, outputs;
  logic [3*COLORS-1:0] combine;
  logic [COLORS-1:0] combines;
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_route
    logic [12:0] route;
    always_ff @(posedge clk_i)
      if (!rst_ni) route <= '0;
      else if (cfg_valid_i && !cfg_clear_i && cfg_color_i == ColorBits'(c)) route <= cfg_route_i;
    assign combine[3*c+:3] = REDUCE_STAGE != 0 ? route[12:10] : '0;
    assign inputs[5*c+:5] = route[9:5];
    assign outputs[5*c+:5] = route[4:0];
    assign combines[c] = combine[3*c+:3] != '0;
  end
  logic clear;
  assign clear = cfg_valid_i && cfg_clear_i;

  // ---- what comes in ------------------------------------------------------------------------------------------------
  // Of each port at most one word a cycle, at the end of its pipeline.
  logic [4:0] in_valid, in_busy;
  logic [5*ColorBits-1:0] in_color;
  logic [5*LINK_BITS-1:0] in_data;
  for (genvar p = 0; p < 4; p = p + 1) begin : g_link
    weft_delay #(
        .WIDTH (ColorBits + LINK_BITS),
        .STAGES(HOP > 1 ? HOP - 1 : 0)
    ) i_hop (
        .clk_i,
        .rst_ni,
        .valid_i(link_valid_i[p]),
        .data_i ({link_color_i[p*ColorBits+:ColorBits], link_data_i[p*LINK_BITS+:LINK_BITS]}),
        .valid_o(in_valid[p]),
        .data_o ({in_color[p*ColorBits+:ColorBits], in_data[p*LINK_BITS+:LINK_BITS]}),
        .busy_o (in_busy[p])
    );
  end

  logic [COLORS-1:0] took;  // the first word has left the queue of each of the colour's inputs
  logic up_valid;
  logic [ColorBits-1:0] up_color;
  logic [LINK_BITS-1:0] up_data;
  logic [COLORS-1:0] up_credit;
  weft_sender #(
      .COLORS   (COLORS),
      .WORD_BITS(LINK_BITS),
      .LIMIT    (RampPlaces)
  ) i_sender (
      .clk_i,
      .rst_ni,
      .clear_i (clear),
      .valid_i (up_valid_i),
      .data_i  (up_data_i),
      .grant_o (up_grant_o),
      .valid_o (up_valid),
      .color_o (up_color),
      .data_o  (up_data),
      .credit_i(up_credit)
  );
  weft_delay #(
      .WIDTH (ColorBits + LINK_BITS),
      .STAGES(RAMP > 1 ? RAMP - 1 : 0)
  ) i_ramp_up (
      .clk_i,
      .rst_ni,
      .valid_i(up_valid),
      .data_i ({up_color, up_data}),
      .valid_o(in_valid[Core]),
      .data_o ({in_color[Core*ColorBits+:ColorBits], in_data[Core*LINK_BITS+:LINK_BITS]}),
      .busy_o (in_busy[Core])
  );

  // ---- queues -------------------------------------------------------------------------------------------------------
  logic [COLORS-1:0] grant, waiting;
  logic [COLORS*LINK_BITS-1:0] head, into;
  logic [5*COLORS-1:0] arrives;  // by colour, then port
  logic [COLORS-1:0] result, push;
  logic [LINK_BITS-1:0] result_data;
  logic combiner_busy;

  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
    for (genvar p = 0; p < 5; p = p + 1) begin : g_port
      assign arrives[5*c+p] = in_valid[p] && in_color[p*ColorBits+:ColorBits] == ColorBits'(c);
    end
    logic [LINK_BITS-1:0] word;
    always_comb begin
      word = result[c] ? result_data : '0;
      for (int unsigned p = 0; p < 5; p = p + 1)
        if (arrives[5*c+p] && !combines[c]) word = word | in_data[p*LINK_BITS+:LINK_BITS];
    end
    assign into[c*LINK_BITS+:LINK_BITS] = word;
    assign push[c] = combines[c] ? result[c] : arrives[5*c+:5] != '0;
    weft_queue #(
        .WIDTH(LINK_BITS),
        .DEPTH(Places)
    ) i_queue (
        .clk_i,
        .rst_ni,
        .push_i (push[c]),
        .data_i (into[c*LINK_BITS+:LINK_BITS]),
        .pop_i  (grant[c]),
        .valid_o(waiting[c]),
        .data_o (head[c*LINK_BITS+:LINK_BITS])
    );
  end

  // ---- who moves ----------------------------------------------------------------------------------------------------
  logic [4*COLORS-1:0] sends, room;  // by port, then colour
  logic [COLORS-1:0] ready;
  logic [COLORS*COLORS-1:0] earlier;

  for (genvar p = 0; p < 4; p = p + 1) begin : g_output
    for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
      assign sends[p*COLORS+c] = grant[c] && outputs[5*c+p];
      weft_credits #(
          .LIMIT(LinkPlaces)
      ) i_credits (
          .clk_i,
          .rst_ni,
          .send_i(sends[p*COLORS+c]),
          .back_i(link_credit_i[p*COLORS+c]),
          .room_o(room[p*COLORS+c])
      );
    end
    logic [ColorBits-1:0] color;
    logic [LINK_BITS-1:0] word;
    always_comb begin
      color = '0;
      word  = '0;
      for (int unsigned c = 0; c < COLORS; c = c + 1)
        if (sends[p*COLORS+c]) begin
          color = color | ColorBits'(c);
          word  = word | head[c*LINK_BITS+:LINK_BITS];
        end
    end
    assign link_valid_o[p] = sends[p*COLORS+:COLORS] != '0;
    assign link_color_o[p*ColorBits+:ColorBits] = color;
    assign link_data_o[p*LINK_BITS+:LINK_BITS] = word;
  end

  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_ready
    logic [4:0] open;  // room behind each port
    assign open = {down_ready_i[c], room[3*COLORS+c], room[2*COLORS+c], room[COLORS+c], room[c]};
    assign ready[c] = waiting[c] && (outputs[5*c+:5] & ~open) == '0;
  end

  weft_turns #(
      .COUNT(COLORS)
  ) i_turns (
      .clk_i,
      .rst_ni,
      .clear_i  (clear),
      .granted_i(grant),
      .before_o (earlier)
  );
  weft_switch #(
      .COLORS(COLORS),
      .PORTS (5)
  ) i_switch (
      .ready_i (ready),
      .ports_i (outputs),
      .before_i(earlier),
      .grant_o (grant)
  );

  // ---- down the ramp ------------------------------------------------------------------------------------------------
  logic [ColorBits-1:0] down_color;
  logic [LINK_BITS-1:0] down_data;
  logic down_busy;
  always_comb begin
    down_color = '0;
    down_data  = '0;
    for (int unsigned c = 0; c < COLORS; c = c + 1)
      if (down_grant_o[c]) begin
        down_color = down_color | ColorBits'(c);
        down_data  = down_data | head[c*LINK_BITS+:LINK_BITS];
      end
  end
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_down
    assign down_grant_o[c] = grant[c] && outputs[5*c+Core];
  end
  weft_delay #(
      .WIDTH (ColorBits + LINK_BITS),
      .STAGES(RAMP)
  ) i_ramp_down (
      .clk_i,
      .rst_ni,
      .valid_i(down_grant_o != '0),
      .data_i ({down_color, down_data}),
      .valid_o(down_valid_o),
      .data_o ({down_color_o, down_data_o}),
      .busy_o (down_busy)
  );

  // ---- credits go back to whoever fills the queue -------------------------------------------------------------------
  logic [5*COLORS-1:0] credit;  // by port, then colour
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_credit
    for (genvar p = 0; p < 5; p = p + 1) begin : g_port
      assign credit[p*COLORS+c] = inputs[5*c+p] && (combines[c] ? took[c] : grant[c]);
    end
  end
  assign link_credit_o = credit[4*COLORS-1:0];
  assign up_credit = credit[Core*COLORS+:COLORS];

  // ---- combining ----------------------------------------------------------------------------------------------------
  if (REDUCE_STAGE != 0) begin : g_combine
    logic [3*COLORS-1:0] operand_push, operand_inputs;
    logic [3*COLORS*LINK_BITS-1:0] operand_data;
    logic result_valid;
    logic [ColorBits-1:0] result_color;
    for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
      // North and west are below, east and south above.
      logic [4:0] arrive, has;
      logic [LINK_BITS-1:0] low, high;
      assign arrive = arrives[5*c+:5];
      assign has = inputs[5*c+:5];
      assign low = arrive[0] ? in_data[LINK_BITS-1:0] : in_data[3*LINK_BITS+:LINK_BITS];
      assign high = arrive[1] ? in_data[LINK_BITS+:LINK_BITS] : in_data[2*LINK_BITS+:LINK_BITS];
      assign operand_inputs[3*c+:3] = {has[1] || has[2], has[Core], has[0] || has[3]};
      assign operand_push[3*c+:3] = combines[c] ? {arrive[1] || arrive[2], arrive[Core], arrive[0] || arrive[3]} : '0;
      assign operand_data[3*c*LINK_BITS+:3*LINK_BITS] = {high, in_data[Core*LINK_BITS+:LINK_BITS], low};
      assign result[c] = result_valid && result_color == ColorBits'(c);
    end
    weft_combiner #(
        .COLORS   (COLORS),
        .WORD_BITS(LINK_BITS),
        .DEPTH    (InputPlaces),
        .STAGES   (REDUCE_STAGE),
        .LIMIT    (CombinePlaces)
    ) i_combiner (
        .clk_i,
        .rst_ni,
        .clear_i (clear),
        .op_i    (combine),
        .inputs_i(operand_inputs),
        .push_i  (operand_push),
        .data_i  (operand_data),
        .take_o  (took),
        .valid_o (result_valid),
        .color_o (result_color),
        .data_o  (result_data),
        .credit_i(grant & combines),
        .busy_o  (combiner_busy)
    );
  end else begin : g_no_combine
    assign took = '0;
    assign result = '0;
    assign result_data = '0;
    assign combiner_busy = 1'b0;
  end

  assign busy_o = waiting != '0 || in_busy != '0 || down_busy || combiner_busy;

  // ---- the rules ----------------------------------------------------------------------------------------------------
  // Each queue asserts that it neither overflows nor underflows, each sender that it never spends a credit it lacks,
  // nor gets back more than it spent; what follows is about ports and routes.
  for (genvar p = 0; p < 4; p = p + 1) begin : g_rule_link
    always_ff @(posedge clk_i)
      if (rst_ni) assert ((sends[p*COLORS+:COLORS] & (sends[p*COLORS+:COLORS] - 1'b1)) == '0);
  end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      router_down_one : assert ((down_grant_o & (down_grant_o - 1'b1)) == '0);
      router_down_ready : assert ((down_grant_o & ~down_ready_i) == '0);
      router_quiet_clear : assert (!cfg_valid_i || !busy_o);
    end
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_rule_color
    always_ff @(posedge clk_i)
      if (rst_ni) begin
        // A word comes by a port that its colour comes by, and one at a time where it does not combine.
        assert ((arrives[5*c+:5] & ~inputs[5*c+:5]) == '0);
        assert (!grant[c] || outputs[5*c+:5] != '0);
        // A word leaves by all ports of its route or by none, and only with room behind each.
        assert (!grant[c] || ready[c]);
      end
  end
endmodule
