#!/usr/bin/env python3
"""The programs as their users call them: what they print, write and return when all is well."""
import ast
import json
import math
import os
import pty
import re
import struct
import subprocess
import unittest

from cli_support import BARD, BIN, SOURCE, TestCase, call, main

REFERENCE = json.loads((BARD / "reference.json").read_text())["references"][0]
FITS = ("--hw", "rvv-lab", "--mesh", "5x3", "--max-seq", "80")
PHASES = ("import", "graph", "place", "spmd", "route", "plan", "kernels", "link")
SECTIONS = ("Classes: cores that run the same tasks", "routes (longest in hops)", "colours", "SRAM", "Kernels", "Weights", "host")


def read_npy(path):
    raw = path.read_bytes()
    assert raw[:6] == b"\x93NUMPY"
    (length,) = struct.unpack("<H", raw[8:10])
    head = ast.literal_eval(raw[10:10 + length].decode())
    assert head["descr"] == "<f4" and not head["fortran_order"]
    return head["shape"], struct.unpack(f"<{math.prod(head['shape'])}f", raw[10 + length:])


class Run(TestCase):
    def package(self):
        return self.compiled_package(BARD, *FITS)

    def test_report(self):
        package, out = self.package(), self.folder / "run.json"
        done = self.weft("run", package, "--prompt", REFERENCE["prompt"], "--max-new", "12", "--json", out)
        report = json.loads(out.read_text())
        self.assertEqual(report["schema"], "weft.run/1")
        self.assertEqual(report["prompt_tokens"], REFERENCE["prompt_ids"])
        self.assertEqual(report["tokens"], REFERENCE["greedy_ids"][:12])
        self.assertTrue(REFERENCE["text"].startswith(report["text"]) if "text" in REFERENCE else report["text"])
        self.assertIn(report["text"], done.stdout)
        self.assertEqual((report["mesh"], report["cores"], report["clock_ghz"]), ([5, 3], 15, 1.1))
        self.assertEqual((report["stop"], report["new_tokens"], report["timing_only"]), ("length", 12, False))
        cycles = report["cycles"]
        self.assertEqual(len(cycles["decode"]), 11)
        self.assertTrue(all(isinstance(c, int) and c > 0 for c in [cycles["prefill"], *cycles["decode"]]))
        self.assertEqual(cycles["total"], cycles["prefill"] + sum(cycles["decode"]))
        self.assertAlmostEqual(report["seconds"]["total"], cycles["total"] / 1.1e9, delta=1e-12)
        for phase, total in (("prefill", cycles["prefill"]), ("decode", sum(cycles["decode"]))):
            ops = [op for op in report["per_op"] if op["phase"] == phase]
            self.assertEqual(sum(op["cycles"] for op in ops), total)
            for key in ("compute", "communicate", "wait"):
                self.assertTrue(all(op[key] >= 0 for op in ops))
                self.assertGreater(sum(op[key] for op in ops), 0)
        self.assertEqual(len({(op["op"], op["kind"], op["phase"]) for op in report["per_op"]}), len(report["per_op"]))
        kinds = {"weights", "constants", "kv_cache", "activations", "communication", "host_io"}
        for entry in report["sram"]:
            self.assertEqual(set(entry["by_kind"]), kinds)
            self.assertLessEqual(entry["peak_bytes"], entry["budget_bytes"])
            self.assertGreaterEqual(sum(entry["by_kind"].values()), entry["peak_bytes"])

    def test_in_memory_is_the_same_as_through_a_package(self):
        package, a, b = self.package(), self.folder / "a.json", self.folder / "b.json"
        self.weft("run", package, "--tokens", "1,2,3", "--max-new", "3", "--json", a)
        self.weft("run", BARD, *FITS, "--tokens", "1,2,3", "--max-new", "3", "--json", b)
        self.assertEqual(json.loads(a.read_text()), json.loads(b.read_text()))

    def test_timing_only(self):
        package, data, timed = self.package(), self.folder / "d.json", self.folder / "t.json"
        self.weft("run", package, "--tokens", "1,2,3", "--max-new", "4", "--json", data)
        self.weft("run", package, "--tokens", "1,2,3", "--max-new", "4", "--timing-only", "--json", timed)
        data, timed = json.loads(data.read_text()), json.loads(timed.read_text())
        self.assertEqual(timed["cycles"], data["cycles"])
        self.assertTrue(timed["timing_only"])
        self.assertTrue(timed["error_bar"]["extrapolated"], "no compiled model was measured")
        self.assertFalse({"tokens", "text", "stop"} & set(timed))

    def test_trace(self):
        package, out, report = self.package(), self.folder / "trace.json", self.folder / "r.json"
        self.weft("run", package, "--tokens", "1,2,3", "--max-new", "3", "--trace", out, "--json", report)
        events = json.loads(out.read_text())["traceEvents"]
        spans = [event for event in events if event["ph"] == "X"]
        held = [event for event in events if event["ph"] == "C"]
        self.assertTrue(any("to core, colour" in event["name"] for event in held))
        self.assertTrue(all(sum(event["args"].values()) > 0 for event in held))
        launches = [event for event in spans if event["tid"] == 0]
        self.assertEqual(len(launches), 3)
        cycles = json.loads(report.read_text())["cycles"]
        self.assertEqual([round(event["dur"] * 1000) for event in launches], [cycles["prefill"], *cycles["decode"]])
        self.assertEqual({event["tid"] for event in spans}, set(range(16)))  # the launches and 15 cores
        self.assertTrue(all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans))

    def test_explain(self):
        package, out = self.package(), self.folder / "r.json"
        for mode in ((), ("--timing-only",), ("--timing-only", "--evaluator", "event")):
            text = self.weft("run", package, "--tokens", "1,2,3", "--max-new", "3", "--explain", "--json", out,
                             *mode).stdout
            self.assertIn("critical path of decode", text)
            report = json.loads(out.read_text())
            prefill, decode = report["explain"]
            self.assertEqual((prefill["program"], decode["program"]), ("prefill", "decode"))
            self.assertEqual(prefill["cycles"], report["cycles"]["prefill"])
            self.assertEqual(decode["cycles"], report["cycles"]["decode"][-1])
            for why in report["explain"]:
                self.assertEqual(sum(why["by_cause"].values()), why["cycles"])
                self.assertEqual(sum(op["cycles"] for op in why["by_op"]), why["cycles"])
                self.assertEqual(why["path"][0]["begin"], 0)
                self.assertEqual([part["end"] for part in why["path"]],
                                 [part["begin"] for part in why["path"][1:]] + [why["cycles"]])
                self.assertGreaterEqual(why["stall_cycles"], sum(stall["cycles"] for stall in why["stalls"][:3]))
                for stall in why["stalls"]:
                    self.assertEqual(stall["cycles"], stall["receiver"] + stall["queue"] + stall["arbitration"])

    def test_a_trace_that_cannot_be_written_whole_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        package = self.package()
        done = call("weft", "run", package, "--tokens", "1", "--max-new", "2", "--trace", "/dev/full")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("/dev/full", done.stderr)

    def test_logits(self):
        package, out = self.package(), self.folder / "logits.npy"
        self.weft("run", package, "--prompt", REFERENCE["prompt"], "--max-new", "5", "--logits", out)
        shape, values = read_npy(out)
        self.assertEqual(shape, (5, 1024))
        for row, token in enumerate(REFERENCE["greedy_ids"][:5]):
            logits = values[row * 1024:(row + 1) * 1024]
            self.assertEqual(max(range(1024), key=logits.__getitem__), token)
        largest = max(map(abs, REFERENCE["last_logits"]))
        worst = max(abs(a - b) for a, b in zip(values[:1024], REFERENCE["last_logits"]))
        self.assertLessEqual(worst, 5e-5 * largest)

    def test_sampling_repeats_with_its_seed(self):
        package = self.package()

        def tokens(sample):
            out = self.folder / "s.json"
            self.weft("run", package, "--prompt", "ROMEO:", "--max-new", "20", "--sample", sample, "--json", out)
            return json.loads(out.read_text())["tokens"]

        hot = "temp=1.5,top-p=0.95,seed="
        self.assertEqual(tokens(hot + "1"), tokens(hot + "1"))
        self.assertGreater(len({tuple(tokens(hot + str(seed))) for seed in range(1, 5)}), 2)
        self.assertEqual(tokens("temp=1,top-k=1,seed=3"), tokens("greedy"))

    def test_no_progress_bar_in_a_pipe_but_one_on_a_terminal(self):
        package = self.package()
        for arguments in (("compile", BARD, *FITS, "-o", self.folder / "again.weft"),
                          ("run", package, "--tokens", "1", "--max-new", "3", "--timing-only")):
            done = self.weft(*arguments)
            self.assertEqual(done.stderr, "")
            self.assertFalse([c for c in done.stdout if c in "\r\x1b\b"])
            main_end, terminal = pty.openpty()
            with subprocess.Popen([str(BIN / "weft"), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=terminal,
                                  env={**os.environ, "TERM": "xterm"}) as process:
                os.close(terminal)
                shown = b""
                try:
                    while chunk := os.read(main_end, 4096):
                        shown += chunk
                except OSError:  # how the end of a pseudo-terminal looks on Linux
                    pass
                self.assertEqual(process.wait(), 0)
            os.close(main_end)
            self.assertIn(b"\r", shown)
            self.assertIn(b"%", shown)


class Compile(TestCase):
    def test_report(self):
        out = self.folder / "c.json"
        self.weft("compile", BARD, *FITS, "-o", self.folder / "o.weft", "--json", out)
        report = json.loads(out.read_text())
        self.assertEqual(report["schema"], "weft.compile/1")
        self.assertEqual([phase["name"] for phase in report["phases"]], [*PHASES, "package"])
        self.assertEqual((report["mesh"], report["max_seq"], report["dtype"]), ([5, 3], 80, "stored"))
        self.assertEqual([program["name"] for program in report["programs"]], ["prefill", "decode"])
        self.assertTrue(report["decisions"])
        for decision in report["decisions"]:
            chosen = [a for a in decision["alternatives"] if a["name"] == decision["choice"]]
            self.assertEqual(len(chosen), 1, decision)
            self.assertEqual(chosen[0]["predicted_cycles"],
                             min(a["predicted_cycles"] for a in decision["alternatives"]), decision)

    def test_who_adds_up_is_a_decision(self):
        def choices(*arguments):
            out = self.folder / "report.json"
            self.weft("compile", BARD, *FITS, "--set", "routing.reduce_stage=4", *arguments, "-o", self.folder / "o.weft",
                      "--json", out)
            return {d["choice"] for d in json.loads(out.read_text())["decisions"] if "all_reduce" in d["op"]}
        self.assertEqual(choices("--reduce", "router"), {"in_router"})
        self.assertNotIn("in_router", choices("--reduce", "core"))

    def test_twice_gives_the_same_file(self):
        files = [self.folder / "a.weft", self.folder / "b.weft"]
        for path in files:
            self.weft("compile", BARD, *FITS, "-o", path)
        self.assertEqual(files[0].read_bytes(), files[1].read_bytes())

    def test_weights_are_referenced_not_copied(self):
        path = self.compiled_package(BARD, *FITS)
        self.assertLess(path.stat().st_size, (BARD / "model.safetensors").stat().st_size / 2)

    def test_dtype(self):
        rows = {}
        for dtype in ("f32", "f16", "bf16"):
            out = self.folder / f"{dtype}.npy"
            self.weft("run", BARD, *FITS, "--dtype", dtype, "--prompt", REFERENCE["prompt"], "--max-new", "1",
                      "--logits", out)
            rows[dtype] = read_npy(out)[1]
        largest = max(map(abs, REFERENCE["last_logits"]))

        def error(row):
            return max(abs(a - b) for a, b in zip(row, REFERENCE["last_logits"])) / largest

        # Stored as bf16: f32 and bf16 hold that exactly, f16 all but what is too small for it.
        self.assertEqual(rows["f32"], rows["bf16"])
        self.assertLessEqual(error(rows["f32"]), 5e-5)
        self.assertLessEqual(error(rows["f16"]), 5e-5)

    def test_i8_is_near_the_reference(self):
        out, units = self.folder / "i8.npy", self.folder / "units.npy"
        common = ("run", BARD, *FITS, "--dtype", "i8", "--prompt", REFERENCE["prompt"], "--max-new", "1", "--logits")
        self.weft(*common, out)
        row, largest = read_npy(out)[1], max(map(abs, REFERENCE["last_logits"]))
        error = max(abs(a - b) for a, b in zip(row, REFERENCE["last_logits"])) / largest
        self.assertLessEqual(error, 0.05)  # 0.012 measured
        self.assertGreater(error, 5e-5)  # weights that are not quantised would be nearer
        # Integer sums are exact, so that a core with the unit for them computes the same bits.
        self.weft(*common, units, "--set", "parallelism.core.units=[dot]")
        self.assertEqual(out.read_bytes(), units.read_bytes())

    def test_a_unit_without_use_changes_no_code(self):
        code = {}
        for units in ("[]", "[dot]", "[exp]"):
            code[units] = self.folder / "code.elf"
            self.weft("compile", BARD, *FITS, "--set", f"parallelism.core.units={units}", "--emit", "elf", "-o", code[units])
            code[units] = code[units].read_bytes()
        self.assertEqual(code["[]"], code["[dot]"])  # nothing is multiplied in bytes
        self.assertNotEqual(code["[]"], code["[exp]"])

    def test_units_are_chosen_by_measured_cost(self):
        report = self.folder / "units.json"
        self.weft("compile", BARD, *FITS, "--dtype", "i8", "--set", "parallelism.core.units=[dot, exp]", "-o", self.folder / "u.weft",
                  "--json", report)
        chosen = [d for d in json.loads(report.read_text())["decisions"] if d["op"].startswith("unit for")]
        self.assertIn("unit for quantised products", [d["op"] for d in chosen])
        self.assertTrue(any(d["choice"] == "exp" for d in chosen))
        for decision in chosen:
            cycles = {a["name"]: a["predicted_cycles"] for a in decision["alternatives"]}
            self.assertEqual(decision["reason"], "measured")
            self.assertEqual(decision["choice"], min(cycles, key=lambda name: (cycles[name], name != "none")))

    def test_compile_to_every_phase(self):
        at = {}
        for phase in (*PHASES, "xf", "grid", "fabric", "rv"):
            with self.subTest(phase=phase):
                ir = at[phase] = self.weft("compile", BARD, *FITS, "--compile-to", phase).stdout
                self.assertRegex(ir, r"module|func")
                again = call("weft-opt", "-", stdin=ir)
                self.assertEqual(again.returncode, 0, again.stderr[:2000])
                once_more = call("weft-opt", "-", stdin=again.stdout)
                self.assertEqual(once_more.stdout, again.stdout)
        for level in ("xf", "grid", "fabric"):
            self.assertIn(f"{level}.", at[level])
        self.assertEqual(at["grid"], at["place"])

    def test_ir_has_the_size_of_the_classes_not_of_the_cores(self):
        lines = {mesh: self.weft("compile", BARD, "--hw", "rvv-lab", "--mesh", mesh, "--max-seq", "80", "--compile-to",
                                 "fabric").stdout.count("\n") for mesh in ("8x8", "32x32")}
        self.assertLess(lines["32x32"], 2 * lines["8x8"])

    def test_dump(self):
        folder = self.folder / "dump"
        self.weft("compile", BARD, *FITS, "--dump", folder, "-o", self.folder / "o.weft")
        names = [path.name for path in sorted(folder.iterdir())]
        self.assertEqual([re.sub(r"^\d+-|\.mlir$", "", name) for name in names], list(PHASES[:len(names)]))
        self.assertGreaterEqual(len(names), 7)
        for name in names:
            self.assertGreater((folder / name).stat().st_size, 100)


class Hardware(TestCase):
    def test_list_show_check(self):
        presets = sorted(path.stem for path in (SOURCE / "hw-models" / "presets").glob("*.yaml"))
        listed = self.weft("hw", "list").stdout
        for preset in presets:
            self.assertIn(preset, listed)
            self.assertIn("routing.colors", self.weft("hw", "show", preset).stdout)
            self.assertIn("OK", self.weft("hw", "check", SOURCE / "hw-models" / "presets" / f"{preset}.yaml").stdout)

    def test_published_mesh_chips(self):
        package = self.folder / "o.weft"

        def continued(*machine):
            self.weft("compile", BARD, *machine, "-o", package)
            return self.weft("run", package, "--prompt", "To be", "--max-new", "4").stdout.splitlines()[0]

        self.assertEqual(continued("--hw", "tt-wormhole"), continued(*FITS))
        # 4 KiB a core hold 192 tokens on all cores, and no more.
        small = ("--hw", "hammerblade", "--max-seq")
        self.weft("compile", BARD, *small, "192", "--phase", "decode", "-o", package)
        self.weft("run", package, "--timing-only", "--json", self.folder / "r.json")
        self.assertEqual(json.loads((self.folder / "r.json").read_text())["mesh"], [64, 32])
        package.unlink()
        self.refused("compile", BARD, *small, "384", "-o", package, says=["4,096", "--max-seq 192"])
        for machine, mesh in (("tt-wormhole", "8x8"), ("hammerblade", "32x32")):
            for kind, shape in (("gemm", "256x256x256"), ("allreduce", "64")):
                report = self.weft("kernel", kind, "--hw", machine, "--mesh", mesh, "--shape", shape, "--json", "-").stdout
                self.assertGreater(json.loads(report)["cycles"], 0)

    def test_set_changes_cycles(self):
        def total(*settings):
            out = self.folder / "r.json"
            self.weft("run", BARD, *FITS, *settings, "--tokens", "1", "--max-new", "2", "--timing-only", "--json", out)
            return json.loads(out.read_text())["cycles"]["total"]

        self.assertGreater(total("--set", "latency.hop=20"), total())

    def test_a_file_like_the_preset(self):
        a, b = self.compiled_package(BARD, *FITS), self.folder / "b.weft"
        path = SOURCE / "hw-models" / "presets" / "rvv-lab.yaml"
        self.weft("compile", BARD, "--hw", path, *FITS[2:], "-o", b)
        self.assertEqual(a.read_bytes(), b.read_bytes())


class Inspect(TestCase):
    def test_architectures(self):
        out = self.folder / "a.json"
        text = self.weft("inspect", "--architectures", "--json", out).stdout
        report = json.loads(out.read_text())
        self.assertEqual(report["schema"], "weft.architectures/1")
        known = {each["name"]: each for each in report["architectures"]}
        self.assertGreaterEqual(len({each["family"] for each in known.values()}), 19)
        self.assertEqual(known["LlamaForCausalLM"]["gives"], "text")
        self.assertEqual(known["BertModel"]["gives"], "tensors")
        for name in known:
            self.assertIn(name, text)
        self.refused("inspect", says="package is required", status=2)
        self.refused("inspect", out, "--architectures", says="excludes", status=2)

    def test_sections(self):
        package, out = self.compiled_package(BARD, *FITS), self.folder / "i.json"
        text = self.weft("inspect", package, "--json", out).stdout
        for section in SECTIONS:
            self.assertIn(section.lower(), text.lower())
        report = json.loads(out.read_text())
        self.assertEqual(report["schema"], "weft.inspect/1")
        self.assertEqual(report["mesh"], [5, 3])
        self.assertEqual({program["name"] for program in report["programs"]}, {"prefill", "decode"})
        for program in report["programs"]:
            self.assertTrue(program["channels"] and program["buffers"] and program["inputs"] and program["outputs"])
            for buffer in program["buffers"]:
                self.assertLessEqual(buffer["offset"] + buffer["bytes"], 16384 * 1024)
        self.assertTrue(report["kernels"] and report["objects"] and report["files"])
        names = {weight["name"] for weight in report["weights"]}
        self.assertIn("model.layers.3.mlp.down_proj.weight", names)
        self.assertEqual(len(names), 2 + 4 * 9)

    def compiled(self, *options):
        """The compiler's decisions, and what inspect finds in the package, as JSON and text."""
        package, compiled, out = (self.folder / name for name in ("o.weft", "c.json", "i.json"))
        self.weft("compile", BARD, *FITS, "--dtype", "i8", *options, "-o", package, "--json", compiled)
        text = self.weft("inspect", package, "--json", out).stdout
        return json.loads(compiled.read_text())["decisions"], json.loads(out.read_text()), text

    def test_units_and_combining_channels(self):
        decisions, report, text = self.compiled("--set", "parallelism.core.units=[dot, exp]", "--set", "routing.reduce_stage=4",
                                                "--reduce", "router")
        chosen = {decision["choice"] for decision in decisions} & {"dot", "exp"}
        self.assertEqual(chosen, {"dot", "exp"})
        used = [kernel for kernel in report["kernels"] if kernel["units"]]
        self.assertEqual({unit for kernel in used for unit in kernel["units"]}, chosen)
        for kernel in used:
            self.assertRegex(text, rf"{re.escape(kernel['name'])} .*\b{'.*'.join(f'{u} {n}' for u, n in kernel['units'].items())}\b")
        combining = [c for program in report["programs"] for c in program["channels"] if "combine" in c]
        self.assertEqual({channel["combine"] for channel in combining}, {"AddF32", "MaxF32"})
        for channel in combining:
            self.assertRegex(text, rf"{re.escape(channel['name'])} .* {channel['combine']}")

    def test_decisions(self):
        decisions, _, _ = self.compiled("--set", "parallelism.core.units=[dot]")
        package, compiled, out = (self.folder / name for name in ("o.weft", "c.json", "i.json"))
        text = self.weft("inspect", package, "--decisions", compiled, "--json", out).stdout
        self.assertEqual(json.loads(out.read_text())["decisions"], decisions)
        (unit,) = [decision for decision in decisions if decision["op"] == "unit for quantised products"]
        cycles = ", ".join(f"{each['name']} {each['predicted_cycles']:,}" for each in unit["alternatives"])
        self.assertRegex(text, rf"unit for quantised products +dot +measured +{cycles}")
        report = json.loads(compiled.read_text())
        bad = self.folder / "bad.json"
        for content, says in ((json.dumps(report | {"kernels": 1}), "a report about another package"),
                              (json.dumps(report | {"decisions": [{"op": 1}]}), "not a report of weft compile"),
                              ("[]", "not a report of weft compile"), ("{", "not a report of weft compile")):
            bad.write_text(content)
            self.refused("inspect", package, "--decisions", bad, says=says)
        self.refused("inspect", package, "--decisions", self.folder / "none.json", says="none.json: cannot read it")

    def test_neither_units_nor_combining_channels(self):
        _, report, text = self.compiled()
        self.assertFalse([kernel for kernel in report["kernels"] if kernel["units"]])
        self.assertFalse([c for program in report["programs"] for c in program["channels"] if "combine" in c])
        self.assertNotIn("AddF32", text)


class Tools(TestCase):
    def test_weft_opt_lists_all_passes(self):
        said = call("weft-opt", "--help").stdout
        passes = set(re.findall(r"(?:registerPass|getArgument\(\) const (?:override|final) \{ return) ?\"?([a-z-]+)\"",
                                "\n".join(path.read_text() for path in (SOURCE / "compiler").rglob("*.cpp"))))
        passes |= set(re.findall(r"StringRef getArgument\(\) const \w+ \{ return \"([a-z-]+)\"",
                                 "\n".join(p.read_text() for folder in ("compiler", "dialects")
                                           for p in (SOURCE / folder).rglob("*.cpp"))))
        self.assertGreater(len(passes), 8)
        for name in passes:
            self.assertRegex(said, rf"--{name}\b")
        for dialect in ("xf", "grid", "fabric", "rv"):
            self.assertRegex(call("weft-opt", "--show-dialects").stdout, rf"\b{dialect}\b")

    def test_language_server(self):
        def message(body):
            text = json.dumps({"jsonrpc": "2.0", **body})
            return f"Content-Length: {len(text)}\r\n\r\n{text}"

        uri = "file:///x.mlir"
        bad = "func.func @f() {\n  \"fabric.nonsuch\"() : () -> ()\n  return\n}\n"
        said = call("weft-lsp-server", stdin="".join((
            message({"id": 1, "method": "initialize", "params": {"processId": None, "capabilities": {}}}),
            message({"method": "textDocument/didOpen", "params": {"textDocument": {
                "uri": uri, "languageId": "mlir", "version": 1, "text": bad}}}),
            message({"id": 2, "method": "shutdown"}), message({"method": "exit"}))), timeout=60)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("hoverProvider", said.stdout)
        self.assertIn("nonsuch", said.stdout)

    def test_version_and_help(self):
        self.assertRegex(self.weft("--version").stdout, r"weft \d+\.\d+")
        for command in ("compile", "run", "inspect", "hw"):
            self.assertIn("Usage", self.weft(command, "--help").stdout)


if __name__ == "__main__":
    main()
