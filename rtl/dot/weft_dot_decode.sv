// What unit dot makes of an instruction and a vtype. Combinational; encodings come from kernels/units/dot.yaml.
module weft_dot_decode #(
    parameter int unsigned VLEN = weft_units_pkg::DOT_VLEN
) (
    input  logic [31:0] instr_i,
    input  logic [ 8:0] vtype_i,
    output logic        accept_o,
    output logic        batched_o,
    output logic        bulk_o,          // batched, of bf16 numbers
    output logic        scalar_o,        // vs1 is a scalar
    output logic        left_signed_o,
    output logic        right_signed_o
);
  localparam int unsigned Batches = VLEN > 256 ? VLEN / 256 : 1;

  logic vqdot, vqdotu, vqdotsu, vqdotus, bytes_u, bytes_s, bulk, scalar;
  logic quad_type, bytes_type, bulk_type, batch_exists;

  always_comb begin
    vqdot = (instr_i & weft_units_pkg::VQDOT_VV_MASK) == weft_units_pkg::VQDOT_VV_MATCH;
    vqdotu = (instr_i & weft_units_pkg::VQDOTU_VV_MASK) == weft_units_pkg::VQDOTU_VV_MATCH;
    vqdotsu = (instr_i & weft_units_pkg::VQDOTSU_VV_MASK) == weft_units_pkg::VQDOTSU_VV_MATCH;
    vqdotus = (instr_i & weft_units_pkg::VQDOTUS_VX_MASK) == weft_units_pkg::VQDOTUS_VX_MATCH;
    scalar = vqdotus;
    if ((instr_i & weft_units_pkg::VQDOT_VX_MASK) == weft_units_pkg::VQDOT_VX_MATCH) {vqdot, scalar} = '1;
    if ((instr_i & weft_units_pkg::VQDOTU_VX_MASK) == weft_units_pkg::VQDOTU_VX_MATCH) {vqdotu, scalar} = '1;
    if ((instr_i & weft_units_pkg::VQDOTSU_VX_MASK) == weft_units_pkg::VQDOTSU_VX_MATCH) {vqdotsu, scalar} = '1;
    bytes_u = (instr_i & weft_units_pkg::VQWBDOTAU_VV_MASK) == weft_units_pkg::VQWBDOTAU_VV_MATCH;
    bytes_s = (instr_i & weft_units_pkg::VQWBDOTAS_VV_MASK) == weft_units_pkg::VQWBDOTAS_VV_MATCH;
    bulk = (instr_i & weft_units_pkg::VFWBDOTA_VV_MASK) == weft_units_pkg::VFWBDOTA_VV_MATCH;
  end

  // vtype: altfmt, (vma, vta,) vsew, vlmul
  assign quad_type = !vtype_i[8] && vtype_i[5:3] == 3'd2;
  assign bytes_type = vtype_i[5:0] == {3'd0, 3'd0};
  assign bulk_type = vtype_i[8] && vtype_i[5:0] == {3'd1, 3'd0};
  assign batch_exists = {29'b0, instr_i[22:20]} < Batches;

  assign accept_o = ((vqdot || vqdotu || vqdotsu || vqdotus) && quad_type) ||
      ((bytes_u || bytes_s) && bytes_type && batch_exists) || (bulk && bulk_type && batch_exists);
  assign batched_o = bytes_u || bytes_s || bulk;
  assign bulk_o = bulk;
  assign scalar_o = scalar;
  assign left_signed_o = vqdot || vqdotsu || bytes_s;
  assign right_signed_o = vqdot || vqdotus || ((bytes_u || bytes_s) && vtype_i[8]);

  logic unused;
  assign unused = ^vtype_i[7:6];
endmodule
