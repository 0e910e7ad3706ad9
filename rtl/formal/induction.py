"""What the scripts that prove rules by k-induction share: running tools, the two steps, and the command line."""
import argparse
import pathlib
import subprocess
import time


def run(command):
    """Exit status and output of both streams."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    except subprocess.TimeoutExpired as late:
        return 1, f"no answer in {late.timeout} s"
    return done.returncode, done.stdout


def induction(model, base, k, *options):
    """What fails of `base` cycles from the start and of k cycles from anywhere, by z3; None if nothing does."""
    for step in (["-t", str(base)], ["-i", "-t", str(k)]):
        status, output = run(["yosys-smtbmc", "-s", "z3", *options, *step, str(model)])
        if status:
            return f"{' '.join(step)} fails:\n{output}"
    return None


def main(description, proofs, prove):
    """Proves what the command line names; `prove(name, work)` gives what is wrong, or None. Returns the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path, help="a folder for the models")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(proofs)}; all of them if none is given")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in proofs]:
        parser.error(f"no proof '{unknown[0]}'; these are: {', '.join(repr(name) for name in proofs)}")
    options.work.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in options.names or proofs:
        start = time.monotonic()
        problem = prove(name, options.work)
        print(f"{name:<18} {'FAILS' if problem else 'proven'} in {time.monotonic() - start:.1f} s", flush=True)
        if problem:
            print(problem)
            failed = 1
    return failed
