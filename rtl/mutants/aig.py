"""And-inverter graphs: read from the AIGER files that Yosys writes, folded, compared, written for ABC.

A literal is 2 * node, + 1 if inverted; 0 is false, 1 true.
"""


class Aig:
    """Nodes 1..inputs are inputs, then latches, then ANDs: `ands[i]` are the two literals of node first_and + i."""

    def __init__(self, path):
        data = path.read_bytes()
        end = data.index(b"\n")
        kind, _, inputs, latches, outputs, ands, *more = data[:end].split()
        if kind != b"aig" or any(int(each) for each in more):
            raise ValueError(f"{path}: not a binary AIGER file without properties")
        self.inputs, at = int(inputs), end + 1
        self.nexts, self.outputs, self.ands = [], [], []
        for _ in range(int(latches)):
            end = data.index(b"\n", at)
            self.nexts.append(int(data[at:end].split()[0]))
            at = end + 1
        for _ in range(int(outputs)):
            end = data.index(b"\n", at)
            self.outputs.append(int(data[at:end]))
            at = end + 1
        self.first_and = self.inputs + len(self.nexts) + 1
        for node in range(self.first_and, self.first_and + int(ands)):
            deltas = []
            for _ in range(2):
                shift = delta = 0
                while True:
                    byte = data[at]
                    at += 1
                    delta |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                deltas.append(delta)
            left = 2 * node - deltas[0]
            self.ands.append((left, left - deltas[1]))


class Graph:
    """Grows by `both`, which never makes the same node twice and folds constants."""

    def __init__(self):
        self.ands = [None]  # None: the constant, and inputs
        self.known = {}

    def input(self):
        self.ands.append(None)
        return 2 * len(self.ands) - 2

    def both(self, a, b):
        if a > b:
            a, b = b, a
        if a == 0 or a ^ 1 == b:
            return 0
        if a == 1 or a == b:
            return b
        if (a, b) not in self.known:
            self.ands.append((a, b))
            self.known[a, b] = 2 * len(self.ands) - 2
        return self.known[a, b]

    def either(self, a, b):
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a, b):
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def copy(self, aig, leaves):
        """The literals here of all nodes of `aig`, whose inputs and latches are `leaves`."""
        at = [0, *leaves]
        for left, right in aig.ands:
            at.append(self.both(at[left >> 1] ^ left & 1, at[right >> 1] ^ right & 1))
        return at

    def write(self, path, outputs):
        """What `outputs` depend on, as AIGER."""
        seen, stack = set(), [each >> 1 for each in outputs]
        while stack:
            node = stack.pop()
            if node and node not in seen:
                seen.add(node)
                if self.ands[node]:
                    stack += [each >> 1 for each in self.ands[node]]
        inputs = [node for node in sorted(seen) if not self.ands[node]]
        ands = [node for node in sorted(seen) if self.ands[node]]
        number = {node: place for place, node in enumerate([0, *inputs, *ands])}

        def named(literal):
            return 2 * number[literal >> 1] + (literal & 1)

        out = bytearray(f"aig {len(number) - 1} {len(inputs)} 0 {len(outputs)} {len(ands)}\n".encode())
        for each in outputs:
            out += f"{named(each)}\n".encode()
        for node in ands:
            low, high = sorted(named(each) for each in self.ands[node])
            for delta in (2 * number[node] - high, high - low):
                while delta > 127:
                    out.append(delta & 127 | 128)
                    delta >>= 7
                out.append(delta)
        path.write_bytes(out)
