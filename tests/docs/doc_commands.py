#!/usr/bin/python3
"""Keeps README.md, CONTRIBUTING.md and docs/*.md true.

  doc_commands.py run    every command shown is run, in a scratch copy of the source tree
  doc_commands.py help   docs/commands.md shows what `--help` prints; `--update` rewrites it
  doc_commands.py phases docs/architecture.md lists the phases of compiler/pipeline/Phases.h
  doc_commands.py links  every relative link, picture and `folder/file` of this tree that is named exists

A command stands in a fenced block of the language console, sh, bash or shell, on a line that starts with "$ "; a
backslash at its end continues it on the next line. The other lines of the block are what it prints. In such a block:

  * a command must end with status 0, or with the status that a comment at its end names: "$ weft hw check x  # exit 1"
  * in a block whose fence says "console check", the lines below a command are compared with what it prints (both streams);
    a line "..." stands for any lines, "..." within a line for anything. "console check any-numbers" takes any number for
    a number and any width for a column: cycles change with the compiler, what is printed about them should not
  * commands of one document share one scratch directory and run in the order of the document
  * `./dev ...` is not run: it installs packages and builds, and CI runs it anyway. Its subcommand and its long options
    are looked up in `./dev help`
  * a block that shows no "$ " line is an error, so that no command escapes. Text that is not a command takes another
    language, or none.

In docs/commands.md, "<!-- help: hw list -->" up to "<!-- /help -->" holds the output of `weft hw list --help`.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

SHELLS = {"console", "sh", "bash", "shell"}
FENCE = re.compile(r"^( *)(```+|~~~+) *([\w+-]*) *(.*)$")
EXIT = re.compile(r"#\s*exit (\d+)\s*$")
HELP = re.compile(r"<!-- help: ?([\w -]*?) ?-->\n(.*?)<!-- /help -->", re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"|srcset=\"([^\"]+)\"")
# A place in this tree, between backquotes; a placeholder is written <name>.
PLACE = re.compile(r"`((?:\.ci|bench|cmake|compiler|dialects|docs|examples|explore|hw-models|kernels|rtl|runtime|sim|tests|tools)"
                   r"/[a-zA-Z0-9_./-]*)`")
TIMEOUT_S = 900


@dataclass
class Command:
    text: str
    where: str
    exit_status: int = 0
    expected: list = field(default_factory=list)
    check: bool = False
    any_numbers: bool = False


def documents(source):
    return [p for p in (source / "README.md", source / "CONTRIBUTING.md") if p.exists()] + sorted((source / "docs").glob("*.md"))


def fenced_blocks(text):
    """Yields (line number, language, rest of the fence line, lines) for each fenced block."""
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        opening = FENCE.match(lines[i])
        if not opening:
            i += 1
            continue
        indent, marks, language, rest = opening.groups()
        first = i
        body = []
        i += 1
        while i < len(lines) and not (lines[i].strip().startswith(marks) and not lines[i].strip().strip(marks[0])):
            body.append(lines[i][len(indent):] if lines[i].startswith(indent) else lines[i])
            i += 1
        if i == len(lines):
            raise ValueError(f"line {first + 1}: the block is never closed")
        yield first + 1, language, rest, body
        i += 1


def extract(text, name):
    """The commands of a document, in order."""
    commands = []
    for number, language, rest, body in fenced_blocks(text):
        if language not in SHELLS:
            continue
        before = len(commands)
        continued = False
        for offset, line in enumerate(body):
            if continued:
                commands[-1].text += "\n" + line
            elif line.startswith("$ "):
                commands.append(Command(line[2:], f"{name}:{number + 1 + offset}", check="check" in rest.split(),
                                        any_numbers="any-numbers" in rest.split()))
            elif len(commands) > before:
                commands[-1].expected.append(line)
            else:
                raise ValueError(f"{name}:{number + 1 + offset}: a {language} block starts with a command, '$ ...'")
            continued = (continued or line.startswith("$ ")) and line.endswith("\\")
        if len(commands) == before:
            raise ValueError(f"{name}:{number}: a {language} block without a '$ ' line would never be run")
    for command in commands:
        status = EXIT.search(command.text)
        command.exit_status = int(status.group(1)) if status else 0
    return commands


def without_numbers(text):
    """Numbers become 0, and what pads or draws according to numbers (spaces, rules, bars) one space."""
    return re.sub(r"[ \u2500\u2588]+", " ", re.sub(r"\d+(?:[,.]\d+)*", "0", text))


def matches(expected, printed, any_numbers=False):
    """Whether `printed` is what `expected` shows, '...' standing for anything."""
    if any_numbers:
        expected, printed = [without_numbers(line) for line in expected], without_numbers(printed)
        printed = "\n".join(line.rstrip() for line in printed.split("\n"))

    def pattern(line):
        if line.strip() == "...":
            return r"(?:[^\n]*\n)*?"
        return ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"

    return re.fullmatch("".join(pattern(line) for line in expected), printed.rstrip("\n") + "\n" if printed else "") is not None


def missing_from_dev_help(command, dev_help):
    """What of a './dev ...' command its help does not know."""
    words = shlex.split(command.text, comments=True)[1:]
    unknown = [] if words and re.search(rf"^  {re.escape(words[0])}\b", dev_help, re.MULTILINE) else words[:1] or ["(nothing)"]
    return unknown + [w for w in words[1:] if w.startswith("--") and w.split("=")[0] not in dev_help]


def copy_tree(source, build, scratch):
    skip = {".git", ".cache", "__pycache__"}

    def ignore(folder, names):
        top = pathlib.Path(folder) == source
        return {n for n in names if n in skip or (top and n.startswith("build"))}

    shutil.copytree(source, scratch, ignore=ignore, symlinks=True)
    (scratch / "build").mkdir()
    (scratch / "build" / "bin").symlink_to(build / "bin")


def run_commands(source, build):
    dev_help = subprocess.run([source / "dev", "help"], capture_output=True, text=True, check=True).stdout
    environment = dict(os.environ, PATH=f"{build / 'bin'}{os.pathsep}{os.environ['PATH']}", LC_ALL="C.UTF-8",
                       WEFT_COST_CACHE="none")  # the user's own cache is left alone
    failures = count = 0

    def complain(command, why, printed=""):
        nonlocal failures
        failures += 1
        print(f"FAIL {command.where}: $ {command.text}\n     {why}")
        print("".join(f"     | {line}\n" for line in printed.splitlines()), end="", flush=True)

    for document in documents(source):
        commands = extract(document.read_text(encoding="utf-8"), document.relative_to(source))
        with tempfile.TemporaryDirectory(prefix="weft-docs-") as folder:
            scratch = pathlib.Path(folder) / "weft"
            if any(not c.text.startswith("./dev") for c in commands):
                copy_tree(source, build, scratch)
            for command in commands:
                count += 1
                if command.text.split()[0] == "./dev":
                    if unknown := missing_from_dev_help(command, dev_help):
                        complain(command, f"./dev help does not mention {', '.join(unknown)}")
                    continue
                print(f"     {command.where}: $ {command.text}", flush=True)
                try:
                    done = subprocess.run(["bash", "-o", "pipefail", "-c", command.text], cwd=scratch, env=environment, text=True,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                          errors="replace", timeout=TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    complain(command, f"still running after {TIMEOUT_S} s")
                    continue
                if done.returncode != command.exit_status:
                    complain(command, f"exit status {done.returncode}, expected {command.exit_status}", done.stdout)
                elif command.check and not matches(command.expected, done.stdout, command.any_numbers):
                    complain(command, "it printed something else than the document shows:", done.stdout)
    print(f"{count} commands, {failures} failures")
    return failures == 0 and count > 0


def help_text(build, subcommand):
    weft = build / "bin" / "weft"
    done = subprocess.run([weft, *subcommand.split(), "--help"], capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"`weft {subcommand} --help` ended with status {done.returncode}: {done.stderr.strip()}")
    # How the program was called is no part of the help.
    return "\n".join(line.rstrip() for line in done.stdout.replace(str(weft), "weft").strip().splitlines())


def subcommands(help_output):
    """Names in the 'Subcommands:' section of a help text."""
    section = re.search(r"^Subcommands:\n((?:[ \t].*\n?)+)", help_output, re.MULTILINE)
    return re.findall(r"^  (\S+)", section.group(1), re.MULTILINE) if section else []


def all_help_texts(build):
    """Help by subcommand, '' for weft itself, down to the last level."""
    texts = {}
    waiting = [""]
    while waiting:
        name = waiting.pop(0)
        texts[name] = help_text(build, name)
        waiting += [f"{name} {sub}".strip() for sub in subcommands(texts[name])]
    return texts


def check_help(source, build, update):
    path = source / "docs" / "commands.md"
    text = path.read_text(encoding="utf-8")
    texts = all_help_texts(build)
    shown = set()

    def block(found):
        name = found.group(1)
        shown.add(name)
        if name not in texts:
            raise ValueError(f"docs/commands.md: there is no `weft {name}`")
        opening = f"<!-- help: {name} -->" if name else "<!-- help: -->"
        return f"{opening}\n```text\n{texts[name]}\n```\n<!-- /help -->"

    current = HELP.sub(block, text)
    missing = [name for name in texts if name not in shown]
    for name in missing:
        print(f"FAIL docs/commands.md has no block for `weft {name}`; add: <!-- help: {name} --> <!-- /help -->")
    if current != text:
        if update:
            path.write_text(current, encoding="utf-8")
            print("docs/commands.md rewritten")
        else:
            print("FAIL docs/commands.md is not what --help prints; rewrite it with: tests/docs/doc_commands.py help --update")
            return False
    return not missing


def anchors(text):
    """Heading anchors as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def check_links(source):
    failures = 0
    for document in documents(source):
        text = document.read_text(encoding="utf-8")
        for found in PLACE.finditer(text):
            if not (source / found.group(1)).exists():
                failures += 1
                print(f"FAIL {document.relative_to(source)}: this tree has no {found.group(1)}")
        for found in LINK.finditer(text):
            link = next(group for group in found.groups() if group)
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = document.parent / file if file else document
            if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
                failures += 1
                print(f"FAIL {document.relative_to(source)}: no such place: {link}")
    return failures == 0


def check_phases(source):
    """Rows of the table in docs/architecture.md, up to the folder, against the table in the header."""
    header = (source / "compiler" / "pipeline" / "Phases.h").read_text(encoding="utf-8")
    phases = [list(found) for found in re.findall(r'\{Phase::\w+, "(\w+)", "(\w*)", "([^"]*)"\}', header)]
    if not phases:
        raise ValueError("compiler/pipeline/Phases.h: no table of phases found")
    table = (source / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| phase |")[2].partition("\n\n")[0]
    shown = [[cell.strip().strip("`") for cell in row.strip("|").split("|")][:3] for row in table.splitlines()[2:]]
    for is_header, row in [(True, row) for row in phases if row not in shown] + [(False, row) for row in shown if row not in phases]:
        print(f"FAIL docs/architecture.md: {'lacks the phase' if is_header else 'has what Phases.h has not:'} {' | '.join(row)}")
    if sorted(shown) == sorted(phases) and shown != phases:
        print("FAIL docs/architecture.md lists the phases in another order than Phases.h")
    return shown == phases


def main():
    source = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "help", "phases", "links"])
    parser.add_argument("--source", type=pathlib.Path, default=source, help="source tree")
    parser.add_argument("--build", type=pathlib.Path, default=source / "build", help="build tree")
    parser.add_argument("--update", action="store_true", help="with `help`: rewrite docs/commands.md")
    args = parser.parse_args()
    source, build = args.source.resolve(), args.build.resolve()
    try:
        if args.what == "run":
            good = run_commands(source, build)
        elif args.what == "help":
            good = check_help(source, build, args.update)
        elif args.what == "phases":
            good = check_phases(source)
        else:
            good = check_links(source)
    except (ValueError, OSError) as error:
        sys.exit(f"FAIL {error}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
