#!/usr/bin/env python3
"""Bad input of every kind: one message that names the thing, the right exit status, nothing written half."""
import json
import random
import shutil
import struct
import unittest

from cli_support import BARD, SOURCE, TestCase, call, header_bytes, main

Q = "model.layers.1.self_attn.q_proj.weight"
FITS = ("--hw", "rvv-lab", "--mesh", "2x2", "--max-seq", "32")


class Folders(TestCase):
    def folder_with(self, files):
        path = self.folder / "thing"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, text in files.items():
            (path / name).write_text(text)
        return path

    def test_a_folder_without_a_model_says_what_is_missing(self):
        self.refused_model(self.folder_with({}), "thing' is no model: the directory is empty")
        self.refused_model(self.folder_with({"README.md": "of a model"}), "config.json is not there; a model is a directory")
        self.refused_model(self.folder_with({"small.gguf": ""}), "config.json is not there, only small.gguf, a model by")

    def test_an_empty_file(self):
        (self.folder / "empty").touch()
        self.refused("compile", self.folder / "empty", says="empty: the file is empty")

    def test_a_genai_folder_without_its_graph(self):
        genai = json.dumps({"model": {"decoder": {"filename": "model.onnx"}}})
        says = "thing: 'model.onnx', which genai_config.json there names as the model, is not there"
        self.refused_model(self.folder_with({"genai_config.json": genai}), says)
        self.refused_model(self.folder_with({"genai_config.json": genai, "other.onnx": "", "config.json": "{}"}), says)
        for outside in ("../other.onnx", str(self.folder / "thing" / "other.onnx")):
            text = json.dumps({"model": {"decoder": {"filename": outside}}})
            self.refused_model(self.folder_with({"genai_config.json": text, "other.onnx": ""}),
                               f"'{outside}', which genai_config.json there names as the model, lies outside")
        for text in ("{", "[]", '{"model": []}', '{"model": {"decoder": {"filename": 1}}}'):
            self.refused_model(self.folder_with({"genai_config.json": text}), "genai_config.json is there, but names no")

    def test_json_beside_a_graph_is_named_for_itself(self):
        for name in ("config.json", "generation_config.json", "genai_config.json"):
            folder = self.folder_with({name: "{ broken"})
            shutil.copy(SOURCE / "tests" / "fuzz" / "corpus" / "onnx" / "decoder.onnx", folder / "model.onnx")
            self.refused("compile", folder, says=(f"error: {folder / name}: not valid JSON", "--as tensors"))
            self.refused("compile", folder, "--as", "tensors", says=f"error: {folder / 'model.onnx'}: ")

    def test_values_beside_a_graph_that_are_none(self):
        for name, text, says in (
                ("config.json", "[1]", "config.json: it must be a JSON object, not array"),
                ("generation_config.json", '{"eos_token_id": "</s>"}',
                 "generation_config.json: 'eos_token_id' must hold token ids, not \"</s>\""),
                ("config.json", '{"max_position_embeddings": "long"}', "'max_position_embeddings' must be an integer"),
                ("genai_config.json", '{"model": {"eos_token_id": [1, 2.5]}}', "'model.eos_token_id' must hold token ids"),
        ):
            with self.subTest(text=text):
                folder = self.folder_with({name: text})
                shutil.copy(SOURCE / "tests" / "fuzz" / "corpus" / "onnx" / "decoder.onnx", folder / "model.onnx")
                self.refused("compile", folder, says=(says, "model.onnx generates depends on that file"))


class Weights(TestCase):
    def test_a_folder_called_model_is_quoted(self):
        self.refused("compile", self.model(), "--max-seq", "9999", says="positions that 'model' was made for")

    def test_no_file(self):
        model = self.model()
        (model / "model.safetensors").unlink()
        self.refused_model(model, "model.safetensors")

    def test_truncated(self):
        model = self.model()
        path = model / "model.safetensors"
        whole = path.read_bytes()
        for length in (0, 3, 8, 100, len(whole) // 2, len(whole) - 1):
            with self.subTest(length=length):
                path.write_bytes(whole[:length])
                self.refused_model(model, "model.safetensors")

    def test_longer_than_its_header_says(self):
        model = self.model()
        header, data = self.read_weights(model)
        self.write_weights(model, header, data + b"\0" * 64)
        self.refused_model(model, "model.safetensors")

    def test_header_length(self):
        model = self.model()
        path = model / "model.safetensors"
        whole = path.read_bytes()
        for length in (0, 1, 2**31, 2**63, 2**64 - 1, 2**64 - 8, len(whole), len(whole) - 8):
            with self.subTest(length=length):
                path.write_bytes(struct.pack("<Q", length) + whole[8:])
                self.refused_model(model, "model.safetensors")

    def test_header_is_no_json_object(self):
        model = self.model()
        _, data = self.read_weights(model)
        for text in (b"", b"[]", b"{", b"null", b'{"a":1}', b'{"a":{}}', b"\xff" * 16, b"[" * 5000, b'{"a":{},"a":{}}'):
            with self.subTest(text=text[:20]):
                self.write_weights(model, text, data)
                self.refused_model(model, "model.safetensors")

    def lie(self, change):
        model = self.model()
        header, data = self.read_weights(model)
        change(header[Q], data)
        self.write_weights(model, header, data)
        return model

    def test_lying_offsets(self):
        def overlap(entry, data):
            entry["data_offsets"] = [v - 64 for v in entry["data_offsets"]]

        def outside(entry, data):
            size = entry["data_offsets"][1] - entry["data_offsets"][0]
            entry["data_offsets"] = [len(data), len(data) + size]

        def backwards(entry, data):
            entry["data_offsets"].reverse()

        def short(entry, data):
            entry["data_offsets"][1] -= 2

        def overflow(entry, data):
            entry["data_offsets"] = [2**64 - 2, 2**64 - 1]

        def beyond_64_bits(entry, data):
            entry["data_offsets"] = [0, 2**64 + 2**15]

        def negative(entry, data):
            entry["data_offsets"] = [-2, 2**15 - 2]

        def words(entry, data):
            entry["data_offsets"] = ["0", "2"]

        def three(entry, data):
            entry["data_offsets"].append(7)

        for change in (overlap, outside, backwards, short, overflow, beyond_64_bits, negative, words, three):
            with self.subTest(change=change.__name__):
                model = self.lie(change)
                self.refused_model(model, "model.safetensors", "model.layers.1.")
                shutil.rmtree(model)

    def test_lying_shapes_and_types(self):
        def huge(entry, data):
            entry["shape"] = [2**33, 2**33]

        def negative(entry, data):
            entry["shape"] = [-128, -128]

        def scalar(entry, data):
            entry["shape"] = []

        def transposed_into_other(entry, data):
            entry["shape"] = [64, 256]

        def unknown_type(entry, data):
            entry["dtype"] = "F13"

        def wrong_size_type(entry, data):
            entry["dtype"] = "F32"

        def integers(entry, data):
            entry["dtype"] = "I16"

        def number(entry, data):
            entry["dtype"] = 7

        for change in (huge, negative, scalar, transposed_into_other, unknown_type, wrong_size_type, integers, number):
            with self.subTest(change=change.__name__):
                model = self.lie(change)
                self.refused_model(model, "model.safetensors", Q)
                shutil.rmtree(model)

    def test_missing_and_superfluous_tensors(self):
        model = self.model()
        header, data = self.read_weights(model)
        renamed = dict(header)
        renamed["nobody.asks.for.this"] = renamed.pop(Q)
        self.write_weights(model, renamed, data)
        self.refused_model(model, Q)
        added = dict(header)
        added["model.layers.1.self_attn.q_proj.bias"] = {"dtype": "BF16", "shape": [128],
                                                         "data_offsets": [len(data), len(data) + 256]}
        self.write_weights(model, added, data + bytes(256))
        self.refused_model(model, "q_proj.bias")

    def test_weights_of_another_config(self):
        model = self.model()
        self.edit_config(model, {"intermediate_size": 380})
        self.refused_model(model, "mlp.", "380")

    def test_weights_change_after_compiling(self):
        model = self.model()
        package = self.folder / "bard.weft"
        self.weft("compile", model, *FITS, "-o", package)
        path = model / "model.safetensors"
        whole = path.read_bytes()
        path.write_bytes(whole[:-2])
        self.refused("run", package, "--tokens", "1", says="model.safetensors")
        path.write_bytes(header_bytes({}) + whole)
        self.refused("run", package, "--tokens", "1", says="model.safetensors")
        path.unlink()
        self.refused("run", package, "--tokens", "1", says=("model.safetensors", "--model-dir"))
        self.weft("run", package, "--tokens", "1", "--max-new", "1", "--model-dir", BARD)

    def test_sharded_index(self):
        model = self.model()
        (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
        index = model / "model.safetensors.index.json"
        header, _ = self.read_header(model / "model-00001-of-00001.safetensors")
        names = {name: "model-00001-of-00001.safetensors" for name in header if name != "__metadata__"}
        index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
        self.weft("compile", model, *FITS, "-o", self.folder / "sharded.weft")
        (self.folder / "sharded.weft").unlink()
        for text in ("", "{}", '{"weight_map": []}', json.dumps({"weight_map": {**names, Q: "../../etc/passwd"}}),
                     json.dumps({"weight_map": {**names, Q: "model-00002-of-00002.safetensors"}}),
                     json.dumps({"weight_map": {**names, Q: 3}})):
            with self.subTest(text=text[:60]):
                index.write_text(text)
                self.refused_model(model)

    def read_header(self, path):
        raw = path.read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        return json.loads(raw[8:8 + length]), raw[8 + length:]


class Config(TestCase):
    def test_broken_json(self):
        model = self.model()
        path = model / "config.json"
        whole = path.read_bytes()
        for text in (b"", b"{", b"[]", b"null", whole[:-20], b"\xff\xfe" + whole, b"[" * 100000, whole + b"x"):
            with self.subTest(text=text[:20]):
                path.write_bytes(text)
                self.refused_model(model, "config.json")
        path.unlink()
        self.refused_model(model, "config.json")

    def test_absurd_values_name_their_key(self):
        # Two values a key, in turn; huggingface_test has every key of every architecture broken in every way.
        absurd = (0, -1, 1.5, "128", [], {}, True, 2**31, 2**64, 1e300)
        model = self.model()
        for i, key in enumerate(("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                                 "num_key_value_heads", "vocab_size", "max_position_embeddings", "head_dim")):
            for value in (absurd[i], absurd[(i + 5) % len(absurd)]):
                with self.subTest(key=key, value=value):
                    shutil.copy(BARD / "config.json", model / "config.json")
                    self.edit_config(model, {key: value})
                    self.refused_model(model, "config.json", key)

    def test_missing_keys(self):
        for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                    "architectures"):
            with self.subTest(key=key):
                model = self.model()
                self.edit_config(model, {key: None})
                self.refused_model(model, "config.json", key)
                shutil.rmtree(model)

    def test_what_is_not_supported_is_named(self):
        for changes, word in (({"hidden_act": "mish"}, "hidden_act"), ({"attention_bias": True}, "q_proj.bias"),
                              ({"mlp_bias": True}, "gate_proj.bias"), ({"rms_norm_eps": 2}, "rms_norm_eps"),
                              ({"rms_norm_eps": "tiny"}, "rms_norm_eps"), ({"num_key_value_heads": 3}, "num_key_value"),
                              ({"head_dim": 31}, "head_dim"), ({"quantization_config": {}}, "quantization_config"),
                              ({"eos_token_id": "end"}, "eos_token_id"), ({"bos_token_id": -3}, "bos_token_id"),
                              ({"rope_parameters": {"rope_type": "mrope"}}, "mrope"),
                              ({"rope_parameters": {"rope_type": "llama3"}}, "factor"),
                              ({"rope_parameters": {"rope_theta": -1}}, "rope_theta"),
                              ({"tie_word_embeddings": False}, "lm_head.weight")):
            with self.subTest(changes=changes):
                model = self.model()
                self.edit_config(model, changes)
                self.refused_model(model, word)
                shutil.rmtree(model)

    def test_unknown_architecture_lists_the_known(self):
        model = self.model()
        self.edit_config(model, {"architectures": ["GPTJForCausalLM"]})
        self.refused_model(model, "GPTJForCausalLM", "LlamaForCausalLM")


class Tokenizer(TestCase):
    def test_broken(self):
        model, package = self.model(), self.compiled_package(BARD, *FITS)
        path = model / "tokenizer.json"
        good = json.loads(path.read_text())
        no_model = {k: v for k, v in good.items() if k != "model"}
        text = path.read_bytes()
        cases = [b"", b"{", b"[]", b"{}", text[:len(text) // 2], b"[" * 100000, json.dumps(no_model).encode()]
        for change in ({"type": "WordPiece"}, {"vocab": []}, {"vocab": {"a": -1}}, {"vocab": {"a": 2**40}},
                       {"vocab": {"a": "b"}}, {"merges": [["a"]]}, {"merges": ["nonsuch pair"]}, {"merges": 3}):
            cases.append(json.dumps({**good, "model": {**good["model"], **change}}).encode())
        cases.append(json.dumps({**good, "pre_tokenizer": {"type": "Nonsuch"}}).encode())
        cases.append(json.dumps({**good, "decoder": 5}).encode())
        for case in cases:
            with self.subTest(case=case[-60:]):
                path.write_bytes(case)
                self.refused("run", package, "--model-dir", model, "--prompt", "ROMEO:", "--json", self.folder / "r.json",
                             "--trace", self.folder / "t.json", says="tokenizer.json")
        path.unlink()
        self.refused("run", package, "--model-dir", model, "--prompt", "ROMEO:", says=("tokenizer.json", "--tokens"))


class Machines(TestCase):
    GOOD = (SOURCE / "hw-models" / "presets" / "rvv-lab.yaml").read_text()

    def refused_machine(self, text, *says):
        path = self.folder / "machine.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.refused("hw", "check", path, says=("machine.yaml", *says))
        self.refused("compile", BARD, "--hw", path, "--mesh", "2x2", "-o", self.folder / "out.weft",
                     says=("machine.yaml", *says))

    def test_unknown_and_missing_keys(self):
        line = next(i for i, text in enumerate(self.GOOD.splitlines(), 1) if text.strip().startswith("hop:"))
        self.refused_machine(self.GOOD.replace("  hop: 1", "  hopp: 1"), "hopp", f":{line}")
        self.refused_machine(self.GOOD.replace("  hop: 1", "  # none"), "hop")
        self.refused_machine(self.GOOD + "\nextra: 1\n", "extra")

    def test_values(self):
        for old, new, key in (("hop: 1", "hop: -1", "latency.hop"), ("hop: 1", "hop: 1.5", "latency.hop"),
                              ("hop: 1", "hop: many", "latency.hop"), ("hop: 1", "hop: 99999999999", "latency.hop"),
                              ("mesh: [32, 32]", "mesh: [0, 32]", "parallelism.mesh"),
                              ("mesh: [32, 32]", "mesh: [32]", "parallelism.mesh"),
                              ("mesh: [32, 32]", "mesh: 32", "parallelism.mesh"),
                              ("kind: rvv", "kind: abacus", "parallelism.core.kind"),
                              ("clock_ghz: 1.1", "clock_ghz: .nan", "parallelism.clock_ghz"),
                              ("link_bytes: 4", "link_bytes: 0", "routing.link_bytes"),
                              ("colors: 24", "colors: 0", "routing.colors"),
                              ("sram_kib: 16384", "sram_kib: 0", "memory.sram_kib")):
            with self.subTest(new=new):
                self.assertIn(old, self.GOOD)
                self.refused_machine(self.GOOD.replace(old, new), key)

    def test_broken_yaml(self):
        for text in ("", "just text", "- a\n- b\n", "{", "a: [", "name: &a [*a]", b"\xff\xfe\x00", "name: x\nname: y\n"):
            with self.subTest(text=text):
                self.refused_machine(text)

    def test_set(self):
        for setting, says in (("latency.hop=-3", "latency.hop"), ("latency.hopp=3", "latency.hopp"),
                              ("memory.sram_kib=lots", "memory.sram_kib"), ("routing.colors=100000", "routing.colors")):
            self.refused("compile", BARD, *FITS, "--set", setting, "-o", self.folder / "o.weft", says=says)

    def test_unknown_machine_lists_presets(self):
        self.refused("compile", BARD, "--hw", "nonsuch", "-o", self.folder / "o.weft", says=("nonsuch", "rvv-mesh-16"))


class Sizes(TestCase):
    def test_a_mesh_too_small_and_its_remedies(self):
        for arguments in (("--hw", "rvv-mesh-16", "--mesh", "2x2"), ("--hw", "rvv-mesh-16", "--mesh", "12x12"),
                          ("--hw", "rvv-mesh-16", "--set", "memory.sram_kib=32"),
                          ("--hw", "rvv-mesh-16", "--mesh", "16x16", "--set", "memory.sram_kib=24")):
            with self.subTest(arguments=arguments):
                out = self.folder / "o.weft"
                said = self.refused("compile", BARD, *arguments, "-o", out,
                                    says=("code", "stack", "weights", "KV cache", "activations", "communication",
                                          "needed", "available")).stderr
                remedies = [line.split(" with ", 1)[1].split(" (", 1)[0].split()
                            for line in said.splitlines() if " with --" in line and "(needs" in line]
                self.assertEqual(len(remedies), 2, said)
                for remedy in remedies:
                    # The later one of two equal options holds, as with most tools; a mesh must be given once.
                    kept = list(arguments)
                    if remedy[0] in ("--mesh", "--max-seq") and remedy[0] in kept:
                        at = kept.index(remedy[0])
                        del kept[at:at + 2]
                    if "--set" in remedy:
                        kept = [a for i, a in enumerate(kept) if a != "--set" and (i == 0 or kept[i - 1] != "--set")]
                    self.weft("compile", BARD, *kept, *remedy, "-o", out)
                    out.unlink()

    def test_a_stack_too_small_for_a_kernel(self):
        self.refused("compile", self.model(), "--hw", "rvv-mesh-16", "--mesh", "4x4", "--max-seq", 32, "--set",
                     "memory.reserve_kib.stack=0", "--set", "memory.sram_kib=512", "-o", "m.weft",
                     says=["layers.0", "needs more stack", "--set memory.reserve_kib.stack=1"])

    def test_routers_that_cannot_combine_words(self):
        self.refused("compile", BARD, *FITS, "--reduce", "router", "-o", self.folder / "o.weft",
                     says=("rvv-lab", "routing.reduce_stage is 0", "--set routing.reduce_stage=4"))
        self.refused("compile", BARD, *FITS, "--reduce", "both", "-o", self.folder / "o.weft", status=2)

    def test_mesh_larger_than_the_machine(self):
        self.refused("compile", BARD, "--hw", "rvv-lab", "--mesh", "33x1", "-o", self.folder / "o.weft", says="32x32")

    def test_max_seq(self):
        self.refused("compile", BARD, "--hw", "rvv-lab", "--max-seq", "513", "-o", self.folder / "o.weft", says="512")

    def test_prompt_longer_than_max_seq(self):
        package = self.folder / "o.weft"
        self.weft("compile", BARD, "--hw", "rvv-lab", "--mesh", "2x2", "--max-seq", "8", "-o", package)
        files = ("--json", self.folder / "r.json", "--logits", self.folder / "l.npy", "--trace", self.folder / "t.json")
        tokens = ",".join(["5"] * 9)
        self.refused("run", package, "--tokens", tokens, *files, says=("9", "8", "--max-seq"))
        self.refused("run", package, "--tokens", tokens, "--max-new", "1", *files, says="--max-seq")
        self.refused("run", package, "--tokens", "5,5,5", "--max-new", "6", *files, says="--max-seq")
        self.refused("run", package, "--tokens", "1024", *files, says="1024")
        self.refused("run", package, "--tokens", "-1", *files, says="-1")
        self.refused("run", package, "--prompt", "", *files, says="prompt")
        self.weft("run", package, "--tokens", "5,5,5", "--max-new", "5")


class Packages(TestCase):
    def package(self):
        path = self.compiled_package(BARD, *FITS)
        return path, bytearray(path.read_bytes())

    def refused_package(self, path, content):
        path.write_bytes(content)
        # Both open packages with the same code: by turns.
        self.turn = not getattr(self, "turn", False)
        if self.turn:
            self.refused("run", path, "--tokens", "1", "--max-new", "1", "--json", self.folder / "r.json", says=str(path))
        else:
            self.refused("inspect", path, "--json", self.folder / "i.json", says=str(path))

    def test_truncated(self):
        path, whole = self.package()
        for length in (0, 1, 7, 16, 31, 40, len(whole) // 2, len(whole) - 1):
            with self.subTest(length=length):
                self.refused_package(path, whole[:length])
        self.refused_package(path, whole + b"\0")

    def test_another_version(self):
        path, whole = self.package()
        version = struct.unpack_from("<I", whole, 8)[0]
        self.assertEqual(version, 2, "the version lies after the magic's 8 bytes")
        struct.pack_into("<I", whole, 8, 3)
        path.write_bytes(whole)
        for arguments in (("run", path, "--tokens", "1"), ("inspect", path)):
            self.refused(*arguments, says=("version 3", "compile"))

    def test_flipped_bytes(self):
        path, whole = self.package()
        random.seed(20)
        positions = [0, 4, 8, 12, 20, 28, len(whole) - 1] + [random.randrange(len(whole)) for _ in range(20)]
        for position in positions:
            with self.subTest(position=position):
                spoiled = bytearray(whole)
                spoiled[position] ^= 1 << random.randrange(8)
                self.refused_package(path, spoiled)

    def test_not_a_package(self):
        path = self.folder / "note.weft"
        self.refused_package(path, b"dear reader")
        self.refused("run", self.folder / "none.weft", "--tokens", "1", says="none.weft")
        self.refused("inspect", self.folder / "none.weft", says="none.weft")

    def test_places_that_cannot_be_written(self):
        nowhere = self.folder / "no" / "such"
        self.refused("compile", BARD, *FITS, "-o", nowhere / "o.weft", "--json", self.folder / "j.json", says="o.weft")
        done = call("weft", "compile", BARD, *FITS, "-o", self.folder / "o.weft", "--json", nowhere / "j.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("j.json", done.stderr)
        self.weft("inspect", self.folder / "o.weft")  # whole


class Usage(TestCase):
    def test_exit_status_2(self):
        path = self.folder / "o.weft"
        for arguments in ((), ("nonsuch",), ("compile",), ("compile", BARD, "--bogus"),
                          ("compile", BARD, "--hw", "rvv-lab", "--mesh", "0x4"),
                          ("compile", BARD, "--hw", "rvv-lab", "--mesh", "4"),
                          ("compile", BARD, "--hw", "rvv-lab", "--mesh", "4x4x4"),
                          ("compile", BARD, "--hw", "rvv-lab", "--mesh", "-1x4"),
                          ("compile", BARD, "--hw", "rvv-lab", "--max-seq", "0"),
                          ("compile", BARD, "--hw", "rvv-lab", "--max-seq", "many"),
                          ("compile", BARD, "--hw", "rvv-lab", "--dtype", "f8"),
                          ("compile", BARD, "--hw", "rvv-lab", "--set", "novalue"),
                          ("compile", BARD, "--hw", "rvv-lab", "--compile-to", "nonsuch"),
                          ("run", BARD, "--hw", "rvv-lab"),
                          ("run", BARD, "--hw", "rvv-lab", "--prompt", "a", "--tokens", "1"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1,x"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1", "--sample", "nonsense"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1", "--sample", "temp=-1"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1", "--sample", "top-p=2"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1", "--max-new", "-1"),
                          ("run", BARD, "--hw", "rvv-lab", "--tokens", "1", "--timing-only", "--logits", path),
                          ("inspect",), ("hw",), ("hw", "nonsuch"), ("hw", "show")):
            with self.subTest(arguments=arguments):
                done = self.refused(*arguments, status=2)
                self.assertTrue(done.stderr.strip(), "says nothing")
        package = self.compiled_package(BARD, *FITS)
        self.refused("run", package, "--tokens", "1", "--mesh", "4x4", status=2)


if __name__ == "__main__":
    main()
