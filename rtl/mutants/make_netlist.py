#!/usr/bin/env python3
"""Makes one Verilog netlist of a module that holds many mutants: input `mutant` chooses one, 0 is the module itself.

    rtl/mutants/make_netlist.py [--top MODULE] --count N --seed S [--parameter NAME=VALUE ...] --out NETLIST.v --list LIST
                                SOURCE.sv ...

LIST says, a line a mutant, what Yosys changed. NETLIST.aig and NETLIST.map are the same as an and-inverter graph, for
equivalent.py.
"""
import argparse
import pathlib
import re
import subprocess
import sys

BITS = 10  # of the selector


def yosys(script):
    done = subprocess.run(["yosys", "-q", "-p", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"yosys fails:\n{done.stdout}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--top", default="weft_router")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parameter", action="append", default=[], help="NAME=VALUE of the module")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--list", type=pathlib.Path, required=True)
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    flat = options.out.with_suffix(".il")
    parameters = " ".join(f"-set {each.replace('=', ' ')}" for each in options.parameter)
    chparam = f"chparam {parameters} {options.top}; " if parameters else ""
    yosys(f"read_verilog -defer -sv {' '.join(options.sources)}; {chparam}hierarchy -top {options.top}; proc; flatten; "
          f"opt -full; chformal -remove; clean; rename -top {options.top}; write_rtlil {flat}")
    yosys(f"read_rtlil {flat}; mutate -list {options.count} -seed {options.seed} -o {options.list}")
    commands = [re.sub(r"^mutate ", f"mutate -ctrl mutant {BITS} {number} ", line)
                for number, line in enumerate(options.list.read_text().splitlines(), 1)]
    script = options.out.with_suffix(".ys")
    lines = [f"read_rtlil {flat}", *commands, "opt_clean", f"write_verilog -noattr {options.out}",
             "async2sync", "dffunmap", "memory_map", "opt_clean", "techmap", "opt -full", "dffunmap", "simplemap", "aigmap",
             "opt_clean",
             f"write_aiger -vmap {options.out.with_suffix('.map')} -no-startoffset {options.out.with_suffix('.aig')}"]
    script.write_text("\n".join(lines) + "\n")
    yosys(f"script {script}")


if __name__ == "__main__":
    main()
