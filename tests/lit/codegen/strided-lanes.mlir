// RUN: weft-opt --pass-pipeline='builtin.module(func.func(weft-vectorize-kernels{register-bytes=32 registers=32 grouping=8},cse,canonicalize))' %s | FileCheck %s

// Short dot products have their outputs in the lanes. Keys lie 8 elements apart; the loop of the queries, which share
// the loaded keys, is the one of rows; keys beyond the whole vectors are one vector with a mask.
// CHECK-LABEL: func.func @scores
// CHECK-DAG: %[[OFFSETS:.*]] = arith.constant dense<[0, 8, 16, 24, 32, 40, 48, 56]> : vector<8xindex>
// CHECK: %[[KEYS:.*]] = vector.gather {{.*}}[%[[OFFSETS]]]
// CHECK-COUNT-4: math.fma {{.*}}, %[[KEYS]],
// CHECK: %[[MASK:.*]] = vector.create_mask
// CHECK: vector.maskedload {{.*}}, %[[MASK]],
// CHECK: vector.gather {{.*}}[%[[OFFSETS]]], %[[MASK]]
// CHECK: vector.maskedstore {{.*}}, %[[MASK]],
func.func @scores(%q: memref<16x4xf32>, %k: memref<?x4xf32, strided<[8, 1]>>, %s: memref<16x?xf32, strided<[32, 1]>>) {
  linalg.generic {
      indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<16x4xf32>, memref<?x4xf32, strided<[8, 1]>>) outs(%s : memref<16x?xf32, strided<[32, 1]>>) {
  ^bb0(%x: f32, %y: f32, %old: f32):
    %sum = math.fma %x, %y, %old : f32
    linalg.yield %sum : f32
  }
  return
}

// Long ones are added up across lanes.
// CHECK-LABEL: func.func @long_scores
// CHECK-NOT: vector.gather
// CHECK: vector.extract_strided_slice
// CHECK-NOT: vector.gather
// CHECK: return
func.func @long_scores(%q: memref<16x64xf32>, %k: memref<8x64xf32>, %s: memref<16x8xf32>) {
  linalg.generic {
      indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<16x64xf32>, memref<8x64xf32>) outs(%s : memref<16x8xf32>) {
  ^bb0(%x: f32, %y: f32, %old: f32):
    %sum = math.fma %x, %y, %old : f32
    linalg.yield %sum : f32
  }
  return
}

// So are those of fewer rows than lanes.
// CHECK-LABEL: func.func @few_rows
// CHECK-NOT: vector.gather
// CHECK: vector.extract_strided_slice
// CHECK-NOT: vector.gather
// CHECK: return
func.func @few_rows(%x: memref<3x8xf32>, %s: memref<3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x8xf32>) outs(%s : memref<3xf32>) {
  ^bb0(%e: f32, %old: f32):
    %sum = math.fma %e, %e, %old : f32
    linalg.yield %sum : f32
  }
  return
}

// Exponentials of rows of two: 8 of a column at a time, read and written at a stride.
// CHECK-LABEL: func.func @exp_of_pairs
// CHECK: vector.gather
// CHECK: math.exp %{{.*}} : vector<8xf32>
// CHECK: vector.scatter
func.func @exp_of_pairs(%s: memref<?x2xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      outs(%s : memref<?x2xf32>) {
  ^bb0(%old: f32):
    %e = math.exp %old : f32
    linalg.yield %e : f32
  }
  return
}
