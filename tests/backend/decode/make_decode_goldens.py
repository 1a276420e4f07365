#!/usr/bin/env python3
"""Makes the golden blocks of every type: TYPE.blocks (bytes) and TYPE.values (f32). See README.md.

    ./make_decode_goldens.py LIBGGML_BASE.so [MORE_BLOCKS]

MORE_BLOCKS random blocks of each type are compared between the oracles as well, and not kept.
"""

import ctypes
import pathlib
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

FOLDER = pathlib.Path(__file__).parent
SEED = 20240611
RANDOM_BLOCKS = 3

# Where the f16 fields of a block lie. IQ1_M spreads the bits of its own; the random blocks have to do there.
F16_FIELDS = {
    "Q1_0": [0], "Q2_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "TQ1_0": [52], "TQ2_0": [64],
    "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0], "IQ4_NL": [0], "IQ4_XS": [0],
    "F16": [0],
}  # fmt: skip
# zero, negative zero, least and largest subnormal, largest, infinities, NaN
F16_SPECIALS = [0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x7E01]
F32_SPECIALS = [0x00000000, 0x80000000, 0x00000001, 0x007FFFFF, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00001]
BF16_SPECIALS = [bits >> 16 for bits in F32_SPECIALS[:2]] + [0x0001, 0x807F, 0x7F7F, 0x7F80, 0xFF80, 0x7FC1]

NUMPY_TYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I8": "<i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}


def block_sizes():
    sizes = {t.name: GGML_QUANT_SIZES[t] for t in GGMLQuantizationType if t in GGML_QUANT_SIZES}
    sizes["Q8_1"] = (32, 36)  # ggml-common.h; gguf-py has the first layout, of 40 bytes
    sizes.setdefault("Q1_0", (128, 18))
    sizes["Q2_0"] = (64, 18)
    return sizes


def random_blocks(name, count, size, rng):
    return rng.integers(0, 256, size=(count, size), dtype=np.uint8)


def special_blocks(name, size, rng):
    """Random blocks whose scales are the special ones, each field taking each."""
    blocks = []

    def put(field, dtype, value):
        block = random_blocks(name, 1, size, rng)[0]
        raw = np.array([value], dtype).view(np.uint8)
        block[field : field + len(raw)] = raw
        blocks.append(block)

    for field in F16_FIELDS.get(name, []):
        for bits in F16_SPECIALS:
            put(field, "<u2", bits)
    if name in ("F32", "Q8_K"):
        for bits in F32_SPECIALS:
            put(0, "<u4", bits)
    if name == "BF16":
        for bits in BF16_SPECIALS:
            put(0, "<u2", bits)
    if name == "MXFP4":
        for bits in (0, 1, 2, 127, 254, 255):
            put(0, "u1", bits)
    if name == "NVFP4":
        for bits in (0x00, 0x01, 0x07, 0x08, 0x7E, 0x7F, 0x80, 0xFF):
            put(0, "u1", bits)
    return np.array(blocks, np.uint8).reshape(-1, size)


def by_numpy(name, blocks):
    if name in NUMPY_TYPES:
        return blocks.reshape(-1).view(NUMPY_TYPES[name]).astype(np.float32).reshape(len(blocks), -1)
    if name == "BF16":
        return (blocks.reshape(-1).view("<u2").astype(np.uint32) << 16).view(np.float32).reshape(len(blocks), -1)
    if name == "Q8_1":
        d = blocks[:, :2].copy().view("<f2").astype(np.float32)
        return d * blocks[:, 4:].view(np.int8).astype(np.float32)
    return None


def by_gguf_py(name, blocks):
    qtype = getattr(GGMLQuantizationType, name, None)
    if qtype is None or qtype not in quants._type_traits or name == "Q8_1":
        return None
    return quants.dequantize(blocks.reshape(-1), qtype).reshape(len(blocks), -1)


def by_libggml(lib, name, blocks, values):
    function = getattr(lib, "dequantize_row_" + name.replace("_K", "_k").lower().replace("_k", "_K"), None)
    if function is None:
        return None
    out = np.empty((len(blocks), values), np.float32)
    pointer = ctypes.c_void_p
    function.argtypes = [pointer, pointer, ctypes.c_int64]
    source = np.ascontiguousarray(blocks)
    function(source.ctypes.data_as(pointer), out.ctypes.data_as(pointer), out.size)
    return out


def same(a, b):
    nan = np.isnan(a) & np.isnan(b)
    return np.array_equal(np.where(nan, 0, a.view(np.uint32)), np.where(nan, 0, b.view(np.uint32)))


def decoded(lib, name, blocks, values):
    """The values on which all oracles that know the type agree, and their names."""
    answers = {
        "numpy": by_numpy(name, blocks),
        "gguf-py": by_gguf_py(name, blocks),
        "libggml": by_libggml(lib, name, blocks, values),
    }
    answers = {who: a.astype(np.float32) for who, a in answers.items() if a is not None}
    assert answers, name
    first = next(iter(answers.values()))
    for who, answer in answers.items():
        assert same(first, answer), f"{name}: {who} disagrees"
    return first, list(answers)


def main():
    np.seterr(all="ignore")
    lib = ctypes.CDLL(sys.argv[1])
    more = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for name, (values, size) in sorted(block_sizes().items()):
        rng = np.random.default_rng([SEED, *name.encode()])
        plain = 24 if values == 1 else RANDOM_BLOCKS
        blocks = np.concatenate([random_blocks(name, plain, size, rng), special_blocks(name, size, rng)])
        out, oracles = decoded(lib, name, blocks, values)
        if more:
            decoded(lib, name, random_blocks(name, more, size, rng), values)
        blocks.tofile(FOLDER / f"{name.lower()}.blocks")
        out.astype("<f4").tofile(FOLDER / f"{name.lower()}.values")
        print(f"{name:8} {len(blocks):3} blocks  {', '.join(oracles)}")


main()
