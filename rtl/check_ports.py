#!/usr/bin/env python3
"""Compares a module's ports with the list that its unit's description names.

check_ports.py --verilator PROGRAM --expected MODULE.ports --list FILE --module MODULE SOURCE...
The list (weft_units_gen writes it) has "input NAME WIDTH FORMULA" a line. Exit status 1 and a message a
port that differs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree


def expected_ports(path):
    ports = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        direction, name, width, formula = line.split(" ", 3)
        ports[name] = (direction, int(width), formula)
    return ports


def module_ports(verilator, module, sources):
    """Direction, width and "file:line" of each port, as Verilator elaborates the module with its default parameters."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "module.xml"
        run = subprocess.run(
            [verilator, "--xml-only", "-Wno-fatal", "--top-module", module, "--xml-output", output, *sources],
            capture_output=True, text=True, check=False)
        if run.returncode != 0:
            sys.exit(f"error: module {module} cannot be read:\n{run.stderr}")
        tree = xml.etree.ElementTree.parse(output)
    files = {each.get("id"): each.get("filename") for each in tree.iter("file")}
    types = {each.get("id"): each for table in tree.iter("typetable") for each in table}
    top = next(each for each in tree.iter("module") if each.get("topModule") == "1")
    ports = {}
    for variable in top.findall("var"):
        if variable.get("dir"):
            place = variable.get("loc").split(",")
            ports[variable.get("name")] = (variable.get("dir"), width_of(types[variable.get("dtype_id")]),
                                           f"{files[place[0]]}:{place[1]}")
    return ports


def width_of(kind):
    if kind.tag != "basicdtype":
        return None  # an enumeration, a structure: no such port is wanted
    return abs(int(kind.get("left", "0")) - int(kind.get("right", "0"))) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verilator", default="verilator")
    parser.add_argument("--expected", required=True)
    parser.add_argument("--list", required=True)
    parser.add_argument("--module", required=True)
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    wanted = expected_ports(options.expected)
    found = module_ports(options.verilator, options.module, options.sources)
    errors = []
    for name, (direction, width, formula) in wanted.items():
        if name not in found:
            errors.append(f"module {options.module} has no port {name}; "
                          f"{options.list} wants an {direction} of {formula} bits")
            continue
        is_direction, is_width, place = found[name]
        if (is_direction, is_width) != (direction, width):
            errors.append(f"{place}: port {name} is an {is_direction} of {is_width} bits; {options.list} wants an "
                          f"{direction} of {formula} = {width}")
    for name in found.keys() - wanted.keys():
        errors.append(f"{found[name][2]}: port {name} is not in {options.list}")
    for error in sorted(errors):
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
