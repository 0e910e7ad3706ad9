"""A directory with Llama-3-8B's shapes and weights of 16 GB in four shards, compiled: what that takes, and that no weight is
read. The shards are sparse files, all zeros, that take no room on the disk."""

import json
import pathlib
import struct
import tempfile

import wafers

SHARDS, LAYERS = 4, 32
COMPILE_LIMIT_S, COMPILE_LIMIT_MB = 10.0, 2048


def tensors(layers):
    """Name and shape of each, in the order in which they are stored."""
    hidden, inner, keys, vocabulary = 4096, 14336, 1024, 128256
    yield "model.embed_tokens.weight", (vocabulary, hidden)
    for i in range(layers):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (hidden,)
        yield layer + "post_attention_layernorm.weight", (hidden,)
        for name, rows, columns in (("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", keys, hidden),
                                    ("self_attn.v_proj", keys, hidden), ("self_attn.o_proj", hidden, hidden),
                                    ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden),
                                    ("mlp.down_proj", hidden, inner)):
            yield f"{layer}{name}.weight", (rows, columns)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (vocabulary, hidden)


def write_shard(path, members):
    """A safetensors file of `members`, whose bytes are a hole. Returns how many there are."""
    header, offset = {}, 0
    for name, shape in members:
        size = 2
        for extent in shape:
            size *= extent
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    return offset


def write_model(folder, layers=LAYERS):
    """Config, index and shards; returns the bytes of all weights."""
    folder = pathlib.Path(folder)
    config = dict(wafers.SHAPES, num_hidden_layers=layers)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    members = list(tensors(layers))
    share = -(-len(members) // SHARDS)
    index, total = {}, 0
    for i in range(SHARDS):
        name = f"model-{i + 1:05}-of-{SHARDS:05}.safetensors"
        part = members[i * share:(i + 1) * share]
        total += write_shard(folder / name, part)
        index.update({tensor: name for tensor, _ in part})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index}), encoding="utf-8")
    return total


def measure(weft):
    """Name, value, unit and upper limit of each row."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        model, package = pathlib.Path(folder, "model"), pathlib.Path(folder, "model.weft")
        model.mkdir()
        total = write_model(model)
        # Both phases need 52 KB a core at this size; the machine has 48.
        seconds, megabytes = wafers.seconds_and_megabytes([weft, "compile", model, "--hw", "wse2", "--set", "memory.sram_kib=64",
                                                           "--mesh", "720x720", "--seq", 1024, "-o", package])
        name = f"Llama-3-8B with {total / 1e9:.1f} GB of weights on 720x720, both phases"
        rows += [(f"{name}, compile", seconds, "s", COMPILE_LIMIT_S),
                 (f"{name}, compile, memory", megabytes, "MB", COMPILE_LIMIT_MB),
                 (f"{name}, package", package.stat().st_size / 1e6, "MB", None)]
    return rows
