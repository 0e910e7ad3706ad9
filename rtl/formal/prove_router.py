#!/usr/bin/env python3
"""Proves the rules of the router's parts by k-induction.

Yosys makes SMT-LIB of them and z3 solves; arbitration, which is pure logic that z3 makes heavy weather of, is left to
Yosys's own SAT solver.

    rtl/formal/prove_router.py --work DIR [--package weft_units_pkg.sv] [NAME ...]

Exit status 1 and the solver's output if a rule does not hold, or cannot be shown.
"""
import argparse
import pathlib
import subprocess
import sys
import time

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


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


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
    for step in (["-t", str(k + 1)], ["-i", "-t", str(k)]):
        status, output = run(["yosys-smtbmc", "-s", "z3", *step, str(model)])
        if status:
            return f"{' '.join(step)} fails:\n{output}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path, help="a folder for the models")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PROOFS)}; all of them if none is given")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in options.names or PROOFS:
        start = time.monotonic()
        problem = prove(name, options.work)
        print(f"{name:<18} {'FAILS' if problem else 'proven'} in {time.monotonic() - start:.1f} s", flush=True)
        if problem:
            print(problem)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
