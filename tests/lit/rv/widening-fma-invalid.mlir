// RUN: weft-opt %s -split-input-file -verify-diagnostics

func.func @R1_element(%acc: vector<8xf64>, %a: f32, %w: vector<8xbf16>) {
  // expected-error @+1 {{R1: the accumulator must be a vector of rank 1 of f32}}
  %r = rv.widening_fma %acc, %a, %w : vector<8xf64>, f32, vector<8xbf16>
  return
}

// -----

func.func @R1_rank(%acc: vector<2x4xf32>, %a: f32, %w: vector<8xbf16>) {
  // expected-error @+1 {{R1: the accumulator must be a vector of rank 1 of f32}}
  %r = rv.widening_fma %acc, %a, %w : vector<2x4xf32>, f32, vector<8xbf16>
  return
}

// -----

func.func @R2(%acc: vector<8xf32>, %a: f32, %w: vector<8xf32>) {
  // expected-error @+1 {{R2: the narrow operand must be a vector of rank 1 of bf16 or f16}}
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<8xf32>
  return
}

// -----

func.func @R3_length(%acc: vector<8xf32>, %a: f32, %w: vector<4xbf16>) {
  // expected-error @+1 {{R3: the accumulator}}
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<4xbf16>
  return
}

// -----

func.func @R3_scalable(%acc: vector<[8]xf32>, %a: f32, %w: vector<8xbf16>) {
  // expected-error @+1 {{R3: the accumulator}}
  %r = rv.widening_fma %acc, %a, %w : vector<[8]xf32>, f32, vector<8xbf16>
  return
}

// -----

func.func @R4(%acc: vector<8xf32>, %a: f16, %w: vector<8xbf16>) {
  // expected-error @+1 {{R4: the scalar must be an f32 or a 'bf16', not a 'f16'}}
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f16, vector<8xbf16>
  return
}
