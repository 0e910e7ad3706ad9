#!/usr/bin/env python3
"""The growth of costs that docs/plmr.md shows is what programs and engine count today, and what PLMR claims."""
import importlib.util
import re
import sys
import unittest

from cli_support import SOURCE

spec = importlib.util.spec_from_file_location("plmr", SOURCE / "bench" / "plmr.py")
plmr = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plmr)
STALE = "run bench/plmr.py measure, draw and table"
# Rounding to whole cores and groups; a wrong power is off by a third at least.
TOLERANCE = 0.12


class Plmr(unittest.TestCase):
    longMessage = True

    def test_claims(self):
        rows = plmr.read()
        for label, claims in plmr.CLAIMS.items():
            for column, claim in claims.items():
                measured = plmr.exponent(plmr.of(rows, label), column)
                self.assertAlmostEqual(measured, claim, delta=TOLERANCE, msg=f"{label}, {column}")

    def test_measured_today(self):
        """On the smaller meshes; cycles depend on the constants of the machine and may differ."""
        rows = plmr.read()
        for program in plmr.PROGRAMS:
            documented = {int(row["cores"]): row for row in plmr.of(rows, program.label)}
            self.assertEqual(sorted(documented), sorted(program.cores), STALE)
            for cores in program.cores[:2]:
                today = plmr.weft(program, cores, {})
                for column, key in (("paths", "paths_per_core"), ("hops", "max_hops"), ("steps", "steps"),
                                    ("bytes", "bytes_per_core")):
                    self.assertEqual(int(documented[cores][column]), today[key], f"{program.label}, {column}: {STALE}")

    def test_critical_path_today(self):
        """Hops and stages that a reduction waits for, from the engine: N, and K N^(1/K) / 2 of a K-tree."""
        stages = {program.label: [plmr.measure(program, cores)["stage_cycles"] for cores in program.cores[:3]]
                  for program in plmr.PROGRAMS if program.primitive == "allreduce"}
        self.assertEqual(stages["chain"], [15, 63, 255])
        self.assertEqual(stages["K-tree, K=2"], [4, 8, 16])
        self.assertTrue(all(made <= k2 for made, k2 in zip(stages["made tree"], stages["K-tree, K=2"])), stages)

    def test_pictures_and_table(self):
        rows = plmr.read()
        for name, text in plmr.pictures(rows).items():
            self.assertEqual((plmr.DOCS / name).read_text(encoding="utf-8"), text, f"{name}: {STALE}")
        page = (plmr.DOCS / "plmr.md").read_text(encoding="utf-8")
        shown = re.search(r"(\| algorithm \| cost .*?)\n\n", page, re.DOTALL)
        self.assertIsNotNone(shown)
        self.assertEqual(shown.group(1), plmr.table(rows), STALE)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
