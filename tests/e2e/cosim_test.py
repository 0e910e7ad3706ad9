#!/usr/bin/env python3
"""A run whose unit instructions all go through the units' RTL as well: the same results, and proof that any went."""
import json

from cli_support import BARD, TestCase, main

MACHINE = ("--hw", "rvv-lab", "--mesh", "2x2", "--max-seq", "32")
UNITS = "parallelism.core.units=[dot, exp]"
RUN = ("--tokens", "1,17", "--max-new", "1", "--engine", "iss")


class Cosim(TestCase):
    def runs(self, package, *options):
        out, logits = self.folder / "run.json", self.folder / "run.npy"
        done = self.weft("run", package, *RUN, "--json", out, "--logits", logits, *options)
        return json.loads(out.read_text()), logits.read_bytes(), done.stdout

    def test_the_rtl_changes_nothing(self):
        package = self.folder / "model.weft"
        self.weft("compile", BARD, *MACHINE, "--dtype", "i8", "--set", UNITS, "-o", package)
        alone, alone_logits, _ = self.runs(package)
        beside, logits, text = self.runs(package, "--cosim", "dot,exp")
        counts = beside.pop("cosim")
        self.assertNotIn("cosim", alone)
        self.assertEqual(alone["tokens"], beside["tokens"])
        self.assertEqual(alone["cycles"], beside["cycles"])
        self.assertTrue(alone_logits == logits, "logits differ in some bit")
        self.assertEqual(sorted(counts), ["dot", "exp"])
        for unit, count in counts.items():
            self.assertGreater(count, 0, unit)
            self.assertIn(f"RTL of {unit} beside the simulator: {count:,} instructions, all with the same results", text)

    def test_a_unit_without_instructions_is_said_plainly(self):
        package = self.folder / "model.weft"
        self.weft("compile", BARD, *MACHINE, "--dtype", "f32", "--set", UNITS, "-o", package)
        report, _, text = self.runs(package, "--cosim", "dot,exp")
        self.assertEqual(report["cosim"]["dot"], 0)
        self.assertGreater(report["cosim"]["exp"], 0)
        self.assertIn("RTL of dot beside the simulator: nothing was compared, the program has none of its instructions", text)

    def test_a_core_without_the_unit(self):
        self.refused("run", BARD, *MACHINE, *RUN, "--cosim", "exp",
                     says='--cosim exp: the machine\'s cores have no unit exp; compile for one that has it, for example with '
                          '--set "parallelism.core.units=[exp]"')
        self.refused("run", BARD, *MACHINE, *RUN, "--set", "parallelism.core.units=[exp]", "--cosim", "exp,dot",
                     says='--set "parallelism.core.units=[exp, dot]"')

    def test_no_such_unit(self):
        self.refused("run", BARD, *MACHINE, *RUN, "--cosim", "sine", says="there is no RTL of a unit sine; units with RTL: ")

    def test_nothing_executes(self):
        self.refused("run", BARD, *MACHINE, "--tokens", "1", "--max-new", "1", "--cosim", "exp", says="--cosim needs --engine iss",
                     status=2)


if __name__ == "__main__":
    main()
