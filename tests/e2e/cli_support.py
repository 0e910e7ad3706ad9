"""What the tests of the command line share: calling `weft` as a user does, and models to spoil."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BARD = SOURCE / "examples" / "models" / "bard-1m"
os.environ["WEFT_COST_CACHE"] = "none"  # tests leave the user's own cache alone
BIN = pathlib.Path(os.environ.get("WEFT_BIN", SOURCE / "build" / "bin"))


def call(program, *arguments, stdin=None, timeout=300, folder=None):
    """A finished process, run in `folder`; its output as text."""
    return subprocess.run([str(BIN / program), *map(str, arguments)], input=stdin, capture_output=True, timeout=timeout,
                          encoding="utf-8", errors="replace", check=False, cwd=folder)


def header_bytes(header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


class TestCase(unittest.TestCase):
    longMessage = True

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="weft-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def weft(self, *arguments, stdin=None):
        """Runs `weft` and demands success."""
        done = call("weft", *arguments, stdin=stdin, folder=self.folder)
        self.assertEqual(done.returncode, 0, f"weft {arguments}: {done.stderr}")
        return done

    def refused(self, *arguments, says=(), status=1, leaves=None):
        """Runs `weft` and demands one clear message: exit status, what it names, and no file left behind."""
        before = sorted(self.folder.rglob("*"))
        done = call("weft", *arguments, folder=self.folder)
        context = f"weft {[str(a)[:80] for a in arguments]}: exit {done.returncode}, says: {done.stderr[:2000]}"
        self.assertEqual(done.returncode, status, context)
        if status == 1:
            self.assertTrue(done.stderr.startswith("weft: error: "), context)
            self.assertEqual(done.stderr.count("error:"), 1, context)
            self.assertEqual(done.stdout, "", context)
        for text in (says,) if isinstance(says, str) else says:
            self.assertIn(text, done.stderr, context)
        self.assertFalse([c for c in done.stderr if ord(c) < 32 and c != "\n"], context)
        self.assertEqual(sorted(self.folder.rglob("*")), before if leaves is None else leaves, context)
        return done

    compiled = {}  # packages by what was asked for: each is compiled once a process

    def compiled_package(self, *arguments, name="bard.weft"):
        """What `weft compile` makes of the arguments, as a file that a test may spoil."""
        path, key = self.folder / name, tuple(map(str, arguments))
        if key not in TestCase.compiled:
            self.weft("compile", *arguments, "-o", path)
            TestCase.compiled[key] = path.read_bytes()
        path.write_bytes(TestCase.compiled[key])
        return path

    def model(self, name="model"):
        """A copy of bard-1m that a test may spoil."""
        target = self.folder / name
        shutil.copytree(BARD, target)
        for path in target.iterdir():
            path.chmod(0o644)
        return target

    def edit_config(self, model, changes):
        path = model / "config.json"
        config = json.loads(path.read_text())
        for key, value in changes.items():
            if value is None:
                config.pop(key, None)
            else:
                config[key] = value
        path.write_text(json.dumps(config))

    def read_weights(self, model):
        """Header and data of model.safetensors."""
        raw = (model / "model.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        return json.loads(raw[8:8 + length]), raw[8 + length:]

    def write_weights(self, model, header, data):
        (model / "model.safetensors").write_bytes(header_bytes(header) + data)

    run_refused = None  # the last test that has seen `run` refuse a model

    def refused_model(self, model, *says):
        """The model is refused by compile and by run alike, and nothing is written. Both read it with the same code:
        the first model of a test is given to both, the others to compile alone."""
        out = self.folder / "out.weft"
        self.refused("compile", model, "--hw", "rvv-lab", "--mesh", "2x2", "--max-seq", "32", "-o", out, "--json",
                     self.folder / "out.json", says=says)
        if TestCase.run_refused == self.id():
            return
        TestCase.run_refused = self.id()
        self.refused("run", model, "--hw", "rvv-lab", "--mesh", "2x2", "--max-seq", "32", "--tokens", "1", "--json",
                     self.folder / "run.json", "--trace", self.folder / "run.trace", "--logits",
                     self.folder / "run.npy", says=says)


def main():
    unittest.main(module="__main__", argv=[sys.argv[0], *sys.argv[1:]], verbosity=1)
