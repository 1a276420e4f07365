#!/usr/bin/env python3
"""Writes data/python.safetensors with Hugging Face's own library; README.md names the versions.

Usage: make_goldens.py

For each element type the file holds a tensor of that name, and another, NAME.f32, with the same numbers as
numpy converts them to float32.
"""

from pathlib import Path

import numpy as np
from safetensors import TensorSpec, serialize_file

INTEGERS = {"U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16, "U32": np.uint32, "I32": np.int32,
            "U64": np.uint64, "I64": np.int64}
# The library's spelling of each type, by the file's.
SPELLED = {"BOOL": "bool", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
           "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32",
           "U64": "uint64", "I64": "int64"}


def integers(dtype, rng):
    limits = np.iinfo(dtype)
    edges = np.array([limits.min, limits.max, 0, 1, 100], dtype)
    return np.concatenate([edges, rng.integers(limits.min, limits.max, 59, dtype, endpoint=True)])


def tensors():
    """(type in the file, array of the stored bits, the same as float32)"""
    rng = np.random.default_rng(3)
    yield "BOOL", np.array([False, True, True]), np.array([0, 1, 1], np.float32)
    for name, dtype in INTEGERS.items():
        stored = integers(dtype, rng)
        yield name, stored, stored.astype(np.float32)
    half = np.arange(0, 65536, 5, dtype=np.uint16)
    yield "F16", half, half.view(np.float16).astype(np.float32)
    brain = np.arange(0, 65536, 31, dtype=np.uint16)
    yield "BF16", brain, (brain.astype(np.uint32) << 16).view(np.float32)
    single = rng.integers(0, 2**32, 64, np.uint32).view(np.float32)
    yield "F32", single, single
    with np.errstate(over="ignore"):
        double = np.concatenate([rng.normal(size=64), [1e300, -np.inf, 1 + 2.0**-24, 1 + 3 * 2.0**-24, 1e-46]])
        yield "F64", double, double.astype(np.float32)


def main():
    contents = [("scalar", "F32", np.array(2.5, np.float32), []),
                ("empty", "F32", np.zeros(0, np.float32), [0, 7]),
                ("rows", "F32", np.arange(24, dtype=np.float32), [4, 2, 3])]
    for kind, stored, single in tensors():
        contents.append((kind, kind, stored, list(stored.shape)))
        contents.append((kind + ".f32", "F32", single.astype(np.float32), list(stored.shape)))
    specs = {name: TensorSpec(dtype=SPELLED[kind], shape=shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
             for name, kind, array, shape in contents}
    metadata = {"format": "np", "prompt": "Grüße, \"Welt\"\n\u2603"}
    serialize_file(specs, Path(__file__).parent / "data" / "python.safetensors", metadata)


if __name__ == "__main__":
    main()
