#!/usr/bin/env python3
"""ExpTable.inc is what exp_table.py prints."""
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
printed = subprocess.run([sys.executable, folder / "exp_table.py"], check=True, capture_output=True, text=True).stdout
sys.exit(0 if printed == (folder / "ExpTable.inc").read_text() else "ExpTable.inc differs from what exp_table.py prints")
