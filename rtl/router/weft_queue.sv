// A queue of words whose writer counts credits: it never writes into a full one.
//
// A word that is written in cycle t is at the head, if nothing was before it, from t + 1 on.
module weft_queue #(
    parameter int unsigned WIDTH = 32,
    parameter int unsigned DEPTH = 6
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             push_i,
    input  logic [WIDTH-1:0] data_i,
    input  logic             pop_i,    // only while valid_o
    output logic             valid_o,
    output logic [WIDTH-1:0] data_o    // the first word while valid_o
);
  localparam int unsigned PointerBits = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int unsigned CountBits = $clog2(DEPTH + 1);
  localparam logic [PointerBits-1:0] Last = PointerBits'(DEPTH - 1);

  logic [WIDTH-1:0] words[DEPTH];
  logic [PointerBits-1:0] head, tail;
  logic [CountBits-1:0] count;

  assign valid_o = count != '0;
  assign data_o  = words[head];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head  <= '0;
      tail  <= '0;
      count <= '0;
    end else begin
      if (push_i) tail <= tail == Last ? '0 : tail + 1'b1;
      if (pop_i) head <= head == Last ? '0 : head + 1'b1;
      if (push_i != pop_i) count <= push_i ? count + 1'b1 : count - 1'b1;
    end
  end

  always_ff @(posedge clk_i) if (push_i) words[tail] <= data_i;

  always_ff @(posedge clk_i)
    if (rst_ni) begin
      // Nothing is dropped and nothing invented.
      queue_overflow : assert (!push_i || count != CountBits'(DEPTH));
      queue_underflow : assert (!pop_i || valid_o);
    end

`ifdef FORMAL
  // What k-induction needs to know about unreachable states.
  logic [CountBits:0] end_of_queue;
  assign end_of_queue = (CountBits + 1)'(head) + (CountBits + 1)'(count);
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      queue_bounds : assert (count <= CountBits'(DEPTH) && head <= Last);
      queue_tail : assert ((CountBits + 1)'(tail) == (end_of_queue >= (CountBits + 1)'(DEPTH) ? end_of_queue - (CountBits + 1)'(DEPTH) : end_of_queue));
    end
`endif
endmodule
