// The front of a vector unit: takes instructions (issue), waits for the core's word on each (commit or kill), and then
// numbers the operand beats of committed ones, oldest first. A killed instruction leaves without a trace. No more than
// DEPTH accepted instructions are in the unit at a time.
//
// An instruction has `rows` rows of `beats` operand beats each. With no beats it takes no operands and is one empty
// token for the pipeline.
module weft_vector_front #(
    parameter int unsigned PAYLOAD = 8,  // bits that the unit keeps of an instruction
    parameter int unsigned ID_WIDTH = 4,
    parameter int unsigned BEAT_BITS = 4,  // of a number of beats of a row
    parameter int unsigned DEPTH = 4
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // issue: accept is the decoder's answer to the instruction on offer
    input  logic                 issue_valid_i,
    output logic                 issue_ready_o,
    input  logic                 issue_accept_i,
    input  logic [ ID_WIDTH-1:0] issue_id_i,
    input  logic [  PAYLOAD-1:0] issue_payload_i,
    input  logic [BEAT_BITS-1:0] issue_beats_i,
    input  logic [          2:0] issue_last_row_i,
    // commit: of the oldest accepted instruction without one, in the cycle of its issue or later
    input  logic                 commit_valid_i,
    input  logic [ ID_WIDTH-1:0] commit_id_i,
    input  logic                 commit_kill_i,
    // operand beats, and what becomes of them
    input  logic                 op_valid_i,
    output logic                 op_ready_o,
    output logic                 beat_valid_o,
    input  logic                 beat_ready_i,
    output logic [ ID_WIDTH-1:0] beat_id_o,
    output logic [  PAYLOAD-1:0] beat_payload_o,
    output logic [BEAT_BITS-1:0] beat_index_o,
    output logic [          2:0] beat_row_o,
    output logic                 beat_first_o,     // of its row
    output logic                 beat_row_last_o,
    output logic                 beat_last_o,
    output logic                 beat_empty_o,
    // an instruction's result went to the core
    input  logic                 retire_i
);
  localparam int unsigned IndexBits = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int unsigned CountBits = $clog2(DEPTH + 1);
  localparam logic [IndexBits-1:0] Last = IndexBits'(DEPTH - 1);
  localparam int unsigned EntryBits = ID_WIDTH + PAYLOAD + BEAT_BITS + 3;

  logic [EntryBits-1:0] entries[DEPTH];
  logic [DEPTH-1:0] killed;
  logic [IndexBits-1:0] head, tail, judge;  // judge: the oldest without a verdict
  logic [CountBits-1:0] waiting;  // in the queue
  logic [CountBits-1:0] judged;  // of those, with a verdict
  logic [CountBits-1:0] held;  // in the unit
  logic accept, pop, drop, fire;
  logic [BEAT_BITS-1:0] beats, index;
  logic [2:0] last_row, row;

  assign issue_ready_o = held != CountBits'(DEPTH);
  assign accept = issue_valid_i && issue_ready_o && issue_accept_i;

  assign {beat_id_o, beat_payload_o, beats, last_row} = entries[head];
  assign beat_empty_o = beats == '0;
  assign beat_index_o = index;
  assign beat_row_o = row;
  assign beat_first_o = index == '0;
  assign beat_row_last_o = beat_empty_o || index == beats - 1'b1;
  assign beat_last_o = beat_row_last_o && (beat_empty_o || row == last_row);
  assign beat_valid_o = judged != '0 && !killed[head] && (beat_empty_o || op_valid_i);
  assign op_ready_o = judged != '0 && !killed[head] && !beat_empty_o && beat_ready_i;
  assign fire = beat_valid_o && beat_ready_i;
  assign drop = judged != '0 && killed[head];
  assign pop = drop || (fire && beat_last_o);

  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      head <= '0;
      tail <= '0;
      judge <= '0;
      waiting <= '0;
      judged <= '0;
      held <= '0;
      index <= '0;
      row <= '0;
    end else begin
      if (accept) tail <= tail == Last ? '0 : tail + 1'b1;
      if (pop) head <= head == Last ? '0 : head + 1'b1;
      if (commit_valid_i) judge <= judge == Last ? '0 : judge + 1'b1;
      if (accept != pop) waiting <= accept ? waiting + 1'b1 : waiting - 1'b1;
      if (commit_valid_i != pop) judged <= commit_valid_i ? judged + 1'b1 : judged - 1'b1;
      held <= held + CountBits'(accept) - CountBits'(retire_i) - CountBits'(drop);
      if (fire) begin
        index <= beat_row_last_o ? '0 : index + 1'b1;
        if (beat_row_last_o) row <= beat_last_o ? '0 : row + 1'b1;
      end
    end

  always_ff @(posedge clk_i)
    if (accept) entries[tail] <= {issue_id_i, issue_payload_i, issue_beats_i, issue_last_row_i};
  always_ff @(posedge clk_i) if (commit_valid_i) killed[judge] <= commit_kill_i;

  // What the core owes; a proof takes it for granted.
  logic [ID_WIDTH-1:0] judged_id;
  assign judged_id = waiting == judged ? issue_id_i : entries[judge][EntryBits-1-:ID_WIDTH];
`ifdef FORMAL
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      commit_has_instruction : assume (!commit_valid_i || waiting != judged || accept);
      commit_in_order : assume (!commit_valid_i || commit_id_i == judged_id);
      retire_is_of_one_that_left : assume (!retire_i || held != waiting);
    end
`else
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      commit_has_instruction : assert (!commit_valid_i || waiting != judged || accept);
      commit_in_order : assert (!commit_valid_i || commit_id_i == judged_id);
      retire_is_of_one_that_left : assert (!retire_i || held != waiting);
    end
`endif

  // What the unit owes itself.
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      judged_are_waiting : assert (judged <= waiting);
      waiting_are_held : assert (waiting <= held);
      held_in_range : assert ({1'b0, held} <= (CountBits + 1)'(DEPTH));
      row_in_range : assert (judged == '0 || row <= last_row || beat_empty_o);
    end

`ifdef FORMAL
  initial assume (!rst_ni);
  // The n-th accepted instruction is the n-th that leaves, as it came and with the verdict that it got, for any n. If
  // it is killed it takes no operands and gives no beats, else it gives exactly its rows of its beats, in order.
  (* anyconst *)logic [5:0] f_watched;
  logic [5:0] f_in, f_judged, f_out;
  logic [EntryBits-1:0] f_entry;
  logic f_killed;
  logic [BEAT_BITS+3:0] f_fired, f_before, f_whole;  // beats: fired, of the rows before, of all rows
  logic [IndexBits:0] f_tail, f_judge, f_slot;
  localparam logic [IndexBits:0] Places = (IndexBits + 1)'(DEPTH);
  assign f_tail  = {1'b0, head} + (IndexBits + 1)'(waiting);
  assign f_judge = {1'b0, head} + (IndexBits + 1)'(judged);
  assign f_slot  = {1'b0, head} + (IndexBits + 1)'(f_watched - f_out);
  always_comb begin
    f_before = '0;
    f_whole  = '0;
    for (int unsigned i = 0; i < 8; i = i + 1) begin
      if (i < 32'(row)) f_before = f_before + (BEAT_BITS + 4)'(beats);
      if (i <= 32'(last_row)) f_whole = f_whole + (BEAT_BITS + 4)'(beats);
    end
  end
  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      f_in <= '0;
      f_judged <= '0;
      f_out <= '0;
      f_fired <= '0;
    end else begin
      if (accept) f_in <= f_in + 1'b1;
      if (accept && f_in == f_watched) f_entry <= {issue_id_i, issue_payload_i, issue_beats_i, issue_last_row_i};
      if (commit_valid_i) f_judged <= f_judged + 1'b1;
      if (commit_valid_i && f_judged == f_watched) f_killed <= commit_kill_i;
      if (pop) f_out <= f_out + 1'b1;
      if (pop) f_fired <= '0;
      else if (fire) f_fired <= f_fired + 1'b1;
    end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      f_counters : assume (f_in != '1);
      f_nothing_lost : assert (f_in == f_out + 6'(waiting) && f_judged == f_out + 6'(judged) &&
          f_out <= f_judged && f_judged <= f_in);
      f_tail_pointer : assert ({1'b0, tail} == (f_tail >= Places ? f_tail - Places : f_tail));
      f_judge_pointer : assert ({1'b0, judge} == (f_judge >= Places ? f_judge - Places : f_judge));
      f_head_pointer : assert ({1'b0, head} < Places);
      if (f_out <= f_watched && f_watched < f_in)
        f_kept : assert (entries[f_slot >= Places ? f_slot - Places : f_slot] == f_entry);
      if (f_out <= f_watched && f_watched < f_judged)
        f_verdict_kept : assert (killed[f_slot >= Places ? f_slot - Places : f_slot] == f_killed);
      if (f_out == f_watched && f_watched < f_judged)
        f_as_it_came : assert ({beat_id_o, beat_payload_o, beats, last_row} == f_entry);
      if (judged != '0) begin
        f_killed_does_nothing : assert (!killed[head] ||
            (!beat_valid_o && !op_ready_o && index == '0 && row == '0 && f_fired == '0));
        f_index_in_range : assert (beat_empty_o ? index == '0 && row == '0 && f_fired == '0 : index < beats);
        f_beats_counted : assert (beat_empty_o || f_fired == f_before + (BEAT_BITS + 4)'(index));
        f_all_beats : assert (!(pop && !killed[head] && !beat_empty_o) || f_fired + 1'b1 == f_whole);
      end
      if (judged == '0) f_rests : assert (index == '0 && row == '0 && f_fired == '0);
    end
`endif
endmodule
