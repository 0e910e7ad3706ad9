// The core's view of the mesh as instructions: mesh.put hands a word to a route, mesh.get takes one from it.
//
// The scalar side is as CV-X-IF has it: an instruction is issued, later committed or killed, and answers with a result.
// The unit holds one instruction. It has no effect before it is committed, waits while its route's queue is full (put)
// or empty (get), and takes effect in the cycle in which its result is taken. The other side is a router's core port.
module weft_mesh_port #(
    parameter int unsigned COLORS = weft_units_pkg::MESH_PORT_COLORS,
    parameter int unsigned QUEUE_WORDS = weft_units_pkg::MESH_PORT_QUEUE_WORDS,
    parameter int unsigned ID_WIDTH = weft_units_pkg::MESH_PORT_ID_WIDTH,
    localparam int unsigned ColorBits = COLORS > 1 ? $clog2(COLORS) : 1
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Issue: accepted if it is one of the unit's instructions on a route that exists.
    input  logic                 issue_valid_i,
    output logic                 issue_ready_o,
    input  logic [         31:0] issue_instr_i,
    input  logic [         31:0] issue_rs1_i,
    input  logic [ ID_WIDTH-1:0] issue_id_i,
    output logic                 issue_accept_o,
    // Commit: in the cycle of the issue or later.
    input  logic                 commit_valid_i,
    input  logic [ ID_WIDTH-1:0] commit_id_i,
    input  logic                 commit_kill_i,
    // Result
    output logic                 result_valid_o,
    input  logic                 result_ready_i,
    output logic [ ID_WIDTH-1:0] result_id_o,
    output logic [         31:0] result_data_o,
    output logic                 result_we_o,     // it goes to a register
    // Counters
    input  logic [         11:0] csr_address_i,
    output logic [         31:0] csr_data_o,
    output logic                 csr_known_o,
    // The router's core port
    output logic [   COLORS-1:0] up_valid_o,
    output logic [32*COLORS-1:0] up_data_o,
    input  logic [   COLORS-1:0] up_grant_i,
    output logic [   COLORS-1:0] down_ready_o,
    input  logic [   COLORS-1:0] down_grant_i,
    input  logic                 down_valid_i,
    input  logic [ColorBits-1:0] down_color_i,
    input  logic [         31:0] down_data_i
);
  if (COLORS < weft_units_pkg::MESH_PORT_COLORS_MIN || COLORS > weft_units_pkg::MESH_PORT_COLORS_MAX)
    $error("weft_mesh_port: COLORS out of the range that kernels/units/mesh-port.yaml gives");
  if (QUEUE_WORDS < weft_units_pkg::MESH_PORT_QUEUE_WORDS_MIN ||
      QUEUE_WORDS > weft_units_pkg::MESH_PORT_QUEUE_WORDS_MAX)
    $error("weft_mesh_port: QUEUE_WORDS out of the range that kernels/units/mesh-port.yaml gives");
  if (ID_WIDTH < weft_units_pkg::MESH_PORT_ID_WIDTH_MIN || ID_WIDTH > weft_units_pkg::MESH_PORT_ID_WIDTH_MAX)
    $error("weft_mesh_port: ID_WIDTH out of the range that kernels/units/mesh-port.yaml gives");

  if (weft_units_pkg::CSR_MESHCYCLE_BITS != 32 || weft_units_pkg::CSR_MESHPUTS_BITS != 32 ||
      weft_units_pkg::CSR_MESHGETS_BITS != 32 || weft_units_pkg::CSR_MESHPUTCYCLE_BITS != 32 ||
      weft_units_pkg::CSR_MESHGETCYCLE_BITS != 32)
    $error("weft_mesh_port: the counters have 32 bits, kernels/units/mesh-port.yaml says otherwise");

  // ---- the instruction ----------------------------------------------------------------------------------------------
  logic held, held_put, committed;
  logic [ColorBits-1:0] held_color;
  logic [31:0] held_data;
  logic [ID_WIDTH-1:0] held_id;

  logic is_put, is_get, issued, killed, fire;
  assign is_put = (issue_instr_i & weft_units_pkg::MESH_PUT_MASK) == weft_units_pkg::MESH_PUT_MATCH;
  assign is_get = (issue_instr_i & weft_units_pkg::MESH_GET_MASK) == weft_units_pkg::MESH_GET_MATCH;
  assign issue_accept_o = (is_put || is_get) && issue_instr_i[31:20] < 12'(COLORS);
  assign killed = held && commit_valid_i && commit_kill_i && commit_id_i == held_id && !committed;
  assign issue_ready_o = !held || fire || killed;
  assign issued = issue_valid_i && issue_ready_o && issue_accept_o;

  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      held <= 1'b0;
      committed <= 1'b0;
    end else if (issued) begin
      // Killed in the cycle of its issue, it was never here.
      held <= !(commit_valid_i && commit_kill_i && commit_id_i == issue_id_i);
      committed <= commit_valid_i && commit_id_i == issue_id_i;
    end else begin
      if (fire || killed) held <= 1'b0;
      if (commit_valid_i && commit_id_i == held_id) committed <= 1'b1;
    end
  always_ff @(posedge clk_i)
    if (issued) begin
      held_put <= is_put;
      held_color <= issue_instr_i[20+:ColorBits];
      held_data <= issue_rs1_i;
      held_id <= issue_id_i;
    end

  // ---- queues to and from the router --------------------------------------------------------------------------------
  logic [COLORS-1:0] out_room, in_valid, chosen;
  logic [32*COLORS-1:0] in_data;
  logic [31:0] word;
  for (genvar c = 0; c < COLORS; c = c + 1) begin : g_color
    logic put, get;
    assign chosen[c] = held_color == ColorBits'(c);
    assign put = fire && held_put && chosen[c];
    assign get = fire && !held_put && chosen[c];
    weft_credits #(
        .LIMIT(QUEUE_WORDS)
    ) i_out_room (
        .clk_i,
        .rst_ni,
        .send_i(put),
        .back_i(up_grant_i[c]),
        .room_o(out_room[c])
    );
    weft_queue #(
        .WIDTH(32),
        .DEPTH(QUEUE_WORDS)
    ) i_out (
        .clk_i,
        .rst_ni,
        .push_i (put),
        .data_i (held_data),
        .pop_i  (up_grant_i[c]),
        .valid_o(up_valid_o[c]),
        .data_o (up_data_o[32*c+:32])
    );
    // A place is taken when the router says that a word comes, not when it is here.
    weft_credits #(
        .LIMIT(QUEUE_WORDS)
    ) i_in_room (
        .clk_i,
        .rst_ni,
        .send_i(down_grant_i[c]),
        .back_i(get),
        .room_o(down_ready_o[c])
    );
    weft_queue #(
        .WIDTH(32),
        .DEPTH(QUEUE_WORDS)
    ) i_in (
        .clk_i,
        .rst_ni,
        .push_i (down_valid_i && down_color_i == ColorBits'(c)),
        .data_i (down_data_i),
        .pop_i  (get),
        .valid_o(in_valid[c]),
        .data_o (in_data[32*c+:32])
    );
  end

  always_comb begin
    word = '0;
    for (int unsigned c = 0; c < COLORS; c = c + 1) if (chosen[c]) word = word | in_data[32*c+:32];
  end
  assign result_valid_o = held && committed && (chosen & (held_put ? out_room : in_valid)) != '0;
  assign fire = result_valid_o && result_ready_i;
  assign result_id_o = held_id;
  assign result_we_o = !held_put;
  assign result_data_o = held_put ? '0 : word;

  // ---- counters -----------------------------------------------------------------------------------------------------
  logic [31:0] cycle, puts, gets, put_cycle, get_cycle;
  always_ff @(posedge clk_i)
    if (!rst_ni) begin
      cycle <= '0;
      puts <= '0;
      gets <= '0;
      put_cycle <= '0;
      get_cycle <= '0;
    end else begin
      cycle <= cycle + 32'd1;
      if (fire && held_put) begin
        puts <= puts + 32'd1;
        put_cycle <= cycle;
      end
      if (fire && !held_put) begin
        gets <= gets + 32'd1;
        get_cycle <= cycle;
      end
    end
  always_comb begin
    csr_known_o = 1'b1;
    case (csr_address_i)
      weft_units_pkg::CSR_MESHCYCLE: csr_data_o = cycle;
      weft_units_pkg::CSR_MESHPUTS: csr_data_o = puts;
      weft_units_pkg::CSR_MESHGETS: csr_data_o = gets;
      weft_units_pkg::CSR_MESHPUTCYCLE: csr_data_o = put_cycle;
      weft_units_pkg::CSR_MESHGETCYCLE: csr_data_o = get_cycle;
      default: begin
        csr_data_o = '0;
        csr_known_o = 1'b0;
      end
    endcase
  end

  // ---- the rules ----------------------------------------------------------------------------------------------------
  logic was_result, was_taken;
  logic [ID_WIDTH-1:0] was_id;
  logic [31:0] was_data;
  always_ff @(posedge clk_i) begin
    was_result <= rst_ni && result_valid_o;
    was_taken <= fire;
    was_id <= result_id_o;
    was_data <= result_data_o;
  end
  always_ff @(posedge clk_i)
    if (rst_ni) begin
      // A result stays until it is taken, and does not change.
      port_result_stays : assert (!was_result || was_taken ||
          (result_valid_o && result_id_o == was_id && result_data_o == was_data));
      // Nothing happens for an instruction that is not committed.
      port_committed : assert (!fire || (held && committed));
      // The router takes words that are there, and sends those that have a place.
      port_up : assert ((up_grant_i & ~up_valid_o) == '0);
      port_down : assert ((down_grant_i & ~down_ready_o) == '0);
    end
endmodule
