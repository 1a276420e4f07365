#!/usr/bin/env python3
"""Makes the small golden models and what they must answer. See ../README.md for versions and the command.

    make_models.py FOLDER

writes NAME.gguf, NAME.logits (f32 [T, V]), cases.txt (a line a model: name, bound, token ids), and for one model every
value of the pass: points.f32 and points.txt (a line a value: name, number of elements, bound).
"""

import dataclasses
import pathlib
import sys

import numpy as np
from gguf import GGUFWriter, GGMLQuantizationType as Type
from gguf import GGML_QUANT_SIZES, RopeScalingType, quants

from forward_f64 import Model
from noise import bounds

SEED = 41
TRIALS = 12
POINTS_OF = "biases"


@dataclasses.dataclass
class Spec:
    name: str
    arch: str = "llama"
    n_layer: int = 2
    n_embd: int = 32
    n_head: int = 4
    n_head_kv: int = 2
    n_ff: int = 48
    n_vocab: int = 48
    head_k: int | None = None
    head_v: int | None = None
    n_rot: int | None = None
    freq_base: float = 10000.0
    tied: bool = False
    qkv_bias: bool = False
    output_bias: bool = False  # attn_output and the feed-forward block
    qk_norm: bool = False
    rope_factors: str = ""  # "llama3"
    scaling: str = ""
    factor: float = 1.0
    original_context: int = 64
    types: dict = dataclasses.field(default_factory=dict)  # weight name without blk.N. -> type
    matrix_type: Type = Type.F32
    n_tokens: int = 20


MIXED = {
    "token_embd": Type.Q6_K, "attn_q": Type.Q4_K, "attn_k": Type.Q5_K, "attn_v": Type.Q3_K, "attn_output": Type.Q2_K,
    "ffn_gate": Type.IQ4_XS, "ffn_up": Type.Q8_0, "ffn_down": Type.IQ3_S, "output": Type.Q4_0,
}  # fmt: skip

SPECS = [
    Spec("gqa_1_1_tied", n_head_kv=4, tied=True),
    Spec("gqa_1_4", n_head_kv=1),
    Spec("gqa_1_8_f16", n_head=8, n_head_kv=1, matrix_type=Type.F16),
    Spec("biases", qkv_bias=True, output_bias=True, n_tokens=10),
    Spec("rope_factors", n_head=2, n_head_kv=1, freq_base=500000.0, rope_factors="llama3", factor=8.0,
         matrix_type=Type.BF16, n_tokens=48),
    Spec("rope_linear", scaling="linear", factor=4.0, matrix_type=Type.F16),
    Spec("rope_yarn", n_head=2, n_head_kv=1, scaling="yarn", factor=8.0, original_context=2048, matrix_type=Type.F16,
         n_tokens=90),
    Spec("key_length", head_k=12, matrix_type=Type.F16),
    Spec("value_length", head_k=12, head_v=20, matrix_type=Type.F16),
    Spec("rope_part", head_k=16, n_rot=10, matrix_type=Type.F16),
    Spec("qwen2_tied", arch="qwen2", qkv_bias=True, tied=True, freq_base=1e6, matrix_type=Type.F16),
    Spec("qwen2_yarn", arch="qwen2", n_head=2, n_head_kv=1, qkv_bias=True, scaling="yarn", factor=4.0,
         original_context=32, matrix_type=Type.F16, n_tokens=70),
    Spec("qwen3_head", arch="qwen3", qk_norm=True, head_k=12, matrix_type=Type.F16),
    Spec("quantised", n_layer=1, n_embd=256, n_head=4, n_head_kv=2, n_ff=256, types=MIXED),
    Spec("long_prompt", matrix_type=Type.Q8_0, n_ff=64, n_tokens=600),
]  # fmt: skip


def llama3_factors(spec, width):
    """What each frequency is divided by in Llama 3.1 (low_freq_factor 1, high_freq_factor 4)."""
    low, high = 1.0, 4.0
    factors = []
    for frequency in spec.freq_base ** (-np.arange(0, width, 2) / width):
        wave = 2 * np.pi / frequency
        if wave < spec.original_context / high:
            factors.append(1.0)
        elif wave > spec.original_context / low:
            factors.append(spec.factor)
        else:
            smooth = (spec.original_context / wave - low) / (high - low)
            factors.append(1 / ((1 - smooth) / spec.factor + smooth))
    return np.array(factors, np.float32)


def random_blocks(rng, shape, kind, spread):
    """Random codes of `kind` under one f16 scale for which the values spread as asked."""
    scale_at = {Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
                Type.IQ4_XS: [0], Type.IQ3_S: [0]}[kind]  # fmt: skip
    values, size = GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (shape[0] * shape[1] // values, size), dtype=np.uint8)

    def set_scale(d):
        for at in scale_at:
            blocks[:, at : at + 2] = np.array([d], np.float16).view(np.uint8)

    set_scale(1.0)
    set_scale(spread / quants.dequantize(blocks, kind).std())
    return blocks.reshape(shape[0], -1)


class Weights:
    def __init__(self, spec, writer):
        self.spec, self.writer = spec, writer
        self.rng = np.random.default_rng([SEED, *spec.name.encode()])

    def matrix(self, name, n_out, n_in):
        kind = self.spec.types.get(name.split(".")[-2], self.spec.matrix_type)
        spread = 1.5 / np.sqrt(n_in) if name != "token_embd.weight" else 1.0
        values = self.rng.normal(0, spread, (n_out, n_in)).astype(np.float32)
        if kind in (Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0):
            data = quants.quantize(values, kind)
        else:
            data = random_blocks(self.rng, (n_out, n_in), kind, spread)
        self.writer.add_tensor(name, data, raw_dtype=kind)

    def vector(self, name, n, mean, spread):
        self.writer.add_tensor(name, self.rng.normal(mean, spread, n).astype(np.float32))


def write_metadata(spec, writer, head_k, head_v, n_rot):
    writer.add_block_count(spec.n_layer)
    writer.add_context_length(4096)
    writer.add_embedding_length(spec.n_embd)
    writer.add_feed_forward_length(spec.n_ff)
    writer.add_head_count(spec.n_head)
    writer.add_head_count_kv(spec.n_head_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(spec.freq_base)
    writer.add_rope_dimension_count(n_rot)
    writer.add_vocab_size(spec.n_vocab)
    writer.add_tokenizer_model("none")
    if spec.head_k is not None:
        writer.add_key_length(head_k)
        writer.add_value_length(head_v)
    if spec.scaling:
        writer.add_rope_scaling_type(RopeScalingType(spec.scaling))
        writer.add_rope_scaling_factor(spec.factor)
        writer.add_rope_scaling_orig_ctx_len(spec.original_context)


def write_layer(spec, weights, il, head_k, head_v):
    def linear(name, n_out, n_in, bias):
        weights.matrix(f"blk.{il}.{name}.weight", n_out, n_in)
        if bias:
            weights.vector(f"blk.{il}.{name}.bias", n_out, 0, 0.3)

    def norm(name, n):
        weights.vector(f"blk.{il}.{name}.weight", n, 1, 0.2)

    norm("attn_norm", spec.n_embd)
    linear("attn_q", spec.n_head * head_k, spec.n_embd, spec.qkv_bias)
    linear("attn_k", spec.n_head_kv * head_k, spec.n_embd, spec.qkv_bias)
    linear("attn_v", spec.n_head_kv * head_v, spec.n_embd, spec.qkv_bias)
    if spec.qk_norm:
        norm("attn_q_norm", head_k)
        norm("attn_k_norm", head_k)
    linear("attn_output", spec.n_embd, spec.n_head * head_v, spec.output_bias)
    norm("ffn_norm", spec.n_embd)
    linear("ffn_gate", spec.n_ff, spec.n_embd, spec.output_bias)
    linear("ffn_up", spec.n_ff, spec.n_embd, spec.output_bias)
    linear("ffn_down", spec.n_embd, spec.n_ff, spec.output_bias)


def write_model(spec, path):
    head_k = spec.head_k or spec.n_embd // spec.n_head
    head_v = spec.head_v or head_k
    n_rot = spec.n_rot or head_k
    writer = GGUFWriter(path, spec.arch)
    weights = Weights(spec, writer)
    write_metadata(spec, writer, head_k, head_v, n_rot)
    weights.matrix("token_embd.weight", spec.n_vocab, spec.n_embd)
    if spec.rope_factors:
        writer.add_tensor("rope_freqs.weight", llama3_factors(spec, n_rot))
    for il in range(spec.n_layer):
        write_layer(spec, weights, il, head_k, head_v)
    weights.vector("output_norm.weight", spec.n_embd, 1, 0.2)
    if not spec.tied:
        weights.matrix("output.weight", spec.n_vocab, spec.n_embd)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_points(folder, truth, limits):
    with open(folder / "points.txt", "w") as index, open(folder / "points.f32", "wb") as data:
        for name, value in truth.items():
            value.astype("<f4").tofile(data)
            index.write(f"{name} {value.size} {limits[name]:.3e}\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "cases.txt", "w") as cases:
        for spec in SPECS:
            path = folder / f"{spec.name}.gguf"
            write_model(spec, path)
            model = Model(path)
            ids = np.random.default_rng([SEED, 1, *spec.name.encode()]).integers(0, spec.n_vocab, spec.n_tokens)
            limits, truth = bounds(model, ids, TRIALS)
            logits = truth["logits"]
            logits.astype("<f4").tofile(folder / f"{spec.name}.logits")
            cases.write(f"{spec.name} {limits['logits']:.3e} {' '.join(map(str, ids))}\n")
            print(f"{spec.name:14} {path.stat().st_size:7} bytes  T {len(ids):3}  logits rms {logits.std():.2f}"
                  f"  bound {limits['logits']:.1e}")  # fmt: skip
            if spec.name == POINTS_OF:
                write_points(folder, truth, limits)


main()
