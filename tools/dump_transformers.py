#!/usr/bin/env python3
"""Runs a GGUF model with Hugging Face transformers and writes every value of the passes under kilter's names.

    pip install torch transformers accelerate gguf safetensors
    tools/dump_transformers.py model.gguf --ids 504,3575,282 --steps 1 -o hf.safetensors

For models that transformers builds like Llama (llama, qwen2, qwen3 ...). Whatever is a module is seen by a
forward hook; rotation and attention are functions, which are replaced by ones that record and then call them.

What transformers does not read of a GGUF file, it does not compute either: biases of a llama, YaRN.
"""

import argparse
import hashlib
import inspect
import os
import sys

import torch
import transformers

# Module of a layer -> value that it makes.
LAYER_OUTPUTS = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.act_fn": "ffn_act",
    "mlp.down_proj": "ffn_down",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
}
# Values that only exist as what a module is given.
LAYER_INPUTS = {"post_attention_layernorm": "attn_residual", "mlp.down_proj": "ffn_gated"}
# Elements of a head that GGUF's Llama stores in another order than transformers.
IN_HEAD_ORDER = {"attn_q", "attn_q_bias", "attn_q_rope",
                 "attn_k", "attn_k_bias", "attn_k_rope", "attn_k_cache"}


def to_gguf_order(x):
    """Element h * n/2 + j of a head, h = 0 or 1, is element 2j + h in GGUF: its pairs stand side by side."""
    return x.unflatten(-1, (2, x.shape[-1] // 2)).transpose(-1, -2).flatten(-2)


class Recorder:
    def __init__(self, model, permuted):
        self.model, self.permuted = model, permuted
        self.values = {}  # name -> [rows of each pass]
        self.layer = 0  # that is at work
        config = model.config
        self.n_head, self.n_head_kv = config.num_attention_heads, config.num_key_value_heads
        self.hook_modules()
        self.replace_functions(sys.modules[type(model).__module__])

    def put(self, point, x, layer=None):
        """x: [1, T, ...]"""
        x = x.detach()[0]
        heads = {"attn_q": self.n_head, "attn_k": self.n_head_kv, "attn_v": self.n_head_kv}.get(point[:6])
        if heads and x.dim() == 2:
            x = x.unflatten(-1, (heads, -1))
        if self.permuted and point in IN_HEAD_ORDER:
            x = to_gguf_order(x)
        name = point if layer is None else f"blk.{layer}.{point}"
        self.values.setdefault(name, []).append(x.clone().contiguous())

    def hook_modules(self):
        base = self.model.model
        base.embed_tokens.register_forward_hook(lambda _m, _i, out: self.put("token_embd", out))
        base.norm.register_forward_hook(lambda _m, _i, out: self.put("output_norm", out))
        self.model.lm_head.register_forward_hook(lambda _m, _i, out: self.put("logits", out))
        for number, layer in enumerate(base.layers):
            self.hook_layer(number, layer)

    def hook_layer(self, number, layer):
        def enter(_module, _args):
            self.layer = number

        def leave(_module, _args, out):
            self.put("ffn_residual", out[0] if isinstance(out, tuple) else out, number)

        layer.register_forward_pre_hook(enter)
        layer.register_forward_hook(leave)
        for path, point in LAYER_INPUTS.items():
            layer.get_submodule(path).register_forward_pre_hook(
                lambda _m, args, point=point: self.put(point, args[0], number))
        for path, point in LAYER_OUTPUTS.items():
            try:
                module = layer.get_submodule(path)
            except AttributeError:  # not every architecture has each
                continue
            # The product and the sum with a bias are one module, and the value is the sum.
            if getattr(module, "bias", None) is not None:
                point += "_bias"
            module.register_forward_hook(lambda _m, _i, out, point=point: self.put(point, out, number))

    def replace_functions(self, code):
        rotate, attend = code.apply_rotary_pos_emb, code.eager_attention_forward
        softmax = torch.nn.functional.softmax

        def recording_rotate(*args, **kwargs):  # -> [1, H, T, Hk] [1, K, T, Hk]
            q, k = rotate(*args, **kwargs)
            self.put("attn_q_rope", q.transpose(1, 2), self.layer)
            self.put("attn_k_rope", k.transpose(1, 2), self.layer)
            return q, k

        def recording_softmax(scores, *args, **kwargs):  # [1, H, T, L]
            masked = torch.where(scores < torch.finfo(scores.dtype).min / 2, -torch.inf, scores)
            self.put("attn_scores", masked.transpose(1, 2), self.layer)
            return softmax(scores, *args, **kwargs)

        def recording_attend(module, query, key, value, *args, **kwargs):  # key, value: [1, K, L, width]
            rows = query.shape[2]
            self.put("attn_k_cache", key[:, :, -rows:].transpose(1, 2), self.layer)
            self.put("attn_v_cache", value[:, :, -rows:].transpose(1, 2), self.layer)
            torch.nn.functional.softmax = recording_softmax
            try:
                mix, weights = attend(module, query, key, value, *args, **kwargs)
            finally:
                torch.nn.functional.softmax = softmax
            self.put("attn_softmax", weights.transpose(1, 2), self.layer)
            self.put("attn_mix", mix, self.layer)
            return mix, weights

        code.apply_rotary_pos_emb, code.eager_attention_forward = recording_rotate, recording_attend

    def whole(self, name):
        """Rows of all passes; scores and softmax filled up to the positions of the last one."""
        parts = self.values[name]
        if name.endswith(("attn_scores", "attn_softmax")):
            fill = -torch.inf if name.endswith("scores") else 0
            longest = parts[-1].shape[-1]
            parts = [torch.nn.functional.pad(p, (0, longest - p.shape[-1]), value=fill) for p in parts]
        return torch.cat(parts)


def run(model, ids, steps):
    """The prompt and `steps` greedy tokens, one pass each: the ids of every pass."""
    passes = [ids]
    cache = None
    # The newer name of one argument; the older one goes away in transformers 5.40.
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    with torch.no_grad():
        for _ in range(steps + 1):
            result = model(input_ids=torch.tensor([passes[-1]]), use_cache=True, **{name: cache})
            cache = result[name]
            passes.append([int(result.logits[0, -1].argmax())])
    return passes[:-1]


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--ids", required=True, help="token ids of the prompt: 1,450")
    parser.add_argument("--steps", type=int, default=0, help="greedy tokens after it, one pass each")
    parser.add_argument("-o", "--output", required=True, help="the safetensors file to write")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    options = parser.parse_args()

    from safetensors.torch import save_file

    folder, name = os.path.split(os.path.abspath(options.model))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=getattr(torch, options.dtype), attn_implementation="eager").eval()
    recorder = Recorder(model, permuted=model.config.model_type == "llama")
    passes = run(model, [int(part) for part in options.ids.split(",")], options.steps)
    metadata = {
        "producer": f"transformers {transformers.__version__}, torch {torch.__version__}, {options.dtype}",
        "architecture": model.config.model_type,
        "model_sha256": file_hash(options.model),
        "token_ids": ",".join(str(i) for ids in passes for i in ids),
        "passes": ",".join(str(len(ids)) for ids in passes),
    }
    save_file({name: recorder.whole(name) for name in recorder.values}, options.output, metadata)


if __name__ == "__main__":
    main()
