// Turns and the switch that goes by them: what is granted is what going through the colours one by one would grant.
module weft_turns_proof #(
    parameter int unsigned COLORS = 5,
    parameter int unsigned PORTS  = 3
) (
    input logic                    clk_i,
    input logic                    clear_i,
    input logic [      COLORS-1:0] ready_i,
    input logic [COLORS*PORTS-1:0] ports_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic [COLORS*COLORS-1:0] earlier;
  logic [COLORS-1:0] grant;
  weft_turns #(
      .COUNT(COLORS)
  ) i_turns (
      .clk_i,
      .rst_ni,
      .clear_i,
      .granted_i(grant),
      .before_o (earlier)
  );
  weft_switch #(
      .COLORS(COLORS),
      .PORTS (PORTS)
  ) i_switch (
      .ready_i,
      .ports_i,
      .before_i(earlier),
      .grant_o (grant)
  );

  // Every colour that waits leaves by a port.
  for (genvar i = 0; i < COLORS; i = i + 1) begin : g_color
    always_comb assume (!ready_i[i] || ports_i[i*PORTS+:PORTS] != '0);
    logic [COLORS-1:0] better;  // granted, before this one, with a port in common
    for (genvar j = 0; j < COLORS; j = j + 1) begin : g_other
      assign better[j] = grant[j] && earlier[i*COLORS+j] && (ports_i[i*PORTS+:PORTS] & ports_i[j*PORTS+:PORTS]) != '0;
      always_ff @(posedge clk_i)
        if (rst_ni) begin
          if (i != j) assert (!(grant[i] && grant[j]) || (ports_i[i*PORTS+:PORTS] & ports_i[j*PORTS+:PORTS]) == '0);
        end
    end
    // It moves exactly if it is ready and nobody before it took one of its ports.
    always_ff @(posedge clk_i) if (rst_ni) assert (grant[i] == (ready_i[i] && better == '0));
  end
endmodule
