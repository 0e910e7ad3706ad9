#!/usr/bin/env python3
"""Writes requests.csv: a made trace, in the form of the Azure LLM inference dataset (time, prompt, output). Arrivals come
in bursts; lengths have long tails and medians of 731 and 134 tokens."""
import pathlib
import random

chance = random.Random(2023)
time, lines = 0.0, ["TIMESTAMP,ContextTokens,GeneratedTokens"]
for _ in range(1500):
    time += chance.expovariate(5) if chance.random() < 0.7 else chance.expovariate(1.2)
    prompt = min(6000, max(8, round(chance.lognormvariate(6.6, 0.9))))
    output = min(1000, max(1, round(chance.lognormvariate(4.9, 0.9))))
    lines.append(f"{time:.3f},{prompt},{output}")
pathlib.Path(__file__).with_name("requests.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
