// Which colours of a router move in a cycle. It goes through the ready ones in the order of their turns and grants each
// that has no output port in common with one granted before it.
//
// All at once: in every round those win that conflict with nobody before them, and whoever conflicts with a winner is
// out. Each round serves at least one port, so there are no more rounds than ports.
module weft_switch #(
    parameter int unsigned COLORS = 24,
    parameter int unsigned PORTS  = 5
) (
    input  logic [       COLORS-1:0] ready_i,
    input  logic [ COLORS*PORTS-1:0] ports_i,   // output ports of each colour
    input  logic [COLORS*COLORS-1:0] before_i,  // of weft_turns
    output logic [       COLORS-1:0] grant_o
);
  logic [COLORS*COLORS-1:0] conflict;
  logic [COLORS-1:0] left, won;

  for (genvar i = 0; i < COLORS; i = i + 1) begin : g_row
    for (genvar j = 0; j < COLORS; j = j + 1) begin : g_pair
      assign conflict[i*COLORS+j] = |(ports_i[i*PORTS+:PORTS] & ports_i[j*PORTS+:PORTS]);
    end
  end

  always_comb begin
    left = ready_i;
    won = '0;
    grant_o = '0;
    for (int unsigned round = 0; round < PORTS; round = round + 1) begin
      for (int unsigned i = 0; i < COLORS; i = i + 1)
        won[i] = left[i] && (left & before_i[i*COLORS+:COLORS] & conflict[i*COLORS+:COLORS]) == '0;
      for (int unsigned i = 0; i < COLORS; i = i + 1)
        if ((won & conflict[i*COLORS+:COLORS]) != '0 || won[i]) left[i] = 1'b0;
      grant_o = grant_o | won;
    end
  end
endmodule
