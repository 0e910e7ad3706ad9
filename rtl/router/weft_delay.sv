// A pipeline without back-pressure: what goes in in cycle t is out in t + STAGES. 0 stages are a wire.
module weft_delay #(
    parameter int unsigned WIDTH  = 32,
    parameter int unsigned STAGES = 1
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             valid_i,
    input  logic [WIDTH-1:0] data_i,
`ifdef FORMAL
    output logic [      7:0] count_o,  // words in it, for proofs
`endif
    output logic             valid_o,
    output logic [WIDTH-1:0] data_o,
    output logic             busy_o    // a register holds something
);
  if (STAGES == 0) begin : g_wire
    logic unused;
    assign unused  = &{1'b0, clk_i, rst_ni};
    assign valid_o = valid_i;
    assign data_o  = data_i;
    assign busy_o  = 1'b0;
`ifdef FORMAL
    assign count_o = '0;
`endif
  end else begin : g_stages
    logic [STAGES-1:0] valid;
    logic [STAGES*WIDTH-1:0] data;  // the newest in the lowest bits
    assign valid_o = valid[STAGES-1];
    assign data_o  = data[(STAGES-1)*WIDTH+:WIDTH];
    assign busy_o  = valid != '0;
`ifdef FORMAL
    always_comb begin
      count_o = '0;
      for (int unsigned i = 0; i < STAGES; i = i + 1) count_o = count_o + 8'(valid[i]);
    end
`endif
    if (STAGES == 1) begin : g_one
      always_ff @(posedge clk_i) begin
        valid <= rst_ni && valid_i;
        if (valid_i) data <= data_i;
      end
    end else begin : g_many
      always_ff @(posedge clk_i) begin
        valid <= rst_ni ? {valid[STAGES-2:0], valid_i} : '0;
        data  <= {data[(STAGES-1)*WIDTH-1:0], data_i};
      end
    end
  end
endmodule
