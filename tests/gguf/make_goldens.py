#!/usr/bin/env python3
"""Writes the golden files of tests/gguf/data with gguf-py; see README.md for the versions.

Usage: make_goldens.py OUTPUT_FOLDER
"""

import argparse
import builtins
import struct
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from gguf import GGMLQuantizationType, GGUFEndian, GGUFReader, GGUFValueType, GGUFWriter
from gguf.scripts import gguf_convert_endian


def add_every_type(writer: GGUFWriter) -> None:
    """One key of each metadata type, at the edges of its range, and arrays of each."""
    t = GGUFValueType
    scalars = [
        ("u8", 255, t.UINT8), ("i8", -128, t.INT8), ("u16", 65535, t.UINT16), ("i16", -32768, t.INT16),
        ("u32", 2**32 - 1, t.UINT32), ("i32", -(2**31), t.INT32), ("f32", 0.1, t.FLOAT32), ("bool", True, t.BOOL),
        ("string", "h\u00e9llo \u4e16\u754c \U0001f600", t.STRING), ("u64", 2**64 - 1, t.UINT64),
        ("i64", -(2**63), t.INT64), ("f64", 0.1, t.FLOAT64),
    ]
    for name, value, kind in scalars:
        writer.add_key_value(f"test.{name}", value, kind)
    arrays = [
        ("u8", [0, 1, 255], t.UINT8), ("i8", [0, -1, 127], t.INT8), ("u16", [1, 2, 65535], t.UINT16),
        ("i16", [-1, 258, 3], t.INT16), ("u32", [1, 2**31, 3], t.UINT32), ("i32", [-1, 2, 66051], t.INT32),
        ("f32", [0.5, -1.25, 3.0], t.FLOAT32), ("bool", [True, False, True], t.BOOL),
        ("string", ["", "a", "\u2581the"], t.STRING), ("u64", [1, 2**63, 3], t.UINT64),
        ("i64", [-1, 2, -3], t.INT64), ("f64", [0.5, 1e300, -0.0], t.FLOAT64),
    ]
    for name, values, kind in arrays:
        writer.add_key_value(f"test.array.{name}", values, t.ARRAY, sub_type=kind)
    writer.add_key_value("test.nested", [[1, 2], [3], [4, 5, 6]], t.ARRAY)
    writer.add_key_value("test.nested.deep", [[["x", "y"], ["z"]], [["w"]]], t.ARRAY)


def f16_blocks(scales: list[float], block_bytes: int) -> np.ndarray:
    """Blocks that start with an f16 scale, followed by counting bytes."""
    codes = [np.arange(block_bytes - 2, dtype=np.uint8) + 16 * i for i in range(len(scales))]
    blocks = [np.frombuffer(np.float16(s).tobytes(), np.uint8) for s in scales]
    return np.stack([np.concatenate(pair) for pair in zip(blocks, codes)])


def add_tensors(writer: GGUFWriter) -> None:
    writer.add_tensor("matrix.f32", np.arange(6, dtype=np.float32).reshape(2, 3) / 8)
    writer.add_tensor("vector.f16", np.array([1.0, -2.0, 0.5, 65504.0, 6e-8], dtype=np.float16))
    writer.add_tensor("blocks.q8_0", f16_blocks([1.0, -0.5], 34), raw_dtype=GGMLQuantizationType.Q8_0)
    writer.add_tensor("cube.f32", np.arange(24, dtype=np.float32).reshape(2, 3, 4))


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_metadata(folder: Path, name: str, order: GGUFEndian) -> None:
    writer = GGUFWriter(folder / name, "llama", endianess=order)
    add_every_type(writer)
    finish(writer)


def write_tensors(folder: Path, name: str, alignment: int) -> None:
    writer = GGUFWriter(folder / name, "llama")
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    add_tensors(writer)
    finish(writer)


def write_version_2(folder: Path) -> None:
    """Version 2 has the structure of version 3 and another number (ggml/docs/gguf.md, version history)."""
    data = bytearray((folder / "tensors.gguf").read_bytes())
    data[4:8] = struct.pack("<I", 2)
    (folder / "version2.gguf").write_bytes(data)


def write_big_endian(folder: Path) -> None:
    """gguf-py's own converter, which knows the fields of Q8_0 blocks; it asks before it changes a file."""
    path = folder / "tensors_big.gguf"
    path.write_bytes((folder / "tensors.gguf").read_bytes())
    with mock.patch.object(builtins, "input", return_value="YES"):
        gguf_convert_endian.convert_byteorder(GGUFReader(path, "r+"), argparse.Namespace(order="big", dry_run=False))


def write_split(folder: Path) -> None:
    writer = GGUFWriter(folder / "split.gguf", "llama", split_max_tensors=2)
    add_tensors(writer)
    finish(writer)


def write_header_only(folder: Path) -> None:
    """Ends with its last key, without padding, as vocabulary files do."""
    writer = GGUFWriter(folder / "vocabulary.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", "<0x0A>", "\u2581a", "\u00e9"])
    writer.add_token_scores([0.0, 0.0, 0.0, 0.0, -1.0, -2.5])
    writer.add_token_types([2, 3, 3, 6, 1, 1])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_metadata(folder, "metadata.gguf", GGUFEndian.LITTLE)
    write_metadata(folder, "metadata_big.gguf", GGUFEndian.BIG)
    write_tensors(folder, "tensors.gguf", 32)
    write_tensors(folder, "aligned64.gguf", 64)
    write_version_2(folder)
    write_big_endian(folder)
    write_split(folder)
    write_header_only(folder)


main()
