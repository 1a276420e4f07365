"""A Llama-family transformer in numpy f64, reading GGUF: the oracle of the golden tests.

Written from the papers (Vaswani et al. 2017; Su et al. 2021; Touvron et al. 2023; Peng et al. 2023) and from what the
Hugging Face classes LlamaForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM compute. One sequence, all positions at
once, no cache. check_transformers.py and check_llama_cpp.py hold it against those two engines.

    forward_f64.py MODEL.gguf ID ID ...      prints the five largest logits after the last id
"""

import math
import sys

import numpy as np
from gguf import GGUFReader, quants

# How the elements of a head are paired by rope: (2i, 2i+1), or (i, i + n_rot/2).
ADJACENT, HALVES = "adjacent", "halves"
PAIRS = {"llama": ADJACENT, "qwen2": HALVES, "qwen3": HALVES}


class Model:
    """Numbers and weights of a GGUF file; weights are decoded by gguf-py."""

    def __init__(self, path):
        reader = GGUFReader(path)
        self.fields = {name: field.contents() for name, field in reader.fields.items()}
        self.weights = {t.name: quants.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
        self.arch = self.fields["general.architecture"]
        self.n_layer = self.key("block_count")
        self.n_embd = self.key("embedding_length")
        self.n_head = self.key("attention.head_count")
        self.n_head_kv = self.key("attention.head_count_kv", self.n_head)
        self.head_k = self.key("attention.key_length", self.n_embd // self.n_head)
        self.head_v = self.key("attention.value_length", self.n_embd // self.n_head)
        self.eps = self.key("attention.layer_norm_rms_epsilon")
        self.n_rot = self.key("rope.dimension_count", self.head_k)
        self.scale = 1 / math.sqrt(self.head_k)

    def key(self, name, default=None):
        value = self.fields.get(f"{self.arch}.{name}", default)
        if value is None:
            raise KeyError(f"{self.arch}.{name}")
        return value

    def weight(self, name):
        return self.weights[name]

    def has(self, name):
        return name in self.weights


def rope_frequencies(m):
    """Radians per position of each pair, and the factor on the turned elements."""
    base = m.key("rope.freq_base", 10000.0)
    pair = np.arange(m.n_rot // 2)
    frequency = base ** (-2.0 * pair / m.n_rot)
    if m.has("rope_freqs.weight"):
        frequency = frequency / m.weight("rope_freqs.weight")
    scaling = m.key("rope.scaling.type", "none")
    factor = m.key("rope.scaling.factor", 1.0)
    if scaling == "linear":
        return frequency / factor, 1.0
    if scaling == "yarn":
        return yarn(m, base, frequency, factor)
    assert scaling == "none", scaling
    return frequency, 1.0


def yarn(m, base, frequency, factor):
    """YaRN: pairs that turn more than beta_fast times over the original context keep their frequency, those that turn
    less than beta_slow times have it divided by factor, and a linear ramp over the pairs joins the two."""
    context = m.key("rope.scaling.original_context_length")

    def pair_that_turns(times):
        return m.n_rot / 2 * math.log(context / (2 * math.pi * times)) / math.log(base)

    low = max(math.floor(pair_that_turns(m.key("rope.scaling.yarn_beta_fast", 32.0))), 0)
    high = min(math.ceil(pair_that_turns(m.key("rope.scaling.yarn_beta_slow", 1.0))), m.n_rot - 1)
    if high == low:
        high += 0.001
    interpolated = np.clip((np.arange(m.n_rot // 2) - low) / (high - low), 0, 1)
    magnitude = 1 + 0.1 * math.log(factor) if factor > 1 else 1.0
    return frequency * (1 - interpolated) + frequency / factor * interpolated, magnitude


def pairs(m):
    """The first and the second elements of all pairs of a head."""
    half = m.n_rot // 2
    if PAIRS[m.arch] == ADJACENT:
        return slice(0, m.n_rot, 2), slice(1, m.n_rot, 2)
    return slice(0, half), slice(half, m.n_rot)


def rope(m, x, frequency, magnitude):
    """Turns each pair of x [T, heads, width] by position * frequency."""
    angle = np.arange(x.shape[0])[:, None] * frequency[None, :]
    turn = magnitude * np.exp(1j * angle)[:, None, :]
    first, second = pairs(m)
    turned = (x[..., first] + 1j * x[..., second]) * turn
    y = x.copy()
    y[..., first], y[..., second] = turned.real, turned.imag
    return y


def rope_noise(m, x, frequency, magnitude):
    """Cosine, sine, two products, a sum and the magnitude; and the angle, whose frequency may be 4 roundings off."""
    angle = np.arange(x.shape[0])[:, None] * frequency[None, :]
    first, second = pairs(m)
    sizes = magnitude * (abs(x[..., first]) + abs(x[..., second]))
    noise = np.zeros_like(x)
    noise[..., first] = noise[..., second] = (8 + 5 * angle[:, None, :]) * sizes
    return noise


def rmsnorm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain(name, value, noise):
    return value


def no_noise():
    return 0


def forward(m, ids, keep=plain):
    """Logits [T, V]. `keep` is called with the name and value of each step, and gives the value to go on with.

    Its third argument, when called, tells how far f64 arithmetic may move the value, in units of 2^-53: (n +
    extra_roundings) * S of src/ops/contract.h, with S the formula of the value in magnitudes and n the terms of its sum.
    """
    rotation = rope_frequencies(m)
    x = keep("token_embd", m.weight("token_embd.weight")[np.asarray(ids)], no_noise)
    for il in range(m.n_layer):
        x = layer(m, il, x, rotation, keep)
    x = keep("output_rows", x, no_noise)
    x = norm(m, "output_norm", x, keep)
    output = m.weight("output.weight" if m.has("output.weight") else "token_embd.weight")
    if not m.has("output.bias"):
        return product("logits", x, output, keep)
    return plus("logits", product("output", x, output, keep), m.weight("output.bias"), keep)


def norm(m, name, x, keep):
    y = rmsnorm(x, m.weight(f"{name}.weight"), m.eps)
    return keep(name, y, lambda: (x.shape[-1] + 6) * abs(y))


def product(name, x, weight, keep):
    return keep(name, x @ weight.T, lambda: (x.shape[-1] + 1) * (abs(x) @ abs(weight).T))


def plus(name, a, b, keep):
    return keep(name, a + b, lambda: abs(a) + abs(b))


def layer(m, il, x, rotation, keep):
    blk = f"blk.{il}."

    def linear(name, x):
        y = product(blk + name, x, m.weight(f"{blk}{name}.weight"), keep)
        bias = f"{blk}{name}.bias"
        return plus(f"{blk}{name}_bias", y, m.weight(bias), keep) if m.has(bias) else y

    def heads(name, x, n, width):
        y = linear(name, x).reshape(len(x), n, width)
        return norm(m, f"{blk}{name}_norm", y, keep) if m.has(f"{blk}{name}_norm.weight") else y

    def turned(name, x):
        return keep(f"{blk}{name}_rope", rope(m, x, *rotation), lambda: rope_noise(m, x, *rotation))

    h = norm(m, blk + "attn_norm", x, keep)
    q = turned("attn_q", heads("attn_q", h, m.n_head, m.head_k))
    k = turned("attn_k", heads("attn_k", h, m.n_head_kv, m.head_k))
    v = heads("attn_v", h, m.n_head_kv, m.head_v)
    k, v = keep(blk + "attn_k_cache", k, no_noise), keep(blk + "attn_v_cache", v, no_noise)
    mix = attention(m, blk, q, k, v, keep).reshape(len(x), -1)
    x = plus(blk + "attn_residual", x, linear("attn_output", mix), keep)

    h = norm(m, blk + "ffn_norm", x, keep)
    gate, up = linear("ffn_gate", h), linear("ffn_up", h)
    act = gate / (1 + np.exp(-gate))
    act = keep(blk + "ffn_act", act, lambda: 4 * abs(act))
    gated = act * up
    gated = keep(blk + "ffn_gated", gated, lambda: abs(gated))
    return plus(blk + "ffn_residual", x, linear("ffn_down", gated), keep)


def attention(m, blk, q, k, v, keep):
    """Causal attention; each key and value head serves n_head / n_head_kv query heads in a row. [T, H, head_v]"""
    group = m.n_head // m.n_head_kv
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)

    def scores(q, k):
        return np.einsum("thi,lhi->thl", q, k) * m.scale

    def mix(p, v):
        return np.einsum("thl,lhi->thi", p, v)

    later = np.arange(len(q))[None, :] > np.arange(len(q))[:, None]
    s = np.where(later[:, None, :], -np.inf, scores(q, k))
    s = keep(blk + "attn_scores", s, lambda: (m.head_k + 2) * scores(abs(q), abs(k)))
    p = softmax(s)
    p = keep(blk + "attn_softmax", p, lambda: (len(q) + 108) * p)
    return keep(blk + "attn_mix", mix(p, v), lambda: (len(q) + 1) * mix(p, abs(v)))


def main():
    ids = [int(i) for i in sys.argv[2:]]
    last = forward(Model(sys.argv[1]), ids)[-1]
    for token in np.argsort(-last)[:5]:
        print(f"{token:6} {last[token]:.6f}")


if __name__ == "__main__":
    main()
