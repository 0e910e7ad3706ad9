#!/usr/bin/env python3
"""`weft explore` and `weft worker` as their users call them: killed and gone on with, in shards, under mpirun, and what is
refused. With --long: two hundred kills."""
import contextlib
import csv
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import BIN, TestCase, call, main

LONG = "--long" in sys.argv
KILLS = 200 if LONG else 10
RANDOM_POINTS = 12_000  # a second of work and more, so that kills meet a sweep under way

SPACE = """
name: study
base: wse3
workloads:
  - {name: product, kernel: gemv, shape: [64, 48], mesh: [8, 6]}
  - {name: sum, kernel: allreduce, shape: [1, 8], mesh: [1, 16]}
axes:
  latency.hop: {range: [1, 4]}
  latency.ramp: [1, 2, 4]
  memory.sram_kib: [8, 24, 48]
  choice.algorithm: [auto, ktree, chain]
constraints: ["cycles <= 250", "latency.hop * latency.ramp <= 12"]
objectives: {cycles: min, sram_used_bytes: min}
method: {kind: grid}
fidelity: {filter: engine}
"""
SAMPLED = SPACE.replace("{range: [1, 4]}", "{range: [1, 60]}").replace("[1, 2, 4]", "{range: [1, 20]}").replace(
    "250", "4000").replace("hop * latency.ramp <= 12", "ramp <= 18").replace(
        "{kind: grid}", "{kind: %s, points: %d, seed: %d}").replace("auto", "two-phase")  # a tree made for the machine takes a second


class Explore(TestCase):
    def setUp(self):
        super().setUp()
        self.space = self.folder / "space.yaml"
        self.space.write_text(SPACE)

    def rows(self, results):
        return self.weft("explore", "--export", "csv", results).stdout

    def explore(self, *arguments, space=None):
        return self.weft("explore", space or self.space, *arguments)

    def test_a_filter_leaves_what_it_cannot_judge_to_the_next_fidelity(self):
        fronts = []
        for name, fidelity in (("engine", "{filter: engine}"), ("staged", "{filter: analytic, front: engine}")):
            space = self.folder / f"{name}.yaml"
            space.write_text(SPACE.replace("{filter: engine}", fidelity).replace("auto", "ring").replace('"cycles <= 250", ', ""))
            out = self.explore("-o", f"{name}.db", space=space).stdout
            rows = [row for row in csv.DictReader(self.rows(f"{name}.db").splitlines())
                    if row["fidelity"] == "engine" and row["status"] == "ok"]
            for workload in ("product", "sum"):
                self.assertIn(f"front of {workload}", out)
            fronts.append({workload: min(float(row["cycles"]) for row in rows if row["workload"] == workload)
                           for workload in ("product", "sum")})
        self.assertEqual(fronts[0], fronts[1])

    def test_every_point_has_a_row(self):
        out = self.explore("-o", "a.db").stdout
        rows = list(csv.DictReader(self.rows("a.db").splitlines()))
        self.assertEqual([int(row["ordinal"]) for row in rows], list(range(4 * 3 * 3 * 3 * 2)))
        refused = [row for row in rows if row["status"] != "ok"]
        self.assertEqual({row["reason_kind"] for row in refused}, {"hardware", "constraint"})
        self.assertIn(f"{len(rows) - len(refused)} work, {len(refused)} are refused", out)
        for row in rows:
            if row["status"] == "ok":
                self.assertLessEqual(float(row["cycles"]), 250)
                self.assertLessEqual(int(row["latency.hop"]) * int(row["latency.ramp"]), 12)

    def test_a_point_is_what_weft_kernel_says(self):
        self.explore("-o", "a.db")
        rows = [row for row in csv.DictReader(self.rows("a.db").splitlines()) if row["status"] == "ok"]
        for row in random.Random(1).sample(rows, 6):
            kind, shape, mesh = ("gemv", "64x48", "8x6") if row["workload"] == "product" else ("allreduce", "1x8", "1x16")
            keys = [f"{key}={row[key]}" for key in ("latency.hop", "latency.ramp", "memory.sram_kib")]
            report = json.loads(self.weft("kernel", kind, "--hw", "wse3", "--mesh", mesh, "--shape", shape, "--algo",
                                          row["choice.algorithm"], "--set", keys[0], "--set", keys[1], "--set", keys[2],
                                          "--json", "-").stdout)
            self.assertEqual(float(row["cycles"]), report["cycles"], row)

    def test_the_front_is_that_of_the_rows(self):
        shown = self.explore("-o", "a.db").stdout
        rows = [row for row in csv.DictReader(self.rows("a.db").splitlines()) if row["status"] == "ok"]
        for workload in ("product", "sum"):
            costs = {(float(r["cycles"]), float(r["sram_used_bytes"])) for r in rows if r["workload"] == workload}
            front = {a for a in costs if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in costs)}
            self.assertIn(f"front of {workload}: {len(front)} points, engine", shown)

    def test_any_number_of_threads_gives_the_same_rows(self):
        self.explore("-o", "a.db", "--jobs", "1")
        self.explore("-o", "b.db", "--jobs", "7")
        self.assertEqual(self.rows("a.db"), self.rows("b.db"))

    def test_samples_depend_on_the_seed_alone(self):
        for method in ("random", "lhs"):
            texts = []
            for name, seed in (("a", 1), ("b", 1), ("c", 2)):
                self.space.write_text(SAMPLED % (method, 50, seed))
                self.explore("-o", f"{method}-{name}.db", "--jobs", "3")
                texts.append(self.rows(f"{method}-{name}.db"))
            self.assertEqual(texts[0], texts[1])
            self.assertNotEqual(texts[0], texts[2])

    def test_shards_merged_are_the_whole(self):
        self.space.write_text(SAMPLED % ("random", 300, 3))  # with points that are equal, in different shards
        self.explore("-o", "whole.db")
        for i in (1, 2, 3):
            self.explore("-o", f"{i}.db", "--shard", f"{i}/3")
        self.weft("explore", "-o", "merged.db", "--merge", "3.db", "1.db", "2.db")
        self.assertEqual(self.rows("merged.db"), self.rows("whole.db"))
        again = self.explore("-o", "merged.db", "--resume").stdout
        self.assertIn("; 0 computed", again)

    def test_a_job_array_needs_no_option(self):
        self.explore("-o", "whole.db")
        script = self.weft("explore", self.space, "-o", "part.db", "--emit", "slurm", "--tasks", "2").stdout
        (self.folder / "job.sh").write_text(script)
        self.assertRegex(script, r"#SBATCH --array=1-2\n")
        path = f"{BIN}:{os.environ['PATH']}"
        for task in ("1", "2", None):
            environment = dict(os.environ, PATH=path)
            if task:
                environment.update(SLURM_ARRAY_TASK_ID=task, SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_COUNT="2")
            done = subprocess.run(["bash", "job.sh", *([] if task else ["merge"])], cwd=self.folder, env=environment,
                                  capture_output=True, encoding="utf-8", check=False, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.rows("part.db"), self.rows("whole.db"))

    @unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
    def test_ranks_are_the_whole(self):
        self.explore("-o", "whole.db")
        for arguments in ((), ("--resume",)):
            done = subprocess.run(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", str(BIN / "weft"), "explore",
                                   str(self.space), "-o", "ranks.db", *arguments], cwd=self.folder, capture_output=True,
                                  encoding="utf-8", check=False, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.count("points in ranks.db"), 1, done.stdout)
            self.assertEqual(self.rows("ranks.db"), self.rows("whole.db"))

    def test_two_writers_of_one_file(self):
        self.space.write_text(SAMPLED % ("random", RANDOM_POINTS, 4))
        self.explore("-o", "whole.db")
        first = self.start("-o", "both.db", "--resume", "--jobs", "1")
        second = self.start("-o", "both.db", "--resume", "--jobs", "1")
        self.assertEqual((first.wait(300), second.wait(300)), (0, 0))
        self.assertEqual(self.rows("both.db"), self.rows("whole.db"))

    def test_two_runs_make_one_file(self):
        self.explore("-o", "whole.db")
        for attempt in range(5):
            name = f"both{attempt}.db"
            runs = [self.start("-o", name, "--resume", "--jobs", "1") for _ in range(2)]
            self.assertEqual([run.wait(300) for run in runs], [0, 0])
            self.assertEqual(self.rows(name), self.rows("whole.db"))

    def start(self, *arguments):
        process = subprocess.Popen([str(BIN / "weft"), "explore", str(self.space), *arguments], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        return process

    def stored(self, results):
        if not (self.folder / results).exists():
            return 0
        with contextlib.closing(sqlite3.connect(self.folder / results)) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return database.execute("SELECT count(*) FROM points").fetchone()[0]

    def test_killed_at_any_moment(self):
        self.space.write_text(SAMPLED % ("random", RANDOM_POINTS, 5))
        start = time.monotonic()
        self.explore("-o", "whole.db")
        seconds, whole, total = time.monotonic() - start, self.rows("whole.db"), self.stored("whole.db")
        chance, killed, midway = random.Random(6), 0, 0
        while killed < KILLS:
            for left in self.folder.glob("killed.db*"):
                left.unlink()
            for _ in range(chance.randint(1, 4) if killed else 1):  # a run that is killed, gone on with, killed again
                process = self.start("-o", "killed.db", "--resume", "--jobs", "1")
                if killed:
                    time.sleep(chance.uniform(0, seconds))
                while not killed and not self.stored("killed.db"):  # the first one is under way for certain
                    time.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
            before = self.stored("killed.db")
            midway += 0 < before < total
            out = self.explore("-o", "killed.db", "--resume").stdout
            self.assertEqual(int(re.search(r"; (\d+) computed", out)[1]), total - before, "no point is computed twice")
            self.assertEqual(self.rows("killed.db"), whole)
        self.assertGreater(midway, 0, "kills hit a sweep that was under way")

    def test_an_evolution_goes_on_where_it_was_killed(self):
        self.space.write_text(SAMPLED % ("nsga2", 800, 5))
        start = time.monotonic()
        self.explore("-o", "whole.db", "--jobs", "2")
        seconds, whole, total = time.monotonic() - start, self.rows("whole.db"), self.stored("whole.db")
        chance = random.Random(8)
        for _ in range(6):
            process = self.start("-o", "killed.db", "--resume")
            time.sleep(chance.uniform(0, seconds))
            process.send_signal(signal.SIGKILL)
            process.wait()
        before = self.stored("killed.db")
        out = self.explore("-o", "killed.db", "--resume", "--jobs", "1").stdout
        self.assertEqual(int(re.search(r"; (\d+) computed", out)[1]), total - before)
        self.assertEqual(self.rows("killed.db"), whole)
        self.refused("explore", self.space, "-o", self.folder / "part.db", "--shard", "1/2", says="no shard can go ahead")

    def test_interrupted(self):
        self.space.write_text(SAMPLED % ("random", 100_000, 7))
        process = self.start("-o", "stopped.db")
        while self.stored("stopped.db") == 0:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 130)
        self.assertFalse(list(self.folder.glob("stopped.db-*")), "the file is closed")
        self.assertGreater(self.stored("stopped.db"), 0)

    def test_the_key_q_ends_it(self):
        self.space.write_text(SAMPLED % ("random", 100_000, 7))
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execv(str(BIN / "weft"), ["weft", "explore", str(self.space), "-o", "q.db"])
        shown, deadline = b"", time.monotonic() + 60
        with contextlib.closing(os.fdopen(terminal, "r+b", buffering=0)) as keys, contextlib.suppress(OSError):
            while b"left; q ends" not in shown and time.monotonic() < deadline:
                shown += keys.read(4096)
            keys.write(b"xq")
            while time.monotonic() < deadline:
                shown += keys.read(4096)  # an OSError at the end
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 130, shown[-500:])
        self.assertRegex(shown.decode(errors="replace"), r"points \d+/200000, [\d.e+]+/s, [\d:?]+ left")
        self.assertGreater(self.stored("q.db"), 0)

    # ---- what is refused ----------------------------------------------------------------------------------------------

    def test_bad_spaces(self):
        for change, says in (
                (("latency.hop:", "latency.hopp:"), ("space.yaml:8", "latency.hopp", "no key of the hardware")),
                (("objectives:", "goals:"), ("unknown key 'goals'",)),
                (("[8, 24, 48]", "[]"), ("space.yaml:10", "memory.sram_kib", "empty")),
                (("{range: [1, 4]}", "{range: [4, 1]}"), ("space.yaml:8", "from 4 to 1 is empty")),
                (("[8, 24, 48]", "[8, 24, 9999999]"), ("space.yaml:10", "9999999", "allowed: a whole number")),
                (("choice.algorithm", "choice.color"), ("choice.color", "no program has this choice", "groups")),
                (("{cycles: min", "{cycels: min"), ("space.yaml:13", "'cycels'", "no such objective", "cycles")),
                (("cycles: min,", "cycles: least,"), ("max or min",)),
                (('"cycles <= 250"', '"cycles <= 250", "cycles > 250"'), ("space.yaml:12", "contradict")),
                (("hop * latency.ramp <= 12", "hop < 1"), ("none of the 216 points can work", "latency.hop < 1 does not hold")),
                (("hop * latency.ramp <= 12", "hop * <= 12"), ("space.yaml:12", "a number or a name is missing")),
                (("hop * latency.ramp", "hops * latency.ramp"), ("unknown name 'latency.hops'",)),
                (("kernel: gemv", "kernel: gemw"), ("gemw", "no kernel")),
                (("shape: [64, 48]", "shape: [64]"), ("workload product", "2 extents")),
                (("kernel: gemv", "model: none.json"), ("none.json",)),
                (("wse3", "wse9"), ("wse9", "presets: ", "wse3")),
                (("{kind: grid}", "{kind: gird}"), ("method.kind", "grid, random, lhs or nsga2")),
                (("{kind: grid}", "{kind: random}"), ("method.points", "missing")),
                (("{filter: engine}", "{filter: perfect}"), ("'perfect' is not offered", "engine")),
        ):
            self.assertIn(change[0], SPACE)
            self.space.write_text(SPACE.replace(*change))
            self.refused("explore", self.space, "-o", self.folder / "out.db", says=says)
        self.space.write_text(SPACE)
        for shard in ("0/3", "4/3", "1", "x/y", "1/0"):
            self.refused("explore", self.space, "--shard", shard, says="i/n", status=2)

    def test_a_directory_is_no_space(self):
        self.refused("explore", self.folder, says="a directory; a file is wanted")
        self.refused("explore", self.folder / "none.yaml", says="there is no such file")

    def test_results_that_are_not_ours(self):
        self.space.write_text(SPACE)
        self.explore("-o", "good.db")
        good = (self.folder / "good.db").read_bytes()
        bad = self.folder / "bad.db"

        def spoiled(content, *says):
            bad.write_bytes(content)
            for command in (("explore", self.space, "-o", bad, "--resume"), ("explore", "--export", "csv", bad),
                            ("explore", "-o", self.folder / "merged.db", "--merge", bad, "good.db")):
                self.refused(*command, says=says)
                self.assertEqual(bad.read_bytes(), content)

        def altered(sql):
            bad.write_bytes(good)
            with contextlib.closing(sqlite3.connect(bad)) as database:
                database.execute("PRAGMA journal_mode=DELETE")
                database.execute(sql)
                database.commit()
            return bad.read_bytes()

        spoiled(b"no database at all, but long enough to be looked at" * 40, "bad.db")
        spoiled(good[:len(good) // 2], "bad.db", "damaged")
        torn = bytearray(good)
        torn[4096:4096 + 512] = bytes(range(256)) * 2
        spoiled(bytes(torn), "bad.db", "damaged")
        spoiled(altered("PRAGMA user_version=77"), "bad.db", "another version of Weft")
        spoiled(altered("PRAGMA application_id=77"), "bad.db", "no results of weft explore")
        self.refused("explore", self.space, "-o", self.folder / "good.db", says=("is there already", "--resume"))
        other = self.folder / "other.yaml"
        other.write_text(SPACE.replace("250", "251"))
        self.refused("explore", other, "-o", self.folder / "good.db", "--resume", says="another space")
        self.assertEqual((self.folder / "good.db").read_bytes(), good)
        changed = altered("UPDATE points SET results='{\"cycles\":1}' WHERE ordinal=10")
        bad.write_bytes(changed)
        self.refused("explore", "-o", self.folder / "merged.db", "--merge", "good.db", bad, says=("point 10", "other results"))
        self.refused("explore", self.space, "-o", self.folder / "none" / "out.db", says="no folder")

    def mounted(self, options):
        """A small file system of its own; skips the test where one cannot be mounted."""
        place = tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        return place

    def test_full_disk(self):
        self.space.write_text(SAMPLED % ("random", 3000, 8))
        place = self.mounted("size=300k")
        done = call("weft", "explore", self.space, "-o", f"{place}/out.db", folder=self.folder)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("full", done.stderr)
        self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
        subprocess.run(["mount", "-o", "remount,size=30m", place], check=True)
        before = self.stored(f"{place}/out.db")
        out = self.explore("-o", f"{place}/out.db", "--resume").stdout
        self.explore("-o", "whole.db")
        self.assertEqual(self.rows(f"{place}/out.db"), self.rows("whole.db"))
        self.assertEqual(int(re.search(r"; (\d+) computed", out)[1]), self.stored("whole.db") - before)

    def test_read_only_disk(self):
        place = self.mounted("size=4m")
        self.explore("-o", f"{place}/out.db")
        content = pathlib.Path(place, "out.db").read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        for command in (("-o", f"{place}/out.db", "--resume"), ("-o", f"{place}/new.db")):
            done = call("weft", "explore", self.space, *command, folder=self.folder)
            self.assertEqual((done.returncode, done.stderr.count("error:")), (1, 1), done.stderr)
            self.assertIn(place, done.stderr)
        self.assertEqual(pathlib.Path(place, "out.db").read_bytes(), content)

    # ---- weft worker -----------------------------------------------------------------------------------------------------

    def test_worker(self):
        good = {"base": "wse3", "workload": {"kernel": "gemv", "shape": [64, 48], "mesh": [8, 6]}, "set": {"latency.hop": 2},
                "choices": {"algorithm": "ktree"}, "id": [1, "x"]}
        lines = [json.dumps(good), "{", "[]", "17", json.dumps({**good, "set": {"latency.hopp": 2}}), "x" * 200_000,
                 json.dumps({**good, "base": "wse9"}), json.dumps({**good, "extra": 1}), '{"base": "\\ud800"}', "\udcff\udcfe", "",
                 json.dumps({**good, "set": {"memory.sram_kib": 8}}), "[" * 60_000, json.dumps({**good, "id": 2})]
        done = subprocess.run([str(BIN / "weft"), "worker"], input="\n".join(lines).encode("utf-8", "surrogateescape"),
                              capture_output=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([answer["status"] for answer in answers],
                         ["ok"] + ["error"] * 9 + ["refused", "error", "ok"])
        self.assertEqual((answers[0]["id"], answers[-1]["id"]), ([1, "x"], 2))
        self.assertEqual(answers[0]["metrics"], answers[-1]["metrics"])
        self.assertIn("latency.hopp", answers[4]["reason"])
        self.assertEqual(answers[10]["reason_kind"], "hardware")


if __name__ == "__main__":
    if LONG:
        sys.argv = [sys.argv[0], "Explore.test_killed_at_any_moment"]
    main()
