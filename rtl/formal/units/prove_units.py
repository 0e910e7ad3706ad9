#!/usr/bin/env python3
"""Proves the rules of the blocks that vector units share by k-induction: Yosys makes SMT-LIB of them, z3 solves; or,
where z3 takes minutes, the solver that Yosys has itself.

    rtl/formal/units/prove_units.py --work DIR [NAME ...]

Exit status 1 and the solver's output if a rule does not hold, or cannot be shown.
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "rtl/formal"))
from induction import induction, main, run  # noqa: E402

# name: top module, its parameters, k (or "sat")
PROOFS = {
    "stage": ("weft_stage", {"WIDTH": 2}, 2),
    "queue of 1": ("weft_fifo", {"WIDTH": 2, "DEPTH": 1}, 2),
    "queue of 3": ("weft_fifo", {"WIDTH": 2, "DEPTH": 3}, 2),
    "queue of 4": ("weft_fifo", {"WIDTH": 2, "DEPTH": 4}, 2),
    "front": ("weft_vector_front", {"PAYLOAD": 1, "ID_WIDTH": 1, "BEAT_BITS": 2, "DEPTH": 2}, "sat"),
    "front of 3": ("weft_vector_front", {"PAYLOAD": 1, "ID_WIDTH": 2, "BEAT_BITS": 2, "DEPTH": 3}, "sat"),
    "back": ("weft_back_proof", {"DEPTH": 3}, 2),
}


def prove(name, work):
    top, parameters, k = PROOFS[name]
    model = work / (name.replace(" ", "_") + ".smt2")
    sources = sorted((ROOT / "rtl/common").glob("*.sv")) + sorted((ROOT / "rtl/formal/units").glob("*.sv"))
    settings = "".join(f"chparam -set {key} {value} {top}; " for key, value in parameters.items())
    read = (f"read_verilog -formal -sv {' '.join(map(str, sources))}; {settings}"
              f"prep -top {top} -flatten; memory_map; opt -full; async2sync; dffunmap; write_smt2 -wires {model}")
    if k == "sat":
        read += "; techmap; opt; sat -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps 6 -verify"
    status, output = run(["yosys", "-q", "-p", read])
    if status:
        return f"yosys fails:\n{output}"
    rules = sum(line.startswith("; yosys-smt2-assert") for line in model.read_text().splitlines())
    if not rules:
        return "there is nothing to prove"
    print(f"{rules:>3} rules: ", end="")
    if k == "sat":
        return None
    # A cycle of reset, then what the rules say for ever: the base case, then the step.
    return induction(model, k + 2, k, "--noincr")


if __name__ == "__main__":
    sys.exit(main(__doc__, PROOFS, prove))
