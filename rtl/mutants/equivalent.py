#!/usr/bin/env python3
"""Runs a harness of mutants, and shows of those that survive which change nothing: no input tells them from the unit.

    rtl/mutants/equivalent.py --netlist NETLIST.aig --work DIR [--least PERCENT] HARNESS [ARGUMENT ...]

HARNESS prints `mutant N survives: ...` for each survivor and at last `K of M mutants killed`. NETLIST.aig holds unit and
mutants, its input `mutant` or `mutant_i` chooses; NETLIST.map names its inputs (Yosys, `write_aiger -vmap`). A mutant is
proven equivalent by

  folding   nothing is left of it once constants are propagated: it changes bits that nothing reads;
  SAT       in any state whatever, outputs and next state are the unit's (ABC, `&cec`);
  order     the same in any state in which each weft_turns that has no mutants itself holds a strict order, which rtl/formal
            proves of all states that can be reached (ABC, `sat`).

Those do not count. Fails if less than PERCENT of the others are killed, if the harness fails, or if a killed mutant (one
in SAMPLE is tried) is "proven" equivalent: then proof or bench is wrong.
"""
import argparse
import collections
import itertools
import pathlib
import re
import subprocess
import sys

from aig import Aig, Graph

SECONDS = 30  # for a SAT problem
SAMPLE = 8


class Netlist:
    def __init__(self, path):
        self.aig = Aig(path)
        self.selector, self.latches = {}, {}
        for line in path.with_suffix(".map").read_text().splitlines():
            kind, index, bit, name = line.split()[:4]
            if kind == "input" and name in ("mutant", "mutant_i"):
                self.selector[int(bit)] = int(index)
            elif kind == "latch":
                self.latches[name, int(bit)] = int(index)
        if not self.selector:
            sys.exit(f"{path}: it has no input that chooses a mutant")

    def leaves(self, graph_inputs, mutant):
        out = list(graph_inputs)
        for bit, place in self.selector.items():
            out[place] = mutant >> bit & 1
        return out

    def inputs_of(self, graph):
        return [graph.input() for _ in range(self.aig.inputs + len(self.aig.nexts))]


    def orders(self, graph, inputs):
        """Whether matrices of turns are strict orders: row i has a bit for everyone who comes before i. One that has
        mutants itself is no assumption: its wires are not those of its latches."""
        rows = collections.defaultdict(dict)
        for (name, bit), latch in self.latches.items():
            if match := re.fullmatch(r"(.*i_turns\.)g_row\[(\d+)\]\.row", name):
                rows[match[1]][int(match[2]), bit] = inputs[self.aig.inputs + latch]
        holds = 1
        for matrix in rows.values():
            everyone = range(1 + max(i for i, _ in matrix))
            if any(pair not in matrix for pair in itertools.permutations(everyone, 2)):
                continue
            for i, j in itertools.permutations(everyone, 2):
                holds = graph.both(holds, graph.differ(matrix[i, j], matrix[j, i]))
            for i, j, k in itertools.permutations(everyone, 3):
                chain = graph.both(matrix[i, j], matrix[j, k])
                holds = graph.both(holds, graph.both(chain, matrix[i, k] ^ 1) ^ 1)
        return holds


def values(at, literals):
    return [at[each >> 1] ^ each & 1 for each in literals]


def equal(graph, pairs, path):
    """Whether ABC shows, in time, that each pair of literals is equal."""
    graph.write(path, [graph.differ(a, b) for a, b in pairs])
    command = f"&read {path}; &cec -m -T {SECONDS} -C 1000000"
    done = subprocess.run(["berkeley-abc", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    return "Networks are equivalent" in done.stdout


def contradictory(graph, literal, path):
    """Whether ABC shows, in time, that the literal never holds; None if it does not know."""
    if literal < 2:
        return not literal
    graph.write(path, [literal])
    command = f"read {path}; sat -C 200000"
    done = subprocess.run(["berkeley-abc", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    answer = re.search(r"(UN)?SATISFIABLE", done.stdout)
    return bool(answer[1]) if answer else None


def in_ordered_states(netlist, graph, inputs, pairs, path):
    where = netlist.orders(graph, inputs)
    if where == 1:
        return False  # no turns
    if contradictory(graph, where, path) is not False:
        sys.exit("no state of the netlist has orders as turns")
    differ = 0
    for a, b in pairs:
        differ = graph.either(differ, graph.differ(a, b))
    return contradictory(graph, graph.both(where, differ), path)


def in_any_state(netlist, mutant, path):
    """Compares outputs and next state; None if nothing shows that they are equal."""
    graph = Graph()
    inputs = netlist.inputs_of(graph)
    ends = netlist.aig.nexts + netlist.aig.outputs
    unit, other = (values(graph.copy(netlist.aig, netlist.leaves(inputs, which)), ends) for which in (0, mutant))
    pairs = [pair for pair in zip(unit, other) if pair[0] != pair[1]]
    if not pairs:
        return "folding"
    if equal(graph, pairs, path):
        return "SAT"
    return "order" if in_ordered_states(netlist, graph, inputs, pairs, path) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--netlist", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("harness", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(options.harness, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    summary = re.search(r"(\d+) of (\d+) mutants killed", done.stdout)
    if done.returncode or not summary:
        sys.exit("the harness fails")
    killed, count = map(int, summary.groups())
    survivors = list(map(int, re.findall(r"^mutant (\d+) survives", done.stdout, re.M)))
    if killed + len(survivors) != count:
        sys.exit(f"{killed} killed and {len(survivors)} survivors are not {count}")
    netlist, path = Netlist(options.netlist), options.work / f"{options.netlist.stem}_miter.aig"
    proofs = collections.defaultdict(list)
    for mutant in survivors:
        proofs[in_any_state(netlist, mutant, path)].append(mutant)
    for mutant in [each for each in range(1, count + 1) if each not in survivors][::SAMPLE]:
        if how := in_any_state(netlist, mutant, path):
            sys.exit(f"mutant {mutant} is killed, and equivalent by {how}: one of the two is wrong")
    for how in filter(None, proofs):
        print(f"equivalent by {how}: {', '.join(map(str, proofs[how]))}")
    open_ones = proofs[None]
    print(f"not decided: {', '.join(map(str, open_ones)) or 'none'}")
    rate = 100 * killed / (killed + len(open_ones)) if killed else 0
    print(f"{count} mutants: {killed} killed, {count - killed - len(open_ones)} proven equivalent, {len(open_ones)} survive; "
          f"{rate:.1f} % of those that are not equivalent killed")
    sys.exit(rate < options.least)


if __name__ == "__main__":
    main()
