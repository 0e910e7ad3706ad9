// Who comes first: those whose last grant is longest ago, at the beginning the lower number.
//
// Bit i * COUNT + j of before_o says that j comes before i. Several may be granted in one cycle; their order among
// themselves stays what it was.
module weft_turns #(
    parameter int unsigned COUNT = 24
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   clear_i,   // nobody was ever granted
    input  logic [COUNT-1:0]       granted_i,
    output logic [COUNT*COUNT-1:0] before_o
);
  for (genvar i = 0; i < COUNT; i = i + 1) begin : g_row
    localparam logic [COUNT-1:0] Lower = COUNT'((64'd1 << i) - 64'd1);
    localparam logic [COUNT-1:0] Self = COUNT'(64'd1 << i);
    logic [COUNT-1:0] row;
    always_ff @(posedge clk_i)
      if (!rst_ni || clear_i) row <= Lower;
      else if (granted_i[i]) row <= (row | ~granted_i) & ~Self;
      else row <= row & ~granted_i;
    assign before_o[i*COUNT+:COUNT] = row;
  end

`ifdef FORMAL
  // A total order: of two, exactly one comes first, and there are no circles.
  for (genvar i = 0; i < COUNT; i = i + 1) begin : g_order
    for (genvar j = 0; j < COUNT; j = j + 1) begin : g_pair
      always_ff @(posedge clk_i)
        if (rst_ni) begin
          if (i == j) assert (!before_o[i*COUNT+j]);
          else assert (before_o[i*COUNT+j] != before_o[j*COUNT+i]);
          for (int k = 0; k < COUNT; k = k + 1)
            assert (!(before_o[i*COUNT+j] && before_o[j*COUNT+k]) || before_o[i*COUNT+k]);
        end
    end
  end
`endif
endmodule
