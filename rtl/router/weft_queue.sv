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
`ifdef FORMAL
    output logic [      7:0] count_o,  // what a proof may see
`endif
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
  assign count_o = 8'(count);
  // What k-induction needs to know about states that nothing leads to.
  function automatic logic [PointerBits-1:0] place(input logic [CountBits-1:0] distance);
    logic [CountBits:0] sum;
    sum = (CountBits + 1)'(head) + (CountBits + 1)'(distance);
    place = PointerBits'(sum >= (CountBits + 1)'(DEPTH) ? sum - (CountBits + 1)'(DEPTH) : sum);
  endfunction
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      queue_bounds : assert (count <= CountBits'(DEPTH) && head <= Last);
      queue_tail : assert (tail == place(count));
    end

  // One word of the solver's choice is followed: it comes out as it went in, once, when all before it have left.
  (* anyseq *) logic mark;
  logic followed;
  logic [CountBits-1:0] ahead;
  logic [WIDTH-1:0] tag;
  always_ff @(posedge clk_i)
    if (!rst_ni) followed <= 1'b0;
    else if (!followed) begin
      followed <= mark && push_i;
      ahead <= count - CountBits'(pop_i);
      tag <= data_i;
    end else if (pop_i) begin
      followed <= ahead != '0;
      ahead <= ahead - 1'b1;
    end
  always_ff @(posedge clk_i)
    if (rst_ni && followed) begin
      queue_keeps : assert (ahead < count && words[place(ahead)] == tag);
      queue_order : assert (!pop_i || ahead != '0 || data_o == tag);
    end
`endif
endmodule
