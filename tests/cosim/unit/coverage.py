#!/usr/bin/env python3
"""Line, branch and toggle coverage of a unit's RTL.

usage: coverage.py [--least PERCENT] [--toggles] COVERAGE.DAT COMMAND...

Runs COMMAND, which writes COVERAGE.DAT, and prints per kind how many points were met and which were not. A point is met
if it is in any instance of its module. Fails below PERCENT (95) of lines or of branches; toggles are only reported.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

KINDS = {"v_line": "lines", "v_branch": "branches", "v_toggle": "toggles"}


def points(path):
    """{kind: {point: count}}"""
    out = collections.defaultdict(lambda: collections.defaultdict(int))
    for line in path.read_text(errors="surrogateescape").splitlines():
        match = re.match(r"C '(.*)' (\d+)$", line)
        if not match:
            continue
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part)
        kind = KINDS[fields["page"].split("/")[0]]
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
        subprocess.run(arguments.command, check=True)
    failed = False
    for kind, found in sorted(points(arguments.data).items()):
        holes = sorted(point for point, count in found.items() if not count)
        percent = 100 * (len(found) - len(holes)) / len(found)
        print(f"{kind}: {len(found) - len(holes)} of {len(found)}, {percent:.2f} %")
        for hole in holes:
            print(f"  not met: {hole}")
        failed |= kind != "toggles" and percent < arguments.least
    sys.exit("too few" if failed else 0)


main()
