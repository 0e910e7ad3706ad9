#!/usr/bin/env python3
"""`weft cosim` as its users call it: reports, files that cannot be written, and what the command line refuses."""
import json
import struct

from cli_support import BARD, TestCase, main

SMALL = ("--tests", "200")
MESH = ("--kernel", "allreduce", "--size", "3x2", "--words", "4")
COMMANDS = {
    "weft.cosim-unit/1": ("dot", *SMALL),
    "weft.cosim-mesh-port/1": ("mesh-port", *SMALL),
    "weft.cosim-router/1": ("router", *SMALL),
    "weft.cosim-mesh/1": ("mesh", *MESH),
}


class Reports(TestCase):
    def test_the_schema_stands_in_each(self):
        for schema, command in COMMANDS.items():
            with self.subTest(schema):
                out = self.folder / "report.json"
                text = self.weft("cosim", *command, "--json", out).stdout
                printed = json.loads(self.weft("cosim", *command, "--json", "-").stdout)
                self.assertEqual(printed["schema"], schema)
                self.assertEqual(json.loads(out.read_text()), printed)
                self.assertTrue(text and not text.startswith("{"), text)
        self.assertFalse((self.folder / "-").exists())

    def test_the_default_meets_every_bin(self):
        report = json.loads(self.weft("cosim", "mesh-port", "--json", "-").stdout)
        self.assertGreater(min(report["bins"].values()), 0)


class Refused(TestCase):
    def test_parameters(self):
        for unit, wrong, says in (("dot", "width=3", "not a parameter; give lanes=N"),
                                  ("dot", "lanes=many", "not a positive number"),
                                  ("dot", "lanes=3", "built are lanes=4"),
                                  ("mesh-port", "lanes=4", "not a parameter; give variant=mesh16 or variant=small"),
                                  ("mesh-port", "variant=big", "mesh-port has no variant 'big'; the build has mesh16, small")):
            with self.subTest(unit, wrong=wrong):
                self.refused("cosim", unit, *SMALL, "--param", wrong, says=says)
        for unit in ("dot", "mesh-port"):
            self.refused("cosim", unit, "--param", "lanes", says="--param lanes: not of the form NAME=VALUE", status=2)

    def test_files_that_cannot_be_written(self):
        folder = self.folder / "coverage"
        (folder / "coverage.dat").mkdir(parents=True)
        for command in (("dot",), ("mesh-port", "--param", "variant=small")):
            self.refused("cosim", *command, *SMALL, "--coverage", folder, says="coverage.dat: cannot write it: it is a folder")
        self.refused("cosim", "dot", *SMALL, "--coverage", "/proc/none", says="/proc/none: cannot be made")
        for command in COMMANDS.values():
            self.refused("cosim", *command, "--json", "/nowhere/report.json", says="/nowhere/report.json: cannot write it")
        for unit in ("dot", "mesh-port"):
            self.refused("cosim", unit, *SMALL, "--wave", folder, says="it is a folder")


class Mesh(TestCase):
    def test_the_size_stands_first(self):
        lines = self.weft("cosim", "mesh", *MESH).stdout.splitlines()
        self.assertRegex(lines[0], r"^mesh of 3 x 2 cores on 6 Verilated routers of variant mesh16, about \d+ MiB$")
        self.assertRegex(lines[1], r"^  allreduce +[1-9]\d* cycles, +[1-9]\d* words in the engine$")
        self.assertIn(", 0 mismatches; ", lines[2])

    def test_sizes(self):
        self.refused("cosim", "mesh", "--kernel", "allreduce", "--size", "4", says="--size: '4' is not WIDTHxHEIGHT", status=2)
        self.refused("cosim", "mesh", "--kernel", "allreduce", "--size", "60000x60000",
                     says=("60000 x 60000 routers take about", "this machine has", "give a smaller --size"))

    def test_prompts(self):
        package = self.folder / "model.weft"
        self.weft("compile", BARD, "--hw", "rvv-mesh-16", "--mesh", "4x4", "--set", "memory.sram_kib=256", "--max-seq", "16",
                  "-o", package)
        run = ("cosim", "mesh", "--program", package, "--timing-only")
        self.refused(*run, "--tokens", "1,99999", says="--tokens: 99999 is not in the vocabulary of bard-1m: ids are 0 to 1023")
        self.refused(*run, "--tokens=-1", says="ids are 0 to 1023")
        self.refused(*run, "--decode", "100000", says="8 tokens of prompt and --decode 100000 do not fit: bard-1m is compiled for 16 tokens")
        self.refused(*run, "--decode", "9", says="do not fit")
        report = json.loads(self.weft(*run, "--tokens", "1023", "--decode", "0", "--json", "-").stdout)
        self.assertEqual(report["mismatches"], 0)
        self.assertGreater(report["words"], 0)

    def test_a_router_that_is_not_built(self):
        for setting, says in (("routing.queue_words=7", "give this one a line in sim/cosim/mesh/CMakeLists.txt and build"),
                              ("routing.queue_words=70", "queue_words 70 is beyond the RTL itself")):
            done = self.refused("cosim", "mesh", *MESH, "--set", setting, says=("no router is Verilated with link_bytes 4", says))
            remedy = next(line for line in done.stderr.splitlines() if line.startswith("take one of them, "))
            settings = remedy.split(" with ")[1].split(" (")[0].split()
            self.assertIn("variant mesh16", self.weft("cosim", "mesh", *MESH, "--set", setting, *settings).stdout)

    def wave(self, *options):
        """Scopes and last time of the waveform that this run writes, from its header, and the run's report."""
        path = self.folder / "mesh.fst"
        report = json.loads(self.weft("cosim", "mesh", *MESH, *options, "--wave", path, "--json", "-").stdout)
        # Kind and length of the block; times; a double that tells the order of bytes; memory; scopes, variables.
        kind, _, _, end, _, _, scopes, variables = struct.unpack(">BQQQ8sQQQ", path.read_bytes()[:57])
        self.assertEqual(kind, 0)
        self.assertGreater(variables, scopes)
        return scopes, end, report

    def test_waveforms(self):
        all_scopes, end, report = self.wave()
        self.assertGreaterEqual(end, 2 * report["cycles"])  # two halves of each period
        self.assertEqual(report, json.loads(self.weft("cosim", "mesh", *MESH, "--json", "-").stdout))
        two_scopes, end_again, _ = self.wave("--wave-router", "2,1", "--wave-router", "0,0")
        self.assertEqual(all_scopes, 3 * two_scopes)  # of 6 routers
        self.assertEqual(end, end_again)

    def test_waveforms_that_are_refused(self):
        wave = ("--wave", self.folder / "mesh.fst")
        self.refused("cosim", "mesh", "--kernel", "allreduce", "--size", "9x8", *wave,
                     says="a waveform shows up to 64 routers, here would be 72; choose with --wave-router X,Y")
        self.refused("cosim", "mesh", *MESH, *wave, "--wave-router", "3,0", says="the mesh has routers 0,0 to 2,1")
        self.refused("cosim", "mesh", *MESH, *wave, "--wave-router", "3", says="'3' is not X,Y of a router", status=2)
        self.refused("cosim", "mesh", *MESH, *wave, "--wave-router", "1,", says="'1,' is not X,Y of a router", status=2)
        self.refused("cosim", "mesh", *MESH, "--wave-router", "1,1", says="give that, too", status=2)
        self.refused("cosim", "mesh", *MESH, "--wave", "/nowhere/mesh.fst", says="/nowhere/mesh.fst: cannot write it")


if __name__ == "__main__":
    main()
