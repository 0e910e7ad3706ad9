#!/usr/bin/env python3
"""Draws rows of `weft explore --export csv` as lines: one picture a value of --facet, one line a value of --series, and for
each x the best y of all the rows that have it.

  weft explore --export csv RESULTS.db | plot.py --x memory.sram_kib --y tokens_per_second --best max -o out.svg
"""
import argparse
import csv
import html
import math
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 330, 250, 62, 34, 12, 46
MARKS = ["M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0", "M-3,-3h6v6h-6z", "M0,-4L4,3H-4z", "M0,-4L4,0L0,4L-4,0z", "M-4,-3H4L0,4z",
         "M-3,-3L3,3M3,-3L-3,3"]
COLOURS = ["#3465a4", "#c4552d", "#4e8a3a", "#8a5aa8", "#a08020", "#2a8a8a"]
STYLE = ("text{font:12px sans-serif;fill:#222}.g{stroke:#ddd}.a{stroke:#888}.t{font-weight:bold}"
         "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#333}.a{stroke:#777}rect{fill:#111}}rect{fill:#fff}")


def points_of(rows, args):
    """facet -> series -> sorted (x, best y)"""
    better = max if args.best == "max" else min
    out = {}
    for row in rows:
        if row["status"] != "ok" or not row.get(args.y) or any(row[k] not in v for k, v in args.only.items()):
            continue
        facet, series = (row[name] if name else "" for name in (args.facet, args.series))
        line, x, y = out.setdefault(facet, {}).setdefault(series, {}), float(row[args.x]), float(row[args.y])
        line[x] = better(line.get(x, y), y)
    return {facet: {name: sorted(line.items()) for name, line in lines.items()} for facet, lines in out.items()}


def ticks(low, high, is_log):
    if is_log:
        found = [m * 10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)]
        found = [t for t in found if low * 0.999 <= t <= high * 1.001]
        return found if len(found) < 9 else [t for t in found if f"{t:e}".startswith("1")]
    step = 10 ** math.floor(math.log10((high - low) or 1))
    step = next(step * m for m in (0.1, 0.2, 0.5, 1, 2, 5) if (high - low) / (step * m) <= 6)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step * 1.0001) + 1)]


def label(value):
    if value >= 10000 or value == int(value):
        return f"{value / 1000:g}k" if value >= 10000 else f"{value:g}"
    return f"{value:.3g}"


class Axis:
    def __init__(self, values, is_log, start, end, from_zero=False):
        self.is_log, self.start, self.end = is_log, start, end
        self.low, self.high = min(values), max(values)
        if from_zero and not is_log:
            self.low = 0
        if self.low == self.high:
            self.low, self.high = self.low / 2, self.high * 2 or 1

    def __call__(self, value):
        f = math.log if self.is_log else float
        return self.start + (f(value) - f(self.low)) / (f(self.high) - f(self.low)) * (self.end - self.start)

    def ticks(self):
        return ticks(self.low, self.high, self.is_log)


def panel(title, lines, names, axes, args):
    x, y = axes
    out = [f'<text class="t" x="{LEFT}" y="20">{html.escape(title)}</text>']
    for tick in x.ticks():
        out.append(f'<line class="g" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
                   f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{label(tick)}</text>')
    for tick in y.ticks():
        out.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
                   f'<text x="{LEFT - 5}" y="{y(tick) + 4:.1f}" text-anchor="end">{label(tick)}</text>')
    for name, line in lines.items():
        i = names.index(name)
        colour, mark = COLOURS[i % len(COLOURS)], MARKS[i % len(MARKS)]
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        out += [f'<path transform="translate({x(a):.1f} {y(b):.1f})" d="{mark}" fill="{colour}" stroke="{colour}">'
                f"<title>{html.escape(f'{name} {a:g}: {b:.4g}')}</title></path>" for a, b in line]
    out.append(f'<path class="a" fill="none" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
               f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{html.escape(args.xlabel or args.x)}</text>')
    return "".join(out)


def draw(groups, args):
    every = [point for lines in groups.values() for line in lines.values() for point in line]
    names = list(dict.fromkeys(name for lines in groups.values() for name in lines))
    x = Axis([a for a, _ in every], args.logx, LEFT, WIDTH - RIGHT)
    panels = []
    for i, (facet, lines) in enumerate(groups.items()):
        own = every if args.same_y else [point for line in lines.values() for point in line]
        y = Axis([b for _, b in own], args.logy, HEIGHT - BOTTOM, TOP, from_zero=True)
        panels.append(f'<g transform="translate({i * WIDTH} 22)">{panel(facet, lines, names, (x, y), args)}</g>')
    legend, at = [], LEFT
    for i, name in enumerate(names if names != [""] else []):
        legend.append(f'<path transform="translate({at} 12)" d="{MARKS[i % 6]}" fill="{COLOURS[i % 6]}" stroke="{COLOURS[i % 6]}"/>'
                      f'<text x="{at + 9}" y="16">{html.escape(name)}</text>')
        at += 26 + 7 * len(name)
    width = max(WIDTH * len(panels), at)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + 22}" width="{width}" '
            f'height="{HEIGHT + 22}" role="img"><title>{html.escape(args.ylabel or args.y)}</title><style>{STYLE}</style>'
            f'<rect width="100%" height="100%"/><text x="{width - RIGHT}" y="16" text-anchor="end">{html.escape(args.ylabel or args.y)}</text>'
            f'{"".join(legend)}{"".join(panels)}</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--x", required=True)
    parser.add_argument("--y", required=True)
    parser.add_argument("--series", default="")
    parser.add_argument("--facet", default="workload")
    parser.add_argument("--best", choices=["min", "max"], default="min")
    parser.add_argument("--only", action="append", default=[], metavar="COLUMN=VALUE,VALUE")
    parser.add_argument("--logx", action="store_true")
    parser.add_argument("--logy", action="store_true")
    parser.add_argument("--same-y", action="store_true", help="one scale for all pictures")
    parser.add_argument("--xlabel")
    parser.add_argument("--ylabel")
    parser.add_argument("-o", dest="output", required=True)
    args = parser.parse_args()
    args.only = {k: v.split(",") for k, v in (each.split("=", 1) for each in args.only)}
    groups = points_of(csv.DictReader(sys.stdin), args)
    if not groups:
        sys.exit("plot.py: no row has these columns")
    with open(args.output, "w", encoding="utf-8") as file:
        file.write(draw(groups, args))


if __name__ == "__main__":
    main()
