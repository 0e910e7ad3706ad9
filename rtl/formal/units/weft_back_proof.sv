// The back of a vector unit with the credits of its front, as a small model: completions always find a place, every
// instruction gets exactly one. (That they keep their order is the queue's own proof.)
module weft_back_proof #(
    parameter int unsigned DEPTH = 3
) (
    input logic       clk_i,
    input logic       rst_ni,
    input logic       accept_i,
    input logic       token_valid_i,
    input logic [1:0] token_id_i,
    input logic [4:0] token_flags_i,
    input logic       token_beat_i,
    input logic       token_last_i,
    input logic [7:0] token_data_i,
    input logic       token_enable_i,
    input logic       res_ready_i,
    input logic       result_ready_i
);
  logic token_ready, res_valid, res_last, res_enable, result_valid, retire, fire;
  logic [1:0] res_id, result_id;
  logic [7:0] res_data;
  logic [4:0] result_flags;
  logic [2:0] held, finished, count;

  weft_vector_back #(
      .DLEN(8),
      .ID_WIDTH(2),
      .DEPTH(DEPTH)
  ) i_back (
      .clk_i,
      .rst_ni,
      .token_valid_i,
      .token_ready_o (token_ready),
      .token_id_i,
      .token_flags_i,
      .token_beat_i,
      .token_last_i,
      .token_data_i,
      .token_enable_i,
      .res_valid_o   (res_valid),
      .res_ready_i,
      .res_id_o      (res_id),
      .res_data_o    (res_data),
      .res_enable_o  (res_enable),
      .res_last_o    (res_last),
      .result_valid_o(result_valid),
      .result_ready_i,
      .result_id_o   (result_id),
      .result_flags_o(result_flags),
      .retire_o      (retire),
      .f_count_o     (count)
  );
  initial assume (!rst_ni);
  assign fire = token_valid_i && token_ready;

  // The front's promise: no more than DEPTH instructions, and a token only of one that has not finished; the stage's
  // promise: an offer stands.
  logic offered;
  logic [17:0] offer;
  always_ff @(posedge clk_i) begin
    offered <= rst_ni && token_valid_i && !token_ready;
    offer   <= {token_id_i, token_flags_i, token_beat_i, token_last_i, token_data_i, token_enable_i};
    if (!rst_ni) begin
      held <= '0;
      finished <= '0;
    end else begin
      held <= held + 3'(accept_i) - 3'(retire);
      finished <= finished + 3'(fire && token_last_i) - 3'(retire);
      front_has_credit : assume (!accept_i || held < 3'(DEPTH));
      token_of_unfinished : assume (!token_valid_i || finished < held);
      if (offered) begin
        token_stands : assume (token_valid_i && offer ==
            {token_id_i, token_flags_i, token_beat_i, token_last_i, token_data_i, token_enable_i});
      end
      completions_counted : assert (count == finished && finished <= held && held <= 3'(DEPTH));
    end
  end
endmodule
