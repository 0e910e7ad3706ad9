#!/usr/bin/env python3
"""How the costs of distributed algorithms grow with the mesh: measured by `weft kernel`, drawn into docs/.

    bench/plmr.py measure        runs the programs and writes docs/plmr.csv
    bench/plmr.py draw           draws docs/plmr-gemm.svg and docs/plmr-sum.svg from it
    bench/plmr.py table          prints the table of docs/plmr.md
"""
import csv
import json
import math
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

SOURCE = pathlib.Path(__file__).resolve().parents[1]
DOCS = SOURCE / "docs"
COLUMNS = ("primitive", "algorithm", "cores", "paths", "hops", "steps", "bytes", "cycles", "hop_cycles", "stage_cycles")

# Enough colours for a row and a column of 32 cores, room for whole rows of blocks, no boundaries of dies.
MACHINE = {"routing.colors": 64, "memory.sram_kib": 1024, "latency.die_crossing.cycles": 0, "latency.hop": 2,
           "latency.stream_stage": 6}
GEMM_SIDE = 768  # of all matrices, whatever the mesh: each of its divisors below makes whole blocks


class Program(NamedTuple):
    primitive: str
    algorithm: str
    label: str
    settings: dict
    cores: tuple  # of a side of the mesh, or of a line


PROGRAMS = (
    Program("gemm", "meshgemm", "MeshGEMM", {}, (8, 16, 32, 64, 128)),
    Program("gemm", "cannon", "Cannon", {}, (8, 16, 32, 64)),
    Program("gemm", "summa", "SUMMA", {"broadcast": "multicast"}, (8, 16, 32)),
    Program("gemm", "allgather", "all-gather", {}, (8, 16, 32)),
    Program("gemm", "gemm-t", "GEMM-T", {}, (8, 16, 32, 64)),
    Program("allreduce", "chain", "chain", {}, (16, 64, 256, 1024)),
    Program("allreduce", "ring", "ring", {}, (16, 64, 256, 1024)),
    Program("allreduce", "ktree", "K-tree, K=2", {"k": 2}, (16, 64, 256, 1024)),
    Program("allreduce", "ktree", "K-tree, K=3", {"k": 3}, (27, 125, 343, 729)),
    Program("allreduce", "auto", "made tree", {}, (16, 64, 256, 1024)),
)

# Exponents of growth with the cores of a side that WaferLLM (OSDI 2025, section on PLMR compliance) claims, by column.
# A K-tree's stages grow with N^(1/K).
CLAIMS = {
    "MeshGEMM": {"paths": 0, "hops": 0, "steps": 1, "bytes": -2},
    "Cannon": {"paths": 0, "hops": 1, "bytes": -2},
    "SUMMA": {"paths": 1, "hops": 1, "bytes": -2},
    "all-gather": {"paths": 1, "hops": 1, "bytes": -1},
    "chain": {"paths": 0, "hop_cycles": 1, "stage_cycles": 1},
    "ring": {"paths": 0, "steps": 1, "stage_cycles": 1},
    "K-tree, K=2": {"paths": 0, "hop_cycles": 1, "stage_cycles": 1 / 2},
    "K-tree, K=3": {"paths": 0, "hop_cycles": 1, "stage_cycles": 1 / 3},
}


def weft(program, cores, changes):
    """The report of one run."""
    gemm = program.primitive == "gemm"
    command = [str(pathlib.Path(os.environ.get("WEFT_BIN", SOURCE / "build" / "bin")) / "weft"), "kernel",
               program.primitive, "--hw", "wse3", "--mesh", f"{cores if gemm else 1}x{cores}",
               "--shape", "x".join([str(GEMM_SIDE)] * 3) if gemm else "1", "--algo", program.algorithm, "--json", "-"]
    settings = dict(MACHINE, **program.settings, **({} if gemm else {"repeats": 1}), **changes)
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(program, cores):
    """One row of the table. hop_cycles: cycles more if each hop takes one more; stage_cycles: if each stage in which a
    core adds up what passes does."""
    report = weft(program, cores, {})
    longer = {key: weft(program, cores, {f"latency.{key}": MACHINE[f"latency.{key}"] + 1})["cycles"] - report["cycles"]
              for key in ("hop", "stream_stage")}
    values = (program.primitive, program.label, cores, report["paths_per_core"], report["max_hops"], report["steps"],
              report["bytes_per_core"], report["cycles"], longer["hop"], longer["stream_stage"])
    return dict(zip(COLUMNS, values))


def exponent(rows, column):
    """Of growth with the cores: the slope of a line through logarithms, by least squares."""
    points = [(math.log(float(row["cores"])), math.log(float(row[column]))) for row in rows if float(row[column]) > 0]
    x0, y0 = (sum(point[i] for point in points) / len(points) for i in (0, 1))
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def read():
    with open(DOCS / "plmr.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def of(rows, label):
    return [row for row in rows if row["algorithm"] == label]


def table(rows):
    names = {"paths": "paths a core", "hops": "longest message, hops", "steps": "steps", "bytes": "bytes a core",
             "hop_cycles": "cycles for a cycle more a hop", "stage_cycles": "cycles for a cycle more a stage"}
    lines = ["| algorithm | cost | claimed to grow with | measured exponent | at the most cores |", "|---|---|---|---|---|"]
    power = {0: "1", 1: "N", -1: "1/N", -2: "1/N²", 1 / 2: "N^1/2", 1 / 3: "N^1/3"}
    for label, claims in CLAIMS.items():
        for column, claim in claims.items():
            last = max(of(rows, label), key=lambda row: int(row["cores"]))
            lines.append(f"| {label} | {names[column]} | {power[claim]} | {exponent(of(rows, label), column):.2f} | "
                         f"{float(last[column]):g} (N = {last['cores']}) |")
    return "\n".join(lines)


# ---- pictures ---------------------------------------------------------------------------------------------------------

STYLE = """text{font:12px sans-serif;fill:#1b1f24}.t{font-weight:bold}.g{stroke:#8c959f;stroke-opacity:.35}.b{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.b{fill:#0d1117}}"""
COLOURS = ("#1f7ae0", "#d1690e", "#1a9c5b", "#b5398f", "#8a7a12")
WIDTH, HEIGHT, LEFT, TOP = 300, 210, 56, 34


def short(number):
    return next((f"{number / size:g}{unit}" for size, unit in ((1e6, "M"), (1e3, "k")) if number >= size), f"{number:g}")


def ticks(low, high):
    return [10 ** k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def panel(rows, labels, column, title, x0, of_what):
    """One diagram, both axes logarithmic, each line with its name at its end."""
    rows = [row for row in rows if row["algorithm"] in labels and float(row[column]) > 0]
    xs, ys = ([float(row[key]) for row in rows] for key in ("cores", column))
    marks = ticks(min(ys), max(ys))
    span_x, low_y = (math.log(min(xs)), math.log(max(xs))), math.log(marks[0])
    span_y = max(math.log(marks[-1]) - low_y, 1e-9)

    def place(x, y):
        return (x0 + LEFT + (math.log(x) - span_x[0]) / (span_x[1] - span_x[0]) * (WIDTH - LEFT - 96),
                TOP + (1 - (math.log(y) - low_y) / span_y) * (HEIGHT - TOP - 40))

    out = [f'<text class="t" x="{x0 + LEFT}" y="18">{title}</text>']
    right = place(max(xs), marks[0])[0]
    for mark in marks:
        y = place(min(xs), mark)[1]
        out.append(f'<path class="g" d="M{x0 + LEFT} {y:.1f}H{right:.1f}"/>'
                   f'<text x="{x0 + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(mark)}</text>')
    for value in sorted(set(xs) if len(set(xs)) < 6 else {min(xs), 64, 256, max(xs)}):
        out.append(f'<text x="{place(value, marks[0])[0]:.1f}" y="{HEIGHT - 22}" text-anchor="middle">{value:g}</text>')
    out.append(f'<text x="{(x0 + LEFT + right) / 2:.1f}" y="{HEIGHT - 6}" text-anchor="middle">cores of a {of_what}</text>')
    ends = []
    for number, (label, colour) in enumerate(zip(labels, COLOURS)):  # thinner ones last, so that all can be seen
        points = sorted((float(row["cores"]), float(row[column])) for row in of(rows, label))
        if not points:
            continue
        spots = [place(*point) for point in points]
        out.append(f'<path fill="none" stroke="{colour}" stroke-width="{6 - number:g}" d="M'
                   + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4.5 - number / 2:g}" fill="{colour}"/>' for x, y in spots]
        ends.append([spots[-1][1], label, colour])
    ends.sort()
    for before, end in zip(ends, ends[1:]):  # names do not cover each other
        end[0] = max(end[0], before[0] + 14)
    overlap = max(0, ends[-1][0] - (HEIGHT - 42))
    for y, label, colour in ends:
        out.append(f'<text x="{right + 8:.1f}" y="{y + 4 - overlap:.1f}" style="fill:{colour}">{label}</text>')
    return "\n".join(out)


def picture(rows, labels, panels, name, of_what):
    body = "\n".join(panel(rows, labels, column, title, i * WIDTH, of_what) for i, (column, title) in enumerate(panels))
    width = WIDTH * len(panels)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{name}">'
            f"<style>{STYLE}</style>\n<rect class=\"b\" width=\"{width}\" height=\"{HEIGHT}\"/>\n{body}\n</svg>\n")


def pictures(rows):
    labels = {kind: [p.label for p in PROGRAMS if p.primitive == kind] for kind in ("gemm", "allreduce")}
    return {
        "plmr-gemm.svg": picture(rows, labels["gemm"], (("paths", "paths a core"), ("hops", "longest message, hops"),
                                                        ("bytes", "bytes a core")), "GEMM: costs by cores", "side"),
        "plmr-sum.svg": picture(rows, labels["allreduce"],
                                (("stage_cycles", "stages on the critical path"),
                                 ("hop_cycles", "hops on the critical path"), ("cycles", "cycles")),
                                "all-reduce: costs by cores", "line"),
    }


def main(command):
    if command == "measure":
        rows = [measure(program, cores) for program in PROGRAMS for cores in program.cores]
        with open(DOCS / "plmr.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    elif command == "draw":
        for name, text in pictures(read()).items():
            (DOCS / name).write_text(text, encoding="utf-8")
    elif command == "table":
        print(table(read()))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
