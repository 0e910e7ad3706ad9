#!/usr/bin/env python3
"""Kernels on this machine and in the simulator of the core, and what they cost: the same model, the same everything."""
import json
import os
import sqlite3
import unittest

from cli_support import BARD, SOURCE, TestCase, main

STORIES = SOURCE.parent / "shared" / "models" / "stories260k"
MACHINES = (("--hw", "rvv-lab", "--mesh", "5x3", "--max-seq", "80"), ("--hw", "rvv-lab", "--mesh", "4x4", "--max-seq", "80"),
            ("--hw", "rvv-mesh-16", "--max-seq", "64"))


class Engine(TestCase):
    def runs(self, package, engine, tokens, *options):
        out, logits = self.folder / f"{engine}.json", self.folder / f"{engine}.npy"
        self.weft("run", package, "--engine", engine, "--tokens", tokens, "--max-new", "6", "--cost-cache", self.folder / "costs.db",
                  "--json", out, "--logits", logits, *options)
        return json.loads(out.read_text()), logits.read_bytes()

    def compare(self, model, machine, tokens):
        package = self.compiled_package(model, *machine)
        native, native_logits = self.runs(package, "native", tokens)
        simulated, simulated_logits = self.runs(package, "iss", tokens)
        self.assertEqual((native["engine"], simulated["engine"]), ("native", "iss"))
        self.assertEqual(native["tokens"], simulated["tokens"])
        self.assertEqual(native["cycles"], simulated["cycles"])
        self.assertTrue(native_logits == simulated_logits, "logits differ in some bit")
        self.assertEqual(native["kernel_costs"]["source"], "measured")
        for phase in ("prefill", "decode"):
            self.assertEqual(native["counters"][phase]["instructions"], 0)
            self.assertGreater(simulated["counters"][phase]["instructions"], simulated["counters"][phase]["kernel_calls"])

    def test_bard_is_the_same_on_both_engines(self):
        for machine in (MACHINES[0], MACHINES[2]):
            with self.subTest(machine=machine):
                self.compare(BARD, machine, "1,17,9")

    def test_units_are_the_same_on_both_engines(self):
        for dtype in ("bf16", "i8"):
            with self.subTest(dtype=dtype):
                self.compare(BARD, (*MACHINES[1], "--dtype", dtype, "--set", "parallelism.core.units=[dot, exp]"), "1,17,9")

    @unittest.skipUnless(STORIES.exists(), f"{STORIES} is not here")
    def test_stories_is_the_same_on_both_engines(self):
        for machine in MACHINES[1:2]:
            with self.subTest(machine=machine):
                self.compare(STORIES, machine, "1,403,407")

    def test_timing_only_takes_the_same_cycles(self):
        package, timed = self.compiled_package(BARD, *MACHINES[0]), self.folder / "timed.json"
        simulated, _ = self.runs(package, "iss", "1,2,3")
        self.weft("run", package, "--tokens", "1,2,3", "--max-new", "6", "--timing-only", "--json", timed)
        timed = json.loads(timed.read_text())
        self.assertEqual(timed["cycles"], simulated["cycles"])
        self.assertIsNone(timed["engine"])

    def test_cores_without_machine_code(self):
        self.refused("run", BARD, "--hw", "wse3", "--mesh", "16x16", "--max-seq", "64", "--tokens", "1", "--max-new", "1", "--engine", "iss",
                     says=("--engine iss", "kind dsd"))

    def test_usage(self):
        self.refused("run", BARD, "--tokens", "1", "--engine", "qemu", status=2)
        self.refused("run", BARD, "--tokens", "1", "--engine", "iss", "--timing-only", status=2)


class CostCache(TestCase):
    def costs(self, *options):
        """Of a package; with settings of the machine, of the model compiled for it."""
        out = self.folder / "run.json"
        what = (BARD, *MACHINES[0]) if "--set" in options else (self.compiled_package(BARD, *MACHINES[0]),)
        done = self.weft("run", *what, "--tokens", "1,2,3", "--max-new", "3", "--json", out, *options)
        report = json.loads(out.read_text())
        return report["kernel_costs"], report["cycles"], done.stderr

    def test_nothing_is_measured_twice(self):
        cache = self.folder / "a" / "costs.db"
        first, cycles, _ = self.costs("--cost-cache", cache)
        second, again, _ = self.costs("--cost-cache", cache)
        self.assertGreater(first["measured"], 0)
        self.assertEqual((first["from_cache"], first["cache"]), (0, str(cache)))
        self.assertEqual((second["measured"], second["from_cache"]), (0, first["measured"]))
        self.assertEqual(cycles, again)
        none, uncached, _ = self.costs("--cost-cache", "none")
        self.assertEqual((none["measured"], none["cache"], uncached), (first["measured"], None, cycles))

    def test_a_second_compilation_measures_nothing(self):
        cache, out = self.folder / "costs.db", self.folder / "compile.json"
        reports = []
        for _ in range(2):
            done = self.weft("compile", BARD, *MACHINES[0], "-o", self.folder / "b.weft", "--cost-cache", cache, "--json", out)
            reports.append(json.loads(out.read_text())["kernel_costs"])
            self.assertIn(f"{reports[-1]['measured']} measured, {reports[-1]['from_cache']} from the cache", done.stdout)
        first, second = reports
        self.assertEqual((first["measured"], first["from_cache"]), (len(first["kernels"]), 0))
        self.assertEqual((second["measured"], second["from_cache"]), (0, len(first["kernels"])))
        self.assertEqual(first["kernels"], second["kernels"])
        self.weft("inspect", self.folder / "b.weft", "--costs", "--cost-cache", cache, "--json", out)
        shown = [dict(kernel["cost"], name=kernel["name"]) for kernel in json.loads(out.read_text())["kernels"]]
        self.assertEqual(shown, first["kernels"])
        # A run with one row a core asks for what compilation has measured.
        costs, _, _ = self.costs("--cost-cache", cache)
        self.assertGreater(costs["from_cache"], 0)

    def test_cores_without_machine_code_have_no_costs(self):
        out, package = self.folder / "compile.json", self.folder / "w.weft"
        self.weft("compile", BARD, "--hw", "wse3", "--mesh", "16x16", "--max-seq", "64", "-o", package, "--json", out)
        self.assertNotIn("kernel_costs", json.loads(out.read_text()))
        self.refused("inspect", package, "--costs", says=("--costs", "no RISC-V code"))

    def test_the_cache_is_what_is_used(self):
        cache = self.folder / "costs.db"
        _, cycles, _ = self.costs("--cost-cache", cache)
        with sqlite3.connect(cache) as database:
            database.execute("UPDATE costs SET cycles = cycles + 1000")
        _, slower, _ = self.costs("--cost-cache", cache)
        self.assertGreater(slower["prefill"], cycles["prefill"] + 1000)

    def test_another_core_is_measured_anew(self):
        cache = self.folder / "costs.db"
        self.costs("--cost-cache", cache)
        other, _, _ = self.costs("--cost-cache", cache, "--set", "parallelism.core.rvv.memory.banks=2")
        self.assertGreater(other["measured"], 0)
        same, _, _ = self.costs("--cost-cache", cache, "--set", "memory.sram_kib=16385")
        self.assertEqual(same["measured"], 0)

    def test_a_cache_that_is_broken_is_a_warning(self):
        cache = self.folder / "costs.db"
        cache.write_bytes(b"x" * 5000)
        costs, _, stderr = self.costs("--cost-cache", cache)
        self.assertGreater(costs["measured"], 0)
        self.assertIsNone(costs["cache"])
        self.assertEqual(stderr.count("warning:"), 1)
        self.assertIn(str(cache), stderr)
        self.assertEqual(cache.read_bytes(), b"x" * 5000)

    def test_the_environment_names_the_cache(self):
        cache = self.folder / "named.db"
        os.environ["WEFT_COST_CACHE"] = str(cache)
        try:
            self.costs()
        finally:
            os.environ["WEFT_COST_CACHE"] = "none"
        self.assertTrue(cache.exists())


if __name__ == "__main__":
    main()
