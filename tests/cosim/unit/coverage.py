#!/usr/bin/env python3
"""Line, branch and toggle coverage of a unit's RTL.

usage: coverage.py [--least PERCENT] [--toggles] COVERAGE.DAT COMMAND...

Runs COMMAND, which writes COVERAGE.DAT, and prints per kind how many points were met and which were not. A point is met
if it is in any instance of its module. Fails below PERCENT (95) of lines or of branches, where there are none of either, and
on a file that it does not understand; toggles are only reported.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}
HEADER = "# SystemC::Coverage-3"


def points(path):
    """{kind: {point: count}}"""
    out = collections.defaultdict(lambda: collections.defaultdict(int))
    header, *lines = path.read_text(errors="surrogateescape").splitlines() or [""]
    if header != HEADER:
        sys.exit(f"{path}:1: not {HEADER}")
    for number, line in enumerate(lines, 2):
        match = re.match(r"C '(.*)' (\d+)$", line)
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part) if match else {}
        kind = KINDS.get(fields.get("page", "").split("/")[0])
        if not kind or not {"f", "l"} <= fields.keys():
            sys.exit(f"{path}:{number}: not a count of lines, branches or toggles: {line!r}")
        source = pathlib.Path(fields["f"]).name
        out[kind][f'{source}:{fields["l"]} {fields.get("o", "")}'] += int(match[2])
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--least", type=float, default=95)
    parser.add_argument("--toggles", action="store_true")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.command:
        arguments.data.unlink(missing_ok=True)  # not the counts of an earlier run
        subprocess.run(arguments.command, check=True)
    failed = False
    counts = points(arguments.data)
    for kind in ("lines", "branches"):
        if not counts[kind]:
            sys.exit(f"{arguments.data}: no {kind} are counted")
    for kind, found in sorted(counts.items()):
        holes = sorted(point for point, count in found.items() if not count)
        percent = 100 * (len(found) - len(holes)) / len(found)
        print(f"{kind}: {len(found) - len(holes)} of {len(found)}, {percent:.2f} %")
        for hole in holes:
            print(f"  not met: {hole}")
        failed |= kind != "toggles" and percent < arguments.least
    sys.exit("too few" if failed else 0)


main()
