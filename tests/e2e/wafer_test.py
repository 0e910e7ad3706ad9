#!/usr/bin/env python3
"""Shapes without weights on whole wafers: what a compilation costs must not depend on the number of cores."""
import json
import re
import time
import unittest

from cli_support import BARD, SOURCE, TestCase, main

CONFIG = BARD / "config.json"
CONFIGS = SOURCE.parent / "shared" / "models" / "configs"


def ops(ir):
    """Ops of the fabric level by name. Classes are as many as the mesh's shape asks for, a few more or less."""
    return len(re.findall(r"\bfabric\.(?:step|task|put|get|wait|loop|kernel_call|reduce_\w+|buffer|channel)\b", ir))


class Wafer(TestCase):
    def shapes(self, model, mesh, phase, *options):
        """The report of a compilation, and its package."""
        package, report = self.folder / f"{phase}.weft", self.folder / "report.json"
        done = self.weft("compile", model, "--weights", "none", "--hw", "wse2", "--mesh", mesh, "--phase", phase, "-o", package,
                         "--json", report, *options)
        return json.loads(report.read_text()), package, done.stdout

    def test_ir_does_not_grow_with_the_mesh(self):
        for phase in ("prefill", "decode"):
            sizes = {}
            for mesh in ("64x64", "512x512"):
                ir = self.weft("compile", CONFIG, "--weights", "none", "--hw", "wse2", "--mesh", mesh, "--phase", phase,
                               "--compile-to=fabric").stdout
                sizes[mesh] = ops(ir)
            self.assertGreater(sizes["64x64"], 100)
            # Where a head gets more columns than dimensions its reduction has other roles; that is all.
            self.assertLess(abs(sizes["512x512"] - sizes["64x64"]), 0.02 * sizes["64x64"], f"{phase}: {sizes}")

    def test_every_program_of_a_large_mesh_is_proven_in_time(self):
        for phase in ("prefill", "decode"):
            for mesh in ("700x700", "350x700"):
                with self.subTest(phase=phase, mesh=mesh):
                    start = time.monotonic()
                    report, package, _ = self.shapes(CONFIG, mesh, phase)
                    # Where nothing is proven every core is run, which takes minutes.
                    self.assertLess(time.monotonic() - start, 60)
                    self.assertEqual([p["name"] for p in report["programs"]], [phase])
                    self.assertLess(package.stat().st_size, 4_000_000)

    def test_cycles_are_those_of_the_model_with_its_weights(self):
        machine = ("--hw", "wse2", "--mesh", "6x5", "--max-seq", "40", "--set", "memory.sram_kib=256")
        whole, timed = self.folder / "whole.weft", self.folder / "t.json"
        self.weft("compile", BARD, *machine, "-o", whole)
        self.weft("run", whole, "--timing-only", "--json", timed)
        both = json.loads(timed.read_text())["cycles"]
        self.assertEqual(len(both["decode"]), 1)
        shapes = self.folder / "shapes.weft"
        self.weft("compile", CONFIG, "--weights", "none", *machine, "-o", shapes)
        self.weft("run", shapes, "--timing-only", "--json", timed)
        self.assertEqual(json.loads(timed.read_text())["cycles"], both)
        for phase, cycles in (("decode", both["decode"]), ("prefill", None)):
            self.weft("compile", CONFIG, "--weights", "none", *machine, "--phase", phase, "-o", shapes)
            self.weft("run", shapes, "--timing-only", "--json", timed)
            alone = json.loads(timed.read_text())
            if phase == "decode":  # the last token of a full cache, while the one above was the last but one's
                self.assertEqual(len(alone["cycles"]["decode"]), 1)
                self.assertAlmostEqual(alone["cycles"]["decode"][0] / cycles[0], 1, delta=0.02)
            else:
                self.assertEqual(alone["cycles"]["decode"], [])
                self.assertGreater(alone["cycles"]["prefill"], 0)
                self.assertEqual(len(alone["prompt_tokens"]), 40)

    def test_layers_that_do_not_fit_lie_on_several_meshes(self):
        options = ("--seq", "128", "--set", "memory.sram_kib=24")
        one, _, _ = self.shapes(CONFIG, "16x16", "decode", *options)
        several, package, text = self.shapes(CONFIG, "8x8", "decode", *options)
        self.assertEqual(one["stages"]["needed"], 1)
        self.assertGreater(several["stages"]["needed"], 1)
        self.assertIn(f"{several['stages']['needed']} meshes of 8x8 cores", text)
        self.weft("run", package, "--timing-only")
        for report in (one, several):
            capacity, rows = report["capacity"], {"16": 16, "8": 8}[str(report["mesh"][1])]
            self.assertEqual(capacity["shifted"], rows * capacity["appended"])
            self.assertGreaterEqual(capacity["shifted"], 128)

    def test_what_shapes_cannot_do_is_refused(self):
        package = self.shapes(CONFIG, "4x4", "decode", "--seq", "32", "--set", "memory.sram_kib=512")[1]
        left = sorted(self.folder.rglob("*"))
        self.refused("run", package, "--tokens", "1", says=("--weights none", "--timing-only"), leaves=left)
        self.refused("compile", CONFIG, "--hw", "wse2", says="--weights none", leaves=left)
        self.refused("compile", BARD, "--layers", "1", "--hw", "wse2", says="--weights none", leaves=left)
        self.refused("compile", CONFIG, "--weights", "none", "--layers", "99", "--hw", "wse2", says=("--layers 99", "has 4"), leaves=left)
        self.refused("compile", CONFIG, "--weights", "none", "--hw", "wse2", "--mesh", "800x800", says=("800x800", "757x996"), leaves=left)
        self.refused("compile", CONFIG, "--weights", "none", "--hw", "wse2", "--mesh", "2x2", "--phase", "prefill",
                     says=("does not fit", "needed", "available"), leaves=left)
        self.refused("compile", CONFIG, "--weights", "none", "--hw", "wse2", "--mesh", "64x64", "--set", "routing.colors=6",
                     says=("colours", "6"), leaves=left)

    @unittest.skipUnless(CONFIGS.exists(), f"{CONFIGS} is not here")
    def test_more_than_a_wafer_is_refused_with_the_numbers(self):
        self.refused("compile", CONFIGS / "Llama-3.1-70B.json", "--weights", "none", "--hw", "wse2", "--mesh", "360x360", "--phase",
                     "decode", says=("141.", "30.11 GB", "room for 4", "--layers"))

    @unittest.skipUnless(CONFIGS.exists(), f"{CONFIGS} is not here")
    def test_8b_on_a_whole_wafer(self):
        for phase in ("prefill", "decode"):
            report, package, _ = self.shapes(CONFIGS / "Llama-3-8B.json", "660x660", phase, "--seq", "4096")
            self.assertLess(sum(each["seconds"] for each in report["phases"]), 60)  # 2 s on an idle machine
            self.assertLess(package.stat().st_size, 8_000_000)
            # Four times the layers, four times the instructions, and nothing else.
            small, _, _ = self.shapes(CONFIGS / "Llama-3-8B.json", "660x660", phase, "--seq", "4096", "--layers", "8")
            ratio = report["programs"][0]["instructions"] / small["programs"][0]["instructions"]
            self.assertTrue(3 < ratio <= 4, ratio)


if __name__ == "__main__":
    main()
