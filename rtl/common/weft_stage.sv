// A pipeline register between two ready/valid streams. It takes a word whenever it is empty or gives one away in the
// same cycle, so a chain of stages closes its bubbles.
module weft_stage #(
    parameter int unsigned WIDTH = 8
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             valid_i,
    output logic             ready_o,
    input  logic [WIDTH-1:0] data_i,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [WIDTH-1:0] data_o
);
  assign ready_o = !valid_o || ready_i;

  always_ff @(posedge clk_i)
    if (!rst_ni) valid_o <= 1'b0;
    else if (ready_o) valid_o <= valid_i;

  always_ff @(posedge clk_i) if (valid_i && ready_o) data_o <= data_i;

  weft_stream_rules #(
      .WIDTH(WIDTH)
  ) i_rules (
      .clk_i,
      .rst_ni,
      .valid_i(valid_o),
      .ready_i(ready_i),
      .data_i (data_o)
  );

`ifdef FORMAL
  initial assume (!rst_ni);
  // The n-th word that comes out is the n-th that went in, for any n.
  (* anyconst *)logic [7:0] f_watched;
  logic [7:0] f_in, f_out;
  logic [WIDTH-1:0] f_word;
  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      f_in  <= '0;
      f_out <= '0;
    end else begin
      if (valid_i && ready_o) f_in <= f_in + 1'b1;
      if (valid_i && ready_o && f_in == f_watched) f_word <= data_i;
      if (valid_o && ready_i) f_out <= f_out + 1'b1;
    end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      f_counters : assume (f_in != '1);
      f_nothing_lost : assert (f_in == f_out + 8'(valid_o));
      f_in_order : assert (!(valid_o && f_out == f_watched) || data_o == f_word);
    end
`endif
endmodule
