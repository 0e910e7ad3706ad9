#!/usr/bin/python3
"""Measures Weft and prints one table: what, value, unit, target, whether it was met.

Times are medians of several runs of the programs in BUILD/bin; rates come from the Google Benchmark programs there
(every *_bench), as the median of their repetitions. The load of the machine stands above the table: on a busy machine the
numbers are too pessimistic. `./dev bench` builds first and then calls this.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass

import big_model
import wafers
from tuning import bench_tuning

SOURCE = pathlib.Path(__file__).resolve().parents[1]
MODEL = SOURCE / "examples" / "models" / "bard-1m"
HARDWARE = ["--hw", "rvv-mesh-16", "--mesh", "16x16"]
TOKENS = 64
REDUCTION_MESHES = [("rvv-mesh-16", "16x16"), ("rvv-lab", "5x7"), ("rvv-lab", "7x5"), ("rvv-lab", "13x11")]

# Upper limits: the promises of the project, on two cores.
RUN_LIMIT_S, COMPILE_LIMIT_S, BUILD_LIMIT_S = 30.0, 5.0, 480.0

# Promises about counters, by the name of their row: not above, and not below.
COUNTER_LIMITS = {
    "kernel_insns_bench: countInstructions/gemm_f32/iterations:1, instructions per mac": 0.075,
    "kernel_insns_bench: countInstructions/gemv_f32/iterations:1, instructions per mac": 0.068,
    "kernel_insns_bench: countInstructions/gemv_q8/iterations:1, instructions per mac": 0.14,
    "kernel_insns_bench: countInstructions/gemv_q4/iterations:1, instructions per mac": 0.14,
    # 850,000 cores well under 1 GB.
    "maxplus_bench: meshGemm/920, bytes a core": 200,
    "maxplus_bench: allReduce/920, bytes a core": 100,
}
COUNTER_FLOORS = {
    "kernel_insns_bench: timeOnFourLanes/gemm_f32/iterations:1, fpu utilisation": 0.95,
    "iss_bench: mixedLoop, instructions": 3 * 476e6,  # three times the reference simulator's
    "iss_bench: matmulSingle, macs": 1e9,
    "maxplus_bench: meshGemm/720, core steps/s": 500e6,
    "explore_bench: evaluate8b/analytic, points": 1e5,
    "explore_bench: evaluate8b/engine, points": 20,
    # What units save in the instruction-set simulator: a tenth or more below what was measured when these were set, so
    # that a kernel may change a little.
    "units_bench: dot_gemm_56x256x256/iterations:1, speedup": 3.0,
    "units_bench: dot_gemm_56x256x256/iterations:1, speedup over f32": 3.0,
    "units_bench: dot_gemm_8x32x96/iterations:1, speedup": 2.2,
    "units_bench: dot_gemv_1024x256/iterations:1, speedup": 4.0,
    "units_bench: exp_softmax_16x256/iterations:1, speedup": 1.2,
    "units_bench: exp_exp_sum_16x256/iterations:1, speedup": 4.0,
    "units_bench: exp_silu_16x256/iterations:1, speedup": 1.2,
    # What routers save that add up, in the mesh engine. Of few words on long lines they lose, and are not chosen.
    "reduce_bench: allReduce/cores:4/words:1/iterations:1, speed-up": 1.3,
    "reduce_bench: allReduce/cores:16/words:32/iterations:1, speed-up": 1.6,
    "reduce_bench: allReduce/cores:16/words:512/iterations:1, speed-up": 1.3,
    "reduce_bench: allReduce/cores:256/words:512/iterations:1, speed-up": 1.4,
}
# The same of units in the mesh engine, in the prefill of a whole model: of its products of matrices, of the softmax
# loop of its attention, and of all of it.
UNIT_FLOORS = {("i8", "[dot]"): {"GEMM": 2.9, "all": 1.5},
               ("bf16", "[exp]"): {"softmax loop": 1.25, "all": 1.03},
               ("i8", "[dot, exp]"): {"GEMM": 2.9, "softmax loop": 1.25, "all": 1.7}}

# What a Google Benchmark entry holds beside the counters of the program.
BENCHMARK_KEYS = {"name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions",
                  "repetition_index", "threads", "aggregate_name", "aggregate_unit", "iterations", "real_time", "cpu_time",
                  "time_unit", "label", "error_occurred", "error_message"}


@dataclass
class Row:
    name: str
    value: float
    unit: str
    limit: float = None  # not above this
    floor: float = None  # not below this

    def met(self):
        if self.limit is None and self.floor is None:
            return None
        return (self.limit is None or self.value <= self.limit) and (self.floor is None or self.value >= self.floor)

    def target(self):
        sign, bound = ("<=", self.limit) if self.limit is not None else (">=", self.floor)
        return " ".join([sign, *scaled(bound, self.unit)]).rstrip() if bound is not None else ""


def checked(command, **options):
    """Runs a program that must succeed; returns its standard output."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(str(word) for word in command)}\n  ended with status {done.returncode}:\n{done.stderr}")
    return done.stdout


def median_seconds(repetitions, command, **options):
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        checked(command, **options)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def bench_demo(weft, repetitions):
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        package, report = pathlib.Path(folder, "bard-1m.weft"), pathlib.Path(folder, "run.json")
        compile_s = median_seconds(repetitions, [weft, "compile", MODEL, *HARDWARE, "-o", package])
        run_s = median_seconds(repetitions, [weft, "run", package, "--prompt", "ROMEO:", "--max-new", TOKENS, "--json", report])
        timing_s = median_seconds(repetitions, [weft, "run", package, "--prompt", "ROMEO:", "--max-new", TOKENS, "--timing-only"])
        with open(report, encoding="utf-8") as file:
            made = len(json.load(file)["tokens"])
    # A run that stops early is quick and proves nothing.
    if made != TOKENS:
        sys.exit(f"bench: the run made {made} tokens, not {TOKENS}: its time would not be comparable")
    return [Row("compile bard-1m for 16x16", compile_s, "s", COMPILE_LIMIT_S),
            Row(f"run bard-1m on 16x16, {TOKENS} tokens", run_s, "s", RUN_LIMIT_S),
            Row("the same, timing only, relative to it", timing_s / run_s, "x")]


def prefill_cycles(report):
    """Of a prefill: of all of it, of its products of matrices (which move as they multiply), and of what attention computes in
    its loop over blocks of the cache, which is softmax but for two products."""
    ops = [op for op in report["per_op"] if op["phase"] == "prefill"]
    return {"GEMM": sum(op["cycles"] for op in ops if op["kind"] == "compute_shift"),
            "softmax loop": sum(op["compute"] for op in ops if op["kind"] == "loop" and op["op"].endswith("self_attn")),
            "all": report["cycles"]["prefill"]}


def bench_units(weft):
    """What units of the cores bring a whole model in the mesh engine, by type of weights."""
    tokens = ",".join(str(token) for token in range(2, 2 + TOKENS))
    cycles, rows = {}, []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        report = pathlib.Path(folder, "run.json")
        for dtype, units in [("bf16", "[]"), ("i8", "[]"), *UNIT_FLOORS]:
            checked([weft, "run", MODEL, "--hw", "rvv-lab", "--mesh", "4x4", "--max-seq", "128", "--dtype", dtype, "--set",
                     f"parallelism.core.units={units}", "--tokens", tokens, "--max-new", 1, "--timing-only", "--json", report])
            cycles[dtype, units] = prefill_cycles(json.loads(report.read_text(encoding="utf-8")))
            name = f"prefill of {TOKENS} tokens, bard-1m on 4x4, {dtype}, units {units}"
            rows.append(Row(name, cycles[dtype, units]["all"], "cycles"))
            for what, floor in UNIT_FLOORS.get((dtype, units), {}).items():
                rows.append(Row(f"{name}, {what}, speed-up", cycles[dtype, "[]"][what] / cycles[dtype, units][what], "x",
                                floor=floor))
    return rows


def bench_reductions(weft):
    """Cycles that bard-1m takes where the routers add words up, and where the same machine's cores do."""
    rows = []
    for hardware, mesh in REDUCTION_MESHES:
        cycles = {}
        for choice in ("core", "router"):
            with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
                report = pathlib.Path(folder, "run.json")
                checked([weft, "run", MODEL, "--hw", hardware, "--mesh", mesh, "--max-seq", 128, "--set", "routing.reduce_stage=4",
                         "--reduce", choice, "--prompt", "ROMEO:", "--max-new", 4, "--timing-only", "--json", report])
                with open(report, encoding="utf-8") as file:
                    cycles[choice] = json.load(file)["cycles"]
        for phase, of in (("prefill of 6 tokens", lambda c: c["prefill"]), ("decode of a token", lambda c: c["decode"][-1])):
            name = f"bard-1m on {mesh}, {phase}"
            rows += [Row(f"{name}, sums by cores, cycles", of(cycles["core"]), ""),
                     Row(f"{name}, sums by routers, cycles", of(cycles["router"]), ""),
                     Row(f"{name}, speed-up by routers", of(cycles["core"]) / of(cycles["router"]), "x", floor=1.0)]
    return rows


def bench_program(program, repetitions):
    """Rows of one Google Benchmark program: its counters, or the time of a benchmark without any."""
    output = checked([program, "--benchmark_format=json", f"--benchmark_repetitions={repetitions}"])
    rows = []
    for entry in json.loads(output)["benchmarks"]:
        if entry.get("error_occurred"):
            sys.exit(f"bench: {program.name}, {entry['name']}: {entry['error_message']}")
        if repetitions > 1 and entry.get("aggregate_name") != "median":
            continue
        name = f"{program.name}: {entry['run_name']}"
        counters = {key: value for key, value in entry.items() if key not in BENCHMARK_KEYS and isinstance(value, (int, float))}
        for key, value in counters.items():
            what, rate, _ = key.partition("_per_second")
            full = f"{name}, {what.replace('_', ' ')}"
            rows.append(Row(full, value, "/s" if rate else "", COUNTER_LIMITS.get(full), COUNTER_FLOORS.get(full)))
        if not counters:
            rows.append(Row(name, entry["real_time"], entry["time_unit"]))
    return rows


def bench_build():
    """Wall time of a build from nothing, as a newcomer has it: no ccache, no build tree."""
    environment = dict(os.environ, CCACHE_DISABLE="1")
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        tree = pathlib.Path(folder, "weft")
        checked(["git", "clone", "-q", SOURCE, tree])
        return [Row("clean build, without ccache", median_seconds(1, [tree / "dev", "build"], env=environment), "s", BUILD_LIMIT_S)]


def scaled(value, unit):
    """Three digits and a unit with its prefix: a time or a rate has no more than that to say."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor and unit in ("/s", ""):
            return f"{value / factor:.3g}", prefix + unit
    return f"{value:.3g}", unit


def print_table(rows):
    verdict = {None: "", True: "yes", False: "NO"}
    cells = [("what", "value", "unit", "target", "met")]
    cells += [(r.name, *scaled(r.value, r.unit), r.target(), verdict[r.met()]) for r in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    for index, row in enumerate(cells):
        aligned = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), *(row[i].ljust(widths[i]) for i in (2, 3, 4))]
        print("  ".join(aligned).rstrip())
        if index == 0:
            print("  ".join("-" * width for width in widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", type=pathlib.Path, default=SOURCE / "build", help="where the programs were built")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N", help="runs of each measurement (default 3)")
    parser.add_argument("--build", action="store_true", help="measure a clean build of the last commit, too (minutes)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the table as JSON, too")
    parser.add_argument("--check", action="store_true", help="end with status 1 if a target is missed")
    args = parser.parse_args()
    if args.repetitions < 1:
        parser.error("--repetitions: expected 1 or more")
    programs = args.build_dir.resolve() / "bin"
    if not (programs / "weft").exists():
        sys.exit(f"bench: {programs / 'weft'} is missing; build it with ./dev build")

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, median of {args.repetitions}\n", flush=True)
    rows = bench_demo(programs / "weft", args.repetitions)
    rows += bench_units(programs / "weft") + bench_reductions(programs / "weft")
    rows += bench_tuning(programs / "weft", Row)
    rows += [Row(*each) for each in wafers.measure(programs / "weft", args.repetitions)]
    rows += [Row(*each) for each in big_model.measure(programs / "weft")]
    for program in sorted(programs.glob("*_bench")):
        rows += bench_program(program, args.repetitions)
    # A promise about a row that is not there could never be broken.
    if lost := sorted({*COUNTER_LIMITS, *COUNTER_FLOORS} - {row.name for row in rows}):
        sys.exit(f"bench: no program has the row '{lost[0]}'")
    if args.build:
        rows += bench_build()
    print_table(rows)
    if args.json:
        args.json.write_text(json.dumps([dict(asdict(row), met=row.met()) for row in rows], indent=1) + "\n", encoding="utf-8")
    if args.check and any(row.met() is False for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
