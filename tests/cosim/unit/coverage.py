#!/usr/bin/env python3
"""Line, branch and toggle coverage of a unit's RTL.

usage: coverage.py [--least PERCENT] [--toggles TOGGLES.DAT --unit UNIT --holes FILE.md] COVERAGE.DAT COMMAND...

Runs COMMAND, which writes COVERAGE.DAT and TOGGLES.DAT, and prints per kind how many points were met and which were not. A
line or branch is met if it is in any instance of its module, a bit of a signal if it rose and fell (sim/cosim/toggles). Fails
below PERCENT (95) of lines or of branches, where there are none of either, and on a file that it does not understand.

Toggles of a unit that FILE.md does not have are only reported. Of others every bit that is not met has to be in a row for UNIT
of the table that explains them:

    | unit | signals | why they do not toggle |
    | dot | `i_back.flags` 4:3, `i_*.lost` | ... |

A name is matched from its right end, `*` within a name and `[*]` for any number; bits are counted from the right, and all
if none are given. A row that explains nothing fails, too: it is out of date.
"""
import argparse
import collections
import itertools
import pathlib
import re
import subprocess
import sys

KINDS = {"v_line": "lines", "v_branch": "branches"}
HEADER = "# SystemC::Coverage-3"
TOGGLES_HEADER = "# weft toggles 1"
HOLES_HEADER = "| unit | signals | why they do not toggle |"


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
            sys.exit(f"{path}:{number}: not a count of lines or branches: {line!r}")
        source = pathlib.Path(fields["f"]).name
        out[kind][f'{source}:{fields["l"]} {fields.get("o", "")}'] += int(match[2])
    return out


def toggles(path):
    """{signal: a character a bit, from the left; + if it is met}"""
    header, *lines = path.read_text().splitlines() or [""]
    if header != TOGGLES_HEADER:
        sys.exit(f"{path}:1: not {TOGGLES_HEADER}")
    out = {}
    for number, line in enumerate(lines, 2):
        match = re.fullmatch(r"(\S+) ([-rf+]+)", line)
        if not match:
            sys.exit(f"{path}:{number}: not a signal and its bits: {line!r}")
        out[match[1]] = match[2]
    if not out:
        sys.exit(f"{path}: no toggles are counted")
    return out


class Explanation:
    """A name of the table, with its bits."""

    def __init__(self, text, pattern, bits):
        self.text, self.used = text, 0
        parts = (re.escape(part) for part in pattern.replace("[*]", "\0").split("*"))
        self.name = re.compile(r"(.*\.)?" + "[^.]*".join(parts).replace("\0", r"\[\d+\]"))
        high, _, low = bits.partition(":")
        self.high, self.low = (int(high), int(low or high)) if bits else (1 << 30, 0)

    def covers(self, signal, bit):
        found = self.low <= bit <= self.high and self.name.fullmatch(signal) is not None
        self.used += found
        return found


def explanations(path, unit):
    """Those of a unit, from the table in a document."""
    out, inside = [], False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        inside = line == HOLES_HEADER or (inside and line.startswith("|"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not inside or cells[0] != unit:
            continue
        for text in cells[1].split(", "):
            match = re.fullmatch(r"`([^` ]+)`(?: (\d+(?::\d+)?))?", text)
            if not match:
                sys.exit(f"{path}:{number}: not a signal: {text!r}")
            out.append(Explanation(text, match[1], match[2] or ""))
    return out


def report_toggles(data, known):
    """Prints them, and returns whether the table fits."""
    signals = toggles(data)
    holes = [(signal, len(bits) - 1 - i) for signal, bits in signals.items() for i, sign in enumerate(bits) if sign != "+"]
    # Every name that covers a hole is used, not only the first.
    unexplained = [hole for hole in holes if not [each for each in known if each.covers(*hole)]]
    bits = sum(map(len, signals.values()))
    print(f"toggles: {bits - len(holes)} of {bits} bits, {100 * (bits - len(holes)) / bits:.2f} %")
    print(f"  explained: {len(holes) - len(unexplained)}, not: {len(unexplained)}")
    for signal, group in itertools.groupby(unexplained, lambda hole: hole[0]):
        print(f"  not met: {signal} {' '.join(str(bit) for _, bit in group)}")
    stale = [each.text for each in known if not each.used]
    for text in stale:
        print(f"  explained, but met or not there: {text}")
    return not known or (not unexplained and not stale)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--least", type=float, default=95)
    parser.add_argument("--toggles", type=pathlib.Path)
    parser.add_argument("--unit", default="")
    parser.add_argument("--holes", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.command:
        for each in filter(None, (arguments.data, arguments.toggles)):
            each.unlink(missing_ok=True)  # not the counts of an earlier run
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
        failed |= percent < arguments.least
    if failed:
        sys.exit("too few")
    if arguments.toggles:
        known = explanations(arguments.holes, arguments.unit) if arguments.holes else []
        if not report_toggles(arguments.toggles, known):
            sys.exit(f"the table of bits that do not toggle, {arguments.holes}, is not that of this run")


main()
