"""The models that the planted engine runs: small, and together of every shape and format that matters."""

import struct
import subprocess
from pathlib import Path
from typing import NamedTuple


class Model(NamedTuple):
    name: str
    options: tuple  # of kilter make-model
    patch: tuple = ()  # (key, u32): a measure that make-model has no option for


def tiny(name: str, shape: str, kind: str, *sets: str, patch: tuple = ()) -> Model:
    options = ["--shape", shape, "--type", kind]
    for measure in sets:
        options += ["--set", measure]
    return Model(name, tuple(options), patch)


# n_head / n_head_kv is 1, 2, 3, 4, 6, 8; square and other projections; heads as wide as n_embd / n_head and
# not; tied and not; biases; head norms; rope factors; part of a head rotary.
MODELS = [
    tiny("gqa2-q4_k_m", "tiny", "q4_k_m"),
    tiny("gqa1-tied-q4_0", "tiny", "q4_0", "n_head_kv=4", "tied=on"),
    tiny("gqa4-q4_1", "tiny", "q4_1", "n_head_kv=1", "n_layer=3"),
    tiny("gqa8-q5_k_m", "tiny-llama3", "q5_k_m", "n_head=8", "n_head_kv=1"),
    tiny("wide-q8_0", "tiny-odd", "q8_0"),
    tiny("odd-q5_0", "tiny-odd", "q5_0", "pure=on"),
    tiny("biases-q5_1", "tiny-tied", "q5_1"),
    tiny("gqa2-q2_k", "tiny", "q2_k"),
    tiny("gqa4-q3_k", "tiny", "q3_k_s", "n_head_kv=1"),
    tiny("gqa8-q6_k", "tiny", "q6_k", "n_head=8", "n_head_kv=1"),
    tiny("qwen2-f16", "tiny-qwen2", "f16"),
    tiny("qwen3-q4_k_m", "tiny-qwen3", "q4_k_m"),
    tiny("narrow-f16", "tiny", "f16", "n_embd=264", "n_head=3", "n_head_kv=1"),
    tiny("square-f32", "tiny", "f32", "n_head_kv=4", "n_ff=256", "n_layer=3"),
    tiny("partial-q4_0", "tiny", "q4_0", patch=("llama.rope.dimension_count", 32)),
    tiny("partial-qwen2", "tiny-qwen2", "q8_0", patch=("qwen2.rope.dimension_count", 32)),
]


def patch_u32(path: Path, key: str, number: int) -> None:
    """In a GGUF file a key is followed by its type, 4 bytes, and its value."""
    data = bytearray(path.read_bytes())
    place = data.find(key.encode())
    if place < 0:
        raise SystemExit(f"{path}: no {key}")
    struct.pack_into("<I", data, place + len(key) + 4, number)
    path.write_bytes(data)


def make(kilter: str, model: Model, folder: Path) -> Path:
    path = folder / f"{model.name}.gguf"
    if not path.exists():
        subprocess.run([kilter, "make-model", *model.options, "-o", str(path)], check=True, capture_output=True)
        if model.patch:
            patch_u32(path, *model.patch)
    return path
