#!/usr/bin/env python3
"""Writes the sample dumps with the libraries that other people use; README.md says which and when.

Usage: make_samples.py FOLDER

Element i of the value that is number n of NAMES is ((37 i + 101 n) % 255 - 127) / 64: exact in f16 and bf16. The
test computes the same from this sentence, not from the files. Shapes are those of the test's graph: 3 tokens,
D = 32, 8 heads of 4, 2 key heads, F = 48, V = 300, 2 layers.
"""

import json
import sys
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
from polygraphy.comparator import IterationResult, RunResults
from polygraphy.json import save_json
from safetensors.numpy import save_file

T, D, H, K, HK, F, V = 3, 32, 8, 2, 4, 48, 300
NAMES = ["token_embd", "attn_norm", "attn_q", "attn_q_rope", "attn_k", "attn_k_rope", "attn_v", "attn_scores",
         "attn_softmax", "attn_mix", "attn_output", "attn_residual", "ffn_norm", "ffn_gate", "ffn_up", "ffn_gated",
         "ffn_down", "ffn_residual", "output_norm", "logits", "attn_q.weight"]


def numbers(name, *shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((37 * i + 101 * NAMES.index(name)) % 255 - 127) / 64).astype(np.float32).reshape(shape)


def hugging_face_order(x, heads):
    """GGUF's rows of q or k, [T, heads * HK], as Hugging Face has them: the inverse of llama.cpp's permute()."""
    return x.reshape(T, heads, HK // 2, 2).swapaxes(2, 3).reshape(T, heads * HK)


def make_npz(folder):
    ids = np.array([1, 7, 299], dtype=np.int64)
    np.savez_compressed(folder / "layouts.npz", **{
        "token_ids": ids,
        "blk.0.attn_norm": numbers("attn_norm", 1, T, D).astype(">f4"),
        "blk.0.attn_q": numbers("attn_q", T, H, HK),
        "blk.0.attn_k": numbers("attn_k", T, K, HK).swapaxes(0, 1).astype(np.float16),
        "blk.0.attn_v": numbers("attn_v", T, K * HK).astype(np.float64),
        "blk.0.attn_softmax": np.pad(numbers("attn_softmax", T, H, T).swapaxes(0, 1), ((0, 0), (0, 0), (0, 5))),
        "blk.0.attn_residual": numbers("attn_residual", T, D).astype(ml_dtypes.bfloat16).view(np.uint16),
        "blk.0.ffn_norm": numbers("ffn_norm", T, D).astype(ml_dtypes.bfloat16).view("V2"),
        "blk.0.ffn_gate": np.asfortranarray(numbers("ffn_gate", T, F)),
        "blk.0.ffn_up": np.asfortranarray(numbers("ffn_up", T, F).T),
        "blk.0.ffn_gated": np.asfortranarray(numbers("ffn_gated", T, F).T.copy()),
        "blk.0.ffn_down": numbers("ffn_down", D, T),  # the label is reversed, the memory is [T, D]
        "logits": numbers("logits", T, V)[-1:],
        "a_text": np.array(["not", "numbers"]),
    })
    # A prompt of two tokens and one decode step, stored.
    np.savez(folder / "prompt.npz", **{"input_ids": ids[None, :2], "token_embd": numbers("token_embd", T, D)[:2],
                                       "logits": numbers("logits", T, V)[1:2],
                                       "blk.0.attn_scores": numbers("attn_scores", T, H, T)[:2, :, :2]})
    np.savez(folder / "step.npz", **{"input_ids": ids[None, 2:], "token_embd": numbers("token_embd", T, D)[2:],
                                     "logits": numbers("logits", T, V)[2],
                                     "blk.0.attn_scores": numbers("attn_scores", T, H, T)[2:]})
    np.save(folder / "blk.1.attn_output.npy", numbers("attn_output", T, D))


def make_hugging_face(folder):
    q, k = numbers("attn_q", T, H * HK), numbers("attn_k", T, K * HK)
    v = numbers("attn_v", T, K * HK)
    heads_first = hugging_face_order(numbers("attn_q_rope", T, H * HK), H).reshape(1, T, H, HK).swapaxes(1, 2)
    weight = numbers("attn_q.weight", H * HK, D)
    save_file({
        "model.embed_tokens": numbers("token_embd", 1, T, D),
        "model.layers.0.input_layernorm": numbers("attn_norm", 1, T, D),
        "model.layers.0.self_attn.q_proj": hugging_face_order(q, H)[None],
        "model.layers.0.self_attn.k_proj": hugging_face_order(k, K)[None],
        "model.layers.0.self_attn.v_proj": v[None],
        "model.layers.0.self_attn.q_rope": np.ascontiguousarray(heads_first),
        "model.layers.0.self_attn.o_proj.input": numbers("attn_mix", 1, T, H * HK),
        "model.layers.0.self_attn.o_proj.output": numbers("attn_output", 1, T, D),
        "model.layers.0.post_attention_layernorm.input": numbers("attn_residual", 1, T, D),
        "model.layers.0.mlp.gate_up_proj": np.concatenate(
            [numbers("ffn_gate", 1, T, F), numbers("ffn_up", 1, T, F)], axis=2),
        "model.layers.0": numbers("ffn_residual", 1, T, D),
        "model.layers.1.self_attn.qkv_proj": np.concatenate(
            [hugging_face_order(q, H), hugging_face_order(k, K), v], axis=1)[None],
        "model.layers.0.self_attn.rotary_emb": numbers("attn_v", 1, T, HK),
        "model.norm": numbers("output_norm", 1, T, D),
        "lm_head": numbers("logits", 1, T, V),
        "model.layers.0.self_attn.q_proj.weight": np.ascontiguousarray(
            weight.reshape(H, HK // 2, 2, D).swapaxes(1, 2).reshape(H * HK, D)),
    }, folder / "hugging_face.safetensors", metadata={"token_ids": "1, 7, 299", "format": "np"})


def make_polygraphy(folder):
    results = RunResults()
    results.append(("runner", [IterationResult({"embed": numbers("token_embd", 1, T, D), "logits": numbers("logits", T, V)},
                                               runtime=0.1, runner_name="runner")]))
    save_json(results, str(folder / "polygraphy.json"))


def make_side_file(folder):
    (folder / "side.raw").write_bytes(b"skip" + numbers("attn_q", T, H, HK).astype("<f4").tobytes() +
                                      numbers("attn_k", T, K, HK).astype(">f2").tobytes())
    side = {
        "engine": "small 0.1",
        "tokens": [1, 7, 299],
        "passes": [2, 1],
        "values": [
            {"name": "blk.0.attn_q", "file": "side.raw", "offset": 4, "shape": [T, H, HK]},
            {"name": "blk.0.attn_k", "file": "side.raw", "offset": 4 + 4 * T * H * HK, "type": "f16", "endian": "big",
             "shape": [T, K, HK]},
            {"name": "blk.0.attn_norm", "row": 1, "first": 0, "shape": [T, D],
             "data": numbers("attn_norm", T, D)[1, :10].tolist()},
            {"name": "blk.0.attn_norm", "row": 2, "first": 30, "data": numbers("attn_norm", T, D)[2, 30:].tolist()},
            {"name": "blk.0.ffn_up", "rows": [1], "data": numbers("ffn_up", T, F)[1].tolist()},
            {"name": "blk.0.ffn_norm", "data": [[None if i == 5 else x for i, x in enumerate(row)]
                                                for row in numbers("ffn_norm", T, D).tolist()]},
            {"name": "blk.0.attn_output", "data": ["nan", "-inf"] + numbers("attn_output", 1, D)[0, 2:].tolist()},
        ],
        "weights": [
            {"name": "blk.0.attn_q.weight", "row": 3, "data": numbers("attn_q.weight", H * HK, D)[3:5].tolist()},
            {"name": "blk.1.attn_q.weight", "row": 2, "first": 4, "data": [0.5, 0.25]},
        ],
        "logits": numbers("logits", T, V)[-1].tolist(),
    }
    (folder / "side.json").write_text(json.dumps(side))


def make_pytorch(folder):
    """The outside of what torch.save writes: a zip file with a pickle in it."""
    with zipfile.ZipFile(folder / "pytorch.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/version", b"3\n")


def main():
    folder = Path(sys.argv[1])
    for make in (make_npz, make_hugging_face, make_polygraphy, make_side_file, make_pytorch):
        make(folder)


if __name__ == "__main__":
    main()
