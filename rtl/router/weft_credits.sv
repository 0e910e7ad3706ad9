// Credits of one sender for one queue: it starts with a credit for every place of the queue, pays one for each word
// that it sends, and gets one back in the cycle in which a word leaves the queue. A credit that comes back in cycle t
// is worth something from t + 1 on.
module weft_credits #(
    parameter int unsigned LIMIT = 5
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic send_i,  // only while room_o
    input  logic back_i,
`ifdef FORMAL
    output logic [7:0] credits_o,  // what a proof may see
`endif
    output logic room_o
);
  localparam int unsigned Bits = $clog2(LIMIT + 1);
  logic [Bits-1:0] credits;

  assign room_o = credits != '0;

  always_ff @(posedge clk_i)
    if (!rst_ni) credits <= Bits'(LIMIT);
    else if (send_i != back_i) credits <= back_i ? credits + 1'b1 : credits - 1'b1;

  always_ff @(posedge clk_i)
    if (rst_ni) begin
      credits_spent : assert (!send_i || room_o);
      credits_back : assert (!back_i || send_i || credits != Bits'(LIMIT));
    end

`ifdef FORMAL
  assign credits_o = 8'(credits);
  always_ff @(posedge clk_i) if (rst_ni) credits_limit : assert (credits <= Bits'(LIMIT));
`endif
endmodule
