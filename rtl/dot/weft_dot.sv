// Unit dot: vqdot*, vqwbdota* and vfwbdota behind the ports of a vector unit (docs/rtl.md).
//
// Bytes take two stages (multiply; add up and accumulate), bf16 numbers go through weft_dot_bulk. Results leave in
// order: an instruction on bytes waits until no row of bf16 numbers is on its way.
module weft_dot #(
    parameter int unsigned VLEN = weft_units_pkg::DOT_VLEN,
    parameter int unsigned DLEN = weft_units_pkg::DOT_DLEN,
    parameter int unsigned ID_WIDTH = weft_units_pkg::DOT_ID_WIDTH,
    parameter int unsigned QUEUE = weft_units_pkg::DOT_QUEUE,
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
  if (VLEN < weft_units_pkg::DOT_VLEN_MIN || VLEN > weft_units_pkg::DOT_VLEN_MAX || VLEN != 1 << $clog2(VLEN))
    $error("weft_dot: VLEN out of the range that kernels/units/dot.yaml gives");
  if (DLEN < weft_units_pkg::DOT_DLEN_MIN || DLEN > weft_units_pkg::DOT_DLEN_MAX || DLEN != 1 << $clog2(DLEN))
    $error("weft_dot: DLEN out of the range that kernels/units/dot.yaml gives");
  if (ID_WIDTH < weft_units_pkg::DOT_ID_WIDTH_MIN || ID_WIDTH > weft_units_pkg::DOT_ID_WIDTH_MAX)
    $error("weft_dot: ID_WIDTH out of the range that kernels/units/dot.yaml gives");
  if (QUEUE < weft_units_pkg::DOT_QUEUE_MIN || QUEUE > weft_units_pkg::DOT_QUEUE_MAX)
    $error("weft_dot: QUEUE out of the range that kernels/units/dot.yaml gives");
  if (DLEN > VLEN) $error("weft_dot: DLEN is wider than VLEN");

  localparam int unsigned Lanes = DLEN / 32;
  localparam int unsigned SlotBits = Lanes > 1 ? $clog2(Lanes) : 1;
  localparam int unsigned MaskBits = $clog2(DLEN / 8);
  localparam int unsigned BeatBits = VlBits;  // of a number of beats of a row
  localparam int unsigned Payload = 5 + 32 + 1 + 3 + VlBits;
  localparam int unsigned Meta = ID_WIDTH + 2 + SlotBits;

  // Issue.
  logic batched, bulk, scalar_form, left_signed, right_signed;
  logic [BeatBits-1:0] beats;
  weft_dot_decode #(
      .VLEN(VLEN)
  ) i_decode (
      .instr_i       (issue_instr_i),
      .vtype_i       (issue_vtype_i),
      .accept_o      (issue_accept_o),
      .batched_o     (batched),
      .bulk_o        (bulk),
      .scalar_o      (scalar_form),
      .left_signed_o (left_signed),
      .right_signed_o(right_signed)
  );
  always_comb begin
    if (!batched) beats = BeatBits'((32'(issue_vl_i) + Lanes - 1) / Lanes);
    else if (bulk) beats = BeatBits'((32'(issue_vl_i) + 2 * Lanes - 1) / (2 * Lanes));
    else beats = BeatBits'((32'(issue_vl_i) + 4 * Lanes - 1) / (4 * Lanes));
  end

  logic beat_valid, beat_ready, beat_first, beat_row_last, beat_last, beat_empty, retire;
  logic [ID_WIDTH-1:0] beat_id;
  logic [BeatBits-1:0] beat_index;
  logic [2:0] beat_row, beat_ci;
  logic is_batched, is_bulk, is_scalar, is_left_signed, is_right_signed, unmasked;
  logic [31:0] scalar;
  logic [VlBits-1:0] vl;
  weft_vector_front #(
      .PAYLOAD(Payload),
      .ID_WIDTH(ID_WIDTH),
      .BEAT_BITS(BeatBits),
      .DEPTH(QUEUE)
  ) i_front (
      .clk_i,
      .rst_ni,
      .issue_valid_i,
      .issue_ready_o,
      .issue_accept_i  (issue_accept_o),
      .issue_id_i,
      .issue_payload_i ({batched, bulk, scalar_form, left_signed, right_signed, issue_rs1_i[31:0], issue_instr_i[25],
                         issue_instr_i[22:20], issue_vl_i}),
      .issue_beats_i   (beats),
      .issue_last_row_i(batched ? 3'd7 : 3'd0),
      .commit_valid_i,
      .commit_id_i,
      .commit_kill_i,
      .op_valid_i,
      .op_ready_o,
      .beat_valid_o    (beat_valid),
      .beat_ready_i    (beat_ready),
      .beat_id_o       (beat_id),
      .beat_payload_o  ({is_batched, is_bulk, is_scalar, is_left_signed, is_right_signed, scalar, unmasked, beat_ci,
                         vl}),
      .beat_index_o    (beat_index),
      .beat_row_o      (beat_row),
      .beat_first_o    (beat_first),
      .beat_row_last_o (beat_row_last),
      .beat_last_o     (beat_last),
      .beat_empty_o    (beat_empty),
      .retire_i        (retire)
  );

  // Which elements of the beat are in the body, and where a row's result goes.
  logic [4*Lanes-1:0] byte_enable;
  logic [Lanes-1:0] lane_enable, lane_active;
  logic [SlotBits-1:0] slot;
  logic row_active, beat_close;
  logic [31:0] first_element, row_element;
  assign first_element = 32'(beat_index) * (is_bulk ? 2 * Lanes : is_batched ? 4 * Lanes : Lanes);
  assign row_element = 32'({beat_ci, beat_row});
  assign slot = SlotBits'(row_element % Lanes);
  assign row_active = unmasked || op_mask_i[MaskBits'(slot)];
  assign beat_close = beat_row == 3'd7 || slot == SlotBits'(Lanes - 1);
  for (genvar i = 0; i < Lanes; i = i + 1) begin : g_enable
    assign lane_enable[i] = first_element + i < 32'(vl);
    assign lane_active[i] = lane_enable[i] && (unmasked || op_mask_i[i]);
    for (genvar k = 0; k < 4; k = k + 1) begin : g_byte
      assign byte_enable[4*i+k] = is_bulk ? first_element + 2 * i + k / 2 < 32'(vl) :
          is_batched ? first_element + 4 * i + k < 32'(vl) : 1'b1;
    end
  end

  // Multiply.
  logic signed [20*Lanes-1:0] sums;
  logic [32*Lanes-1:0] magnitudes;
  logic [18*Lanes-1:0] exponents;
  logic [2*Lanes-1:0] negatives;
  logic [Lanes-1:0] nan, invalid, positive, negative_inf;
  for (genvar i = 0; i < Lanes; i = i + 1) begin : g_lane
    weft_dot_lane i_lane (
        .bulk_i        (is_bulk),
        .left_signed_i (is_left_signed),
        .right_signed_i(is_right_signed),
        .enable_i      (byte_enable[4*i+:4]),
        .left_i        (op_vs2_i[32*i+:32]),
        .right_i       (is_scalar ? scalar : op_vs1_i[32*i+:32]),
        .sum_o         (sums[20*i+:20]),
        .magnitude_o   (magnitudes[32*i+:32]),
        .exponent_o    (exponents[18*i+:18]),
        .negative_o    (negatives[2*i+:2]),
        .nan_o         (nan[i]),
        .invalid_o     (invalid[i]),
        .positive_o    (positive[i]),
        .negative_inf_o(negative_inf[i])
    );
  end

  // bf16 numbers.
  logic to_bulk, bulk_busy, bulk_ready, row_valid, row_ready, row_row_active;
  logic [31:0] row_value;
  logic [1:0] row_flags;
  logic [Meta-1:0] row_meta;
  assign to_bulk = is_bulk && !beat_empty;
  weft_dot_bulk #(
      .VLEN(VLEN),
      .DLEN(DLEN),
      .META(Meta)
  ) i_bulk (
      .clk_i,
      .rst_ni,
      .busy_o       (bulk_busy),
      .valid_i      (beat_valid && to_bulk),
      .ready_o      (bulk_ready),
      .first_i      (beat_first),
      .row_last_i   (beat_row_last),
      .magnitude_i  (magnitudes),
      .exponent_i   (exponents),
      .negative_i   (negatives),
      .special_i    ({nan != '0, invalid != '0, positive != '0, negative_inf != '0}),
      .accumulator_i(op_vd_i[32*slot+:32]),
      .active_i     (row_active),
      .meta_i       ({beat_id, beat_last, beat_close, slot}),
      .valid_o      (row_valid),
      .ready_i      (row_ready),
      .value_o      (row_value),
      .flags_o      (row_flags),
      .active_o     (row_row_active),
      .meta_o       (row_meta)
  );

  // Bytes: the sums of lanes, then of a row.
  logic m_valid, m_ready, m_ready_in, m_batched, m_first, m_row_last, m_last, m_empty, m_close, m_row_active;
  logic [ID_WIDTH-1:0] m_id;
  logic [SlotBits-1:0] m_slot;
  logic [Lanes-1:0] m_active;
  logic signed [20*Lanes-1:0] m_sums;
  logic [DLEN-1:0] m_vd;
  weft_stage #(
      .WIDTH(ID_WIDTH + 7 + SlotBits + Lanes + 20 * Lanes + DLEN)
  ) i_multiplied (
      .clk_i,
      .rst_ni,
      .valid_i(beat_valid && !to_bulk && !bulk_busy),
      .ready_o(m_ready_in),
      .data_i ({beat_id, is_batched, beat_first, beat_row_last, beat_last, beat_empty, beat_close, row_active, slot,
                lane_active, sums, op_vd_i}),
      .valid_o(m_valid),
      .ready_i(m_ready),
      .data_o ({m_id, m_batched, m_first, m_row_last, m_last, m_empty, m_close, m_row_active, m_slot, m_active, m_sums,
                m_vd})
  );
  assign beat_ready = to_bulk ? bulk_ready : m_ready_in && !bulk_busy;

  logic [31:0] row_sum, row_sum_before;
  logic [DLEN-1:0] quad_data;
  always_comb begin
    row_sum = m_first ? '0 : row_sum_before;
    for (int unsigned i = 0; i < Lanes; i = i + 1) begin
      row_sum = row_sum + {{12{m_sums[20*i+19]}}, m_sums[20*i+:20]};
      quad_data[32*i+:32] = m_vd[32*i+:32] + {{12{m_sums[20*i+19]}}, m_sums[20*i+:20]};
    end
  end
  always_ff @(posedge clk_i) if (m_valid && m_ready) row_sum_before <= row_sum;

  // Collect rows into result beats. Bytes that are in the stage above are older than any row of bf16 numbers.
  logic c_valid, c_ready, c_last, c_beat, c_close, c_active, c_row;
  logic [ID_WIDTH-1:0] c_id;
  logic [SlotBits-1:0] c_slot;
  logic [31:0] c_value;
  logic [4:0] c_flags;
  assign m_ready = c_ready || (m_batched && !m_row_last);
  assign row_ready = c_ready && !m_valid;
  always_comb begin
    c_valid = row_valid;
    {c_id, c_last, c_close, c_slot} = row_meta;
    c_row = 1'b1;
    c_active = row_row_active;
    c_value = row_value;
    c_flags = row_row_active ? {row_flags[1], 1'b0, row_flags[0], 2'b0} : '0;
    c_beat = c_close;
    if (m_valid) begin
      c_valid = !m_batched || m_row_last;
      c_id = m_id;
      c_last = m_last;
      c_close = m_close;
      c_slot = m_slot;
      c_row = m_batched;
      c_active = m_row_active;
      c_value = row_sum + m_vd[32*m_slot+:32];
      c_flags = '0;
      c_beat = !m_empty && (!m_batched || m_close);
    end
  end

  logic [DLEN-1:0] part, data;
  logic [Lanes-1:0] part_enable, enable;
  always_comb
    for (int unsigned i = 0; i < Lanes; i = i + 1) begin
      data[32*i+:32] = !c_row ? quad_data[32*i+:32] : c_slot == SlotBits'(i) ? c_value : part[32*i+:32];
      enable[i] = !c_row ? m_active[i] : c_slot == SlotBits'(i) ? c_active : part_enable[i];
    end
  always_ff @(posedge clk_i)
    if (!rst_ni) part_enable <= '0;
    else if (c_valid && c_ready && c_row) part_enable <= c_close || c_last ? '0 : enable;
  always_ff @(posedge clk_i) if (c_valid && c_ready && c_row) part <= data;

  logic t_valid, t_ready, t_beat, t_last;
  logic [ID_WIDTH-1:0] t_id;
  logic [4:0] t_flags;
  logic [DLEN-1:0] t_data;
  logic [Lanes-1:0] t_enable;
  logic [DLEN/8-1:0] t_byte_enable;
  weft_stage #(
      .WIDTH(ID_WIDTH + 5 + 2 + DLEN + Lanes)
  ) i_collected (
      .clk_i,
      .rst_ni,
      .valid_i(c_valid),
      .ready_o(c_ready),
      .data_i ({c_id, c_flags, c_beat, c_last, data, enable}),
      .valid_o(t_valid),
      .ready_i(t_ready),
      .data_o ({t_id, t_flags, t_beat, t_last, t_data, t_enable})
  );
  for (genvar i = 0; i < Lanes; i = i + 1) begin : g_byte_enable
    assign t_byte_enable[4*i+:4] = {4{t_enable[i]}};
  end

  weft_vector_back #(
      .DLEN(DLEN),
      .ID_WIDTH(ID_WIDTH),
      .DEPTH(QUEUE)
  ) i_back (
      .clk_i,
      .rst_ni,
      .token_valid_i (t_valid),
      .token_ready_o (t_ready),
      .token_id_i    (t_id),
      .token_flags_i (t_flags),
      .token_beat_i  (t_beat),
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
  assign unused = ^issue_rs1_i[63:32] ^ (^op_mask_i[DLEN/8-1:Lanes]);
endmodule
