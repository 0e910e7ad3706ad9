#!/usr/bin/env python3
"""Writes the fixtures of this folder: a tiny model of each architecture and what the reference framework makes of it.

    python3 generate.py [NAME ...]

needs torch and transformers (the files here were made with torch 2.15 and transformers 5.17); the tests need neither.
A fixture has the model's config.json, the names and shapes of its stored tensors, inputs and outputs. The values of the
tensors follow from their names, see values(); tests/unit/architectures_test.cpp computes the same ones.
"""
import json
import math
import pathlib
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

FOLDER = pathlib.Path(__file__).parent
MASK = (1 << 64) - 1


def hash_of(text):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def values(name, shape):
    """Uniform numbers by splitmix64 from the name's hash: biases around 0, other vectors around 1, the rest scaled by
    the last size."""
    count = int(np.prod(shape))
    state = np.uint64(hash_of(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state = state ^ (state >> np.uint64(31))
    uniform = (state >> np.uint64(40)).astype(np.float64) / (1 << 23) - 1
    if name.endswith("bias") and len(shape) == 1:
        numbers = 0.3 * uniform
    elif len(shape) == 1:
        numbers = 1 + 0.3 * uniform
    else:
        numbers = uniform * (2 / math.sqrt(shape[-1]))
    return numbers.astype(np.float32).reshape(shape)


LLAMA = dict(vocab_size=37, hidden_size=20, intermediate_size=23, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=48, bos_token_id=1, eos_token_id=[2, 3], pad_token_id=0)
BERT = dict(vocab_size=29, hidden_size=12, intermediate_size=19, num_hidden_layers=2, num_attention_heads=3,
            max_position_embeddings=16, type_vocab_size=3, pad_token_id=1)
MLA = dict(LLAMA, num_key_value_heads=4, kv_lora_rank=10, qk_rope_head_dim=4, qk_nope_head_dim=6, v_head_dim=7,
           moe_intermediate_size=11, n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=2,
           first_k_dense_replace=1)
T5 = dict(vocab_size=31, d_model=14, d_kv=5, d_ff=17, num_layers=2, num_heads=3, relative_attention_num_buckets=8,
          relative_attention_max_distance=10)
VIT = dict(hidden_size=12, intermediate_size=19, num_hidden_layers=2, num_attention_heads=3, num_channels=3)
YARN = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=12)

# name: class, config, inputs (of encoders)
MODELS = {
    "llama": ("LlamaForCausalLM", dict(LLAMA, head_dim=6, attention_bias=True, mlp_bias=True, rope_parameters=dict(
        rope_type="llama3", rope_theta=1e4, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16))),
    "llama_linear": ("LlamaForCausalLM", dict(LLAMA, head_dim=6, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="linear", rope_theta=1e4, factor=3.0))),
    "llama_yarn": ("LlamaForCausalLM", dict(LLAMA, head_dim=8, rope_parameters=YARN)),
    "llama_dynamic": ("LlamaForCausalLM", dict(LLAMA, head_dim=8, rope_parameters=dict(
        rope_type="dynamic", rope_theta=1e4, factor=4.0))),
    "llama_base": ("LlamaModel", dict(LLAMA, head_dim=6)),
    "mistral": ("MistralForCausalLM", dict(LLAMA, head_dim=6, sliding_window=4)),
    "mistral_base": ("MistralModel", dict(LLAMA, head_dim=6, sliding_window=3)),
    "qwen2": ("Qwen2ForCausalLM", dict(LLAMA, hidden_size=24, use_sliding_window=True, sliding_window=3,
                                       max_window_layers=1, tie_word_embeddings=True)),
    "qwen2_whole": ("Qwen2ForCausalLM", dict(LLAMA, hidden_size=24)),
    "qwen3": ("Qwen3ForCausalLM", dict(LLAMA, head_dim=10)),
    "qwen3_moe": ("Qwen3MoeForCausalLM", dict(LLAMA, head_dim=6, num_hidden_layers=3, num_experts=5,
                                              num_experts_per_tok=2, moe_intermediate_size=9, norm_topk_prob=True,
                                              mlp_only_layers=[1])),
    "mixtral": ("MixtralForCausalLM", dict(LLAMA, head_dim=6, num_local_experts=5, num_experts_per_tok=3,
                                           sliding_window=4)),
    "gemma": ("GemmaForCausalLM", dict(LLAMA, head_dim=8, num_key_value_heads=1)),
    # The reference reads hidden_act of Gemma and hidden_activation of Gemma 2, whatever the other says.
    "gemma_two_activations": ("GemmaForCausalLM", dict(LLAMA, head_dim=8, num_key_value_heads=1, hidden_act="relu",
                                                       hidden_activation="gelu_pytorch_tanh")),
    "gemma2": ("Gemma2ForCausalLM", dict(LLAMA, head_dim=8, num_hidden_layers=3, query_pre_attn_scalar=11,
                                         sliding_window=3, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "phi3": ("Phi3ForCausalLM", dict(LLAMA, hidden_size=32, original_max_position_embeddings=8, rope_parameters=dict(
        rope_type="longrope", rope_theta=1e4, partial_rotary_factor=0.5, short_factor=[1.0, 1.5],
        long_factor=[2.0, 5.0]))),
    "olmo2": ("Olmo2ForCausalLM", dict(LLAMA, hidden_size=24)),
    "gpt2": ("GPT2LMHeadModel", dict(vocab_size=37, n_embd=20, n_layer=2, n_head=4, n_positions=32, n_inner=23,
                                     scale_attn_by_inverse_layer_idx=True, bos_token_id=1, eos_token_id=2)),
    "gpt2_base": ("GPT2Model", dict(vocab_size=37, n_embd=20, n_layer=2, n_head=4, n_positions=32, bos_token_id=1,
                                    eos_token_id=2)),
    "gpt_neox": ("GPTNeoXForCausalLM", dict(vocab_size=37, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                                            intermediate_size=23, max_position_embeddings=32, rope_parameters=dict(
                                                rope_type="default", rope_theta=1e4, partial_rotary_factor=0.25))),
    "gpt_neox_serial": ("GPTNeoXForCausalLM", dict(vocab_size=37, hidden_size=24, num_hidden_layers=2,
                                                   num_attention_heads=3, intermediate_size=23,
                                                   max_position_embeddings=32, use_parallel_residual=False,
                                                   attention_bias=False, hidden_act="gelu_new")),
    "gpt_neox_sums": ("GPTNeoXForCausalLM", dict(vocab_size=37, hidden_size=24, num_hidden_layers=2,
                                                 num_attention_heads=3, intermediate_size=23,
                                                 max_position_embeddings=32, use_parallel_residual=False)),
    "opt": ("OPTForCausalLM", dict(vocab_size=37, hidden_size=20, ffn_dim=23, num_hidden_layers=2,
                                   num_attention_heads=4, max_position_embeddings=32)),
    "opt_after": ("OPTForCausalLM", dict(vocab_size=37, hidden_size=20, ffn_dim=23, num_hidden_layers=2,
                                         num_attention_heads=4, max_position_embeddings=32,
                                         do_layer_norm_before=False, word_embed_proj_dim=13)),
    "deepseek_v2": ("DeepseekV2ForCausalLM", dict(MLA, q_lora_rank=None, topk_method="group_limited_greedy", n_group=3,
                                                  topk_group=2, routed_scaling_factor=1.7)),
    "deepseek_v2_yarn": ("DeepseekV2ForCausalLM", dict(MLA, q_lora_rank=8, topk_method="greedy", attention_bias=True,
                                                       rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.7))),
    "deepseek_v3": ("DeepseekV3ForCausalLM", dict(MLA, q_lora_rank=8, kv_lora_rank=9, qk_nope_head_dim=5, n_group=3, topk_group=2, num_hidden_layers=2,
                                                  num_experts_per_tok=3, num_nextn_predict_layers=0,
                                                  rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=0.8))),
    "bert": ("BertModel", BERT, dict(seq=7, mask=True, types=True)),
    "bert_classify": ("BertForSequenceClassification", dict(BERT, num_labels=5), dict(seq=6)),
    "bert_tag": ("BertForTokenClassification", dict(BERT, num_labels=4), dict(seq=6, mask=True)),
    "bert_masked": ("BertForMaskedLM", BERT, dict(seq=5)),
    "bert_masked_untied": ("BertForMaskedLM", dict(BERT, tie_word_embeddings=False), dict(seq=3)),
    "bert_pretraining": ("BertForPreTraining", dict(BERT, type_vocab_size=1), dict(seq=3)),
    "bert_next": ("BertForNextSentencePrediction", BERT, dict(seq=5, types=True)),
    "bert_answer": ("BertForQuestionAnswering", dict(BERT, num_attention_heads=1), dict(seq=7, mask=True)),
    "roberta": ("RobertaModel", BERT, dict(seq=7, mask=True, padded=True)),
    "roberta_classify": ("RobertaForSequenceClassification", dict(BERT, num_labels=3), dict(seq=6)),
    "roberta_masked": ("RobertaForMaskedLM", BERT, dict(seq=5)),
    "roberta_answer": ("RobertaForQuestionAnswering", BERT, dict(seq=6, mask=True, padded=True)),
    "roberta_masked_untied": ("RobertaForMaskedLM", dict(BERT, tie_word_embeddings=False), dict(seq=3)),
    "xlm_roberta_tag": ("XLMRobertaForTokenClassification", dict(BERT, num_labels=3), dict(seq=5, mask=True)),
    "t5": ("T5EncoderModel", dict(T5, feed_forward_proj="relu"), dict(seq=23, mask=True)),
    "t5_buckets": ("T5EncoderModel", dict(T5, feed_forward_proj="gated-tanh", relative_attention_num_buckets=6,
                                          num_layers=1), dict(seq=12)),
    "t5_gated": ("T5EncoderModel", dict(T5, feed_forward_proj="gated-gelu"), dict(seq=6)),
    "vit": ("ViTModel", dict(VIT, image_size=[9, 13], patch_size=[3, 6]), {}),
    "vit_classify": ("ViTForImageClassification", dict(VIT, image_size=8, patch_size=4, qkv_bias=False, num_labels=6),
                     {}),
}


def make_model(class_name, options, folder):
    """The model with values() in its tensors, read from files; its config and the shapes of its tensors."""
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**options))
    model.save_pretrained(folder)
    path = pathlib.Path(folder) / "model.safetensors"
    shapes = {name: list(tensor.shape) for name, tensor in load_file(path).items()}
    save_file({name: values(name, shape) for name, shape in shapes.items()}, path, metadata={"format": "pt"})
    eager = dict(attn_implementation="eager")
    if "experts" in "".join(shapes):
        eager["experts_implementation"] = "eager"
    model = model_class.from_pretrained(folder, **eager).eval()
    return model, json.loads((pathlib.Path(folder) / "config.json").read_text()), shapes


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().to(torch.float64).flatten().tolist()]


def generate(model, vocabulary):
    """Logits after a prompt and after each of some tokens more, with a cache."""
    ids = [(7 * i * i + 3 * i + 5) % vocabulary for i in range(11)]
    prompt, logits, cache = 7, [], transformers.DynamicCache(config=model.config)
    steps = [ids[:prompt]] + [[token] for token in ids[prompt:]]
    for step in steps:
        result = model(input_ids=torch.tensor([step]), past_key_values=cache, use_cache=True)
        logits.append(numbers(result.logits[0, -1]))
    return dict(ids=ids, prompt=prompt, logits=logits)


def encode(model, config, inputs):
    """All outputs for a batch of two."""
    if "image_size" in config:
        size = config["image_size"]
        shape = [2, config["num_channels"]] + (size if isinstance(size, list) else [size, size])
        arrays = {"pixel_values": torch.from_numpy(values("pixel_values", shape))}
    else:
        length = inputs["seq"]
        ids = torch.tensor([[(5 * i * i + 11 * b + i + 4) % config["vocab_size"] for i in range(length)]
                            for b in range(2)])
        arrays = {"input_ids": ids}
        if inputs.get("padded"):
            ids[1, -2:] = config["pad_token_id"]
        if inputs.get("mask"):
            arrays["attention_mask"] = torch.tensor([[int(i < length - 2 * b) for i in range(length)]
                                                     for b in range(2)])
        if inputs.get("types"):
            arrays["token_type_ids"] = torch.tensor([[(i + b) % 3 for i in range(length)] for b in range(2)])
    result = model(**arrays)
    outputs = {name: numbers(result[name])
               for name in ("last_hidden_state", "pooler_output", "logits", "prediction_logits",
                            "seq_relationship_logits", "start_logits", "end_logits") if result.get(name) is not None}
    return dict(inputs={name: dict(shape=list(array.shape), values=array.flatten().tolist()) if name != "pixel_values"
                        else dict(shape=list(array.shape)) for name, array in arrays.items()}, outputs=outputs)


def write(name):
    class_name, options, *rest = MODELS[name]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        torch.manual_seed(0)
        model, config, shapes = make_model(class_name, options, folder)
        fixture = dict(config=config, tensors=shapes)
        if class_name.endswith("ForCausalLM") or class_name.endswith("LMHeadModel"):
            fixture.update(generate(model, config["vocab_size"]))
        else:
            fixture.update(encode(model, config, rest[0] if rest else dict(seq=6)))
    text = json.dumps(fixture, separators=(",", ":"))
    (FOLDER / f"{name}.json").write_text(text + "\n")
    print(name, len(text))


for each in sys.argv[1:] or MODELS:
    write(each)
