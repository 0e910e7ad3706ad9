#!/usr/bin/env python3
"""`weft cosim` as its users call it: reports, files that cannot be written, and what the command line refuses."""
import json

from cli_support import TestCase, main

SMALL = ("--tests", "200")
COMMANDS = {
    "weft.cosim-unit/1": ("dot", *SMALL),
    "weft.cosim-mesh-port/1": ("mesh-port", *SMALL),
    "weft.cosim-router/1": ("router", *SMALL),
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


if __name__ == "__main__":
    main()
