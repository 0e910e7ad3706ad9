// The registers of the core decide how long the vectors of a tile are.
// RUN: weft-opt %s --codegen-core='isa=rv64gcv_zvl128b' | FileCheck %s --check-prefix=V128
// RUN: weft-opt %s --codegen-core='isa=rv64gcv_zvl1024b' | FileCheck %s --check-prefix=V1024

// V128-LABEL: llvm.func @add
// V128: llvm.fadd {{.*}} : vector<32xf32>
// V1024-LABEL: llvm.func @add
// V1024: llvm.fadd {{.*}} : vector<128xf32>
func.func @add(%x: memref<128xf32>, %y: memref<128xf32>) attributes {weft.kernel} {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%y : memref<128xf32>) outs(%x : memref<128xf32>) {
  ^bb0(%b: f32, %a: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  }
  return
}
