// The rules of a ready/valid stream, beside whatever drives one: an offer stands, unchanged, until it is taken.
module weft_stream_rules #(
    parameter int unsigned WIDTH = 8
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             valid_i,
    input logic             ready_i,
    input logic [WIDTH-1:0] data_i
);
  logic offered;
  logic [WIDTH-1:0] offer;

  always_ff @(posedge clk_i) begin
    offered <= rst_ni && valid_i && !ready_i;
    offer   <= data_i;
  end

  always_ff @(posedge clk_i)
    if (rst_ni && offered) begin
      offer_stands : assert (valid_i);
      offer_unchanged : assert (data_i == offer);
    end
endmodule
