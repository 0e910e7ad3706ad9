"""Llama-3-8B on whole wafers, from its shapes alone: what compilation takes, and a decoded token after loading."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

SHAPES = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
          "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192,
          "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "hidden_act": "silu", "torch_dtype": "bfloat16",
          "bos_token_id": 128000, "eos_token_id": 128001, "tie_word_embeddings": False}
# Side of the mesh, layers. The first is the one that promises are about; the others show growth.
CASES = [(360, 32), (360, 1), (360, 8), (540, 32), (660, 32)]
EVALUATION_LIMIT_S, COMPILE_LIMIT_S, COMPILE_LIMIT_MB = 0.1, 5.0, 2048


def seconds_and_megabytes(command):
    """Of a program that must succeed: wall time, and the most memory that it had."""
    start = time.perf_counter()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(str(word) for word in command)}\n  ended with status {process.returncode}:\n{said}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def measure(weft, repetitions):
    """Name, value, unit and upper limit (or None) of each row."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        config, package, report = (pathlib.Path(folder, name) for name in ("config.json", "decode.weft", "run.json"))
        for side, layers in CASES:
            config.write_text(json.dumps(dict(SHAPES, num_hidden_layers=layers)), encoding="utf-8")
            seconds, megabytes = seconds_and_megabytes([weft, "compile", config, "--weights", "none", "--hw", "wse2", "--mesh",
                                                        f"{side}x{side}", "--phase", "decode", "--seq", 4096, "-o", package])
            evaluation = []
            for _ in range(repetitions):
                seconds_and_megabytes([weft, "run", package, "--timing-only", "--json", report])
                evaluation.append(json.loads(report.read_text(encoding="utf-8"))["evaluator"]["seconds"])
            name = f"Llama-3-8B on {side}x{side}, {layers} layer{'s' if layers > 1 else ''}"
            promised = (side, layers) == CASES[0]
            rows += [(f"{name}, compile", seconds, "s", COMPILE_LIMIT_S),
                     (f"{name}, compile, memory", megabytes, "MB", COMPILE_LIMIT_MB),
                     (f"{name}, a token", sorted(evaluation)[len(evaluation) // 2], "s", EVALUATION_LIMIT_S if promised else None)]
    return rows
