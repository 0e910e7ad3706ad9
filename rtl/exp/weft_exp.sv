// Unit exp: exp(x) and exp(x - f) of binary32 and bf16 numbers behind the ports of a vector unit (docs/rtl.md). A lane
// for each 16 bits; of binary32 numbers every other lane works. Encodings come from kernels/units/exp.yaml.
module weft_exp #(
    parameter int unsigned VLEN = weft_units_pkg::EXP_VLEN,
    parameter int unsigned DLEN = weft_units_pkg::EXP_DLEN,
    parameter int unsigned ID_WIDTH = weft_units_pkg::EXP_ID_WIDTH,
    parameter int unsigned QUEUE = weft_units_pkg::EXP_QUEUE,
    localparam int unsigned VlBits = $clog2(VLEN) + 1
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                issue_valid_i,
    output logic                issue_ready_o,
    output logic                issue_accept_o,
    input  logic [ID_WIDTH-1:0] issue_id_i,
    input  logic [        31:0] issue_instr_i,
    input  logic [        63:0] issue_rs1_i,
    input  logic [  VlBits-1:0] issue_vl_i,
    input  logic [         8:0] issue_vtype_i,
    input  logic                commit_valid_i,
    input  logic [ID_WIDTH-1:0] commit_id_i,
    input  logic                commit_kill_i,
    input  logic                op_valid_i,
    output logic                op_ready_o,
    input  logic [    DLEN-1:0] op_vs2_i,
    input  logic [    DLEN-1:0] op_vs1_i,
    input  logic [    DLEN-1:0] op_vd_i,
    input  logic [  DLEN/8-1:0] op_mask_i,
    output logic                res_valid_o,
    input  logic                res_ready_i,
    output logic [ID_WIDTH-1:0] res_id_o,
    output logic [    DLEN-1:0] res_data_o,
    output logic [  DLEN/8-1:0] res_enable_o,
    output logic                res_last_o,
    output logic                result_valid_o,
    input  logic                result_ready_i,
    output logic [ID_WIDTH-1:0] result_id_o,
    output logic [         4:0] result_flags_o
);
  if (VLEN < weft_units_pkg::EXP_VLEN_MIN || VLEN > weft_units_pkg::EXP_VLEN_MAX || VLEN != 1 << $clog2(VLEN))
    $error("weft_exp: VLEN out of the range that kernels/units/exp.yaml gives");
  if (DLEN < weft_units_pkg::EXP_DLEN_MIN || DLEN > weft_units_pkg::EXP_DLEN_MAX || DLEN != 1 << $clog2(DLEN))
    $error("weft_exp: DLEN out of the range that kernels/units/exp.yaml gives");
  if (ID_WIDTH < weft_units_pkg::EXP_ID_WIDTH_MIN || ID_WIDTH > weft_units_pkg::EXP_ID_WIDTH_MAX)
    $error("weft_exp: ID_WIDTH out of the range that kernels/units/exp.yaml gives");
  if (QUEUE < weft_units_pkg::EXP_QUEUE_MIN || QUEUE > weft_units_pkg::EXP_QUEUE_MAX)
    $error("weft_exp: QUEUE out of the range that kernels/units/exp.yaml gives");
  if (DLEN > VLEN) $error("weft_exp: DLEN is wider than VLEN");

  localparam int unsigned Halves = DLEN / 16;
  localparam int unsigned Stages = 7;
  localparam int unsigned Meta = ID_WIDTH + 3 + Halves;

  // Issue.
  logic plain, subtract, type_fits;
  logic [VlBits-1:0] beats;
  assign plain = (issue_instr_i & weft_units_pkg::WF_VEXP_V_MASK) == weft_units_pkg::WF_VEXP_V_MATCH;
  assign subtract = (issue_instr_i & weft_units_pkg::WF_VEXPSUB_VF_MASK) == weft_units_pkg::WF_VEXPSUB_VF_MATCH;
  assign type_fits = !issue_vtype_i[8] && (issue_vtype_i[5:3] == 3'd1 || issue_vtype_i[5:3] == 3'd2);
  assign issue_accept_o = (plain || subtract) && type_fits;
  always_comb
    if (issue_vtype_i[3]) beats = VlBits'((32'(issue_vl_i) + Halves - 1) / Halves);
    else beats = VlBits'((32'(issue_vl_i) + Halves / 2 - 1) / (Halves / 2));

  logic beat_valid, beat_ready, beat_first, beat_row_last, beat_last, beat_empty, retire, is_narrow, is_subtract;
  logic [ID_WIDTH-1:0] beat_id;
  logic [VlBits-1:0] beat_index, vl;
  logic [2:0] beat_row;
  logic [31:0] scalar;
  weft_vector_front #(
      .PAYLOAD(2 + 32 + VlBits),
      .ID_WIDTH(ID_WIDTH),
      .BEAT_BITS(VlBits),
      .DEPTH(QUEUE)
  ) i_front (
      .clk_i,
      .rst_ni,
      .issue_valid_i,
      .issue_ready_o,
      .issue_accept_i  (issue_accept_o),
      .issue_id_i,
      .issue_payload_i ({issue_vtype_i[3], subtract, issue_rs1_i[31:0], issue_vl_i}),
      .issue_beats_i   (beats),
      .issue_last_row_i(3'd0),
      .commit_valid_i,
      .commit_id_i,
      .commit_kill_i,
      .op_valid_i,
      .op_ready_o,
      .beat_valid_o    (beat_valid),
      .beat_ready_i    (beat_ready),
      .beat_id_o       (beat_id),
      .beat_payload_o  ({is_narrow, is_subtract, scalar, vl}),
      .beat_index_o    (beat_index),
      .beat_row_o      (beat_row),
      .beat_first_o    (beat_first),
      .beat_row_last_o (beat_row_last),
      .beat_last_o     (beat_last),
      .beat_empty_o    (beat_empty),
      .retire_i        (retire)
  );

  // Which elements are in the body, by halves of 32 bits.
  logic [Halves-1:0] enable;
  logic [31:0] first_element;
  assign first_element = 32'(beat_index) * (is_narrow ? Halves : Halves / 2);
  for (genvar i = 0; i < Halves; i = i + 1) begin : g_enable
    assign enable[i] = first_element + (is_narrow ? i : i / 2) < 32'(vl);
  end

  // What goes with a beat through the stages of the lanes.
  logic [Stages:0] valid, ready;
  logic [Stages-1:0] load;
  logic [(Stages+1)*Meta-1:0] meta;
  assign valid[0] = beat_valid;
  assign beat_ready = ready[0];
  assign meta[0+:Meta] = {beat_id, is_narrow, beat_last, beat_empty, enable};
  for (genvar s = 0; s < Stages; s = s + 1) begin : g_stage
    assign load[s] = valid[s] && ready[s];
    weft_stage #(
        .WIDTH(Meta)
    ) i_meta (
        .clk_i,
        .rst_ni,
        .valid_i(valid[s]),
        .ready_o(ready[s]),
        .data_i (meta[s*Meta+:Meta]),
        .valid_o(valid[s+1]),
        .ready_i(ready[s+1]),
        .data_o (meta[(s+1)*Meta+:Meta])
    );
  end

  logic [ID_WIDTH-1:0] t_id;
  logic t_narrow, t_last, t_empty, rounding_narrow;
  logic [Halves-1:0] t_enable;
  assign {t_id, t_narrow, t_last, t_empty, t_enable} = meta[Stages*Meta+:Meta];
  assign rounding_narrow = meta[(Stages-1)*Meta+Halves+2];

  logic [DLEN-1:0] t_data;
  logic [DLEN/8-1:0] t_byte_enable;
  for (genvar i = 0; i < Halves; i = i + 2) begin : g_lane
    logic [31:0] even, odd;
    weft_exp_lane i_even (
        .clk_i,
        .load_i      (load),
        .narrow_i    (is_narrow),
        .subtract_i  (is_subtract),
        .x_i         (op_vs2_i[16*i+:32]),
        .f_i         (scalar),
        .out_narrow_i(rounding_narrow),
        .exp_o       (even)
    );
    weft_exp_lane i_odd (
        .clk_i,
        .load_i      (load),
        .narrow_i    (1'b1),
        .subtract_i  (is_subtract),
        .x_i         ({16'b0, op_vs2_i[16*i+16+:16]}),
        .f_i         (scalar),
        .out_narrow_i(1'b1),
        .exp_o       (odd)
    );
    assign t_data[16*i+:32] = t_narrow ? {odd[15:0], even[15:0]} : even;
    assign t_byte_enable[2*i+:4] = {{2{t_enable[i+1]}}, {2{t_enable[i]}}};
    logic unused;
    assign unused = ^odd[31:16];
  end

  weft_vector_back #(
      .DLEN(DLEN),
      .ID_WIDTH(ID_WIDTH),
      .DEPTH(QUEUE)
  ) i_back (
      .clk_i,
      .rst_ni,
      .token_valid_i (valid[Stages]),
      .token_ready_o (ready[Stages]),
      .token_id_i    (t_id),
      .token_flags_i ('0),
      .token_beat_i  (!t_empty),
      .token_last_i  (t_last),
      .token_data_i  (t_data),
      .token_enable_i(t_byte_enable),
      .res_valid_o,
      .res_ready_i,
      .res_id_o,
      .res_data_o,
      .res_enable_o,
      .res_last_o,
      .result_valid_o,
      .result_ready_i,
      .result_id_o,
      .result_flags_o,
      .retire_o      (retire)
  );

  logic unused;
  assign unused = ^{op_vs1_i, op_vd_i, op_mask_i, issue_rs1_i[63:32], issue_vtype_i[7:6], issue_vtype_i[2:0], beat_row,
                    beat_first, beat_row_last};
endmodule
