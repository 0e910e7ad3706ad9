#!/usr/bin/env python3
"""What coverage.py takes for enough, and what it refuses."""
import pathlib
import subprocess
import sys
import tempfile

HEADER = "# SystemC::Coverage-3\n"


def point(page, line, count):
    return f"C '\x01f\x02rtl/a.sv\x01l\x02{line}\x01page\x02{page}/a\x01o\x02block\x01h\x02top.a' {count}\n"


def check(text, code, wanted, *command):
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "coverage.dat"
        data.write_text(text, encoding="utf-8")
        script = pathlib.Path(__file__).with_name("coverage.py")
        done = subprocess.run([sys.executable, "-B", script, data, *command], capture_output=True, text=True, check=False)
    if bool(done.returncode) != bool(code) or wanted not in done.stdout + done.stderr:
        sys.exit(f"FAIL {text!r}: {done.returncode}, wanted {wanted}\n{done.stdout}{done.stderr}")


LINES, BRANCHES = point("v_line", 1, 5), point("v_branch", 2, 5)
check(HEADER + LINES + BRANCHES, 0, "lines: 1 of 1, 100.00 %")
check(HEADER + LINES + BRANCHES + point("v_toggle", 3, 0), 0, "toggles: 0 of 1")
check(HEADER + LINES + BRANCHES + point("v_branch", 2, 0), 0, "branches: 1 of 1")  # another instance
check(HEADER + LINES + BRANCHES + point("v_branch", 3, 0), 1, "too few")
check("", 1, "not # SystemC::Coverage-3")
check(HEADER, 1, "no lines are counted")
check(HEADER + LINES, 1, "no branches are counted")
check(HEADER + BRANCHES, 1, "no lines are counted")
check(HEADER + LINES + BRANCHES + "C broken\n", 1, "coverage.dat:4: not a count")
check(HEADER + LINES + BRANCHES + point("v_other", 3, 1), 1, "coverage.dat:4: not a count")
check(HEADER + LINES + BRANCHES, 1, "No such file", "true")  # an old file, and a command that writes none
