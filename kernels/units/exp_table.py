#!/usr/bin/env python3
"""Prints ExpTable.inc: in each 64th of an octave, a quadratic through 2^t at the three Chebyshev nodes (which is within
2^-27 of it), as integers: the value in 2^-30, the slope and the curvature in 2^-28 for each step of a 64th."""
from decimal import Decimal, getcontext

SEGMENTS = 64
getcontext().prec = 50
HALF_ROOT_3 = Decimal(3).sqrt() / 2
NODES = [(1 - HALF_ROOT_3) / 2, Decimal("0.5"), (1 + HALF_ROOT_3) / 2]


def row(segment):
    values = [Decimal(2) ** ((segment + node) / SEGMENTS) for node in NODES]
    first = (values[1] - values[0]) / (NODES[1] - NODES[0])
    second = (values[2] - values[1]) / (NODES[2] - NODES[1])
    curvature = (second - first) / (NODES[2] - NODES[0])
    slope = first - curvature * (NODES[0] + NODES[1])
    value = values[0] - first * NODES[0] + curvature * NODES[0] * NODES[1]
    # One more: both products are cut off downwards.
    return int((value * 2**30).to_integral_value()) + 1, int((slope * 2**28).to_integral_value()), \
        int((curvature * 2**28).to_integral_value())


for segment in range(SEGMENTS):
    print("{%d, %d, %d}," % row(segment))
