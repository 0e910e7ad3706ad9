// RUN: weft-opt %s -split-input-file -verify-diagnostics

func.func @R1_element(%q: vector<8xi16>) {
  // expected-error @+1 {{R1: the source must be a vector of rank 1 and fixed length of i8}}
  %r = rv.extend_bytes %q : vector<8xi16> to vector<8xi32>
  return
}

// -----

func.func @R1_scalable(%q: vector<[8]xi8>) {
  // expected-error @+1 {{R1: the source must be a vector of rank 1 and fixed length of i8}}
  %r = rv.extend_bytes %q : vector<[8]xi8> to vector<[8]xi32>
  return
}

// -----

func.func @R2_length(%q: vector<8xi8>) {
  // expected-error @+1 {{R2: the result must be a vector of i32 of the source's shape}}
  %r = rv.extend_bytes %q : vector<8xi8> to vector<4xi32>
  return
}

// -----

func.func @R2_element(%q: vector<8xi8>) {
  // expected-error @+1 {{R2: the result must be a vector of i32 of the source's shape}}
  %r = rv.extend_bytes %q : vector<8xi8> to vector<8xi64>
  return
}
