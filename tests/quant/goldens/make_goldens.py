#!/usr/bin/env python3
"""Writes the goldens of tests/quant: blocks and what two other implementations read in them. See README.md.

Usage: make_goldens.py GGML_LIBRARY_FOLDER        the folder that holds libggml-base.so
"""

import ctypes
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import quants

HERE = Path(__file__).parent
TYPES = gguf.GGMLQuantizationType

# Block sizes in values and bytes. gguf-py has its own table, in which Q8_1 (40 bytes) is out of date.
SIZES = {name: (n, b) for n, b, names in [
    (1, 4, "F32 I32"), (1, 2, "F16 BF16 I16"), (1, 8, "F64 I64"), (1, 1, "I8"),
    (32, 18, "Q4_0 IQ4_NL"), (32, 20, "Q4_1"), (32, 22, "Q5_0"), (32, 24, "Q5_1"), (32, 34, "Q8_0"), (32, 36, "Q8_1"),
    (256, 84, "Q2_K"), (256, 110, "Q3_K IQ3_S"), (256, 144, "Q4_K"), (256, 176, "Q5_K"), (256, 210, "Q6_K"),
    (256, 292, "Q8_K"), (256, 66, "IQ2_XXS TQ2_0"), (256, 74, "IQ2_XS"), (256, 82, "IQ2_S"), (256, 98, "IQ3_XXS"),
    (256, 50, "IQ1_S"), (256, 56, "IQ1_M"), (256, 136, "IQ4_XS"), (256, 54, "TQ1_0"),
    (32, 17, "MXFP4"), (64, 36, "NVFP4"), (128, 18, "Q1_0"), (64, 18, "Q2_0"),
] for name in names.split()}

# Where each type keeps its f16 scales: byte offsets, the second one that of the minimum.
F16_SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q8_1": [0, 2], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "IQ1_S": [0], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
    "Q1_0": [0], "Q2_0": [0],
}
# -0, smallest and largest subnormal, largest number, infinity, a signalling NaN.
SPECIAL_F16 = [0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFC00, 0x7D01]
# The block structs of ggml-common.h, for the types that have elements of more than one byte. Packed words are the units
# that an encoder writes: the fifth bits of Q5_0 and Q5_1, the pairs of IQ2_XXS, the sign words of IQ3_XXS.
STRUCTS = {
    "F32": "u4", "I32": "u4", "F16": "u2", "BF16": "u2", "I16": "u2", "F64": "u8", "I64": "u8",
    "Q4_0": "u2 16u1", "Q4_1": "u2 u2 16u1", "Q5_0": "u2 u4 16u1", "Q5_1": "u2 u2 u4 16u1", "Q8_0": "u2 32u1",
    "Q8_1": "u2 u2 32u1", "Q2_K": "16u1 64u1 u2 u2", "Q3_K": "32u1 64u1 12u1 u2", "Q4_K": "u2 u2 12u1 128u1",
    "Q5_K": "u2 u2 12u1 32u1 128u1", "Q6_K": "128u1 64u1 16u1 u2", "Q8_K": "u4 256u1 16u2", "IQ2_XXS": "u2 16u4",
    "IQ2_XS": "u2 32u2 8u1", "IQ2_S": "u2 32u1 32u1 8u1 8u1", "IQ3_XXS": "u2 64u1 8u4",
    "IQ3_S": "u2 64u1 8u1 32u1 4u1", "IQ1_S": "u2 32u1 8u2", "IQ1_M": "32u1 16u1 4u2", "IQ4_NL": "u2 16u1",
    "IQ4_XS": "u2 u2 4u1 128u1", "TQ1_0": "48u1 4u1 u2", "TQ2_0": "64u1 u2", "Q1_0": "u2 16u1", "Q2_0": "u2 16u1",
}
ENCODED = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]

# Outside gguf-py, ggml-base or both: the definition is one line of numpy.
NUMPY_PLAIN = {"F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}


class Traits(ctypes.Structure):
    """struct ggml_type_traits of ggml.h."""
    _fields_ = [("name", ctypes.c_char_p), ("block_values", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("block_bytes", ctypes.c_size_t), ("is_quantized", ctypes.c_bool), ("to_float", ctypes.c_void_p),
                ("from_float_ref", ctypes.c_void_p)]


class Ggml:
    """The to_float and from_float_ref of a compiled ggml."""
    CONVERT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)

    def __init__(self, folder: str):
        self.library = ctypes.CDLL(str(Path(folder) / "libggml-base.so"))
        self.library.ggml_get_type_traits.restype = ctypes.POINTER(Traits)

    def traits(self, name: str):
        number = 42 if name == "Q2_0" else int(TYPES[name])
        return self.library.ggml_get_type_traits(number).contents

    def decode(self, name: str, blocks: np.ndarray):
        """f32 values, or None where ggml has no function for the type."""
        traits = self.traits(name)
        address = traits.to_float
        if name == "Q8_K":
            address = ctypes.cast(self.library.dequantize_row_q8_K, ctypes.c_void_p).value
        if not address:
            return None
        values = np.empty(blocks.shape[0] * SIZES[name][0], np.float32)
        self.CONVERT(address)(blocks.ctypes.data, values.ctypes.data, values.size)
        return values

    def encode(self, name: str, values: np.ndarray) -> np.ndarray:
        block_values, block_bytes = SIZES[name]
        if name == "F32":
            return values.view(np.uint8)
        out = np.empty(values.size // block_values * block_bytes, np.uint8)
        self.CONVERT(self.traits(name).from_float_ref)(values.ctypes.data, out.ctypes.data, values.size)
        return out


def gguf_py_decode(name: str, blocks: np.ndarray):
    """f32 values, or None where gguf-py has no class for the type."""
    if name == "Q2_0" or (TYPES[name] not in quants._type_traits and name not in ("F32", "F16")):
        return None
    with np.errstate(all="ignore"):
        return quants.dequantize(blocks, TYPES[name]).reshape(-1)


def numpy_decode(name: str, blocks: np.ndarray):
    if name in NUMPY_PLAIN:
        with np.errstate(all="ignore"):
            return blocks.reshape(-1).view(NUMPY_PLAIN[name]).astype(np.float32)
    if name == "Q8_1":
        with np.errstate(all="ignore"):
            scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
            return (scales * blocks[:, 4:].copy().view(np.int8).astype(np.float32)).reshape(-1)
    return None


def same_numbers(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Equal bits, or both NaN: IEEE 754 leaves sign and payload of a computed NaN open."""
    return (a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))


def oracle(ggml: Ggml, name: str, blocks: np.ndarray) -> np.ndarray:
    """What every implementation that knows the type reads; they must agree."""
    answers = [a for a in (ggml.decode(name, blocks), gguf_py_decode(name, blocks), numpy_decode(name, blocks))
               if a is not None]
    for other in answers[1:]:
        if not same_numbers(answers[0], other).all():
            raise SystemExit(f"{name}: the oracles disagree")
    return answers[0]


def random_blocks(rng, name: str, count: int) -> np.ndarray:
    return rng.integers(0, 256, (count, SIZES[name][1]), np.uint8)


def with_f16(blocks: np.ndarray, name: str, position: int, bits) -> None:
    offset = F16_SCALES[name][position]
    blocks[:, offset:offset + 2] = np.asarray(bits, "<u2").reshape(-1, 1).view(np.uint8)


def special_blocks(rng, name: str) -> np.ndarray:
    """Random codes under special scales; a minimum gets them too, shifted so that they meet in pairs."""
    if name == "IQ1_M":  # the scale is scattered: nibble k of it is the upper nibble of u16 k at byte 48
        blocks = random_blocks(rng, name, len(SPECIAL_F16))
        words = blocks[:, 48:].copy().view("<u2")
        nibbles = (np.array(SPECIAL_F16, "<u2")[:, None] >> np.array([0, 4, 8, 12], "<u2")) & 0xF
        blocks[:, 48:] = ((words & 0x0FFF) | (nibbles << 12)).astype("<u2").view(np.uint8)
        return blocks
    if name == "Q8_K":
        blocks = random_blocks(rng, name, 8)
        scales = np.array([-0.0, 1e-45, 1e-39, 3e38, -np.inf, np.nan, 1 / 3, -0.1], "<f4")
        blocks[:, :4] = scales.reshape(-1, 1).view(np.uint8)
        return blocks
    if name == "MXFP4":
        blocks = random_blocks(rng, name, 256)
        blocks[:, 0] = np.arange(256)
        return blocks
    if name == "NVFP4":
        blocks = random_blocks(rng, name, 64)
        blocks[:, :4] = np.arange(256).reshape(64, 4)
        return blocks
    blocks = random_blocks(rng, name, len(SPECIAL_F16))
    for position in range(len(F16_SCALES[name])):
        with_f16(blocks, name, position, np.roll(SPECIAL_F16, 2 * position))
    return blocks


def ramp_blocks(name: str) -> np.ndarray:
    """Bytes that count up, and down, under ordinary scales: every code, every small scale."""
    ramp = np.arange(SIZES[name][1], dtype=np.uint8)
    blocks = np.stack([ramp, 255 - ramp, ramp * 17])
    for position in range(len(F16_SCALES.get(name, []))):
        with_f16(blocks, name, position, np.array([0.0123, -1.7, 0.25], "<f2").view("<u2"))
    return blocks


def every_grid_point(rng, name: str) -> np.ndarray:
    """Blocks that use each point of the IQ grids once, with random signs and scales."""
    points, per_block = {"IQ1_S": (2048, 32), "IQ1_M": (2048, 32), "IQ2_S": (1024, 32), "IQ2_XS": (512, 32),
                         "IQ2_XXS": (256, 32), "IQ3_S": (512, 64), "IQ3_XXS": (256, 64)}[name]
    index = np.arange(points).reshape(-1, per_block)
    blocks = random_blocks(rng, name, len(index))
    if name == "IQ2_XXS":
        blocks[:, 2:].reshape(-1, 8, 8)[:, :, :4] = index.reshape(-1, 8, 4)
    elif name == "IQ2_XS":
        signs = rng.integers(0, 128, index.shape) << 9
        blocks[:, 2:66] = (index | signs).astype("<u2").view(np.uint8)
    else:
        first = 0 if name == "IQ1_M" else 2
        blocks[:, first:first + per_block] = index & 0xFF
    high = index >> 8
    if name == "IQ2_S":
        blocks[:, 66:74] = (high.reshape(-1, 8, 4) << np.array([0, 2, 4, 6])).sum(-1)
    elif name == "IQ3_S":
        blocks[:, 66:74] = (high.reshape(-1, 8, 8) << np.arange(8)).sum(-1)
    elif name == "IQ1_S":
        rest = rng.integers(0, 16, (len(index), 8)) << 12
        packed = rest | (high.reshape(-1, 8, 4) << np.array([0, 3, 6, 9])).sum(-1)
        blocks[:, 34:] = packed.astype("<u2").view(np.uint8)
    elif name == "IQ1_M":
        nibbles = high | rng.integers(0, 2, index.shape) << 3
        blocks[:, 32:48] = (nibbles.reshape(-1, 16, 2) << np.array([0, 4])).sum(-1)
        blocks[:, 55] = 0x20  # upper nibble of the scattered scale: 2, a small number
    if name != "IQ1_M":
        with_f16(blocks, name, 0, np.full(len(blocks), np.float16(0.037).view("<u2")))
    return blocks


def special_elements(name: str) -> np.ndarray:
    """Edges of the plain types, as blocks of one element."""
    kind = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}.get(name)
    if name == "BF16":
        edges = [0, 0x8000, 1, 0x807F, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81]
        return np.array(edges, "<u2").view(np.uint8).reshape(-1, 2)
    if kind:
        info = np.finfo(kind)
        edges = [0, -0.0, info.tiny, -info.tiny / 4, info.smallest_subnormal, info.max, np.inf, -np.inf, np.nan]
        if name == "F64":  # ties of the rounding to f32, its overflow, its subnormals
            edges += [1 + 2**-24, 1 + 3 * 2**-24, 2**128 - 2**103, 2**128 - 2**103 - 2**75, 1.5 * 2**-149, 2**-150]
        return np.array(edges, kind).view(np.uint8).reshape(len(edges), -1)
    kind = NUMPY_PLAIN[name]
    info = np.iinfo(kind)
    edges = [0, 1, -1, info.max, info.min]
    if info.bits >= 32:  # ties of the rounding to f32
        edges += [2**24 + 1, 2**24 + 3, -2**24 - 1, 2**30 + 64, 2**30 + 192]
    if info.bits == 64:  # rounding first to f64 and then to f32 would go wrong here
        edges += [2**62 + 2**38 + 1, 2**62 + 3 * 2**38 - 1]
    return np.array(edges, kind).view(np.uint8).reshape(len(edges), -1)


def blocks_of(rng, name: str) -> np.ndarray:
    if SIZES[name][0] == 1:
        return np.concatenate([special_elements(name), random_blocks(rng, name, 32)])
    parts = [random_blocks(rng, name, 2), ramp_blocks(name), special_blocks(rng, name)]
    if name in ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"):
        parts.append(every_grid_point(rng, name))
    return np.ascontiguousarray(np.concatenate(parts))


def swapped(name: str, blocks: np.ndarray) -> np.ndarray:
    """The blocks as a big-endian machine would hold them."""
    if name not in STRUCTS:
        return blocks
    return blocks.reshape(-1).view(np.dtype(",".join(STRUCTS[name].split()))).byteswap()


def read_q4_k(block: bytes) -> list:
    d, dmin = np.frombuffer(block[:4], "<f2")
    scales, qs = block[4:16], block[16:]
    sc = [scales[g] & 63 for g in range(4)] + [(scales[8 + g] & 15) + 16 * (scales[g] >> 6) for g in range(4)]
    m = [scales[4 + g] & 63 for g in range(4)] + [(scales[8 + g] >> 4) + 16 * (scales[4 + g] >> 6) for g in range(4)]
    codes = []
    for pair in range(4):  # 32 bytes: 32 low nibbles, then the 32 high ones
        row = qs[32 * pair:32 * pair + 32]
        codes += [b & 15 for b in row] + [b >> 4 for b in row]
    return [("field", "d", 0, block[0:2].hex()), ("number", "d", d), ("field", "dmin", 2, block[2:4].hex()),
            ("number", "dmin", dmin), ("field", "scales", 4, scales.hex()), ("number", "scales", *scales),
            ("field", "qs", 16, qs.hex()), ("list", "sc", *sc), ("list", "m", *m), ("codes", "q", *codes)]


def read_q6_k(block: bytes) -> list:
    ql, qh, scales = block[:128], block[128:192], block[192:208]
    codes = []
    for half in range(2):
        low, high = ql[64 * half:64 * half + 64], qh[32 * half:32 * half + 32]
        for quarter in range(4):
            nibbles = [b & 15 if quarter < 2 else b >> 4 for b in low[32 * (quarter % 2):32 * (quarter % 2) + 32]]
            codes += [n + 16 * (h >> 2 * quarter & 3) - 32 for n, h in zip(nibbles, high)]
    signed = np.frombuffer(scales, "i1")
    return [("field", "ql", 0, ql.hex()), ("field", "qh", 128, qh.hex()), ("field", "scales", 192, scales.hex()),
            ("number", "scales", *signed), ("list", "sc", *signed), ("field", "d", 208, block[208:].hex()),
            ("number", "d", np.frombuffer(block[208:], "<f2")[0]), ("codes", "q", *codes)]


def read_iq2_xs(block: bytes) -> list:
    words, scales = np.frombuffer(block[2:66], "<u2").tolist(), block[66:]
    grid = [w % 512 for w in words]
    signs = [quants.IQ2_XXS.ksigns[w // 512] for w in words]
    sc = [nibble for b in scales for nibble in (b & 15, b >> 4)]
    quants.IQ2_XS.init_grid()
    points = quants.IQ2_XS.grid.reshape(512, 8)
    codes = [int(points[g][j]) * (-1 if s >> j & 1 else 1) for g, s in zip(grid, signs) for j in range(8)]
    return [("field", "d", 0, block[:2].hex()), ("number", "d", np.frombuffer(block[:2], "<f2")[0]),
            ("field", "qs", 2, block[2:66].hex()), ("number", "qs", *words), ("field", "scales", 66, scales.hex()),
            ("list", "sc", *sc), ("list", "grid", *grid), ("list", "signs", *signs), ("codes", "q", *codes)]


READERS = {"Q4_K": read_q4_k, "Q6_K": read_q6_k, "IQ2_XS": read_iq2_xs}


def reading(name: str, block: bytes) -> str:
    """One block in lines of words, read by the functions above: what describe_block() must say."""
    def word(x) -> str:
        return repr(float(x)) if isinstance(x, np.floating) else str(x)
    return "".join(" ".join(word(x) for x in line) + "\n" for line in READERS[name](block))


def numbers_to_encode(rng) -> np.ndarray:
    """Rows of 32: ordinary, constant, zero, with ties, huge, tiny, subnormal, with infinities."""
    rows = [rng.standard_normal((8, 32)) * scale for scale in (1, 1e-3, 1e4, 3e-6, 1e30, 1e-30, 1e-38, 3e-40, 2e-44)]
    ramp = np.arange(32, dtype=np.float64)
    rows += [np.zeros((1, 32)), -np.zeros((1, 32)), np.full((1, 32), 0.7), np.full((1, 32), -3.0)]
    rows += [[(ramp - 16) / 2], [(ramp - 8) / 2], [ramp / 4 - 8], [(ramp - 16) * 8.5], [ramp - 127], [127 - ramp]]
    rows += [[(ramp - 16) * 2.0**-149], [ramp * 2.0**-149], [(ramp - 16) * 2.0**-141], [np.where(ramp == 3, -4.0, 4.0)]]
    rows += [[np.where(ramp % 2, 3.4e38, -3.4e38)], [np.full(32, 3.4e38)], [np.where(ramp == 5, 1e-45, 0)]]
    rows += [[np.where(ramp == 7, np.inf, ramp)], [np.where(ramp == 7, -np.inf, ramp)]]
    rows += [[np.where(ramp % 2, np.inf, -np.inf)], [65504 + ramp], [65519.99 + ramp / 1000]]
    rows += [[2.0**-24 * (ramp / 4)], [1 + ramp * 2.0**-12], [1 + ramp * 2.0**-9]]
    rows += [[np.where(ramp == 31, 127, ramp - 15.5)]]  # Q8_0: scale 1, so every code is a tie
    with np.errstate(all="ignore"):
        return np.concatenate([np.reshape(r, (-1, 32)) for r in rows]).astype(np.float32).reshape(-1)


def main() -> None:
    ggml = Ggml(sys.argv[1])
    rng = np.random.default_rng(20240601)
    for name in SIZES:
        blocks = blocks_of(rng, name)
        (HERE / f"{name.lower()}.blocks").write_bytes(blocks.tobytes())
        (HERE / f"{name.lower()}.values").write_bytes(oracle(ggml, name, blocks).astype("<f4").tobytes())
        (HERE / f"{name.lower()}.swapped").write_bytes(swapped(name, blocks[:4]).tobytes())
        if name in READERS:
            (HERE / f"{name.lower()}.reading").write_text(reading(name, blocks[1].tobytes()))
    numbers = numbers_to_encode(rng)
    (HERE / "encode.values").write_bytes(numbers.astype("<f4").tobytes())
    for name in ENCODED:
        (HERE / f"encode.{name.lower()}.blocks").write_bytes(ggml.encode(name, numbers).tobytes())


if __name__ == "__main__":
    main()
