#!/usr/bin/env python3
"""`weft report`: pages as a browser without network shows them, what is refused, and that data stays data."""
import csv
import json
import pathlib
import re
import sqlite3
import unittest

from browser import CHROMIUM, Browser
from cli_support import BARD, TestCase, main

SPACE = """
name: study
base: wse3
workloads:
  - {name: product, kernel: gemv, shape: [64, 48], mesh: [8, 6]}
  - {name: sum, kernel: allreduce, shape: [1, 8], mesh: [1, 16]}
axes:
  latency.hop: [1, 2, 4]
  latency.ramp: [1, 2]
  memory.sram_kib: [8, 24, 48]
  choice.algorithm: [ktree, chain]
constraints: ["cycles <= 250"]
objectives: {cycles: min, sram_used_bytes: min}
method: {kind: grid}
fidelity: {filter: engine}
"""
LAYOUT = """CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE points(digest TEXT PRIMARY KEY, ordinal INTEGER NOT NULL, fidelity TEXT NOT NULL, inputs TEXT NOT NULL,
 status TEXT NOT NULL, reason_kind TEXT NOT NULL, reason TEXT NOT NULL, results TEXT NOT NULL, seconds REAL NOT NULL);
PRAGMA application_id=0x57654558; PRAGMA user_version=%d"""
HOSTILE = "</script><script>window.hostile=1</script><!--<img src=x onerror=window.hostile=2>&\"'\u2028@SCRIPT@"


def database(path, rows, objectives="cycles: min", name="made", layout=1, extra=""):
    """A file of results with (fidelity, inputs, reason kind or "", results) as rows, or (ordinal, ...)."""
    with sqlite3.connect(path) as file:
        file.executescript(LAYOUT % layout)
        meta = {"name": name, "space": f"name: x\nbase: wse3\nobjectives: {{{objectives}}}\n{extra}", "space_digest": "d",
                "weft_version": "1", "seed": "1", "evaluators": "engine=1"}
        file.executemany("INSERT INTO meta VALUES(?,?)", meta.items())
        for i, row in enumerate(rows):
            ordinal, fidelity, inputs, kind, results = row if len(row) == 5 else (i, *row)
            file.execute("INSERT INTO points VALUES(?,?,?,?,?,?,?,?,?)",
                         (f"{i:032x}", ordinal, fidelity, json.dumps(inputs), "refused" if kind else "ok", kind,
                          kind and "why: " + kind, json.dumps(results), 0))
    file.close()


def data_of(page):
    text = pathlib.Path(page).read_text()
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1])


def by_number(lines):
    """Exported points, without digests, which only the command writes; numbers in texts as numbers."""
    number = r"-?\d+(\.\d+)?(e-?\d+)?"
    value = lambda value: float(value) if isinstance(value, str) and re.fullmatch(number, value) else value
    points = ({key: value(each) for key, each in line.items() if key != "digest"} for line in lines)
    return sorted(points, key=lambda line: line["ordinal"])


class Refused(TestCase):
    def test_wrong_files_end_in_one_message(self):
        (self.folder / "empty.json").touch()
        (self.folder / "text.json").write_text("hello")
        (self.folder / "other.json").write_text('{"schema": "weft.compile/1"}')
        (self.folder / "later.json").write_text('{"schema": "weft.run/2"}')
        (self.folder / "foreign.json").write_text('{"a": 1}')
        (self.folder / "list.json").write_text("[1]")
        (self.folder / "hollow.json").write_text('{"schema": "weft.kernel/1"}')
        with sqlite3.connect(self.folder / "other.db") as file:
            file.execute("CREATE TABLE t(a)")
        file.close()
        database(self.folder / "later.db", [], layout=9)
        database(self.folder / "damaged.db", [("engine", {"a": i}, "", {"cycles": i}) for i in range(400)])
        whole = (self.folder / "damaged.db").read_bytes()
        (self.folder / "cut.db").write_bytes(whole[:len(whole) // 2])
        (self.folder / "damaged.db").write_bytes(whole[:4096] + b"\xa5" * 4096 + whole[8192:])
        (self.folder / "folder").mkdir()
        for name, says in (("missing.db", "no such file"), ("folder", "directory"), ("empty.json", "is empty"),
                           ("text.json", "text.json"), ("other.json", "weft.compile/1"), ("later.json", "another version"),
                           ("foreign.json", "no report of Weft"), ("list.json", "no report of Weft"),
                           ("hollow.json", "no key 'hardware'"), ("other.db", "no results of weft explore"),
                           ("later.db", "another version"), ("cut.db", "cut.db"), ("damaged.db", "damaged.db")):
            with self.subTest(name):
                done = self.refused("report", name, "-o", "page.html", says=says)
                self.assertNotIn("-o", done.stderr)
        self.refused("report", "later.db", "-o", "none/page.html", says="none/page.html")
        self.refused("report", "later.db", "-o", "later.db", says="-o", status=2)

    def check_changes(self, report, changes):
        """Each change of a report that `weft` wrote is refused by the name of its place."""
        text = (self.folder / report).read_text()
        for change, says in changes:
            run = json.loads(text)
            change(run)
            (self.folder / "changed.json").write_text(json.dumps(run))
            with self.subTest(says):
                self.refused("report", "changed.json", "-o", "page.html", says=says)

    def test_a_report_that_was_cut_or_changed_names_the_place(self):
        self.weft("kernel", "broadcast", "--hw", "wse3", "--mesh", "4x4", "--shape", "1x8", "--explain", "--json", "k.json")
        text = (self.folder / "k.json").read_text()
        (self.folder / "cut.json").write_text(text[:len(text) // 2])
        self.refused("report", "cut.json", "-o", "page.html", says="cut.json")
        plane = lambda run, which: run["maps"][0]["busy"][which]
        self.check_changes("k.json", (
            (lambda run: run.pop("per_op"), "per_op"), (lambda run: run.update(mesh="4x4"), "'mesh'"),
            (lambda run: run.update(mesh=[4, 10**9]), "'mesh' is not two whole numbers from 1 to 4096"),
            (lambda run: run.update(evaluator="event"), "'evaluator' is not an object"),
            (lambda run: run.update(shape=8), "'shape'"), (lambda run: run.update(alternatives=[3]), "alternatives[0]"),
            (lambda run: run["per_op"][0].update(cycles="many"), "per_op[0]"),
            (lambda run: run["per_op"][0].update(hidden="many"), "'hidden'"),
            (lambda run: run["maps"][0].pop("bin"), "'bin'"),
            (lambda run: run["maps"][0].update(columns=257), "'columns' is not a whole number from 1 to 256"),
            (lambda run: run["maps"][0].update(rows=0), "'rows' is not a whole number from 1 to 256"),
            (lambda run: run["maps"][0].update(rows=5), "'rows' does not name 5 of the lines"),
            (lambda run: run["maps"][0]["links"].pop("north"), "'north'"),
            (lambda run: run["maps"][0]["busy"].pop("sum"), "maps[0], busy has no key 'sum'"),
            (lambda run: plane(run, "mean")["lines"].__setitem__(0, 7), "a line is not 4 numbers"),
            (lambda run: plane(run, "mean")["lines"].__setitem__(0, "1*3 x"), "a line is not 4 numbers"),
            (lambda run: plane(run, "mean").update(rows="0*3 99"), "'rows' does not name 4 of the lines"),
            (lambda run: run["maps"][0]["ops"][0].pop("narrow_macs"), "'narrow_macs'"),
            (lambda run: run["maps"][0]["ops"][0]["link"].update(mean=[]), "'mean'"),
            (lambda run: run["explain"].pop("by_cause"), "explain[0] has no key 'by_cause'"),
            (lambda run: run["explain"]["by_cause"].update(wait=[]), "'by_cause' is not an object of numbers"),
            (lambda run: run["explain"].update(path=None), "'path' is not a list"),
            (lambda run: run["explain"]["path"][0].pop("end"), "explain, path[0] has no key 'end'"),
            (lambda run: run["explain"]["busiest_link"].pop("at"), "busiest_link has no key 'at'")))

    def test_a_changed_report_of_a_model_names_the_place(self):
        self.weft("run", BARD, "--weights", "none", "--phase", "decode", "--timing-only", "--json", "m.json")
        self.check_changes("m.json", (
            (lambda run: run["cycles"].update(decode=7), "cycles: 'decode' is not a list of numbers"),
            (lambda run: run["cycles"].update(decode=[7, "8"]), "cycles: 'decode' is not a list of numbers"),
            (lambda run: run["cycles"].update(prefill="9"), "cycles: 'prefill' is not a number"),
            (lambda run: run["sram"].append(3), "sram["), (lambda run: run["sram"][0].pop("by_kind"), "'by_kind'"),
            (lambda run: run["sram"][0]["by_kind"].update(weights="all"), "'by_kind' is not an object of numbers"),
            (lambda run: run["sram"][0].pop("peak_bytes"), "sram[0] has no key 'peak_bytes'")))

    def test_a_page_is_alone_and_its_data_is_data(self):
        row = ("engine", {"workload": HOSTILE, "choice." + HOSTILE: HOSTILE}, "", {"cycles": 1, HOSTILE: 2})
        database(self.folder / "a.db", [row, ("engine", {"workload": "b"}, HOSTILE, {})], name=HOSTILE)
        self.weft("report", "a.db")
        page = (self.folder / "a.html").read_text()
        self.assertEqual(page.count("<script"), 2)
        self.assertEqual(page.count("</script"), 2)
        self.assertEqual(data_of(self.folder / "a.html")["name"], HOSTILE)
        self.assertFalse(re.search(r"https?:|//[a-z]+\.|@import|url\(", page))
        self.assertIn("default-src 'none'", page)


@unittest.skipUnless(CHROMIUM, "there is no Chromium: pages are not looked at")
class Looked(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()

    def setUp(self):
        super().setUp()
        self.browser.resize(1280, 900)

    def show(self, source, output="page.html"):
        self.weft("report", source, "-o", output)
        self.browser.open(self.folder / output)
        self.fine()
        return self.browser

    def fine(self):
        """Drawn, without an error, without a request, and no wider than the window."""
        self.assertEqual(self.browser.evaluate("document.documentElement.dataset.ready"), "yes")
        self.assertEqual(self.browser.problems, [])
        self.assertEqual([url for url in self.browser.requests if not url.startswith("file:")], [])
        self.assertEqual(len(self.browser.requests), 1, self.browser.requests)
        self.assertLessEqual(*self.browser.evaluate("[document.documentElement.scrollWidth, innerWidth]"))

    def set(self, control, value):
        key = "checked" if isinstance(value, bool) else "value"
        self.browser.evaluate(f"(() => {{ const c = document.getElementById({json.dumps(control)}); c.{key} = "
                              f"{json.dumps(value)}; c.dispatchEvent(new Event('change')); }})()")
        self.browser.frames()

    def box(self, selector):
        return self.browser.evaluate(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
                                     "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); "
                                     "return [r.x, r.y, r.width, r.height]; })()")

    def text(self, part):
        return self.browser.evaluate(f"document.getElementById('{part}').textContent")

    def inner(self, part):
        """What can be seen of it."""
        return self.browser.evaluate(f"document.getElementById('{part}').innerText")

    def cells(self, row):
        """The texts of the cells of a row's selector."""
        return self.browser.evaluate(f"[...document.querySelectorAll('{row}')].map(row => "
                                     "[...row.cells].map(cell => cell.textContent))")

    def pixels(self, canvas, x, y, width, height):
        """The lightness of each, from 0 to 765."""
        data = self.browser.evaluate(f"[...document.querySelector('{canvas}').getContext('2d')"
                                     f".getImageData({x}, {y}, {width}, {height}).data]")
        return [sum(data[i:i + 3]) for i in range(0, len(data), 4)]

    def tip(self):
        return "" if self.browser.evaluate("document.getElementById('tip').hidden") else self.text("tip")

    def study(self):
        (self.folder / "space.yaml").write_text(SPACE)
        self.weft("explore", "space.yaml", "-o", "a.db")
        return list(csv.DictReader(self.weft("explore", "--export", "csv", "a.db").stdout.splitlines()))

    # ---- searches

    def test_the_front_is_that_of_the_points(self):
        rows = self.study()
        page = self.show("a.db")
        expected = set()
        for workload in ("product", "sum"):
            points = [(float(r["cycles"]), float(r["sram_used_bytes"]), int(r["ordinal"]))
                      for r in rows if r["status"] == "ok" and r["workload"] == workload]
            expected |= {c for a, b, c in points if not any(
                (x <= a and y <= b and (x, y) != (a, b)) or ((x, y) == (a, b) and z < c) for x, y, z in points)}
        self.assertTrue(expected)
        self.assertEqual(set(page.evaluate("weftSweep.front.map(row => weftSweep.data.ordinal[row])")), expected)
        self.assertIn(f"{len(expected)} on the front", self.text("scatter-caption"))

    def test_the_winning_hardware_is_a_machine(self):
        rows = {int(row["ordinal"]): row for row in self.study()}
        page = self.show("a.db")
        for row in page.evaluate("weftSweep.front.slice(0, 3)"):
            page.evaluate(f"weftSweep.select({row})")
            (self.folder / "m.yaml").write_text(self.text("yaml"))
            self.assertIn("OK", self.weft("hw", "check", "m.yaml").stdout)
            point = rows[page.evaluate(f"weftSweep.data.ordinal[{row}]")]
            changes = []
            for key in ("latency.hop", "latency.ramp", "memory.sram_kib"):
                changes += ["--set", f"{key}={point[key]}"]
            digest = lambda *machine: self.weft("hw", "show", *machine).stdout.splitlines()[-1]
            self.assertEqual(digest("m.yaml"), digest("wse3", *changes))

    def test_a_base_that_is_a_file_is_in_the_results(self):
        source = pathlib.Path(__file__).resolve().parents[2] / "hw-models" / "presets" / "wse3.yaml"
        own = source.read_text().replace("name: wse3", "name: own").replace("hop: 2", "hop: 3")
        (self.folder / "own.yaml").write_text(own)
        space = SPACE.replace("wse3", "own.yaml").replace("latency.hop: [1, 2, 4]", "latency.stream_stage: [5, 6]")
        (self.folder / "space.yaml").write_text(space)
        self.weft("explore", "space.yaml", "-o", "a.db")
        self.weft("explore", "-o", "b.db", "--merge", "a.db")
        (self.folder / "own.yaml").unlink()
        for results in ("a.db", "b.db"):
            page = self.show(results)
            (self.folder / "m.yaml").write_text(self.text("yaml"))
            self.assertRegex(self.weft("hw", "show", "m.yaml").stdout, r"latency\.hop +3 ")

    def test_filters_brushes_and_exports(self):
        rows = self.study()
        page = self.show("a.db")
        works = sum(row["status"] == "ok" for row in rows)
        shown = lambda: page.evaluate("weftSweep.shown.length")
        self.assertEqual(shown(), works)
        self.set("filter-latency.hop-0", False)
        self.assertEqual(shown(), sum(row["status"] == "ok" and row["latency.hop"] != "1" for row in rows))
        page.evaluate("document.getElementById('clear-filters').click()")
        self.set("filter-refused", True)
        self.assertEqual(shown(), len(rows))
        page.evaluate("document.getElementById('export-csv').click()")
        kept = list(csv.DictReader(page.downloaded("study.csv").splitlines()))
        self.assertEqual(by_number(kept), by_number(rows))
        # A brush over the lower half of an axis is a range; a click lets go.
        x, y, width, height = self.box("#parallel canvas.over")
        axis = page.evaluate("weftSweep.varying.length")  # that of cycles; one more objective follows
        at = x + 40 + (width - 80) * axis / (axis + 1)
        page.drag(at, y + height - 30, at, y + height * 0.6)
        low, high = page.evaluate("weftSweep.filters.ranges.get('cycles')")
        self.assertEqual(shown(), sum(row["cycles"] != "" and low <= float(row["cycles"]) <= high for row in rows))
        self.assertTrue(0 < shown() < works)
        page.drag(at, y + height / 2, at, y + height / 2, steps=1)
        self.assertEqual(shown(), len(rows))

    def test_exports_hold_the_values_of_the_results(self):
        inputs = lambda i: {"workload": "w", "parallelism.mesh": [762 + i, 1172], "parallelism.core.units": ["vdot", "v,exp"][:i],
                            "routing.shared": bool(i % 2), **({"choice.groups": 4} if i else {})}
        rows = [("engine", inputs(i), "", {"cycles": 5.5 + i, "watts": 1e-7}) for i in range(3)]
        database(self.folder / "a.db", [*rows, ("engine", inputs(3), "sram", {})])
        page = self.show("a.db")
        self.assertEqual(page.evaluate("weftSweep.text('parallelism.mesh', 0)"), "762×1172")
        self.set("filter-refused", True)
        for button in ("csv", "json"):
            page.evaluate(f"document.getElementById('export-{button}').click()")
        export = lambda form: self.weft("explore", "--export", form, "a.db").stdout.splitlines()
        kept = by_number(csv.DictReader(page.downloaded("made.csv").splitlines()))
        self.assertEqual(kept, by_number(csv.DictReader(export("csv"))))
        self.assertEqual(kept[0]["parallelism.mesh"], "[762,1172]")
        kept = by_number(map(json.loads, page.downloaded("made.jsonl").splitlines()))
        self.assertEqual(kept, by_number(map(json.loads, export("jsonl"))))
        self.assertEqual(kept[2]["inputs"], inputs(2))

    def test_points_are_found_by_pointer_and_key(self):
        self.study()
        page = self.show("a.db")
        x, y, *_ = self.box("#front canvas.over")
        place = page.evaluate("weftSweep.describe(weftSweep.front[0])")
        page.evaluate("document.querySelector('#front canvas.over').focus()")
        seen = set()
        for _ in range(page.evaluate("weftSweep.front.length")):
            page.key("ArrowRight")
            seen.add(self.tip())
        self.assertIn(place, seen)
        self.assertEqual(len(seen), page.evaluate("weftSweep.front.length"))
        page.key("Enter")
        self.assertIn(page.evaluate("weftSweep.selected"), page.evaluate("weftSweep.front"))
        page.mouse("mouseMoved", x + 2, y + 2)
        self.assertEqual(self.tip(), "")

    def test_shares_of_variance(self):
        # cycles = 10 a + b: 100 of 101 parts of the variance are a's.
        database(self.folder / "a.db", [("engine", {"workload": "w", "var.a": a, "var.b": b}, "", {"cycles": 10 * a + b})
                                        for a in range(5) for b in range(5)])
        self.show("a.db")
        cells = [[row[0], row[1], row[3]] for row in self.cells("#sensitivity tbody tr")]
        self.assertEqual(cells, [["var.a", "99 %", "16.7 %"], ["var.b", "0.99 %", "16.7 %"]])

    def test_what_kills_and_how_far_fidelities_are_apart(self):
        point = lambda i: {"workload": "w", "latency.hop": i % 4 + 1}
        kind = lambda i: "sram" if i % 5 == 0 else "colours" if i % 7 == 0 else ""
        rows = [(i, "analytic", point(i), kind(i), {} if kind(i) else {"cycles": 100 + i}) for i in range(70)]
        rows += [(i, "engine", point(i), "", {"cycles": (100 + i) / 1.1}) for i in (1, 2, 3)]
        database(self.folder / "a.db", rows, extra="fidelity: {filter: analytic, front: engine, check: 0.01}\n")
        page = self.show("a.db")
        self.assertEqual([row[:2] for row in self.cells("#kills tr")[1:3]], [["sram", "14"], ["colours", "8"]])
        self.assertEqual(self.cells("#difference tbody tr"), [["cycles", "analytic", "engine", "3", "10 %", "10 %"]])
        # The front is that of the exact ones.
        self.assertEqual(page.evaluate("weftSweep.front.map(row => weftSweep.data.ordinal[row])"), [1])

    def test_trials_of_a_tuner(self):
        trial = lambda tile: {"subject": {"kernel": "gemm", "shape": "8x8", "core": "c"}, "machine": "wse3",
                              "choices": {"tile": tile}}
        rows = [("short-0", "4x4", "", {"cycles": 3}), ("full", "4x4", "", {"cycles": 30}),
                ("full", "2x2", "", {"cycles": 25}), ("verified", "2x2", "wrong", {}), ("verified", "4x4", "", {"cycles": 30})]
        database(self.folder / "a.db", [(0, fidelity, trial(tile), *rest) for fidelity, tile, *rest in rows], name="tune")
        page = self.show("a.db")
        self.assertIn("2 points; 1 work, 1 refused", self.text("subtitle"))
        front = page.evaluate("weftSweep.front.map(row => ['choice.tile', 'workload', 'cycles'].map("
                              "name => weftSweep.text(name, row)))")
        self.assertEqual(front, [["4x4", "gemm 8x8 on wse3", "30"]])
        self.assertIn("wrong", self.inner("kills"))

    def test_nothing_to_show_is_said(self):
        refused = [("engine", {"workload": "w", "latency.hop": 1 + i}, "sram", {}) for i in range(9)]
        one = [("engine", {"workload": "w", "latency.hop": 1}, "", {"cycles": 5})]
        for name, rows, says in (("refused", refused, "No point worked: all 9 are refused"),
                                 ("one", one, "Nothing varies in this search"), ("none", [], "holds no point yet")):
            database(self.folder / f"{name}.db", rows)
            page = self.show(f"{name}.db")
            self.assertIn(says, self.inner("main"))
            self.assertNotRegex(self.inner("main"), "NaN|undefined|Infinity|null")

    def test_hostile_names_stay_text(self):
        inputs = {"workload": HOSTILE, "choice." + HOSTILE: HOSTILE, "latency.hop": 1}
        rows = [("engine", inputs, "", {"cycles": 1, HOSTILE: 2}), ("engine", {"workload": "b", "latency.hop": 2}, HOSTILE, {})]
        database(self.folder / "a.db", rows, name=HOSTILE)
        page = self.show("a.db")
        self.assertIsNone(page.evaluate("window.hostile ?? null"))
        self.assertEqual(page.evaluate("document.querySelectorAll('img').length"), 0)
        self.assertIn(HOSTILE.split("\u2028")[0], self.text("title"))
        (self.folder / "m.yaml").write_text(self.text("yaml"))
        self.weft("hw", "check", "m.yaml")

    def test_ten_thousand_points(self):
        inputs = lambda i: {"workload": "ab"[i % 2], "latency.hop": i % 7 + 1, "var.x": (i * 7919 % 10007) / 10007,
                            "choice.c": "klm"[i % 3]}
        results = lambda i: {"cycles": 100 + (i * 31 % 997) + 50 * (i % 7), "joules": 1 + (i * 17 % 1009) / 100,
                             "area.total_mm2": i * 13 % 5000}
        rows = [("engine", inputs(i), "", results(i)) for i in range(10_000)]
        database(self.folder / "a.db", rows, objectives="cycles: min, joules: min, area.total_mm2: min")
        page = self.show("a.db")
        self.assertEqual(page.evaluate("weftSweep.shown.length"), 10_000)
        milliseconds = page.evaluate("(() => { const begin = performance.now(); weftSweep.setRange('latency.hop', [1, 3]); "
                                     "return performance.now() - begin; })()")
        self.assertLess(milliseconds, 3000)  # tenths on a machine that does nothing else
        self.assertEqual(page.evaluate("weftSweep.shown.length"), sum(i % 7 < 3 for i in range(10_000)))
        page.frames()
        # Points are drawn where the axes say: the pixels of the plot are not all alike.
        self.assertGreater(len(set(self.pixels("#front canvas", 90, 20, 400, 300))), 20)

    def test_sizes_light_and_dark(self):
        self.study()
        colors = set()
        for width, dark in ((1280, False), (1280, True), (800, False), (380, True)):
            self.browser.resize(width, 800, dark)
            page = self.show("a.db")
            colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(colors), 2)
        page.evaluate("document.getElementById('theme').click()")
        self.assertEqual(page.evaluate("document.documentElement.dataset.theme"), "light")
        self.assertTrue(page.call("Page.printToPDF", 120)["data"])

    # ---- runs

    def kernel(self, *arguments):
        self.weft("kernel", *arguments, "--hw", "wse3", "--json", "run.json")
        return json.loads((self.folder / "run.json").read_text())

    def test_the_map_shows_what_the_report_says(self):
        run = self.kernel("reduce", "--algo", "chain", "--mesh", "8x5", "--shape", "1x16", "--explain")
        page = self.show("run.json")
        self.set("mesh-quantity", "link")
        self.set("mesh-direction", "north")
        grid = page.evaluate("[...unpackGrid(weftRun.maps[0].links.north.mean, 8, 5)]")
        self.assertAlmostEqual(sum(grid), run["maps"][0]["links"]["north"]["sum"])
        self.assertGreater(max(grid), min(grid))
        x, y, *_ = self.box("#mesh canvas.over")
        left, top, cell = 62, 10, 44
        page.mouse("mouseMoved", x + left + 3.5 * cell, y + top + 2.5 * cell)
        page.frames()
        self.assertTrue(self.tip().startswith("core (3, 2)\n"), self.tip())
        self.assertEqual(float(self.tip().split("\n")[1].split()[0].replace(",", "")), grid[2 * 8 + 3])
        # A fuller core is lighter.
        first, third = (self.pixels("#mesh canvas", left + 3.5 * cell, top + (row + 0.5) * cell, 1, 1)[0] for row in (0, 2))
        self.assertEqual(grid[3], 0)
        self.assertGreater(third, first + 200)
        self.assertIn("cycles in", self.inner("path"))

    def test_large_meshes_are_binned(self):
        run = self.kernel("broadcast", "--mesh", "600x4", "--shape", "1x4")
        self.assertEqual([run["maps"][0][key] for key in ("bin", "columns", "rows")], [3, 200, 2])
        page = self.show("run.json")
        self.assertIn("bins of 3 × 3 cores", self.text("mesh-caption"))
        run = self.kernel("gemm", "--algo", "meshgemm", "--mesh", "720x720", "--shape", "5760x5760x5760")
        self.assertLess((self.folder / "run.json").stat().st_size, 5_000_000)
        page = self.show("run.json")
        self.assertIn("518,400 cores, in bins of 3", self.text("mesh-caption"))

    def test_both_evaluators_give_the_same_map(self):
        maps = []
        for evaluator in ("event", "maxplus"):
            self.weft("run", BARD, "--weights", "none", "--phase", "decode", "--timing-only", "--evaluator", evaluator,
                      "--json", "run.json")
            run = json.loads((self.folder / "run.json").read_text())
            self.assertEqual(run["evaluator"]["name"], evaluator)
            maps.append(run["maps"])
        self.assertEqual(*maps)
        self.assertEqual([each["program"] for each in maps[0]], ["decode"])
        self.assertEqual(sum(op["word_hops"] for op in maps[0][0]["ops"]), run["counters"]["decode"]["word_hops"])

    def test_a_model(self):
        self.weft("run", BARD, "--tokens", "1,17", "--max-new", "4", "--json", "run.json")
        run = json.loads((self.folder / "run.json").read_text())
        page = self.show("run.json")
        for part in ("summary", "ops", "timeline", "mesh", "roofline", "sram", "path"):
            self.assertTrue(page.evaluate(f"document.getElementById('{part}').innerText.length > 40"), part)
        cycles = sum(op["cycles"] for op in run["per_op"] if op["phase"] == "prefill")
        self.set("ops-phase", "prefill")
        self.assertIn(f"prefill: {cycles:,} cycles", self.inner("ops"))
        shown = [float(row[3].replace(",", "")) for row in self.cells("#ops tbody tr")]
        self.assertEqual(shown, sorted(shown, reverse=True))
        self.assertNotRegex(self.inner("main"), "NaN|undefined|Infinity")
        for quantity in ("busy", "link", "sram"):
            self.set("mesh-quantity", quantity)
        self.set("mesh-launch", "1")
        self.assertIn("decode", self.text("mesh-caption"))
        self.assertEqual(page.problems, [])

    def test_an_older_run_says_what_is_missing(self):
        run = self.kernel("gemv", "--mesh", "4x4", "--shape", "32x32")
        for key in ("maps", "machine"):
            run.pop(key)
        (self.folder / "old.json").write_text(json.dumps(run))
        page = self.show("old.json")
        self.assertIn("holds no map of the mesh", self.inner("mesh"))


if __name__ == "__main__":
    main()
