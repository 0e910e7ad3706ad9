// The back of a vector unit: offers result beats to the core as they come out of the pipeline, and for each instruction
// one completion with the flags of all its beats. The front holds no more instructions than there are places here, so
// completions never stop the pipeline.
module weft_vector_back #(
    parameter int unsigned DLEN = 128,
    parameter int unsigned ID_WIDTH = 4,
    parameter int unsigned DEPTH = 4
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    // tokens: a result beat, or only flags
    input  logic                token_valid_i,
    output logic                token_ready_o,
    input  logic [ID_WIDTH-1:0] token_id_i,
    input  logic [         4:0] token_flags_i,
    input  logic                token_beat_i,     // it has a result beat
    input  logic                token_last_i,     // of its instruction
    input  logic [    DLEN-1:0] token_data_i,
    input  logic [  DLEN/8-1:0] token_enable_i,
    // result beats
    output logic                res_valid_o,
    input  logic                res_ready_i,
    output logic [ID_WIDTH-1:0] res_id_o,
    output logic [    DLEN-1:0] res_data_o,
    output logic [  DLEN/8-1:0] res_enable_o,
    output logic                res_last_o,
    // completions
    output logic                result_valid_o,
    input  logic                result_ready_i,
    output logic [ID_WIDTH-1:0] result_id_o,
    output logic [         4:0] result_flags_o,
    output logic                retire_o
`ifdef FORMAL
    , output logic [$clog2(DEPTH + 1)-1:0] f_count_o
`endif
);
  logic [4:0] flags, flags_so_far;
  logic fire, place;

  assign res_valid_o = token_valid_i && token_beat_i;
  assign token_ready_o = !token_beat_i || res_ready_i;
  assign res_id_o = token_id_i;
  assign res_data_o = token_data_i;
  assign res_enable_o = token_enable_i;
  assign res_last_o = token_last_i;
  assign fire = token_valid_i && token_ready_o;
  assign flags = flags_so_far | token_flags_i;
  assign retire_o = result_valid_o && result_ready_i;

  always_ff @(posedge clk_i)
    if (!rst_ni) flags_so_far <= '0;
    else if (fire) flags_so_far <= token_last_i ? '0 : flags;

  weft_fifo #(
      .WIDTH(ID_WIDTH + 5),
      .DEPTH(DEPTH)
  ) i_completions (
      .clk_i,
      .rst_ni,
      .valid_i(fire && token_last_i),
      .ready_o(place),
      .data_i ({token_id_i, flags}),
      .valid_o(result_valid_o),
      .ready_i(result_ready_i),
      .data_o ({result_id_o, result_flags_o})
`ifdef FORMAL
      , .f_count_o(f_count_o)
`endif
  );

  always_ff @(posedge clk_i) if (rst_ni) completion_has_place : assert (place || !fire || !token_last_i);

  weft_stream_rules #(
      .WIDTH(ID_WIDTH + DLEN + DLEN / 8 + 1)
  ) i_rules (
      .clk_i,
      .rst_ni,
      .valid_i(res_valid_o),
      .ready_i(res_ready_i),
      .data_i ({res_id_o, res_data_o, res_enable_o, res_last_o})
  );
endmodule
