#!/usr/bin/python3
"""Tests of doc_commands.py: that it finds every command, and that it fails where it should."""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest

import doc_commands as docs


class Extract(unittest.TestCase):
    def commands(self, text):
        return docs.extract(text, "x.md")

    def test_commands_output_and_places(self):
        found = self.commands("a\n```console\n$ one \\\n  --more\nout\n$ two  # exit 3\n```\n```yaml\nkey: 1\n```\n")
        self.assertEqual([c.text for c in found], ["one \\\n  --more", "two  # exit 3"])
        self.assertEqual([c.where for c in found], ["x.md:3", "x.md:6"])
        self.assertEqual([c.exit_status for c in found], [0, 3])
        self.assertEqual(found[0].expected, ["out"])

    def test_no_command_escapes(self):
        for text in ("```sh\nrm x\n```\n", "```console\n```\n", "```console\n$ x\n"):
            with self.assertRaises(ValueError):
                self.commands(text)

    def test_indented_block(self):
        self.assertEqual(self.commands("* item\n\n  ```console\n  $ x\n  ```\n")[0].text, "x")


class Matches(unittest.TestCase):
    def test_matches(self):
        self.assertTrue(docs.matches(["a", "b"], "a\nb\n"))
        self.assertTrue(docs.matches(["a", "...", "z"], "a\nb\nc\nz\n"))
        self.assertTrue(docs.matches(["took ... s"], "took 1.5 s\n"))
        self.assertTrue(docs.matches([], ""))
        self.assertFalse(docs.matches(["a"], "a\nb\n"))
        self.assertFalse(docs.matches(["a", "..."], "b\n"))
        self.assertFalse(docs.matches(["a.c"], "abc\n"))

    def test_any_numbers(self):
        self.assertTrue(docs.matches(["  op    cycles", "  ──    ──────", "  mlp  1,234  5.0%  ██"],
                                     "  op  cycles\n  ──  ──────\n  mlp     99  12.5%\n", True))
        self.assertFalse(docs.matches(["mlp 1"], "norm 1\n", True))
        self.assertFalse(docs.matches(["mlp 1"], "mlp\n", True))
        self.assertFalse(docs.matches(["mlp 1"], "mlp 2\n"))


class Tree(unittest.TestCase):
    """A source tree of its own, with a `weft` that is a shell script."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = pathlib.Path(folder.name).resolve()
        (self.source / "docs").mkdir()
        self.script("dev", "printf '  build [TARGET...]  builds\\n      --fast  soon\\n'")
        self.script("build/bin/weft", 'case "$*" in --help) printf "Usage: %s\\n\\nSubcommands:\\n  run   runs\\n" "$0";; '
                                      '"run --help") echo "run it";; fail) exit 1;; *) echo "$*";; esac')

    def script(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        os.chmod(path, 0o755)

    def check(self, function, *args):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            good = function(self.source, *args)
        return good, output.getvalue()

    def run_readme(self, body, fence="console"):
        (self.source / "README.md").write_text(f"```{fence}\n{body}\n```\n")
        return self.check(docs.run_commands, self.source / "build")[0]

    def test_status(self):
        self.assertTrue(self.run_readme("$ weft a"))
        self.assertFalse(self.run_readme("$ weft fail"))
        self.assertFalse(self.run_readme("$ weft fail | cat"))
        self.assertTrue(self.run_readme("$ weft fail  # exit 1"))
        self.assertFalse(self.run_readme("$ weft a  # exit 1"))
        self.assertFalse(self.run_readme("$ no-such-program"))

    def test_output_is_compared_only_where_asked(self):
        self.assertTrue(self.run_readme("$ weft a\nb"))
        self.assertFalse(self.run_readme("$ weft a\nb", "console check"))
        self.assertTrue(self.run_readme("$ weft a\na", "console check"))

    def test_dev_is_looked_up(self):
        self.assertTrue(self.run_readme("$ ./dev build --fast"))
        self.assertFalse(self.run_readme("$ ./dev build --slow"))
        self.assertFalse(self.run_readme("$ ./dev destroy"))

    def test_scratch_is_shared_and_the_source_untouched(self):
        self.assertTrue(self.run_readme("$ weft x > docs/new.txt\n$ cat docs/new.txt"))
        self.assertFalse((self.source / "docs" / "new.txt").exists())

    def test_help(self):
        page = self.source / "docs" / "commands.md"
        page.write_text("<!-- help: -->\n<!-- /help -->\n")
        good, output = self.check(docs.check_help, self.source / "build", False)
        self.assertFalse(good)
        self.assertIn("no block for `weft run`", output)
        page.write_text("<!-- help: -->\n<!-- /help -->\n<!-- help: run -->\n<!-- /help -->\n")
        self.assertFalse(self.check(docs.check_help, self.source / "build", False)[0])
        self.assertTrue(self.check(docs.check_help, self.source / "build", True)[0])
        self.assertTrue(self.check(docs.check_help, self.source / "build", False)[0])
        self.assertIn("Usage: weft\n", page.read_text())
        self.assertIn("run it", page.read_text())

    def test_phases(self):
        self.script("compiler/pipeline/Phases.h", '    {Phase::A, "a", "xf", "reads"},\n    {Phase::B, "b", "", "writes"},')
        for rows, good in (("| a | `xf` | reads | x |\n| b | | writes | y |", True), ("| a | `xf` | reads | x |", False),
                           ("| b | | writes | y |\n| a | `xf` | reads | x |", False),
                           ("| a | `xf` | reads | x |\n| b | | wrote | y |", False)):
            (self.source / "docs" / "architecture.md").write_text(f"| phase | IR | does | in |\n|---|---|---|---|\n{rows}\n\nend\n")
            self.assertEqual(self.check(docs.check_phases)[0], good, rows)

    def test_links(self):
        (self.source / "docs" / "a.md").write_text("# Some Title!\n")
        for link, good in (("docs/a.md", True), ("docs/a.md#some-title", True), ("docs/a.md#other", False), ("b.md", False),
                           ("https://example.org/x", True)):
            (self.source / "README.md").write_text(f"see [it]({link})\n")
            self.assertEqual(self.check(docs.check_links)[0], good, link)

    def test_places(self):
        for place, good in (("docs/README", False), ("docs/", True), ("tests/NAME_test.cpp", False), ("tests/<name>.cpp", True)):
            (self.source / "README.md").write_text(f"see `{place}`\n")
            self.assertEqual(self.check(docs.check_links)[0], good, place)


if __name__ == "__main__":
    unittest.main()
