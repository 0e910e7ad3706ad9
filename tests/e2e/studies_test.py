#!/usr/bin/env python3
"""The studies of examples/studies, smaller: what docs/studies.md says of each must still be so."""
import csv
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import unittest

from cli_support import SOURCE, TestCase, main

STUDIES = SOURCE / "examples" / "studies"


class Studies(TestCase):
    def study(self, name, *changes):
        """The rows that work, of the study with some of its lines replaced."""
        text = (STUDIES / f"{name}.yaml").read_text()
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
            self.assertEqual(count, 1, pattern)
        text = re.sub(r"(model|trace): ([\w.-]+)", lambda found: f"{found[1]}: {STUDIES / found[2]}", text)
        (self.folder / "study.yaml").write_text(text)
        self.shown = self.weft("explore", "study.yaml", "-o", "study.db").stdout
        rows = csv.DictReader(self.weft("explore", "--export", "csv", "study.db").stdout.splitlines())
        return [row for row in rows if row["status"] == "ok"]

    def best(self, rows, metric, choose, **wanted):
        found = [float(row[metric]) for row in rows
                 if all(row[key.replace("__", ".")] == str(value) for key, value in wanted.items())]
        self.assertTrue(found, wanted)
        return choose(found)

    def test_sram_against_cores(self):
        rows = self.study("sram-against-cores", (r"memory.sram_kib: .*", "memory.sram_kib: [28, 48, 64, 96, 128, 256, 512]"),
                          (r"choice.side: .*", "choice.side: {range: [280, 600], step: 40}"),
                          (r"choice.groups: .*", "choice.groups: [16, 20]"), (r"fidelity: .*", "fidelity: {filter: analytic}"))

        def rate(workload, sram):
            return self.best(rows, "tokens_per_second", max, workload=workload, memory__sram_kib=sram)

        # One sequence: whatever the SRAM, from the size on where the model fits.
        self.assertFalse([row for row in rows if row["memory.sram_kib"] == "28"])
        for sram in (64, 128, 256, 512):
            self.assertAlmostEqual(rate("one", sram) / rate("one", 48), 1, delta=0.03)
        # Eight sequences and long ones want more SRAM than a WSE-2's 48 KiB, and eight want many cores as well.
        for workload in ("batch-8", "long"):
            self.assertFalse([row for row in rows if (row["workload"], row["memory.sram_kib"]) == (workload, "48")])
        self.assertGreater(rate("batch-8", 128), 1.1 * rate("batch-8", 512))
        self.assertGreater(rate("batch-8", 128), 1.05 * rate("batch-8", 96))

    def test_hops_and_reductions(self):
        rows = self.study("hops-and-reductions", (r"var.cores: .*", "var.cores: [16, 64, 720]"),
                          (r"latency.hop: .*", "latency.hop: [1, 4]"), (r", ring, star\]", "]"))

        def fastest(workload, cores, hop=1):
            mine = [row for row in rows if (row["workload"], row["var.cores"], row["latency.hop"]) ==
                    (workload, str(cores), str(hop))]
            return min(mine, key=lambda row: float(row["cycles"]))["choice.algorithm"]

        for hop in (1, 4):
            self.assertEqual({fastest("word", cores, hop) for cores in (16, 64, 720)}, {"ktree"})
            self.assertEqual([fastest("block", cores, hop) for cores in (16, 64, 720)], ["chain", "chain", "two-phase"])
            self.assertEqual(fastest("vector", 16, hop), "chain")
            self.assertEqual(fastest("vector", 720, hop), "ktree")

        def cycles(workload, hop, algorithm):
            return self.best(rows, "cycles", min, workload=workload, var__cores=720, latency__hop=hop,
                             choice__algorithm=algorithm)

        self.assertGreater(cycles("word", 4, "ktree"), 2.5 * cycles("word", 1, "ktree"))
        self.assertLess(cycles("word", 4, "chain"), 1.6 * cycles("word", 1, "chain"))

    def test_vectors_and_units(self):
        rows = self.study("vectors-and-units", (r"vlen: .*", "vlen: [256, 512]"), (r"dlen: .*", "dlen: [64, 256]"),
                          (r"core.units: .*", "core.units: [[], [exp, dot]]"))

        def of(metric, dtype, vlen, dlen, units="[]"):
            return self.best(rows, metric, max, workload=f"decode-{dtype}", parallelism__core__vlen=vlen,
                             parallelism__core__dlen=dlen, parallelism__core__units=units)

        # Lanes pay, each less than the one before; longer vectors on the same lanes hardly do.
        self.assertGreater(of("tokens_per_second", "f16", 256, 256), 1.5 * of("tokens_per_second", "f16", 256, 64))
        self.assertLess(of("tokens_per_second", "f16", 256, 256), 4 * of("tokens_per_second", "f16", 256, 64))
        self.assertLess(of("utilisation", "f16", 256, 256), of("utilisation", "f16", 256, 64))
        self.assertAlmostEqual(of("tokens_per_second", "f16", 512, 64) / of("tokens_per_second", "f16", 256, 64), 1, delta=0.05)
        units = '["exp","dot"]'
        self.assertGreater(of("tokens_per_second", "f16", 256, 256, units), of("tokens_per_second", "f16", 256, 256))
        self.assertGreater(of("tokens_per_second", "i8", 256, 256, units), of("tokens_per_second", "i8", 256, 256))

    def test_requests_are_what_their_script_makes(self):
        script = shutil.copy(STUDIES / "make_requests.py", self.folder)
        subprocess.run([sys.executable, script], check=True, timeout=60)
        made = (self.folder / "requests.csv").read_text()
        self.assertEqual(made, (STUDIES / "requests.csv").read_text())
        rows = list(csv.DictReader(made.splitlines()))
        medians = [statistics.median(int(row[column]) for row in rows) for column in ("ContextTokens", "GeneratedTokens")]
        self.assertIn("medians of {:g} and {:g} tokens".format(*medians), pathlib.Path(script).read_text())

    def test_disaggregation(self):
        rows = self.study("disaggregation", (r"requests.csv", "requests.csv, requests: 600"), (r"choice.rate: .*", "choice.rate: [1, 8]"),
                          (r"prefill_percent: .*", "prefill_percent: [50]"), (r"prefill_side: .*", "prefill_side: [360]"),
                          (r"decode_side: .*", "decode_side: [180, 240]"))

        def of(metric, choose, sharing, rate):
            return self.best(rows, metric, choose, choice__sharing=sharing, choice__rate=rate)

        # In turn, a token's time has a tail of prompts; side by side it has none.
        for rate in (1, 8):
            self.assertGreater(of("per_token.p99_s", min, "prompts-first", rate), 5 * of("per_token.p99_s", min, "split", rate))
        # Side by side the same wafer keeps up with a load at which it cannot in turn.
        self.assertGreater(of("tokens_per_second", max, "split", 8), 1.2 * of("tokens_per_second", max, "prompts-first", 8))
        # What it costs: two copies of the weights leave less room, so that some prompts are too long.
        self.assertGreater(of("cache_tokens", max, "prompts-first", 1), of("cache_tokens", max, "split", 1))


if __name__ == "__main__":
    main()
