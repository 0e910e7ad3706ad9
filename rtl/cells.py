#!/usr/bin/env python3
"""Prints the table of docs/rtl.md: generic cells of the units after Yosys' synth, by parameters.

usage: cells.py --package weft_units_pkg.sv --table weft_exp_table.sv [--small]
"""
import argparse
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]


def cells(unit, dlen, vlen, arguments):
    sources = [arguments.package, *sorted((ROOT / "rtl/common").glob("*.sv")), *sorted((ROOT / "rtl" / unit).glob("*.sv"))]
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
    parser.add_argument("--small", action="store_true", help="the smallest variant only")
    arguments = parser.parse_args()
    print("| unit | DLEN | VLEN | cells | of them flip-flops |\n|---|---|---|---|---|")
    for unit in ("dot", "exp"):
        for dlen, vlen in ((64, 128), (128, 256))[: 1 if arguments.small else 2]:
            total, flops = cells(unit, dlen, vlen, arguments)
            print(f"| {unit} | {dlen} | {vlen} | {total:,} | {flops:,} |", flush=True)


main()
