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


def rope(m, x, frequency, magnitude):
    """Turns each pair of x [T, heads, width] by position * frequency."""
    angle = np.arange(x.shape[0])[:, None] * frequency[None, :]
    turn = magnitude * np.exp(1j * angle)[:, None, :]
    half = m.n_rot // 2
    if PAIRS[m.arch] == ADJACENT:
        first, second = slice(0, m.n_rot, 2), slice(1, m.n_rot, 2)
    else:
        first, second = slice(0, half), slice(half, m.n_rot)
    turned = (x[..., first] + 1j * x[..., second]) * turn
    y = x.copy()
    y[..., first], y[..., second] = turned.real, turned.imag
    return y


def rmsnorm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * weight


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def forward(m, ids, keep=lambda name, value: value):
    """Logits [T, V]. `keep` is called with the name and value of each step, and gives the value to go on with."""
    frequency, magnitude = rope_frequencies(m)
    x = keep("token_embd", m.weight("token_embd.weight")[np.asarray(ids)])
    for il in range(m.n_layer):
        x = layer(m, il, x, (frequency, magnitude), keep)
    x = keep("output_rows", x)
    x = keep("output_norm", rmsnorm(x, m.weight("output_norm.weight"), m.eps))
    output = m.weight("output.weight" if m.has("output.weight") else "token_embd.weight")
    if not m.has("output.bias"):
        return keep("logits", x @ output.T)
    return keep("logits", keep("output", x @ output.T) + m.weight("output.bias"))


def layer(m, il, x, rotation, keep):
    def named(name, value):
        return keep(f"blk.{il}.{name}", value)

    def linear(name, x):
        y = named(name, x @ m.weight(f"blk.{il}.{name}.weight").T)
        bias = f"blk.{il}.{name}.bias"
        return named(f"{name}_bias", y + m.weight(bias)) if m.has(bias) else y

    def norm(name, x):
        return named(name, rmsnorm(x, m.weight(f"blk.{il}.{name}.weight"), m.eps))

    def heads(name, x, n, width):
        y = linear(name, x).reshape(len(x), n, width)
        return norm(f"{name}_norm", y) if m.has(f"blk.{il}.{name}_norm.weight") else y

    h = norm("attn_norm", x)
    q = named("attn_q_rope", rope(m, heads("attn_q", h, m.n_head, m.head_k), *rotation))
    k = named("attn_k_rope", rope(m, heads("attn_k", h, m.n_head_kv, m.head_k), *rotation))
    v = heads("attn_v", h, m.n_head_kv, m.head_v)
    k, v = named("attn_k_cache", k), named("attn_v_cache", v)
    x = named("attn_residual", x + linear("attn_output", attention(m, q, k, v, named).reshape(len(x), -1)))

    h = norm("ffn_norm", x)
    gate, up = linear("ffn_gate", h), linear("ffn_up", h)
    act = named("ffn_act", gate / (1 + np.exp(-gate)))
    return named("ffn_residual", x + linear("ffn_down", named("ffn_gated", act * up)))


def attention(m, q, k, v, named):
    """Causal attention; each key and value head serves n_head / n_head_kv query heads in a row. [T, H, head_v]"""
    group = m.n_head // m.n_head_kv
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    s = np.einsum("thi,lhi->thl", q, k) / math.sqrt(m.head_k)
    later = np.arange(len(q))[None, :] > np.arange(len(q))[:, None]
    s = named("attn_scores", np.where(later[:, None, :], -np.inf, s))
    p = named("attn_softmax", softmax(s))
    return named("attn_mix", np.einsum("thl,lhi->thi", p, v))


def main():
    ids = [int(i) for i in sys.argv[2:]]
    last = forward(Model(sys.argv[1]), ids)[-1]
    for token in np.argsort(-last)[:5]:
        print(f"{token:6} {last[token]:.6f}")


if __name__ == "__main__":
    main()
