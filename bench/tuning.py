"""What `weft tune` finds: best over default for the products of four language models, on two cores and on two wafers, and how
many trials it takes to come within 2 % of the best of all choices."""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

# hidden and intermediate features
MODELS = {"LLaMA3-8B": (4096, 14336), "LLaMA2-13B": (5120, 13824), "CodeLLaMA-34B": (8192, 22016), "QWen2-72B": (8192, 29568)}
CORES = ["rvv-lab", "sifive-x280"]
SIDE = 32             # cores a side that a product of these lies on
TOKENS_A_ROW = 16     # of a prefill of 512 tokens
WAFERS, WAFER_MESH = ["wse2", "wse3"], "360x360"
CORE_TRIALS, WAFER_TRIALS = 40, 150
# Best over default as measured with so many trials, by row; nothing is demanded where there was none to speak of, or where
# it was not measured with these trials.
GAINS = {
    ("gemm", "rvv-lab"): [1.107, 1.149, 1.113, None],
    ("gemv", "rvv-lab"): [None, 1.036, 1.035, 1.025],
    ("gemm", "sifive-x280"): [1.020, 1.035, 1.041, None],
    ("gemv", "sifive-x280"): [None, None, None, 1.012],
    ("gemv", "wse2"): [1.041, None, None, None],
    ("gemv", "wse3"): [1.316, 1.249, 1.025, None],
}
# Few enough choices to try them all; a tile of a small mesh.
ENUMERATED, SEEDS, CLOSE = ["gemm_r4_k16_n16_f32", "gemm_r1_k64_n96_f32", "gemm_r2_k32_n48_f32"], [1, 2, 3, 4, 5], 1.02


def tuned(weft, folder, *arguments):
    """The results of one call, each with `gain`."""
    report = pathlib.Path(folder, "tune.json")
    done = subprocess.run([str(weft), "tune", *map(str, arguments), "--json", str(report)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: weft tune {' '.join(map(str, arguments))}\n  ended with status {done.returncode}:\n{done.stderr}")
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    for result in results:
        result["gain"] = result["default_cycles"] / result["cycles"]
        if result["rejected"]:
            sys.exit(f"bench: {result['title']}: {result['rejected']} choices compute something else")
    return results


def tile(hidden, wide, rows):
    """The part of a core of 32x32: of the product from hidden to intermediate features."""
    return f"gemm_r{rows}_k{hidden // SIDE}_n{-(-wide // SIDE)}_f16"


def floor_of(kind, machine, model):
    """Half of the gain that was measured."""
    gain = GAINS[kind, machine][list(MODELS).index(model)]
    return gain and (1 + gain) / 2


def bench_cores(weft, folder, row):
    for core in CORES:
        names = [tile(*shape, rows) for shape in MODELS.values() for rows in (1, TOKENS_A_ROW)]
        results = tuned(weft, folder, *names, "--hw", core, "--trials", CORE_TRIALS, "--db",
                        pathlib.Path(folder, f"{core}.db"))
        for (model, kind), result in zip([(m, k) for m in MODELS for k in ("gemv", "gemm")], results):
            yield row(f"tune {kind} of {model}, a core of {SIDE}x{SIDE} {core}, best over default", result["gain"], "x",
                      floor=floor_of(kind, core, model))


def bench_wafers(weft, folder, row):
    for wafer in WAFERS:
        shapes = [word for hidden, wide in MODELS.values() for word in ("--shape", f"{hidden}x{wide}")]
        results = tuned(weft, folder, "gemv", *shapes, "--hw", wafer, "--mesh", WAFER_MESH, "--trials", WAFER_TRIALS, "--db",
                        pathlib.Path(folder, f"{wafer}.db"))
        for model, result in zip(MODELS, results):
            yield row(f"tune gemv of {model} on {WAFER_MESH} of {wafer}, best over default", result["gain"], "x",
                      floor=floor_of("gemv", wafer, model))


def bench_search(weft, folder, row):
    """Each strategy begins with an empty file: trials count, not what was known before."""
    for name in ENUMERATED:
        everything = tuned(weft, folder, name, "--hw", "rvv-lab", "--strategy", "exhaustive", "--no-reorder", "--db",
                           pathlib.Path(folder, f"{name}-all.db"))[0]
        needed = []
        for seed in SEEDS:
            some = tuned(weft, folder, name, "--hw", "rvv-lab", "--strategy", "evolution", "--no-reorder", "--seed", seed, "--db",
                         pathlib.Path(folder, f"{name}-{seed}.db"))[0]
            close = [n for n, best in enumerate(some["history"], 1) if best <= CLOSE * everything["cycles"]]
            # A search that ends before it is as close would have needed all of them.
            needed.append(close[0] if close else everything["space"])
        yield row(f"tune {name} on rvv-lab, choices", everything["space"], "")
        yield row(f"the same, trials of evolution to within 2 % of the best, median of {len(SEEDS)} seeds",
                  statistics.median(needed), "")


def bench_tuning(weft, row):
    with tempfile.TemporaryDirectory(prefix="weft-bench-tune-") as folder:
        return [*bench_cores(weft, folder, row), *bench_wafers(weft, folder, row), *bench_search(weft, folder, row)]
