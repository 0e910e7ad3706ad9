// A sender with credits, the way in and a queue, closed to a loop: the queue never overflows, whatever sender and
// reader do, and every place is used. This is each link, each ramp and the combine unit's way into a queue.
module weft_channel_proof #(
    parameter int unsigned QUEUE_WORDS = 2,
    parameter int unsigned LATENCY = 2
) (
    input logic       clk_i,
    input logic       want_i,
    input logic [3:0] data_i,
    input logic       read_i
);
  localparam int unsigned Places = QUEUE_WORDS + LATENCY;
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic room, send, arrives, valid, pop, busy;
  logic [3:0] word, head;
  logic [7:0] credits, stages, count;
  assign send = want_i && room;
  assign pop  = read_i && valid;
  weft_credits #(
      .LIMIT(Places)
  ) i_credits (
      .clk_i,
      .rst_ni,
      .send_i(send),
      .back_i(pop),
      .credits_o(credits),
      .room_o(room)
  );
  weft_delay #(
      .WIDTH (4),
      .STAGES(LATENCY - 1)
  ) i_way (
      .clk_i,
      .rst_ni,
      .valid_i(send),
      .data_i (data_i),
      .count_o(stages),
      .valid_o(arrives),
      .data_o (word),
      .busy_o (busy)
  );
  weft_queue #(
      .WIDTH(4),
      .DEPTH(Places)
  ) i_queue (
      .clk_i,
      .rst_ni,
      .push_i (arrives),
      .data_i (word),
      .pop_i  (pop),
      .count_o(count),
      .valid_o(valid),
      .data_o (head)
  );

  // Words sent and not yet read, counted apart from all of them.
  logic [7:0] under_way, on_the_way;
  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      under_way  <= '0;
      on_the_way <= '0;
    end else begin
      under_way  <= under_way + 8'(send) - 8'(pop);
      on_the_way <= on_the_way + 8'(send) - 8'(arrives);
    end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      channel_credits : assert (under_way + credits == 8'(Places));
      channel_queue : assert (under_way == on_the_way + count);
      channel_way : assert (on_the_way == stages);
      channel_limit : assert (under_way <= 8'(Places));
      channel_room : assert (room == (under_way != 8'(Places)));
    end
endmodule
