#!/usr/bin/env python3
"""Prints the table of docs/rtl.md: generic cells of the units after Yosys' synth, by parameters. With --check it compares
instead, and fails if a row is missing there or differs.

usage: cells.py --package weft_units_pkg.sv --table weft_exp_table.sv [--unit dot ...] [--dlen 64 ...] [--check docs/rtl.md]
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def cells(unit, dlen, vlen, arguments):
    sources = [arguments.package, *(source for folder in ("common", unit)
                                    for source in sorted((ROOT / "rtl" / folder).glob("*.sv")))]
    if unit == "exp":
        sources.append(arguments.table)
    script = (f"read_verilog -sv {' '.join(map(str, sources))}; chparam -set DLEN {dlen} -set VLEN {vlen} weft_{unit}; "
              f"hierarchy -top weft_{unit}; chformal -remove; synth -flatten; stat")
    out = subprocess.run(["yosys", "-p", script], check=True, capture_output=True, text=True).stdout
    out = out[out.rindex("Number of cells:"):]
    total = int(re.match(r"Number of cells: +(\d+)", out)[1])
    flops = sum(int(count) for count in re.findall(r"\$_S?DFFE?_\w+ +(\d+)", out))
    return total, flops


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--unit", nargs="*", default=["dot", "exp"])
    parser.add_argument("--dlen", type=int, nargs="*", default=[64, 128], help="of the variants; VLEN is twice that")
    parser.add_argument("--check", type=pathlib.Path, help="a document with the table")
    arguments = parser.parse_args()
    stated = arguments.check.read_text().splitlines() if arguments.check else None
    print("| unit | DLEN | VLEN | cells | of them flip-flops |\n|---|---|---|---|---|")
    wrong = 0
    for unit in arguments.unit:
        for dlen in arguments.dlen:
            total, flops = cells(unit, dlen, 2 * dlen, arguments)
            row = f"| {unit} | {dlen} | {2 * dlen} | {total:,} | {flops:,} |"
            differs = stated is not None and row not in stated
            wrong += differs
            print(row + (f"  <- not in {arguments.check}" if differs else ""), flush=True)
    return wrong != 0


sys.exit(main())
