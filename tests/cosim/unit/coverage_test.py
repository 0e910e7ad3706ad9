#!/usr/bin/env python3
"""What coverage.py takes for enough, and what it refuses."""
import pathlib
import subprocess
import sys
import tempfile

HEADER = "# SystemC::Coverage-3\n"


def point(page, line, count):
    return f"C '\x01f\x02rtl/a.sv\x01l\x02{line}\x01page\x02{page}/a\x01o\x02block\x01h\x02top.a' {count}\n"


def check(text, code, wanted, *command, toggles=None, table=""):
    with tempfile.TemporaryDirectory() as folder:
        data, toggles_file, document = (pathlib.Path(folder) / name for name in ("coverage.dat", "toggles.dat", "a.md"))
        data.write_text(text, encoding="utf-8")
        options = []
        if toggles is not None:
            toggles_file.write_text(toggles, encoding="utf-8")
            document.write_text(f"| unit | signals | why they do not toggle |\n|---|---|---|\n{table}\n", encoding="utf-8")
            options = ["--toggles", toggles_file, "--unit", "a", "--holes", document]
        script = pathlib.Path(__file__).with_name("coverage.py")
        arguments = [sys.executable, "-B", script, *options, data, *command]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if bool(done.returncode) != bool(code) or wanted not in done.stdout + done.stderr:
        sys.exit(f"FAIL {text!r}: {done.returncode}, wanted {wanted}\n{done.stdout}{done.stderr}")


LINES, BRANCHES = point("v_line", 1, 5), point("v_branch", 2, 5)
check(HEADER + LINES + BRANCHES, 0, "lines: 1 of 1, 100.00 %")
check(HEADER + LINES + BRANCHES + point("v_branch", 2, 0), 0, "branches: 1 of 1")  # another instance
check(HEADER + LINES + BRANCHES + point("v_branch", 3, 0), 1, "too few")
check("", 1, "not # SystemC::Coverage-3")
check(HEADER, 1, "no lines are counted")
check(HEADER + LINES, 1, "no branches are counted")
check(HEADER + BRANCHES, 1, "no lines are counted")
check(HEADER + LINES + BRANCHES + "C broken\n", 1, "coverage.dat:4: not a count")
check(HEADER + LINES + BRANCHES + point("v_other", 3, 1), 1, "coverage.dat:4: not a count")
check(HEADER + LINES + BRANCHES, 1, "No such file", "true")  # an old file, and a command that writes none


def check_toggles(toggles, table, code, wanted):
    check(HEADER + LINES + BRANCHES, code, wanted, toggles="# weft toggles 1\n" + toggles, table=table)


check_toggles("a.x ++\na.y +", "", 0, "toggles: 3 of 3 bits, 100.00 %")
check_toggles("a.x +-r\n", "", 0, "not met: a.x 1 0")  # only reported
check_toggles("a.x +-r\na.y -\n", "| a | `y` | why |", 1, "not met: a.x 1 0")
check_toggles("a.x +-r\n", "| a | `x` 1:0 | why |", 0, "explained: 2, not: 0")
check_toggles("a.x +-r\n", "| a | `x` 0 | why |", 1, "not met: a.x 1\n")
check_toggles("a.x +-r\n", "| b | `x` | why |", 0, "not met: a.x 1 0")  # another unit's
check_toggles("a.x[12].y f\n", "| a | `x[*].y` | why |", 0, "explained: 1, not: 0")
check_toggles("a.x[12].y f\n", "| a | `x*` | why |", 1, "not met: a.x[12].y 0")  # a star stays within a name
check_toggles("a.x f\n", "| a | `ax` | why |", 1, "not met: a.x 0")
check_toggles("a.fox f\n", "| a | `ox` | why |", 1, "not met: a.fox 0")
check_toggles("a.x f\na.y +\n", "| a | `x`, `y` | why |", 1, "explained, but met or not there: `y`")
check_toggles("a.x f\n", "| a | x | why |", 1, "a.md:3: not a signal: 'x'")
check_toggles("a.x\n", "", 1, "toggles.dat:2: not a signal and its bits")
check_toggles("", "", 1, "no toggles are counted")
check(HEADER + LINES + BRANCHES, 1, "not # weft toggles 1", toggles="a.x +\n")
check(HEADER + LINES + BRANCHES, 1, "No such file", "true", toggles="# weft toggles 1\na.x +\n")
check(HEADER + LINES, 1, "no branches are counted", toggles="# weft toggles 1\na.x +\n")
