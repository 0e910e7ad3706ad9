#!/usr/bin/env python3
"""Does what docs/adding-a-unit.md says, with the files that stand there, and what it says is refused.

By default: descriptions through the generator, the golden function against counting by hand, the module through the lint
and the comparison of ports. With --long a copy of the tree gets the three files and nothing else, is built, the commands of the page
run, and the tests that the page promises. The copy stays in the folder --work, so that the next run builds only what is new.
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

from doc_commands import matches

DRIVER = r"""
#include "kernels/units/RandomCalls.h"
#include <cstdio>
#include <cstring>
using namespace weft::units;
int main() {
  const Unit *unit = find("ones");
  unsigned elements = 0, wrong = 0;
  for (uint32_t vlen : {128u, 256u, 1024u}) {
    RandomCalls calls(unit->instructions[0], vlen, vlen);
    for (int n = 0; n < 200; ++n) {
      RandomCall call = calls.next();
      std::vector<std::byte> before = call.vd;
      uint8_t flags = unit->instructions[0].golden(call.call);
      wrong += flags != 0;
      for (size_t i = 0; i < call.vd.size() / 4; ++i, ++elements) {
        uint32_t in = 0, old = 0, out = 0, count = 0;
        std::memcpy(&in, call.vs2.data() + 4 * i, 4);
        std::memcpy(&old, before.data() + 4 * i, 4);
        std::memcpy(&out, call.vd.data() + 4 * i, 4);
        for (; in; in >>= 1)
          count += in & 1;
        wrong += out != (i < call.call.vl ? count : old);
      }
    }
  }
  std::printf("%u elements, %u wrong\n", elements, wrong);
  return wrong != 0 || elements < 1000;
}
"""

HARNESS = r"""
#include "Vweft_ones.h"
#include "verilated.h"
#include <bitset>
#include <cstdio>
int main() {
  Vweft_ones unit;
  auto clock = [&] { unit.clk_i = 1; unit.eval(); unit.clk_i = 0; unit.eval(); };
  unit.rst_ni = 0; clock(); clock(); unit.rst_ni = 1;
  unit.issue_valid_i = 1; unit.issue_instr_i = 0x2800305b | 8 << 7 | 16 << 20; unit.issue_vl_i = 7; unit.issue_vtype_i = 0x10;
  unit.issue_id_i = 3; unit.commit_valid_i = 1; unit.commit_id_i = 3; unit.res_ready_i = unit.result_ready_i = 1;
  unit.eval();
  if (!unit.issue_accept_o) return std::puts("not accepted"), 1;
  clock();
  unit.issue_valid_i = unit.commit_valid_i = 0;
  unsigned elements = 0, beat = 0, wrong = 0;
  uint32_t values[8] = {0, 1, 0xffffffff, 0x80000001, 0x12345678, 0xf0f0, 3, 0xdeadbeef};
  for (int cycle = 0; cycle < 50; ++cycle) {
    unit.op_valid_i = beat < 2;
    for (int i = 0; i < 4; ++i) unit.op_vs2_i[i] = values[(4 * beat + i) % 8];
    unit.eval();
    beat += unit.op_valid_i && unit.op_ready_o;
    if (unit.res_valid_o)
      for (int i = 0; i < 4; ++i, ++elements)
        if (unit.res_enable_o >> (4 * i) & 1) wrong += unit.res_data_o[i] != std::bitset<32>(values[elements]).count();
        else wrong += elements < 7;
    if (unit.result_valid_o) {
      std::printf("%u elements, %u wrong\n", elements, wrong);
      return wrong != 0 || elements != 8 || unit.result_id_o != 3;
    }
    clock();
  }
  return std::puts("no completion"), 1;
}
"""


def run(*command, folder=None, fails=False):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    if (done.returncode != 0) != fails:
        sys.exit(f"FAIL {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def expect(message, output):
    if message not in output:
        sys.exit(f"FAIL wanted: {message}\ngot: {output}")


def files_of(document):
    """The blocks whose first line names a file, by that name."""
    files = {}
    for block in re.findall(r"^```[\w+-]+\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        named = re.match(r"(?:#|//) ([\w.]+\.(?:yaml|h|cpp|sv))\b", block)
        if named:
            files[named.group(1)] = block
    return files


class Place:
    """A folder with the descriptions of the tree and those of the page."""

    def __init__(self, options, files, folder):
        self.options, self.folder = options, folder
        self.units = folder / "kernels/units"
        shutil.copytree(options.source / "kernels/units/ports", self.units / "ports")
        for path in (options.source / "kernels/units").glob("*.yaml"):
            shutil.copy(path, self.units)
        for name in ("ones.yaml", "Ones.h", "Ones.cpp"):
            (self.units / name).write_text(files[name], encoding="utf-8")
        (folder / "weft_ones.sv").write_text(files["weft_ones.sv"], encoding="utf-8")
        (folder / "out").mkdir()

    def generate(self, fails=False):
        descriptions = sorted(path.relative_to(self.folder) for path in self.units.glob("*.yaml"))
        return run(self.options.generator, "--out", "out", "--standard", self.options.source / "sim/iss/Instructions.def",
                   *descriptions, folder=self.folder, fails=fails)

    def refuses(self, path, old, new, message):
        """The generator's answer to one change of a file, which is taken back."""
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{path}: {old}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        expect(message, self.generate(fails=True))
        path.write_text(text, encoding="utf-8")

    def sources(self):
        common = sorted((self.options.source / "rtl/common").glob("*.sv"))
        return [self.folder / "out/weft_units_pkg.sv", *common, self.folder / "weft_ones.sv"]

    def check_ports(self, fails=False):
        return run(sys.executable, "-B", self.options.source / "rtl/check_ports.py", "--verilator", self.options.verilator,
                   "--expected", self.folder / "out/weft_ones.ports", "--list", "vector-unit.yaml", "--module", "weft_ones",
                   *self.sources(), fails=fails)


def check_descriptions(place):
    place.generate()
    package = (place.folder / "out/weft_units_pkg.sv").read_text(encoding="utf-8")
    expect("localparam logic [31:0] WF_VONES_V_MATCH = 32'h2800305b;", package)
    expect("localparam int unsigned ONES_COUNT_LATENCY = 1;", package)
    expect("WfVonesVOp", (place.folder / "out/UnitOps.td").read_text(encoding="utf-8"))
    ones, ports = place.units / "ones.yaml", place.units / "ports/vector-unit.yaml"
    place.refuses(ones, "0x2800305b", "0x2400305b",
                  "kernels/units/ones.yaml:24: instructions.wf.vones.v: match 0x2400305b and mask 0xfe0ff07f overlap "
                  "wf.vexp.v's, 0x2400305b and 0xfe0ff07f in kernels/units/exp.yaml:")
    place.refuses(ones, "default: 128", "default: 1024",
                  "kernels/units/ones.yaml:14: parameters.dlen.default: '1024' is not allowed; allowed: a whole number "
                  "from 64 to 512")
    place.refuses(ones, "    golden: ones", "    goldn: ones", "unknown key 'instructions.wf.vones.v.goldn'")
    place.refuses(ones, "ports: vector-unit", "ports: other-unit", "ports: there is no list kernels/units/ports/other-unit.yaml")
    place.refuses(ports, "width: DLEN / 8", "width: LANES / 8",
                  "op_mask_i.width: 'LANES / 8' for unit dot: the unit has no parameter LANES")
    place.refuses(ports, "width: DLEN / 8", "width: DLEN / 7", "128 / 7 is no whole number")
    place.refuses(ports, "width: bits(VLEN) + 1", "width: bits(VLEN + 1", "')' is missing")
    place.refuses(ports, "{direction: input, width: 64}", "{direction: inout, width: 64}",
                  "vector-unit.yaml:11: issue_rs1_i.direction: 'inout' is not allowed; allowed: one of: input, output")
    place.generate()


def check_golden(place):
    driver = place.folder / "driver.cpp"
    driver.write_text(DRIVER, encoding="utf-8")
    source = place.options.source / "kernels/units"
    run(place.options.cxx, "-std=c++20", "-O1", "-I", place.folder, "-I", place.options.source, driver,
        place.folder / "out/UnitTable.cpp", place.units / "Ones.cpp",
        *(source / name for name in ("Units.cpp", "Types.cpp", "OperandClasses.cpp", "RandomCalls.cpp")), place.options.golden, "-o",
        place.folder / "driver")
    print("golden function:", run(place.folder / "driver").strip())


def check_module(place):
    run(place.options.verilator, "--lint-only", "-Wall", "--assert", "--top-module", "weft_ones", *place.sources())
    place.check_ports()
    module = place.folder / "weft_ones.sv"
    good = module.read_text(encoding="utf-8")
    wrong = good.replace("output logic [         4:0] result_flags_o", "output logic [5:0] result_flags_o,\n    output logic more_o")
    module.write_text(wrong.replace("  // Issue:", "  assign more_o = 1'b0;\n  // Issue:"), encoding="utf-8")
    line = wrong[:wrong.index("result_flags_o,")].count("\n") + 1
    output = place.check_ports(fails=True)
    expect(f"weft_ones.sv:{line}: port result_flags_o is an output of 6 bits; vector-unit.yaml wants an output of 5 = 5", output)
    expect(f"weft_ones.sv:{line + 1}: port more_o is not in vector-unit.yaml", output)
    module.write_text("module weft_ones (input logic clk_i);\n  logic unused;\n  assign unused = clk_i;\nendmodule\n",
                      encoding="utf-8")
    expect("module weft_ones has no port op_mask_i; vector-unit.yaml wants an input of DLEN / 8 bits",
           place.check_ports(fails=True))
    module.write_text(good, encoding="utf-8")


def check_rtl(place):
    """The module's answer to one instruction."""
    (place.folder / "harness.cpp").write_text(HARNESS, encoding="utf-8")
    run(place.options.verilator, "--cc", "--exe", "--build", "--assert", "-O3", "--top-module", "weft_ones", "--Mdir",
        place.folder / "rtl", *place.sources(), place.folder / "harness.cpp")
    print("module:", run(place.folder / "rtl/Vweft_ones").strip())


def renew(path, content):
    """Leaves a file alone that has this content, so that nothing is built again because of it."""
    if not path.is_file() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def renew_tree(source, tree, files):
    """Makes `tree` the source tree as it is, with the three files of the page."""
    wanted = {name: source / name for name in run("git", "-C", source, "ls-files", "-z").split("\0") if name}
    wanted = {name: path.read_bytes() for name, path in wanted.items() if path.is_file()}
    for name in ("ones.yaml", "Ones.h", "Ones.cpp"):
        wanted[f"kernels/units/{name}"] = files[name].encode()
    wanted["rtl/ones/weft_ones.sv"] = files["weft_ones.sv"].encode()
    for folder, folders, names in os.walk(tree):
        if pathlib.Path(folder) == tree and "build" in folders:
            folders.remove("build")
        for path in (pathlib.Path(folder) / name for name in names):
            if path.relative_to(tree).as_posix() not in wanted:
                path.unlink()
    for name, content in wanted.items():
        renew(tree / name, content)


def sessions_of(document):
    """[(command, exit status, expected lines)] of the blocks that show `weft`."""
    found = []
    for block in re.findall(r"^```text\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for command, output in re.findall(r"^\$ (weft .*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            command, _, status = command.partition(" # exit ")
            found.append((shlex.split(command), int(status or 0), output.splitlines()))
    return found


def run_sessions(document, tree):
    """Runs what the page shows; each "..." there stands for anything."""
    sessions = sessions_of(document)
    if len(sessions) < 4:
        sys.exit(f"FAIL only {len(sessions)} commands are left in {document}")
    environment = {**os.environ, "WEFT_COST_CACHE": "none"}
    for command, status, lines in sessions:
        done = subprocess.run([tree / "build/bin/weft", *command[1:]], cwd=tree, env=environment, capture_output=True, text=True,
                              check=False)
        printed = done.stdout + done.stderr
        if done.returncode != status or not matches(lines, printed):
            sys.exit(f"FAIL {shlex.join(command)}: status {done.returncode}, printed:\n{printed}\nthe page says {status}:\n"
                     + "\n".join(lines))
        print(shlex.join(command), "->", status)


def check_build(options, document, files):
    """A copy of the tree with the files of the page, built and tested."""
    tree = options.work.resolve() / "tree"
    renew_tree(options.source, tree, files)
    build = tree / "build"
    # Without optimisation: little of it runs, and not for long.
    run("cmake", "-G", "Ninja", "-S", tree, "-B", build, "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_CXX_COMPILER={options.cxx}",
        f"-DCMAKE_C_COMPILER={options.cc}", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DCMAKE_C_COMPILER_LAUNCHER=ccache")
    run("ninja", "-C", build, "weft", "iss_units_test", "units_lowering_test", "cosim_unit_test", "weft_ones_ports")
    run_sessions(document, tree)
    output = run(build / "bin/iss_units_test", "wf.vones.v*", "--success")
    expect("All tests passed", output)
    print("simulator:", output.strip().splitlines()[-1])
    run(build / "bin/units_lowering_test")  # of every described instruction
    tests = ["cosim_ones_128_256", "cosim_ones_64_128", "cosim_ones_128_128", "cosim_ones_256_512", "cosim_simulator_partner",
             "cosim_unit_variants", "cosim_coverage_ones", "rtl_lint_ones", "rtl_cells_ones_128"]
    output = run("ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "-R", f"^({'|'.join(tests)})$")
    expect(f"100% tests passed, 0 tests failed out of {len(tests)}", output)
    check_documents(tree, build)
    print("tests:", *tests, "docs_units docs_help")


def check_documents(tree, build):
    """The tests of documents that list all units fail until these do."""
    units, commands = tree / "docs/units.md", tree / "docs/commands.md"

    def tests(fails):
        for name in ("docs_units", "docs_help"):
            run("ctest", "--test-dir", build, "-R", f"^{name}$", "--no-tests=error", fails=fails)

    tests(fails=True)
    units.write_bytes((build / "kernels/units/units.md").read_bytes())
    commands.write_text(commands.read_text(encoding="utf-8") + "<!-- help: cosim ones -->\n<!-- /help -->\n", encoding="utf-8")
    run(sys.executable, "-B", tree / "tests/docs/doc_commands.py", "--source", tree, "--build", build, "help", "--update")
    tests(fails=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("source", "generator", "golden"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    for name in ("cxx", "cc", "verilator"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--work", type=pathlib.Path, help="a folder for the copy of the tree, with --long")
    options = parser.parse_args()
    if options.long and not options.work:
        parser.error("--long needs --work")
    document = options.source / "docs/adding-a-unit.md"
    files = files_of(document)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(options, files, pathlib.Path(folder))
        check_descriptions(place)
        if options.long:
            check_rtl(place)
            check_build(options, document, files)
        else:
            check_golden(place)
            check_module(place)


if __name__ == "__main__":
    main()
