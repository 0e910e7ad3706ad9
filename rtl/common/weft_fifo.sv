// A queue of DEPTH words between two ready/valid streams. A word that is taken in one cycle is offered from the next on.
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
endmodule
