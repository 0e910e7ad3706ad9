// A queue of DEPTH words between two ready/valid streams. A word that is taken in one cycle is offered from the next
// on.
module weft_fifo #(
    parameter int unsigned WIDTH = 8,
    parameter int unsigned DEPTH = 4
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             valid_i,
    output logic             ready_o,
    input  logic [WIDTH-1:0] data_i,
    output logic             valid_o,
    input  logic             ready_i,
    output logic [WIDTH-1:0] data_o
`ifdef FORMAL
    , output logic [$clog2(DEPTH + 1)-1:0] f_count_o
`endif
);
  localparam int unsigned IndexBits = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int unsigned CountBits = $clog2(DEPTH + 1);

  logic [WIDTH-1:0] words[DEPTH];
  logic [IndexBits-1:0] head, tail;
  logic [CountBits-1:0] count;
  logic push, pop;

  assign ready_o = count != CountBits'(DEPTH);
  assign valid_o = count != '0;
  assign data_o  = words[head];
  assign push    = valid_i && ready_o;
  assign pop     = valid_o && ready_i;

  localparam logic [IndexBits-1:0] Last = IndexBits'(DEPTH - 1);

  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      head  <= '0;
      tail  <= '0;
      count <= '0;
    end else begin
      if (push) tail <= tail == Last ? '0 : tail + 1'b1;
      if (pop) head <= head == Last ? '0 : head + 1'b1;
      if (push != pop) count <= push ? count + 1'b1 : count - 1'b1;
    end

  always_ff @(posedge clk_i) if (push) words[tail] <= data_i;

  always_ff @(posedge clk_i)
    if (rst_ni) begin
      count_in_range : assert ({1'b0, count} <= (CountBits + 1)'(DEPTH));
      head_in_range : assert ({1'b0, head} < (IndexBits + 1)'(DEPTH));
      tail_in_range : assert ({1'b0, tail} < (IndexBits + 1)'(DEPTH));
    end

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
  assign f_count_o = count;
  (* anyconst *)logic [7:0] f_watched;
  logic [7:0] f_in, f_out, f_ahead;
  logic [WIDTH-1:0] f_word;
  logic [IndexBits:0] f_tail, f_slot;
  assign f_ahead = f_watched - f_out;  // words before the watched one
  assign f_tail  = {1'b0, head} + (IndexBits + 1)'(count);
  assign f_slot  = {1'b0, head} + f_ahead[IndexBits:0];
  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      f_in  <= '0;
      f_out <= '0;
    end else begin
      if (push) f_in <= f_in + 1'b1;
      if (push && f_in == f_watched) f_word <= data_i;
      if (pop) f_out <= f_out + 1'b1;
    end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      f_counters : assume (f_in != '1);
      f_nothing_lost : assert (f_in == f_out + 8'(count) && f_out <= f_in);
      f_pointers : assert ({1'b0, tail} ==
          (f_tail >= (IndexBits + 1)'(DEPTH) ? f_tail - (IndexBits + 1)'(DEPTH) : f_tail));
      if (f_out <= f_watched && f_watched < f_in)
        f_kept : assert (f_word ==
            words[f_slot >= (IndexBits + 1)'(DEPTH) ? f_slot - (IndexBits + 1)'(DEPTH) : f_slot]);
      f_in_order : assert (!(pop && f_out == f_watched) || data_o == f_word);
    end
`endif
endmodule
