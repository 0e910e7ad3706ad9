// RUN: weft-opt %s | weft-opt | FileCheck %s
// RUN: weft-opt %s --rv-lower-byte-extension | FileCheck %s --check-prefix=HOST
// RUN: weft-opt %s --rv-lower-byte-extension=vlen=256 | FileCheck %s --check-prefix=CORE
// RUN: weft-opt %s --rv-form-byte-extension | FileCheck %s --check-prefix=FORM

// CHECK-LABEL: @extend
// CHECK: rv.extend_bytes %{{.*}} : vector<64xi8> to vector<64xi32>
// HOST-LABEL: @extend
// HOST: arith.extsi %{{.*}} : vector<64xi8> to vector<64xi32>
// CORE-LABEL: @extend
// CORE: llvm.intr.vector.insert %{{.*}}, %{{.*}}[0] : vector<64xi8> into vector<[16]xi8>
// CORE: llvm.call_intrinsic "llvm.riscv.vsext.nxv16i32.nxv16i8.i64"
// CORE: llvm.intr.vector.extract %{{.*}}[0] : vector<64xi32> from vector<[16]xi32>
func.func @extend(%q: vector<64xi8>) -> vector<64xi32> {
  %r = rv.extend_bytes %q : vector<64xi8> to vector<64xi32>
  return %r : vector<64xi32>
}

// FORM-LABEL: @becomes_real
// FORM: rv.extend_bytes %{{.*}} : vector<32xi8> to vector<32xi32>
func.func @becomes_real(%q: vector<32xi8>) -> vector<32xf32> {
  %w = arith.extsi %q : vector<32xi8> to vector<32xi32>
  %r = arith.sitofp %w : vector<32xi32> to vector<32xf32>
  return %r : vector<32xf32>
}

// An integer product has a widening instruction of its own.
// FORM-LABEL: @stays_integer
// FORM-NOT: rv.extend_bytes
func.func @stays_integer(%q: vector<8xi8>, %x: vector<8xi32>) -> vector<8xi32> {
  %w = arith.extsi %q : vector<8xi8> to vector<8xi32>
  %r = arith.muli %w, %x : vector<8xi32>
  return %r : vector<8xi32>
}
