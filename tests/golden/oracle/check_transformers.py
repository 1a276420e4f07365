#!/usr/bin/env python3
"""Holds the oracle against Hugging Face transformers. See ../README.md.

    check_transformers.py MODELS_FOLDER [SMOLLM2.gguf]

Each golden model is rebuilt as LlamaForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM with a config of its own and the
GGUF's weights (for llama with the rows of q and k put back in Hugging Face's order), and run in f64. The classes
compute rope angles and norms in f32, so agreement is to about 1e-5. SmolLM2 is read by transformers' own GGUF loader.
"""

import pathlib
import sys

import numpy as np
import torch
import transformers

from forward_f64 import ADJACENT, PAIRS, Model, forward

TOLERANCE = 1e-4
CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
}
NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
ENDS = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


def why_not(m):
    """What these classes cannot express."""
    if m.head_k != m.head_v:
        return "key and value heads of different widths"
    if m.n_rot != m.head_k:
        return "rope on part of a head"
    return None


def rope_parameters(m):
    parameters = {"rope_type": "default", "rope_theta": m.key("rope.freq_base")}
    kind = "llama3" if m.has("rope_freqs.weight") else m.key("rope.scaling.type", "default")
    parameters["rope_type"] = kind
    if kind == "llama3":  # the numbers of make_models.py, which went into rope_freqs.weight
        parameters |= {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                       "original_max_position_embeddings": 64}  # fmt: skip
    elif kind != "default":
        parameters["factor"] = m.key("rope.scaling.factor")
        parameters["original_max_position_embeddings"] = m.key("rope.scaling.original_context_length")
    return parameters


def config_of(m):
    options = {
        "hidden_size": m.n_embd, "num_hidden_layers": m.n_layer, "num_attention_heads": m.n_head,
        "num_key_value_heads": m.n_head_kv, "head_dim": m.head_k, "intermediate_size": m.key("feed_forward_length"),
        "vocab_size": m.key("vocab_size"), "rms_norm_eps": m.eps, "max_position_embeddings": m.key("context_length"),
        "rope_parameters": rope_parameters(m), "tie_word_embeddings": not m.has("output.weight"),
        "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip
    if m.arch == "llama":
        options |= {"attention_bias": m.has("blk.0.attn_q.bias"), "mlp_bias": m.has("blk.0.ffn_up.bias")}
    return CLASSES[m.arch][0](**options, attn_implementation="eager")


def in_hugging_face_order(m, name, weight):
    """Undoes the converter's permutation: inside a head, GGUF has row 2i + j where Hugging Face has row j * half + i."""
    heads = {"attn_q": m.n_head, "attn_k": m.n_head_kv}.get(name)
    if heads is None or PAIRS[m.arch] != ADJACENT:
        return weight
    split = weight.reshape(heads, m.head_k // 2, 2, *weight.shape[1:])
    return np.swapaxes(split, 1, 2).reshape(weight.shape)


def state_of(m):
    state = {}
    for name, weight in m.weights.items():
        if name in ENDS:
            state[ENDS[name]] = weight
        elif name.startswith("blk."):
            _, il, stem, kind = name.split(".")
            state[f"model.layers.{il}.{NAMES[stem]}.{kind}"] = in_hugging_face_order(m, stem, weight)
    return {name: torch.tensor(value) for name, value in state.items()}


def rebuilt(m):
    model = CLASSES[m.arch][1](config_of(m)).double()
    missing, unexpected = model.load_state_dict(state_of(m), strict=False)
    assert not unexpected, unexpected
    assert missing in ([], ["lm_head.weight"]), missing
    model.tie_weights()
    return model


def difference(model, ids, expected):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double().numpy()
    return np.abs(logits - expected).max()


def check_golden(folder):
    worst = 0.0
    for line in open(folder / "cases.txt"):
        name, _, *ids = line.split()
        ids = [int(i) for i in ids]
        m = Model(folder / f"{name}.gguf")
        if reason := why_not(m):
            print(f"{name:14} not expressible: {reason}")
            continue
        expected = np.fromfile(folder / f"{name}.logits", "<f4").reshape(len(ids), -1)
        found = difference(rebuilt(m), ids, expected)
        worst = max(worst, found)
        print(f"{name:14} largest difference {found:.1e}")
    return worst


def check_smollm2(path):
    ids = [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365]
    expected = forward(Model(path), ids)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    ).double()
    found = difference(model, ids, expected)
    print(f"{'smollm2':14} largest difference {found:.1e}")
    return found


def main():
    print("torch", torch.__version__, "transformers", transformers.__version__)
    worst = check_golden(pathlib.Path(sys.argv[1]))
    if len(sys.argv) > 2:
        worst = max(worst, check_smollm2(pathlib.Path(sys.argv[2])))
    assert worst < TOLERANCE, worst


main()
