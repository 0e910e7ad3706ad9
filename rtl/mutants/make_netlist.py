#!/usr/bin/env python3
"""Makes one Verilog netlist of the router that holds many mutants: input `mutant` chooses one, 0 is the router itself.

    rtl/mutants/make_netlist.py --count N --seed S [--parameter NAME=VALUE ...] --out NETLIST.v --list LIST SOURCE.sv ...

LIST says, a line a mutant, what Yosys changed.
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
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parameter", action="append", default=[], help="NAME=VALUE of the module")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--list", type=pathlib.Path, required=True)
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    flat = options.out.with_suffix(".il")
    parameters = " ".join(f"-set {each.replace('=', ' ')}" for each in options.parameter)
    chparam = f"chparam {parameters} weft_router; " if parameters else ""
    yosys(f"read_verilog -defer -sv {' '.join(options.sources)}; {chparam}hierarchy -top weft_router; proc; flatten; opt -full; "
          f"chformal -remove; clean; write_rtlil {flat}")
    yosys(f"read_rtlil {flat}; mutate -list {options.count} -seed {options.seed} -o {options.list}")
    commands = [re.sub(r"^mutate ", f"mutate -ctrl mutant {BITS} {number} ", line)
                for number, line in enumerate(options.list.read_text().splitlines(), 1)]
    script = options.out.with_suffix(".ys")
    lines = [f"read_rtlil {flat}", *commands, "opt_clean", f"write_verilog -noattr {options.out}"]
    script.write_text("\n".join(lines) + "\n")
    yosys(f"script {script}")


if __name__ == "__main__":
    main()
