#!/bin/sh
# Makes the records of hw-models/tuned again: products of four language models on 32x32 cores of two presets.
# Usage: bench/tune_presets.sh [WEFT]
set -eu
weft=${1:-build/bin/weft}
here=$(cd "$(dirname "$0")/.." && pwd)
trials=$(mktemp -d)
trap 'rm -rf "$trials"' EXIT
for core in rvv-lab sifive-x280; do
  names=""
  for shape in k128_n128 k128_n448 k448_n128 k160_n160 k160_n432 k432_n160 k256_n256 k256_n688 k256_n924; do
    names="$names gemm_r1_${shape}_f16 gemm_r16_${shape}_f16"
  done
  # shellcheck disable=SC2086 # names are words
  "$weft" tune $names --hw "$core" --trials 60 --db "$trials/$core.db"
  "$weft" tune --db "$trials/$core.db" --export "$here/hw-models/tuned/$core.jsonl"
done
