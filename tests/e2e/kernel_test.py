#!/usr/bin/env python3
"""`weft kernel` as its users call it: one request, files of requests, and what is refused."""
import csv
import json
import unittest

from cli_support import TestCase, main

WAFER = ("--hw", "wse3")


class Kernel(TestCase):
    def predict(self, *arguments):
        return json.loads(self.weft("kernel", *arguments, "--json", "-").stdout)

    def test_report_is_consistent(self):
        report = self.predict("gemm", *WAFER, "--mesh", "6x4", "--shape", "50x60x70", "--algo", "meshgemm")
        self.assertEqual(report["schema"], "weft.kernel/1")
        self.assertEqual(report["padded_shape"], [52, 60, 72])
        self.assertEqual(report["tile"], [13, 10, 12])
        self.assertEqual(report["cycles"], report["launch_cycles"])
        self.assertAlmostEqual(report["cycles"], sum(op["cycles"] for op in report["per_op"]))
        for key in ("compute", "communicate", "wait"):
            self.assertAlmostEqual(report[key], sum(op[key] for op in report["per_op"]))

    def test_repetitions_add_what_is_reported(self):
        arguments = ("gemv", *WAFER, "--mesh", "9x12", "--shape", "90x90", "--algo", "ktree")
        ends = [self.predict(*arguments, "--set", f"repeats={n}")["launch_cycles"] for n in (1, 2, 3, 4)]
        report = self.predict(*arguments)
        self.assertEqual(report["repeats"], 3)
        self.assertEqual(report["cycles"], (ends[2] - ends[0]) / 2)
        self.assertEqual(ends[3] - ends[2], ends[2] - ends[1], "a steady state")

    def test_both_evaluators_agree(self):
        for arguments in (("gemm", "--mesh", "8x8", "--shape", "64x64x64", "--algo", "meshgemm"),
                          ("allreduce", "--mesh", "5x20", "--shape", "8", "--algo", "auto")):
            cycles = {e: self.predict(*arguments, *WAFER, "--evaluator", e)["cycles"] for e in ("event", "maxplus")}
            self.assertEqual(cycles["event"], cycles["maxplus"], arguments)

    def test_auto_takes_the_fewest_cycles(self):
        report = self.predict("gemm", *WAFER, "--mesh", "5x5", "--shape", "35x35x35")
        cycles = {a["algorithm"]: a["cycles"] for a in report["alternatives"]}
        self.assertEqual(set(cycles), {"meshgemm", "cannon", "summa"})
        self.assertEqual(report["cycles"], min(cycles.values()))
        self.assertEqual(cycles[report["algorithm"]], report["cycles"])

    def test_auto_does_not_go_word_by_word_on_a_large_mesh(self):
        report = self.predict("gemm", *WAFER, "--mesh", "300x300", "--shape", "2400x2400x2400")
        by_algorithm = {a["algorithm"]: a for a in report["alternatives"]}
        self.assertIn("cycles", by_algorithm["meshgemm"])
        self.assertIn("want a link", by_algorithm["cannon"]["problem"])

    def test_type_is_the_measured_one(self):
        arguments = ("gemm", "--mesh", "8x8", "--shape", "32x32x32", "--algo", "summa")
        for hardware, element in (("cs2", "f32"), ("wse3", "f16")):
            self.assertEqual(self.predict(*arguments, "--hw", hardware)["element"], element)
        self.assertEqual(self.predict(*arguments, "--hw", "cs2", "--dtype", "f16")["element"], "f16")

    def test_settings_of_the_hardware(self):
        arguments = ("allreduce", *WAFER, "--mesh", "1x30", "--shape", "4", "--algo", "chain")
        near, far = (self.predict(*arguments, "--set", f"latency.hop={hop}")["cycles"] for hop in (1, 5))
        self.assertGreater(far, near)

    def test_rows(self):
        rows = [(8, 16, 24, 32, "a"), (4, 8, 8, 8, "b"), (6, 12, 18, 6, "c"), (4, 8, 8, 8, "d")]
        path, predicted = self.folder / "rows.csv", self.folder / "predicted.csv"
        path.write_text("P,M,K,N,note,cycles\n" + "".join(f"{','.join(map(str, row))},7\n" for row in rows))
        self.weft("kernel", "gemm", *WAFER, "--algo", "meshgemm", "--csv", path, "-o", predicted)
        with open(predicted, newline="") as file:
            reader = csv.DictReader(file)
            found = list(reader)
        self.assertEqual(reader.fieldnames,
                         ["P", "M", "K", "N", "note", "measured_cycles", "cycles", "compute", "communicate", "wait",
                          "error_percent", "extrapolated"])
        self.assertEqual([row["note"] for row in found], list("abcd"))
        self.assertTrue(all(row["measured_cycles"] == "7" for row in found))
        for (p, m, k, n, _), row in zip(rows, found):
            alone = self.predict("gemm", *WAFER, "--algo", "meshgemm", "--mesh", f"{p}x{p}", "--shape", f"{m}x{k}x{n}")
            for key in ("cycles", "compute", "communicate", "wait"):
                self.assertAlmostEqual(float(row[key]), alone[key], delta=0.006)

    def test_explain(self):
        arguments = ("gemm", *WAFER, "--mesh", "40x36", "--shape", "160x160x160", "--algo", "meshgemm", "--explain")
        whys = {}
        for evaluator in ("event", "maxplus"):
            report = self.predict(*arguments, "--evaluator", evaluator)
            why = whys[evaluator] = report["explain"]
            self.assertEqual(why["cycles"], report["launch_cycles"])
            self.assertEqual(sum(why["by_cause"].values()), why["cycles"])
            self.assertEqual(why["slowest_core"]["end"], why["cycles"])
        self.assertEqual(whys["event"]["by_cause"], whys["maxplus"]["by_cause"])
        self.assertEqual(whys["event"]["busiest_link"]["words"], whys["maxplus"]["busiest_link"]["words"])
        self.assertNotIn("stalls", whys["maxplus"])
        self.assertGreater(len(whys["event"]["stalls"]), 0)
        text = self.weft("kernel", *arguments).stdout
        self.assertIn("critical path of gemm", text)
        self.assertIn("--evaluator event", text)
        self.refused("kernel", "gemm", *WAFER, "--explain", "--csv", "rows.csv", status=2, says="--explain")
        for option in (("--mesh", "4x4"), ("--evaluator", "event"), ("--json", "-")):
            self.refused("kernel", "gemm", *WAFER, *option, "--csv", "rows.csv", status=2, says=option[0])
        self.refused("kernel", "gemm", *WAFER, "-o", "out.csv", status=2, says="--csv")
        # Refused before a tree is made for so many words.
        self.refused("kernel", "reduce", *WAFER, "--mesh", "1x1172", "--shape", "268435456x4096", "--algo", "auto",
                     says="2199023255552 bytes")

    def test_error_bars(self):
        kind = ("gemm", *WAFER, "--algo", "meshgemm")
        square, shape = ("--mesh", "16x16"), ("--shape", "64x64x64")
        bar = self.predict(*kind, *square, *shape)["error_bar"]
        self.assertFalse(bar["extrapolated"], bar)
        self.assertLess(bar["mean_absolute"], 0.05)
        self.assertGreaterEqual(bar["worst"], bar["mean_absolute"])
        self.assertGreater(bar["measured_rows"], 1)
        self.assertIn("error: +-", self.weft("kernel", *kind, *square, *shape).stdout)
        for other, why in (((*square, *shape, "--set", "latency.hop=9"), "not the preset"),
                           ((*square, *shape, "--set", "double_buffer=0"), "double_buffer"),
                           (("--mesh", "16x15", *shape), "square"),
                           (("--mesh", "400x400", "--shape", "800x800x800"), "this is P 400, not 272")):
            bar = self.predict(*kind, *other)["error_bar"]
            self.assertTrue(bar["extrapolated"], other)
            self.assertIn(why, bar["text"])
        # The same values that the measured programs had, given or not; others are none of them.
        gemv = ("gemv", *WAFER, "--algo", "ktree", *square, "--shape", "64x64")
        for settings, other in ((("groups=4", "k=2"), None), (("groups=8",), None), (("groups=9",), "groups 9, not 2 to 8"),
                                (("groups=4", "k=3"), "k 3, not 2"), ((), "groups default")):
            bar = self.predict(*gemv, *(part for each in settings for part in ("--set", each)))["error_bar"]
            self.assertEqual(bar["extrapolated"], other is not None, bar)
            self.assertIn(other or "", bar["text"])
        shift = ("shift", *WAFER, "--algo", "relay", *square, "--shape", "4x4", "--set", "hops=3")
        for setting, extrapolated in (("announce=1", False), ("pack=1", False), ("announce=0", True), ("pack=2", True)):
            self.assertEqual(self.predict(*shift, "--set", setting)["error_bar"]["extrapolated"], extrapolated, setting)
        bar = self.predict("broadcast", *WAFER, "--mesh", "16x16", "--shape", "8")["error_bar"]
        self.assertTrue(bar["extrapolated"])
        self.assertIn("mean errors of what was: gemm meshgemm f16", bar["text"])
        self.assertNotIn("worst", bar)
        path = self.folder / "rows.csv"
        path.write_text("P,M,K,N\n16,64,64,64\n40,80,80,80\n")
        rows = list(csv.DictReader(self.weft("kernel", "gemm", *WAFER, "--algo", "meshgemm", "--csv", path)
                                   .stdout.splitlines()))
        self.assertEqual([row["extrapolated"] for row in rows], ["0", "1"])
        self.assertGreater(float(rows[0]["error_percent"]), 0)

    def test_columns_of_the_reference_files(self):
        def cycles(kind, algorithm, text, *more):
            path = self.folder / "rows.csv"
            path.write_text(text)
            out = self.weft("kernel", kind, *WAFER, "--algo", algorithm, "--csv", path, *more).stdout
            return [float(row["cycles"]) for row in csv.DictReader(out.splitlines())]

        self.assertEqual(cycles("gemm", "meshgemm", "P,Mt,Kt,Nt\n4,2,3,4\n"),
                         cycles("gemm", "meshgemm", "P,M,K,N\n4,8,12,16\n"))
        few, many = cycles("gemv", "ktree", "P,M,N,group_num,Mt,Nt\n32,32,32,1,1,1\n32,32,32,6,1,1\n")
        self.assertGreater(few, many)
        near, far = cycles("shift", "relay", "P,L_hops,Mt,Nt\n16,1,2,2\n16,4,2,2\n")
        self.assertGreater(far, 2 * near)
        self.assertEqual(cycles("gemm", "summa", "P,tile,size\n4,2,8\n", "--dtype", "f32"),
                         cycles("gemm", "summa", "P,M,K,N\n4,8,8,8\n", "--dtype", "f32"))

    def test_refusals(self):
        path = self.folder / "rows.csv"
        path.write_text("P,M,N,group_num\n8,8,8,2\n8,8,8,9\n")
        self.refused("kernel", "gemv", *WAFER, "--algo", "ktree", "--csv", path, "-o", self.folder / "out.csv",
                     says=("rows.csv:3", "groups=9", "1 to 8"))
        path.write_text("P,M,N\n8,8\n")
        self.refused("kernel", "gemv", *WAFER, "--csv", path, says="rows.csv:2")
        path.write_text("M,N\n8,8\n")
        self.refused("kernel", "gemv", *WAFER, "--csv", path, says="column P")
        self.refused("kernel", "gemm", *WAFER, "--mesh", "2000x8", "--shape", "8x8x8", says=("2000x8", "762x1172"))
        self.refused("kernel", "gemm", *WAFER, "--mesh", "8x8", "--shape", "8x8", status=2, says="3 extents")
        self.refused("kernel", "gemm", *WAFER, "--mesh", "8x8", status=2, says="--shape or --csv")
        self.refused("kernel", "gemm", *WAFER, "--mesh", "8x8", "--shape", "8xx8", status=2,
                     says=("8xx8", "MxKxN"))
        self.refused("kernel", "shift", *WAFER, "--mesh", "8x8", "--shape", "8", "--set", "announce=2", status=2,
                     says="one of 0, 1")
        self.refused("kernel", "reduce", *WAFER, "--mesh", "8x8", "--shape", "8", "--set", "axis=z", status=2,
                     says="one of x, y, xy is wanted")
        self.refused("kernel", "shift", *WAFER, "--mesh", "8x8", "--shape", "8", "--set", "hops=8", says="up to 7 hops")
        path.write_text("P,M,N,group_num,cycles,measured_cycles\n8,8,8,9,7,7\n")  # before any row, which would fail
        self.refused("kernel", "gemv", *WAFER, "--algo", "ktree", "--csv", path,
                     says="both cycles and measured_cycles")
        path.write_text("P,M,N,P\n8,8,8,8\n")
        self.refused("kernel", "gemv", *WAFER, "--csv", path, says="two columns 'P'")
        self.refused("kernel", "gemv", *WAFER, "--csv", self.folder, says="a folder")
        self.refused("kernel", "gemm", *WAFER, "--mesh", "8x8", "--shape", "8x8x8", "--algo", "ktree", status=2,
                     says="meshgemm")


if __name__ == "__main__":
    main()
