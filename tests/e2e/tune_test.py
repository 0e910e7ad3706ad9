#!/usr/bin/env python3
"""`weft tune` as its users call it: what it finds is what `weft compile` then does, ended searches go on, bad input is refused."""
import json
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from cli_support import BARD as MODEL, BIN, TestCase, call, main

KERNEL = "gemm_r32_k8_n8_bf16"  # of bard-1m on 16x16 cores, and far from its best by default


class Tune(TestCase):
    def tune(self, *arguments, report="tune.json", **options):
        self.weft("tune", *arguments, "--json", report, **options)
        return json.loads((self.folder / report).read_text())["results"]

    def compile(self, *arguments):
        out = self.weft("compile", MODEL, "--hw", "rvv-mesh-16", "-o", "m.weft", "--json", "c.json", "--cost-cache", "none",
                        *arguments)
        return out, json.loads((self.folder / "c.json").read_text())

    def test_what_was_found_is_compiled(self):
        found = self.tune(KERNEL, "--hw", "rvv-mesh-16", "--db", "t.db", "--trials", 40, "--no-reorder")[0]
        self.assertLess(found["cycles"], 0.8 * found["default_cycles"])
        self.assertEqual(found["rejected"], 0)
        _, plain = self.compile("--tune-db", "none")
        out, tuned = self.compile("--tune-db", "t.db")
        self.assertIn("tuned kernels: 1 of 49", out.stdout)
        self.assertEqual((tuned["tuning"]["hits"], tuned["tuning"]["stale"]), (1, 0))
        self.assertEqual(plain["tuning"]["hits"], 0)
        cycles = lambda report: {each["name"]: each["cycles"] for each in report["kernel_costs"]["kernels"]}
        self.assertEqual(cycles(tuned)[KERNEL], found["cycles"])
        self.assertEqual(cycles(plain)[KERNEL], found["default_cycles"])
        same = {name for name in cycles(plain) if cycles(plain)[name] == cycles(tuned)[name]}
        self.assertEqual(len(same), 48)
        decision = [each for each in tuned["decisions"] if each["reason"] == "tuned" and each["op"].endswith(KERNEL)][0]
        self.assertEqual(sorted(each["predicted_cycles"] for each in decision["alternatives"]),
                         sorted([found["cycles"], found["default_cycles"]]))
        # The records as lines say the same.
        self.weft("tune", "--db", "t.db", "--export", "t.jsonl")
        _, lines = self.compile("--tune-db", "t.jsonl")
        self.assertEqual(cycles(lines), cycles(tuned))

    def test_tuned_kernels_give_the_same_tokens(self):
        machine = ["--hw", "rvv-mesh-16", "--mesh", "4x4", "--set", "memory.sram_kib=256", "--max-seq", 64]
        self.tune(MODEL, *machine, "--db", "t.db", "--trials", 3, "--no-reorder")
        tokens = []
        for database in ("none", "t.db"):
            out = self.weft("compile", MODEL, *machine, "--tune-db", database, "-o", "m.weft").stdout
            self.assertEqual("tuned kernels" in out, database != "none")
            self.weft("run", "m.weft", "--prompt", "ROMEO:", "--max-new", 1, "--engine", "iss", "--json", "r.json")
            tokens.append(json.loads((self.folder / "r.json").read_text())["tokens"])
        self.assertEqual(tokens[0], tokens[1])

    def test_records_of_another_version_are_ignored_and_counted(self):
        self.tune(KERNEL, "--hw", "rvv-mesh-16", "--db", "t.db", "--trials", 20, "--no-reorder")
        self.weft("tune", "--db", "t.db", "--export", "t.jsonl")
        record = json.loads((self.folder / "t.jsonl").read_text())
        for key, stale in (("source", 1), ("tool", 1), ("core", 0)):
            (self.folder / "o.jsonl").write_text(json.dumps(record | {key: "another"}) + "\n")
            out, report = self.compile("--tune-db", "o.jsonl")
            self.assertEqual((report["tuning"]["hits"], report["tuning"]["stale"]), (0, stale))
            self.assertEqual("1 records of other versions ignored" in out.stdout, stale == 1)
        # Beside one that holds it is no matter which comes first.
        stale = record | {"source": "another", "choices": {}}
        for records in ([stale, record], [record, stale]):
            (self.folder / "o.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
            _, report = self.compile("--tune-db", "o.jsonl", "--compile-to", "kernels")
            self.assertEqual((report["tuning"]["hits"], report["tuning"]["stale"]), (1, 1))
            choice = [each["choice"] for each in report["decisions"] if each["reason"] == "tuned"]
            self.assertEqual(len(choice), 1)
            self.assertNotEqual(choice[0], "as compiled")
        # Values that no knob has are left out before anything is made of them.
        for knob, value in (("vectors", "1000000000"), ("unroll", "1000000000"), ("group", "9" * 30), ("rows", "33"), ("speed", "1")):
            (self.folder / "o.jsonl").write_text(json.dumps(record | {"choices": {knob: value}}) + "\n")
            out, report = self.compile("--tune-db", "o.jsonl", "--compile-to", "kernels")
            self.assertIn(f"a record of {KERNEL} is not understood and left out", out.stderr)
            self.assertEqual(report["tuning"]["hits"], 0)

    def test_a_compilation_needs_no_database(self):
        (self.folder / "bad.db").write_text("nonsense\n")
        for name in ("none-there.db", "bad.db"):
            out, report = self.compile("--tune-db", name)
            self.assertIn("kernels are compiled without it", out.stderr)
            self.assertEqual(report["tuning"]["hits"], 0)

    def test_a_damaged_database_is_one_sentence(self):
        self.tune(KERNEL, "--hw", "rvv-mesh-16", "--db", "t.db", "--trials", 2, "--no-reorder")
        for change in ("results = '{\"cycles\":\"7\"}'", "results = '[]'", "inputs = '{\"subject\":5}'", "results = '{\"cycles\":1e300}'"):
            with self.subTest(change=change):
                (self.folder / "bad.db").write_bytes((self.folder / "t.db").read_bytes())
                connection = sqlite3.connect(self.folder / "bad.db")
                connection.execute(f"UPDATE points SET {change}")
                connection.commit()
                connection.close()
                out, report = self.compile("--tune-db", "bad.db", "--compile-to", "kernels")
                self.assertIn("is damaged; name another file; kernels are compiled without it", out.stderr)
                self.assertEqual(report["tuning"]["hits"], 0)
                self.refused("tune", KERNEL, "--hw", "rvv-mesh-16", "--db", "bad.db", "--trials", 2, says="damaged")
                self.refused("tune", "--db", "bad.db", "--export", "x.jsonl", says="damaged")

    def test_trials_are_never_made_twice_and_a_killed_search_goes_on(self):
        arguments = ["gemm_r1_k16_n16_f32", "--hw", "rvv-lab", "--jobs", 2]
        whole = self.tune(*arguments, "--db", "whole.db")[0]
        self.assertTrue(whole["exhaustive"])
        self.assertEqual(self.tune(*arguments, "--db", "whole.db")[0]["computed"], 0)
        rng = random.Random(5)
        for _ in range(4):  # of about half a second
            process = subprocess.Popen([BIN / "weft", "tune", *map(str, arguments), "--db", "parts.db"], cwd=self.folder,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.05, 0.4))
            process.kill()
            process.wait()
        rest = self.tune(*arguments, "--db", "parts.db")[0]
        for key in ("cycles", "choices", "trials", "default_cycles"):
            self.assertEqual(rest[key], whole[key], key)
        rows = [sqlite3.connect(self.folder / name).execute("SELECT digest, fidelity, results FROM points ORDER BY digest").fetchall()
                for name in ("whole.db", "parts.db")]
        self.assertEqual(rows[0], rows[1])

    def test_a_signal_ends_a_search_and_keeps_what_it_found(self):
        process = subprocess.Popen([BIN / "weft", "tune", "gemm_r16_k128_n448_f16", "--hw", "rvv-lab", "--db", "t.db"],
                                   cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("goes on with what is in t.db", err)

    def test_an_algorithm_on_a_mesh(self):
        found = self.tune("gemv", "--shape", "48x192", "--hw", "wse2", "--mesh", "24x24", "--db", "t.db")
        self.assertEqual(len(found), 1)
        self.assertGreater(found[0]["default_cycles"], 1.05 * found[0]["cycles"])  # on fewer rows of cores
        self.assertIn("mesh", found[0]["choices"])
        self.assertIn("double precision", found[0]["verified_against"])

    def test_a_model_on_a_wafer(self):
        # The layer takes the largest square of 24x16 cores.
        found = self.tune(MODEL, "--hw", "wse2", "--set", "parallelism.mesh=[24,16]", "--phase", "decode", "--trials", 3,
                          "--db", "t.db")
        self.assertEqual([each["title"].split(" on ")[1] for each in found], ["wse2, 16x16 cores"] + 3 * ["wse2, 24x16 cores"])
        self.assertIn("of its parts alone: ktree along x, ktree along y", found[0]["verified_against"])
        # What cannot work is said, and keeps nothing from the rest.
        done = call("weft", "tune", MODEL, "--hw", "wse2", "--mesh", "24x16", "--phase", "decode", "--trials", 3, "--json", "j.json",
                    "--db", "u.db", folder=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs a square of cores", done.stderr)
        report = json.loads((self.folder / "j.json").read_text())
        self.assertEqual(len(report["results"]), 3)
        self.assertEqual(len(report["problems"]), 1)

    def test_bad_input_is_one_sentence(self):
        (self.folder / "text.db").write_text("no database\n")
        self.weft("tune", "gemm_r1_k8_n8_f32", "--hw", "rvv-lab", "--db", "new.db", "--trials", 1)
        connection = sqlite3.connect(self.folder / "new.db")
        connection.execute("UPDATE meta SET value = 'weft.tune/0' WHERE name = 'space_digest'")
        connection.commit()
        connection.close()
        kernel = ["gemm_r1_k8_n8_f32", "--hw", "rvv-lab"]
        for arguments, status, says in [
                (["gemm_r1_k8_f32", "--hw", "rvv-lab"], 1, "gemm_r8_k64_n96_f32"),
                (["conv3x3", "--hw", "rvv-lab"], 1, "no kernel is called 'conv3x3'"),
                (["gemm_r64_k4096_n4096_f32", "--hw", "rvv-mesh-16"], 1, "SRAM"),
                (["gemm_r1_k8_n8_f32", "--hw", "wse2"], 1, "run no RISC-V code"),
                ([*kernel, "--budget", "0"], 2, "--budget '0'"),
                ([*kernel, "--budget", "-3m"], 2, "--budget"),
                ([*kernel, "--budget", "soon"], 2, "--budget 'soon'"),
                ([*kernel, "--trials", "0"], 2, "--trials 0"),
                (["gemm_r1_k8_n8_f32", "--db", "some.db", "--export", "x.jsonl"], 2, "name nothing to tune beside it"),
                ([*kernel, "--db", "text.db"], 1, "text.db"),
                ([*kernel, "--db", "new.db"], 1, "weft.tune/0"),
                ([*kernel, "--db", "no/such/t.db"], 1, "no folder"),
                (["gemv", "--hw", "wse2"], 2, "--shape"),
                (["gemv", "--shape", "4x", "--hw", "wse2"], 2, "--shape"),
                (["gemv", "--shape", "8x8", "--mesh", "9999x2", "--hw", "wse2"], 1, "does not fit wse2"),
                (["gemm", "--shape", "8x8", "--mesh", "2x2", "--hw", "wse2"], 2, "3 extents"),
                (["shift", "--shape", "8x8", "--mesh", "2x2", "--hw", "wse2"], 2, "nothing to tune"),
                ([], 2, "a MODEL or the name of a kernel"),
                (["--db", "none.db", "--export", "x.jsonl"], 1, "none.db")]:
            with self.subTest(arguments=arguments):
                self.refused("tune", *arguments, says=says, status=status)


if __name__ == "__main__":
    main()
