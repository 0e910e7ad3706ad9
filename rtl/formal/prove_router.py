#!/usr/bin/env python3
"""Proves the rules of the router's parts by k-induction.

Yosys makes SMT-LIB of them and z3 solves; arbitration, which is pure logic that z3 makes heavy weather of, is left to
Yosys's own SAT solver.

    rtl/formal/prove_router.py --work DIR [NAME ...]

Exit status 1 and the solver's output if a rule does not hold, or cannot be shown.
"""
import pathlib
import sys

from induction import induction, main, run

ROOT = pathlib.Path(__file__).resolve().parents[2]

# name: solver, top module, its parameters, k
PROOFS = {
    "channel, hop 1": ("z3", "weft_channel_proof", {"QUEUE_WORDS": 2, "LATENCY": 1}, 2),
    "channel, hop 2": ("z3", "weft_channel_proof", {"QUEUE_WORDS": 1, "LATENCY": 2}, 2),
    "channel, ramp 3": ("z3", "weft_channel_proof", {"QUEUE_WORDS": 2, "LATENCY": 3}, 3),
    "turns and switch": ("sat", "weft_turns_proof", {"COLORS": 5, "PORTS": 3}, 2),
    "sender": ("sat", "weft_sender_proof", {"COLORS": 3, "LIMIT": 2}, 3),
}


def sources():
    parts = sorted((ROOT / "rtl/router").glob("*.sv"))
    proofs = sorted((ROOT / "rtl/formal").glob("weft_*_proof.sv"))
    return [str(path) for path in parts if path.stem not in ("weft_router", "weft_combine", "weft_combiner")] + [
        str(path) for path in proofs]


def prove(name, work):
    solver, top, parameters, k = PROOFS[name]
    model = work / (name.replace(" ", "_").replace(",", "") + ".smt2")
    settings = "".join(f"-chparam {key} {value} " for key, value in parameters.items())
    script = (f"read_verilog -formal -defer -sv {' '.join(sources())}; hierarchy -top {top} {settings}; "
              f"prep -top {top} -flatten; memory_map; opt -full; async2sync; dffunmap; "
              "select -assert-min 4 t:$assert; ")
    if solver == "sat":
        status, output = run(["yosys", "-q", "-p", script + f"sat -tempinduct -prove-asserts -set-assumes "
                              f"-maxsteps {k} -verify"])
        return output or "yosys fails" if status else None
    status, output = run(["yosys", "-q", "-p", script + f"write_smt2 -wires {model}"])
    if status:
        return f"yosys fails:\n{output}"
    return induction(model, k + 1, k)


if __name__ == "__main__":
    sys.exit(main(__doc__, PROOFS, prove))
