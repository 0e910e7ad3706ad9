#!/usr/bin/env python3
"""Prints a table of units' generic cells after Yosys' synth, by parameters, as docs/rtl.md has it.

usage: cells.py --package weft_units_pkg.sv --generated FOLDER --unit UNIT ... [--dlen 64 ...] [--check docs/rtl.md]

Without --dlen: the widths of the description's defaults, else those, and VLEN twice as much. With --check it compares, and fails
if there is another row for these widths in the document, or if the defaults' cells are not those of `area` in the description.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def described(unit, key, within=""):
    """A number of the unit's description: `key: N` on a line that begins with `within`."""
    text = (ROOT / "kernels/units" / f"{unit}.yaml").read_text(encoding="utf-8")
    found = re.search(rf"^{within}.*?\b{key}: (\S+?)[,}}\s]", text, re.MULTILINE)
    if not found:
        sys.exit(f"kernels/units/{unit}.yaml: no {key}")
    return found[1]


def cells(unit, dlen, vlen, arguments):
    module, folder = described(unit, "module"), unit.replace("-", "_")
    sources = [arguments.package, *(source for each in ("common", folder)
                                    for source in sorted((ROOT / "rtl" / each).glob("*.sv"))),
               *sorted(arguments.generated.glob(f"weft_{folder}_*.sv"))]
    script = (f"read_verilog -sv {' '.join(map(str, sources))}; chparam -set DLEN {dlen} -set VLEN {vlen} {module}; "
              f"hierarchy -top {module}; chformal -remove; synth -flatten; stat")
    out = subprocess.run(["yosys", "-p", script], check=True, capture_output=True, text=True).stdout
    out = out[out.rindex("Number of cells:"):]
    total = int(re.match(r"Number of cells: +(\d+)", out)[1])
    flops = sum(int(count) for count in re.findall(r"\$_S?DFFE?_\w+ +(\d+)", out))
    return total, flops


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True)
    parser.add_argument("--generated", required=True, type=pathlib.Path, help="with the modules that the build makes")
    parser.add_argument("--unit", nargs="+", required=True)
    parser.add_argument("--dlen", type=int, nargs="+", help="of the variants; VLEN is twice that")
    parser.add_argument("--check", type=pathlib.Path, help="a document with the table")
    arguments = parser.parse_args()
    stated = arguments.check.read_text(encoding="utf-8").splitlines() if arguments.check else []
    print("| unit | DLEN | VLEN | cells | of them flip-flops |\n|---|---|---|---|---|")
    wrong = 0
    for unit in arguments.unit:
        defaults = tuple(int(described(unit, "default", f"  {name}: ")) for name in ("dlen", "vlen"))
        for widths in [(dlen, 2 * dlen) for dlen in arguments.dlen] if arguments.dlen else [defaults]:
            total, flops = cells(unit, *widths, arguments)
            prefix = f"| {unit} | {widths[0]} | {widths[1]} | "
            row = prefix + f"{total:,} | {flops:,} |"
            print(row, flush=True)
            for line in stated:
                if line.startswith(prefix) and line != row:
                    print(f"  {arguments.check} has {line}")
                    wrong += 1
            area = int(described(unit, "cells"))
            if arguments.check and widths == defaults and area != total:
                print(f"  kernels/units/{unit}.yaml has area.cells: {area}")
                wrong += 1
    return wrong != 0


sys.exit(main())
