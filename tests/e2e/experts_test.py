#!/usr/bin/python3
"""Mixtures of experts from the command line: loads are counted, files of loads checked, and wherever experts lie the
model says the same."""
import json
import random
import struct
import sys

from cli_support import SOURCE, TestCase, main

sys.path.insert(0, str(SOURCE / "examples" / "experts"))
sys.dont_write_bytecode = True
import make_model  # noqa: E402

MESH = ("--hw", "rvv-lab", "--mesh", "4x4", "--max-seq", "48")
PROMPT = ",".join(str(7 * i % 61 + 2) for i in range(20))


def prompts(count, length):
    source = random.Random(3)
    return [",".join(str(source.randrange(2, 64)) for _ in range(length)) for _ in range(count)]


def logits_of(path):
    raw = path.read_bytes()
    (header,) = struct.unpack("<H", raw[8:10])
    data = raw[10 + header:]
    return struct.unpack(f"<{len(data) // 4}f", data)


class Experts(TestCase):
    def mixture(self, **options):
        folder = self.folder / "mixture"
        make_model.write(folder, **{"experts": 8, "top_k": 2, "skew": 1.5, **options})
        return folder

    def calibrate(self, model, name="load.json", *more):
        path = self.folder / name
        tokens = [word for prompt in prompts(4, 30) for word in ("--tokens", prompt)]
        self.weft("calibrate", model, *tokens, "-o", path, *more)
        return path

    def run_model(self, model, *options):
        """The run's report, its logits, and the compiler's report."""
        self.weft("compile", model, *MESH, *options, "-o", "m.weft", "--json", "m.json")
        self.weft("run", "m.weft", "--tokens", PROMPT, "--max-new", "6", "--json", "run.json", "--logits", "l.npy")
        return (json.loads((self.folder / "run.json").read_text()), logits_of(self.folder / "l.npy"),
                json.loads((self.folder / "m.json").read_text()))

    def check_same(self, one, other):
        self.assertEqual(one[0]["tokens"], other[0]["tokens"])
        largest = max(abs(value) for value in one[1])
        worst = max(abs(a - b) for a, b in zip(one[1], other[1], strict=True))
        self.assertLess(worst, 2e-5 * largest)

    def test_calibration_counts_what_routers_choose(self):
        model = self.mixture()
        first, again = self.calibrate(model), self.calibrate(model, "again.json")
        self.assertEqual(first.read_bytes(), again.read_bytes())
        loads = json.loads(first.read_text())
        self.assertEqual((loads["model"], loads["tokens"], loads["prompts"]), ("mixture", 120, 4))
        self.assertEqual(len(loads["layers"]), 2)
        for layer in loads["layers"]:
            self.assertEqual((layer["hidden"], layer["inner"]), (32, 48))
            self.assertEqual(sum(layer["counts"]), 120 * 2)
            self.assertGreater(layer["counts"][0], 60, "the skew of the model")
            self.assertEqual(len(layer["samples"]), 120)
            for expert, count in enumerate(layer["counts"]):
                self.assertEqual(count, sum(expert in token for token in layer["samples"]))
        few = json.loads(self.calibrate(model, "few.json", "--samples", "7").read_text())
        self.assertEqual([len(layer["samples"]) for layer in few["layers"]], [7, 7])
        self.assertEqual([layer["counts"] for layer in few["layers"]], [layer["counts"] for layer in loads["layers"]])

    def test_tokens_are_the_same_wherever_experts_lie(self):
        model = self.mixture()
        load = self.calibrate(model)
        dense = self.run_model(model, "--experts", "dense")
        routed = self.run_model(model, "--experts", "routed")
        known = self.run_model(model, "--experts", "routed", "--expert-load", load)
        self.check_same(dense, routed)
        self.check_same(dense, known)
        self.assertLess(routed[0]["cycles"]["total"], dense[0]["cycles"]["total"])
        self.assertEqual([e["placed"] for e in dense[2]["experts"]], ["dense", "dense"])
        for report, source in ((routed[2], "uniform"), (known[2], "given")):
            for layer in report["experts"]:
                self.assertEqual((layer["placed"], layer["reason"], layer["load"]), ("routed", "requested", source))
                table = layer["expert_of_slot"]
                self.assertEqual((len(table), {len(row) for row in table}), (layer["regions"], {layer["slots"]}))
                self.assertLessEqual(layer["regions"] * layer["rows_per_region"], 4)
                self.assertEqual({e for row in table for e in row if e >= 0}, set(range(8)))
                for expert, count in layer["replicas"].items():
                    self.assertEqual(sum(int(expert) in row for row in table), count)
                self.assertGreaterEqual(layer["pairs"]["busiest_decode"], layer["pairs"]["mean"])

    def test_kernels_of_few_experts_fit_the_stack(self):
        """22 rows a core of four experts: vectors of whole rows, of which a stack has room for few."""
        model = self.mixture(experts=4)
        self.weft("compile", model, "--hw", "rvv-lab", "--mesh", "1x3", "--max-seq", "64", "-o", "m.weft")
        self.weft("run", "m.weft", "--tokens", PROMPT, "--max-new", "2")

    def test_a_known_load_takes_no_more_cycles(self):
        model = self.mixture(experts=12, skew=3.0)
        uniform = self.run_model(model, "--experts", "routed")
        known = self.run_model(model, "--experts", "routed", "--expert-load", self.calibrate(model))
        self.check_same(uniform, known)
        self.assertLessEqual(known[0]["cycles"]["total"], uniform[0]["cycles"]["total"])

    def test_the_way_taken_is_told(self):
        model = self.mixture()
        done = self.weft("compile", model, *MESH, "-o", "m.weft", "--json", "m.json")
        report = json.loads((self.folder / "m.json").read_text())
        self.assertIn("2 layers with 8 experts", done.stdout)
        for layer in report["experts"]:
            cycles = layer["predicted_cycles"]
            self.assertEqual(layer["placed"], "routed" if cycles["routed"] < cycles["dense"] else "dense")
        self.assertIn(("experts of " + report["experts"][0]["layer"], report["experts"][0]["placed"]),
                      [(d["op"], d["choice"]) for d in report["decisions"]])

    def test_loads_that_do_not_fit_are_refused(self):
        model, load = self.mixture(), self.folder / "load.json"
        good = json.loads(self.calibrate(model).read_text())

        def refused(text, *says):
            load.write_text(text if isinstance(text, str) else json.dumps(text))
            self.refused("compile", model, *MESH, "--expert-load", load, "-o", "m.weft", says=["load.json", *says])

        refused("nonsense", "not JSON")
        refused({**good, "layers": good["layers"][:1]}, "loads of 1 layers, the model 2 layers with experts")
        for counts, says in (([1] * 7, "counts 7 experts, the model has 8"), ([0] * 8, "all 0"),
                             ([-1] + [1] * 7, "counts nothing"), ([9] + [0] * 7, "expert 0 has 1 of all choices")):
            refused({**good, "layers": [good["layers"][0], {"counts": counts}]}, "layers[1]", says)
        # Of a model with as many layers and experts, but others; of one with the same sizes, only the name tells.
        refused({**good, "layers": [{**layer, "inner": 40} for layer in good["layers"]]}, "layers[0]",
                "inner size is 40, the model's is 48; the file is of another model")
        load.write_text(json.dumps({**good, "model": "other"}))
        done = self.weft("compile", model, *MESH, "--expert-load", load, "-o", "m.weft")
        self.assertIn("load.json is of the model 'other', and this is 'mixture'", done.stderr)
        by_hand = {"schema": good["schema"], "layers": [{"counts": layer["counts"]} for layer in good["layers"]]}
        load.write_text(json.dumps(by_hand))
        done = self.weft("compile", model, *MESH, "--expert-load", load, "-o", "m.weft")
        self.assertEqual(done.stderr, "")
        (self.folder / "m.weft").unlink()
        load.unlink()
        self.refused("compile", model, *MESH, "--expert-load", load, "-o", "m.weft", says="cannot read it")
        self.refused("compile", model, *MESH, "--experts", "dense", "--expert-load", self.calibrate(model), "-o",
                     "m.weft", says="has no use with --experts dense")

    def test_what_cannot_be_calibrated_is_refused(self):
        model, bard = self.mixture(), self.model()
        self.refused("calibrate", bard, "--tokens", "1,2", "-o", "x.json", says="has no layers with experts")
        self.refused("calibrate", model, "-o", "x.json", status=2, says="give prompts")
        self.refused("calibrate", model, "--tokens", "1,x", "-o", "x.json", status=2, says="'x' is not a token id")
        self.refused("calibrate", model, "--tokens", "1,64", "-o", "x.json", says="token id 64 is outside")
        self.refused("calibrate", model, "--prompt", "text", "-o", "x.json", says="use --tokens")
        self.refused("calibrate", model, "--prompts", "none.txt", "-o", "x.json", says="none.txt: cannot read it")
        self.refused("calibrate", model, "--tokens", ",".join(["2"] * 129), "-o", "x.json", says="128 positions")
        general = ("compile", model, *MESH, "--place", "general", "-o", "m.weft")
        self.refused(*general, "--experts", "routed", says="--experts routed: regions of experts need the placement of "
                     "layers (--place whole); --place general places ops one by one")
        self.refused(*general, "--experts", "dense", says="where every expert is computed for every token")
        self.refused(*general, "--expert-load", self.calibrate(model), says="need the placement of layers")
        self.refused("compile", bard, *MESH, "--experts", "routed", "-o", "m.weft", says="no layers with experts")
        self.refused("compile", bard, *MESH, "--expert-load", self.calibrate(model), "-o", "m.weft",
                     says="no layers with experts")


if __name__ == "__main__":
    main()
