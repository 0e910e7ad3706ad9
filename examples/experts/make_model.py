#!/usr/bin/python3
"""Writes a small mixture of experts to look at: a Mixtral with random weights and routers that like some experts more.

  make_model.py DIR [--experts 8] [--top-k 2] [--skew 1.5]

With --skew 0 all experts are about as popular; the larger it is, the more tokens go to the first ones.
"""
import argparse
import array
import json
import pathlib
import random
import struct

HIDDEN, INNER, LAYERS, HEADS, VOCABULARY = 32, 48, 2, 4, 64


def tensors(experts, skew):
    """Name -> (shape, numbers). Feature 0 of each embedding is large and alike, so that a router's first column is a bias."""
    source = random.Random(7)

    def matrix(rows, columns, size):
        return [rows, columns], [source.gauss(0, size) for _ in range(rows * columns)]

    def with_first(value, shape_numbers):
        shape, numbers = shape_numbers
        for row in range(shape[0]):
            numbers[row * shape[1]] = value(row)
        return shape, numbers

    result = {"model.embed_tokens.weight": with_first(lambda row: 2.0, matrix(VOCABULARY, HIDDEN, 1)),
              "lm_head.weight": matrix(VOCABULARY, HIDDEN, 0.3),
              "model.norm.weight": ([HIDDEN], [1.0] * HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            result[prefix + norm + ".weight"] = ([HIDDEN], [1.0] * HIDDEN)
        for projection in "qkvo":
            result[prefix + f"self_attn.{projection}_proj.weight"] = matrix(HIDDEN, HIDDEN, 0.05)
        moe = prefix + "block_sparse_moe."
        result[moe + "gate.weight"] = with_first(lambda row: skew * (1 - 2 * row / experts), matrix(experts, HIDDEN, 0.2))
        for expert in range(experts):
            name = f"{moe}experts.{expert}."
            result[name + "w1.weight"] = matrix(INNER, HIDDEN, 0.2)
            result[name + "w3.weight"] = matrix(INNER, HIDDEN, 0.2)
            result[name + "w2.weight"] = matrix(HIDDEN, INNER, 0.05)
    return result


def write(folder, experts, top_k, skew):
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "vocab_size": VOCABULARY,
              "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "num_local_experts": experts,
              "num_experts_per_tok": top_k, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "hidden_act": "silu", "tie_word_embeddings": False, "sliding_window": None, "bos_token_id": 0,
              "eos_token_id": 1, "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    header, data = {}, b""
    for name, (shape, numbers) in tensors(experts, skew).items():
        numbers = array.array("f", numbers).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(numbers)]}
        data += numbers
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path)
    parser.add_argument("--experts", type=int, default=8)
    parser.add_argument("--top-k", type=int, default=2)
    parser.add_argument("--skew", type=float, default=1.5)
    options = parser.parse_args()
    write(options.folder, options.experts, options.top_k, options.skew)
