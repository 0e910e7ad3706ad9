#!/usr/bin/env python3
"""Prints how many generic cells Yosys makes of the router and the mesh port, by parameter: the table of
docs/rtl-router.md.

    rtl/cells_router.py --package BUILD/kernels/units/weft_units_pkg.sv
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIGURATIONS = [
    ("weft_router", {"COLORS": 4, "REDUCE_STAGE": 0}),
    ("weft_router", {"COLORS": 4, "REDUCE_STAGE": 0, "QUEUE_WORDS": 1}),
    ("weft_router", {"COLORS": 4, "REDUCE_STAGE": 0, "LINK_BITS": 64}),
    ("weft_router", {"COLORS": 8, "REDUCE_STAGE": 0}),
    ("weft_router", {"COLORS": 4, "REDUCE_STAGE": 2}),
    ("weft_mesh_port", {"COLORS": 4}),
    ("weft_mesh_port", {"COLORS": 8}),
    ("weft_mesh_port", {}),
    ("weft_router", {}),  # over a minute
]


def cells(package, top, parameters):
    sources = [str(package)] + [str(path) for folder in ("router", "mesh_port")
                                for path in sorted((ROOT / "rtl" / folder).glob("*.sv"))]
    settings = "".join(f"chparam -set {name} {value} {top}; " for name, value in parameters.items())
    script = (f"read_verilog -sv {' '.join(sources)}; {settings}hierarchy -top {top}; proc; flatten; "
              "chformal -remove; opt; memory_map; opt; techmap; opt; stat")
    done = subprocess.run(["yosys", "-p", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:])
    total = int(re.findall(r"Number of cells:\s+(\d+)", done.stdout)[-1])
    flops = sum(int(count) for count in re.findall(r"^\s+\$_S?DFFE?_\w+\s+(\d+)", done.stdout, re.M))
    return total, flops


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", required=True, type=pathlib.Path)
    options = parser.parse_args()
    print("| module | parameters | cells | of them flip-flops |\n|---|---|---|---|")
    for top, parameters in CONFIGURATIONS:
        total, flops = cells(options.package, top, parameters)
        text = ", ".join(f"{name} {value}" for name, value in parameters.items()) or "defaults"
        print(f"| `{top}` | {text} | {total:,} | {flops:,} |", flush=True)


if __name__ == "__main__":
    main()
